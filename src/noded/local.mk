# SPDX-License-Identifier: BSD-3-Clause
# All but main() is a library, for the unit tests.
noinst_LTLIBRARIES += src/noded/libftnoded.la
src_noded_libftnoded_la_SOURCES = \
    src/noded/boot.c src/noded/boot.h \
    src/noded/child.c src/noded/child.h \
    src/noded/clients.c src/noded/clients.h \
    src/noded/collect.c src/noded/collect.h \
    src/noded/conf.c src/noded/conf.h \
    src/noded/discovery.c src/noded/discovery.h \
    src/noded/folder.c src/noded/folder.h \
    src/noded/heart.c src/noded/heart.h \
    src/noded/keeper.c src/noded/keeper.h \
    src/noded/measure.c src/noded/measure.h \
    src/noded/memory.c src/noded/memory.h \
    src/noded/module.c src/noded/module.h \
    src/noded/modules.c src/noded/modules.h \
    src/noded/options.c src/noded/options.h \
    src/noded/orders.c src/noded/orders.h \
    src/noded/probe.c src/noded/probe.h \
    src/noded/program.c src/noded/program.h \
    src/noded/ranks.c src/noded/ranks.h \
    src/noded/redeploy.c src/noded/redeploy.h \
    src/noded/relay.c src/noded/relay.h \
    src/noded/reports.c src/noded/reports.h \
    src/noded/show.c src/noded/show.h \
    src/noded/spec.c src/noded/spec.h \
    src/noded/unit.c src/noded/unit.h \
    src/noded/uplink.c src/noded/uplink.h \
    src/noded/vitals.c src/noded/vitals.h
noded_cppflags = $(AM_CPPFLAGS) $(UV_CFLAGS) $(PROTOBUFC_CFLAGS) $(CONFUSE_CFLAGS) \
    -DFT_SYSCONFDIR='"$(sysconfdir)"' -DFT_VERSION='"$(VERSION)"' \
    -DFT_PKGLIBEXECDIR='"$(pkglibexecdir)"' -DFT_SBINDIR='"$(sbindir)"'
src_noded_libftnoded_la_CPPFLAGS = $(noded_cppflags)
src_noded_libftnoded_la_LIBADD = \
    src/core/libftcore.la src/keeper/libfttalk.la src/net/libftnet.la src/wire/libftwire.la \
    src/topology/libfttopology.la \
    src/common/libftcommon.la $(CONFUSE_LIBS) $(UV_LIBS) $(SENSORS_LIBS) -lm

sbin_PROGRAMS += src/noded/ft-noded
src_noded_ft_noded_SOURCES = src/noded/main.c
src_noded_ft_noded_CPPFLAGS = $(noded_cppflags)
src_noded_ft_noded_LDADD = src/noded/libftnoded.la
