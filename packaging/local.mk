# SPDX-License-Identifier: BSD-3-Clause
systemdunitdir = $(prefix)/lib/systemd/system
nodist_systemdunit_DATA = packaging/systemd/ft-noded.service packaging/systemd/ft-centrald.service
EXTRA_DIST += packaging/systemd/ft-noded.service.in packaging/systemd/ft-centrald.service.in
CLEANFILES += $(nodist_systemdunit_DATA)

set_folders = $(SED) -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g'
packaging/systemd/ft-noded.service: $(top_srcdir)/packaging/systemd/ft-noded.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) packaging/systemd && \
	    $(set_folders) $(top_srcdir)/packaging/systemd/ft-noded.service.in >$@.new && mv $@.new $@
packaging/systemd/ft-centrald.service: $(top_srcdir)/packaging/systemd/ft-centrald.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) packaging/systemd && \
	    $(set_folders) $(top_srcdir)/packaging/systemd/ft-centrald.service.in >$@.new && mv $@.new $@
