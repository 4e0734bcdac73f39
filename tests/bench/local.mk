# SPDX-License-Identifier: BSD-3-Clause
# Benchmarks and the soak test, on virtual nodes; never part of `make check`. Run inside ./dev:
#   ./dev make bench        ./dev make soak SOAK_N=50
if !SANITIZERS
noinst_PROGRAMS += tests/bench/bench_loss
endif
tests_bench_bench_loss_SOURCES = tests/bench/bench_loss.c
tests_bench_bench_loss_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
# A program, not a libtool script: the nodes see the build tree read-only.
tests_bench_bench_loss_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_bench_bench_loss_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)

EXTRA_DIST += tests/bench/bench tests/bench/soak tests/bench/lib.sh tests/bench/README.md

bench: stage
	@FT_BUILD='$(abs_top_builddir)' '$(abs_top_srcdir)/tests/bench/bench'
soak: stage
	@FT_BUILD='$(abs_top_builddir)' SOAK_N='$(SOAK_N)' '$(abs_top_srcdir)/tests/bench/soak'
.PHONY: bench soak
