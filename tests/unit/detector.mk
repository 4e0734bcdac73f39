# SPDX-License-Identifier: BSD-3-Clause
# The detector, the pulse and the network between them, with faults planted.
check_PROGRAMS += tests/sim/sim_detector
tests_sim_sim_detector_SOURCES = src/core/detector.c src/core/inventory.c src/core/places.c \
    src/core/pulse.c src/core/stock.c src/core/timers.c src/core/trial.c \
    tests/sim/beats_rules.c tests/sim/beats_world.c tests/sim/beats_world.h \
    tests/sim/harness.c tests/sim/harness.h tests/sim/sim_detector.c
tests_sim_sim_detector_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) -I$(srcdir)/tests/sim \
    -DFT_PLANT_BUGS
tests_sim_sim_detector_LDADD = src/wire/libftwire.la src/common/libftcommon.la

if HAVE_CHECK
check_PROGRAMS += tests/unit/test_detector tests/unit/test_beats
tests_unit_test_detector_SOURCES = tests/unit/test_detector.c
tests_unit_test_detector_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_detector_LDADD = src/core/libftcore.la src/wire/libftwire.la \
    src/common/libftcommon.la $(CHECK_LIBS)
# Both ends of the heartbeats in one program.
tests_unit_test_beats_SOURCES = tests/unit/test_beats.c src/noded/heart.c src/centrald/watch.c
tests_unit_test_beats_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(UV_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_beats_LDADD = src/core/libftcore.la src/net/libftnet.la src/wire/libftwire.la \
    src/common/libftcommon.la $(UV_LIBS) $(PROTOBUFC_LIBS) $(CHECK_LIBS)
endif
