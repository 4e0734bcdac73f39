# SPDX-License-Identifier: BSD-3-Clause
# The simulation has a core of its own, in which faults can be planted (see src/core/planted.h).
check_PROGRAMS += tests/sim/sim_core
tests_sim_sim_core_SOURCES = $(core_sources) \
    tests/sim/harness.c tests/sim/harness.h tests/sim/rules.c tests/sim/sim_core.c \
    tests/sim/takeover.c tests/sim/world.c tests/sim/world.h
tests_sim_sim_core_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) -DFT_PLANT_BUGS
tests_sim_sim_core_LDADD = src/wire/libftwire.la src/common/libftcommon.la

# The fleet alone: modules, their nodes and leaders.
check_PROGRAMS += tests/sim/sim_fleet
fleet_sources = src/core/berths.c src/core/fleet.c src/core/fleet_keep.c \
    src/core/fleet_people.c src/core/fleet_said.c src/core/fleet_table.c \
    src/core/inventory.c src/core/module_spec.c src/core/placement.c \
    src/core/plan.c src/core/reconcile.c src/core/stock.c src/core/timers.c
tests_sim_sim_fleet_SOURCES = $(fleet_sources) \
    tests/sim/fleet_leader.c tests/sim/fleet_plans.c tests/sim/fleet_rules.c \
    tests/sim/fleet_unit.c tests/sim/fleet_world.c tests/sim/fleet_world.h tests/sim/sim_fleet.c \
    tests/sim/harness.c tests/sim/harness.h
tests_sim_sim_fleet_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) -I$(srcdir)/tests/sim \
    -DFT_PLANT_BUGS
tests_sim_sim_fleet_LDADD = src/wire/libftwire.la src/common/libftcommon.la

if HAVE_CHECK
core_stage = tests/unit/core_stage.c tests/unit/core_stage.h
core_test_cppflags = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(CHECK_CFLAGS)
core_test_ldadd = src/core/libftcore.la src/wire/libftwire.la src/common/libftcommon.la \
    $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_core tests/unit/test_core_memory tests/unit/test_core_parts
tests_unit_test_core_SOURCES = tests/unit/test_core.c $(core_stage)
tests_unit_test_core_CPPFLAGS = $(core_test_cppflags)
tests_unit_test_core_LDADD = $(core_test_ldadd)
# Its core calls the allocating functions by names of its own, so that they can fail.
tests_unit_test_core_memory_SOURCES = tests/unit/test_core_memory.c $(core_stage) $(core_sources)
tests_unit_test_core_memory_CPPFLAGS = $(core_test_cppflags) -Dmalloc=failing_malloc \
    -Dcalloc=failing_calloc -Drealloc=failing_realloc -Dstrdup=failing_strdup \
    -Dstrndup=failing_strndup
tests_unit_test_core_memory_LDADD = src/wire/libftwire.la src/common/libftcommon.la $(CHECK_LIBS)
tests_unit_test_core_parts_SOURCES = tests/unit/test_core_parts.c
tests_unit_test_core_parts_CPPFLAGS = $(core_test_cppflags)
tests_unit_test_core_parts_LDADD = $(core_test_ldadd)
check_PROGRAMS += tests/unit/test_readings
tests_unit_test_readings_SOURCES = tests/unit/test_readings.c
tests_unit_test_readings_CPPFLAGS = $(core_test_cppflags)
tests_unit_test_readings_LDADD = $(core_test_ldadd) -lm
check_PROGRAMS += tests/unit/test_core_health
tests_unit_test_core_health_SOURCES = tests/unit/test_core_health.c $(core_stage)
tests_unit_test_core_health_CPPFLAGS = $(core_test_cppflags)
tests_unit_test_core_health_LDADD = $(core_test_ldadd)
check_PROGRAMS += tests/unit/test_core_spares
tests_unit_test_core_spares_SOURCES = tests/unit/test_core_spares.c $(core_stage)
tests_unit_test_core_spares_CPPFLAGS = $(core_test_cppflags)
tests_unit_test_core_spares_LDADD = $(core_test_ldadd)
check_PROGRAMS += tests/unit/test_core_suspect
tests_unit_test_core_suspect_SOURCES = tests/unit/test_core_suspect.c $(core_stage)
tests_unit_test_core_suspect_CPPFLAGS = $(core_test_cppflags)
tests_unit_test_core_suspect_LDADD = $(core_test_ldadd)
check_PROGRAMS += tests/unit/test_core_grant
tests_unit_test_core_grant_SOURCES = tests/unit/test_core_grant.c $(core_stage)
tests_unit_test_core_grant_CPPFLAGS = $(core_test_cppflags)
tests_unit_test_core_grant_LDADD = $(core_test_ldadd)
check_PROGRAMS += tests/unit/test_core_policy
tests_unit_test_core_policy_SOURCES = tests/unit/test_core_policy.c $(core_stage)
tests_unit_test_core_policy_CPPFLAGS = $(core_test_cppflags)
tests_unit_test_core_policy_LDADD = $(core_test_ldadd)
check_PROGRAMS += tests/unit/test_redeploy
tests_unit_test_redeploy_SOURCES = tests/unit/test_redeploy.c
tests_unit_test_redeploy_CPPFLAGS = $(core_test_cppflags)
tests_unit_test_redeploy_LDADD = $(core_test_ldadd)
check_PROGRAMS += tests/unit/test_fleet tests/unit/test_placement
tests_unit_test_fleet_SOURCES = tests/unit/test_fleet.c
tests_unit_test_fleet_CPPFLAGS = $(core_test_cppflags)
tests_unit_test_fleet_LDADD = $(core_test_ldadd)
tests_unit_test_placement_SOURCES = tests/unit/test_placement.c
tests_unit_test_placement_CPPFLAGS = $(core_test_cppflags)
tests_unit_test_placement_LDADD = $(core_test_ldadd)
endif
