# SPDX-License-Identifier: BSD-3-Clause
sbin_PROGRAMS += src/centrald/ft-centrald
noinst_LTLIBRARIES += src/centrald/libftcentrald.la
src_centrald_libftcentrald_la_SOURCES = \
    src/centrald/clients.c src/centrald/clients.h \
    src/centrald/config.c src/centrald/config.h \
    src/centrald/events.c src/centrald/events.h \
    src/centrald/hello.c src/centrald/hello.h \
    src/centrald/lifeline.c src/centrald/lifeline.h \
    src/centrald/requests.c src/centrald/requests.h \
    src/centrald/server.c src/centrald/server.h \
    src/centrald/session.c src/centrald/session.h \
    src/centrald/starter.c src/centrald/starter.h \
    src/centrald/units.c src/centrald/units.h
src_centrald_libftcentrald_la_CPPFLAGS = $(AM_CPPFLAGS) -DFT_VERSION='"$(VERSION)"' \
    -DFT_SYSCONFDIR='"$(sysconfdir)"' $(UV_CFLAGS) $(PROTOBUFC_CFLAGS) $(CONFUSE_CFLAGS) $(YYJSON_CFLAGS)
src_centrald_libftcentrald_la_LIBADD = src/rms/libftrms.la src/cms/libftcms.la \
    src/core/libftcore.la src/topology/libfttopology.la src/net/libftnet.la src/wire/libftwire.la \
    src/common/libftcommon.la $(CONFUSE_LIBS) $(YYJSON_LIBS) $(UV_LIBS) $(PROTOBUFC_LIBS) -lm

src_centrald_ft_centrald_SOURCES = src/centrald/main.c
src_centrald_ft_centrald_CPPFLAGS = $(src_centrald_libftcentrald_la_CPPFLAGS)
src_centrald_ft_centrald_LDADD = src/centrald/libftcentrald.la
