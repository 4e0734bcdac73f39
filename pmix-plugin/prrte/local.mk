# SPDX-License-Identifier: BSD-3-Clause
# The component that PRRTE loads into prterun and prted. Not built with sanitizers: their runtime
# would have to be in those programs.
if !SANITIZERS
prtelib_LTLIBRARIES = pmix-plugin/prrte/prte_mca_errmgr_ft.la
pkglibexec_SCRIPTS = pmix-plugin/prrte/ft-prted
endif
pmix_plugin_prrte_prte_mca_errmgr_ft_la_SOURCES = \
    pmix-plugin/prrte/compat/prte_config.h \
    pmix-plugin/prrte/ft_prrte.h \
    pmix-plugin/prrte/alloc.c pmix-plugin/prrte/alloc.h pmix-plugin/prrte/alloc_impl.h \
    pmix-plugin/prrte/alloc_query.c \
    pmix-plugin/prrte/alloc_request.c \
    pmix-plugin/prrte/asks.c \
    pmix-plugin/prrte/collective.c \
    pmix-plugin/prrte/component.c \
    pmix-plugin/prrte/daemon.c \
    pmix-plugin/prrte/event.c \
    pmix-plugin/prrte/growth.c \
    pmix-plugin/prrte/hosts.c \
    pmix-plugin/prrte/job.c \
    pmix-plugin/prrte/keep.c \
    pmix-plugin/prrte/lookup.c pmix-plugin/prrte/lookup.h \
    pmix-plugin/prrte/modex.c \
    pmix-plugin/prrte/news.c pmix-plugin/prrte/news.h \
    pmix-plugin/prrte/orphan.c \
    pmix-plugin/prrte/places.c pmix-plugin/prrte/places.h \
    pmix-plugin/prrte/ranks.c pmix-plugin/prrte/ranks.h \
    pmix-plugin/prrte/repair.c \
    pmix-plugin/prrte/report.c pmix-plugin/prrte/report.h \
    pmix-plugin/prrte/routing.c \
    pmix-plugin/prrte/serve.c \
    pmix-plugin/prrte/silence.c \
    pmix-plugin/prrte/slots.c \
    pmix-plugin/prrte/slurm.c pmix-plugin/prrte/slurm.h \
    pmix-plugin/prrte/spares.c \
    pmix-plugin/prrte/starting.c \
    pmix-plugin/prrte/spawn.c pmix-plugin/prrte/spawn.h \
    pmix-plugin/prrte/srun.c pmix-plugin/prrte/srun.h \
    pmix-plugin/prrte/survive.c \
    pmix-plugin/prrte/abort.c \
    pmix-plugin/prrte/exited.c \
    pmix-plugin/prrte/waiting.c \
    pmix-plugin/prrte/units.c pmix-plugin/prrte/units.h \
    pmix-plugin/prrte/words.c pmix-plugin/prrte/words.h
# PRRTE's headers want to be found before ours; libprrte and libpmix are in the program that loads it.
pmix_plugin_prrte_prte_mca_errmgr_ft_la_CPPFLAGS = -I$(top_srcdir)/include \
    -I$(top_srcdir)/pmix-plugin/prrte/compat $(PRTE_CFLAGS) $(SLURM_LAUNCHER_CPPFLAGS) \
    -DFT_NODED_PATH='"$(sbindir)/ft-noded"' -DFT_CENTRALD_PATH='"$(sbindir)/ft-centrald"'
pmix_plugin_prrte_prte_mca_errmgr_ft_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared
pmix_plugin_prrte_prte_mca_errmgr_ft_la_LIBADD = libft.la $(HWLOC_LIBS)

EXTRA_DIST += pmix-plugin/prrte/README.md pmix-plugin/prrte/ft-prted.in
CLEANFILES += pmix-plugin/prrte/ft-prted

pmix-plugin/prrte/ft-prted: $(top_srcdir)/pmix-plugin/prrte/ft-prted.in Makefile
	$(AM_V_GEN)$(MKDIR_P) pmix-plugin/prrte && $(SED) -e 's|@PRTED[@]|$(PRTED)|g' \
	    $(top_srcdir)/pmix-plugin/prrte/ft-prted.in >$@.tmp && chmod 755 $@.tmp && mv $@.tmp $@
