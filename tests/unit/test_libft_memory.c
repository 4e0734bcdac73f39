/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Out of memory, at each single allocation in turn: the call says FT_ERR_MEMORY (or gets along), it
 * leaves nothing behind, and the handle works again afterwards.
 *
 * The allocator's functions are replaced in this program, and fail by number in the one thread that
 * asks for it; the unit's thread is left alone.
 */
#include "config.h"

#include "libft_unit.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ft.h"
#include "ft_runtime.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
int main(void)
{
    puts("1..0 # SKIP a sanitizer has the allocator");
    return 0;
}
#else

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static _Thread_local int fails_at; /* 1: the next one; 0: none */

/* In place of the C library's, for libft too. */
#define SEEN __attribute__((visibility("default")))

static int must_fail(void)
{
    if (fails_at == 0 || --fails_at > 0)
        return 0;
    errno = ENOMEM;
    return 1;
}

SEEN void *malloc(size_t size)
{
    return must_fail() ? NULL : __libc_malloc(size);
}

SEEN void *calloc(size_t n, size_t size)
{
    return must_fail() ? NULL : __libc_calloc(n, size);
}

SEEN void *realloc(void *old, size_t size)
{
    return must_fail() ? NULL : __libc_realloc(old, size);
}

static struct unit u;
static ftHandle_t ft;
static ftReply_t reply;

static ftAction_t ask(void)
{
    return findAlternative(ftRankOf("any", 1),
                           ftExclude(ftNeedDevices(ftAny(), "gpu", 1), "n1"));
}

/* To be called right after what was to fail: the test's own checks allocate too. */
static bool was_used_up;

static void stop_failing(void)
{
    was_used_up = fails_at == 0;
    fails_at = 0;
}

/* Fails the first, second, ... allocation of a call until it needs no more; returns how many calls
 * failed. */
static int fail_each(ftRetVal_t (*call)(void), const char *name)
{
    int failed = 0;

    for (int at = 1; at < 1000; at++) {
        ftRetVal_t got;

        fails_at = at;
        got = call();
        if (!was_used_up) {
            ck_assert_msg(got == FT_OK, "%s: %d (%s)", name, got, ftLastError());
            return failed;
        }
        ck_assert_msg(got == FT_OK || got == FT_ERR_MEMORY, "%s, allocation %d: %d (%s)", name, at,
                      got, ftLastError());
        failed += got != FT_OK;
    }
    ck_abort_msg("%s never succeeded", name);
    return 0;
}

static ftRetVal_t open_and_close(void)
{
    ftHandle_t other;
    ftRetVal_t got = openFT(u.host, &other);

    stop_failing();
    if (got == FT_OK)
        closeFT(other);
    else
        ck_assert_uint_eq(other.id, 0);
    return got;
}

static ftRetVal_t request(void)
{
    ftRetVal_t got = requestFT(ft, ask(), &reply, 10000);

    stop_failing();
    ck_assert_int_eq(reply.status, got);
    if (got != FT_OK)
        ck_assert_str_ne(reply.reason, "");
    return got;
}

static ftRetVal_t submit_and_cancel(void)
{
    ftRequest_t id;
    ftRetVal_t got = submitFT(ft, ask(), 10000, &id);

    stop_failing();
    if (got == FT_OK)
        cancelFT(ft, id);
    return got;
}

static ftRetVal_t post(void)
{
    ftRetVal_t got = postFT(ft, ftNodeChanged("n1", 1, FT_NODE_LOST, "gone"));

    stop_failing();
    return got;
}

static ftRetVal_t reconnect_and_request(void)
{
    int was = fails_at;

    fails_at = 0;
    requestFT(ft, findAlternative(ftRankOf("close", 1), ftAny()), &reply, 10000);
    fails_at = was;
    return request();
}

START_TEST(each_allocation_may_fail)
{
    int fds = unit_count_fds();

    unit_start(&u);
    ck_assert_int_ge(fail_each(open_and_close, "openFT"), 4);
    ck_assert_int_eq(openFT(u.host, &ft), FT_OK);
    ck_assert_int_ge(fail_each(request, "requestFT"), 2);
    ck_assert_int_ge(fail_each(submit_and_cancel, "submitFT"), 2);
    fail_each(post, "postFT");
    ck_assert_int_ge(fail_each(reconnect_and_request, "requestFT after a loss"), 2);
    ck_assert_int_eq(requestFT(ft, ask(), &reply, 10000), FT_OK);
    ck_assert_int_eq(closeFT(ft), FT_OK);
    unit_stop(&u);
    unit_remove(&u);
    ck_assert_int_eq(unit_count_fds(), fds);
}
END_TEST

START_TEST(a_descriptor_needs_memory_too)
{
    int descriptor;
    ftRetVal_t got;

    unit_start(&u);
    ck_assert_int_eq(openFT(u.host, &ft), FT_OK);
    fails_at = 1;
    got = descriptorFT(ft, &descriptor);
    stop_failing();
    ck_assert(was_used_up);
    ck_assert_int_eq(got, FT_ERR_MEMORY);
    ck_assert_int_eq(descriptor, -1);
    ck_assert_int_eq(descriptorFT(ft, &descriptor), FT_OK);
    ck_assert_int_eq(closeFT(ft), FT_OK);
    unit_stop(&u);
    unit_remove(&u);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("libft_memory");
    SRunner *runner = srunner_create(suite);
    TCase *c = tcase_create("memory");
    int failed;

    tcase_set_timeout(c, 60);
    tcase_add_test(c, each_allocation_may_fail);
    tcase_add_test(c, a_descriptor_needs_memory_too);
    suite_add_tcase(suite, c);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
#endif
