# SPDX-License-Identifier: BSD-3-Clause
# The plugins that Slurm loads: into sbatch, salloc, srun and slurmstepd. Built where Slurm's headers
# are; not with sanitizers, whose runtime would have to be in those programs.
slurmplugin_LTLIBRARIES =
if HAVE_SPANK
if !SANITIZERS
slurmplugin_LTLIBRARIES += pmix-plugin/slurm/spank_ft.la pmix-plugin/slurm/cli_filter_ft.la
endif
endif
slurm_plugin_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/pmix-plugin/slurm
slurm_plugin_ldflags = $(AM_LDFLAGS) -module -avoid-version -shared

pmix_plugin_slurm_spank_ft_la_SOURCES = pmix-plugin/slurm/spank_ft.c pmix-plugin/slurm/plugins.h \
    pmix-plugin/slurm/variables.c pmix-plugin/slurm/variables.h
pmix_plugin_slurm_spank_ft_la_CPPFLAGS = $(slurm_plugin_cppflags) $(slurm_plugin_places)
slurm_plugin_places = \
    -DFT_PREFIX_DIR='"$(prefix)"' -DFT_SBINDIR='"$(sbindir)"' -DFT_LIBDIR='"$(libdir)"' \
    -DFT_PRTELIBDIR='"$(prtelibdir)"' -DFT_PKGLIBEXECDIR='"$(pkglibexecdir)"' \
    -DFT_PRTE_PKGLIBDIR='"$(ft_prte_pkglibdir)"'
pmix_plugin_slurm_spank_ft_la_LDFLAGS = $(slurm_plugin_ldflags)
pmix_plugin_slurm_spank_ft_la_LIBADD = src/common/libftcommon.la

pmix_plugin_slurm_cli_filter_ft_la_SOURCES = pmix-plugin/slurm/cli_filter_ft.c \
    pmix-plugin/slurm/plugins.h
pmix_plugin_slurm_cli_filter_ft_la_CPPFLAGS = $(slurm_plugin_cppflags)
pmix_plugin_slurm_cli_filter_ft_la_LDFLAGS = $(slurm_plugin_ldflags)
pmix_plugin_slurm_cli_filter_ft_la_LIBADD = src/common/libftcommon.la

# In place of ssh, in jobs of Slurm; also without the plugins.
slurmscriptdir = $(pkglibexecdir)
nodist_slurmscript_SCRIPTS = pmix-plugin/slurm/ft-srun
EXTRA_DIST += pmix-plugin/slurm/README.md pmix-plugin/slurm/ft-srun.in
CLEANFILES += pmix-plugin/slurm/ft-srun
pmix-plugin/slurm/ft-srun: $(top_srcdir)/pmix-plugin/slurm/ft-srun.in
	$(AM_V_GEN)$(MKDIR_P) pmix-plugin/slurm && cp $(top_srcdir)/pmix-plugin/slurm/ft-srun.in $@.tmp \
	    && chmod 755 $@.tmp && mv $@.tmp $@
