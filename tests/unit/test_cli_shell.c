/* SPDX-License-Identifier: BSD-3-Clause */
/* A quoted word is read back by a real shell byte by byte. */
#include "config.h"

#include "cli/shell.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const texts[] = {"",         "n3,n4",     "a b  c",      "it's",  "'",
                                    "''x''",    "$HOME",     "`id`",        "a\\b",  "\\",
                                    "\"q\"",    "*?[x]",     "a\nb",        "#x;y&", "\xc3\xa4\xff",
                                    "-n",       "!x",        "\t\x01\x7f"};
#define TEXTS_N (sizeof texts / sizeof texts[0])

START_TEST(sh_reads_it_back)
{
    char *word = shell_quote(texts[_i], SHELL_SH), command[512], read_back[256];
    FILE *shell;
    size_t n;

    ck_assert_ptr_nonnull(word);
    snprintf(command, sizeof command, "printf %%s %s", word);
    shell = popen(command, "r");
    ck_assert_ptr_nonnull(shell);
    n = fread(read_back, 1, sizeof read_back - 1, shell);
    read_back[n] = '\0';
    ck_assert_int_eq(pclose(shell), 0);
    ck_assert_str_eq(read_back, texts[_i]);
    free(word);
}
END_TEST

START_TEST(csh_has_its_own_ways)
{
    char *word = shell_quote("it's!\nx", SHELL_CSH);

    ck_assert_ptr_nonnull(word);
    ck_assert_str_eq(word, "'it'\\''s\\!\\\nx'");
    free(word);
}
END_TEST

START_TEST(kinds_of_shell)
{
    enum shell_kind kind = SHELL_SH;

    ck_assert_int_eq(shell_kind_parse("tcsh", &kind), 0);
    ck_assert_int_eq(kind, SHELL_CSH);
    ck_assert_int_eq(shell_kind_parse("bash", &kind), 0);
    ck_assert_int_eq(kind, SHELL_SH);
    ck_assert_int_eq(shell_kind_parse("fish", &kind), -1);
    ck_assert_int_eq(shell_kind_parse("", &kind), -1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cli/shell");
    TCase *t = tcase_create("shell");
    SRunner *r;
    int failed;

    tcase_add_loop_test(t, sh_reads_it_back, 0, TEXTS_N);
    tcase_add_test(t, csh_has_its_own_ways);
    tcase_add_test(t, kinds_of_shell);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
