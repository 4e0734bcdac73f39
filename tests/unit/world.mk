# SPDX-License-Identifier: BSD-3-Clause
# The virtual world without MPI: which process is which rank, what a lost one has left. MPI_COMM_NULL
# is an object of the library's.
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_world
tests_unit_test_world_SOURCES = tests/unit/test_world.c mpi-ext/layer/inbox.c mpi-ext/layer/table.c
tests_unit_test_world_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/mpi-ext $(MPI_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_world_CFLAGS = $(AM_CFLAGS) -pthread
tests_unit_test_world_LDADD = $(MPI_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_birth
tests_unit_test_birth_SOURCES = tests/unit/test_birth.c mpi-ext/layer/birth.c \
    mpi-ext/layer/rebuild_progress.c
tests_unit_test_birth_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/mpi-ext $(CHECK_CFLAGS)
tests_unit_test_birth_CFLAGS = $(AM_CFLAGS) -pthread
tests_unit_test_birth_LDADD = $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_records tests/unit/test_repair_plan
tests_unit_test_records_SOURCES = tests/unit/test_records.c mpi-ext/layer/records.c
tests_unit_test_records_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/mpi-ext $(MPI_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_records_CFLAGS = $(AM_CFLAGS) -pthread
tests_unit_test_records_LDADD = $(MPI_LIBS) $(CHECK_LIBS)
tests_unit_test_repair_plan_SOURCES = tests/unit/test_repair_plan.c mpi-ext/layer/repair_plan.c
tests_unit_test_repair_plan_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/mpi-ext $(MPI_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_repair_plan_CFLAGS = $(AM_CFLAGS) -pthread
tests_unit_test_repair_plan_LDADD = $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_standstill
tests_unit_test_standstill_SOURCES = tests/unit/test_standstill.c mpi-ext/layer/standstill.c
tests_unit_test_standstill_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/mpi-ext $(CHECK_CFLAGS)
tests_unit_test_standstill_CFLAGS = $(AM_CFLAGS) -pthread
tests_unit_test_standstill_LDADD = $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_headcount
tests_unit_test_headcount_SOURCES = tests/unit/test_headcount.c mpi-ext/layer/headcount.c \
    mpi-ext/layer/gone.c mpi-ext/layer/notice.c
tests_unit_test_headcount_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/mpi-ext $(MPI_CFLAGS) \
    $(PMIX_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_headcount_CFLAGS = $(AM_CFLAGS) -pthread
tests_unit_test_headcount_LDADD = $(MPI_LIBS) $(PMIX_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_notice
tests_unit_test_notice_SOURCES = tests/unit/test_notice.c mpi-ext/layer/notice.c
tests_unit_test_notice_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/mpi-ext $(MPI_CFLAGS) \
    $(PMIX_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_notice_CFLAGS = $(AM_CFLAGS) -pthread
tests_unit_test_notice_LDADD = $(PMIX_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_slots
tests_unit_test_slots_SOURCES = tests/unit/test_slots.c mpi-ext/layer/slots.c
tests_unit_test_slots_CPPFLAGS = $(ftm_cppflags) -DOMPI_OMIT_MPI1_COMPAT_DECLS=0 $(CHECK_CFLAGS)
tests_unit_test_slots_CFLAGS = $(AM_CFLAGS) -pthread
tests_unit_test_slots_LDADD = $(MPI_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_loop
tests_unit_test_loop_SOURCES = tests/unit/test_loop.c mpi-ext/layer/loop.c
tests_unit_test_loop_CPPFLAGS = $(ftm_cppflags) -DOMPI_OMIT_MPI1_COMPAT_DECLS=0 $(CHECK_CFLAGS)
tests_unit_test_loop_CFLAGS = $(AM_CFLAGS) -pthread
tests_unit_test_loop_LDADD = $(MPI_LIBS) $(CHECK_LIBS)
endif
