# SPDX-License-Identifier: BSD-3-Clause
if HAVE_CHECK
cli_tests = tests/unit/test_cli_options tests/unit/test_cli_environ tests/unit/test_cli_event_line \
    tests/unit/test_cli_capture tests/unit/test_cli_mpirun tests/unit/test_cli_shell \
    tests/unit/test_cli_arguments tests/unit/test_slurm_words tests/unit/test_jobrequest \
    tests/unit/test_slurm_variables
check_PROGRAMS += $(cli_tests)
cli_test_cppflags = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
cli_test_ldadd = src/cli/libftcli.la $(CHECK_LIBS)

tests_unit_test_cli_options_SOURCES = tests/unit/test_cli_options.c
tests_unit_test_cli_options_CPPFLAGS = $(cli_test_cppflags)
tests_unit_test_cli_options_LDADD = $(cli_test_ldadd)
tests_unit_test_cli_environ_SOURCES = tests/unit/test_cli_environ.c
tests_unit_test_cli_environ_CPPFLAGS = $(cli_test_cppflags) -DFT_PREFIX_DIR='"$(prefix)"' \
    -DFT_BINDIR='"$(bindir)"' -DFT_SBINDIR='"$(sbindir)"' -DFT_LIBDIR='"$(libdir)"' \
    -DFT_PRTELIBDIR='"$(prtelibdir)"' -DFT_PRTE_PKGLIBDIR='"$(ft_prte_pkglibdir)"'
tests_unit_test_cli_environ_LDADD = $(cli_test_ldadd)
tests_unit_test_cli_event_line_SOURCES = tests/unit/test_cli_event_line.c
tests_unit_test_cli_event_line_CPPFLAGS = $(cli_test_cppflags)
tests_unit_test_cli_event_line_LDADD = $(cli_test_ldadd)
tests_unit_test_cli_capture_SOURCES = tests/unit/test_cli_capture.c
tests_unit_test_cli_capture_CPPFLAGS = $(cli_test_cppflags)
tests_unit_test_cli_capture_LDADD = $(cli_test_ldadd)
tests_unit_test_cli_mpirun_SOURCES = tests/unit/test_cli_mpirun.c
tests_unit_test_cli_mpirun_CPPFLAGS = $(cli_test_cppflags)
tests_unit_test_cli_mpirun_LDADD = $(cli_test_ldadd)
tests_unit_test_cli_shell_SOURCES = tests/unit/test_cli_shell.c
tests_unit_test_cli_shell_CPPFLAGS = $(cli_test_cppflags)
tests_unit_test_cli_shell_LDADD = $(cli_test_ldadd)
tests_unit_test_cli_arguments_SOURCES = tests/unit/test_cli_arguments.c
tests_unit_test_cli_arguments_CPPFLAGS = $(cli_test_cppflags) $(YYJSON_CFLAGS)
tests_unit_test_cli_arguments_LDADD = $(cli_test_ldadd)
tests_unit_test_slurm_words_SOURCES = tests/unit/test_slurm_words.c
tests_unit_test_slurm_words_CPPFLAGS = $(cli_test_cppflags)
tests_unit_test_slurm_words_LDADD = $(cli_test_ldadd)
tests_unit_test_jobrequest_SOURCES = tests/unit/test_jobrequest.c
tests_unit_test_jobrequest_CPPFLAGS = $(cli_test_cppflags)
tests_unit_test_jobrequest_LDADD = src/common/libftcommon.la $(CHECK_LIBS)
tests_unit_test_slurm_variables_SOURCES = tests/unit/test_slurm_variables.c \
    pmix-plugin/slurm/variables.c
tests_unit_test_slurm_variables_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS) \
    -I$(top_srcdir)/pmix-plugin/slurm $(slurm_plugin_places)
tests_unit_test_slurm_variables_LDADD = $(CHECK_LIBS)
endif
