# SPDX-License-Identifier: BSD-3-Clause
# The simulation has voters of its own, in which faults can be planted (see src/core/planted.h).
check_PROGRAMS += tests/sim/sim_book
tests_sim_sim_book_SOURCES = $(voter_sources) src/core/ledger.c src/core/steward.c \
    tests/sim/sim_book.c tests/sim/book_world.c tests/sim/book_world.h
tests_sim_sim_book_CPPFLAGS = $(AM_CPPFLAGS) -DFT_PLANT_BUGS $(RAFT_CFLAGS)
tests_sim_sim_book_LDADD = src/common/libftcommon.la $(RAFT_LIBS)
