# SPDX-License-Identifier: BSD-3-Clause
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_link
tests_unit_test_link_SOURCES = tests/unit/test_link.c
tests_unit_test_link_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(UV_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_link_LDADD = src/net/libftnet.la src/wire/libftwire.la src/common/libftcommon.la \
    $(UV_LIBS) $(PROTOBUFC_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_udp
tests_unit_test_udp_SOURCES = tests/unit/test_udp.c \
    tests/unit/fake_munge.c tests/unit/fake_munge.h
tests_unit_test_udp_CPPFLAGS = $(tests_unit_test_link_CPPFLAGS)
tests_unit_test_udp_LDADD = $(tests_unit_test_link_LDADD)
endif
