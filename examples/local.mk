# SPDX-License-Identifier: BSD-3-Clause
# The examples are built, tested, and installed for people to try and the virtual nodes to run.
examplesdir = $(pkglibexecdir)/examples
examples_PROGRAMS =
dist_examples_SCRIPTS = examples/pubsub-verify examples/pubsub.py examples/jacobi.py

if !SANITIZERS
examples_PROGRAMS += examples/pubsub examples/keep_workers examples/jacobi
if HAVE_FORTRAN
examples_PROGRAMS += examples/pubsub_f08 examples/jacobi_f08
endif
endif
examples_pubsub_SOURCES = examples/pubsub.c examples/pubsub.h examples/pubsub_records.c \
    examples/pubsub_subscriber.c
examples_pubsub_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
examples_pubsub_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)

# VeloC's words over FTMPI_Keep.
examples_keep_workers_SOURCES = examples/keep_workers.c examples/veloc_names.h
examples_keep_workers_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
examples_keep_workers_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)

examples_jacobi_SOURCES = examples/jacobi.c
examples_jacobi_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
examples_jacobi_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS) -lm

examples_pubsub_f08_SOURCES = examples/pubsub_f08.f90
examples_pubsub_f08_FCFLAGS = $(AM_FCFLAGS) $(MPI_FCFLAGS) $(FC_MODINC)fortran
examples_pubsub_f08_LDADD = fortran/libftmpi_f08.la mpi-ext/libftmpi.la libft.la $(MPI_FCLIBS)
pubsub_f08_object = examples/pubsub_f08-pubsub_f08.$(OBJEXT)
$(pubsub_f08_object): $(ftmpi_module)

examples_jacobi_f08_SOURCES = examples/jacobi_f08.f90
examples_jacobi_f08_FCFLAGS = $(AM_FCFLAGS) $(MPI_FCFLAGS) $(FC_MODINC)fortran $(FC_MODOUT)examples
examples_jacobi_f08_LDADD = fortran/libftmpi_f08.la mpi-ext/libftmpi.la libft.la $(MPI_FCLIBS)
jacobi_f08_object = examples/jacobi_f08-jacobi_f08.$(OBJEXT)
$(jacobi_f08_object): $(ftmpi_module)
CLEANFILES += examples/jacobi.mod
