/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_common.c - src/common: texts, clocks, host lists, the log.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/conftext.h"
#include "common/hostlist.h"
#include "common/log.h"
#include "common/text.h"

/* ------------------------------------------------------------ texts */

START_TEST(copying_cuts_between_characters)
{
    char to[8];

    ck_assert(ft_text_copy(to, sizeof to, "1234567"));
    ck_assert_str_eq(to, "1234567");
    ck_assert(!ft_text_copy(to, sizeof to, "12345678"));
    ck_assert_str_eq(to, "1234567");
    ck_assert(ft_text_copy(to, sizeof to, NULL));
    ck_assert_str_eq(to, "");
    ck_assert(!ft_text_copy(to, 0, "x"));
    ck_assert(!ft_text_copy(to, 1, "x"));
    ck_assert_str_eq(to, "");
    /* 2, 3 and 4 bytes a character, cut at each of them */
    ck_assert(!ft_text_copy(to, 3, "a\xc3\xbc" "b"));
    ck_assert_str_eq(to, "a");
    ck_assert(!ft_text_copy(to, 4, "a\xc3\xbc" "b"));
    ck_assert_str_eq(to, "a\xc3\xbc");
    for (size_t size = 2; size <= 4; size++) {
        ck_assert(!ft_text_copy(to, size, "a\xe2\x82\xac"));
        ck_assert_str_eq(to, "a");
    }
    ck_assert(ft_text_copy(to, 5, "a\xe2\x82\xac"));
    for (size_t size = 2; size <= 5; size++) {
        ck_assert(!ft_text_copy(to, size, "a\xf0\x9f\x98\x80"));
        ck_assert_str_eq(to, "a");
    }
    /* no UTF-8 at all: cut at the limit */
    ck_assert(!ft_text_copy(to, 5, "\x80\x80\x80\x80\x80\x80"));
    ck_assert_str_eq(to, "\x80\x80\x80\x80");
}
END_TEST

START_TEST(appending_cuts_between_characters)
{
    char text[8] = "";

    ck_assert(ft_text_appendf(text, sizeof text, "%d-", 12));
    ck_assert(ft_text_appendf(text, sizeof text, "%s", "ab"));
    ck_assert_str_eq(text, "12-ab");
    ck_assert(!ft_text_appendf(text, sizeof text, "\xe2\x82\xac"));
    ck_assert_str_eq(text, "12-ab");
    ck_assert(!ft_text_appendf(text, sizeof text, "xyz"));
    ck_assert_str_eq(text, "12-abxy");
    ck_assert(!ft_text_appendf(text, sizeof text, "z"));
    ck_assert_str_eq(text, "12-abxy");
    ck_assert(!ft_text_appendf(text, 0, "z"));
    for (size_t size = 2; size <= 5; size++) {
        strcpy(text, "");
        ck_assert(!ft_text_appendf(text, size, "a\xf0\x9f\x98\x80"));
        ck_assert_str_eq(text, "a");
    }
    strcpy(text, "");
    ck_assert(!ft_text_appendf(text, 6, "a\xf0\x9f\x98\x80z"));
    ck_assert_str_eq(text, "a\xf0\x9f\x98\x80");
}
END_TEST

START_TEST(one_line)
{
    char text[] = "a\nb\r\tc\x7f\x01" "d \xc3\xbc";

    ft_text_one_line(text);
    ck_assert_str_eq(text, "a b  c  d \xc3\xbc");
}
END_TEST

START_TEST(hexadecimal_there_and_back)
{
    uint8_t bytes[4] = {0x00, 0x9f, 0xab, 0xff}, back[4];
    char text[9];

    ck_assert_int_eq(ft_text_hex(text, sizeof text, bytes, 4), 0);
    ck_assert_str_eq(text, "009fabff");
    ck_assert_int_eq(ft_text_unhex(back, 4, text), 0);
    ck_assert_mem_eq(back, bytes, 4);
    ck_assert_int_eq(ft_text_unhex(back, 4, "009FABff"), 0);
    ck_assert_mem_eq(back, bytes, 4);
    ck_assert_int_eq(ft_text_hex(text, 8, bytes, 4), -1);
    ck_assert_int_eq(errno, ENOBUFS);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(ft_text_hex(text, 1, bytes, 0), 0);
    ck_assert_int_eq(ft_text_unhex(back, 0, ""), 0);
}
END_TEST

START_TEST(what_is_no_hexadecimal)
{
    static const char *const texts[] = {"", "0", "009fabf", "009fabff0", "009fabfg", "g09fabff",
                                        " 009fabff", "009fabff\n", "0x9fabff", "009 abff"};
    uint8_t bytes[4] = {1, 2, 3, 4}, zero[4] = {0};

    errno = 0;
    ck_assert_int_eq(ft_text_unhex(bytes, 4, texts[_i]), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_mem_eq(bytes, zero, 4);
}
END_TEST

START_TEST(every_character_stays_every_other_byte_goes)
{
    /* All two-byte sequences: those that are characters, and no others, stay. */
    for (unsigned a = 0x80; a < 0x100; a++) {
        for (unsigned b = 0x80; b < 0x100; b++) {
            char text[3] = {(char) a, (char) b, '\0'};
            bool is_one = a >= 0xc2 && a <= 0xdf && b <= 0xbf;

            ft_text_make_utf8(text);
            ck_assert_uint_eq(strlen(text), 2);
            ck_assert_int_eq((unsigned char) text[0], is_one ? (int) a : '?');
            ck_assert_int_eq((unsigned char) text[1], is_one ? (int) b : '?');
        }
    }
    /* The first and the last of three and four bytes, and their neighbours. */
    static const struct {
        const char *text;
        bool stays;
    } cases[] = {
        {"\xe0\xa0\x80", true}, {"\xe0\x9f\xbf", false}, {"\xed\x9f\xbf", true},
        {"\xed\xa0\x80", false}, {"\xee\x80\x80", true}, {"\xef\xbf\xbf", true},
        {"\xf0\x90\x80\x80", true}, {"\xf0\x8f\xbf\xbf", false}, {"\xf4\x8f\xbf\xbf", true},
        {"\xf4\x90\x80\x80", false}, {"\xf5\x80\x80\x80", false}, {"\xf0\x9f\x98", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[8];

        strcpy(text, cases[i].text);
        ft_text_make_utf8(text);
        ck_assert_int_eq(strcmp(text, cases[i].text) == 0, cases[i].stays);
        if (!cases[i].stays)
            ck_assert_uint_eq(strspn(text, "?"), strlen(cases[i].text));
    }
}
END_TEST

/* ------------------------------------------------------------ clocks */

START_TEST(times_as_text)
{
    char text[FT_CLOCK_TEXT_BYTES];

    ck_assert_str_eq(ft_clock_text(0, text), "1970-01-01T00:00:00.000Z");
    ck_assert_str_eq(ft_clock_text(1, text), "1970-01-01T00:00:00.001Z");
    ck_assert_str_eq(ft_clock_text(-1, text), "1969-12-31T23:59:59.999Z");
    ck_assert_str_eq(ft_clock_text(951827696789, text), "2000-02-29T12:34:56.789Z");
    ck_assert_str_eq(ft_clock_text(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
    ck_assert_str_eq(ft_clock_text(INT64_MIN, text), "0000-01-01T00:00:00.000Z");
}
END_TEST

START_TEST(clocks_run)
{
    uint64_t ns = ft_clock_ns();
    int64_t ms = ft_clock_ms(), unix_ms = ft_clock_unix_ms();

    usleep(3000);
    ck_assert_uint_ge(ft_clock_ns() - ns, 3000000);
    ck_assert_int_ge(ft_clock_ms() - ms, 2);
    ck_assert_int_ge(ft_clock_unix_ms(), unix_ms);
    ck_assert_int_gt(unix_ms, 1700000000000); /* the year 2023 */
}
END_TEST

/* ------------------------------------------------------------ host lists */

START_TEST(lists_that_are_understood)
{
    static const struct {
        const char *text, *all;
    } cases[] = {
        {"", ""},
        {" , ,,", ""},
        {"n3", "n3"},
        {"n3,n4", "n3,n4"},
        {" n3 ,\tn4\n", "n3,n4"},
        {"n4,n3,n4,n3", "n4,n3"},
        {"n[01-03,7]", "n01,n02,n03,n7"},
        {"n[08-11]", "n08,n09,n10,n11"},
        {"n[8-11]x", "n8x,n9x,n10x,n11x"},
        {"r[1-2]n[1-2]", "r1n1,r1n2,r2n1,r2n2"},
        {"[1-2]", "1,2"},
        {"a[0]b.example.org,c_d", "a0b.example.org,c_d"},
        {"n[1,1,1]", "n1"},
        {"n[001-2]", "n001,n002"},
    };
    char error[200] = "x";
    struct ft_hostlist *list = ft_hostlist_parse(cases[_i].text, error, sizeof error);
    char *all;

    ck_assert_ptr_nonnull(list);
    ck_assert_str_eq(error, "");
    all = ft_hostlist_text(list);
    ck_assert_str_eq(all, cases[_i].all);
    free(all);
    ft_hostlist_destroy(list);
}
END_TEST

START_TEST(lists_that_are_refused)
{
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"n[", EINVAL}, {"n[1", EINVAL}, {"n[]", EINVAL}, {"n[1-]", EINVAL}, {"n[-1]", EINVAL},
        {"n[2-1]", EINVAL}, {"n[1,]", EINVAL}, {"n[,1]", EINVAL}, {"n[a]", EINVAL},
        {"n[1-2-3]", EINVAL}, {"n[1 -2]", EINVAL}, {"n]", EINVAL}, {"n[[1]]", EINVAL},
        {"a b", EINVAL}, {"n1;n2", EINVAL}, {"-oProxyCommand=x", EINVAL}, {"n\xc3\xbc", EINVAL},
        {"n[0-999999999]", E2BIG}, {"n[1-1000][1-1000]", E2BIG}, {"n[1-600]x[1-600],a", E2BIG},
        {"n[1234567890]", EINVAL}, {"n1,n/2", EINVAL}, {"n1,-x", EINVAL}, {"-[1]", EINVAL},
    };
    char error[200] = "";

    errno = 0;
    ck_assert_ptr_null(ft_hostlist_parse(cases[_i].text, error, sizeof error));
    ck_assert_int_eq(errno, cases[_i].code);
    ck_assert_str_ne(error, "");
    ck_assert_ptr_null(ft_hostlist_parse(cases[_i].text, NULL, 0));
    ck_assert_int_eq(errno, cases[_i].code);
}
END_TEST

START_TEST(the_longest_name)
{
    char name[FT_HOST_NAME_MAX + 8];
    struct ft_hostlist *list = ft_hostlist_create();
    char error[100];

    ck_assert_ptr_nonnull(list);
    memset(name, 'n', sizeof name);
    name[FT_HOST_NAME_MAX - 1] = '\0';
    ck_assert_int_eq(ft_hostlist_add(list, name), 1);
    name[FT_HOST_NAME_MAX - 1] = 'n';
    name[FT_HOST_NAME_MAX] = '\0';
    ck_assert_int_eq(ft_hostlist_add(list, name), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(ft_hostlist_parse(name, error, sizeof error));
    ft_hostlist_destroy(list);
    /* brackets that would make it so */
    strcpy(name + FT_HOST_NAME_MAX - 3, "[99-100]");
    ck_assert_ptr_null(ft_hostlist_parse(name, error, sizeof error));
    ck_assert_int_eq(errno, EINVAL);
    list = ft_hostlist_parse(name + 1, error, sizeof error);
    ck_assert_ptr_nonnull(list);
    ck_assert_uint_eq(strlen(ft_hostlist_at(list, 1)), FT_HOST_NAME_MAX - 1);
    ft_hostlist_destroy(list);
    ft_hostlist_destroy(NULL);
}
END_TEST

START_TEST(a_large_list_is_a_set_in_order)
{
    struct ft_hostlist *list = ft_hostlist_parse("n[000000-199999],n[100000-262143]", NULL, 0);

    ck_assert_ptr_null(list); /* 362144 names were asked for, though 262144 differ */
    ck_assert_int_eq(errno, E2BIG);
    list = ft_hostlist_parse("n[000000-199999],n[199990-199999]", NULL, 0);
    ck_assert_ptr_nonnull(list);
    ck_assert_uint_eq(ft_hostlist_count(list), 200000);
    ck_assert_str_eq(ft_hostlist_at(list, 0), "n000000");
    ck_assert_str_eq(ft_hostlist_at(list, 199999), "n199999");
    ck_assert_ptr_null(ft_hostlist_at(list, 200000));
    ck_assert(ft_hostlist_contains(list, "n123456"));
    ck_assert(!ft_hostlist_contains(list, "n200000"));
    ck_assert(!ft_hostlist_contains(list, ""));
    ck_assert_int_eq(ft_hostlist_add(list, "n5"), 1);
    ck_assert_int_eq(ft_hostlist_add(list, "n5"), 0);
    ck_assert_int_eq(ft_hostlist_add(list, "n000005"), 0);
    ck_assert_int_eq(ft_hostlist_add(list, NULL), -1);
    ft_hostlist_destroy(list);
}
END_TEST

/* ------------------------------------------------------------ the log */

static char log_path[64], old_path[80];

static void log_setup(void)
{
    int fd;

    snprintf(log_path, sizeof log_path, "/tmp/ft-test-log-XXXXXX");
    fd = mkstemp(log_path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    unlink(log_path);
    snprintf(old_path, sizeof old_path, "%s.1", log_path);
    ck_assert_int_eq(ft_log_open("test", log_path), 0);
}

static void log_teardown(void)
{
    ft_log_close();
    ft_log_set_level(FT_LOG_INFO);
    unlink(log_path);
    unlink(old_path);
}

static char *read_log(void)
{
    static char text[65536];
    FILE *file = fopen(log_path, "r");
    size_t n;

    ck_assert_ptr_nonnull(file);
    n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    return text;
}

START_TEST(an_entry_is_one_line)
{
    struct stat status;
    int year, end = 0;
    char pid[40];
    char *text;

    ck_assert_int_eq(stat(log_path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    errno = 42;
    ft_log_warning("node %s:\nlost", "n3");
    ft_log_debug("not to be seen");
    ck_assert_int_eq(errno, 42);
    text = read_log();
    snprintf(pid, sizeof pid, " test[%ld] warning: ", (long) getpid());
    ck_assert_int_eq(sscanf(text, "%d-%*d-%*dT%*d:%*d:%*d.%*dZ%n", &year, &end), 1);
    ck_assert_int_gt(end, 20);
    ck_assert_ptr_eq(strstr(text, pid), text + end);
    ck_assert_str_eq(text + end + strlen(pid), "node n3: lost\n");
}
END_TEST

START_TEST(levels_are_dropped)
{
    ft_log_set_level(FT_LOG_ERROR);
    ft_log_warning("not to be seen");
    ck_assert_str_eq(read_log(), "");
    ft_log_set_level(FT_LOG_DEBUG);
    ft_log_debug("seen");
    ck_assert_ptr_nonnull(strstr(read_log(), "debug: seen\n"));
}
END_TEST

START_TEST(long_entries_are_cut)
{
    char text[5000];
    size_t n;

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    ft_log_info("%s", text);
    ft_log_info("next");
    n = strcspn(read_log(), "\n");
    ck_assert_uint_le(n, 2048);
    ck_assert_uint_ge(n, 2000);
    ck_assert_ptr_nonnull(strstr(read_log() + n, "next\n"));
}
END_TEST

START_TEST(a_full_log_is_turned_over)
{
    struct stat status;

    ck_assert_int_eq(truncate(log_path, 16 << 20), 0);
    ft_log_info("into the new one");
    ck_assert_int_eq(stat(log_path, &status), 0);
    ck_assert_int_lt(status.st_size, 1000);
    ck_assert_int_eq(stat(old_path, &status), 0);
    ck_assert_int_eq(status.st_size, 16 << 20);
}
END_TEST

START_TEST(lost_entries_are_counted)
{
    int saved = dup(STDERR_FILENO), full = open("/dev/full", O_WRONLY);
    char *text;

    ck_assert_int_ge(full, 0);
    ft_log_close(); /* so that entries go to stderr */
    dup2(full, STDERR_FILENO);
    ft_log_error("lost");
    ft_log_error("lost too");
    dup2(saved, STDERR_FILENO);
    close(full);
    close(saved);
    ck_assert_int_eq(ft_log_open("test", log_path), 0);
    ft_log_error("there again");
    ft_log_error("and again");
    text = read_log();
    ck_assert_ptr_nonnull(strstr(text, "2 entries were lost"));
    ck_assert_ptr_nonnull(strstr(text, "there again"));
    ck_assert_ptr_null(strstr(strstr(text, "and again"), "were lost"));
}
END_TEST

START_TEST(a_log_that_cannot_be_opened_changes_nothing)
{
    ck_assert_int_eq(ft_log_open("test", "/no/such/folder/log"), -1);
    ck_assert_int_eq(errno, ENOENT);
    ft_log_info("still here");
    ck_assert_ptr_nonnull(strstr(read_log(), "still here"));
    /* a link that somebody laid is not followed */
    ck_assert_int_eq(symlink(log_path, old_path), 0);
    ck_assert_int_eq(ft_log_open("test", old_path), -1);
}
END_TEST

static void *log_much(void *arg)
{
    for (int i = 0; i < 200; i++)
        ft_log_info("thread %s says something of some length", (const char *) arg);
    return NULL;
}

START_TEST(threads_do_not_mix_their_lines)
{
    static char names[][2] = {"a", "b", "c", "d"};
    pthread_t threads[4];
    int lines = 0;
    char *text, *line;

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, log_much, names[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    text = read_log();
    while ((line = strsep(&text, "\n")) != NULL) {
        if (line[0] == '\0')
            continue;
        lines++;
        if (text != NULL)
            ck_assert_ptr_nonnull(strstr(line, " says something of some length"));
    }
    ck_assert_int_ge(lines, 600); /* what read_log has room for */
}
END_TEST

/* ---------------------------------------------------------------- the text of a settings file */

static const char *const conftexts[][2] = {
    {"", "\n"},
    {"a = 1", "a = 1\n"},
    {"# one\na = 1 # two\n", "     \na = 1      \n\n"},
    {"// one\na=1// two", "      \na=1// two\n"}, /* as libconfuse: 1// is a word */
    {"/* one\n two */a", "      \n       a\n"},
    {"/* never closed\n", "/* never closed\n\n"},
    {"a = \"# no\" # yes", "a = \"# no\"      \n"},
    {"a = \"\\\"# no\"", "a = \"\\\"# no\"\n"},
    {"a = '# no\n# no", "a = '# no\n# no\n"},
    {"a = http://n3/x#y", "a = http://n3/x#y\n"},
    {"pool = {#one\n\"n3\",#two\n}", "pool = {    \n\"n3\",    \n}\n"},
};

START_TEST(comments_of_settings_are_blanked)
{
    char path[] = "/tmp/ft-conftext-XXXXXX", why[200] = "";
    size_t n = strlen(conftexts[_i][0]);
    int file = mkstemp(path);
    char *text;

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, conftexts[_i][0], n), (ssize_t) n);
    close(file);
    text = ft_conftext_read(path, n, why, sizeof why);
    ck_assert_msg(text != NULL, "%s", why);
    ck_assert_str_eq(text, conftexts[_i][1]);
    free(text);
    if (n > 0) {
        ck_assert_ptr_null(ft_conftext_read(path, n - 1, why, sizeof why));
        ck_assert_msg(strstr(why, "has more than") && strstr(why, path), "%s", why);
    }
    unlink(path);
}
END_TEST

START_TEST(what_is_no_settings_file)
{
    char why[200] = "";

    ck_assert_ptr_null(ft_conftext_read("/tmp", 10, why, sizeof why));
    ck_assert_str_eq(why, "/tmp is not a file");
    ck_assert_ptr_null(ft_conftext_read("/nonexistent/x", 10, why, sizeof why));
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_str_eq(why, "/nonexistent/x: No such file or directory");
    ck_assert_ptr_null(ft_conftext_read("/bin/sh", 1 << 22, why, sizeof why));
    ck_assert_str_eq(why, "/bin/sh is not a text");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("common");
    TCase *t = tcase_create("common"), *l = tcase_create("log");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, copying_cuts_between_characters);
    tcase_add_test(t, appending_cuts_between_characters);
    tcase_add_test(t, one_line);
    tcase_add_test(t, hexadecimal_there_and_back);
    tcase_add_loop_test(t, what_is_no_hexadecimal, 0, 10);
    tcase_add_test(t, every_character_stays_every_other_byte_goes);
    tcase_add_test(t, times_as_text);
    tcase_add_test(t, clocks_run);
    tcase_add_loop_test(t, lists_that_are_understood, 0, 14);
    tcase_add_loop_test(t, lists_that_are_refused, 0, 24);
    tcase_add_test(t, the_longest_name);
    tcase_add_test(t, a_large_list_is_a_set_in_order);
    tcase_add_loop_test(t, comments_of_settings_are_blanked, 0,
                        sizeof conftexts / sizeof conftexts[0]);
    tcase_add_test(t, what_is_no_settings_file);
    suite_add_tcase(s, t);

    tcase_add_checked_fixture(l, log_setup, log_teardown);
    tcase_add_test(l, an_entry_is_one_line);
    tcase_add_test(l, levels_are_dropped);
    tcase_add_test(l, long_entries_are_cut);
    tcase_add_test(l, a_full_log_is_turned_over);
    tcase_add_test(l, lost_entries_are_counted);
    tcase_add_test(l, a_log_that_cannot_be_opened_changes_nothing);
    tcase_add_test(l, threads_do_not_mix_their_lines);
    suite_add_tcase(s, l);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
