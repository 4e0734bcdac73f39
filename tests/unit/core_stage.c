/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * core_stage.c - for tests of core: the table of effects filled with functions that write down what
 * core wants, and short words for what the test lets happen.
 */
#include "core_stage.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

#define NS_PER_MS INT64_C(1000000)

struct stage stage;
const struct ft_asker stage_launcher = {.node = "n0", .job = "", .rank = -1, .launcher = true};

/* ---------------------------------------------------------------- effects */

static int64_t do_now_ns(void *arg)
{
    (void) arg;
    return stage.now_ns;
}

static void do_log(void *arg, const struct ft_event *event)
{
    unsigned i = stage.events_n++ % STAGE_EVENTS;

    (void) arg;
    ck_assert_uint_eq(event->seq, stage.events_n);
    ft_text_copy(stage.events[i].name, sizeof stage.events[i].name, event->name);
    ft_text_copy(stage.events[i].node, sizeof stage.events[i].node, event->node);
    ft_text_copy(stage.events[i].text, sizeof stage.events[i].text, event->text);
}

static void do_reply(void *arg, uint64_t token, const ftReply_t *reply)
{
    (void) arg;
    ck_assert_uint_gt(token, 0);
    ck_assert_uint_lt(token, STAGE_TOKENS);
    ck_assert_msg(stage.answers[token] == 0, "request %u is answered twice", (unsigned) token);
    stage.answers[token]++;
    stage.status[token] = reply->status;
    if (token < 64)
        stage.replies[token] = *reply;
}

static int do_probe(void *arg, uint64_t probe, const char *node, unsigned timeout_ms, char *why,
                    size_t size)
{
    (void) arg;
    ck_assert_uint_eq(timeout_ms, stage.config.probe_timeout_ms);
    if (stage.probe_fails) {
        snprintf(why, size, "its unit is not connected");
        return -1;
    }
    stage.probe = probe;
    stage.probes_n++;
    ft_text_copy(stage.probed, sizeof stage.probed, node);
    return 0;
}

static int do_end_rank(void *arg, const char *node, const char *job, int rank, char *why, size_t size)
{
    (void) arg;
    ck_assert_str_eq(job, JOB);
    if (stage.end_fails) {
        snprintf(why, size, "its unit is not connected");
        return -1;
    }
    ft_text_copy(stage.ended_on, sizeof stage.ended_on, node);
    stage.ended_rank = rank;
    stage.ended_n++;
    return 0;
}

static void do_want_unit(void *arg, const char *node)
{
    (void) arg;
    ft_text_copy(stage.unit_wanted, sizeof stage.unit_wanted, node);
}

static void do_acquire(void *arg, uint64_t acquire, const struct ft_wanted *wanted)
{
    (void) arg;
    stage.acquire = acquire;
    ft_text_copy(stage.wanted_ladder, sizeof stage.wanted_ladder, wanted->ladder);
    stage.wanted_wait_ms = wanted->wait_ms;
    stage.wanted_timeout_ms = wanted->timeout_ms;
    stage.wanted_excluded[0] = '\0';
    for (size_t i = 0; i < wanted->excluded_n; i++)
        ft_text_appendf(stage.wanted_excluded, sizeof stage.wanted_excluded, "%s,",
                        wanted->excluded[i]);
}

static void do_abandon(void *arg, uint64_t acquire)
{
    (void) arg;
    ck_assert_uint_eq(acquire, stage.acquire);
    stage.abandoned_n++;
}

static void do_release(void *arg, const struct ft_returned *returned)
{
    (void) arg;
    ft_text_copy(stage.released, sizeof stage.released, returned->node);
    stage.released_broken = returned->broken;
    stage.released_n++;
}

static void do_suspect(void *arg, const struct ft_suspect *suspect)
{
    static const char *const causes[] = {
        [FT_SUSPECT_SILENT] = "silent", [FT_SUSPECT_LOST] = "lost", [FT_SUSPECT_UNIT] = "unit",
        [FT_SUSPECT_PROBE] = "probe", [FT_SUSPECT_CHECK] = "check",
        [FT_SUSPECT_FAILING] = "failing", [FT_SUSPECT_START] = "start"};

    (void) arg;
    stage.suspected_n++;
    ft_text_appendf(stage.suspected, sizeof stage.suspected, "%s:%s:%s;", suspect->node,
                    causes[suspect->cause], suspect->why);
}

static void do_time_lost(void *arg, const struct ft_lost_time *lost)
{
    (void) arg;
    ck_assert_int_gt(lost->ms, 0);
    stage.lost_ms += lost->ms;
    stage.lost_n++;
}

static bool do_explain(void *arg, const struct ft_facts *found, const struct ft_facts *wanted,
                       char *text, size_t size)
{
    (void) arg;
    snprintf(text, size, "kind %d instead of %d", (int) found->kind, (int) wanted->kind);
    return true;
}

/* ---------------------------------------------------------------- the stage */

struct ft_facts facts_of(unsigned cores, uint64_t memory_bytes, uint64_t kind)
{
    struct ft_facts facts = {.arch = "x86_64", .packages = 1, .numa_nodes = 1, .cores = cores,
                             .pus = 2 * cores, .memory_bytes = memory_bytes, .kind = kind};

    return facts;
}

static void add_unit(const char *name)
{
    struct ft_facts facts = facts_of(4, 8 * GIB, 1);

    ck_assert_int_eq(ft_central_unit_up(stage.central, name, "test"), 0);
    ck_assert_int_eq(ft_central_unit_facts(stage.central, name, &facts), 0);
}

void stage_begin(int nodes, int spares, void (*change)(struct ft_central_config *config))
{
    struct ft_env env = {
        .now_ns = do_now_ns,
        .log = do_log,
        .reply = do_reply,
        .probe = do_probe,
        .want_unit = do_want_unit,
        .acquire = do_acquire,
        .abandon = do_abandon,
        .release = do_release,
        .suspect = do_suspect,
        .end_rank = do_end_rank,
        .time_lost = do_time_lost,
        .explain = do_explain,
    };
    ftProcessInfo_t processes[32];
    char names[32][16];

    memset(&stage, 0, sizeof stage);
    stage.now_ns = NS_PER_MS;
    stage.scratch_free_bytes = 8 * GIB;
    stage.config = ft_central_defaults;
    if (change != NULL)
        change(&stage.config);
    stage.central = ft_central_create(&env, &stage.config);
    ck_assert_ptr_nonnull(stage.central);
    for (int i = 0; i < nodes; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        processes[i] = (ftProcessInfo_t) {.rank = i, .pid = 100 + i, .node = names[i]};
        ft_central_node_changed(stage.central, 0, &stage_launcher, names[i], i, FT_NODE_JOINED,
                                NULL);
        add_unit(names[i]);
    }
    ft_central_job_started(stage.central, 0, &stage_launcher, JOB, "", processes, (size_t) nodes);
    for (int i = 0; i < spares; i++) {
        char name[16];

        snprintf(name, sizeof name, "s%d", i);
        add_unit(name);
    }
}

void stage_end(void)
{
    ft_central_destroy(stage.central);
    stage.central = NULL;
}

ftResource_t rank_of(int rank)
{
    ftResource_t resource;

    memset(&resource, 0, sizeof resource);
    resource.kind = FT_RANK;
    resource.number = rank;
    return resource;
}

ftConstraint_t anything(void)
{
    ftConstraint_t constraint;

    memset(&constraint, 0, sizeof constraint);
    return constraint;
}

struct ft_asker asker_of(int rank)
{
    static char nodes[32][16];

    snprintf(nodes[rank], sizeof nodes[rank], "n%d", rank);
    return (struct ft_asker) {.node = nodes[rank], .job = JOB, .rank = rank, .pid = 100 + rank};
}

void pass_ms(int64_t ms)
{
    int64_t until_ns = stage.now_ns + ms * NS_PER_MS;

    for (;;) {
        int64_t next_ns = ft_central_next_deadline_ns(stage.central);

        if (next_ns > until_ns)
            break;
        if (next_ns > stage.now_ns)
            stage.now_ns = next_ns;
        ft_central_tick(stage.central);
        ck_assert_int_gt(ft_central_next_deadline_ns(stage.central), stage.now_ns);
    }
    stage.now_ns = until_ns;
}

void lose(int node)
{
    char name[16];

    snprintf(name, sizeof name, "n%d", node);
    ft_central_node_changed(stage.central, 0, &stage_launcher, name, node, FT_NODE_LOST,
                            "connection to its daemon closed");
    ft_central_unit_down(stage.central, name, "connection reset");
}

void kill_rank(int rank)
{
    ft_central_process_ended(stage.central, 0, &stage_launcher, JOB, rank, FT_ENDED_SIGNAL, 9);
}

void ask(uint64_t token, int asker, int rank, const ftConstraint_t *constraint)
{
    struct ft_asker who = asker_of(asker);
    ftResource_t resource = rank_of(rank);

    ft_central_find_alternative(stage.central, token, &who, &resource, constraint, 20000);
}

void ask_any(uint64_t token, int asker, int rank)
{
    ftConstraint_t constraint = anything();

    ask(token, asker, rank, &constraint);
}

void probe_with(const char *node, const struct ft_facts *facts, uint64_t memory_free_bytes,
                int check_code)
{
    struct ft_measured measured = {.facts = *facts,
                                   .facts_known = true,
                                   .memory_free_bytes = memory_free_bytes,
                                   .scratch_free_bytes = stage.scratch_free_bytes,
                                   .check_ran = true,
                                   .check_code = check_code,
                                   .check_text = "the fan does not turn"};
    uint64_t probe = stage.probe;

    ck_assert_msg(probe != 0, "nothing is to be probed, %s should be", node);
    ck_assert_str_eq(stage.probed, node);
    stage.probe = 0;
    stage.now_ns += 5 * NS_PER_MS;
    ft_central_probe_result(stage.central, probe, &measured);
}

void probe_good(const char *node)
{
    struct ft_facts facts;

    ck_assert(ft_central_node_facts(stage.central, node, &facts));
    probe_with(node, &facts, facts.memory_bytes * 9 / 10, 0);
}

void offer(const char *node)
{
    uint64_t acquire = stage.acquire;

    ck_assert_msg(acquire != 0, "nobody asked for a node");
    stage.acquire = 0;
    if (node != NULL)
        ck_assert(ft_central_offer(stage.central, acquire, node));
    else
        ft_central_no_offer(stage.central, acquire, "the pool is empty", 1700000000);
}

bool answered(uint64_t token)
{
    return stage.answers[token] > 0;
}

const ftReply_t *reply_of(uint64_t token)
{
    ck_assert_msg(answered(token), "request %u is not answered", (unsigned) token);
    return &stage.replies[token];
}

unsigned count_events(const char *name)
{
    unsigned n = 0;

    ck_assert_uint_le(stage.events_n, STAGE_EVENTS);
    for (unsigned i = 0; i < stage.events_n; i++)
        n += strcmp(stage.events[i].name, name) == 0;
    return n;
}

const char *event_text(const char *name)
{
    for (unsigned i = stage.events_n; i > 0; i--) {
        if (strcmp(stage.events[(i - 1) % STAGE_EVENTS].name, name) == 0)
            return stage.events[(i - 1) % STAGE_EVENTS].text;
    }
    return "";
}

ftRetVal_t announce(uint64_t token, uint64_t decision, int job, const char *node, bool reported)
{
    char name[32];
    struct ft_asker asker = {.node = node, .job = name, .rank = 0, .pid = 900 + job};
    ftProcessInfo_t info = {.rank = 0, .pid = 900 + job, .node = node};

    snprintf(name, sizeof name, "job@%d", job);
    if (reported)
        ft_central_job_started(stage.central, 0, &stage_launcher, name, JOB, &info, 1);
    ft_central_announce(stage.central, token, &asker, decision, "the-port");
    return reply_of(token)->status;
}
