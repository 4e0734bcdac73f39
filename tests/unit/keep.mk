# SPDX-License-Identifier: BSD-3-Clause
# Kept state without MPI: partners, checksums, generations, bytes, and a server asked through its
# port.
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_keep
tests_unit_test_keep_SOURCES = tests/unit/test_keep.c mpi-ext/layer/gone.c \
    mpi-ext/layer/keep_image.c mpi-ext/layer/keep_line.c mpi-ext/layer/keep_memory.c \
    mpi-ext/layer/keep_partner.c \
    mpi-ext/layer/keep_server.c mpi-ext/layer/keep_store.c mpi-ext/layer/keep_sum.c \
    mpi-ext/layer/keep_thread.c mpi-ext/layer/keep_wire.c
tests_unit_test_keep_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/mpi-ext $(MPI_CFLAGS) \
    $(PMIX_CFLAGS) $(SODIUM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_keep_CFLAGS = $(AM_CFLAGS) -pthread
tests_unit_test_keep_LDADD = $(PMIX_LIBS) $(SODIUM_LIBS) $(CHECK_LIBS)
endif
TESTS += tests/unit/test_languages.sh
EXTRA_DIST += tests/unit/test_languages.sh
