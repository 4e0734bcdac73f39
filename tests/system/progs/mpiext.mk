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
