# SPDX-License-Identifier: BSD-3-Clause
# The detector, the pulse and the network between them, with faults planted.
check_PROGRAMS += tests/sim/sim_detector
tests_sim_sim_detector_SOURCES = src/core/detector.c src/core/inventory.c src/core/places.c \
    src/core/pulse.c src/core/timers.c src/core/trial.c \
    tests/sim/beats_rules.c tests/sim/beats_world.c tests/sim/beats_world.h \
    tests/sim/sim_detector.c
tests_sim_sim_detector_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) -I$(srcdir)/tests/sim \
    -DFT_PLANT_BUGS
tests_sim_sim_detector_LDADD = src/wire/libftwire.la src/common/libftcommon.la
