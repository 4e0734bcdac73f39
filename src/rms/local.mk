# SPDX-License-Identifier: BSD-3-Clause
noinst_LTLIBRARIES += src/rms/libftrms.la
src_rms_libftrms_la_SOURCES = src/rms/pool.c src/rms/rms.c src/rms/rms.h
src_rms_libftrms_la_LIBADD = src/core/libftcore.la
