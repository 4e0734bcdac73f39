# SPDX-License-Identifier: BSD-3-Clause
# The parts of the MPI layer that need no MPI; the rest is tested by tests/system/t02*.
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_mpiext
tests_unit_test_mpiext_SOURCES = tests/unit/test_mpiext.c mpi-ext/layer/failing.c \
    mpi-ext/layer/gone.c mpi-ext/layer/gone.h mpi-ext/layer/who.c mpi-ext/layer/who.h
tests_unit_test_mpiext_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/mpi-ext $(MPI_CFLAGS) \
    $(PMIX_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_mpiext_CFLAGS = $(AM_CFLAGS) -pthread
tests_unit_test_mpiext_LDADD = $(PMIX_LIBS) $(CHECK_LIBS)
endif
TESTS += tests/unit/test_generate.sh
EXTRA_DIST += tests/unit/test_generate.sh
