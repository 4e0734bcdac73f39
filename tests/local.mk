# SPDX-License-Identifier: BSD-3-Clause
# Each fragment below lists its own tests, so that rooms grow without meeting here.
include $(top_srcdir)/tests/unit/local.mk
include $(top_srcdir)/tests/system/progs/mpiext.mk
include $(top_srcdir)/tests/system/progs/road.mk
include $(top_srcdir)/tests/system/progs/survive.mk
include $(top_srcdir)/tests/system/progs/discovery.mk
include $(top_srcdir)/tests/system/progs/slurm.mk
include $(top_srcdir)/tests/bench/local.mk
