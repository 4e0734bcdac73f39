# SPDX-License-Identifier: BSD-3-Clause
# Programs that the tests of kept state and of the other languages run.
if !SANITIZERS
noinst_PROGRAMS += tests/system/progs/keep_app tests/system/progs/keep_common \
    tests/system/progs/keep_standin
endif
tests_system_progs_keep_app_SOURCES = tests/system/progs/keep_app.c
tests_system_progs_keep_app_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
# A program, not a libtool script: the nodes see the build tree read-only.
tests_system_progs_keep_app_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_keep_app_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)
tests_system_progs_keep_common_SOURCES = tests/system/progs/keep_common.c
tests_system_progs_keep_common_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_system_progs_keep_common_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_keep_common_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)
tests_system_progs_keep_standin_SOURCES = tests/system/progs/keep_standin.c
tests_system_progs_keep_standin_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_system_progs_keep_standin_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_keep_standin_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)

if HAVE_FORTRAN
if !SANITIZERS
noinst_PROGRAMS += tests/system/progs/keep_f08
endif
endif
tests_system_progs_keep_f08_SOURCES = tests/system/progs/keep_f08.f90
tests_system_progs_keep_f08_FCFLAGS = $(AM_FCFLAGS) $(MPI_FCFLAGS) $(FC_MODINC)fortran
tests_system_progs_keep_f08_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_keep_f08_LDADD = fortran/libftmpi_f08.la mpi-ext/libftmpi.la libft.la $(MPI_FCLIBS)
keep_f08_object = tests/system/progs/keep_f08-keep_f08.$(OBJEXT)
$(keep_f08_object): $(ftmpi_module)
EXTRA_DIST += tests/system/progs/errors.py tests/system/progs/keep.py tests/system/progs/keep_damage.py \
    tests/system/progs/repair.py tests/system/progs/repair_fortran.F90
# One with a mistake, for the sanitizers' test.
if !SANITIZERS
noinst_PROGRAMS += tests/system/progs/keep_overrun
endif
tests_system_progs_keep_overrun_SOURCES = tests/system/progs/keep_overrun.c
tests_system_progs_keep_overrun_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_system_progs_keep_overrun_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_keep_overrun_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)
# A rank that forks.
if !SANITIZERS
noinst_PROGRAMS += tests/system/progs/fork_app
endif
tests_system_progs_fork_app_SOURCES = tests/system/progs/fork_app.c
tests_system_progs_fork_app_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_system_progs_fork_app_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_fork_app_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)
