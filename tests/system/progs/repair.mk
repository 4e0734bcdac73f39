# SPDX-License-Identifier: BSD-3-Clause
# The program of the tests of repair.
if !SANITIZERS
noinst_PROGRAMS += tests/system/progs/repair_app
endif
tests_system_progs_repair_app_SOURCES = tests/system/progs/repair_app.c
tests_system_progs_repair_app_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_system_progs_repair_app_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_repair_app_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)

# Communicators of every kind.
if !SANITIZERS
noinst_PROGRAMS += tests/system/progs/repair_comms
endif
tests_system_progs_repair_comms_SOURCES = tests/system/progs/repair_comms.c
tests_system_progs_repair_comms_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_system_progs_repair_comms_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_repair_comms_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)

# Ranks lost in the middle of calls that make communicators.
if !SANITIZERS
noinst_PROGRAMS += tests/system/progs/cut_short
endif
tests_system_progs_cut_short_SOURCES = tests/system/progs/cut_short.c
tests_system_progs_cut_short_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_system_progs_cut_short_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_cut_short_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)

# Several threads in MPI calls, in both modes.
if !SANITIZERS
noinst_PROGRAMS += tests/system/progs/threads_app
endif
tests_system_progs_threads_app_SOURCES = tests/system/progs/threads_app.c
tests_system_progs_threads_app_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_system_progs_threads_app_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_threads_app_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)
