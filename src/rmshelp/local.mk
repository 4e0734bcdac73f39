# SPDX-License-Identifier: BSD-3-Clause
# The helper that speaks with slurmctld: a program of its own, the only one with libslurm in it. What
# makes requests is a library, because tests look at it.
noinst_LTLIBRARIES += src/rmshelp/libftwish.la
src_rmshelp_libftwish_la_SOURCES =
src_rmshelp_libftwish_la_LIBADD = src/rms/libftrmstalk.la src/common/libftcommon.la
if HAVE_SLURM
src_rmshelp_libftwish_la_SOURCES += src/rmshelp/wish.c src/rmshelp/wish.h
src_rmshelp_libftwish_la_LIBADD += -lslurm

pkglibexec_PROGRAMS += src/rmshelp/ft-rms-slurm
src_rmshelp_ft_rms_slurm_SOURCES = \
    src/rmshelp/allocation.c src/rmshelp/allocation.h \
    src/rmshelp/ask.c src/rmshelp/ask.h \
    src/rmshelp/become.c src/rmshelp/become.h \
    src/rmshelp/head.c src/rmshelp/head.h \
    src/rmshelp/main.c \
    src/rmshelp/orphans.c src/rmshelp/orphans.h \
    src/rmshelp/serve.c src/rmshelp/serve.h \
    src/rmshelp/side.c src/rmshelp/side.h \
    src/rmshelp/watch.c src/rmshelp/watch.h
src_rmshelp_ft_rms_slurm_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
src_rmshelp_ft_rms_slurm_LDADD = src/rmshelp/libftwish.la
endif

# The PMIx tool that asks its host for nodes: the only program with libpmix in it.
pkglibexec_PROGRAMS += src/rmshelp/ft-rms-pmix
src_rmshelp_ft_rms_pmix_SOURCES = src/rmshelp/pmix.c
src_rmshelp_ft_rms_pmix_CPPFLAGS = $(AM_CPPFLAGS) $(PMIX_CFLAGS) -D_GNU_SOURCE
src_rmshelp_ft_rms_pmix_LDADD = src/rms/libftrmstalk.la src/common/libftcommon.la $(PMIX_LIBS)
