# SPDX-License-Identifier: BSD-3-Clause
# Benchmarks and the soak test, on virtual nodes; never part of `make check`. Run inside ./dev:
#   ./dev make bench        ./dev make soak SOAK_N=50
if !SANITIZERS
noinst_PROGRAMS += tests/bench/bench_loss tests/bench/bench_warm tests/bench/bench_keep \
    tests/bench/bench_cost tests/bench/bench_repair
endif
noinst_PROGRAMS += tests/bench/bench_beats
tests_bench_bench_loss_SOURCES = tests/bench/bench_loss.c
tests_bench_bench_loss_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
# A program, not a libtool script: the nodes see the build tree read-only.
tests_bench_bench_loss_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_bench_bench_loss_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)

# Not linked to anything of FT's: the same program runs without.
tests_bench_bench_cost_SOURCES = tests/bench/bench_cost.c
tests_bench_bench_cost_CPPFLAGS = $(MPI_CFLAGS)
tests_bench_bench_cost_LDADD = $(MPI_LIBS)

tests_bench_bench_warm_SOURCES = tests/bench/bench_warm.c
tests_bench_bench_warm_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_bench_bench_warm_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_bench_bench_warm_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)

tests_bench_bench_repair_SOURCES = tests/bench/bench_repair.c
tests_bench_bench_repair_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_bench_bench_repair_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_bench_bench_repair_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)

tests_bench_bench_keep_SOURCES = tests/bench/bench_keep.c
tests_bench_bench_keep_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_bench_bench_keep_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_bench_bench_keep_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)

tests_bench_bench_beats_SOURCES = tests/bench/bench_beats.c
tests_bench_bench_beats_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS) $(UV_CFLAGS)
tests_bench_bench_beats_LDADD = src/core/libftcore.la src/net/libftnet.la src/wire/libftwire.la \
    src/common/libftcommon.la $(UV_LIBS) $(PROTOBUFC_LIBS)

noinst_PROGRAMS += tests/bench/bench_find tests/bench/bench_fleet tests/bench/bench_topology
bench_core_ldadd = src/core/libftcore.la src/wire/libftwire.la src/common/libftcommon.la -lm
tests_bench_bench_find_SOURCES = tests/bench/bench_find.c
tests_bench_bench_find_LDADD = $(bench_core_ldadd)
tests_bench_bench_fleet_SOURCES = tests/bench/bench_fleet.c
tests_bench_bench_fleet_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS)
tests_bench_bench_fleet_LDADD = $(bench_core_ldadd)
tests_bench_bench_topology_SOURCES = tests/bench/bench_topology.c
tests_bench_bench_topology_LDADD = src/topology/libfttopology.la src/common/libftcommon.la

EXTRA_DIST += tests/bench/bench tests/bench/soak tests/bench/lib.sh tests/bench/node.sh tests/bench/warm.sh tests/bench/repair.sh tests/bench/fleet.sh tests/bench/central.sh tests/bench/beats.sh tests/bench/cost.sh \
    tests/bench/keep.sh tests/bench/README.md

bench: stage
	@FT_BUILD='$(abs_top_builddir)' '$(abs_top_srcdir)/tests/bench/bench'
soak: stage
	@FT_BUILD='$(abs_top_builddir)' SOAK_N='$(SOAK_N)' '$(abs_top_srcdir)/tests/bench/soak'
.PHONY: bench soak
