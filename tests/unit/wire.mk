# SPDX-License-Identifier: BSD-3-Clause
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_common tests/unit/test_channel tests/unit/test_convert

tests_unit_test_common_SOURCES = tests/unit/test_common.c
tests_unit_test_common_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_common_LDADD = src/common/libftcommon.la $(CHECK_LIBS)

tests_unit_test_channel_SOURCES = tests/unit/test_channel.c
tests_unit_test_channel_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(SODIUM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_channel_LDADD = src/wire/libftwire.la $(PROTOBUFC_LIBS) $(SODIUM_LIBS) $(CHECK_LIBS)

tests_unit_test_convert_SOURCES = tests/unit/test_convert.c
tests_unit_test_convert_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_convert_LDADD = src/wire/libftwire.la $(PROTOBUFC_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_datagram tests/unit/test_identity
tests_unit_test_datagram_SOURCES = tests/unit/test_datagram.c
tests_unit_test_datagram_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_datagram_LDADD = src/wire/libftwire.la $(PROTOBUFC_LIBS) $(CHECK_LIBS)

tests_unit_test_identity_SOURCES = tests/unit/test_identity.c \
    tests/unit/fake_munge.c tests/unit/fake_munge.h
tests_unit_test_identity_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_identity_LDADD = src/wire/libftwire.la $(PROTOBUFC_LIBS) $(CHECK_LIBS)
endif
