# SPDX-License-Identifier: BSD-3-Clause
# Each fragment below lists its own tests, so that rooms grow without meeting here.
include $(top_srcdir)/tests/unit/local.mk
include $(top_srcdir)/tests/system/progs/mpiext.mk
include $(top_srcdir)/tests/system/progs/retarget.mk
include $(top_srcdir)/tests/system/progs/repair.mk
include $(top_srcdir)/tests/system/progs/road.mk
include $(top_srcdir)/tests/system/progs/survive.mk
include $(top_srcdir)/tests/system/progs/discovery.mk
include $(top_srcdir)/tests/system/progs/slurm.mk
include $(top_srcdir)/tests/system/progs/keep.mk
include $(top_srcdir)/tests/system/progs/matrix.mk
include $(top_srcdir)/tests/bench/local.mk

# All system tests, the long ones too, each with all it has; inside ./dev.
check-full:
	@FT_IN_DEV=1 '$(abs_top_srcdir)/check' full
.PHONY: check-full
