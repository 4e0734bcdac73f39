# SPDX-License-Identifier: BSD-3-Clause
# The central unit's part in the tests of nodes from Slurm.
if HAVE_SLURM
noinst_PROGRAMS += tests/system/progs/rms_slurm
endif
tests_system_progs_rms_slurm_SOURCES = tests/system/progs/rms_slurm.c
tests_system_progs_rms_slurm_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
tests_system_progs_rms_slurm_LDADD = src/rms/libftrms.la src/common/libftcommon.la $(UV_LIBS)
