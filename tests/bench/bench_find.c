/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_find.c - how long a decision takes among 100,000 nodes, and what a node costs in memory.
 *
 *     bench_find [NODES [DECISIONS]]
 *
 * The machine: nodes of 24 kinds of hardware in 400 racks; half of them idle in the allocation,
 * half with a rank each. Then node after node is lost, and each time somebody asks what to use
 * instead, with one of several constraints. Timed is core's own work for it, in processor time:
 * from findAlternative until the candidate is to be probed, and from its measurement until the
 * answer. The machine's own time for measuring is not in it.
 *
 * Prints a line for each sample of `find_100k_us` (microseconds), and one for
 * `inventory_node_bytes`: what a node takes in the inventory and the history, its topology (one for
 * each kind) apart.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/readings.h"
#include "core/central.h"
#include "core/history.h"
#include "core/inventory.h"

#define KINDS 24
#define RACK 250
#define JOB "bench@1"
#define GIB (UINT64_C(1) << 30)
#define DECISIONS_DEFAULT 2000

struct stage {
    int64_t now_ns;
    uint64_t probe;
    char probed[FT_NAME_MAX];
    bool answered;
    ftReply_t reply;
};

static struct stage stage;

/* ---------------------------------------------------------------- the stage */

static int64_t do_now_ns(void *arg)
{
    return ((struct stage *) arg)->now_ns;
}

static void do_log(void *arg, const struct ft_event *event)
{
    (void) arg;
    (void) event;
}

static void do_reply(void *arg, uint64_t token, const ftReply_t *reply)
{
    (void) token;
    ((struct stage *) arg)->reply = *reply;
    ((struct stage *) arg)->answered = true;
}

static int do_probe(void *arg, uint64_t probe, const char *node, unsigned timeout_ms, char *why,
                    size_t size)
{
    (void) timeout_ms;
    (void) why;
    (void) size;
    ((struct stage *) arg)->probe = probe;
    snprintf(((struct stage *) arg)->probed, sizeof stage.probed, "%s", node);
    return 0;
}

static void do_want_unit(void *arg, const char *node)
{
    (void) arg;
    (void) node;
}

static void do_acquire(void *arg, uint64_t acquire, const struct ft_wanted *wanted)
{
    (void) arg;
    (void) acquire;
    (void) wanted;
}

static void do_abandon(void *arg, uint64_t acquire)
{
    (void) arg;
    (void) acquire;
}

static void do_release(void *arg, const struct ft_returned *returned)
{
    (void) arg;
    (void) returned;
}

static bool do_configured(void *arg, const char *node, struct ft_facts *facts)
{
    (void) arg;
    (void) node;
    (void) facts;
    return false;
}

static const struct ft_env env = {
    .arg = &stage, .now_ns = do_now_ns, .log = do_log, .reply = do_reply, .probe = do_probe,
    .want_unit = do_want_unit, .acquire = do_acquire, .abandon = do_abandon,
    .release = do_release, .configured = do_configured};

static const struct ft_asker launcher = {.node = "n000000", .job = "", .rank = -1,
                                         .launcher = true};
static const struct ft_asker asker = {.node = "n000000", .job = JOB, .rank = 0};

static void die(const char *what)
{
    fprintf(stderr, "bench_find: %s\n", what);
    exit(1);
}

/* ---------------------------------------------------------------- the machine */

static void name_of(unsigned i, char name[16])
{
    snprintf(name, 16, "n%06u", i % 1000000);
}

static struct ft_facts facts_of(unsigned i)
{
    unsigned kind = (i * 2654435761u >> 16) % KINDS;
    struct ft_facts facts = {.arch = "x86_64", .packages = 2, .kind = kind + 1};

    if (kind == KINDS - 1)
        snprintf(facts.arch, sizeof facts.arch, "aarch64");
    snprintf(facts.model, sizeof facts.model, "Processor %u", kind / 3);
    facts.cores = 16 * (1 + kind % 8);
    facts.pus = 2 * facts.cores;
    facts.numa_nodes = 2;
    /* Not quite the same on any two. */
    facts.memory_bytes = facts.cores * 4 * GIB - (uint64_t) i % 4096 * 4096;
    if (kind % 4 == 0) {
        snprintf(facts.devices[0].type, sizeof facts.devices[0].type, "gpu");
        facts.devices[0].count = 1 + kind % 3;
    }
    return facts;
}

static void add_nodes(struct ft_central *central, unsigned nodes_n)
{
    char name[16], location[40];

    for (unsigned i = 0; i < nodes_n; i++) {
        struct ft_facts facts = facts_of(i);

        name_of(i, name);
        snprintf(location, sizeof location, "row%u/rack%u", i / RACK / 20, i / RACK);
        ft_central_node_changed(central, 0, &launcher, name, (int) i, FT_NODE_JOINED, NULL);
        if (ft_central_set_location(central, name, location) < 0 ||
            ft_central_unit_up(central, name, "bench") < 0 ||
            ft_central_unit_facts(central, name, &facts) < 0)
            die("a node is not taken in");
    }
}

/* A rank on every other node. */
static void add_job(struct ft_central *central, unsigned nodes_n)
{
    unsigned n = nodes_n / 2;
    ftProcessInfo_t *processes = calloc(n, sizeof *processes);
    char (*names)[16] = calloc(n, sizeof *names);

    if (processes == NULL || names == NULL)
        die("out of memory");
    for (unsigned i = 0; i < n; i++) {
        processes[i].rank = (int) i;
        processes[i].pid = (int) (1000 + i);
        name_of(2 * i, names[i]);
        processes[i].node = names[i];
    }
    ft_central_job_started(central, 0, &launcher, JOB, "", processes, n);
    free(processes);
    free(names);
}

/* What a node's readings take. */
static void add_readings(struct ft_history *history, unsigned nodes_n)
{
    static const char *const disks[] = {"/", "/tmp", "/scratch"};
    static const char *const sensors[] = {"coretemp 0", "coretemp 1", "nvme"};
    char name[16];

    for (unsigned i = 0; i < nodes_n; i++) {
        name_of(i, name);
        if (ft_history_begin(history, name, true, stage.now_ns) < 0)
            die("a sample is not taken in");
        (void) ft_history_take(history, FT_READING_MEMORY_TOTAL, "", 1e11);
        (void) ft_history_take(history, FT_READING_MEMORY_FREE, "", 5e10);
        (void) ft_history_take(history, FT_READING_LOAD, "", 1);
        (void) ft_history_take(history, FT_READING_CPU_BUSY, "", 0.5);
        for (int k = 0; k < 3; k++) {
            (void) ft_history_take(history, FT_READING_DISK_TOTAL, disks[k], 1e12);
            (void) ft_history_take(history, FT_READING_DISK_FREE, disks[k], 5e11);
            (void) ft_history_take(history, FT_READING_TEMPERATURE, sensors[k], 50);
            (void) ft_history_take(history, FT_READING_TEMPERATURE_MAX, sensors[k], 95);
        }
    }
}

/* ---------------------------------------------------------------- one decision */

static ftConstraint_t constraint_of(unsigned i)
{
    ftConstraint_t constraint;

    memset(&constraint, 0, sizeof constraint);
    switch (i % 5) {
    case 0:
        constraint.at_least = 1;
        break;
    case 1:
        constraint.same_kind = 1;
        break;
    case 2:
        constraint.cores_min = 64;
        constraint.memory_min_bytes = 128 * GIB;
        constraint.distance = -1;
        break;
    case 3:
        snprintf(constraint.devices[0].type, sizeof constraint.devices[0].type, "gpu");
        constraint.devices[0].count_min = 2;
        snprintf(constraint.excluded, sizeof constraint.excluded, "n000001,n000003,n000005");
        break;
    default:
        constraint.at_least = 1;
        constraint.distance = 1;
    }
    return constraint;
}

static double work_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double) now.tv_sec * 1e6 + (double) now.tv_nsec / 1e3;
}

/* Loses a node, asks for another one; returns what core took. */
static double decide(struct ft_central *central, unsigned rank)
{
    ftConstraint_t constraint = constraint_of(rank);
    ftResource_t resource = {.kind = FT_RANK, .number = rank};
    struct ft_measured measured;
    double begun_us, took_us;
    char name[16];

    snprintf(resource.job, sizeof resource.job, "%s", JOB);
    name_of(2 * rank, name);
    ft_central_node_changed(central, 0, &launcher, name, (int) (2 * rank), FT_NODE_LOST,
                            "connection closed");
    stage.now_ns += 5000000000; /* what was measured before counts no more */
    stage.probe = 0;
    stage.answered = false;
    begun_us = work_us();
    ft_central_find_alternative(central, rank + 1, &asker, &resource, &constraint, 10000);
    took_us = work_us() - begun_us;
    if (stage.probe == 0)
        die(stage.answered ? stage.reply.reason : "nothing is to be probed");
    memset(&measured, 0, sizeof measured);
    measured.facts_known = ft_central_node_facts(central, stage.probed, &measured.facts);
    measured.memory_free_bytes = measured.facts.memory_bytes;
    measured.scratch_free_bytes = measured.facts.memory_bytes;
    begun_us = work_us();
    ft_central_probe_result(central, stage.probe, &measured);
    took_us += work_us() - begun_us;
    if (!stage.answered || stage.reply.status != FT_OK)
        die(stage.answered ? stage.reply.reason : "there is no answer");
    return took_us;
}

int main(int argc, char *argv[])
{
    unsigned nodes_n = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : 100000;
    unsigned decisions_n = argc > 2 ? (unsigned) strtoul(argv[2], NULL, 10) : DECISIONS_DEFAULT;
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd, after;
    struct ft_central *central;
    struct ft_history *history;

    if (nodes_n < 100 || nodes_n > FT_NODES_MAX || decisions_n >= nodes_n / 2)
        die("usage: bench_find [NODES [DECISIONS]]; fewer decisions than half of the nodes");
    stage.now_ns = 1000000000;
    central = ft_central_create(&env, &ft_central_defaults);
    history = ft_history_create();
    if (central == NULL || history == NULL)
        die("out of memory");
    add_nodes(central, nodes_n);
    add_readings(history, nodes_n);
    after = mallinfo2().uordblks + mallinfo2().hblkhd;
    add_job(central, nodes_n);
    printf("inventory_node_bytes %zu\n", (after - before) / nodes_n);
    /* Rank 0 asks, and the first few warm up what is there once. */
    for (unsigned i = 1; i <= decisions_n; i++) {
        double took_us = decide(central, i);

        if (i > decisions_n / 100)
            printf("find_100k_us %.3f\n", took_us);
    }
    ft_history_destroy(history);
    ft_central_destroy(central);
    return 0;
}
