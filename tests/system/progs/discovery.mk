# SPDX-License-Identifier: BSD-3-Clause
# The stranger on the network of the identification's tests: libc only.
noinst_PROGRAMS += tests/system/progs/datagrams
tests_system_progs_datagrams_SOURCES = tests/system/progs/datagrams.c
EXTRA_DIST += tests/system/progs/clock_shift.c # compiled by the test that preloads it
