# SPDX-License-Identifier: BSD-3-Clause
# The simulation has voters of its own, in which faults can be planted (see src/core/planted.h).
check_PROGRAMS += tests/sim/sim_book
tests_sim_sim_book_SOURCES = $(voter_sources) src/core/ledger.c src/core/steward.c \
    tests/sim/sim_book.c tests/sim/book_world.c tests/sim/book_world.h \
    tests/sim/harness.c tests/sim/harness.h
tests_sim_sim_book_CPPFLAGS = $(AM_CPPFLAGS) -DFT_PLANT_BUGS $(RAFT_CFLAGS)
tests_sim_sim_book_LDADD = src/common/libftcommon.la $(RAFT_LIBS)

if HAVE_CHECK
check_PROGRAMS += tests/unit/test_ledger tests/unit/test_book
tests_unit_test_ledger_SOURCES = tests/unit/test_ledger.c
tests_unit_test_ledger_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_ledger_LDADD = src/core/libftcore.la src/common/libftcommon.la $(CHECK_LIBS)
tests_unit_test_book_SOURCES = tests/unit/test_book.c
tests_unit_test_book_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(PROTOBUFC_CFLAGS) $(RAFT_CFLAGS) \
    $(CHECK_CFLAGS)
tests_unit_test_book_LDADD = src/centrald/libftbook.la src/core/libftcore.la src/net/libftnet.la \
    src/wire/libftwire.la src/common/libftcommon.la $(RAFT_LIBS) $(UV_LIBS) $(CHECK_LIBS)
endif
