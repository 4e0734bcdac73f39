# SPDX-License-Identifier: BSD-3-Clause
# Every doc/NAME.SECTION.scd is a man page, built and installed if scdoc is there.
ft_man_sources = $(wildcard $(top_srcdir)/doc/*.[1-8].scd)
EXTRA_DIST += $(ft_man_sources) doc/install.md doc/modules.md doc/monitoring.md doc/protocol.md \
    doc/slurm.md

if HAVE_SCDOC
ftman1dir = $(mandir)/man1
nodist_ftman1_DATA = $(patsubst $(top_srcdir)/%.scd,%,$(filter %.1.scd,$(ft_man_sources)))
ftman3dir = $(mandir)/man3
nodist_ftman3_DATA = $(patsubst $(top_srcdir)/%.scd,%,$(filter %.3.scd,$(ft_man_sources)))
ftman5dir = $(mandir)/man5
nodist_ftman5_DATA = $(patsubst $(top_srcdir)/%.scd,%,$(filter %.5.scd,$(ft_man_sources)))
ftman7dir = $(mandir)/man7
nodist_ftman7_DATA = $(patsubst $(top_srcdir)/%.scd,%,$(filter %.7.scd,$(ft_man_sources)))
ftman8dir = $(mandir)/man8
nodist_ftman8_DATA = $(patsubst $(top_srcdir)/%.scd,%,$(filter %.8.scd,$(ft_man_sources)))
ft_man_pages = $(nodist_ftman1_DATA) $(nodist_ftman3_DATA) $(nodist_ftman5_DATA) \
    $(nodist_ftman7_DATA) $(nodist_ftman8_DATA)
CLEANFILES += $(ft_man_pages)

# Through a file of its own: a page that scdoc refuses must not be left behind, half made.
$(ft_man_pages): %: $(top_srcdir)/%.scd
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SCDOC) <$< >$@.new && mv $@.new $@
endif
