/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_core.c - the ladder and the life of a decision, scene by scene. Random histories are in
 * tests/sim; here each rule of the house stands as a scene that can be read.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/inventory.h"
#include "core/jobs.h"
#include "core/subject.h"
#include "core_stage.h"

#define NS_PER_MS INT64_C(1000000)

static const char *text_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in: %s", part, text);
    return text;
}

static void add_idle(const char *name, int daemon, struct ft_facts facts)
{
    ft_central_node_changed(stage.central, 0, &stage_launcher, name, daemon, FT_NODE_JOINED, NULL);
    ck_assert_int_eq(ft_central_unit_up(stage.central, name, "test"), 0);
    ck_assert_int_eq(ft_central_unit_facts(stage.central, name, &facts), 0);
}

static void claim(uint64_t token, int asker, uint64_t decision)
{
    struct ft_asker who = asker_of(asker);

    ft_central_claim(stage.central, token, &who, decision, 20000);
}

static void start_failed(uint64_t token, int asker, uint64_t decision)
{
    struct ft_asker who = asker_of(asker);

    ft_central_start_failed(stage.central, token, &who, decision, "no such program");
}

static ftConstraint_t exclude(const char *names)
{
    ftConstraint_t constraint = anything();

    snprintf(constraint.excluded, sizeof constraint.excluded, "%s", names);
    return constraint;
}

static void allow_sharing(struct ft_central_config *config)
{
    config->share = true;
}

/* Rank 1 of 3 loses its node, s0 is given in its place. Returns the decision. */
static uint64_t given_s0(void)
{
    stage_begin(3, 3, NULL);
    lose(1);
    ask_any(1, 0, 1);
    offer("s0");
    probe_good("s0");
    ck_assert_int_eq(reply_of(1)->status, FT_OK);
    ck_assert_str_eq(reply_of(1)->alternative.node, "s0");
    return reply_of(1)->decision;
}

/* ---------------------------------------------------------------- the ladder */

START_TEST(test_new_node_for_a_lost_one)
{
    const ftReply_t *reply;

    stage_begin(3, 1, NULL);
    lose(1);
    pass_ms(40);
    ask_any(1, 0, 1);
    ck_assert_msg(!answered(1), "answered before the candidate was probed");
    offer("s0");
    probe_good("s0");
    reply = reply_of(1);
    ck_assert_int_eq(reply->status, FT_OK);
    ck_assert_str_eq(reply->alternative.node, "s0");
    ck_assert_int_eq(reply->alternative.kind, FT_NODE);
    ck_assert_str_eq(reply->lost_node, "n1");
    ck_assert_str_eq(reply->resource.job, JOB);
    ck_assert_int_eq(reply->rung, FT_BY_NEW_NODE);
    ck_assert_int_eq(reply->reach, FT_REACH_START);
    ck_assert_uint_eq(reply->epoch, 1);
    ck_assert_int_eq(reply->in_job, 0);
    ck_assert_int_eq(reply->repairable, 0);
    text_has(reply->repair, "node n1 is lost: connection to its daemon closed; the launcher does "
                            "not take a node back");
    text_has(reply->match, "4 cores");
    text_has(reply->match, "same kind of hardware");
    ck_assert_uint_eq(reply->probed, 1);
    ck_assert_double_eq_tol(reply->steps.known_ms, 40, 0.01);
    ck_assert_double_eq_tol(reply->steps.probe_ms, 5, 0.01);
    ck_assert_double_eq_tol(reply->steps.total_ms, 5, 0.01);
    ck_assert_double_eq_tol(reply->steps.decide_ms, 0, 0.01);
    ck_assert_uint_eq(count_events("decision_made"), 1);
    stage_end();
}
END_TEST

START_TEST(test_idle_node_before_new_node)
{
    stage_begin(3, 1, NULL);
    add_idle("i0", 7, facts_of(4, 8 * GIB, 1));
    lose(1);
    ask_any(1, 0, 1);
    ck_assert_uint_eq(stage.acquire, 0);
    probe_good("i0");
    ck_assert_int_eq(reply_of(1)->rung, FT_BY_IDLE_NODE);
    ck_assert_int_eq(reply_of(1)->in_job, 1);
    stage_end();
}
END_TEST

START_TEST(test_repair_in_place_of_a_dead_process)
{
    const ftReply_t *reply;

    stage_begin(3, 1, NULL);
    kill_rank(1);
    ask_any(1, 0, 1);
    probe_good("n1");
    reply = reply_of(1);
    ck_assert_str_eq(reply->alternative.node, "n1");
    ck_assert_int_eq(reply->rung, FT_BY_REPAIR);
    ck_assert_int_eq(reply->repairable, 1);
    text_has(reply->repair, "was ended by signal 9 (Killed) while node n1 lives: it can be "
                            "started");
    stage_end();
}
END_TEST

START_TEST(test_no_repair_where_it_cannot_be)
{
    ftConstraint_t constraint = exclude("n1");

    /* the node is excluded */
    stage_begin(3, 1, NULL);
    kill_rank(1);
    ask(1, 0, 1, &constraint);
    offer("s0");
    probe_good("s0");
    ck_assert_int_eq(reply_of(1)->repairable, 0);
    text_has(reply_of(1)->repair, "node n1 is excluded");
    stage_end();
    /* its unit is gone */
    stage_begin(3, 1, NULL);
    ft_central_unit_down(stage.central, "n1", "connection reset");
    kill_rank(1);
    ask_any(1, 0, 1);
    offer("s0");
    probe_good("s0");
    text_has(reply_of(1)->repair, "the unit of node n1 is not connected: connection reset");
    stage_end();
    /* the probe there fails */
    stage_begin(3, 1, NULL);
    kill_rank(1);
    ask_any(1, 0, 1);
    {
        struct ft_facts facts = facts_of(4, 8 * GIB, 1);

        probe_with("n1", &facts, 8 * GIB, 3);
    }
    offer("s0");
    probe_good("s0");
    ck_assert_int_eq(reply_of(1)->repairable, 0);
    text_has(reply_of(1)->repair, "node n1 failed the site's check (exit code 3): the fan");
    stage_end();
}
END_TEST

START_TEST(test_only_the_daemon_is_lost)
{
    stage_begin(3, 1, NULL);
    ft_central_node_changed(stage.central, 0, &stage_launcher, "n1", 1, FT_NODE_LOST,
                            "connection to its daemon closed");
    ask_any(1, 0, 1);
    offer("s0");
    probe_good("s0");
    ck_assert_int_eq(reply_of(1)->repairable, 0);
    text_has(reply_of(1)->repair, "node n1 is lost: connection to its daemon closed; its unit is "
                                  "still connected, but the launcher does not take a node back");
    stage_end();
}
END_TEST

START_TEST(test_no_repair_after_three_deaths_in_a_minute)
{
    stage_begin(3, 1, NULL);
    kill_rank(1);
    for (int death = 1; death <= 2; death++) {
        uint64_t token = (uint64_t) death * 10;
        char job[32];

        ask_any(token, 0, 1);
        if (stage.probe != 0)
            probe_good("n1");
        ck_assert_str_eq(reply_of(token)->alternative.node, "n1");
        claim(token + 1, 0, reply_of(token)->decision);
        ck_assert_int_eq(announce(token + 2, reply_of(token)->decision, death + 1, "n1", true),
                         FT_OK);
        snprintf(job, sizeof job, "job@%d", death + 1);
        ft_central_process_ended(stage.central, 0, &stage_launcher, job, 0, FT_ENDED_CODE, 3);
        pass_ms(100);
    }
    ask_any(30, 0, 1);
    offer("s0");
    probe_good("s0");
    ck_assert_str_eq(reply_of(30)->alternative.node, "s0");
    ck_assert_uint_eq(reply_of(30)->epoch, 3);
    text_has(reply_of(30)->repair, "it died 3 times on node n1 within 60 s");
    stage_end();
}
END_TEST

/* A program that always ends the same way is not to be run for ever. */
START_TEST(test_no_alternative_for_what_ends_itself)
{
    uint64_t token = 10;

    stage_begin(3, 2, NULL);
    pass_ms(100);
    kill_rank(1);
    for (int end = 1; end <= FT_OWN_ENDS_MAX; end++, token += 3) {
        char job[32];

        ask_any(token, 0, 1);
        if (!answered(token) && stage.probe == 0)
            offer(end <= 4 ? "s0" : "s1");
        if (!answered(token))
            probe_good(stage.probed);
        ck_assert_int_eq(reply_of(token)->status, FT_OK);
        claim(token + 1, 0, reply_of(token)->decision);
        snprintf(job, sizeof job, "job@%d", end + 1);
        announce(token + 2, reply_of(token)->decision, end + 1, reply_of(token)->alternative.node,
                 true);
        ft_central_process_ended(stage.central, 0, &stage_launcher, job, 0, FT_ENDED_CODE, 3);
        pass_ms(100);
    }
    ask_any(token, 0, 1);
    ck_assert_int_eq(reply_of(token)->status, FT_ERR_NONE);
    text_has(reply_of(token)->reason, "ended by themselves");
    text_has(reply_of(token)->reason, "exit code 3");
    pass_ms(61000);
    ask_any(token + 1, 0, 1);
    ck_assert(!answered(token + 1) || reply_of(token + 1)->status == FT_OK); /* tried again */
    stage_end();
}
END_TEST

START_TEST(test_sharing_only_if_allowed)
{
    stage_begin(3, 0, NULL);
    lose(1);
    ask_any(1, 0, 1);
    offer(NULL);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_NONE);
    text_has(reply_of(1)->reason, "sharing a node that is in use is not allowed");
    text_has(reply_of(1)->reason, "no new node: the pool is empty");
    text_has(reply_of(1)->reason, "the job has no idle node");
    text_has(reply_of(1)->hint, "share = true");
    ck_assert_int_eq(reply_of(1)->available_at_s, 1700000000);
    stage_end();
    stage_begin(3, 0, allow_sharing);
    lose(1);
    ask_any(1, 0, 1);
    offer(NULL);
    ck_assert(stage.probe != 0);
    probe_good(stage.probed);
    ck_assert_int_eq(reply_of(1)->rung, FT_BY_SHARING);
    ck_assert_str_ne(reply_of(1)->alternative.node, "n1");
    stage_end();
}
END_TEST

START_TEST(test_planned_replacement)
{
    stage_begin(3, 1, NULL);
    ask_any(1, 0, 1);
    pass_ms(299);
    ck_assert_uint_eq(stage.acquire, 0);
    pass_ms(2);
    ck_assert_uint_eq(count_events("not_known_lost"), 1);
    offer("s0");
    probe_good("s0");
    ck_assert_str_eq(reply_of(1)->alternative.node, "s0");
    ck_assert_int_eq(reply_of(1)->repairable, 0);
    text_has(reply_of(1)->repair, "is not known to be lost: there is nothing to repair");
    ck_assert_double_lt(reply_of(1)->steps.known_ms, 0);
    stage_end();
}
END_TEST

START_TEST(test_news_end_the_wait)
{
    stage_begin(3, 1, NULL);
    ask_any(1, 0, 1);
    pass_ms(20);
    ck_assert_uint_eq(stage.acquire, 0);
    lose(1);
    offer("s0");
    probe_good("s0");
    ck_assert_str_eq(reply_of(1)->lost_node, "n1");
    ck_assert_double_eq_tol(reply_of(1)->steps.known_ms, 0, 0.01);
    ck_assert_double_eq_tol(reply_of(1)->steps.total_ms, 25, 0.01);
    stage_end();
}
END_TEST

START_TEST(test_lost_with_its_node_waits_for_the_node)
{
    stage_begin(3, 1, NULL);
    ft_central_process_ended(stage.central, 0, &stage_launcher, JOB, 1, FT_ENDED_WITH_NODE, 0);
    ask_any(1, 0, 1);
    ck_assert_msg(stage.probe == 0 && stage.acquire == 0, "it does not wait for the node's loss");
    lose(1);
    offer("s0");
    probe_good("s0");
    text_has(reply_of(1)->repair, "node n1 is lost");
    stage_end();
}
END_TEST

START_TEST(test_unknown_resources)
{
    struct ft_asker who = asker_of(0);
    ftConstraint_t constraint = anything();
    ftResource_t other = rank_of(7), node = {.kind = FT_NODE, .node = "nowhere"};
    ftResource_t bad = {.kind = FT_RANK, .number = -3};
    ftResource_t worse = {.kind = (ftKind_t) 77, .node = "x"};

    stage_begin(2, 0, NULL);
    ft_central_find_alternative(stage.central, 1, &who, &other, &constraint, 20000);
    ft_central_find_alternative(stage.central, 2, &who, &node, &constraint, 20000);
    ft_central_find_alternative(stage.central, 3, &who, &bad, &constraint, 20000);
    ft_central_find_alternative(stage.central, 4, &who, &worse, &constraint, 20000);
    ck_assert(!answered(1) && !answered(2));
    ck_assert_int_eq(reply_of(3)->status, FT_ERR_ARG);
    ck_assert_int_eq(reply_of(4)->status, FT_ERR_ARG);
    pass_ms(301);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_UNKNOWN);
    text_has(reply_of(1)->reason, "rank 7 of job job@1 is not known");
    ck_assert_int_eq(reply_of(2)->status, FT_ERR_UNKNOWN);
    /* Reported while it is waited for. */
    ft_central_find_alternative(stage.central, 5, &who, &other, &constraint, 20000);
    {
        ftProcessInfo_t late = {.rank = 7, .pid = 107, .node = "n1"};

        ft_central_job_started(stage.central, 0, &stage_launcher, JOB, "", &late, 1);
    }
    lose(1);
    offer(NULL);
    ck_assert_int_eq(reply_of(5)->status, FT_ERR_NONE);
    stage_end();
}
END_TEST

START_TEST(test_other_resources)
{
    struct ft_asker who = asker_of(0);
    ftConstraint_t constraint = anything();
    ftResource_t device = {.kind = FT_DEVICE, .node = "n1", .name = "eth0"};
    ftResource_t link = {.kind = FT_LINK, .node = "n0", .name = "n2"};
    ftResource_t process = {.kind = FT_PROCESS, .node = "n1", .number = 101};

    stage_begin(3, 4, NULL);
    ft_central_find_alternative(stage.central, 1, &who, &device, &constraint, 20000);
    /* at once, as nobody would report the loss of a device */
    ck_assert_uint_ne(stage.acquire, 0);
    offer("s0");
    probe_good("s0");
    ck_assert_str_eq(reply_of(1)->lost_node, "n1");
    /* The far end of a link is what the asker has to replace. */
    ft_central_find_alternative(stage.central, 2, &who, &link, &constraint, 0);
    pass_ms(301);
    text_has(event_text("not_known_lost"), "its node n2");
    /* A process that is a rank is that rank. */
    ft_central_report_error(stage.central, 3, &who, &process, FT_SEND, 1);
    text_has(event_text("error_reported"), "could not send to rank 1 of job job@1");
    stage_end();
}
END_TEST

/* ---------------------------------------------------------------- rejections */

START_TEST(test_rejections_say_why)
{
    ftConstraint_t constraint = anything();
    struct ft_facts small = facts_of(2, 8 * GIB, 2), good = facts_of(4, 8 * GIB, 1);
    struct ft_measured broken = {.error = "hwloc could not be asked"};

    constraint.at_least = 1;
    stage_begin(2, 6, NULL);
    lose(1);
    ask(1, 0, 1, &constraint);
    offer("s0");
    probe_with("s0", &small, 7 * GIB, 0);
    text_has(event_text("candidate_rejected"), "s0 is no alternative for rank 1 of job job@1: it "
             "has 2 cores, 4 wanted (what the lost node had)");
    ck_assert_str_eq(stage.released, "s0");
    text_has(stage.wanted_excluded, "s0,");
    offer("s1");
    probe_with("s1", &good, GIB, 0);
    text_has(event_text("candidate_rejected"), "s1 is no alternative for rank 1 of job job@1: it "
             "has 1.0 GiB of memory free, at least 3.9 GiB");
    offer("s2");
    probe_with("s2", &good, 7 * GIB, 7);
    text_has(event_text("candidate_rejected"), "failed the site's check (exit code 7): the fan");
    offer("s3");
    ft_central_probe_result(stage.central, stage.probe, &broken);
    text_has(event_text("candidate_rejected"), "could not be measured: hwloc could not be asked");
    offer("s4");
    ck_assert_str_eq(stage.probed, "s4");
    pass_ms(2000);
    text_has(event_text("candidate_rejected"), "did not answer the probe within 2000 ms");
    stage.probe_fails = true;
    offer("s5");
    text_has(event_text("candidate_rejected"), "could not be probed: its unit is not connected");
    offer(NULL);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_NONE);
    for (int i = 0; i < 4; i++) {
        char name[16];

        snprintf(name, sizeof name, "s%d", i);
        text_has(reply_of(1)->reason, name);
    }
    ck_assert_uint_eq(count_events("candidate_rejected"), 6);
    ck_assert_uint_eq(stage.released_n, 6);
    stage_end();
}
END_TEST

START_TEST(test_late_probe_answers_are_ignored)
{
    struct ft_measured measured = {.facts_known = true, .facts = facts_of(4, 8 * GIB, 1),
                                   .memory_free_bytes = 8 * GIB,
                                   .scratch_free_bytes = 8 * GIB};
    uint64_t late;

    stage_begin(2, 2, NULL);
    lose(1);
    ask_any(1, 0, 1);
    offer("s0");
    late = stage.probe;
    pass_ms(2001);
    offer("s1");
    ft_central_probe_result(stage.central, late, &measured);
    ft_central_probe_result(stage.central, 0, &measured);
    ft_central_probe_result(stage.central, 999, &measured);
    ck_assert(!answered(1));
    probe_good("s1");
    ck_assert_str_eq(reply_of(1)->alternative.node, "s1");
    stage_end();
}
END_TEST

START_TEST(test_same_kind_is_explained)
{
    ftConstraint_t constraint = anything();
    struct ft_facts other = facts_of(4, 8 * GIB, 9);

    constraint.same_kind = 1;
    stage_begin(2, 1, NULL);
    lose(1);
    ask(1, 0, 1, &constraint);
    offer("s0");
    probe_with("s0", &other, 8 * GIB, 0);
    text_has(event_text("candidate_rejected"), "is of another kind than the lost node: kind 9 "
                                               "instead of 1");
    stage_end();
}
END_TEST

START_TEST(test_what_cannot_fit_is_not_probed)
{
    ftConstraint_t constraint = anything();

    constraint.cores_min = 16;
    stage_begin(2, 2, NULL);
    add_idle("i0", 7, facts_of(4, 8 * GIB, 1));
    lose(1);
    ask(1, 0, 1, &constraint);
    offer("s0");
    offer("s1");
    offer(NULL);
    ck_assert_uint_eq(stage.probes_n, 0);
    text_has(reply_of(1)->reason, "i0 has 4 cores, 16 wanted");
    text_has(reply_of(1)->reason, "s1 has 4 cores, 16 wanted");
    stage_end();
}
END_TEST

START_TEST(test_unknown_original)
{
    ftConstraint_t constraint = anything();
    ftProcessInfo_t info = {.rank = 0, .pid = 1, .node = "dark"};
    struct ft_asker who = asker_of(0);
    ftResource_t resource = rank_of(0);

    constraint.at_least = 1;
    stage_begin(2, 1, NULL);
    ft_central_node_changed(stage.central, 0, &stage_launcher, "dark", 9, FT_NODE_JOINED, NULL);
    ft_central_job_started(stage.central, 0, &stage_launcher, "job@9", "", &info, 1);
    ft_central_node_changed(stage.central, 0, &stage_launcher, "dark", 9, FT_NODE_LOST, "gone");
    snprintf(resource.job, sizeof resource.job, "job@9");
    ft_central_find_alternative(stage.central, 1, &who, &resource, &constraint, 20000);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_NONE);
    text_has(reply_of(1)->reason, "what hardware node dark had is not known");
    text_has(reply_of(1)->hint, "ftNeedCores");
    stage_end();
}
END_TEST

START_TEST(test_candidate_lost_while_probed)
{
    stage_begin(3, 1, NULL);
    add_idle("i0", 7, facts_of(4, 8 * GIB, 1));
    lose(1);
    ask_any(1, 0, 1);
    ck_assert_str_eq(stage.probed, "i0");
    ft_central_node_changed(stage.central, 0, &stage_launcher, "i0", 7, FT_NODE_LOST, "timed out");
    text_has(event_text("candidate_rejected"), "is lost: timed out");
    offer("s0");
    probe_good("s0");
    ck_assert_str_eq(reply_of(1)->alternative.node, "s0");
    stage_end();
}
END_TEST

START_TEST(test_a_unit_is_waited_for)
{
    struct ft_facts facts = facts_of(4, 8 * GIB, 1);

    stage_begin(2, 1, NULL);
    lose(1);
    ask_any(1, 0, 1);
    offer("fresh");
    ck_assert_str_eq(stage.unit_wanted, "fresh");
    ck_assert_uint_eq(stage.probe, 0);
    pass_ms(300);
    ck_assert_int_eq(ft_central_unit_up(stage.central, "fresh", "test"), 0);
    ck_assert_uint_eq(stage.probe, 0);
    ck_assert_int_eq(ft_central_unit_facts(stage.central, "fresh", &facts), 0);
    probe_good("fresh");
    ck_assert_str_eq(reply_of(1)->alternative.node, "fresh");
    stage_end();
    /* it cannot be started, or does not come up */
    stage_begin(2, 1, NULL);
    lose(1);
    ask_any(1, 0, 1);
    offer("fresh");
    ft_central_unit_failed(stage.central, "fresh", "no route to host");
    text_has(event_text("candidate_rejected"), "fresh is no alternative for rank 1 of job job@1: "
                                               "it has no unit: no route to host");
    offer("slow");
    pass_ms(5001);
    text_has(event_text("candidate_rejected"), "had no unit within 5000 ms");
    offer("s0");
    probe_good("s0");
    stage_end();
}
END_TEST

START_TEST(test_resource_manager_that_says_nothing)
{
    stage_begin(2, 1, NULL);
    lose(1);
    ask_any(1, 0, 1);
    pass_ms(10001);
    ck_assert_uint_eq(stage.abandoned_n, 1);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_NONE);
    text_has(reply_of(1)->reason, "did not answer within 10000 ms");
    ck_assert_msg(!ft_central_offer(stage.central, stage.acquire, "s0"), "a late node is taken");
    stage_end();
}
END_TEST

static void two_probes(struct ft_central_config *config)
{
    config->probes_max = 2;
}

START_TEST(test_probes_are_bounded)
{
    struct ft_facts facts = facts_of(4, 8 * GIB, 1);

    stage_begin(2, 4, two_probes);
    lose(1);
    ask_any(1, 0, 1);
    offer("s0");
    probe_with("s0", &facts, 8 * GIB, 1);
    offer("s1");
    probe_with("s1", &facts, 8 * GIB, 1);
    offer("s2");
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_NONE);
    text_has(reply_of(1)->reason, "which is the limit (probes_max)");
    ck_assert_str_eq(stage.released, "s2");
    stage_end();
}
END_TEST

START_TEST(test_near_and_far)
{
    static const struct {
        int distance;
        const char *node;
    } wanted[] = {{-1, "near"}, {1, "far"}};

    for (int i = 0; i < 2; i++) {
        ftConstraint_t constraint = anything();

        stage_begin(2, 0, NULL);
        ck_assert_int_eq(ft_central_set_location(stage.central, "n1", "row1/rack1"), 0);
        add_idle("far", 7, facts_of(4, 8 * GIB, 1));
        ck_assert_int_eq(ft_central_set_location(stage.central, "far", "row2/rack9"), 0);
        add_idle("near", 8, facts_of(4, 8 * GIB, 1));
        ck_assert_int_eq(ft_central_set_location(stage.central, "near", "row1/rack1"), 0);
        add_idle("middle", 9, facts_of(4, 8 * GIB, 1));
        ck_assert_int_eq(ft_central_set_location(stage.central, "middle", "row1/rack2"), 0);
        lose(1);
        constraint.distance = wanted[i].distance;
        ask(1, 0, 1, &constraint);
        probe_good(wanted[i].node);
        ck_assert_str_eq(reply_of(1)->alternative.node, wanted[i].node);
        stage_end();
    }
}
END_TEST

/* ---------------------------------------------------------------- one answer for all */

START_TEST(test_two_askers_one_answer)
{
    stage_begin(4, 1, NULL);
    lose(1);
    ask_any(1, 0, 1);
    ask_any(2, 2, 1);
    offer("s0");
    probe_good("s0");
    ask_any(3, 3, 1);
    for (uint64_t token = 1; token <= 3; token++) {
        ck_assert_str_eq(reply_of(token)->alternative.node, "s0");
        ck_assert_uint_eq(reply_of(token)->decision, reply_of(1)->decision);
        ck_assert_uint_eq(reply_of(token)->epoch, 1);
    }
    ck_assert_uint_eq(stage.probes_n, 1);
    ck_assert_uint_eq(count_events("decision_made"), 1);
    ck_assert_uint_eq(count_events("decision_repeated"), 1);
    stage_end();
}
END_TEST

START_TEST(test_exclusion_gives_the_next)
{
    ftConstraint_t constraint = exclude("s0");
    uint64_t first = given_s0();

    ask(2, 2, 1, &constraint);
    text_has(stage.wanted_excluded, "s0,");
    offer("s1");
    probe_good("s1");
    ck_assert_str_eq(reply_of(2)->alternative.node, "s1");
    ck_assert_uint_eq(reply_of(2)->epoch, 2);
    ck_assert_uint_ne(reply_of(2)->decision, first);
    ck_assert_str_eq(stage.released, "s0");
    /* Who asks without an exclusion gets what is decided now; the first decision is over. */
    ask_any(3, 0, 1);
    ck_assert_str_eq(reply_of(3)->alternative.node, "s1");
    claim(4, 0, first);
    ck_assert_int_eq(reply_of(4)->status, FT_ERR_UNFIT);
    stage_end();
}
END_TEST

START_TEST(test_exclusion_that_finds_none_changes_nothing)
{
    ftConstraint_t constraint = exclude("s0");
    uint64_t first = given_s0();

    ask(2, 2, 1, &constraint);
    offer(NULL);
    ck_assert_int_eq(reply_of(2)->status, FT_ERR_NONE);
    ask_any(3, 0, 1);
    ck_assert_uint_eq(reply_of(3)->decision, first);
    ck_assert_uint_eq(reply_of(3)->epoch, 1);
    stage_end();
}
END_TEST

START_TEST(test_waiting_askers_with_other_wishes)
{
    ftConstraint_t constraint = exclude("s0");

    stage_begin(4, 3, NULL);
    lose(1);
    ask_any(1, 0, 1);
    ask(2, 2, 1, &constraint);
    ask_any(3, 3, 1);
    offer("s0");
    probe_good("s0");
    ck_assert_str_eq(reply_of(1)->alternative.node, "s0");
    ck_assert_str_eq(reply_of(3)->alternative.node, "s0");
    ck_assert_msg(!answered(2), "who excluded s0 got %s", reply_of(2)->alternative.node);
    offer("s1");
    probe_good("s1");
    ck_assert_str_eq(reply_of(2)->alternative.node, "s1");
    ck_assert_uint_eq(reply_of(2)->epoch, 2);
    stage_end();
}
END_TEST

START_TEST(test_ranks_lost_together_go_together)
{
    ftProcessInfo_t more = {.rank = 5, .pid = 105, .node = "n1"};

    stage_begin(3, 3, NULL);
    ft_central_job_started(stage.central, 0, &stage_launcher, JOB, "", &more, 1);
    lose(1);
    ask_any(1, 0, 1);
    ask_any(2, 0, 5);
    offer("s0");
    probe_good("s0");
    ck_assert_str_eq(reply_of(1)->alternative.node, "s0");
    ck_assert_str_eq(reply_of(2)->alternative.node, "s0");
    ck_assert_uint_ne(reply_of(2)->decision, reply_of(1)->decision);
    ck_assert_int_eq(reply_of(2)->rung, FT_BY_NEW_NODE);
    /* What was measured just now is not measured again. */
    ck_assert_uint_eq(stage.probes_n, 1);
    ck_assert_uint_eq(reply_of(2)->probed, 1);
    stage_end();
}
END_TEST

START_TEST(test_two_lost_nodes_get_different_nodes)
{
    stage_begin(4, 3, NULL);
    add_idle("i0", 7, facts_of(4, 8 * GIB, 1));
    lose(1);
    lose(2);
    ask_any(1, 0, 1);
    ask_any(2, 0, 2);
    offer("s0");
    probe_good("s0");
    ck_assert(answered(2) && !answered(1));
    ck_assert_str_eq(reply_of(2)->alternative.node, "s0");
    text_has(event_text("node_wanted"), "in the place of n2");
    stage_end();
    /* and if there is one only, the second one gets none, with the reason */
    stage_begin(4, 0, NULL);
    add_idle("i0", 7, facts_of(4, 8 * GIB, 1));
    lose(1);
    lose(2);
    ask_any(1, 0, 1);
    probe_good("i0");
    ask_any(2, 0, 2);
    offer(NULL);
    ck_assert_str_eq(reply_of(1)->alternative.node, "i0");
    ck_assert_int_eq(reply_of(2)->status, FT_ERR_NONE);
    text_has(reply_of(2)->reason, "i0 stands in for node n1");
    stage_end();
}
END_TEST

/* ---------------------------------------------------------------- using it */

START_TEST(test_one_starts_the_others_wait)
{
    uint64_t decision = given_s0();
    struct ft_asker standin = {.node = "s0", .job = "job@2", .rank = 0, .pid = 902};

    claim(2, 0, decision);
    claim(3, 2, decision);
    ck_assert_int_eq(reply_of(2)->reach, FT_REACH_START);
    ck_assert_int_eq(reply_of(2)->resource.number, 1);
    ck_assert_str_eq(reply_of(2)->resource.job, JOB);
    ck_assert(!answered(3));
    ck_assert_int_eq(announce(4, decision, 2, "s0", true), FT_OK);
    ck_assert_int_eq(reply_of(3)->reach, FT_REACH_PORT);
    ck_assert_str_eq(reply_of(3)->port, "the-port/1");
    /* the one that waited is a peer, the starter is none; both sides are told the same port */
    ft_central_next_peer(stage.central, 5, &standin, decision, 20000);
    ck_assert_int_eq(reply_of(5)->status, FT_OK);
    ck_assert_str_eq(reply_of(5)->port, "the-port/1");
    ft_central_next_peer(stage.central, 6, &standin, decision, 20000);
    ck_assert(!answered(6));
    claim(7, 0, decision);
    ck_assert_int_eq(reply_of(7)->reach, FT_REACH_PORT);
    ck_assert_int_eq(reply_of(6)->status, FT_OK);
    ck_assert_str_eq(reply_of(7)->port, "the-port/2");
    ck_assert_str_eq(reply_of(6)->port, "the-port/2");
    /* announced again, it is the same; by another, it is refused */
    ck_assert_int_eq(announce(8, decision, 2, "s0", false), FT_OK);
    ck_assert_int_eq(announce(9, decision, 3, "s0", true), FT_ERR_UNFIT);
    /* findAlternative now knows the port */
    ask_any(10, 2, 1);
    ck_assert_int_eq(reply_of(10)->reach, FT_REACH_PORT);
    ck_assert_str_eq(reply_of(10)->port, "the-port");
    stage_end();
}
END_TEST

START_TEST(test_only_who_should_may)
{
    uint64_t decision = given_s0();
    struct ft_asker stranger = asker_of(2);

    claim(2, 0, decision);
    start_failed(3, 2, decision);
    ck_assert_int_eq(reply_of(3)->status, FT_ERR_DENIED);
    ck_assert_int_eq(announce(4, decision, 2, "n0", true), FT_ERR_DENIED);
    text_has(reply_of(4)->reason, "another node");
    ft_central_next_peer(stage.central, 5, &stranger, decision, 20000);
    ck_assert_int_eq(reply_of(5)->status, FT_ERR_DENIED);
    ck_assert_int_eq(announce(6, decision, 3, "s0", true), FT_OK);
    ft_central_next_peer(stage.central, 7, &stranger, decision, 20000);
    ck_assert_int_eq(reply_of(7)->status, FT_ERR_DENIED);
    claim(8, 0, 0);
    claim(9, 0, 4711);
    ck_assert_int_eq(reply_of(8)->status, FT_ERR_UNKNOWN);
    ck_assert_int_eq(reply_of(9)->status, FT_ERR_UNKNOWN);
    ft_central_job_ended(stage.central, 10, &stranger, JOB, 0);
    ck_assert_int_eq(reply_of(10)->status, FT_ERR_DENIED);
    ft_central_node_changed(stage.central, 11, &stranger, "n2", 2, FT_NODE_LOST, "");
    ck_assert_int_eq(reply_of(11)->status, FT_ERR_DENIED);
    stage_end();
}
END_TEST

START_TEST(test_start_failed)
{
    uint64_t decision = given_s0();

    claim(2, 0, decision);
    claim(3, 2, decision);
    start_failed(4, 0, decision);
    ck_assert_int_eq(reply_of(4)->status, FT_OK);
    ck_assert_int_eq(reply_of(3)->status, FT_ERR_UNFIT);
    text_has(reply_of(3)->reason, "no such program");
    ck_assert_str_eq(stage.released, "s0");
    ask_any(5, 0, 1);
    offer("s0"); /* the pool does not know better */
    text_has(event_text("candidate_rejected"), "just failed to start something");
    offer("s1");
    probe_good("s1");
    ck_assert_uint_eq(reply_of(5)->epoch, 2);
    /* after a while it may be tried again */
    pass_ms(60001);
    lose(2);
    ask_any(6, 0, 2);
    offer("s0");
    probe_good("s0");
    ck_assert_int_eq(reply_of(6)->status, FT_OK);
    stage_end();
}
END_TEST

START_TEST(test_starter_dies)
{
    uint64_t decision = given_s0();

    claim(2, 0, decision);
    claim(3, 2, decision);
    kill_rank(0);
    ck_assert_int_eq(reply_of(3)->status, FT_OK);
    ck_assert_int_eq(reply_of(3)->reach, FT_REACH_START);
    ck_assert_uint_eq(count_events("starter_gone"), 1);
    ck_assert_int_eq(announce(4, decision, 2, "s0", true), FT_OK);
    stage_end();
    /* nobody waits: the next one that comes */
    decision = given_s0();
    claim(2, 0, decision);
    lose(0);
    claim(3, 2, decision);
    ck_assert_int_eq(reply_of(3)->reach, FT_REACH_START);
    stage_end();
    /* its request is canceled after it was answered: it never heard */
    decision = given_s0();
    claim(2, 0, decision);
    ft_central_cancel(stage.central, 2);
    claim(3, 2, decision);
    ck_assert_int_eq(reply_of(3)->reach, FT_REACH_START);
    stage_end();
}
END_TEST

START_TEST(test_starter_that_may_not_have_heard)
{
    uint64_t decision = given_s0();

    claim(2, 0, decision);
    claim(3, 0, decision); /* another thread of it waits */
    ck_assert(!answered(3));
    ft_central_unsure(stage.central, 2);
    claim(4, 2, decision); /* another one waits */
    ck_assert(!answered(4));
    claim(5, 0, decision); /* the same one, again, over a new connection */
    ck_assert_int_eq(reply_of(5)->reach, FT_REACH_START);
    claim(6, 0, decision);
    ck_assert(!answered(6));
    stage_end();
}
END_TEST

START_TEST(test_starter_hangs)
{
    uint64_t decision = given_s0();
    struct ft_asker late = {.node = "s0", .job = "job@2", .rank = 0, .pid = 902};

    claim(2, 0, decision);
    pass_ms(20000);
    claim(3, 2, decision);
    pass_ms(10001);
    ck_assert_int_eq(reply_of(3)->status, FT_ERR_UNFIT);
    text_has(reply_of(3)->reason, "did not announce itself within 30000 ms");
    ft_central_announce(stage.central, 4, &late, decision, "too-late");
    ck_assert_int_eq(reply_of(4)->status, FT_ERR_UNFIT);
    stage_end();
}
END_TEST

START_TEST(test_standin_dies)
{
    uint64_t decision = given_s0();
    struct ft_asker standin = {.node = "s0", .job = "job@2", .rank = 0, .pid = 902};
    ftResource_t other_name = {.kind = FT_RANK, .job = "job@2", .number = 0};
    ftConstraint_t constraint = anything();
    struct ft_asker who = asker_of(0);

    ft_central_node_changed(stage.central, 0, &stage_launcher, "s0", 9, FT_NODE_JOINED, NULL);
    claim(2, 0, decision);
    ck_assert_int_eq(announce(3, decision, 2, "s0", true), FT_OK);
    ft_central_next_peer(stage.central, 4, &standin, decision, FT_FOREVER);
    ft_central_process_ended(stage.central, 0, &stage_launcher, "job@2", 0, FT_ENDED_SIGNAL, 11);
    ck_assert_int_eq(reply_of(4)->status, FT_ERR_UNFIT);
    claim(5, 2, decision);
    ck_assert_int_eq(reply_of(5)->status, FT_ERR_UNFIT);
    /* Asked for by its own name, it is rank 1 all the same. */
    ft_central_find_alternative(stage.central, 6, &who, &other_name, &constraint, 20000);
    ck_assert_msg(stage.probe == 0, "s0 is probed, which was measured just now");
    ck_assert_int_eq(reply_of(6)->resource.number, 1);
    ck_assert_str_eq(reply_of(6)->resource.job, JOB);
    ck_assert_str_eq(reply_of(6)->lost_node, "s0");
    ck_assert_int_eq(reply_of(6)->rung, FT_BY_REPAIR);
    ck_assert_uint_eq(reply_of(6)->epoch, 2);
    /* Its node is lost, then: another one. */
    ft_central_node_changed(stage.central, 0, &stage_launcher, "s0", 9, FT_NODE_LOST, "gone");
    ask_any(7, 2, 1);
    offer("s1");
    probe_good("s1");
    ck_assert_uint_eq(reply_of(7)->epoch, 3);
    ck_assert_str_eq(reply_of(7)->lost_node, "s0");
    ck_assert_str_eq(stage.released, "s0");
    ck_assert(stage.released_broken);
    stage_end();
}
END_TEST

/* Its peers see a death before the launcher tells of it. */
START_TEST(test_a_failing_standin_may_be_lost)
{
    uint64_t decision = given_s0();
    ftResource_t resource = rank_of(1);
    struct ft_asker who = asker_of(0);
    ftConstraint_t other = anything();

    ft_central_node_changed(stage.central, 0, &stage_launcher, "s0", 9, FT_NODE_JOINED, NULL);
    claim(2, 0, decision);
    ck_assert_int_eq(announce(3, decision, 2, "s0", true), FT_OK);
    pass_ms(1000);
    /* Nothing is wrong with it: the same answer at once. */
    ask_any(4, 0, 1);
    ck_assert_uint_eq(reply_of(4)->decision, decision);
    ft_central_report_error(stage.central, 5, &who, &resource, FT_SEND, 1);
    ask_any(6, 0, 1);
    pass_ms(100);
    ask_any(7, 2, 1);
    ck_assert(!answered(6) && !answered(7));
    /* No news: it lives. */
    pass_ms(200);
    ck_assert_uint_eq(reply_of(6)->decision, decision);
    ck_assert_uint_eq(reply_of(7)->decision, decision);
    ck_assert_int_eq(reply_of(7)->reach, FT_REACH_PORT);
    ask_any(8, 0, 1);
    ck_assert_uint_eq(reply_of(8)->decision, decision);
    /* The next error is its end. Somebody who wants another node has one looked for meanwhile. */
    ft_central_report_error(stage.central, 9, &who, &resource, FT_SEND, 1);
    ask_any(10, 0, 1);
    other.cores_min = 2;
    snprintf(other.excluded, sizeof other.excluded, "s0");
    ask(11, 2, 1, &other);
    ask_any(12, 2, 1);
    ft_central_cancel(stage.central, 12);
    ft_central_process_ended(stage.central, 0, &stage_launcher, "job@2", 0, FT_ENDED_SIGNAL, 11);
    offer("s1");
    probe_good("s1");
    ck_assert_str_eq(reply_of(11)->alternative.node, "s1");
    ck_assert(answered(10));
    ck_assert_uint_ne(reply_of(10)->decision, decision);
    ck_assert(!answered(12));
    stage_end();
}
END_TEST

START_TEST(test_standin_announces_before_the_launcher_reports_it)
{
    uint64_t decision = given_s0();
    ftProcessInfo_t info = {.rank = 0, .pid = 902, .node = "s0"};

    claim(2, 0, decision);
    ck_assert_int_eq(announce(3, decision, 2, "s0", false), FT_OK);
    ft_central_job_started(stage.central, 0, &stage_launcher, "job@2", JOB, &info, 1);
    ft_central_process_ended(stage.central, 0, &stage_launcher, "job@2", 0, FT_ENDED_CODE, 1);
    claim(4, 2, decision);
    ck_assert_int_eq(reply_of(4)->status, FT_ERR_UNFIT);
    stage_end();
    /* and the other way round: it has ended before it is heard of */
    decision = given_s0();
    claim(2, 0, decision);
    ft_central_job_started(stage.central, 0, &stage_launcher, "job@2", JOB, &info, 1);
    ft_central_process_ended(stage.central, 0, &stage_launcher, "job@2", 0, FT_ENDED_CODE, 1);
    announce(3, decision, 2, "s0", false);
    claim(4, 2, decision);
    ck_assert_int_eq(reply_of(4)->status, FT_ERR_UNFIT);
    stage_end();
}
END_TEST

START_TEST(test_alternative_lost_while_claimed)
{
    uint64_t decision = given_s0();

    claim(2, 0, decision);
    claim(3, 2, decision);
    ft_central_node_changed(stage.central, 0, &stage_launcher, "s0", 9, FT_NODE_JOINED, NULL);
    ft_central_node_changed(stage.central, 0, &stage_launcher, "s0", 9, FT_NODE_LOST, "gone");
    ck_assert_int_eq(reply_of(3)->status, FT_ERR_UNFIT);
    text_has(reply_of(3)->reason, "is lost: gone");
    ask_any(4, 0, 1);
    offer("s1");
    probe_good("s1");
    ck_assert_uint_eq(reply_of(4)->epoch, 2);
    ck_assert_str_eq(reply_of(4)->lost_node, "n1");
    stage_end();
}
END_TEST

START_TEST(test_a_process_that_stands_in_twice)
{
    uint64_t first = given_s0(), second;

    claim(2, 0, first);
    ck_assert_int_eq(announce(3, first, 2, "s0", true), FT_OK);
    lose(2);
    ask_any(4, 0, 2);
    offer("s1");
    probe_good("s1");
    second = reply_of(4)->decision;
    claim(5, 0, second);
    ck_assert_int_lt(announce(6, second, 2, "s1", false), 0);
    stage_end();
}
END_TEST

/* ---------------------------------------------------------------- time, bounds, ends */

START_TEST(test_everybody_is_answered_in_time)
{
    struct ft_asker who = asker_of(0);
    ftResource_t resource = rank_of(1);
    ftConstraint_t constraint = anything();

    stage_begin(2, 1, NULL);
    lose(1);
    ft_central_find_alternative(stage.central, 1, &who, &resource, &constraint, 100);
    ft_central_find_alternative(stage.central, 2, &who, &resource, &constraint, FT_FOREVER);
    ft_central_find_alternative(stage.central, 3, &who, &resource, &constraint, 0);
    ft_central_find_alternative(stage.central, 4, &who, &resource, &constraint, -7);
    ck_assert_int_eq(reply_of(4)->status, FT_ERR_ARG);
    pass_ms(0);
    ck_assert_int_eq(reply_of(3)->status, FT_ERR_TIMEOUT);
    pass_ms(100);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_TIMEOUT);
    text_has(reply_of(1)->reason, "within 100 ms: waiting for the resource manager");
    text_has(reply_of(1)->hint, "ask again");
    offer("s0");
    probe_good("s0");
    ck_assert_str_eq(reply_of(2)->alternative.node, "s0");
    /* The decision went on for those who ran out of time, too. */
    ft_central_find_alternative(stage.central, 5, &who, &resource, &constraint, 0);
    ck_assert_str_eq(reply_of(5)->alternative.node, "s0");
    stage_end();
}
END_TEST

START_TEST(test_cancel)
{
    stage_begin(3, 1, NULL);
    lose(1);
    ask_any(1, 0, 1);
    ask_any(2, 2, 1);
    ft_central_cancel(stage.central, 1);
    ft_central_cancel(stage.central, 1);
    ft_central_cancel(stage.central, 4711);
    ft_central_cancel(stage.central, 0);
    offer("s0");
    probe_good("s0");
    ck_assert(!answered(1));
    ck_assert_str_eq(reply_of(2)->alternative.node, "s0");
    ck_assert_uint_eq(ft_central_waiting(stage.central), 0);
    stage_end();
}
END_TEST

START_TEST(test_posted_requests_are_not_answered)
{
    stage_begin(2, 1, NULL);
    lose(1);
    ask_any(0, 0, 1);
    offer("s0");
    probe_good("s0");
    ask_any(1, 0, 1);
    ck_assert_str_eq(reply_of(1)->alternative.node, "s0");
    stage_end();
}
END_TEST

START_TEST(test_waiting_is_bounded)
{
    struct ft_asker who = asker_of(0);
    ftResource_t resource = rank_of(1);
    ftConstraint_t constraint = anything();

    stage_begin(2, 1, NULL);
    lose(1);
    for (uint64_t token = 1; token <= FT_WAITERS_MAX + 3; token++)
        ft_central_find_alternative(stage.central, token, &who, &resource, &constraint, 20000);
    ck_assert_uint_eq(ft_central_waiting(stage.central), FT_WAITERS_MAX);
    for (uint64_t token = FT_WAITERS_MAX + 1; token <= FT_WAITERS_MAX + 3; token++)
        ck_assert_int_eq(stage.status[token], FT_ERR_BUSY);
    offer("s0");
    probe_good("s0");
    ck_assert_uint_eq(ft_central_waiting(stage.central), 0);
    ck_assert_int_eq(stage.status[FT_WAITERS_MAX], FT_OK);
    stage_end();
}
END_TEST

START_TEST(test_subjects_are_bounded)
{
    struct ft_asker who = asker_of(0);
    ftResource_t device = {.kind = FT_DEVICE, .node = "n1"};

    stage_begin(2, 0, NULL);
    for (uint64_t i = 1; i < 20000; i++) {
        snprintf(device.name, sizeof device.name, "eth%u", (unsigned) i);
        ft_central_report_error(stage.central, i, &who, &device, FT_SEND, 1);
        ck_assert_int_eq(stage.status[i], FT_OK);
    }
    stage_end();
}
END_TEST

START_TEST(test_errors_are_counted_not_repeated)
{
    struct ft_asker who = asker_of(0);
    ftResource_t resource = rank_of(1);
    uint64_t first;

    stage_begin(2, 0, NULL);
    for (uint64_t token = 1; token <= 60; token++)
        ft_central_report_error(stage.central, token, &who, &resource, FT_SEND, 2);
    first = reply_of(1)->event;
    ck_assert_uint_gt(first, 0);
    ck_assert_uint_eq(reply_of(60)->event, first);
    ck_assert_uint_eq(count_events("error_reported"), 1);
    ck_assert_uint_eq(count_events("error_repeated"), 2); /* 10, 100 */
    text_has(event_text("error_reported"), "could not send to rank 1 of job job@1");
    ft_central_report_error(stage.central, 61, &who, &resource, FT_RECEIVE, 1);
    ck_assert_uint_ne(reply_of(61)->event, first);
    text_has(event_text("error_reported"), "could not receive from rank 1");
    ft_central_report_error(stage.central, 62, &who, &resource, (ftUsage_t) 99, 1);
    ck_assert_int_eq(reply_of(62)->status, FT_ERR_ARG);
    pass_ms(61000);
    ft_central_report_error(stage.central, 63, &who, &resource, FT_SEND, 1);
    ck_assert_uint_eq(count_events("error_reported"), 3);
    stage_end();
}
END_TEST

START_TEST(test_job_ends_in_the_middle)
{
    struct ft_asker standin = {.node = "s0", .job = "job@2", .rank = 0, .pid = 902};
    uint64_t decision = given_s0();

    claim(2, 0, decision);
    ck_assert_int_eq(announce(3, decision, 2, "s0", true), FT_OK);
    ft_central_next_peer(stage.central, 4, &standin, decision, FT_FOREVER);
    lose(2);
    ask_any(5, 0, 2);
    ck_assert_uint_ne(stage.acquire, 0);
    ft_central_job_ended(stage.central, 6, &stage_launcher, JOB, 0);
    ck_assert_int_eq(reply_of(6)->status, FT_OK);
    ck_assert_int_eq(reply_of(4)->status, FT_ERR_UNFIT);
    ck_assert_int_eq(reply_of(5)->status, FT_ERR_UNKNOWN);
    text_has(reply_of(5)->reason, "the job has ended");
    ck_assert_uint_eq(stage.abandoned_n, 1);
    ck_assert_uint_eq(ft_central_waiting(stage.central), 0);
    ck_assert_uint_eq(ft_central_decisions(stage.central), 0);
    stage_end();
}
END_TEST

START_TEST(test_many_jobs_are_forgotten)
{
    stage_begin(2, 0, NULL);
    for (int i = 0; i < 2000; i++) {
        char name[32];
        ftProcessInfo_t info = {.rank = 0, .pid = 1, .node = "n1"};

        snprintf(name, sizeof name, "spawned@%d", i);
        ft_central_job_started(stage.central, 0, &stage_launcher, name, JOB, &info, 1);
        ft_central_job_ended(stage.central, 0, &stage_launcher, name, 0);
    }
    ck_assert_uint_le(ft_jobs_count(ft_central_jobs(stage.central)), 256 + 2);
    stage_end();
}
END_TEST

START_TEST(test_daemons_have_numbers)
{
    struct ft_node *node;

    stage_begin(3, 0, NULL);
    node = ft_inventory_find(ft_central_inventory(stage.central), "n1");
    lose(1);
    /* the same daemon cannot come back, another one can */
    ft_central_node_changed(stage.central, 0, &stage_launcher, "n1", 1, FT_NODE_JOINED, NULL);
    ck_assert_int_eq(node->state, FT_NODE_IS_LOST);
    ft_central_node_changed(stage.central, 0, &stage_launcher, "n1", 8, FT_NODE_JOINED, NULL);
    ck_assert_int_eq(node->state, FT_NODE_UP);
    /* and what is said of the first one no longer concerns the node */
    ft_central_node_changed(stage.central, 0, &stage_launcher, "n1", 1, FT_NODE_LOST, NULL);
    ck_assert_int_eq(node->state, FT_NODE_UP);
    stage_end();
}
END_TEST

START_TEST(test_configs_out_of_range)
{
    struct ft_central_config config = ft_central_defaults;
    struct ft_env env = {0};

    config.probes_max = 0;
    ck_assert_ptr_null(ft_central_create(&env, &config));
    config = ft_central_defaults;
    config.probe_timeout_ms = 0;
    ck_assert_ptr_null(ft_central_create(&env, &config));
    ft_central_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core");
    TCase *ladder = tcase_create("ladder"), *rejected = tcase_create("rejections");
    TCase *all = tcase_create("one answer"), *use = tcase_create("use");
    TCase *end = tcase_create("ends");
    SRunner *runner;
    int failed;

    tcase_add_test(ladder, test_new_node_for_a_lost_one);
    tcase_add_test(ladder, test_idle_node_before_new_node);
    tcase_add_test(ladder, test_repair_in_place_of_a_dead_process);
    tcase_add_test(ladder, test_no_repair_where_it_cannot_be);
    tcase_add_test(ladder, test_only_the_daemon_is_lost);
    tcase_add_test(ladder, test_no_repair_after_three_deaths_in_a_minute);
    tcase_add_test(ladder, test_no_alternative_for_what_ends_itself);
    tcase_add_test(ladder, test_sharing_only_if_allowed);
    tcase_add_test(ladder, test_planned_replacement);
    tcase_add_test(ladder, test_news_end_the_wait);
    tcase_add_test(ladder, test_lost_with_its_node_waits_for_the_node);
    tcase_add_test(ladder, test_unknown_resources);
    tcase_add_test(ladder, test_other_resources);
    tcase_add_test(ladder, test_near_and_far);
    tcase_add_test(rejected, test_rejections_say_why);
    tcase_add_test(rejected, test_late_probe_answers_are_ignored);
    tcase_add_test(rejected, test_same_kind_is_explained);
    tcase_add_test(rejected, test_what_cannot_fit_is_not_probed);
    tcase_add_test(rejected, test_unknown_original);
    tcase_add_test(rejected, test_candidate_lost_while_probed);
    tcase_add_test(rejected, test_a_unit_is_waited_for);
    tcase_add_test(rejected, test_resource_manager_that_says_nothing);
    tcase_add_test(rejected, test_probes_are_bounded);
    tcase_add_test(all, test_two_askers_one_answer);
    tcase_add_test(all, test_exclusion_gives_the_next);
    tcase_add_test(all, test_exclusion_that_finds_none_changes_nothing);
    tcase_add_test(all, test_waiting_askers_with_other_wishes);
    tcase_add_test(all, test_ranks_lost_together_go_together);
    tcase_add_test(all, test_two_lost_nodes_get_different_nodes);
    tcase_add_test(use, test_one_starts_the_others_wait);
    tcase_add_test(use, test_only_who_should_may);
    tcase_add_test(use, test_start_failed);
    tcase_add_test(use, test_starter_dies);
    tcase_add_test(use, test_starter_that_may_not_have_heard);
    tcase_add_test(use, test_starter_hangs);
    tcase_add_test(use, test_standin_dies);
    tcase_add_test(use, test_a_failing_standin_may_be_lost);
    tcase_add_test(use, test_standin_announces_before_the_launcher_reports_it);
    tcase_add_test(use, test_alternative_lost_while_claimed);
    tcase_add_test(use, test_a_process_that_stands_in_twice);
    tcase_add_test(end, test_everybody_is_answered_in_time);
    tcase_add_test(end, test_cancel);
    tcase_add_test(end, test_posted_requests_are_not_answered);
    tcase_add_test(end, test_waiting_is_bounded);
    tcase_add_test(end, test_subjects_are_bounded);
    tcase_add_test(end, test_errors_are_counted_not_repeated);
    tcase_add_test(end, test_job_ends_in_the_middle);
    tcase_add_test(end, test_many_jobs_are_forgotten);
    tcase_add_test(end, test_daemons_have_numbers);
    tcase_add_test(end, test_configs_out_of_range);
    tcase_set_timeout(end, 60);
    suite_add_tcase(suite, ladder);
    suite_add_tcase(suite, rejected);
    suite_add_tcase(suite, all);
    suite_add_tcase(suite, use);
    suite_add_tcase(suite, end);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
