# SPDX-License-Identifier: BSD-3-Clause
# The lines between a backend and its helper are a library of their own: the helper needs no more.
noinst_LTLIBRARIES += src/rms/libftrmstalk.la
src_rms_libftrmstalk_la_SOURCES = src/rms/talk.c src/rms/talk.h

noinst_LTLIBRARIES += src/rms/libftrms.la
src_rms_libftrms_la_SOURCES = src/rms/child.c src/rms/child.h src/rms/pmix.c src/rms/pool.c \
    src/rms/rms.c src/rms/rms.h src/rms/slurm.c src/rms/warden.c src/rms/warden.h
src_rms_libftrms_la_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
src_rms_libftrms_la_LIBADD = src/rms/libftrmstalk.la src/core/libftcore.la src/common/libftcommon.la $(UV_LIBS)
