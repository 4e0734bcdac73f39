# SPDX-License-Identifier: BSD-3-Clause
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_noded tests/unit/test_noded_parts
tests_unit_test_noded_SOURCES = tests/unit/test_noded.c
tests_unit_test_noded_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(UV_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_noded_LDADD = src/net/libftnet.la src/wire/libftwire.la \
    src/topology/libfttopology.la src/common/libftcommon.la \
    $(UV_LIBS) $(PROTOBUFC_LIBS) $(CHECK_LIBS)

tests_unit_test_noded_parts_SOURCES = tests/unit/test_noded_parts.c
tests_unit_test_noded_parts_CPPFLAGS = $(tests_unit_test_noded_CPPFLAGS)
tests_unit_test_noded_parts_LDADD = src/noded/libftnoded.la $(UV_LIBS) $(PROTOBUFC_LIBS) \
    $(CHECK_LIBS)
endif
