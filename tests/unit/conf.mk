# SPDX-License-Identifier: BSD-3-Clause
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_conf
tests_unit_test_conf_SOURCES = tests/unit/test_conf.c
tests_unit_test_conf_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_conf_LDADD = src/conf/libftconf.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_admin
tests_unit_test_admin_SOURCES = tests/unit/test_admin.c
tests_unit_test_admin_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(PROTOBUFC_CFLAGS) $(YYJSON_CFLAGS) \
    $(CHECK_CFLAGS)
tests_unit_test_admin_LDADD = src/centrald/libftcentrald.la $(YYJSON_LIBS) $(UV_LIBS) \
    $(PROTOBUFC_LIBS) $(CHECK_LIBS) -lm
endif
