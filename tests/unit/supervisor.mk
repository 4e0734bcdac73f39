# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += tests/sim/sim_supervisor
tests_sim_sim_supervisor_SOURCES = tests/sim/sim_supervisor.c \
    tests/sim/harness.c tests/sim/harness.h src/core/supervisor.c \
    src/core/plan.c
tests_sim_sim_supervisor_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) -DFT_PLANT_BUGS
tests_sim_sim_supervisor_LDADD = src/common/libftcommon.la

# What the modules of the tests are.
noinst_PROGRAMS += tests/unit/module_prog
tests_unit_module_prog_SOURCES = tests/unit/module_prog.c

if HAVE_CHECK
check_PROGRAMS += tests/unit/test_modules tests/unit/test_keeper
tests_unit_test_modules_SOURCES = tests/unit/test_modules.c
tests_unit_test_modules_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(UV_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_modules_LDADD = src/noded/libftnoded.la $(UV_LIBS) $(PROTOBUFC_LIBS) $(CHECK_LIBS)

tests_unit_test_keeper_SOURCES = tests/unit/test_keeper.c $(keeper_sources)
tests_unit_test_keeper_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_keeper_LDADD = src/keeper/libfttalk.la $(CHECK_LIBS)
endif
