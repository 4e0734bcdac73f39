# SPDX-License-Identifier: BSD-3-Clause
sbin_PROGRAMS += src/centrald/ft-centrald
noinst_LTLIBRARIES += src/centrald/libftcentrald.la

# The voters: by themselves, because tests drive them without a daemon around.
noinst_LTLIBRARIES += src/centrald/libftbook.la
voter_sources = \
    src/centrald/book_status.h \
    src/centrald/disk.h \
    src/centrald/letters.c src/centrald/letters.h \
    src/centrald/store.c src/centrald/store.h src/centrald/store_impl.h \
    src/centrald/storelog.c \
    src/centrald/voter.c src/centrald/voter.h src/centrald/voter_impl.h \
    src/centrald/voterfound.c \
    src/centrald/voterin.c \
    src/centrald/voterio.c src/centrald/voterio.h src/centrald/voterio_impl.h \
    src/centrald/voterlead.c \
    src/centrald/voterview.c
src_centrald_libftbook_la_SOURCES = $(voter_sources) \
    src/centrald/book.c src/centrald/book.h \
    src/centrald/disk.c \
    src/centrald/peers.c src/centrald/peers.h
src_centrald_libftbook_la_CPPFLAGS = $(AM_CPPFLAGS) -DFT_VERSION='"$(VERSION)"' $(UV_CFLAGS) \
    $(PROTOBUFC_CFLAGS) $(RAFT_CFLAGS)
src_centrald_libftbook_la_LIBADD = src/core/libftcore.la src/net/libftnet.la src/wire/libftwire.la \
    src/common/libftcommon.la $(RAFT_LIBS) $(UV_LIBS) $(PROTOBUFC_LIBS)

src_centrald_libftcentrald_la_SOURCES = \
    src/centrald/admin.c src/centrald/admin.h \
    src/centrald/carried.c src/centrald/carried.h \
    src/centrald/clients.c src/centrald/clients.h \
    src/centrald/collector.c src/centrald/collector.h \
    src/centrald/daemon.c \
    src/centrald/discovery.c src/centrald/discovery.h \
    src/centrald/door.c src/centrald/door.h \
    src/centrald/events.c src/centrald/events.h \
    src/centrald/exposition.c src/centrald/exposition.h \
    src/centrald/figures.c src/centrald/figures.h \
    src/centrald/hello.c src/centrald/hello.h \
    src/centrald/job.c src/centrald/run.h \
    src/centrald/json.c src/centrald/json.h \
    src/centrald/later.c src/centrald/later.h \
    src/centrald/lead.c src/centrald/lead.h \
    src/centrald/lifeline.c src/centrald/lifeline.h \
    src/centrald/lobby.c src/centrald/lobby.h \
    src/centrald/metrics.c src/centrald/metrics.h \
    src/centrald/modules.c src/centrald/modules.h \
    src/centrald/nodes.c src/centrald/nodes.h \
    src/centrald/orders.c src/centrald/orders.h \
    src/centrald/outbox.c src/centrald/outbox.h \
    src/centrald/parts.h \
    src/centrald/pleas.c src/centrald/pleas.h \
    src/centrald/purveyors.c src/centrald/purveyors.h \
    src/centrald/recent.c src/centrald/recent.h \
    src/centrald/reign.c src/centrald/reign.h \
    src/centrald/redeploy.c src/centrald/redeploy.h \
    src/centrald/requests.c src/centrald/requests.h \
    src/centrald/scontrol.c src/centrald/scontrol.h \
    src/centrald/scribe.c src/centrald/scribe.h \
    src/centrald/server.c src/centrald/server.h \
    src/centrald/session.c src/centrald/session.h \
    src/centrald/sessions.c src/centrald/sessions.h \
    src/centrald/source.c src/centrald/source.h \
    src/centrald/sinks.c src/centrald/sinks.h \
    src/centrald/site.c src/centrald/site.h \
    src/centrald/spares.c src/centrald/spares.h \
    src/centrald/starter.c src/centrald/starter.h \
    src/centrald/summons.c src/centrald/summons.h \
    src/centrald/system.c src/centrald/system.h \
    src/centrald/telling.c src/centrald/telling.h \
    src/centrald/units.c src/centrald/units.h \
    src/centrald/unsaid.c src/centrald/unsaid.h \
    src/centrald/watch.c src/centrald/watch.h
src_centrald_libftcentrald_la_CPPFLAGS = $(AM_CPPFLAGS) -DFT_VERSION='"$(VERSION)"' \
    -DFT_SYSCONFDIR='"$(sysconfdir)"' -DFT_PKGLIBEXECDIR='"$(pkglibexecdir)"' $(UV_CFLAGS) $(PROTOBUFC_CFLAGS) $(CONFUSE_CFLAGS) $(YYJSON_CFLAGS) \
    $(MICROHTTPD_CFLAGS) $(SYSTEMD_CFLAGS)
src_centrald_libftcentrald_la_LIBADD = src/centrald/libftbook.la src/conf/libftconf.la src/rms/libftrms.la src/cms/libftcms.la \
    src/core/libftcore.la src/topology/libfttopology.la src/net/libftnet.la src/wire/libftwire.la \
    src/common/libftcommon.la $(CONFUSE_LIBS) $(YYJSON_LIBS) $(UV_LIBS) $(PROTOBUFC_LIBS) \
    $(MICROHTTPD_LIBS) $(SYSTEMD_LIBS) -lm

src_centrald_ft_centrald_SOURCES = src/centrald/main.c
src_centrald_ft_centrald_CPPFLAGS = $(src_centrald_libftcentrald_la_CPPFLAGS)
src_centrald_ft_centrald_LDADD = src/centrald/libftcentrald.la
