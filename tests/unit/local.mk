# SPDX-License-Identifier: BSD-3-Clause
include $(top_srcdir)/tests/unit/wire.mk
include $(top_srcdir)/tests/unit/net.mk
include $(top_srcdir)/tests/unit/libft.mk
include $(top_srcdir)/tests/unit/topology.mk
include $(top_srcdir)/tests/unit/noded.mk
include $(top_srcdir)/tests/unit/supervisor.mk
include $(top_srcdir)/tests/unit/core.mk
include $(top_srcdir)/tests/unit/conf.mk
include $(top_srcdir)/tests/unit/centrald.mk
include $(top_srcdir)/tests/unit/mpiext.mk
include $(top_srcdir)/tests/unit/keep.mk
include $(top_srcdir)/tests/unit/world.mk
include $(top_srcdir)/tests/unit/cli.mk
include $(top_srcdir)/tests/unit/detector.mk
include $(top_srcdir)/tests/unit/book.mk
