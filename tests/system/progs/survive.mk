# SPDX-License-Identifier: BSD-3-Clause
# The program of the launcher component's tests: any user's MPI program, it knows nothing of FT.
if !SANITIZERS
noinst_PROGRAMS += tests/system/progs/survive_app tests/system/progs/pmix_alloc
endif
# Without the layer, but for the fault of Open MPI that would end a sender now and then.
tests_system_progs_survive_app_SOURCES = tests/system/progs/survive_app.c \
    mpi-ext/late_error.c mpi-ext/next.c mpi-ext/next.h
tests_system_progs_survive_app_CPPFLAGS = $(MPI_CFLAGS) $(PMIX_CFLAGS)
tests_system_progs_survive_app_LDADD = $(MPI_LIBS) $(PMIX_LIBS)
# Compiled by the test that preloads them.
EXTRA_DIST += tests/system/progs/broken_write.c tests/system/progs/late_pid.c

# Any user's PMIx program.
tests_system_progs_pmix_alloc_SOURCES = tests/system/progs/pmix_alloc.c
tests_system_progs_pmix_alloc_CPPFLAGS = $(PMIX_CFLAGS)
tests_system_progs_pmix_alloc_LDADD = $(PMIX_LIBS)
