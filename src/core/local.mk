# SPDX-License-Identifier: BSD-3-Clause
noinst_LTLIBRARIES += src/core/libftcore.la
core_sources = \
    src/core/asks.c \
    src/core/central.c src/core/central.h \
    src/core/claims.c src/core/claims.h \
    src/core/decision.c src/core/decision.h \
    src/core/env.h \
    src/core/plan.h \
    src/core/inventory.c src/core/inventory.h \
    src/core/jobs.c src/core/jobs.h \
    src/core/launcher.c \
    src/core/match.c src/core/match.h \
    src/core/news.c \
    src/core/planted.h \
    src/core/recovery.c src/core/recovery.h \
    src/core/state.h \
    src/core/subject.c src/core/subject.h \
    src/core/timers.c src/core/timers.h \
    src/core/waiter.c src/core/waiter.h
src_core_libftcore_la_SOURCES = $(core_sources)

