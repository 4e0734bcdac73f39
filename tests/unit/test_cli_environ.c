/* SPDX-License-Identifier: BSD-3-Clause */
/* Where FT finds its own parts, and the variables it makes of that and of the options. */
#include "config.h"

#include "cli/environ.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/ft-test-cli.XXXXXX";
static struct install in;
static struct environ_list list;

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
    char command[128];

    environ_clear(&list);
    install_clear(&in);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s%s", folder, name);
    return path;
}

/* What is below the prefix of configure, below `root`. */
static const char *moved(const char *root, const char *configured, const char *name)
{
    static char path[1024];

    ck_assert_msg(strncmp(configured, FT_PREFIX_DIR, strlen(FT_PREFIX_DIR)) == 0,
                  "%s is not below %s", configured, FT_PREFIX_DIR);
    snprintf(path, sizeof path, "%s%s/%s", root, configured + strlen(FT_PREFIX_DIR), name);
    return path;
}

START_TEST(installed_as_configured)
{
    ck_assert_int_eq(install_find(&in, FT_BINDIR "/ft", NULL), 0);
    ck_assert_int_eq(in.kind, INSTALL_AS_CONFIGURED);
    ck_assert_str_eq(in.component, FT_PRTELIBDIR "/prte_mca_errmgr_ft.so");
    ck_assert_str_eq(in.component_dir, FT_PRTELIBDIR);
    ck_assert_str_eq(in.preload, FT_LIBDIR "/libftmpi.so");
    ck_assert_str_eq(in.noded, FT_SBINDIR "/ft-noded");
    ck_assert_str_eq(in.centrald, FT_SBINDIR "/ft-centrald");
    ck_assert(install_is_where_prrte_looks(&in) == (strcmp(FT_PRTELIBDIR, FT_PRTE_PKGLIBDIR) == 0));
}
END_TEST

START_TEST(a_copy_of_ft_elsewhere_uses_the_configured_folders)
{
    ck_assert_int_eq(install_find(&in, "/home/somebody/ft", NULL), 0);
    ck_assert_int_eq(in.kind, INSTALL_AS_CONFIGURED);
    ck_assert_str_eq(in.preload, FT_LIBDIR "/libftmpi.so");
}
END_TEST

START_TEST(a_moved_prefix_takes_all_along)
{
    char self[1024];

    snprintf(self, sizeof self, "%s", moved("/opt/x", FT_BINDIR, "ft"));
    ck_assert_int_eq(install_find(&in, self, NULL), 0);
    ck_assert_int_eq(in.kind, INSTALL_MOVED);
    ck_assert_str_eq(in.preload, moved("/opt/x", FT_LIBDIR, "libftmpi.so"));
    ck_assert_str_eq(in.noded, moved("/opt/x", FT_SBINDIR, "ft-noded"));
    ck_assert_str_eq(in.component, moved("/opt/x", FT_PRTELIBDIR, "prte_mca_errmgr_ft.so"));
}
END_TEST

START_TEST(a_build_tree_is_known_by_its_config_status)
{
    char command[512], self[600];

    snprintf(command, sizeof command, "mkdir -p %s/src/cli && touch %s/config.status", folder,
             folder);
    ck_assert_int_eq(system(command), 0);
    snprintf(self, sizeof self, "%s/src/cli/ft", folder);
    ck_assert_int_eq(install_find(&in, self, NULL), 0);
    ck_assert_int_eq(in.kind, INSTALL_BUILD_TREE);
    ck_assert_str_eq(in.component_dir, in_folder("/pmix-plugin/prrte/.libs"));
    ck_assert_str_eq(in.preload, in_folder("/mpi-ext/.libs/libftmpi.so"));
    install_clear(&in);

    snprintf(self, sizeof self, "%s/src/cli/.libs/ft", folder);
    ck_assert_int_eq(install_find(&in, self, NULL), 0);
    ck_assert_int_eq(in.kind, INSTALL_BUILD_TREE);
    ck_assert_str_eq(in.noded, in_folder("/src/noded/ft-noded"));
    install_clear(&in);

    ck_assert_int_eq(install_find(&in, "/usr/bin/ft", folder), 0);
    ck_assert_int_eq(in.kind, INSTALL_BUILD_TREE);
    install_clear(&in);

    ck_assert_int_eq(unlink(in_folder("/config.status")), 0);
    ck_assert_int_eq(install_find(&in, self, NULL), 0);
    ck_assert_int_eq(in.kind, INSTALL_AS_CONFIGURED);
}
END_TEST

START_TEST(a_given_prefix_wins_and_must_be_there)
{
    ck_assert_int_eq(install_find(&in, FT_BINDIR "/ft", folder), 0);
    ck_assert_int_eq(in.kind, INSTALL_MOVED);
    ck_assert_str_eq(in.preload, moved(folder, FT_LIBDIR, "libftmpi.so"));
    install_clear(&in);
    ck_assert_int_eq(install_find(&in, FT_BINDIR "/ft", in_folder("/nowhere")), -1);
}
END_TEST

START_TEST(missing_files_are_counted_and_named)
{
    char text[4096], tiny[8];

    ck_assert_int_eq(install_find(&in, FT_BINDIR "/ft", folder), 0);
    ck_assert_int_eq(install_missing(&in, true, text, sizeof text), 5);
    ck_assert_ptr_nonnull(strstr(text, in.prted));
    ck_assert_ptr_nonnull(strstr(text, in.component));
    ck_assert_ptr_nonnull(strstr(text, in.preload));
    ck_assert_ptr_nonnull(strstr(text, "ft-noded (No such file"));
    ck_assert_int_eq(install_missing(&in, false, text, sizeof text), 4);
    ck_assert_ptr_null(strstr(text, in.preload));
    ck_assert_int_eq(install_missing(&in, false, tiny, sizeof tiny), 4);
    ck_assert_uint_eq(strlen(tiny), sizeof tiny - 1);
}
END_TEST

static char *nothing(const char *name)
{
    (void) name;
    return NULL;
}

START_TEST(options_become_variables)
{
    char conf[] = "/a/ft.conf", events[] = "/a/log";
    struct options o = {.pool = "n3,n4", .conf = conf, .events = events, .share = true};

    ck_assert_int_eq(install_find(&in, FT_BINDIR "/ft", NULL), 0);
    ck_assert_int_eq(environ_make(&list, &o, &in, nothing), 0);
    ck_assert_str_eq(environ_value(&list, "PRTE_MCA_errmgr_ft_runtime"), "1");
    ck_assert_str_eq(environ_value(&list, "PRTE_MCA_errmgr_ft_preload"), in.preload);
    ck_assert_str_eq(environ_value(&list, "FT_POOL"), "n3,n4");
    ck_assert_str_eq(environ_value(&list, "FT_CONF"), conf);
    ck_assert_str_eq(environ_value(&list, "FT_EVENTS"), events);
    ck_assert_str_eq(environ_value(&list, "FT_SHARE"), "1");
    ck_assert_ptr_null(environ_value(&list, "PRTE_MCA_errmgr_ft_noded"));
}
END_TEST

START_TEST(the_ranks_hear_where_the_nodes_are)
{
    char path[] = "/tmp/ft-test-conf.XXXXXX";
    struct options o = {.conf = path};
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(dprintf(fd, "node \"n0\" { location = \"row1/rack1\" }\nnode \"n1\" { }\n"
                                 "node \"n2\" { location = \"row1/rack2\" }\n"), 0);
    close(fd);
    ck_assert_int_eq(install_find(&in, FT_BINDIR "/ft", NULL), 0);
    ck_assert_int_eq(environ_make(&list, &o, &in, nothing), 0);
    unlink(path);
    ck_assert_str_eq(environ_value(&list, "FT_LOCATIONS"), "n0=row1/rack1 n2=row1/rack2");
    environ_clear(&list); /* a file that is not there is the central unit's to complain about */
    ck_assert_int_eq(environ_make(&list, &o, &in, nothing), 0);
    ck_assert_ptr_null(environ_value(&list, "FT_LOCATIONS"));
}
END_TEST

START_TEST(what_is_not_given_is_not_set)
{
    struct options o = {.no_preload = true};

    ck_assert_int_eq(install_find(&in, FT_BINDIR "/ft", NULL), 0);
    ck_assert_int_eq(environ_make(&list, &o, &in, nothing), 0);
    ck_assert_str_eq(environ_value(&list, "PRTE_MCA_errmgr_ft_preload"), "none");
    ck_assert_ptr_null(environ_value(&list, "FT_POOL"));
    ck_assert_ptr_null(environ_value(&list, "FT_CONF"));
    ck_assert_ptr_null(environ_value(&list, "FT_SHARE"));
}
END_TEST

START_TEST(a_job_of_slurms_has_no_words_on_mpiruns_command_line)
{
    struct options o = {.mode = "repair", .spares = 2};

    ck_assert_int_eq(install_find(&in, FT_BINDIR "/ft", NULL), 0);
    ck_assert_int_eq(environ_make(&list, &o, &in, nothing), 0);
    ck_assert_str_eq(environ_value(&list, "PRTE_MCA_errmgr_ft_always"), "1");
    ck_assert_str_eq(environ_value(&list, "SLURM_NO_KILL"), "");
    ck_assert_str_eq(environ_value(&list, "FT_MODE"), "repair");
    ck_assert_str_eq(environ_value(&list, "FT_SPARES"), "2");
    environ_clear(&list);
    o.spares = 0;
    ck_assert_int_eq(environ_make(&list, &o, &in, nothing), 0);
    ck_assert_ptr_null(environ_value(&list, "FT_SPARES"));
}
END_TEST

static char *in_a_job_that_repairs(const char *name)
{
    static char mode[] = "repair";

    return strcmp(name, "FT_MODE") == 0 ? mode : NULL;
}

START_TEST(spare_ranks_and_their_mode)
{
    struct options o = {.spare_ranks = 2, .spare_ranks_given = true};

    ck_assert_int_eq(install_find(&in, FT_BINDIR "/ft", NULL), 0);
    ck_assert_int_eq(environ_make(&list, &o, &in, nothing), 0);
    ck_assert_str_eq(environ_value(&list, "PRTE_MCA_errmgr_ft_spare_ranks"), "2");
    ck_assert_str_eq(environ_value(&list, "FT_MODE"), "retarget");
    environ_clear(&list);
    ck_assert_int_eq(environ_make(&list, &o, &in, in_a_job_that_repairs), 0);
    ck_assert_ptr_null(environ_value(&list, "FT_MODE")); /* it stays */
    environ_clear(&list);
    o.spare_ranks = 0;
    ck_assert_int_eq(environ_make(&list, &o, &in, in_a_job_that_repairs), 0);
    ck_assert_str_eq(environ_value(&list, "PRTE_MCA_errmgr_ft_spare_ranks"), "0");
    environ_clear(&list);
    o.spare_ranks_given = false;
    ck_assert_int_eq(environ_make(&list, &o, &in, nothing), 0);
    ck_assert_ptr_null(environ_value(&list, "PRTE_MCA_errmgr_ft_spare_ranks"));
    ck_assert_ptr_null(environ_value(&list, "FT_MODE"));
}
END_TEST

START_TEST(a_moved_installation_names_its_daemons_and_its_component)
{
    struct options o = {.share = false};
    char agent[4096], dirs[2048];

    ck_assert_int_eq(install_find(&in, FT_BINDIR "/ft", folder), 0);
    ck_assert_int_eq(environ_make(&list, &o, &in, nothing), 0);
    ck_assert_str_eq(environ_value(&list, "PRTE_MCA_errmgr_ft_noded"), in.noded);
    ck_assert_str_eq(environ_value(&list, "FT_NODED"), in.noded);
    ck_assert_str_eq(environ_value(&list, "PRTE_MCA_errmgr_ft_centrald"), in.centrald);
    snprintf(dirs, sizeof dirs, "%s%s", in.component_dir,
             install_prrte_has_components(FT_PRTE_PKGLIBDIR) ? ":" FT_PRTE_PKGLIBDIR : "");
    ck_assert_str_eq(environ_value(&list, "PRTE_PKGLIBDIR"), dirs);
    snprintf(agent, sizeof agent, "%s %s", in.prted, dirs);
    ck_assert_str_eq(environ_value(&list, "PRTE_MCA_prte_launch_agent"), agent);
}
END_TEST

static char *a_folder(const char *name)
{
    return strcmp(name, "PRTE_PKGLIBDIR") == 0 ? (char *) "/opt/own/prte" : NULL;
}

START_TEST(what_counts_as_a_component_of_prrte)
{
    char command[512];

    ck_assert(!install_prrte_has_components(in_folder("/nowhere")));
    ck_assert(!install_prrte_has_components(folder));
    snprintf(command, sizeof command, "cd %s && touch prte_mca_errmgr_ft.so prte_mca_x.la x.so",
             folder);
    ck_assert_int_eq(system(command), 0);
    ck_assert(!install_prrte_has_components(folder));
    snprintf(command, sizeof command, "touch %s/prte_mca_plm_own.so", folder);
    ck_assert_int_eq(system(command), 0);
    ck_assert(install_prrte_has_components(folder));
}
END_TEST

static char *the_same_folder(const char *name)
{
    return strcmp(name, "PRTE_PKGLIBDIR") == 0 ? in.component_dir : NULL;
}

START_TEST(the_users_own_component_folder_is_kept)
{
    struct options o = {.share = false};
    char dirs[4096];

    ck_assert_int_eq(install_find(&in, FT_BINDIR "/ft", folder), 0);
    ck_assert_int_eq(environ_make(&list, &o, &in, a_folder), 0);
    snprintf(dirs, sizeof dirs, "%s:/opt/own/prte", in.component_dir);
    ck_assert_str_eq(environ_value(&list, "PRTE_PKGLIBDIR"), dirs);
    environ_clear(&list);
    ck_assert_int_eq(environ_make(&list, &o, &in, the_same_folder), 0);
    ck_assert_str_eq(environ_value(&list, "PRTE_PKGLIBDIR"), in.component_dir);
}
END_TEST

START_TEST(a_path_that_prrte_would_split_is_refused)
{
    struct options o = {.share = false};
    char spaced[512];

    snprintf(spaced, sizeof spaced, "%s/a b", folder);
    ck_assert_int_eq(mkdir(spaced, 0755), 0);
    ck_assert_int_eq(install_find(&in, FT_BINDIR "/ft", spaced), 0);
    ck_assert_int_eq(environ_make(&list, &o, &in, nothing), -1);
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(variables_are_set_as_listed)
{
    struct options o = {.pool = "n[3-6]"};

    ck_assert_int_eq(install_find(&in, FT_BINDIR "/ft", NULL), 0);
    ck_assert_int_eq(environ_make(&list, &o, &in, nothing), 0);
    ck_assert_int_eq(setenv("FT_POOL", "stale", 1), 0);
    ck_assert_int_eq(environ_set(&list), 0);
    for (size_t i = 0; i < list.n; i++)
        ck_assert_str_eq(getenv(list.variables[i].name), list.variables[i].value);
    ck_assert_str_eq(getenv("FT_POOL"), "n[3-6]");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cli/environ");
    TCase *t = tcase_create("environ");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, installed_as_configured);
    tcase_add_test(t, a_copy_of_ft_elsewhere_uses_the_configured_folders);
    tcase_add_test(t, a_moved_prefix_takes_all_along);
    tcase_add_test(t, a_build_tree_is_known_by_its_config_status);
    tcase_add_test(t, a_given_prefix_wins_and_must_be_there);
    tcase_add_test(t, missing_files_are_counted_and_named);
    tcase_add_test(t, options_become_variables);
    tcase_add_test(t, what_is_not_given_is_not_set);
    tcase_add_test(t, the_ranks_hear_where_the_nodes_are);
    tcase_add_test(t, a_job_of_slurms_has_no_words_on_mpiruns_command_line);
    tcase_add_test(t, spare_ranks_and_their_mode);
    tcase_add_test(t, a_moved_installation_names_its_daemons_and_its_component);
    tcase_add_test(t, what_counts_as_a_component_of_prrte);
    tcase_add_test(t, the_users_own_component_folder_is_kept);
    tcase_add_test(t, a_path_that_prrte_would_split_is_refused);
    tcase_add_test(t, variables_are_set_as_listed);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
