# SPDX-License-Identifier: BSD-3-Clause
EXTRA_DIST += \
    tests/data/topology/README \
    tests/data/topology/gpu.xml \
    tests/data/topology/small.xml \
    tests/data/topology/two-packages-big-l3.xml \
    tests/data/topology/two-packages.xml \
    tests/data/topology/vm-twin.xml \
    tests/data/topology/vm.xml
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_topology
tests_unit_test_topology_SOURCES = tests/unit/test_topology.c
tests_unit_test_topology_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_topology_LDADD = src/topology/libfttopology.la src/common/libftcommon.la $(CHECK_LIBS)
endif
