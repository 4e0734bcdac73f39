/* SPDX-License-Identifier: BSD-3-Clause */
/* Which mpirun is taken, and why another is not. Small scripts stand in for the programs. */
#include "config.h"

#include "cli/cli.h"
#include "cli/mpirun.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/ft-test-cli.XXXXXX";
static struct mpirun m;
static char why[1024];

static void setup(void)
{
    char path[256];

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s:/usr/bin:/bin", folder);
    ck_assert_int_eq(setenv("PATH", path, 1), 0);
    unsetenv("FT_MPIRUN");
    why[0] = '\0';
}

static void teardown(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void program(const char *name, const char *script)
{
    FILE *f = fopen(path_of(name), "w");
    int error;

    ck_assert_ptr_nonnull(f);
    ck_assert_int_gt(fprintf(f, "#!/bin/sh\n%s\n", script), 0);
    error = fclose(f);
    ck_assert_int_eq(error, 0);
    ck_assert_int_eq(chmod(path_of(name), 0755), 0);
}

START_TEST(open_mpi_with_ulfm)
{
    program("mpirun", "echo 'mpirun (Open MPI) 5.1.2rc1'; echo 'Report bugs'");
    program("ompi_info", "[ \"$*\" = '-c --parsable' ] && echo options:ft_mpi_support:yes");
    ck_assert_int_eq(mpirun_find(&m, NULL, why, sizeof why), 0);
    ck_assert_str_eq(m.path, path_of("mpirun"));
    ck_assert_str_eq(m.version, "5.1.2rc1");
}
END_TEST

START_TEST(open_mpi_without_ulfm)
{
    program("mpirun", "echo 'mpirun (Open MPI) 5.1.2rc1'");
    program("mpirun.openmpi", "echo 'mpirun (Open MPI) 5.1.2rc1'");
    program("ompi_info", "echo options:ft_mpi_support:no");
    ck_assert_int_eq(mpirun_find(&m, NULL, why, sizeof why), CLI_RUN_FAILED);
    ck_assert_msg(strstr(why, "without ULFM"), "%s", why);
}
END_TEST

START_TEST(open_mpi_that_is_too_old)
{
    program("mpirun", "echo 'mpirun (Open MPI) 4.1.4'");
    ck_assert_int_eq(mpirun_find(&m, path_of("mpirun"), why, sizeof why), CLI_RUN_FAILED);
    ck_assert_msg(strstr(why, "4.1.4") && strstr(why, "5 or newer"), "%s", why);
}
END_TEST

START_TEST(another_mpi_is_stepped_over_for_mpirun_openmpi)
{
    program("mpirun", "echo 'HYDRA build details:'");
    program("mpirun.openmpi", "echo 'mpirun.openmpi (Open MPI) 6.0.0'");
    program("ompi_info", "echo options:ft_mpi_support:yes");
    ck_assert_int_eq(mpirun_find(&m, NULL, why, sizeof why), 0);
    ck_assert_str_eq(m.path, path_of("mpirun.openmpi"));
}
END_TEST

START_TEST(another_mpi_that_was_named_is_refused)
{
    program("mpirun", "echo 'HYDRA build details:'");
    ck_assert_int_eq(setenv("FT_MPIRUN", path_of("mpirun"), 1), 0);
    ck_assert_int_eq(mpirun_find(&m, NULL, why, sizeof why), CLI_RUN_FAILED);
    ck_assert_msg(strstr(why, "is not Open MPI's (it says: HYDRA build details:)"), "%s", why);
}
END_TEST

START_TEST(named_by_option_beats_the_variable)
{
    program("a", "echo 'a (Open MPI) 6.0.0'");
    program("ompi_info", "echo options:ft_mpi_support:yes");
    ck_assert_int_eq(setenv("FT_MPIRUN", "/nowhere", 1), 0);
    ck_assert_int_eq(mpirun_find(&m, path_of("a"), why, sizeof why), 0);
    ck_assert_str_eq(m.path, path_of("a"));
}
END_TEST

START_TEST(none_there)
{
    ck_assert_int_eq(setenv("PATH", folder, 1), 0);
    ck_assert_int_eq(mpirun_find(&m, NULL, why, sizeof why), CLI_RUN_MISSING);
    ck_assert_msg(strstr(why, "apt-get install openmpi-bin"), "%s", why);
    ck_assert_int_eq(mpirun_find(&m, "/nowhere/mpirun", why, sizeof why), CLI_RUN_MISSING);
    ck_assert_msg(strstr(why, "/nowhere/mpirun"), "%s", why);
    unsetenv("PATH");
    ck_assert_int_eq(mpirun_find(&m, NULL, why, sizeof why), CLI_RUN_MISSING);
}
END_TEST

START_TEST(there_and_not_executable)
{
    program("mpirun", "");
    ck_assert_int_eq(chmod(path_of("mpirun"), 0644), 0);
    ck_assert_int_eq(mpirun_find(&m, path_of("mpirun"), why, sizeof why), CLI_RUN_DENIED);
    ck_assert_msg(strstr(why, "not an executable"), "%s", why);
    ck_assert_int_eq(mpirun_find(&m, folder, why, sizeof why), CLI_RUN_DENIED);
}
END_TEST

static const struct {
    const char *text, *version;
} versions[] = {
    {"mpirun (Open MPI) 5.0.7\n\nReport bugs to https://www.open-mpi.org/community/help/\n",
     "5.0.7"},
    {"mpirun (Open MPI) 5.1.0a1", "5.1.0a1"},
    {"mpirun (Open MPI) ", NULL},
    {"mpirun (Open MPI)", NULL},
    {"", NULL},
    {"HYDRA build details:\n    Version: 4.0.2\n", NULL},
    {"mpirun (Open MPI) 12345678901234567890", NULL},
};

START_TEST(versions_are_read)
{
    char version[16];

    ck_assert_int_eq(mpirun_parse_version(versions[_i].text, version, sizeof version),
                     versions[_i].version ? 0 : -1);
    if (versions[_i].version)
        ck_assert_str_eq(version, versions[_i].version);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cli/mpirun");
    TCase *t = tcase_create("mpirun");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, open_mpi_with_ulfm);
    tcase_add_test(t, open_mpi_without_ulfm);
    tcase_add_test(t, open_mpi_that_is_too_old);
    tcase_add_test(t, another_mpi_is_stepped_over_for_mpirun_openmpi);
    tcase_add_test(t, another_mpi_that_was_named_is_refused);
    tcase_add_test(t, named_by_option_beats_the_variable);
    tcase_add_test(t, none_there);
    tcase_add_test(t, there_and_not_executable);
    tcase_add_loop_test(t, versions_are_read, 0, sizeof versions / sizeof versions[0]);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
