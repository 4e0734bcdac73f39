# SPDX-License-Identifier: BSD-3-Clause
# What the tests of modes and losses (t075*) run, in three languages.
matrix_record = tests/system/progs/matrix_record.c tests/system/progs/matrix_record.h
EXTRA_DIST += tests/system/progs/matrix.py
if !SANITIZERS
noinst_PROGRAMS += tests/system/progs/matrix_publish tests/system/progs/matrix_ulfm \
    tests/system/progs/matrix_solve tests/system/progs/plain_app tests/system/progs/plain_ends \
    tests/system/progs/ulfm_again
if HAVE_FORTRAN
noinst_PROGRAMS += tests/system/progs/matrix_f08
endif
endif
tests_system_progs_matrix_publish_SOURCES = tests/system/progs/matrix_publish.c $(matrix_record)
tests_system_progs_matrix_publish_CPPFLAGS = $(MPI_CFLAGS)
tests_system_progs_matrix_publish_LDADD = $(MPI_LIBS)
tests_system_progs_matrix_ulfm_SOURCES = tests/system/progs/matrix_ulfm.c $(matrix_record)
tests_system_progs_matrix_ulfm_CPPFLAGS = $(MPI_CFLAGS)
tests_system_progs_matrix_ulfm_LDADD = $(MPI_LIBS)
tests_system_progs_ulfm_again_SOURCES = tests/system/progs/ulfm_again.c
tests_system_progs_ulfm_again_CPPFLAGS = $(MPI_CFLAGS)
tests_system_progs_ulfm_again_LDADD = $(MPI_LIBS)
tests_system_progs_matrix_solve_SOURCES = tests/system/progs/matrix_solve.c $(matrix_record)
tests_system_progs_matrix_solve_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
# A program, not a libtool script: the nodes see the build tree read-only.
tests_system_progs_matrix_solve_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_matrix_solve_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)
tests_system_progs_plain_app_SOURCES = tests/system/progs/plain_app.c
tests_system_progs_plain_app_CPPFLAGS = $(MPI_CFLAGS)
tests_system_progs_plain_app_LDADD = $(MPI_LIBS) -lm
tests_system_progs_plain_ends_SOURCES = tests/system/progs/plain_ends.c
tests_system_progs_plain_ends_CPPFLAGS = $(MPI_CFLAGS)
tests_system_progs_plain_ends_LDADD = $(MPI_LIBS)

tests_system_progs_matrix_f08_SOURCES = tests/system/progs/matrix_f08.f90
tests_system_progs_matrix_f08_FCFLAGS = $(AM_FCFLAGS) $(MPI_FCFLAGS) $(FC_MODINC)fortran \
    $(FC_MODOUT)tests/system/progs
tests_system_progs_matrix_f08_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_matrix_f08_LDADD = fortran/libftmpi_f08.la mpi-ext/libftmpi.la libft.la $(MPI_FCLIBS)
matrix_f08_object = tests/system/progs/matrix_f08-matrix_f08.$(OBJEXT)
$(matrix_f08_object): $(ftmpi_module)
CLEANFILES += tests/system/progs/matrix_record.mod tests/system/progs/matrix_publish.mod \
    tests/system/progs/matrix_ulfm.mod tests/system/progs/matrix_solve.mod
