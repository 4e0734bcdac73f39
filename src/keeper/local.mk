# SPDX-License-Identifier: BSD-3-Clause
# The keeper of a module: small, libc only. What it shares with the unit is a library.
noinst_LTLIBRARIES += src/keeper/libfttalk.la
src_keeper_libfttalk_la_SOURCES = \
    src/keeper/kin.c src/keeper/kin.h \
    src/keeper/talk.c src/keeper/talk.h
src_keeper_libfttalk_la_LIBADD = src/common/libftcommon.la

keeper_sources = \
    src/keeper/group.c src/keeper/group.h \
    src/keeper/links.c src/keeper/links.h \
    src/keeper/notices.c src/keeper/notices.h \
    src/keeper/output.c src/keeper/output.h \
    src/keeper/run.c src/keeper/run.h

pkglibexec_PROGRAMS += src/keeper/ft-keeper
src_keeper_ft_keeper_SOURCES = src/keeper/main.c $(keeper_sources)
src_keeper_ft_keeper_CPPFLAGS = $(AM_CPPFLAGS) -DFT_VERSION='"$(VERSION)"'
src_keeper_ft_keeper_LDADD = src/keeper/libfttalk.la
