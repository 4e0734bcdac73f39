# SPDX-License-Identifier: BSD-3-Clause
noinst_LTLIBRARIES += src/cms/libftcms.la
src_cms_libftcms_la_SOURCES = src/cms/cms.c src/cms/cms.h src/cms/collected.c \
    src/cms/recorded.c src/cms/records.c src/cms/records.h
src_cms_libftcms_la_LIBADD = src/core/libftcore.la
