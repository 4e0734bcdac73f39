/* SPDX-License-Identifier: BSD-3-Clause */
/* What a job with --ft has in its environment: all of it, or, where FT is not there, nothing. */
#include "config.h"

#include "variables.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VARIABLES_MAX 32

static char folder[] = "/tmp/ft-test-variables.XXXXXX";
static struct {
    char name[64], value[2048];
    int overwrite;
} got[VARIABLES_MAX];
static int n;
static bool refuses;
static char why[1300];

static int put(void *arg, const char *name, const char *value, int overwrite)
{
    ck_assert_ptr_eq(arg, &n);
    ck_assert_int_lt(n, VARIABLES_MAX);
    snprintf(got[n].name, sizeof got[n].name, "%s", name);
    snprintf(got[n].value, sizeof got[n].value, "%s", value);
    got[n++].overwrite = overwrite;
    return refuses ? -1 : 0;
}

static const char *value_of(const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(got[i].name, name) == 0)
            return got[i].value;
    return NULL;
}

/* An empty file where FT has `name` below configure's `path`, with the prefix moved to `folder`. */
static void install(const char *path, const char *name)
{
    char command[4096];

    ck_assert_msg(strncmp(path, FT_PREFIX_DIR, strlen(FT_PREFIX_DIR)) == 0, "%s", path);
    snprintf(command, sizeof command, "mkdir -p '%s%s' && install -m 755 /dev/null '%s%s/%s'",
             folder, path + strlen(FT_PREFIX_DIR), folder, path + strlen(FT_PREFIX_DIR), name);
    ck_assert_int_eq(system(command), 0);
}

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    n = 0;
    refuses = false;
    install(FT_PRTELIBDIR, "prte_mca_errmgr_ft.so");
    install(FT_LIBDIR, "libftmpi.so");
    install(FT_SBINDIR, "ft-noded");
    install(FT_SBINDIR, "ft-centrald");
    install(FT_PKGLIBEXECDIR, "ft-srun");
}

static void teardown(void)
{
    char command[256];

    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(all_of_them)
{
    struct variables_asked asked = {.mode = "repair", .spares = "2", .prefix = folder};

    ck_assert_msg(variables_set(&asked, put, &n, why, sizeof why) == 0, "%s", why);
    ck_assert_str_eq(value_of("PRTE_MCA_errmgr_ft_runtime"), "1");
    ck_assert_str_eq(value_of("PRTE_MCA_errmgr_ft_always"), "1");
    ck_assert_str_eq(value_of("SLURM_NO_KILL"), "");
    ck_assert_str_eq(value_of("FT_MODE"), "repair");
    ck_assert_str_eq(value_of("FT_SPARES"), "2");
    ck_assert_ptr_null(value_of("LD_PRELOAD"));
    for (int i = 0; i < n; i++) /* only what is this job's alone overrules the user's own */
        ck_assert_int_eq(got[i].overwrite, strncmp(got[i].name, "FT_MODE", 7) == 0
                                               || strcmp(got[i].name, "FT_SPARES") == 0
                                               || strcmp(got[i].name, "SLURM_NO_KILL") == 0);
}
END_TEST

START_TEST(a_moved_installation_is_named)
{
    struct variables_asked asked = {.mode = "report", .prefix = folder};
    static const char *const paths[] = {"PRTE_MCA_errmgr_ft_preload", "PRTE_MCA_errmgr_ft_noded",
                                        "PRTE_MCA_errmgr_ft_centrald", "FT_NODED", "FT_RSH_AGENT",
                                        "PRTE_PKGLIBDIR", "PRTE_MCA_prte_launch_agent"};

    ck_assert_msg(variables_set(&asked, put, &n, why, sizeof why) == 0, "%s", why);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        ck_assert_msg(value_of(paths[i]) != NULL, "%s", paths[i]);
        ck_assert_msg(strncmp(value_of(paths[i]), folder, strlen(folder)) == 0, "%s", paths[i]);
    }
    ck_assert_ptr_null(value_of("FT_SPARES"));
}
END_TEST

static const char *const no_spares[] = {NULL, "", "0"};

START_TEST(no_spares_is_no_variable)
{
    struct variables_asked asked = {.mode = "repair", .spares = no_spares[_i], .prefix = folder};

    ck_assert_int_eq(variables_set(&asked, put, &n, why, sizeof why), 0);
    ck_assert_ptr_null(value_of("FT_SPARES"));
}
END_TEST

START_TEST(nothing_if_a_part_is_missing)
{
    struct variables_asked asked = {.mode = "repair", .prefix = folder};
    char command[256];

    snprintf(command, sizeof command, "find '%s' -name ft-centrald -exec rm {} +", folder);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(variables_set(&asked, put, &n, why, sizeof why), -1);
    ck_assert_int_eq(n, 0);
    ck_assert_msg(strstr(why, "ft-centrald: No such file"), "%s", why);
}
END_TEST

START_TEST(a_refusal_is_said)
{
    struct variables_asked asked = {.mode = "repair", .prefix = folder};

    refuses = true;
    ck_assert_int_eq(variables_set(&asked, put, &n, why, sizeof why), -1);
    ck_assert_msg(strstr(why, "environment"), "%s", why);
}
END_TEST

START_TEST(what_a_job_around_left_is_forgotten)
{
    char pid[16];

    setenv("PRTE_MCA_errmgr_ft_always", "1", 1);
    setenv("FT_SPARES", "1", 1);
    snprintf(pid, sizeof pid, "%ld", (long) getpid());
    setenv("FT_SBATCH", pid, 1); /* this very process was `ft sbatch`, which has just set them */
    variables_forget();
    ck_assert_str_eq(getenv("FT_SPARES"), "1");
    setenv("FT_SBATCH", "1", 1);
    variables_forget();
    ck_assert_ptr_null(getenv("FT_SPARES"));
    ck_assert_ptr_null(getenv("FT_SBATCH"));
    ck_assert_ptr_null(getenv("PRTE_MCA_errmgr_ft_always"));
    setenv("FT_MODE", "mine", 1);
    variables_forget();
    ck_assert_str_eq(getenv("FT_MODE"), "mine");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pmix-plugin/slurm/variables");
    TCase *t = tcase_create("variables");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, all_of_them);
    tcase_add_test(t, a_moved_installation_is_named);
    tcase_add_loop_test(t, no_spares_is_no_variable, 0, sizeof no_spares / sizeof no_spares[0]);
    tcase_add_test(t, nothing_if_a_part_is_missing);
    tcase_add_test(t, a_refusal_is_said);
    tcase_add_test(t, what_a_job_around_left_is_forgotten);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
