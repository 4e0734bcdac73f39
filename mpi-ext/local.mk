# SPDX-License-Identifier: BSD-3-Clause
# libftmpi.so, loaded into every process of a job, and its other half, loaded by those that call
# MPI_Init. A sanitizer's runtime has to come first in a process, which is not ours: left out there.
pkglib_LTLIBRARIES =

if !SANITIZERS
lib_LTLIBRARIES += mpi-ext/libftmpi.la
pkglib_LTLIBRARIES += mpi-ext/ftmpi_layer.la
endif

mpi_ext_libftmpi_la_SOURCES = \
    mpi-ext/late_error.c \
    mpi-ext/next.c mpi-ext/next.h \
    mpi-ext/preload.c mpi-ext/hooks.h
mpi_ext_libftmpi_la_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS) $(PMIX_CFLAGS)
mpi_ext_libftmpi_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0

mpi_ext_ftmpi_layer_la_SOURCES = \
    mpi-ext/layer/bounded.c mpi-ext/layer/bounded.h \
    mpi-ext/layer/comms.c mpi-ext/layer/comms.h \
    mpi-ext/layer/events.c mpi-ext/layer/events.h \
    mpi-ext/layer/failing.c mpi-ext/layer/failing.h \
    mpi-ext/layer/gone.c mpi-ext/layer/gone.h \
    mpi-ext/layer/init.c \
    mpi-ext/layer/links.c mpi-ext/layer/links.h \
    mpi-ext/layer/reach.c mpi-ext/layer/reach.h \
    mpi-ext/layer/runtime.c mpi-ext/layer/runtime.h \
    mpi-ext/layer/standin.c mpi-ext/layer/standin.h \
    mpi-ext/layer/who.c mpi-ext/layer/who.h
mpi_ext_ftmpi_layer_la_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS) $(PMIX_CFLAGS)
mpi_ext_ftmpi_layer_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared
mpi_ext_ftmpi_layer_la_LIBADD = libft.la $(MPI_LIBS) $(PMIX_LIBS)
