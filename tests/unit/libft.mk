# SPDX-License-Identifier: BSD-3-Clause
# Tests of libft use it as a program does; libft_unit is the node unit that they talk to.
if HAVE_CHECK
libft_tests = tests/unit/test_libft_values tests/unit/test_libft tests/unit/test_libft_nonblocking \
    tests/unit/test_libft_host tests/unit/test_libft_memory tests/unit/test_libft_dlopen
check_PROGRAMS += $(libft_tests)
libft_test_cppflags = $(AM_CPPFLAGS) $(CHECK_CFLAGS) $(PROTOBUFC_CFLAGS)
libft_test_cflags = $(AM_CFLAGS) -pthread
libft_test_ldadd = libft.la src/wire/libftwire.la $(CHECK_LIBS)
libft_unit = tests/unit/libft_unit.c tests/unit/libft_unit.h

tests_unit_test_libft_values_SOURCES = tests/unit/test_libft_values.c
tests_unit_test_libft_values_CPPFLAGS = $(libft_test_cppflags)
tests_unit_test_libft_values_LDADD = libft.la $(CHECK_LIBS)
tests_unit_test_libft_SOURCES = tests/unit/test_libft.c $(libft_unit)
tests_unit_test_libft_CPPFLAGS = $(libft_test_cppflags)
tests_unit_test_libft_CFLAGS = $(libft_test_cflags)
tests_unit_test_libft_LDADD = $(libft_test_ldadd)
tests_unit_test_libft_nonblocking_SOURCES = tests/unit/test_libft_nonblocking.c $(libft_unit)
tests_unit_test_libft_nonblocking_CPPFLAGS = $(libft_test_cppflags)
tests_unit_test_libft_nonblocking_CFLAGS = $(libft_test_cflags)
tests_unit_test_libft_nonblocking_LDADD = $(libft_test_ldadd)
tests_unit_test_libft_host_SOURCES = tests/unit/test_libft_host.c $(libft_unit)
tests_unit_test_libft_host_CPPFLAGS = $(libft_test_cppflags)
tests_unit_test_libft_host_CFLAGS = $(libft_test_cflags)
tests_unit_test_libft_host_LDADD = $(libft_test_ldadd)
tests_unit_test_libft_memory_SOURCES = tests/unit/test_libft_memory.c $(libft_unit)
tests_unit_test_libft_memory_CPPFLAGS = $(libft_test_cppflags)
tests_unit_test_libft_memory_CFLAGS = $(libft_test_cflags)
tests_unit_test_libft_memory_LDADD = $(libft_test_ldadd)
# Not linked with libft: it loads it.
tests_unit_test_libft_dlopen_SOURCES = tests/unit/test_libft_dlopen.c $(libft_unit)
tests_unit_test_libft_dlopen_CPPFLAGS = $(libft_test_cppflags)
tests_unit_test_libft_dlopen_CFLAGS = $(libft_test_cflags)
tests_unit_test_libft_dlopen_LDADD = src/wire/libftwire.la $(CHECK_LIBS)
tests_unit_test_libft_dlopen_DEPENDENCIES = libft.la src/wire/libftwire.la
endif

EXTRA_DIST += tests/unit/test_libft_symbols.sh
TESTS += tests/unit/test_libft_symbols.sh
