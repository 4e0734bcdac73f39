/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_core_parts.c - the parts of core by themselves: matching, the inventory, jobs, deadlines.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/inventory.h"
#include "core/jobs.h"
#include "core/match.h"
#include "core/timers.h"

#define GIB (UINT64_C(1) << 30)

static struct ft_facts facts_of(unsigned cores, uint64_t memory_bytes, uint64_t kind)
{
    struct ft_facts facts = {.arch = "x86_64", .packages = 1, .cores = cores, .pus = cores,
                             .memory_bytes = memory_bytes, .kind = kind};

    strcpy(facts.devices[0].type, "gpu");
    facts.devices[0].count = 2;
    return facts;
}

/* ---------------------------------------------------------------- match */

static struct ft_demand demand_of(void (*change)(ftConstraint_t *constraint))
{
    ftConstraint_t constraint;
    struct ft_demand demand;

    memset(&constraint, 0, sizeof constraint);
    change(&constraint);
    ck_assert_int_eq(ft_demand_make(&demand, &constraint), 0);
    return demand;
}

static void any(ftConstraint_t *constraint) { (void) constraint; }
static void cores(ftConstraint_t *constraint) { constraint->cores_min = 8; }
static void memory(ftConstraint_t *constraint) { constraint->memory_min_bytes = 16 * GIB; }
static void arch(ftConstraint_t *constraint) { strcpy(constraint->arch, "aarch64"); }
static void at_least(ftConstraint_t *constraint) { constraint->at_least = 1; }
static void same_kind(ftConstraint_t *constraint) { constraint->same_kind = 1; }
static void gpus(ftConstraint_t *constraint)
{
    strcpy(constraint->devices[0].type, "gpu");
    constraint->devices[0].count_min = 3;
}
static void nets(ftConstraint_t *constraint)
{
    strcpy(constraint->devices[0].type, "network");
    constraint->devices[0].count_min = 1;
}

START_TEST(test_match_reasons)
{
    struct ft_facts node = facts_of(4, 8 * GIB, 1), better = facts_of(8, 16 * GIB, 2);
    struct ft_facts more_gpus = facts_of(4, 8 * GIB, 3), other_arch = facts_of(4, 8 * GIB, 4);
    const struct {
        void (*demand)(ftConstraint_t *constraint);
        const struct ft_facts *original;
        const char *why; /* NULL: fits */
    } cases[] = {
        {any, NULL, NULL},
        {cores, NULL, "has 4 cores, 8 wanted"},
        {memory, NULL, "has 8.0 GiB of memory, 16.0 GiB wanted"},
        {arch, NULL, "is x86_64, wanted is aarch64"},
        {gpus, NULL, "has 2 gpu devices, 3 wanted"},
        {nets, NULL, "has 0 network devices, 1 wanted"},
        {at_least, NULL, "cannot be compared"},
        {same_kind, NULL, "cannot be compared"},
        {at_least, &node, NULL},
        {same_kind, &node, NULL},
        {at_least, &better, "16.0 GiB"},
        {at_least, &more_gpus, "has 2 gpu devices, 5 wanted (what the lost node had)"},
        {at_least, &other_arch, "is x86_64, wanted is riscv64"},
        {same_kind, &better, "is of another kind than the lost node: 1 packages, 4 cores, 4 "
                             "hardware threads against 1, 8, 8"},
    };

    more_gpus.devices[0].count = 5;
    strcpy(other_arch.arch, "riscv64");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ft_demand demand = demand_of(cases[i].demand);
        char why[256] = "";
        bool fits = ft_match_facts(&demand, &node, cases[i].original, why, sizeof why);

        ck_assert_msg(fits == (cases[i].why == NULL), "case %zu: %s", i, why);
        ck_assert_msg(fits || strstr(why, cases[i].why) != NULL, "case %zu: %s", i, why);
        ck_assert(ft_match_facts(&demand, &node, cases[i].original, NULL, 0) == fits);
        ft_demand_clear(&demand);
    }
}
END_TEST

START_TEST(test_match_tolerance)
{
    struct ft_facts lost = facts_of(4, 64 * GIB, 1), node = facts_of(4, 64 * GIB - GIB / 2, 1);
    struct ft_demand demand = demand_of(at_least);

    ck_assert_msg(ft_match_facts(&demand, &node, &lost, NULL, 0),
                  "a node of the same kind with a little less memory does not do");
    node.memory_bytes = 60 * GIB;
    ck_assert(!ft_match_facts(&demand, &node, &lost, NULL, 0));
}
END_TEST

START_TEST(test_match_free_memory)
{
    struct ft_demand demand = demand_of(memory);
    struct ft_measured measured = {.facts = facts_of(4, 16 * GIB, 1), .facts_known = true,
                                   .memory_free_bytes = 7 * GIB};
    char why[256];

    ck_assert(!ft_match_measured(&demand, &measured, NULL, NULL, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "has 7.0 GiB of memory free, at least 8.0 GiB"));
    measured.facts.shown = true; /* what is shown has no free memory */
    ck_assert(ft_match_measured(&demand, &measured, NULL, NULL, why, sizeof why));
    measured.facts_known = false;
    ck_assert(!ft_match_measured(&demand, &measured, NULL, NULL, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "did not say what hardware"));
}
END_TEST

/* A check's own exit code is told; one that the unit made up is not. */
START_TEST(test_match_check)
{
    struct ft_demand demand = demand_of(memory);
    struct ft_measured measured = {.facts = facts_of(4, 16 * GIB, 1), .facts_known = true,
                                   .memory_free_bytes = 9 * GIB, .check_ran = true,
                                   .check_code = 124};
    char why[256];

    snprintf(measured.check_text, sizeof measured.check_text, "the fan is loud");
    ck_assert(!ft_match_measured(&demand, &measured, NULL, NULL, why, sizeof why));
    ck_assert_str_eq(why, "failed the site's check (exit code 124): the fan is loud");
    snprintf(measured.check_text, sizeof measured.check_text,
             "the site's check gave no result within 300 ms");
    ck_assert(!ft_match_measured(&demand, &measured, NULL, NULL, why, sizeof why));
    ck_assert_str_eq(why, "did not pass: the site's check gave no result within 300 ms");
    measured.check_code = 0;
    ck_assert(ft_match_measured(&demand, &measured, NULL, NULL, why, sizeof why));
}
END_TEST

START_TEST(test_demands)
{
    struct ft_demand a = demand_of(gpus), b = demand_of(gpus), c;
    ftConstraint_t bad;

    ck_assert(ft_demand_equal(&a, &b));
    b.devices[0].count_min = 4;
    ck_assert(!ft_demand_equal(&a, &b));
    a.excluded = strdup("n1,n2");
    ck_assert_int_eq(ft_demand_copy(&c, &a), 0);
    ck_assert(ft_demand_equal(&a, &c) && a.excluded != c.excluded);
    ft_demand_clear(&a);
    ck_assert(!ft_demand_equal(&a, &c));
    ft_demand_clear(&c);
    memset(&bad, 0, sizeof bad);
    bad.error = FT_ERR_ARG;
    ck_assert_int_lt(ft_demand_make(&c, &bad), 0);
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* ---------------------------------------------------------------- inventory */

static struct ft_node *add(struct ft_inventory *inventory, const char *name, struct ft_facts facts)
{
    struct ft_node *node = ft_inventory_get(inventory, name);

    ck_assert_ptr_nonnull(node);
    ck_assert_int_eq(ft_inventory_set_facts(inventory, node, &facts), 0);
    ft_inventory_set_unit(inventory, node, true, NULL);
    ft_inventory_set_state(inventory, node, FT_NODE_UP, 1, NULL, 0);
    return node;
}

static bool fits_cores(void *arg, const struct ft_facts *facts)
{
    return facts->cores >= *(unsigned *) arg;
}

static struct ft_node *search(struct ft_inventory *inventory, enum ft_use use, unsigned wanted,
                              uint64_t kind)
{
    struct ft_search search = {.number = ft_inventory_search_begin(inventory), .use = use,
                               .now_ns = 1000, .kind = kind, .fits = fits_cores, .arg = &wanted};

    return ft_inventory_search(inventory, &search);
}

START_TEST(test_names)
{
    struct ft_inventory *inventory = ft_inventory_create();
    struct ft_node *node = ft_inventory_get(inventory, "n1.cluster.example");
    char longest[FT_NAME_MAX + 1];

    ck_assert_ptr_eq(ft_inventory_find(inventory, "n1"), node);
    ck_assert_ptr_eq(ft_inventory_get(inventory, "n1.other"), node);
    ck_assert_ptr_null(ft_inventory_find(inventory, "n10"));
    node = ft_inventory_get(inventory, "10.0.0.1");
    ck_assert_ptr_ne(ft_inventory_get(inventory, "10.0.0.2"), node);
    ck_assert_ptr_ne(ft_inventory_get(inventory, "10"), node);
    ck_assert_ptr_null(ft_inventory_get(inventory, ""));
    memset(longest, 'x', FT_NAME_MAX);
    longest[FT_NAME_MAX] = '\0';
    ck_assert_ptr_null(ft_inventory_get(inventory, longest));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_uint_eq(ft_inventory_count(inventory), 4);
    ft_inventory_destroy(inventory);
    ft_inventory_destroy(NULL);
}
END_TEST

START_TEST(test_search_follows_the_state)
{
    struct ft_inventory *inventory = ft_inventory_create();
    struct ft_node *node = add(inventory, "a", facts_of(4, GIB, 1));
    struct ft_node *lost = add(inventory, "lost", facts_of(1, GIB, 2));
    struct ft_search skip = {.number = ft_inventory_search_begin(inventory), .use = FT_USE_IDLE,
                             .fits = fits_cores, .arg = &(unsigned) {4}};

    ck_assert_ptr_eq(search(inventory, FT_USE_IDLE, 4, 0), node);
    ck_assert_ptr_null(search(inventory, FT_USE_IDLE, 5, 0));
    node->stamp = skip.number;
    ck_assert_ptr_null(ft_inventory_search(inventory, &skip));
    ft_inventory_add_process(inventory, node);
    ck_assert_ptr_null(search(inventory, FT_USE_IDLE, 4, 0));
    ck_assert_ptr_eq(search(inventory, FT_USE_BUSY, 4, 0), node);
    ft_inventory_drop_process(inventory, node);
    ft_inventory_reserve(inventory, node, lost, FT_BY_IDLE_NODE);
    ft_inventory_reserve(inventory, node, lost, FT_BY_IDLE_NODE);
    ck_assert_ptr_eq(lost->standins, node);
    ck_assert_ptr_null(search(inventory, FT_USE_IDLE, 4, 0));
    ck_assert(!ft_inventory_unreserve(inventory, node));
    ck_assert(ft_inventory_unreserve(inventory, node));
    ck_assert_ptr_null(lost->standins);
    ck_assert_ptr_eq(search(inventory, FT_USE_IDLE, 4, 0), node);
    ft_inventory_set_unfit(inventory, node, 2000, "it failed");
    ck_assert_ptr_null(search(inventory, FT_USE_IDLE, 4, 0));
    ft_inventory_set_unfit(inventory, node, 1000, NULL);
    ck_assert_ptr_eq(search(inventory, FT_USE_IDLE, 4, 0), node);
    ft_inventory_set_unit(inventory, node, false, "gone");
    ck_assert_ptr_null(search(inventory, FT_USE_IDLE, 4, 0));
    ft_inventory_set_unit(inventory, node, true, NULL);
    ft_inventory_set_state(inventory, node, FT_NODE_IS_LOST, 1, "gone", 5);
    ck_assert_ptr_null(search(inventory, FT_USE_IDLE, 4, 0));
    ft_inventory_destroy(inventory);
}
END_TEST

START_TEST(test_search_takes_the_best)
{
    struct ft_inventory *inventory = ft_inventory_create();
    struct ft_node *small = add(inventory, "small", facts_of(4, 8 * GIB, 1));
    struct ft_node *large = add(inventory, "large", facts_of(64, 8 * GIB, 2));
    struct ft_node *busy = add(inventory, "busy", facts_of(4, 8 * GIB, 1));
    struct ft_node *busier = add(inventory, "busier", facts_of(4, 8 * GIB, 1));

    for (int i = 0; i < 3; i++)
        ft_inventory_add_process(inventory, busier);
    ft_inventory_add_process(inventory, busy);
    ck_assert_ptr_eq(search(inventory, FT_USE_IDLE, 2, 0), small);
    ck_assert_ptr_eq(search(inventory, FT_USE_IDLE, 2, 2), large);
    ck_assert_ptr_eq(search(inventory, FT_USE_IDLE, 5, 1), large);
    ck_assert_ptr_eq(search(inventory, FT_USE_BUSY, 2, 0), busy);
    ft_inventory_destroy(inventory);
}
END_TEST

START_TEST(test_distances)
{
    static const char *const places[] = {"row1/rack1", "row1/rack1", "row1/rack2", "row2/rack1",
                                         ""};
    static const int far[] = {0, 1, 2, 3, FT_DISTANCE_UNKNOWN};
    struct ft_inventory *inventory = ft_inventory_create();
    struct ft_node *nodes[5];

    for (int i = 0; i < 5; i++) {
        char name[16];

        snprintf(name, sizeof name, "n%d", i);
        nodes[i] = add(inventory, name, facts_of(4, GIB, 1));
        ck_assert_int_eq(ft_inventory_set_location(inventory, nodes[i], places[i]), 0);
    }
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(ft_inventory_distance(nodes[0], nodes[i]), far[i]);
    ft_inventory_destroy(inventory);
}
END_TEST

/* How long it takes is the bench's business (find_100k_us). */
START_TEST(test_search_among_many)
{
    struct ft_inventory *inventory = ft_inventory_create();

    for (int i = 0; i < 100000; i++) {
        char name[16], place[32];
        struct ft_node *node;

        snprintf(name, sizeof name, "n%d", i);
        snprintf(place, sizeof place, "row%d/rack%d", i / 640, i / 32);
        node = add(inventory, name, facts_of(4u << i % 4, 8 * GIB + (uint64_t) i, 1 + i % 4));
        ck_assert_int_eq(
            ft_inventory_set_location(inventory, node, i % 1000 < 999 ? "" : place), 0);
        if (i % 100 != 7)
            ft_inventory_add_process(inventory, node);
    }
    ck_assert_ptr_nonnull(search(inventory, FT_USE_IDLE, 8, 2));
    ft_inventory_destroy(inventory);
}
END_TEST

/* ---------------------------------------------------------------- jobs */

START_TEST(test_jobs)
{
    struct ft_inventory *inventory = ft_inventory_create();
    struct ft_jobs *jobs = ft_jobs_create(inventory);
    ftProcessInfo_t two[] = {{0, 10, "a"}, {5, 11, "b"}}, more[] = {{5, 99, "c"}, {1, 12, "a"}};
    ftProcessInfo_t bad[] = {{2, 1, "d"}, {-1, 1, "e"}}, far[] = {{FT_RANK_MAX + 1, 1, "f"}};
    struct ft_process *process;
    struct ft_node *a;

    ck_assert_ptr_nonnull(ft_jobs_start(jobs, "j", "", two, 2));
    ck_assert_ptr_nonnull(ft_jobs_start(jobs, "j", "", more, 2));
    ck_assert_ptr_null(ft_jobs_start(jobs, "j", "", bad, 2));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(ft_jobs_start(jobs, "j", "", far, 1));
    ck_assert_ptr_null(ft_jobs_start(jobs, "", "", two, 2));
    ck_assert_uint_eq(ft_jobs_find(jobs, "j")->live_n, 3);
    ck_assert_str_eq(ft_jobs_process(jobs, "j", 5)->node->name, "b");
    ck_assert_ptr_null(ft_jobs_process(jobs, "j", 4));
    ck_assert_ptr_null(ft_jobs_process(jobs, "j", -1));
    ck_assert_ptr_null(ft_jobs_process(jobs, "k", 0));
    a = ft_inventory_find(inventory, "a");
    ck_assert_uint_eq(a->processes_n, 2);
    ck_assert_ptr_eq(ft_jobs_process_by_pid(a, 12), ft_jobs_process(jobs, "j", 1));
    process = ft_jobs_process(jobs, "j", 0);
    ck_assert(ft_jobs_end_process(jobs, process, FT_ENDED_CODE, 3, 77));
    ck_assert(!ft_jobs_end_process(jobs, process, FT_ENDED_WELL, 0, 78));
    ck_assert_int_eq(process->code, 3);
    ck_assert_uint_eq(a->processes_n, 1);
    ck_assert_ptr_null(ft_jobs_process_by_pid(a, 10));
    ft_jobs_end(jobs, ft_jobs_find(jobs, "j"));
    ft_jobs_forget(jobs, ft_jobs_find(jobs, "j"));
    ck_assert_ptr_null(ft_jobs_find(jobs, "j"));
    ft_jobs_destroy(jobs);
    ft_inventory_destroy(inventory);
}
END_TEST

/* ---------------------------------------------------------------- timers */

START_TEST(test_timers_come_in_order)
{
    struct ft_timers *timers = ft_timers_create();
    static struct ft_timer all[1000];
    int64_t before = -1;
    unsigned random = 7, fired = 0;

    memset(all, 0, sizeof all);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(ft_timers_reserve(timers), 0);
        random = random * 1103515245 + 12345;
        ft_timers_arm(timers, &all[i], random >> 8);
    }
    for (int i = 0; i < 1000; i += 3)
        ft_timers_disarm(timers, &all[i]);
    for (int i = 1; i < 1000; i += 3) {
        random = random * 1103515245 + 12345;
        ft_timers_arm(timers, &all[i], random >> 8);
    }
    for (struct ft_timer *timer; (timer = ft_timers_first(timers)) != NULL; fired++) {
        ck_assert_int_ge(timer->at_ns, before);
        before = timer->at_ns;
        ft_timers_disarm(timers, timer);
        ft_timers_disarm(timers, timer);
    }
    ck_assert_uint_eq(fired, 666);
    ft_timers_destroy(timers);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core's parts");
    TCase *tcase = tcase_create("parts");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, test_match_reasons);
    tcase_add_test(tcase, test_match_tolerance);
    tcase_add_test(tcase, test_match_free_memory);
    tcase_add_test(tcase, test_match_check);
    tcase_add_test(tcase, test_demands);
    tcase_add_test(tcase, test_names);
    tcase_add_test(tcase, test_search_follows_the_state);
    tcase_add_test(tcase, test_search_takes_the_best);
    tcase_add_test(tcase, test_distances);
    tcase_add_test(tcase, test_search_among_many);
    tcase_add_test(tcase, test_jobs);
    tcase_add_test(tcase, test_timers_come_in_order);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
