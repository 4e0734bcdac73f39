# SPDX-License-Identifier: BSD-3-Clause
noinst_LTLIBRARIES += src/topology/libfttopology.la
src_topology_libfttopology_la_SOURCES = \
    src/topology/compare.c src/topology/compare.h \
    src/topology/devices.c src/topology/internal.h \
    src/topology/kind.c \
    src/topology/topology.c src/topology/topology.h \
    src/topology/trial.c src/topology/trial.h \
    src/topology/xmlcheck.c src/topology/xmlcheck.h
src_topology_libfttopology_la_CPPFLAGS = $(AM_CPPFLAGS) $(HWLOC_CFLAGS)
src_topology_libfttopology_la_LIBADD = $(HWLOC_LIBS)
