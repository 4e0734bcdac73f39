# SPDX-License-Identifier: BSD-3-Clause
noinst_LTLIBRARIES += src/wire/libftwire.la
src_wire_libftwire_la_SOURCES = \
    src/wire/auth.c src/wire/auth.h \
    src/wire/buffer.c src/wire/buffer.h \
    src/wire/channel.c src/wire/channel.h \
    src/wire/checksum.c src/wire/checksum.h \
    src/wire/clean.c src/wire/clean.h \
    src/wire/convert.c src/wire/convert.h \
    src/wire/datagram.c src/wire/datagram.h \
    src/wire/identity.c src/wire/identity.h \
    src/wire/munge.h \
    src/wire/proving.c src/wire/proving.h \
    src/wire/verbs.h
nodist_src_wire_libftwire_la_SOURCES = src/wire/ft.pb-c.c src/wire/ft.pb-c.h \
    src/wire/kept.pb-c.c src/wire/kept.pb-c.h
src_wire_libftwire_la_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(SODIUM_CFLAGS)
src_wire_libftwire_la_LIBADD = src/common/libftcommon.la $(PROTOBUFC_LIBS) $(SODIUM_LIBS)

EXTRA_DIST += src/wire/ft.proto src/wire/kept.proto
BUILT_SOURCES += src/wire/ft.pb-c.h src/wire/kept.pb-c.h
CLEANFILES += src/wire/ft.pb-c.c src/wire/ft.pb-c.h src/wire/kept.pb-c.c src/wire/kept.pb-c.h

src/wire/ft.pb-c.c: $(top_srcdir)/src/wire/ft.proto
	$(AM_V_GEN)$(MKDIR_P) src/wire && $(PROTOC_C) --c_out=src/wire \
	    --proto_path=$(top_srcdir)/src/wire $(top_srcdir)/src/wire/ft.proto
src/wire/ft.pb-c.h: src/wire/ft.pb-c.c
src/wire/kept.pb-c.c: $(top_srcdir)/src/wire/kept.proto $(top_srcdir)/src/wire/ft.proto
	$(AM_V_GEN)$(MKDIR_P) src/wire && $(PROTOC_C) --c_out=src/wire \
	    --proto_path=$(top_srcdir)/src/wire $(top_srcdir)/src/wire/kept.proto
src/wire/kept.pb-c.h: src/wire/kept.pb-c.c
