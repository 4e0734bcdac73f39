# SPDX-License-Identifier: BSD-3-Clause
# The program `ft`; all but its main() is a library, for the unit tests.
noinst_LTLIBRARIES += src/cli/libftcli.la
src_cli_libftcli_la_SOURCES = \
    src/cli/admin.c src/cli/admin.h \
    src/cli/arguments.c src/cli/arguments.h \
    src/cli/capture.c src/cli/capture.h \
    src/cli/central.c \
    src/cli/cli.c src/cli/cli.h \
    src/cli/config.c \
    src/cli/doctor.c \
    src/cli/drain.c \
    src/cli/env.c \
    src/cli/environ.c src/cli/environ.h \
    src/cli/event_line.c src/cli/event_line.h \
    src/cli/events.c \
    src/cli/events_asked.c src/cli/events_asked.h \
    src/cli/install.c src/cli/install.h \
    src/cli/listing.c src/cli/listing.h \
    src/cli/locations.c src/cli/locations.h \
    src/cli/modules.c \
    src/cli/move.c \
    src/cli/mpirun.c src/cli/mpirun.h \
    src/cli/nodes.c \
    src/cli/options.c src/cli/options.h \
    src/cli/probe.c \
    src/cli/run.c \
    src/cli/sbatch.c \
    src/cli/shell.c src/cli/shell.h \
    src/cli/slurm_words.c src/cli/slurm_words.h \
    src/cli/status.c \
    src/cli/table.c src/cli/table.h \
    src/cli/version.c \
    src/cli/watch.c src/cli/watch.h
src_cli_libftcli_la_CPPFLAGS = $(AM_CPPFLAGS) $(YYJSON_CFLAGS) \
    -DFT_PREFIX_DIR='"$(prefix)"' -DFT_BINDIR='"$(bindir)"' -DFT_SBINDIR='"$(sbindir)"' \
    -DFT_LIBDIR='"$(libdir)"' -DFT_PRTELIBDIR='"$(prtelibdir)"' \
    -DFT_PKGLIBEXECDIR='"$(pkglibexecdir)"' -DFT_PRTE_PKGLIBDIR='"$(ft_prte_pkglibdir)"' \
    -DFT_OPENMPI_VERSION='"$(ft_openmpi_version)"' -DFT_PRRTE_VERSION='"$(ft_prrte_version)"'
src_cli_libftcli_la_LIBADD = src/libft/libftapi.la src/conf/libftconf.la \
    src/common/libftcommon.la $(YYJSON_LIBS)

bin_PROGRAMS += src/cli/ft
src_cli_ft_SOURCES = src/cli/main.c
src_cli_ft_LDADD = src/cli/libftcli.la

# bash loads it when somebody first completes `ft`.
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = src/cli/completion/ft
