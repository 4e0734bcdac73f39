/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * FT hosts: names that cannot be understood, units that are not there yet, keys right and wrong,
 * who may listen at a unit's socket, and the library loaded and unloaded at run time.
 */
#include "config.h"

#include "libft_unit.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ft.h"
#include "ft_runtime.h"

static struct unit u;
static ftHandle_t ft;
static ftReply_t reply;
static int fds_at_start;
static char key_path[100];
static char session[] = "/tmp/ft-test.XXXXXX";

static void setup(void)
{
    unit_folder();
    unsetenv("FT_HOST");
    unsetenv("FT_KEY_FILE");
    snprintf(key_path, sizeof key_path, "%s/key", unit_folder());
    memset(u.key, 0xab, sizeof u.key);
    fds_at_start = unit_count_fds();
}

static void teardown(void)
{
    ck_assert_int_eq(unit_count_fds(), fds_at_start);
}

static void expect_open(const char *host, ftRetVal_t wanted, const char *word)
{
    int64_t from_ms = unit_now_ms();
    ftRetVal_t got;

    ft.id = 7;
    got = openFT(host, &ft);
    ck_assert_msg(got == wanted, "%s: %d (%s) instead of %d", host != NULL ? host : "NULL", got,
                  ftLastError(), wanted);
    if (wanted == FT_OK)
        return;
    ck_assert_uint_eq(ft.id, 0);
    ck_assert_msg(strstr(ftLastError(), word) != NULL, "no \"%s\" in: %s", word, ftLastError());
    ck_assert_int_lt(unit_now_ms() - from_ms, 4000);
}

static void write_key(const char *text, mode_t mode)
{
    int file = open(key_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, text, strlen(text)), (ssize_t) strlen(text));
    ck_assert_int_eq(fchmod(file, mode), 0);
    close(file);
    setenv("FT_KEY_FILE", key_path, 1);
}

#define HEX_16 "abababababababababababababababab"
#define GOOD_KEY HEX_16 HEX_16

/* ---------------------------------------------------------------- names */

START_TEST(names_that_cannot_be_understood)
{
    char long_path[300] = "unix:/tmp/", long_host[400];

    memset(long_path + 10, 'x', sizeof long_path - 11);
    memset(long_host, 'h', sizeof long_host - 1);
    strcpy(long_host + sizeof long_host - 6, ":7400");
    expect_open("", FT_ERR_HOST, "unix:PATH");
    expect_open("n1", FT_ERR_HOST, "n1");
    expect_open("unix:", FT_ERR_HOST, "no socket");
    expect_open(long_path, FT_ERR_HOST, "at most");
    expect_open(long_host, FT_ERR_HOST, "too long");
    expect_open(":7400", FT_ERR_HOST, "HOST:PORT");
    expect_open("n1:", FT_ERR_HOST, "HOST:PORT");
    expect_open("n1:0", FT_ERR_HOST, "HOST:PORT");
    expect_open("n1:65536", FT_ERR_HOST, "HOST:PORT");
    expect_open("n1:-1", FT_ERR_HOST, "HOST:PORT");
    expect_open("n1:74x", FT_ERR_HOST, "HOST:PORT");
    expect_open("n1: 7400", FT_ERR_HOST, "HOST:PORT");
    expect_open("::1:7400", FT_ERR_HOST, "HOST:PORT");
    expect_open("[::1:7400", FT_ERR_HOST, "HOST:PORT");
    expect_open("[]:7400", FT_ERR_HOST, "HOST:PORT");
    expect_open("no-such-host.invalid:7400", FT_ERR_HOST, "cannot be resolved");
}
END_TEST

START_TEST(null_is_the_environments_or_this_nodes_unit)
{
    unit_start(&u);
    setenv("FT_HOST", u.host, 1);
    expect_open(NULL, FT_OK, "");
    ck_assert_int_eq(closeFT(ft), FT_OK);
    unit_stop(&u);
    unit_remove(&u);
    setenv("FT_HOST", "rubbish", 1);
    expect_open(NULL, FT_ERR_HOST, "rubbish");
    setenv("FT_HOST", "unix:/no/such/folder/noded.sock", 1);
    expect_open(NULL, FT_ERR_CONNECT, "/no/such/folder");
    unsetenv("FT_HOST");
    if (access("/run/ft/noded.sock", F_OK) != 0)
        expect_open(NULL, FT_ERR_CONNECT, "/run/ft/noded.sock");
}
END_TEST

/* ---------------------------------------------------------------- units that are not there yet */

struct late {
    pthread_t thread;
    int after_ms;
    bool makes_folder;
};

/* Waiting is what is tested here: the unit must come while openFT is at it already. */
static void *start_late(void *arg)
{
    struct late *late = arg;

    poll(NULL, 0, late->after_ms);
    if (late->makes_folder)
        ck_assert_int_eq(mkdir(session, 0700), 0);
    unit_start(&u);
    return NULL;
}

START_TEST(a_sessions_unit_is_waited_for)
{
    struct late late = {.after_ms = 300, .makes_folder = true};
    char host[120];
    int64_t from_ms;

    /* The name is this process's own; the folder comes later. */
    ck_assert_ptr_nonnull(mkdtemp(session));
    ck_assert_int_eq(rmdir(session), 0);
    snprintf(u.path, sizeof u.path, "%s/noded.sock", session);
    snprintf(host, sizeof host, "unix:%s", u.path);
    ck_assert_int_eq(pthread_create(&late.thread, NULL, start_late, &late), 0);
    from_ms = unit_now_ms();
    ck_assert_msg(openFT(host, &ft) == FT_OK, "%s", ftLastError());
    ck_assert_int_ge(unit_now_ms() - from_ms, 290);
    ck_assert_int_lt(unit_now_ms() - from_ms, 2000);
    pthread_join(late.thread, NULL);
    ck_assert_int_eq(requestFT(ft, ftClaim(1), &reply, 5000), FT_OK);
    ck_assert_int_eq(closeFT(ft), FT_OK);
    unit_stop(&u);
    unit_remove(&u);
    ck_assert_int_eq(rmdir(session), 0);
}
END_TEST

START_TEST(a_unit_that_starts_again_is_waited_for)
{
    struct late late = {.after_ms = 300};
    char host[sizeof u.host];

    unit_start(&u);
    unit_stop(&u); /* leaves its socket, at which nobody listens */
    snprintf(host, sizeof host, "%s", u.host);
    ck_assert_int_eq(pthread_create(&late.thread, NULL, start_late, &late), 0);
    ck_assert_msg(openFT(host, &ft) == FT_OK, "%s", ftLastError());
    pthread_join(late.thread, NULL);
    ck_assert_int_eq(closeFT(ft), FT_OK);
    unit_stop(&u);
    unit_remove(&u);
}
END_TEST

START_TEST(a_sessions_unit_that_never_comes_is_given_up)
{
    int64_t from_ms = unit_now_ms();
    char host[120];

    ck_assert_ptr_nonnull(mkdtemp(session));
    snprintf(host, sizeof host, "unix:%s/noded.sock", session);
    ck_assert_int_eq(openFT(host, &ft), FT_ERR_CONNECT);
    ck_assert_int_ge(unit_now_ms() - from_ms, 4900);
    ck_assert_int_lt(unit_now_ms() - from_ms, 8000);
    ck_assert_ptr_nonnull(strstr(ftLastError(), session));
    ck_assert_int_eq(rmdir(session), 0);
}
END_TEST

/* ---------------------------------------------------------------- keys */

START_TEST(keyed_tcp_with_the_right_key)
{
    char host[64];
    ftRequest_t request;
    int descriptor;

    u.is_tcp = true;
    unit_start(&u);
    write_key(GOOD_KEY "\n", 0600);
    expect_open(u.host, FT_OK, "");
    ck_assert_int_eq(requestFT(ft, ftClaim(1), &reply, 5000), FT_OK);
    ck_assert_uint_eq(reply.decision, 1001);
    ck_assert_int_eq(
        requestFT(ft, findAlternative(ftRankOf("close", 1), ftAny()), &reply, 5000), FT_ERR_LOST);
    /* Again, with a handshake that goes on in the background. */
    ck_assert_int_eq(descriptorFT(ft, &descriptor), FT_OK);
    ck_assert_int_eq(submitFT(ft, ftClaim(2), 5000, &request), FT_OK);
    while (pollFT(ft, request, &reply) == FT_PENDING)
        ck_assert_int_eq(poll(&(struct pollfd){.fd = descriptor, .events = POLLIN}, 1, 10000), 1);
    ck_assert_uint_eq(reply.decision, 1002);
    ck_assert_int_eq(closeFT(ft), FT_OK);
    snprintf(host, sizeof host, "localhost%s", strchr(u.host, ':'));
    expect_open(host, FT_OK, "");
    ck_assert_int_eq(closeFT(ft), FT_OK);
    unit_stop(&u);
}
END_TEST

START_TEST(keyed_tcp_with_the_wrong_key)
{
    u.is_tcp = true;
    unit_start(&u);
    write_key(HEX_16 "abababababababababababababababac\n", 0600);
    expect_open(u.host, FT_ERR_AUTH, "key");
    ck_assert_int_eq(atomic_load(&u.requests), 0);
    ck_assert_str_eq(u.job, ""); /* not even the greeting was read */
    unit_stop(&u);
}
END_TEST

START_TEST(key_files_that_are_refused)
{
    u.is_tcp = true;
    unit_start(&u);
    expect_open(u.host, FT_ERR_AUTH, "FT_KEY_FILE is not set");
    setenv("FT_KEY_FILE", "/no/such/key", 1);
    expect_open(u.host, FT_ERR_AUTH, "/no/such/key");
    setenv("FT_KEY_FILE", unit_folder(), 1);
    expect_open(u.host, FT_ERR_AUTH, "regular file");
    write_key(GOOD_KEY "\n", 0640);
    expect_open(u.host, FT_ERR_AUTH, "others");
    write_key(GOOD_KEY "\n", 0604);
    expect_open(u.host, FT_ERR_AUTH, "others");
    write_key("", 0600);
    expect_open(u.host, FT_ERR_AUTH, "does not hold a key");
    write_key(GOOD_KEY "ab\n", 0600);
    expect_open(u.host, FT_ERR_AUTH, "does not hold a key");
    write_key(HEX_16 "xbababababababababababababababab\n", 0600);
    expect_open(u.host, FT_ERR_AUTH, "does not hold a key");
    ck_assert_ptr_null(strstr(ftLastError(), HEX_16)); /* what is secret is not repeated */
    ck_assert_int_eq(atomic_load(&u.connections), 0);
    write_key(GOOD_KEY, 0400);
    expect_open(u.host, FT_OK, "");
    ck_assert_int_eq(closeFT(ft), FT_OK);
    unit_stop(&u);
    expect_open(u.host, FT_ERR_CONNECT, "Connection refused");
}
END_TEST

START_TEST(a_keyed_unit_that_speaks_something_else)
{
    ftRetVal_t got;

    u.is_tcp = true;
    u.manner = UNIT_TALKS_RUBBISH;
    unit_start(&u);
    write_key(GOOD_KEY, 0600);
    got = openFT(u.host, &ft);
    ck_assert_msg(got == FT_ERR_PROTOCOL || got == FT_ERR_VERSION, "%d: %s", got, ftLastError());
    unit_stop(&u);
}
END_TEST

/* ---------------------------------------------------------------- who listens there */

START_TEST(a_socket_of_another_user_is_not_trusted)
{
    char c;
    int ready[2], status;
    pid_t child;

    if (geteuid() != 0)
        return; /* only root can be two users */
    ck_assert_int_eq(chmod(unit_folder(), 0777), 0);
    ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
    snprintf(u.path, sizeof u.path, "%s/other.sock", unit_folder());
    snprintf(u.host, sizeof u.host, "unix:%s", u.path);
    child = fork();
    if (child == 0) {
        alarm(20);
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(1);
        unit_start(&u);
        if (write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(read(ready[0], &c, 1), 1);
    expect_open(u.host, FT_ERR_AUTH, "belongs to user 65534");
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    close(ready[0]);
    close(ready[1]);
    unit_remove(&u);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("libft_host");
    SRunner *runner = srunner_create(suite);
    TCase *c = tcase_create("host");
    int failed;

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, names_that_cannot_be_understood);
    tcase_add_test(c, null_is_the_environments_or_this_nodes_unit);
    tcase_add_test(c, a_sessions_unit_is_waited_for);
    tcase_add_test(c, a_unit_that_starts_again_is_waited_for);
    tcase_add_test(c, a_sessions_unit_that_never_comes_is_given_up);
    tcase_add_test(c, keyed_tcp_with_the_right_key);
    tcase_add_test(c, keyed_tcp_with_the_wrong_key);
    tcase_add_test(c, key_files_that_are_refused);
    tcase_add_test(c, a_keyed_unit_that_speaks_something_else);
    tcase_add_test(c, a_socket_of_another_user_is_not_trusted);
    suite_add_tcase(suite, c);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
