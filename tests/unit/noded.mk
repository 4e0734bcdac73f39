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

check_PROGRAMS += tests/unit/test_collect
tests_unit_test_collect_SOURCES = tests/unit/test_collect.c
tests_unit_test_collect_CPPFLAGS = $(tests_unit_test_noded_CPPFLAGS)
tests_unit_test_collect_LDADD = src/noded/libftnoded.la $(UV_LIBS) $(PROTOBUFC_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_noded_ranks
tests_unit_test_noded_ranks_SOURCES = tests/unit/test_noded_ranks.c
tests_unit_test_noded_ranks_CPPFLAGS = $(tests_unit_test_noded_CPPFLAGS)
tests_unit_test_noded_ranks_LDADD = $(tests_unit_test_noded_parts_LDADD)

check_PROGRAMS += tests/unit/test_noded_redeploy
tests_unit_test_noded_redeploy_SOURCES = tests/unit/test_noded_redeploy.c
tests_unit_test_noded_redeploy_CPPFLAGS = $(tests_unit_test_noded_CPPFLAGS)
tests_unit_test_noded_redeploy_LDADD = $(tests_unit_test_noded_parts_LDADD)

check_PROGRAMS += tests/unit/test_noded_own
tests_unit_test_noded_own_SOURCES = tests/unit/test_noded_own.c
tests_unit_test_noded_own_CPPFLAGS = $(tests_unit_test_noded_CPPFLAGS)
tests_unit_test_noded_own_LDADD = $(tests_unit_test_noded_LDADD)
endif
