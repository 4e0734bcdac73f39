# SPDX-License-Identifier: BSD-3-Clause
noinst_LTLIBRARIES += src/common/libftcommon.la
src_common_libftcommon_la_SOURCES = \
    src/common/clock.c src/common/clock.h \
    src/common/crc.c src/common/crc.h \
    src/common/conftext.c src/common/conftext.h \
    src/common/daemonize.c src/common/daemonize.h \
    src/common/facts.h \
    src/common/hash.h \
    src/common/hostlist.c src/common/hostlist.h \
    src/common/jobrequest.c src/common/jobrequest.h \
    src/common/log.c src/common/log.h \
    src/common/policy.c src/common/policy.h \
    src/common/readings.c src/common/readings.h \
    src/common/slurmjob.c src/common/slurmjob.h \
    src/common/text.c src/common/text.h \
    src/common/urgent.c src/common/urgent.h
