# SPDX-License-Identifier: BSD-3-Clause
# ft.conf, made into a plan (core/plan.h).
noinst_LTLIBRARIES += src/conf/libftconf.la
src_conf_libftconf_la_SOURCES = \
    src/conf/check.c src/conf/check.h \
    src/conf/mistakes.c src/conf/mistakes.h \
    src/conf/options.c src/conf/options.h \
    src/conf/outline.c src/conf/outline.h \
    src/conf/plan.c src/conf/plan.h \
    src/conf/take.c src/conf/take.h
src_conf_libftconf_la_CPPFLAGS = $(AM_CPPFLAGS) -DFT_SYSCONFDIR='"$(sysconfdir)"' $(CONFUSE_CFLAGS)
src_conf_libftconf_la_LIBADD = src/core/libftcore.la src/common/libftcommon.la $(CONFUSE_LIBS)
