# SPDX-License-Identifier: BSD-3-Clause
# The simulation has a core of its own, in which faults can be planted (see src/core/planted.h).
check_PROGRAMS += tests/sim/sim_core
tests_sim_sim_core_SOURCES = $(core_sources) \
    tests/sim/main.c tests/sim/rules.c tests/sim/world.c tests/sim/world.h
tests_sim_sim_core_CPPFLAGS = $(AM_CPPFLAGS) -DFT_PLANT_BUGS
tests_sim_sim_core_LDADD = src/common/libftcommon.la
