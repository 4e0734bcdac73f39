/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_notice.c - words to other processes, and PMIx's end (notice.c). PMIx_Notify_event is the
 * test's own, and takes a lock as PMIx's does; so does the test's PMIx_Finalize, which keeps it
 * until PMIx's thread has handled what has come.
 */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "layer/notice.h"

#define CODE (PMIX_EXTERNAL_ERR_BASE - 1)

static pthread_mutex_t pmix_lock = PTHREAD_MUTEX_INITIALIZER;
static int sent_n;
static char said[16];
static bool is_held_up;         /* the next notice stays in PMIx_Notify_event */
static sem_t has_come, goes_on; /* of that */
static bool is_sending, was_sending;
static pmix_proc_t me, peer;

pmix_status_t PMIx_Notify_event(pmix_status_t status, const pmix_proc_t *source,
                                pmix_data_range_t range, const pmix_info_t info[], size_t ninfo,
                                pmix_op_cbfunc_t done, void *data)
{
    const pmix_data_array_t *to = info[1].value.data.darray;

    pthread_mutex_lock(&pmix_lock);
    ck_assert_int_eq(status, CODE);
    ck_assert(PMIX_CHECK_PROCID(source, &me));
    ck_assert_int_eq(range, PMIX_RANGE_CUSTOM);
    ck_assert_uint_eq(ninfo, 3);
    ck_assert_uint_eq(to->size, 1);
    ck_assert(PMIX_CHECK_PROCID((pmix_proc_t *) to->array, &peer));
    ck_assert_str_eq(info[2].key, "key");
    memcpy(said, info[2].value.data.bo.bytes, info[2].value.data.bo.size);
    sent_n++;
    if (is_held_up) {
        is_sending = true;
        sem_post(&has_come);
        sem_wait(&goes_on);
        is_sending = false;
    }
    pthread_mutex_unlock(&pmix_lock);
    done(PMIX_SUCCESS, data);
    return PMIX_SUCCESS;
}

static void *send_one(void *data)
{
    (void) data;
    ftm_notice_send(CODE, "key", &me, &peer, 1, "hello", 6);
    return NULL;
}

/* PMIx_Finalize, in which PMIx's thread answers a question. */
static pmix_status_t answering(const pmix_info_t info[], size_t ninfo)
{
    pthread_t pmix_thread;

    (void) info;
    (void) ninfo;
    pthread_mutex_lock(&pmix_lock);
    ck_assert_int_eq(pthread_create(&pmix_thread, NULL, send_one, NULL), 0);
    ck_assert_int_eq(pthread_join(pmix_thread, NULL), 0);
    pthread_mutex_unlock(&pmix_lock);
    return PMIX_ERR_LOST_CONNECTION;
}

static pmix_status_t looking(const pmix_info_t info[], size_t ninfo)
{
    (void) info;
    (void) ninfo;
    was_sending = is_sending;
    return PMIX_SUCCESS;
}

static void *finalize(void *data)
{
    (void) data;
    ftm_notice_finalize(looking, NULL, 0);
    return NULL;
}

static void set_up(void)
{
    PMIX_LOAD_PROCID(&me, "job", 3);
    PMIX_LOAD_PROCID(&peer, "job", 4);
    sem_init(&has_come, 0, 0);
    sem_init(&goes_on, 0, 0);
}

START_TEST(a_notice_has_its_words_and_its_peers)
{
    send_one(NULL);
    ck_assert_int_eq(sent_n, 1);
    ck_assert_str_eq(said, "hello");
}
END_TEST

START_TEST(an_answer_during_finalize_is_dropped_and_nobody_waits)
{
    ck_assert_int_eq(ftm_notice_finalize(answering, NULL, 0), PMIX_ERR_LOST_CONNECTION);
    ck_assert_int_eq(sent_n, 0);
}
END_TEST

/* PMIx_Finalize may only have counted down. */
START_TEST(notices_are_sent_again_after_it)
{
    ftm_notice_finalize(looking, NULL, 0);
    send_one(NULL);
    ck_assert_int_eq(sent_n, 1);
}
END_TEST

START_TEST(finalize_waits_for_what_is_being_sent)
{
    pthread_t sender, ender;

    is_held_up = true;
    ck_assert_int_eq(pthread_create(&sender, NULL, send_one, NULL), 0);
    ck_assert_int_eq(sem_wait(&has_come), 0);
    ck_assert_int_eq(pthread_create(&ender, NULL, finalize, NULL), 0);
    sem_post(&goes_on);
    ck_assert_int_eq(pthread_join(sender, NULL), 0);
    ck_assert_int_eq(pthread_join(ender, NULL), 0);
    ck_assert(!was_sending);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("notice");
    TCase *all = tcase_create("notice");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(all, set_up, NULL);
    tcase_add_test(all, a_notice_has_its_words_and_its_peers);
    tcase_add_test(all, an_answer_during_finalize_is_dropped_and_nobody_waits);
    tcase_add_test(all, notices_are_sent_again_after_it);
    tcase_add_test(all, finalize_waits_for_what_is_being_sent);
    suite_add_tcase(suite, all);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
