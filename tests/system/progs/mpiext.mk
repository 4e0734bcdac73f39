# SPDX-License-Identifier: BSD-3-Clause
# Programs that the tests of the MPI layer run, as any user's: they know nothing of FT.
if !SANITIZERS
noinst_PROGRAMS += \
    tests/system/progs/mpiext_entry \
    tests/system/progs/mpiext_errors \
    tests/system/progs/mpiext_finalize
endif
tests_system_progs_mpiext_entry_SOURCES = tests/system/progs/mpiext_entry.c
tests_system_progs_mpiext_entry_CPPFLAGS = $(MPI_CFLAGS)
tests_system_progs_mpiext_entry_LDADD = $(MPI_LIBS) -lmpi_mpifh
tests_system_progs_mpiext_errors_SOURCES = tests/system/progs/mpiext_errors.c
tests_system_progs_mpiext_errors_CPPFLAGS = $(MPI_CFLAGS)
tests_system_progs_mpiext_errors_LDADD = $(MPI_LIBS)
tests_system_progs_mpiext_finalize_SOURCES = tests/system/progs/mpiext_finalize.c
tests_system_progs_mpiext_finalize_CPPFLAGS = $(MPI_CFLAGS)
tests_system_progs_mpiext_finalize_LDADD = $(MPI_LIBS)

# A random program; the same seed makes the same one.
if !SANITIZERS
noinst_PROGRAMS += tests/system/progs/random_mpi tests/system/progs/wrap_errors \
    tests/system/progs/wrap_ring
endif
tests_system_progs_wrap_errors_SOURCES = tests/system/progs/wrap_errors.c
tests_system_progs_wrap_errors_CPPFLAGS = $(MPI_CFLAGS)
tests_system_progs_wrap_errors_LDADD = $(MPI_LIBS)
tests_system_progs_wrap_ring_SOURCES = tests/system/progs/wrap_ring.c
tests_system_progs_wrap_ring_CPPFLAGS = $(MPI_CFLAGS)
tests_system_progs_wrap_ring_LDADD = $(MPI_LIBS)
# Compiled by the test that uses them.
EXTRA_DIST += tests/system/progs/half_barrier.c tests/system/progs/late_news.c tests/system/progs/wrap_tool.c tests/system/progs/wrap_fortran.F90
tests_system_progs_random_mpi_SOURCES = tests/system/progs/random_mpi.c \
    tests/system/progs/random_mpi.h tests/system/progs/random_messages.c \
    tests/system/progs/random_collectives.c tests/system/progs/random_comms.c
tests_system_progs_random_mpi_CPPFLAGS = $(MPI_CFLAGS)
tests_system_progs_random_mpi_LDADD = $(MPI_LIBS)
