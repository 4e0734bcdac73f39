/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_rms.c - where nodes come from and what they should be: the backends `pool` and `collected`.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cms/cms.h"
#include "core/central.h"
#include "rms/rms.h"

static char offered[64];
static char why_none[300];
static uint64_t answered;

static void on_offer(void *arg, uint64_t acquire, const char *node)
{
    (void) arg;
    answered = acquire;
    snprintf(offered, sizeof offered, "%s", node);
}

static void on_none(void *arg, uint64_t acquire, const char *why, int64_t available_at_s)
{
    (void) arg;
    ck_assert_int_eq(available_at_s, 0);
    answered = acquire;
    snprintf(why_none, sizeof why_none, "%s", why);
}

/* Asks for a node, excluding some: the node offered, "" if there was none. */
static const char *acquire(struct ft_rms *rms, const char *const *excluded, size_t n)
{
    static uint64_t id;
    struct ft_wanted wanted = {.job = "j", .excluded = excluded, .excluded_n = n};

    offered[0] = why_none[0] = '\0';
    ft_rms_acquire(rms, ++id, &wanted);
    ck_assert_uint_eq(answered, id);
    return offered;
}

static struct ft_rms *pool_of(const char *const *names, size_t n)
{
    static const struct ft_rms_events events = {.offer = on_offer, .none = on_none};
    struct ft_rms_config config = {.pool = names, .pool_n = n};
    struct ft_rms *rms = ft_rms_create("pool", &config, &events, NULL);

    ck_assert_ptr_nonnull(rms);
    return rms;
}

START_TEST(test_a_ladder_without_spares)
{
    static const char *const names[] = {"a"};
    struct ft_wanted wanted = {.job = "j", .ladder = "expand,beside"};
    struct ft_rms *rms = pool_of(names, 1);

    offered[0] = '\0';
    ft_rms_acquire(rms, 7, &wanted);
    ck_assert_uint_eq(answered, 7);
    ck_assert_str_eq(offered, "");
    ck_assert_ptr_nonnull(strstr(why_none, "the request's ladder has none"));
    wanted.ladder = "beside,spares";
    ft_rms_acquire(rms, 8, &wanted);
    ck_assert_str_eq(offered, "a");
    ft_rms_destroy(rms);
}
END_TEST

START_TEST(test_pool)
{
    static const char *const names[] = {"a", "b", "a.cluster", "c"};
    static const char *const b[] = {"b.cluster"};
    struct ft_rms *rms = pool_of(names, 4);

    ck_assert_str_eq(acquire(rms, NULL, 0), "a");
    ck_assert_str_eq(acquire(rms, b, 1), "c");
    ck_assert_str_eq(acquire(rms, b, 1), "");
    ck_assert_str_eq(why_none, "no spare node is left in the pool: a given already, b tried or "
                               "excluded, c given already");
    ft_rms_release(rms, "a", false);
    ft_rms_release(rms, "c", true);
    ft_rms_release(rms, "nobody", true);
    ck_assert_str_eq(acquire(rms, NULL, 0), "a");
    ck_assert_str_eq(acquire(rms, NULL, 0), "b");
    ck_assert_str_eq(acquire(rms, NULL, 0), "");
    ck_assert_ptr_nonnull(strstr(why_none, "c lost"));
    ft_rms_abandon(rms, 4711);
    ft_rms_destroy(rms);
    ft_rms_destroy(NULL);
}
END_TEST

START_TEST(test_empty_pool)
{
    struct ft_rms *rms = pool_of(NULL, 0);

    ck_assert_str_eq(acquire(rms, NULL, 0), "");
    ck_assert_str_eq(why_none, "the pool of spare nodes is empty");
    ft_rms_destroy(rms);
}
END_TEST

START_TEST(test_unknown_backend)
{
    struct ft_rms_config config = {.pool_n = 0};

    ck_assert_ptr_null(ft_rms_create("pbs", &config, NULL, NULL));
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

static int64_t no_clock(void *arg)
{
    (void) arg;
    return 0;
}

static void no_log(void *arg, const struct ft_event *event)
{
    (void) arg;
    (void) event;
}

START_TEST(test_collected)
{
    struct ft_env env = {.now_ns = no_clock, .log = no_log};
    struct ft_central *central = ft_central_create(&env, &ft_central_defaults);
    struct ft_cms *cms = ft_cms_collected_create(central);
    struct ft_facts facts = {.cores = 4, .kind = 7}, found;
    size_t n;
    char *huge = calloc(1, FT_CMS_TOPOLOGY_BYTES_MAX + 1);
    const void *xml;

    ck_assert(!ft_cms_facts(cms, "n1", &found));
    ck_assert_int_eq(ft_central_unit_facts(central, "n1", &facts), 0);
    ck_assert(ft_cms_facts(cms, "n1.cluster", &found));
    ck_assert_uint_eq(found.cores, 4);
    ck_assert_ptr_null(ft_cms_topology(cms, 7, &n));
    ck_assert_int_eq(ft_cms_collected_keep(cms, 7, "<x/>", 4), 0);
    ck_assert_int_eq(ft_cms_collected_keep(cms, 7, "<other/>", 8), 0);
    xml = ft_cms_topology(cms, 7, &n);
    ck_assert(n == 4 && memcmp(xml, "<x/>", 4) == 0);
    ck_assert_int_lt(ft_cms_collected_keep(cms, 8, huge, FT_CMS_TOPOLOGY_BYTES_MAX + 1), 0);
    ck_assert_int_eq(errno, ENOBUFS);
    for (uint64_t kind = 100; kind < 100 + FT_CMS_TOPOLOGIES_MAX - 1; kind++)
        ck_assert_int_eq(ft_cms_collected_keep(cms, kind, "<y/>", 4), 0);
    ck_assert_int_lt(ft_cms_collected_keep(cms, 9, "<z/>", 4), 0);
    free(huge);
    ft_cms_destroy(cms);
    ft_cms_destroy(NULL);
    ft_central_destroy(central);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rms and cms");
    TCase *tcase = tcase_create("backends");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, test_pool);
    tcase_add_test(tcase, test_a_ladder_without_spares);
    tcase_add_test(tcase, test_empty_pool);
    tcase_add_test(tcase, test_unknown_backend);
    tcase_add_test(tcase, test_collected);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
