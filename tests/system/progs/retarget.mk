# SPDX-License-Identifier: BSD-3-Clause
# Programs of retarget's tests. Publishers and subscribers: plain MPI.
if !SANITIZERS
noinst_PROGRAMS += tests/system/progs/retarget_app tests/system/progs/reach_rank \
    tests/system/progs/reach_late
endif
tests_system_progs_retarget_app_SOURCES = tests/system/progs/retarget_app.c
tests_system_progs_retarget_app_CPPFLAGS = $(MPI_CFLAGS)
tests_system_progs_retarget_app_LDADD = $(MPI_LIBS)
# One that asks for a lost rank's alternative itself.
tests_system_progs_reach_rank_SOURCES = tests/system/progs/reach_rank.c
tests_system_progs_reach_rank_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_system_progs_reach_rank_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_reach_rank_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)
# One that buffers messages.
if !SANITIZERS
noinst_PROGRAMS += tests/system/progs/bsend_app
endif
tests_system_progs_bsend_app_SOURCES = tests/system/progs/bsend_app.c
tests_system_progs_bsend_app_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_system_progs_bsend_app_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_bsend_app_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)
tests_system_progs_reach_late_SOURCES = tests/system/progs/reach_late.c
tests_system_progs_reach_late_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_system_progs_reach_late_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_reach_late_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)
