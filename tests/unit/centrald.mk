# SPDX-License-Identifier: BSD-3-Clause
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_centrald
tests_unit_test_centrald_SOURCES = tests/unit/test_centrald.c \
    tests/unit/centrald_peer.c tests/unit/centrald_peer.h
tests_unit_test_centrald_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(YYJSON_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_centrald_LDADD = libft.la src/wire/libftwire.la src/common/libftcommon.la \
    $(PROTOBUFC_LIBS) $(YYJSON_LIBS) $(CHECK_LIBS)
endif
