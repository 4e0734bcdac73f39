/* SPDX-License-Identifier: BSD-3-Clause */
/* A command line of sbatch, and a batch script, are read as sbatch reads them. */
#include "config.h"

#include "cli/slurm_words.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 32

static struct slurm_words w;
static struct options o;
static char *kept[WORDS_MAX];
static int n;
static char why[1024];

/* The words that are kept, with a blank behind each. */
static const char *all_kept(void)
{
    static char text[1024];

    text[0] = '\0';
    for (int i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", kept[i]);
    return text;
}

#define READ(...) read_line((const char *[]){"sbatch", __VA_ARGS__, NULL})

static int read_line(const char **argv)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    options_clear(&o);
    return slurm_words_read(&w, argc, (char **) argv, &o, kept, &n, why, sizeof why);
}

START_TEST(ends_at_the_script)
{
    ck_assert_int_eq(READ("-N", "2", "job.sh", "-N", "3"), 3);
    ck_assert_str_eq(w.nodes, "2");
    ck_assert_str_eq(all_kept(), "-N 2 ");
    ck_assert_int_eq(READ("-N2", "--", "--ft", "x"), 3);
    ck_assert_str_eq(all_kept(), "-N2 ");
    ck_assert_ptr_null(o.mode);
    ck_assert_int_eq(READ("--parsable"), 2);
    ck_assert_int_eq(READ("--wrap", "sleep 1", "-H"), 4);
    ck_assert(w.wrap);
}
END_TEST

START_TEST(own_options_are_taken_out_wherever_they_are)
{
    ck_assert_int_eq(READ("--ft", "-N", "2", "--ft-spares", "3", "--mem=1G", "--share", "j"), 8);
    ck_assert_str_eq(all_kept(), "-N 2 --mem=1G ");
    ck_assert_str_eq(o.mode, "");
    ck_assert_uint_eq(o.spares, 3);
    ck_assert(o.share);
    ck_assert_int_eq(READ("--ft=repair", "--ft-spares=0", "job.sh"), 3);
    ck_assert_str_eq(o.mode, "repair");
    ck_assert_uint_eq(o.spares, 0);
}
END_TEST

START_TEST(values_in_every_way)
{
    ck_assert_int_eq(READ("-HN3", "-n", "6", "--tasks-per-node=2", "-G4", "-k", "--export", "NONE",
                          "j"), 9);
    ck_assert_str_eq(w.nodes, "3");
    ck_assert_str_eq(w.ntasks, "6");
    ck_assert_str_eq(w.ntasks_per_node, "2");
    ck_assert_str_eq(w.gpus, "4");
    ck_assert_str_eq(w.no_kill, "");
    ck_assert_str_eq(w.export, "NONE");
    ck_assert_str_eq(all_kept(), "-HN3 -n 6 --tasks-per-node=2 -G4 -k --export NONE ");
    ck_assert_int_eq(READ("--nodes=1", "-N", "2", "--ntasks-per-n", "4", "--no-kill=off", "j"), 7);
    ck_assert_str_eq(w.nodes, "2");
    ck_assert_str_eq(w.ntasks_per_node, "4");
    ck_assert_str_eq(w.no_kill, "off");
}
END_TEST

START_TEST(what_is_not_known_is_kept)
{
    ck_assert_int_eq(READ("--sites-own=3", "-N2", "--other", "job.sh"), 4);
    ck_assert_str_eq(w.nodes, "2");
    ck_assert_str_eq(all_kept(), "--sites-own=3 -N2 --other ");
    ck_assert_int_eq(READ("-N2", ":", "-N3", "job.sh"), 2);
    ck_assert(w.several);
    ck_assert_int_eq(READ("-N"), 2);
    ck_assert_str_eq(all_kept(), "-N ");
}
END_TEST

START_TEST(says_what_is_wrong)
{
    ck_assert_int_eq(READ("--ft=never", "j"), -1);
    ck_assert_msg(strstr(why, "no such mode"), "%s", why);
    ck_assert_int_eq(READ("--ft-spares", "many", "j"), -1);
    ck_assert_msg(strstr(why, "--ft-spares=many"), "%s", why);
    ck_assert_int_eq(READ("--conf", "/nowhere", "j"), -1);
    ck_assert_msg(strstr(why, "/nowhere"), "%s", why);
}
END_TEST

static int script(const char *text)
{
    static char copy[4096];

    snprintf(copy, sizeof copy, "%s", text);
    return slurm_words_read_script(&w, copy, why, sizeof why);
}

START_TEST(a_script_up_to_its_first_command)
{
    ck_assert_int_eq(script("#!/bin/bash\n\n#SBATCH -N 2 --ntasks-per-node=4 # -N 9\n  # -N 8\n"
                            "#SBATCH --export=\"A,B C\" -J 'a b' --gpus\\ =3\n#SLURM -n 8\n"
                            "mpirun ./app\n#SBATCH -N 7\n"), 0);
    ck_assert_str_eq(w.nodes, "2");
    ck_assert_str_eq(w.ntasks_per_node, "4");
    ck_assert_str_eq(w.ntasks, "8");
    ck_assert_str_eq(w.export, "A,B C");
    ck_assert_ptr_null(w.gpus);
    ck_assert(!w.several);
}
END_TEST

START_TEST(scripts_of_all_sorts)
{
    ck_assert_int_eq(script(""), 0);
    ck_assert_ptr_null(w.nodes);
    ck_assert_int_eq(script("#SBATCH"), 0);
    ck_assert_int_eq(script("#SBATCH \"-N 2"), 0);
    ck_assert_int_eq(script("#SBATCH -N 2 \\"), 0);
    ck_assert_str_eq(w.nodes, "2");
    ck_assert_int_eq(script("#SBATCH -N1\n#SBATCH hetjob\n#SBATCH -N2\n"), 0);
    ck_assert(w.several);
}
END_TEST

START_TEST(a_script_with_options_for_the_plugin)
{
    ck_assert_int_eq(script("#!/bin/sh\n#SBATCH --ft-spares=2\n"), -1);
    ck_assert_msg(strstr(why, "--ft-spares") && strstr(why, "plugin"), "%s", why);
}
END_TEST

START_TEST(too_many_words)
{
    size_t size = 3 * 5000 + 16;
    char *text = malloc(size), *at = text;

    ck_assert_ptr_nonnull(text);
    at += sprintf(at, "#SBATCH");
    for (int i = 0; i < 5000; i++)
        at += sprintf(at, " -H");
    ck_assert_int_eq(slurm_words_read_script(&w, text, why, sizeof why), -1);
    ck_assert_msg(strstr(why, "4096"), "%s", why);
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cli/slurm_words");
    TCase *t = tcase_create("slurm_words");
    SRunner *r;
    int failed;

    tcase_add_test(t, ends_at_the_script);
    tcase_add_test(t, own_options_are_taken_out_wherever_they_are);
    tcase_add_test(t, values_in_every_way);
    tcase_add_test(t, what_is_not_known_is_kept);
    tcase_add_test(t, says_what_is_wrong);
    tcase_add_test(t, a_script_up_to_its_first_command);
    tcase_add_test(t, scripts_of_all_sorts);
    tcase_add_test(t, a_script_with_options_for_the_plugin);
    tcase_add_test(t, too_many_words);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
