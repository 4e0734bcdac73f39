# SPDX-License-Identifier: BSD-3-Clause
# libftmpi.so, loaded into every process of a job, and its other half, loaded by those that call
# MPI_Init. A sanitizer's runtime has to come first in a process, which is not ours: left out there.
pkglib_LTLIBRARIES =

if !SANITIZERS
lib_LTLIBRARIES += mpi-ext/libftmpi.la
pkglib_LTLIBRARIES += mpi-ext/ftmpi_layer.la
endif

# Made at build time, from the prototypes of the installed mpi.h (mpi-ext/generate/generate.awk).
ftm_generate = $(top_srcdir)/mpi-ext/generate/generate.awk
ftm_classes = $(top_srcdir)/mpi-ext/generate/classes.txt
ftm_own = $(top_srcdir)/mpi-ext/layer/own.h $(top_srcdir)/mpi-ext/layer/handlers.h \
    $(top_srcdir)/mpi-ext/layer/attributes.h $(top_srcdir)/mpi-ext/layer/compare.h \
    $(top_srcdir)/mpi-ext/layer/passed.h $(top_srcdir)/mpi-ext/layer/ulfm.h
ftm_generated_headers = mpi-ext/generated/functions.h mpi-ext/generated/real.h
ftm_generated = $(ftm_generated_headers) mpi-ext/generated/entries.c mpi-ext/generated/real.c \
    mpi-ext/generated/wrappers.c mpi-ext/generated/wrapped.txt
ftm_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/mpi-ext -I$(top_srcdir)/mpi-ext/layer \
    -I$(top_builddir)/mpi-ext/generated $(MPI_CFLAGS) $(PMIX_CFLAGS)
EXTRA_DIST += mpi-ext/generate/generate.awk mpi-ext/generate/classes.txt mpi-ext/generate/all.h
BUILT_SOURCES += $(ftm_generated)
CLEANFILES += $(ftm_generated) mpi-ext/generated/mpi.i mpi-ext/generated/mpi.d
nodist_doc_DATA = mpi-ext/generated/wrapped.txt

# The compiler says what mpi.h includes: a newer Open MPI makes all of it anew.
-include mpi-ext/generated/mpi.d
mpi-ext/generated/mpi.i: $(top_srcdir)/mpi-ext/generate/all.h
	@$(MKDIR_P) mpi-ext/generated
	$(AM_V_GEN)$(CC) $(MPI_CFLAGS) $(CPPFLAGS) -E -P -MD -MP -MF mpi-ext/generated/mpi.d -MT $@ \
	    -o $@ $(top_srcdir)/mpi-ext/generate/all.h

$(ftm_generated): mpi-ext/generated/mpi.i $(ftm_generate) $(ftm_classes) $(ftm_own)
	$(AM_V_GEN)what=`echo $(@F) | sed 's/wrapped.txt/report/; s/real\./real_/; s/\..*//'` \
	    && $(AWK) -v what=$$what -v own='$(ftm_own)' -f $(ftm_generate) $(ftm_classes) \
	        mpi-ext/generated/mpi.i >$@.tmp && mv -f $@.tmp $@ || { rm -f $@.tmp; exit 1; }

$(mpi_ext_libftmpi_la_OBJECTS): mpi-ext/generated/functions.h mpi-ext/generated/entries.c
$(mpi_ext_ftmpi_layer_la_OBJECTS): $(ftm_generated_headers)

mpi_ext_libftmpi_la_SOURCES = mpi-ext/preload.c mpi-ext/hooks.h \
    mpi-ext/late_error.c mpi-ext/next.c mpi-ext/next.h
mpi_ext_libftmpi_la_CPPFLAGS = $(ftm_cppflags) -DOMPI_OMIT_MPI1_COMPAT_DECLS=0
mpi_ext_libftmpi_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0

mpi_ext_ftmpi_layer_la_SOURCES = \
    mpi-ext/layer/abort.c mpi-ext/layer/abort.h \
    mpi-ext/layer/alone.c mpi-ext/layer/alone.h \
    mpi-ext/layer/among.c mpi-ext/layer/among.h \
    mpi-ext/layer/birth.c mpi-ext/layer/birth.h \
    mpi-ext/layer/books.c mpi-ext/layer/books.h \
    mpi-ext/layer/bounded.c mpi-ext/layer/bounded.h \
    mpi-ext/layer/buffered.c mpi-ext/layer/buffered.h \
    mpi-ext/layer/comms.c mpi-ext/layer/comms.h \
    mpi-ext/layer/cart.c \
    mpi-ext/layer/completion.c mpi-ext/layer/completion.h \
    mpi-ext/layer/completion_all.c mpi-ext/layer/completion_one.c \
    mpi-ext/layer/completion_array.c mpi-ext/layer/completion_array.h \
    mpi-ext/layer/completion_over.c mpi-ext/layer/completion_some.c \
    mpi-ext/layer/create_comm.c mpi-ext/layer/create_group.c \
    mpi-ext/layer/create_inter.c mpi-ext/layer/create_inter.h \
    mpi-ext/layer/create_topology.c \
    mpi-ext/layer/creating.c mpi-ext/layer/creating.h \
    mpi-ext/layer/departed.c mpi-ext/layer/departed.h \
    mpi-ext/layer/derived.c mpi-ext/layer/derived.h \
    mpi-ext/layer/inbox.c mpi-ext/layer/inbox.h \
    mpi-ext/layer/inter.c mpi-ext/layer/inter.h \
    mpi-ext/layer/own.h mpi-ext/layer/posting.h \
    mpi-ext/layer/moving.c mpi-ext/layer/moving.h \
    mpi-ext/layer/notice.c mpi-ext/layer/notice.h \
    mpi-ext/layer/part.c mpi-ext/layer/part.h \
    mpi-ext/layer/persistent.c \
    mpi-ext/layer/pt2pt.c mpi-ext/layer/pt2pt.h \
    mpi-ext/layer/rebuild.c mpi-ext/layer/rebuild.h mpi-ext/layer/rebuilding.h \
    mpi-ext/layer/rebuild_claims.c mpi-ext/layer/rebuild_claims.h \
    mpi-ext/layer/rebuild_describe.c mpi-ext/layer/rebuild_describe.h \
    mpi-ext/layer/rebuild_make.c mpi-ext/layer/rebuild_make.h \
    mpi-ext/layer/rebuild_progress.c mpi-ext/layer/rebuild_progress.h \
    mpi-ext/layer/rebuild_ready.c mpi-ext/layer/rebuild_ready.h \
    mpi-ext/layer/records.c mpi-ext/layer/records.h \
    mpi-ext/layer/replay.c mpi-ext/layer/replay.h \
    mpi-ext/layer/requests.c mpi-ext/layer/requests.h \
    mpi-ext/layer/retarget.c mpi-ext/layer/retarget.h \
    mpi-ext/layer/slots.c mpi-ext/layer/slots.h \
    mpi-ext/layer/soft.c mpi-ext/layer/soft.h \
    mpi-ext/layer/stale_send.c mpi-ext/layer/stale_send.h \
    mpi-ext/layer/table.c mpi-ext/layer/table.h \
    mpi-ext/layer/world.c mpi-ext/layer/world.h \
    mpi-ext/layer/yield.c mpi-ext/layer/yield.h \
    mpi-ext/layer/cid.c mpi-ext/layer/cid_report.c mpi-ext/layer/cid.h \
    mpi-ext/layer/events.c mpi-ext/layer/events.h \
    mpi-ext/layer/failing.c mpi-ext/layer/failing.h \
    mpi-ext/layer/fast.c mpi-ext/layer/fast.h \
    mpi-ext/layer/fresh.c mpi-ext/layer/fresh.h \
    mpi-ext/layer/gone.c mpi-ext/layer/gone.h \
    mpi-ext/layer/attributes.c mpi-ext/layer/attributes.h \
    mpi-ext/layer/compare.c mpi-ext/layer/compare.h \
    mpi-ext/layer/handlers.c mpi-ext/layer/handlers.h \
    mpi-ext/layer/object.c mpi-ext/layer/object.h \
    mpi-ext/layer/passed.c mpi-ext/layer/passed.h \
    mpi-ext/layer/ulfm.c mpi-ext/layer/ulfm.h \
    mpi-ext/layer/windows.c mpi-ext/layer/windows.h \
    mpi-ext/layer/init.c mpi-ext/layer/init.h \
    mpi-ext/layer/keep.c mpi-ext/layer/keep.h \
    mpi-ext/layer/keep_common.c mpi-ext/layer/keep_common.h \
    mpi-ext/layer/keep_image.c mpi-ext/layer/keep_image.h \
    mpi-ext/layer/keep_line.c mpi-ext/layer/keep_line.h \
    mpi-ext/layer/keep_memory.c mpi-ext/layer/keep_memory.h \
    mpi-ext/layer/keep_partner.c mpi-ext/layer/keep_partner.h \
    mpi-ext/layer/keep_places.c mpi-ext/layer/keep_places.h \
    mpi-ext/layer/keep_search.c mpi-ext/layer/keep_search.h \
    mpi-ext/layer/headcount.c mpi-ext/layer/headcount.h \
    mpi-ext/layer/keep_sender.c mpi-ext/layer/keep_sender.h \
    mpi-ext/layer/keep_server.c mpi-ext/layer/keep_server.h \
    mpi-ext/layer/keep_store.c mpi-ext/layer/keep_store.h \
    mpi-ext/layer/keep_sum.c mpi-ext/layer/keep_sum.h \
    mpi-ext/layer/keep_thread.c mpi-ext/layer/keep_thread.h \
    mpi-ext/layer/keep_wire.c mpi-ext/layer/keep_wire.h \
    mpi-ext/layer/links.c mpi-ext/layer/links.h \
    mpi-ext/layer/loop.c mpi-ext/layer/loop.h \
    mpi-ext/layer/reach.c mpi-ext/layer/reach.h \
    mpi-ext/layer/repair.c mpi-ext/layer/repair.h \
    mpi-ext/layer/repair_bell.c mpi-ext/layer/repair_bell.h \
    mpi-ext/layer/repair_end.c mpi-ext/layer/repair_end.h \
    mpi-ext/layer/repair_others.c mpi-ext/layer/repair_others.h \
    mpi-ext/layer/repair_plan.c mpi-ext/layer/repair_plan.h \
    mpi-ext/layer/repair_round.c mpi-ext/layer/repair_round.h \
    mpi-ext/layer/refill.c mpi-ext/layer/refill.h \
    mpi-ext/layer/role.c mpi-ext/layer/role.h \
    mpi-ext/layer/runtime.c mpi-ext/layer/runtime.h \
    mpi-ext/layer/stray.c mpi-ext/layer/stray.h \
    mpi-ext/layer/standstill.c mpi-ext/layer/standstill.h \
    mpi-ext/layer/stuck.c mpi-ext/layer/stuck.h \
    mpi-ext/layer/standin.c mpi-ext/layer/standin.h \
    mpi-ext/layer/start.c mpi-ext/layer/start.h \
    mpi-ext/layer/who.c mpi-ext/layer/who.h \
    mpi-ext/layer/wrap.c mpi-ext/layer/wrap.h
nodist_mpi_ext_ftmpi_layer_la_SOURCES = mpi-ext/generated/real.c mpi-ext/generated/wrappers.c
mpi_ext_ftmpi_layer_la_CPPFLAGS = $(ftm_cppflags) $(SODIUM_CFLAGS) -DOMPI_OMIT_MPI1_COMPAT_DECLS=0
mpi_ext_ftmpi_layer_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
    -Wl,-z,defs
mpi_ext_ftmpi_layer_la_LIBADD = libft.la $(MPI_LIBS) $(PMIX_LIBS) $(SODIUM_LIBS)
