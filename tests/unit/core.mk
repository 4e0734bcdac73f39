# SPDX-License-Identifier: BSD-3-Clause
# The simulation has a core of its own, in which faults can be planted (see src/core/planted.h).
check_PROGRAMS += tests/sim/sim_core
tests_sim_sim_core_SOURCES = $(core_sources) \
    tests/sim/main.c tests/sim/rules.c tests/sim/world.c tests/sim/world.h
tests_sim_sim_core_CPPFLAGS = $(AM_CPPFLAGS) -DFT_PLANT_BUGS
tests_sim_sim_core_LDADD = src/common/libftcommon.la

if HAVE_CHECK
core_stage = tests/unit/core_stage.c tests/unit/core_stage.h
core_test_cppflags = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
core_test_ldadd = src/core/libftcore.la src/common/libftcommon.la $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_core tests/unit/test_core_memory tests/unit/test_core_parts
tests_unit_test_core_SOURCES = tests/unit/test_core.c $(core_stage)
tests_unit_test_core_CPPFLAGS = $(core_test_cppflags)
tests_unit_test_core_LDADD = $(core_test_ldadd)
# Its core calls the allocating functions by names of its own, so that they can fail.
tests_unit_test_core_memory_SOURCES = tests/unit/test_core_memory.c $(core_stage) $(core_sources)
tests_unit_test_core_memory_CPPFLAGS = $(core_test_cppflags) -Dmalloc=failing_malloc \
    -Dcalloc=failing_calloc -Drealloc=failing_realloc -Dstrdup=failing_strdup \
    -Dstrndup=failing_strndup
tests_unit_test_core_memory_LDADD = src/common/libftcommon.la $(CHECK_LIBS)
tests_unit_test_core_parts_SOURCES = tests/unit/test_core_parts.c
tests_unit_test_core_parts_CPPFLAGS = $(core_test_cppflags)
tests_unit_test_core_parts_LDADD = $(core_test_ldadd)
endif
