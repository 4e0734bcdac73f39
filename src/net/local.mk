# SPDX-License-Identifier: BSD-3-Clause
noinst_LTLIBRARIES += src/net/libftnet.la
src_net_libftnet_la_SOURCES = \
    src/net/address.c src/net/address.h \
    src/net/asker.c src/net/asker.h \
    src/net/dial.c \
    src/net/link.c src/net/link.h src/net/link_impl.h \
    src/net/listener.c \
    src/net/munge.c src/net/munge.h \
    src/net/seals.c src/net/seals.h \
    src/net/service.c src/net/service.h \
    src/net/socket.c src/net/socket.h \
    src/net/udp.c src/net/udp.h
src_net_libftnet_la_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(UV_CFLAGS) $(MUNGE_CFLAGS) $(SYSTEMD_CFLAGS)
src_net_libftnet_la_LIBADD = src/wire/libftwire.la $(UV_LIBS) $(MUNGE_LIBS) $(SYSTEMD_LIBS)
