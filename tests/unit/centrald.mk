# SPDX-License-Identifier: BSD-3-Clause
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_centrald
tests_unit_test_centrald_SOURCES = tests/unit/test_centrald.c \
    tests/unit/centrald_peer.c tests/unit/centrald_peer.h
tests_unit_test_centrald_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) \
    $(YYJSON_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_centrald_LDADD = libft.la src/wire/libftwire.la src/common/libftcommon.la \
    $(PROTOBUFC_LIBS) $(YYJSON_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_outbox
tests_unit_test_outbox_SOURCES = tests/unit/test_outbox.c src/centrald/outbox.c \
    src/centrald/unsaid.c
tests_unit_test_outbox_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_outbox_LDADD = src/common/libftcommon.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_rms
tests_unit_test_rms_SOURCES = tests/unit/test_rms.c
tests_unit_test_rms_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_rms_LDADD = src/rms/libftrms.la src/cms/libftcms.la src/core/libftcore.la \
    src/common/libftcommon.la $(CHECK_LIBS)

# libpmix has leaks of its own that sanitizers find.
if !SANITIZERS
check_PROGRAMS += tests/unit/test_rms_pmix
noinst_PROGRAMS += tests/unit/pmix_host
endif
tests_unit_test_rms_pmix_SOURCES = tests/unit/test_rms_pmix.c
tests_unit_test_rms_pmix_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_rms_pmix_LDADD = src/rms/libftrms.la src/common/libftcommon.la $(UV_LIBS) $(CHECK_LIBS)
tests_unit_pmix_host_SOURCES = tests/unit/pmix_host.c
tests_unit_pmix_host_CPPFLAGS = $(PMIX_CFLAGS)
tests_unit_pmix_host_LDADD = $(PMIX_LIBS)

check_PROGRAMS += tests/unit/test_rms_warden
tests_unit_test_rms_warden_SOURCES = tests/unit/test_rms_warden.c
tests_unit_test_rms_warden_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_rms_warden_LDADD = src/rms/libftrms.la src/common/libftcommon.la $(UV_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_rms_slurm
tests_unit_test_rms_slurm_SOURCES = tests/unit/test_rms_slurm.c
tests_unit_test_rms_slurm_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_rms_slurm_LDADD = src/rms/libftrms.la src/common/libftcommon.la $(UV_LIBS) $(CHECK_LIBS)
if HAVE_SLURM
tests_unit_test_rms_slurm_CPPFLAGS += -DTEST_WISH
tests_unit_test_rms_slurm_LDADD += src/rmshelp/libftwish.la
endif

check_PROGRAMS += tests/unit/test_sites
tests_unit_test_sites_SOURCES = tests/unit/test_sites.c
tests_unit_test_sites_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(PROTOBUFC_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_sites_LDADD = src/centrald/libftcentrald.la $(UV_LIBS) $(PROTOBUFC_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_pleas
tests_unit_test_pleas_SOURCES = tests/unit/test_pleas.c
tests_unit_test_pleas_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(PROTOBUFC_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_pleas_LDADD = src/centrald/libftcentrald.la $(UV_LIBS) $(PROTOBUFC_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_sessions
tests_unit_test_sessions_SOURCES = tests/unit/test_sessions.c
tests_unit_test_sessions_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(PROTOBUFC_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_sessions_LDADD = src/centrald/libftcentrald.la src/libft/libftapi.la $(UV_LIBS) $(PROTOBUFC_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_discovery
tests_unit_test_discovery_SOURCES = tests/unit/test_discovery.c \
    tests/unit/fake_munge.c tests/unit/fake_munge.h
tests_unit_test_discovery_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(PROTOBUFC_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_discovery_LDADD = src/centrald/libftcentrald.la $(UV_LIBS) $(PROTOBUFC_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_lobby
tests_unit_test_lobby_SOURCES = tests/unit/test_lobby.c
tests_unit_test_lobby_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(PROTOBUFC_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_lobby_LDADD = src/centrald/libftcentrald.la $(UV_LIBS) $(PROTOBUFC_LIBS) $(CHECK_LIBS)
endif

EXTRA_DIST += tests/unit/test_events_documented.sh doc/events.md
TESTS += tests/unit/test_events_documented.sh
