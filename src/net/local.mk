# SPDX-License-Identifier: BSD-3-Clause
noinst_LTLIBRARIES += src/net/libftnet.la
src_net_libftnet_la_SOURCES = \
    src/net/dial.c \
    src/net/link.c src/net/link.h src/net/link_impl.h \
    src/net/listener.c \
    src/net/socket.c src/net/socket.h
src_net_libftnet_la_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(UV_CFLAGS)
src_net_libftnet_la_LIBADD = src/wire/libftwire.la $(UV_LIBS)
