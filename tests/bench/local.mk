# SPDX-License-Identifier: BSD-3-Clause
# Benchmarks and the soak test, on virtual nodes; never part of `make check`. Run inside ./dev:
#   ./dev make bench        ./dev make soak SOAK_N=50
if !SANITIZERS
noinst_PROGRAMS += tests/bench/bench_loss
endif
noinst_PROGRAMS += tests/bench/bench_beats
tests_bench_bench_loss_SOURCES = tests/bench/bench_loss.c
tests_bench_bench_loss_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
# A program, not a libtool script: the nodes see the build tree read-only.
tests_bench_bench_loss_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_bench_bench_loss_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)

tests_bench_bench_beats_SOURCES = tests/bench/bench_beats.c
tests_bench_bench_beats_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(UV_CFLAGS)
tests_bench_bench_beats_LDADD = src/core/libftcore.la src/net/libftnet.la src/wire/libftwire.la \
    src/common/libftcommon.la $(UV_LIBS) $(PROTOBUFC_LIBS)

noinst_PROGRAMS += tests/bench/bench_find tests/bench/bench_fleet
bench_core_ldadd = src/core/libftcore.la src/wire/libftwire.la src/common/libftcommon.la -lm
tests_bench_bench_find_SOURCES = tests/bench/bench_find.c
tests_bench_bench_find_LDADD = $(bench_core_ldadd)
tests_bench_bench_fleet_SOURCES = tests/bench/bench_fleet.c
tests_bench_bench_fleet_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS)
tests_bench_bench_fleet_LDADD = $(bench_core_ldadd)

EXTRA_DIST += tests/bench/bench tests/bench/soak tests/bench/lib.sh tests/bench/node.sh tests/bench/fleet.sh tests/bench/central.sh tests/bench/beats.sh \
    tests/bench/README.md

bench: stage
	@FT_BUILD='$(abs_top_builddir)' '$(abs_top_srcdir)/tests/bench/bench'
soak: stage
	@FT_BUILD='$(abs_top_builddir)' SOAK_N='$(SOAK_N)' '$(abs_top_srcdir)/tests/bench/soak'
.PHONY: bench soak
