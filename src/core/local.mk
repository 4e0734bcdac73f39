# SPDX-License-Identifier: BSD-3-Clause
noinst_LTLIBRARIES += src/core/libftcore.la
core_sources = \
    src/core/asks.c \
    src/core/berths.c src/core/berths.h \
    src/core/central.c src/core/central.h \
    src/core/claims.c src/core/claims.h \
    src/core/decision.c src/core/decision.h src/core/decision_words.c \
    src/core/decisions.c \
    src/core/detector.c src/core/detector.h src/core/detector_impl.h \
    src/core/env.h \
    src/core/plan.c src/core/plan.h \
    src/core/plan_diff.c src/core/plan_diff.h \
    src/core/fleet.c src/core/fleet.h src/core/fleet_state.h \
    src/core/fleet_keep.c src/core/fleet_people.c src/core/fleet_said.c src/core/fleet_table.c \
    src/core/module_spec.c \
    src/core/forecast.c src/core/forecast.h \
    src/core/grant.c src/core/grant.h \
    src/core/history.c src/core/history.h \
    src/core/health.c src/core/health.h \
    src/core/inventory.c src/core/inventory.h \
    src/core/jobs.c src/core/jobs.h \
    src/core/launcher.c \
    src/core/kept.c src/core/kept.h \
    src/core/ledger.c src/core/ledger.h \
    src/core/match.c src/core/match.h \
    src/core/news.c \
    src/core/places.c src/core/places.h \
    src/core/placement.c src/core/placement.h \
    src/core/policy.c src/core/policy.h \
    src/core/planted.h \
    src/core/pulse.c src/core/pulse.h \
    src/core/reconcile.c \
    src/core/redeploy.c src/core/redeploy.h \
    src/core/recovery.c src/core/recovery.h \
    src/core/spare_ranks.c src/core/spare_ranks.h \
    src/core/state.h \
    src/core/steward.c src/core/steward.h \
    src/core/stock.c src/core/stock.h \
    src/core/subject.c src/core/subject.h \
    src/core/suspect.c src/core/suspect.h \
    src/core/supervisor.c src/core/supervisor.h \
    src/core/tidings.c src/core/tidings.h \
    src/core/timers.c src/core/timers.h \
    src/core/trial.c \
    src/core/waiter.c src/core/waiter.h
src_core_libftcore_la_SOURCES = $(core_sources)
src_core_libftcore_la_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS)
src_core_libftcore_la_LIBADD = src/wire/libftwire.la

