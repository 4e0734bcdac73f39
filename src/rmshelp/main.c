/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - ft-rms-slurm: the one program of FT that libslurm is loaded into.
 *
 *     ft-rms-slurm [--user=UID] takes one order from standard input, and says what comes of it:
 *                               get, keep, adopt, watch (see below)
 *     ft-rms-slurm hold JOB OWN the holder of an allocation, a step in it (allocation.c)
 *     ft-rms-slurm head JOB     sees to it that a job ends with its first node (head.c)
 *
 * Started by the backend (src/rms/slurm.c), one process for each node that is got. It runs as the
 * user whose job it is, and needs no rights that he does not have: started by root for a job of
 * somebody's, it becomes that user before libslurm does anything (become.c). Slurm promises no binary
 * interface from one release to the next; the loader refuses another libslurm than that it was
 * built with, by its soname. libslurm may wait for its controller, end the process, write to stderr
 * and start threads: here that harms nobody else. That it is another process for each node also
 * bounds what a fault costs.
 *
 *     get job= ways= wait_ms= [exclude= partition= cores= memory_mb=]
 *              -> pending own=        it waits in Slurm's queue
 *              -> got node= own= way= end=   from then on it is guarded: until a line or the end of
 *                                            standard input gives it back
 *              -> none why= at=
 *     keep job= own= node= [stays=]   guards what another process got, which is no more
 *     adopt job= node=                the same for one that another central unit had got: looks for it
 *              -> adopted node= own= way=
 *              -> none why=           Slurm knows no such allocation, and the job has no such node
 *     head job=                       as `ft-rms-slurm head JOB`
 *     watch [job=] each_ms=           -> failed node= why=  failing node= why=  well node=  over
 *                                        orphan own= job= why=   was left behind by job, and is ended
 *     drain job= [uid=] node= reason= [unwanted=]           for the rights of an administrator (serve.c): any
 *     give_time job= [uid=] minutes= [own=N,... unwanted=]  number of these, one after the other
 *              -> did [node=]  not [node=] why=  needless [node=] why=
 * After "got", "keep" and "adopt": lost node= why= (Slurm took it away), back node= (given back).
 * Lines that it takes then: release (give it back), stay (the end of standard input leaves it to
 * whoever comes next; adopted ones stay from the beginning), leave (the end gives it back again).
 */
#include <errno.h>
#include <inttypes.h>
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"
#include "rmshelp/allocation.h"
#include "rmshelp/ask.h"
#include "rmshelp/become.h"
#include "rmshelp/head.h"
#include "rmshelp/serve.h"
#include "rmshelp/side.h"
#include "rmshelp/watch.h"

enum { EXIT_WELL = 0, EXIT_USAGE = 2 };

static const char *program;

static uint32_t job_of(const struct ft_talk *order, const char *key)
{
    int64_t id = ft_talk_number(order, key, 0);

    return id > 0 && id < NO_VAL ? (uint32_t) id : 0;
}

/* ---------------------------------------------------------------- get */

static int read_parent(uint32_t id, struct ft_parent *parent, char *why, size_t size)
{
    slurm_job_info_t *record;
    job_info_msg_t *answer = ft_ask_job(id, &record);

    if (answer == NULL) {
        snprintf(why, size, "Slurm does not tell of job %" PRIu32 ": %s", id, slurm_strerror(errno));
        return -1;
    }
    ft_parent_read(parent, record);
    if (!parent->runs)
        snprintf(why, size, "job %" PRIu32 " is %s", id, ft_job_state_text(record->job_state));
    else if (parent->uid != getuid())
        snprintf(why, size, "job %" PRIu32 " is user %" PRIu32 "'s, not this one's (%u)", id,
                 parent->uid, (unsigned) getuid());
    slurm_free_job_info_msg(answer);
    return parent->runs && parent->uid == getuid() ? 0 : -1;
}

/* Whether a way is open at all; else why not. */
static const char *closed(bool joins, const struct ft_parent *parent)
{
    if (!joins)
        return NULL;
    if (parent->devices[0] != '\0')
        return "jobs with devices (GRES) do not grow";
    return ft_ask_permits_expansion() ? NULL : "permit_job_expansion is not set";
}

static void say_got(const struct ft_allocation *allocation)
{
    char own[16], end[24];

    snprintf(own, sizeof own, "%" PRIu32, allocation->own);
    snprintf(end, sizeof end, "%lld", (long long) allocation->end);
    ft_side_say("got", "node", allocation->node, "own", own, "way",
                allocation->joined ? "expand" : "beside", "end", end);
}

/* One way after the other; only the last waits. `why` gathers what stood in the way of each. */
static enum ft_got walk(struct ft_allocation *allocation, struct ft_parent *parent,
                        const struct ft_talk *order, struct ft_wish *wish, char *why, size_t size)
{
    char ways[64], *rest = ways, *way;
    int64_t until_ms = ft_clock_ms() + ft_talk_number(order, "wait_ms", 0);
    enum ft_got got = FT_GOT_NOTHING;

    ft_text_copy(ways, sizeof ways, ft_talk_text(order, "ways"));
    while (got == FT_GOT_NOTHING && (way = strsep(&rest, ",")) != NULL) {
        bool joins = strcmp(way, "expand") == 0;
        const char *bar = closed(joins, parent);
        char reason[300] = "";

        if (ft_wish_make(wish, parent, order, time(NULL)) != 0)
            bar = "more nodes are excluded than one request can name";
        if (joins)
            ft_wish_joins(wish, parent);
        if (bar == NULL)
            got = ft_allocation_get(allocation, wish, joins,
                                    rest == NULL ? until_ms - ft_clock_ms() : 0, reason,
                                    sizeof reason);
        ft_text_appendf(why, size, "%s%s: %s", why[0] != '\0' ? "; " : "", way,
                        bar != NULL ? bar : reason);
    }
    return got;
}

static int get(const struct ft_talk *order)
{
    static struct ft_parent parent;
    static struct ft_wish wish;
    struct ft_allocation allocation;
    char why[800] = "", at[24] = "0";
    uint32_t id = job_of(order, "job");
    enum ft_got got = FT_GOT_NOTHING;

    ft_allocation_init(&allocation, id);
    if (read_parent(id, &parent, why, sizeof why) == 0) {
        got = walk(&allocation, &parent, order, &wish, why, sizeof why);
        if (got == FT_GOT_NOTHING)
            snprintf(at, sizeof at, "%" PRId64, ft_allocation_estimate(&wish));
    }
    if (got == FT_GOT_NOTHING)
        ft_side_say("none", "why", why, "at", at);
    if (got != FT_GOT_NODE)
        return EXIT_WELL;
    say_got(&allocation);
    ft_allocation_guard(&allocation, program);
    return EXIT_WELL;
}

static int keep(const struct ft_talk *order)
{
    struct ft_allocation allocation;

    ft_allocation_init(&allocation, job_of(order, "job"));
    allocation.own = job_of(order, "own");
    allocation.joined = allocation.own == 0;
    allocation.stays = ft_talk_number(order, "stays", 0) != 0;
    ft_text_copy(allocation.node, sizeof allocation.node, ft_talk_text(order, "node"));
    ft_allocation_guard(&allocation, program);
    return EXIT_WELL;
}

static int adopt(const struct ft_talk *order)
{
    struct ft_allocation allocation;
    char why[300] = "", own[16];

    ft_allocation_init(&allocation, job_of(order, "job"));
    ft_text_copy(allocation.node, sizeof allocation.node, ft_talk_text(order, "node"));
    switch (ft_allocation_adopt(&allocation, why, sizeof why)) {
    case FT_GOT_NODE:
        break;
    case FT_GOT_NOTHING:
        ft_side_say("none", "why", why);
        return EXIT_WELL;
    default:
        return EXIT_WELL;
    }
    snprintf(own, sizeof own, "%" PRIu32, allocation.own);
    ft_side_say("adopted", "node", allocation.node, "own", own, "way",
                allocation.joined ? "expand" : "beside");
    ft_allocation_guard(&allocation, program);
    return EXIT_WELL;
}

/* ---------------------------------------------------------------- what is to be done */

static int take_order(void)
{
    /* the talk is of the next line as soon as something is waited for */
    static char copy[FT_TALK_LINE_MAX];
    const struct ft_talk *told = ft_side_order();
    struct ft_talk order;
    const char *word;

    snprintf(copy, sizeof copy, "%s", told->word);
    for (size_t i = 0; i < told->n; i++)
        ft_talk_add(copy, sizeof copy, told->pairs[i].key, told->pairs[i].value);
    if (ft_talk_parse(copy, &order) != 0)
        return EXIT_USAGE;
    word = order.word;
    if (strcmp(word, "watch") == 0)
        return ft_watch(job_of(&order, "job"), (int) ft_talk_number(&order, "each_ms", 10000));
    if (job_of(&order, "job") == 0) {
        fprintf(stderr, "the order %s names no job\n", word);
        return EXIT_USAGE;
    }
    if (strcmp(word, "get") == 0)
        return get(&order);
    if (strcmp(word, "keep") == 0)
        return keep(&order);
    if (strcmp(word, "head") == 0)
        return ft_head_watch(job_of(&order, "job"));
    if (strcmp(word, "adopt") == 0 && ft_talk_text(&order, "node") != NULL)
        return adopt(&order);
    if (ft_serve_knows(word))
        return ft_serve(&order);
    fprintf(stderr, "an unknown order: %s\n", word);
    return EXIT_USAGE;
}

/* --user=UID. Whoever cannot become that user must not speak for anybody. */
static int take_user(const char *argument)
{
    char why[300], *end;
    unsigned long uid;

    errno = 0;
    uid = strtoul(argument, &end, 10);
    if (argument[0] < '0' || argument[0] > '9' || *end != '\0' || errno != 0 || uid >= UINT32_MAX) {
        fprintf(stderr, "--user=%s names no user\n", argument);
        return -1;
    }
    if (ft_become((uid_t) uid, why, sizeof why) == 0)
        return 0;
    fprintf(stderr, "cannot ask Slurm in a user's name: %s\n", why);
    return -1;
}

int main(int argc, char **argv)
{
    static const char user[] = "--user=";
    bool holds = argc == 4 && strcmp(argv[1], "hold") == 0;
    bool heads = argc == 3 && strcmp(argv[1], "head") == 0;
    bool becomes = argc == 2 && strncmp(argv[1], user, sizeof user - 1) == 0;
    char version[16];
    int what;

    snprintf(version, sizeof version, "%d.%02d.%d", SLURM_VERSION_MAJOR(SLURM_VERSION_NUMBER),
             SLURM_VERSION_MINOR(SLURM_VERSION_NUMBER), SLURM_VERSION_MICRO(SLURM_VERSION_NUMBER));
    program = argv[0][0] == '/' ? argv[0] : realpath("/proc/self/exe", NULL);
    if (argc != 1 && !holds && !heads && !becomes) {
        fprintf(stderr, "usage: ft-rms-slurm [--user=UID | hold JOB OWN | head JOB]\n"
                        "It is started by ft-centrald.\n");
        return EXIT_USAGE;
    }
    if (becomes && take_user(argv[1] + sizeof user - 1) != 0)
        return EXIT_USAGE;
    if (!holds && !heads && ft_side_open() != 0) {
        fprintf(stderr, "no pipe: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    slurm_init(NULL); /* ends the process where there is no slurm.conf */
    if (holds)
        return ft_allocation_hold((uint32_t) strtoul(argv[2], NULL, 10),
                                  (uint32_t) strtoul(argv[3], NULL, 10));
    if (heads)
        return ft_head_watch((uint32_t) strtoul(argv[2], NULL, 10));
    ft_side_say("ready", "version", version);
    do {
        what = ft_side_wait(-1, -1);
    } while (what == 0);
    return what == FT_SIDE_LINE ? take_order() : EXIT_WELL;
}
