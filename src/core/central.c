/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * central.c - the central unit's mind: the surface through which everything comes in.
 *
 * Each function here is one thing that happened: a request, a report of the launcher, news from a
 * unit or the resource manager, time that passed. It brings the inventory, the jobs and the subjects
 * up to date, writes the event log, feeds the decisions concerned, and ends in ft_central_work,
 * which does what decisions have left for each other:
 *   - the next decision for a lost node has its turn when the one before it is through
 *   - outcomes are delivered to those who wait
 *   - decisions that are over are forgotten
 *
 * No function here does I/O or looks at a clock but through env; nothing waits. A call that runs out
 * of memory changes nothing and says so, to the asker or by its return value.
 */
#include "core/central.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/decision.h"
#include "core/recovery.h"
#include "core/state.h"
#include "core/waiter.h"

#define PEERS_MAX 65536
#define PORT_MAX 1024
#define REPORT_WINDOW_NS (60 * 1000 * NS_PER_MS) /* reports this close together are one */

#ifdef FT_PLANT_BUGS
enum ft_plant ft_planted;
#endif

const struct ft_central_config ft_central_defaults = {
    .share = false,
    .run_check = true,
    .settle_ms = 300,
    .probe_timeout_ms = 2000,
    .probe_fresh_ms = 1000,
    .probes_max = 8,
    .unit_timeout_ms = 5000,
    .rms_timeout_ms = 10000,
    .start_timeout_ms = 30000,
    .unfit_ms = 60000,
};

static void work(struct ft_central *central);

/* ---------------------------------------------------------------- making */

struct ft_central *ft_central_create(const struct ft_env *env,
                                     const struct ft_central_config *config)
{
    struct ft_central *central;

    if (config->probes_max < 1 || config->probes_max > FT_PROBES_LIMIT ||
        config->probe_timeout_ms < 1 || config->unit_timeout_ms < 1 ||
        config->rms_timeout_ms < 1 || config->start_timeout_ms < 1) {
        errno = EINVAL;
        return NULL;
    }
    central = calloc(1, sizeof *central);
    if (central == NULL)
        return NULL;
    central->env = *env;
    central->config = *config;
    central->inventory = ft_inventory_create();
    central->timers = ft_timers_create();
    if (central->inventory != NULL)
        central->jobs = ft_jobs_create(central->inventory);
    if (central->jobs != NULL)
        central->subjects = ft_subjects_create(central->inventory, central->jobs);
    if (central->subjects == NULL || central->timers == NULL) {
        ft_central_destroy(central);
        errno = ENOMEM;
        return NULL;
    }
    return central;
}

static void destroy_list(struct ft_central *central, struct ft_decision_list *list)
{
    while (list->first != NULL) {
        struct ft_decision *decision = list->first;

        for (int what = 0; what < FT_WAIT_KINDS; what++) {
            while (decision->waiting[what].first != NULL)
                ft_waiter_destroy(central, decision->waiting[what].first);
        }
        ft_decision_destroy(decision);
    }
}

void ft_central_destroy(struct ft_central *central)
{
    if (central == NULL)
        return;
    destroy_list(central, &central->active);
    destroy_list(central, &central->held);
    ft_subjects_destroy(central->subjects);
    ft_jobs_destroy(central->jobs);
    ft_inventory_destroy(central->inventory);
    ft_timers_destroy(central->timers);
    free(central);
}

/* ---------------------------------------------------------------- the log, answers */

uint64_t ft_central_log(struct ft_central *central, struct ft_event *event)
{
    event->seq = ++central->events_n;
    central->env.log(central->env.arg, event);
    return event->seq;
}

static uint64_t log_about(struct ft_central *central, const char *name, const char *job, int rank,
                          const char *node, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

static uint64_t log_about(struct ft_central *central, const char *name, const char *job, int rank,
                          const char *node, const char *format, ...)
{
    char text[2 * FT_TEXT_MAX];
    struct ft_event event = {.name = name, .job = job, .rank = rank, .node = node, .text = text};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return ft_central_log(central, &event);
}

void ft_central_reply(struct ft_central *central, uint64_t token, const ftReply_t *reply)
{
    if (token != 0)
        central->env.reply(central->env.arg, token, reply);
}

void ft_central_refuse(struct ft_central *central, uint64_t token, ftRetVal_t status,
                       const char *reason, const char *hint)
{
    ftReply_t reply = {.status = status};

    ft_text_copy(reply.reason, sizeof reply.reason, reason);
    ft_text_copy(reply.hint, sizeof reply.hint, hint);
    ft_central_reply(central, token, &reply);
}

static void accept(struct ft_central *central, uint64_t token, uint64_t event, uint64_t decision)
{
    ftReply_t reply = {.status = FT_OK, .event = event, .decision = decision};

    ft_central_reply(central, token, &reply);
}

ftRetVal_t ft_central_status(int error)
{
    switch (error) {
    case ENOMEM:
        return FT_ERR_MEMORY;
    case ENOBUFS:
        return FT_ERR_BUSY;
    default:
        return FT_ERR_ARG;
    }
}

/* Answers a request that could not even be kept. */
static void refuse_errno(struct ft_central *central, uint64_t token, int error)
{
    switch (error) {
    case ENOMEM:
        ft_central_refuse(central, token, FT_ERR_MEMORY, "the central unit is out of memory",
                          "try again; if it stays so, see what fills the node's memory");
        return;
    case ENOBUFS:
        ft_central_refuse(central, token, FT_ERR_BUSY, "the central unit has too much to do",
                          "try again when earlier requests are answered");
        return;
    case EEXIST:
        ft_central_refuse(central, token, FT_ERR_PROTOCOL,
                          "a request with this number waits already", NULL);
        return;
    default:
        ft_central_refuse(central, token, FT_ERR_ARG, "an argument is out of its range", NULL);
        return;
    }
}

/* ---------------------------------------------------------------- what decisions leave over */

static bool is_done(const struct ft_decision *decision)
{
    return decision->state == FT_OVER && !decision->outcome_due;
}

static void look_at(struct ft_decision *decision)
{
    if (decision->state == FT_FOLLOWING && decision->lost_node->leader == NULL)
        ft_decision_feed(decision, FT_IN_TURN, NULL);
    if (decision->outcome_due)
        ft_decision_deliver(decision);
    if (is_done(decision))
        ft_decision_destroy(decision);
}

/* Rounds end: each decision has its turn once, is delivered once, and what delivery begins anew has
 * at least one waiter less than what it came from. */
static void work(struct ft_central *central)
{
    while (central->work) {
        struct ft_decision *decision = central->active.first;

        central->work = false;
        while (decision != NULL) {
            struct ft_decision *next = decision->next;

            look_at(decision);
            decision = next;
        }
    }
}

/* ---------------------------------------------------------------- reporting an error */

static struct ft_subject *get_subject(struct ft_central *central, const ftResource_t *resource,
                                      const struct ft_asker *asker)
{
    struct ft_subject *subject =
        ft_subjects_get(central->subjects, resource, asker->job, asker->node);
    struct ft_subject *idle;

    if (subject != NULL || errno != ENOBUFS)
        return subject;
    idle = ft_subjects_oldest_idle(central->subjects);
    errno = ENOBUFS;
    if (idle == NULL)
        return NULL;
    ft_subjects_forget(central->subjects, idle);
    return ft_subjects_get(central->subjects, resource, asker->job, asker->node);
}

static const char *usage_text(ftUsage_t usage)
{
    static const char *const texts[FT_USAGES] = {
        [FT_SEND] = "send", [FT_RECEIVE] = "receive", [FT_READ] = "read",
        [FT_WRITE] = "write", [FT_COMPUTE] = "compute", [FT_RELEASE] = "release"};

    return usage >= FT_SEND && usage <= FT_RELEASE ? texts[usage] : NULL;
}

static uint64_t log_error(struct ft_central *central, const char *name,
                          const struct ft_subject *subject, const struct ft_asker *asker,
                          ftUsage_t usage, uint64_t count)
{
    const ftResource_t *resource = &subject->resource;
    bool is_rank = resource->kind == FT_RANK;
    char text[2 * FT_TEXT_MAX];
    struct ft_event event = {
        .name = name,
        .job = is_rank ? resource->job : NULL,
        .rank = is_rank ? (int) resource->number : -1,
        .node = subject->place != NULL ? subject->place->name : NULL,
        .fields = {{.key = "resource", .text = subject->text},
                   {.key = "usage", .text = usage_text(usage)},
                   {.key = "count", .number = (double) count},
                   {.key = "asker_job", .text = asker->job},
                   {.key = "asker_rank", .number = asker->rank},
                   {.key = "asker_node", .text = asker->node}},
        .text = text,
    };

    snprintf(text, sizeof text, "rank %d of job %.200s on node %.200s could not %s %s %.300s%s",
             asker->rank, asker->job, asker->node, usage_text(usage),
             usage == FT_RECEIVE || usage == FT_READ ? "from" : usage == FT_COMPUTE ? "on" : "to",
             subject->text, count > 1 ? ", again and again" : "");
    return ft_central_log(central, &event);
}

/* 10, 100, 1000, ...: when a count has grown enough to be written down again. */
static bool passes_power_of_ten(uint64_t before, uint64_t after)
{
    for (uint64_t power = 10; power <= after && power < UINT64_MAX / 10; power *= 10) {
        if (before < power)
            return true;
    }
    return false;
}

void ft_central_report_error(struct ft_central *central, uint64_t token,
                             const struct ft_asker *asker, const ftResource_t *resource,
                             ftUsage_t usage, uint32_t count)
{
    struct ft_subject *subject;
    struct ft_reported *reported;
    int64_t now_ns = ft_now_ns(central);
    uint64_t before;

    if (usage_text(usage) == NULL) {
        refuse_errno(central, token, EINVAL);
        return;
    }
    subject = get_subject(central, resource, asker);
    if (subject == NULL) {
        refuse_errno(central, token, errno);
        return;
    }
    ft_subject_locate(central->subjects, subject);
    reported = &subject->reported[usage];
    if (count == 0)
        count = 1;
    before = reported->count;
    if (reported->event == 0 || reported->epoch != subject->epoch ||
        now_ns - reported->last_ns > REPORT_WINDOW_NS) {
        reported->count = count;
        reported->epoch = subject->epoch;
        reported->event = log_error(central, "error_reported", subject, asker, usage, count);
    } else {
        reported->count += count;
        if (passes_power_of_ten(before, reported->count))
            log_error(central, "error_repeated", subject, asker, usage, reported->count);
    }
    reported->last_ns = now_ns;
    accept(central, token, reported->event, 0);
}

/* ---------------------------------------------------------------- asking for an alternative */

static void log_asked(struct ft_central *central, const struct ft_subject *subject,
                      const struct ft_asker *asker)
{
    const ftResource_t *resource = &subject->resource;
    bool is_rank = resource->kind == FT_RANK;
    char text[2 * FT_TEXT_MAX];
    struct ft_event event = {
        .name = "alternative_asked",
        .job = is_rank ? resource->job : NULL,
        .rank = is_rank ? (int) resource->number : -1,
        .node = subject->place != NULL ? subject->place->name : NULL,
        .fields = {{.key = "resource", .text = subject->text},
                   {.key = "asker_job", .text = asker->job},
                   {.key = "asker_rank", .number = asker->rank},
                   {.key = "asker_node", .text = asker->node}},
        .text = text,
    };

    snprintf(text, sizeof text,
             "rank %d of job %.200s on node %.200s asks what to use instead of %.300s", asker->rank,
             asker->job, asker->node, subject->text);
    ft_central_log(central, &event);
}

/* The node that near and far are measured from. */
static int resolve_from(struct ft_central *central, struct ft_demand *demand,
                        const ftConstraint_t *constraint, const struct ft_asker *asker)
{
    const ftResource_t *from = &constraint->from;
    const char *name = from->node;
    struct ft_subject *subject;
    struct ft_process *process;

    if (demand->distance == 0 || from->kind == 0)
        return 0;
    if (from->kind == FT_RANK) {
        subject = ft_subjects_find(central->subjects, from, asker->job, asker->node);
        process = ft_jobs_process(central->jobs, from->job[0] != '\0' ? from->job : asker->job,
                                  (int) from->number);
        if (subject != NULL && subject->place != NULL)
            name = subject->place->name;
        else
            name = process != NULL ? process->node->name : "";
    }
    if (name[0] == '\0' || ft_inventory_find(central->inventory, name) == NULL)
        return 0;
    demand->from = strdup(name);
    if (demand->from != NULL)
        return 0;
    errno = ENOMEM;
    return -1;
}

/* Has a waiter (which may be NULL: nobody waits) wait for a subject's decision, a new one if none is
 * under way. Returns 0, or -1 with errno and nothing changed. */
static int wait_for_decision(struct ft_central *central, struct ft_subject *subject,
                             struct ft_demand *demand, struct ft_waiter *waiter)
{
    struct ft_decision *decision = subject->pending;
    struct ft_demand copy;

    if (waiter != NULL && ft_demand_copy(&waiter->demand, demand) < 0)
        return -1;
    if (decision != NULL) {
        if (waiter != NULL)
            ft_waiter_join(waiter, decision);
        return 0;
    }
    if (ft_demand_copy(&copy, demand) < 0)
        return -1;
    decision = ft_decision_create(central, subject, &copy);
    if (decision == NULL) {
        int error = errno;

        ft_demand_clear(&copy);
        errno = error;
        return -1;
    }
    if (waiter != NULL)
        ft_waiter_join(waiter, decision);
    ft_decision_begin(decision);
    return 0;
}

/* The decision that is the answer already, NULL if there is none. */
static struct ft_decision *decided(struct ft_subject *subject, const struct ft_demand *demand)
{
    struct ft_decision *current = subject->current;

    if (current == NULL || FT_PLANTED(FT_PLANT_NEW_ANSWER))
        return NULL;
    return ft_decision_holds_for(current, demand) ? current : NULL;
}

static void ask(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                struct ft_subject *subject, struct ft_demand *demand, ftTimeout_t timeout_ms)
{
    struct ft_decision *current = decided(subject, demand);
    struct ft_waiter *waiter = NULL;
    ftReply_t reply;

    if (current != NULL) {
        ft_decision_log(current, "decision_repeated", current->candidate,
                        "the answer to rank %d of job %s is what was decided already: node %s",
                        asker->rank, asker->job, current->candidate->name);
        ft_decision_answer(current, ft_now_ns(central), &reply);
        ft_central_reply(central, token, &reply);
        return;
    }
    if (token != 0) {
        waiter = ft_waiter_create(central, token, FT_WAIT_ALTERNATIVE, asker, timeout_ms);
        if (waiter == NULL) {
            refuse_errno(central, token, errno);
            return;
        }
    }
    if (wait_for_decision(central, subject, demand, waiter) < 0) {
        int error = errno;

        if (waiter != NULL)
            ft_waiter_destroy(central, waiter);
        refuse_errno(central, token, error);
    }
}

void ft_central_find_alternative(struct ft_central *central, uint64_t token,
                                 const struct ft_asker *asker, const ftResource_t *resource,
                                 const ftConstraint_t *constraint, ftTimeout_t timeout_ms)
{
    struct ft_demand demand;
    struct ft_subject *subject;

    if (ft_demand_make(&demand, constraint) < 0) {
        refuse_errno(central, token, errno);
        return;
    }
    subject = get_subject(central, resource, asker);
    if (subject == NULL || resolve_from(central, &demand, constraint, asker) < 0) {
        int error = errno;

        ft_demand_clear(&demand);
        refuse_errno(central, token, error);
        return;
    }
    ft_subject_locate(central->subjects, subject);
    log_asked(central, subject, asker);
    ask(central, token, asker, subject, &demand, timeout_ms);
    ft_demand_clear(&demand);
    work(central);
}

/* ---------------------------------------------------------------- using a decision */

/* Finds a decision in use; if it is none, says so to the asker and returns NULL. */
static struct ft_decision *in_use(struct ft_central *central, uint64_t token, uint64_t id)
{
    struct ft_decision *decision = ft_decision_find(central, id);
    char reason[200];

    if (decision != NULL && ft_decision_is_in_use(decision))
        return decision;
    if (decision == NULL && (id == 0 || id > central->decision_id)) {
        snprintf(reason, sizeof reason, "there is no decision %llu", (unsigned long long) id);
        ft_central_refuse(central, token, FT_ERR_UNKNOWN, reason,
                          "use the decision of a reply of findAlternative");
    } else if (decision != NULL && ft_decision_is_under_way(decision)) {
        ft_central_refuse(central, token, FT_ERR_UNKNOWN, "nothing is decided yet",
                          "wait for the answer of findAlternative");
    } else {
        snprintf(reason, sizeof reason, "the alternative of decision %llu can no longer be used",
                 (unsigned long long) id);
        ft_central_refuse(central, token, FT_ERR_UNFIT, reason, "ask findAlternative again");
    }
    return NULL;
}

/* Tells the stand-in that a peer comes, and the peer where to go. */
static void send_peer(struct ft_central *central, uint64_t token, struct ft_decision *decision)
{
    struct ft_waiter *standin = decision->waiting[FT_WAIT_PEER].first;
    ftReply_t reply;

    if (decision->peers_n >= PEERS_MAX) {
        ft_central_refuse(central, token, FT_ERR_BUSY, "too many peers wait for the stand-in",
                          "try again later");
        return;
    }
    if (standin != NULL) {
        ftReply_t told = {.status = FT_OK, .decision = decision->id};

        ft_waiter_answer(central, standin, &told);
    } else {
        decision->peers_n++;
    }
    ft_decision_answer(decision, ft_now_ns(central), &reply);
    ft_central_reply(central, token, &reply);
}

/* Tells the starter once more, as the first time may have been lost. */
static void start_again(struct ft_central *central, uint64_t token, struct ft_decision *decision)
{
    ftReply_t reply;

    decision->starter_token = token;
    decision->starter_unsure = false;
    ft_decision_answer(decision, ft_now_ns(central), &reply);
    ft_central_reply(central, token, &reply);
}

void ft_central_claim(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                      uint64_t id, ftTimeout_t timeout_ms)
{
    struct ft_decision *decision = in_use(central, token, id);
    struct ft_waiter *waiter;

    if (decision == NULL || token == 0)
        return;
    ft_decision_log(decision, "claimed", decision->candidate,
                    "rank %d of job %s wants to use node %s for %s", asker->rank, asker->job,
                    decision->candidate->name, decision->subject->text);
    if (decision->state == FT_RUNNING) {
        send_peer(central, token, decision);
        return;
    }
    if (decision->state == FT_STARTING &&
        (FT_PLANTED(FT_PLANT_TWO_STARTERS) ||
         (decision->starter_unsure && ft_asker_is(&decision->starter, asker)))) {
        start_again(central, token, decision);
        return;
    }
    waiter = ft_waiter_create(central, token, FT_WAIT_CLAIM, asker, timeout_ms);
    if (waiter == NULL) {
        refuse_errno(central, token, errno);
        return;
    }
    ft_waiter_join(waiter, decision);
    ft_decision_feed(decision, FT_IN_CLAIM, NULL);
    work(central);
}

/* Why this process cannot be the stand-in of a decision; NULL if it can. */
static const char *not_standin(const struct ft_central *central, const struct ft_decision *decision,
                               const struct ft_asker *asker)
{
    if (decision->state == FT_RUNNING)
        return "another stand-in has announced itself already";
    if (asker->rank < 0 || asker->job == NULL || asker->job[0] == '\0')
        return "only a rank of a job can be a stand-in";
    if (ft_inventory_find(central->inventory, asker->node) != decision->candidate)
        return "it runs on another node than the one that was decided";
    return NULL;
}

/* Puts the announcer into the subject's place. */
static int occupy(struct ft_central *central, struct ft_decision *decision,
                  const struct ft_asker *asker, const char *port)
{
    struct ft_kept_asker standin;
    struct ft_subject *other;
    char *copy = strdup(port);

    if (copy == NULL || ft_asker_keep(&standin, asker) < 0) {
        free(copy);
        errno = ENOMEM;
        return -1;
    }
    /* It may be known as itself already, if someone reported an error of it. */
    other = ft_subjects_of_rank(central->subjects, asker->job, asker->rank);
    if (other != NULL && other != decision->subject && other->epoch == 0 && other->pending == NULL)
        ft_subjects_forget(central->subjects, other);
    if (ft_subject_occupy(central->subjects, decision->subject, asker->job, asker->rank,
                          decision->candidate) < 0) {
        int error = errno;

        free(copy);
        ft_asker_drop(&standin);
        errno = error;
        return -1;
    }
    decision->port = copy;
    decision->standin = standin;
    return 0;
}

void ft_central_announce(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                         uint64_t id, const char *port)
{
    struct ft_decision *decision = in_use(central, token, id);
    const char *why;

    if (decision == NULL)
        return;
    if (decision->state == FT_RUNNING && ft_asker_is(&decision->standin, asker) &&
        strcmp(decision->port, port) == 0) {
        accept(central, token, 0, id);
        return;
    }
    why = not_standin(central, decision, asker);
    if (why != NULL) {
        ft_decision_log(decision, "announce_refused", decision->candidate,
                        "rank %d of job %s on node %s cannot stand in for %s: %s", asker->rank,
                        asker->job, asker->node, decision->subject->text, why);
        ft_central_refuse(central, token,
                          decision->state == FT_RUNNING ? FT_ERR_UNFIT : FT_ERR_DENIED, why,
                          "end: this process is not needed");
        return;
    }
    if (port[0] == '\0' || strlen(port) >= PORT_MAX) {
        refuse_errno(central, token, EINVAL);
        return;
    }
    if (occupy(central, decision, asker, port) < 0) {
        refuse_errno(central, token, errno);
        return;
    }
    ft_decision_feed(decision, FT_IN_ANNOUNCE, NULL);
    accept(central, token, 0, id);
    /* Its end may have been reported before it was known to be the stand-in. */
    if (decision->subject->ended)
        ft_decision_feed(decision, FT_IN_LOST, "the stand-in ended at once");
    work(central);
}

void ft_central_start_failed(struct ft_central *central, uint64_t token,
                             const struct ft_asker *asker, uint64_t id, const char *why)
{
    struct ft_decision *decision = in_use(central, token, id);
    char text[FT_TEXT_MAX];

    if (decision == NULL)
        return;
    if (decision->state != FT_STARTING || !ft_asker_is(&decision->starter, asker)) {
        ft_central_refuse(central, token, FT_ERR_DENIED,
                          "only the process that was told to start the stand-in can say this",
                          NULL);
        return;
    }
    snprintf(text, sizeof text, "starting the stand-in failed: %.400s",
             why != NULL && why[0] != '\0' ? why : "no reason given");
    ft_decision_fail_start(decision, text);
    accept(central, token, 0, id);
    work(central);
}

void ft_central_next_peer(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                          uint64_t id, ftTimeout_t timeout_ms)
{
    struct ft_decision *decision = in_use(central, token, id);
    struct ft_waiter *waiter;

    if (decision == NULL || token == 0)
        return;
    if (decision->state != FT_RUNNING || !ft_asker_is(&decision->standin, asker)) {
        ft_central_refuse(central, token, FT_ERR_DENIED,
                          "only the stand-in that has announced itself has peers", NULL);
        return;
    }
    if (decision->peers_n > 0) {
        decision->peers_n--;
        accept(central, token, 0, id);
        return;
    }
    waiter = ft_waiter_create(central, token, FT_WAIT_PEER, asker, timeout_ms);
    if (waiter == NULL)
        refuse_errno(central, token, errno);
    else
        ft_waiter_join(waiter, decision);
}

struct gone_starter {
    uint64_t token;      /* by its request, */
    const char *job;     /* or by its rank, */
    int rank;
    const char *node;    /* or by its node */
    const char *why;
};

static void check_starter(struct ft_decision *decision, const void *arg)
{
    const struct gone_starter *gone = arg;
    const struct ft_kept_asker *starter = &decision->starter;
    bool is_it;

    if (decision->state != FT_STARTING)
        return;
    if (gone->token != 0)
        is_it = decision->starter_token == gone->token;
    else if (gone->job != NULL)
        is_it = starter->rank == gone->rank && strcmp(starter->job, gone->job) == 0;
    else
        is_it = ft_inventory_find(decision->central->inventory, starter->node) ==
                ft_inventory_find(decision->central->inventory, gone->node);
    if (!is_it)
        return;
    /* Others may have failed to start something there meanwhile. */
    if (decision->candidate->unfit_until_ns > ft_now_ns(decision->central))
        ft_decision_feed(decision, FT_IN_LOST, decision->candidate->unfit_text);
    else
        ft_decision_feed(decision, FT_IN_STARTER_GONE, gone->why);
}

void ft_central_cancel(struct ft_central *central, uint64_t token)
{
    struct ft_waiter *waiter;
    struct gone_starter gone = {.token = token, .why = "it no longer waits for its claim"};

    if (token == 0)
        return;
    waiter = ft_waiter_find(central, token);
    if (waiter != NULL)
        ft_waiter_destroy(central, waiter);
    else
        ft_each_decision(central, check_starter, &gone);
    work(central);
}

static void doubt_starter(struct ft_decision *decision, const void *arg)
{
    if (decision->state == FT_STARTING && decision->starter_token == *(const uint64_t *) arg)
        decision->starter_unsure = true;
}

void ft_central_unsure(struct ft_central *central, uint64_t token)
{
    if (token != 0)
        ft_each_decision(central, doubt_starter, &token);
}

/* ---------------------------------------------------------------- the launcher's reports */

static bool is_launcher(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                        const char *what)
{
    if (asker->launcher)
        return true;
    log_about(central, "report_denied", asker->job, asker->rank, asker->node,
              "process %lld on node %s reported %s, which only the launcher may",
              (long long) asker->pid, asker->node, what);
    ft_central_refuse(central, token, FT_ERR_DENIED, "only the launcher of the job may report this",
                      NULL);
    return false;
}

static void locate_settling(struct ft_decision *decision, const void *arg)
{
    struct ft_subject *subject = decision->subject;
    char text[FT_TEXT_MAX];
    int64_t since_ns;

    (void) arg;
    if (decision->state != FT_SETTLING)
        return;
    ft_subject_locate(decision->central->subjects, subject);
    if (ft_subject_is_lost(subject, &since_ns, text, sizeof text))
        ft_decision_feed(decision, FT_IN_NEWS, NULL);
}

void ft_central_job_started(struct ft_central *central, uint64_t token,
                            const struct ft_asker *asker, const char *name, const char *parent,
                            const ftProcessInfo_t *processes, size_t n)
{
    struct ft_job *job;
    struct ft_job *surplus;
    uint64_t event;

    if (!is_launcher(central, token, asker, "a job"))
        return;
    job = ft_jobs_start(central->jobs, name, parent, processes, n);
    if (job == NULL) {
        refuse_errno(central, token, errno);
        return;
    }
    event = log_about(central, "job_started", name, -1, NULL,
                      "job %s runs%s%s: %zu more processes, %u in all", name,
                      job->parent[0] != '\0' ? ", spawned by " : "", job->parent, n, job->live_n);
    while ((surplus = ft_jobs_surplus(central->jobs)) != NULL)
        ft_jobs_forget(central->jobs, surplus);
    ft_each_decision(central, locate_settling, NULL);
    accept(central, token, event, 0);
    work(central);
}

/* Tells whoever cares that a rank's process has ended. */
static void rank_ended(struct ft_central *central, struct ft_process *process, const char *how)
{
    struct ft_subject *subject =
        ft_subjects_of_rank(central->subjects, process->job->name, process->rank);
    struct gone_starter gone = {.job = process->job->name, .rank = process->rank, .why = how};
    char why[FT_TEXT_MAX];

    ft_each_decision(central, check_starter, &gone);
    if (subject == NULL)
        return;
    ft_subject_end(subject, process->how, process->code, process->ended_ns);
    if (subject->current != NULL && subject->current->state == FT_RUNNING) {
        snprintf(why, sizeof why, "the stand-in %.300s", how);
        ft_decision_feed(subject->current, FT_IN_LOST, why);
    }
    if (subject->pending != NULL)
        locate_settling(subject->pending, NULL);
}

void ft_central_process_ended(struct ft_central *central, uint64_t token,
                              const struct ft_asker *asker, const char *job, int rank, ftEnd_t how,
                              int code)
{
    struct ft_process *process;
    char text[200];
    uint64_t event;

    if (!is_launcher(central, token, asker, "the end of a process"))
        return;
    process = ft_jobs_process(central->jobs, job, rank);
    if (process == NULL || how < FT_ENDED_WELL || how > FT_ENDED_WITH_NODE) {
        ft_central_refuse(central, token, process == NULL ? FT_ERR_UNKNOWN : FT_ERR_ARG,
                          "the end of a process that the launcher has not reported", NULL);
        return;
    }
    if (!ft_jobs_end_process(central->jobs, process, how, code, ft_now_ns(central))) {
        accept(central, token, 0, 0);
        return;
    }
    ft_jobs_end_text(how, code, text, sizeof text);
    event = log_about(central, "process_ended", job, rank, process->node->name,
                      "rank %d of job %s on node %s %s", rank, job, process->node->name, text);
    rank_ended(central, process, text);
    accept(central, token, event, 0);
    work(central);
}

struct node_gone {
    const struct ft_node *node;
    const char *why;
};

static void check_node(struct ft_decision *decision, const void *arg)
{
    const struct node_gone *gone = arg;
    const struct ft_node *candidate = decision->candidate;

    if (candidate == gone->node &&
        !(FT_PLANTED(FT_PLANT_GIVE_LOST) && decision->state == FT_PROBING))
        ft_decision_feed(decision, FT_IN_LOST, gone->why);
    else if (decision->state == FT_SETTLING && decision->subject->place == gone->node)
        ft_decision_feed(decision, FT_IN_NEWS, NULL);
}

/* All that lived on a node ended with it. */
static void end_all_on(struct ft_central *central, struct ft_node *node, const char *why)
{
    struct gone_starter starter = {.node = node->name, .why = "its node is lost"};
    struct node_gone gone = {.node = node, .why = why};

    while (node->processes != NULL) {
        struct ft_process *process = node->processes;

        ft_jobs_end_process(central->jobs, process, FT_ENDED_WITH_NODE, 0, ft_now_ns(central));
        rank_ended(central, process, "was lost with its node");
    }
    ft_each_decision(central, check_node, &gone);
    ft_each_decision(central, check_starter, &starter);
}

static uint64_t node_joined(struct ft_central *central, struct ft_node *node, int daemon)
{
    bool again = node->state == FT_NODE_IS_LOST || node->state == FT_NODE_IS_LEFT;

    if (node->state == FT_NODE_UP && node->daemon == daemon)
        return 0;
    ft_inventory_set_state(central->inventory, node, FT_NODE_UP, daemon, NULL, ft_now_ns(central));
    return log_about(central, "node_joined", NULL, -1, node->name,
                     "the launcher's daemon %d runs on node %s%s", daemon, node->name,
                     again ? ", which is used again" : "");
}

static uint64_t node_gone(struct ft_central *central, struct ft_node *node, int daemon, bool lost,
                          const char *text)
{
    char why[FT_TEXT_MAX];
    unsigned processes = node->processes_n;
    uint64_t event;

    ft_inventory_set_state(central->inventory, node, lost ? FT_NODE_IS_LOST : FT_NODE_IS_LEFT,
                           daemon, text, ft_now_ns(central));
    event = log_about(central, lost ? "node_lost" : "node_left", NULL, -1, node->name,
                      lost ? "node %s is lost (daemon %d)%s%.200s; %u processes lived there"
                           : "the launcher's daemon on node %s (%d) was ended in order%s%.200s; %u "
                             "processes lived there",
                      node->name, daemon, text != NULL && text[0] != '\0' ? ": " : "",
                      text != NULL ? text : "", processes);
    snprintf(why, sizeof why, lost ? "is lost%s%.200s" : "was left by the launcher%s%.200s",
             text != NULL && text[0] != '\0' ? ": " : "", text != NULL ? text : "");
    end_all_on(central, node, why);
    return event;
}

void ft_central_node_changed(struct ft_central *central, uint64_t token,
                             const struct ft_asker *asker, const char *name, int daemon,
                             ftNodeChange_t change, const char *text)
{
    struct ft_node *node;
    uint64_t event = 0;

    if (!is_launcher(central, token, asker, "a change of a node"))
        return;
    if (change < FT_NODE_JOINED || change > FT_NODE_LEFT) {
        refuse_errno(central, token, EINVAL);
        return;
    }
    node = ft_inventory_get(central->inventory, name);
    if (node == NULL) {
        refuse_errno(central, token, errno);
        return;
    }
    /* What an earlier daemon of a node still says of itself no longer concerns the node. */
    if (node->daemon > daemon) {
        accept(central, token, 0, 0);
        return;
    }
    if (change == FT_NODE_JOINED) {
        if (node->daemon < daemon || node->state == FT_NODE_CANDIDATE)
            event = node_joined(central, node, daemon);
    } else if (node->state != FT_NODE_IS_LOST && node->state != FT_NODE_IS_LEFT) {
        event = node_gone(central, node, daemon, change == FT_NODE_LOST, text);
    } else if (node->daemon < daemon) {
        node->daemon = daemon;
    }
    accept(central, token, event, 0);
    work(central);
}

/* Forgets what was decided for the ranks of a job. */
static void drop_subjects(struct ft_central *central, const char *job)
{
    struct ft_subject *subject = ft_subjects_first(central->subjects);

    for (; subject != NULL; subject = subject->next) {
        if (subject->resource.kind != FT_RANK || strcmp(subject->resource.job, job) != 0)
            continue;
        if (subject->pending != NULL)
            ft_decision_feed(subject->pending, FT_IN_DROPPED, "the job has ended");
        if (subject->current != NULL)
            ft_decision_feed(subject->current, FT_IN_DROPPED, "the job has ended");
    }
    work(central);
    for (subject = ft_subjects_first(central->subjects); subject != NULL;) {
        struct ft_subject *next = subject->next;

        if (subject->resource.kind == FT_RANK && strcmp(subject->resource.job, job) == 0 &&
            subject->pending == NULL && subject->current == NULL)
            ft_subjects_forget(central->subjects, subject);
        subject = next;
    }
}

void ft_central_job_ended(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                          const char *name, int code)
{
    struct ft_job *job;
    uint64_t event;

    if (!is_launcher(central, token, asker, "the end of a job"))
        return;
    job = ft_jobs_find(central->jobs, name);
    if (job == NULL) {
        ft_central_refuse(central, token, FT_ERR_UNKNOWN,
                          "the end of a job that the launcher has not reported", NULL);
        return;
    }
    if (job->ended) {
        accept(central, token, 0, 0);
        return;
    }
    event = log_about(central, "job_ended", name, -1, NULL, "job %s ended with exit code %d", name,
                      code);
    for (int rank = 0; rank < job->ranks_n; rank++) {
        struct ft_process *process = job->ranks[rank];

        if (process != NULL && ft_jobs_end_process(central->jobs, process, FT_ENDED_CODE, code,
                                                   ft_now_ns(central)))
            rank_ended(central, process, "ended with its job");
    }
    ft_jobs_end(central->jobs, job);
    drop_subjects(central, name);
    accept(central, token, event, 0);
    work(central);
}

/* ---------------------------------------------------------------- what the node units say */

static void unit_news(struct ft_decision *decision, const void *arg)
{
    const struct ft_node *node = arg;

    if (decision->candidate != node)
        return;
    if (node->unit_up && node->facts_known)
        ft_decision_feed(decision, FT_IN_UNIT, NULL);
}

int ft_central_set_location(struct ft_central *central, const char *name, const char *location)
{
    struct ft_node *node = ft_inventory_get(central->inventory, name);

    if (node == NULL)
        return -1;
    if (strlen(location) >= FT_LOCATION_MAX) {
        errno = EINVAL;
        return -1;
    }
    return ft_inventory_set_location(central->inventory, node, location);
}

int ft_central_unit_up(struct ft_central *central, const char *name, const char *version)
{
    struct ft_node *node = ft_inventory_get(central->inventory, name);

    if (node == NULL)
        return -1;
    ft_inventory_set_unit(central->inventory, node, true, NULL);
    log_about(central, "unit_up", NULL, -1, node->name, "the unit of node %s is connected (%s)",
              node->name, version != NULL ? version : "version not told");
    ft_each_decision(central, unit_news, node);
    work(central);
    return 0;
}

int ft_central_unit_facts(struct ft_central *central, const char *name,
                          const struct ft_facts *facts)
{
    struct ft_node *node = ft_inventory_get(central->inventory, name);

    if (node == NULL || ft_inventory_set_facts(central->inventory, node, facts) < 0)
        return -1;
    node->measured_ns = 0; /* by a probe, that is */
    log_about(central, "node_collected", NULL, -1, node->name,
              "node %s: %s, %u packages, %u cores, %u hardware threads, %.1f GiB of memory, %s%s",
              node->name, facts->arch, facts->packages, facts->cores, facts->pus,
              (double) facts->memory_bytes / (1u << 30),
              facts->model[0] != '\0' ? facts->model : "processor not named",
              facts->shown ? " (told by its configuration)" : "");
    ft_each_decision(central, unit_news, node);
    work(central);
    return 0;
}

struct unit_trouble {
    const struct ft_node *node;
    const char *why;
    bool failed; /* it could not be started, rather than lost */
};

static void check_unit(struct ft_decision *decision, const void *arg)
{
    const struct unit_trouble *trouble = arg;

    if (decision->candidate != trouble->node || !ft_decision_is_under_way(decision))
        return;
    if (decision->state == FT_PROBING || trouble->failed)
        ft_decision_feed(decision, FT_IN_UNFIT, trouble->why);
}

static void unit_trouble(struct ft_central *central, const char *name, const char *why, bool failed)
{
    struct ft_node *node = ft_inventory_find(central->inventory, name);
    char text[FT_TEXT_MAX];
    struct unit_trouble trouble = {.node = node, .why = text, .failed = failed};

    if (node == NULL)
        return;
    ft_inventory_set_unit(central->inventory, node, false, why);
    node->unit_wanted = false;
    snprintf(text, sizeof text, failed ? "has no unit: %.400s" : "lost its unit: %.400s",
             why != NULL && why[0] != '\0' ? why : "no reason given");
    log_about(central, failed ? "unit_failed" : "unit_lost", NULL, -1, node->name,
              failed ? "no unit could be started on node %s: %s"
                     : "the connection to the unit of node %s is lost: %s",
              node->name, why != NULL ? why : "no reason given");
    ft_each_decision(central, check_unit, &trouble);
    work(central);
}

void ft_central_unit_down(struct ft_central *central, const char *node, const char *why)
{
    unit_trouble(central, node, why, false);
}

void ft_central_unit_failed(struct ft_central *central, const char *node, const char *why)
{
    struct ft_node *known = ft_inventory_find(central->inventory, node);

    if (known != NULL && known->unit_up) {
        known->unit_wanted = false;
        return;
    }
    unit_trouble(central, node, why, true);
}

static struct ft_decision *awaiting_probe(struct ft_central *central, uint64_t probe)
{
    struct ft_decision *decision = central->active.first;

    while (decision != NULL && (decision->probe != probe || decision->state != FT_PROBING))
        decision = decision->next;
    return decision;
}

/* Keeps what was measured, for the search and for other decisions. */
static void keep_measured(struct ft_central *central, struct ft_node *node,
                          const struct ft_measured *measured)
{
    if (measured->error[0] != '\0' || !measured->facts_known)
        return;
    /* Without memory for it the facts stay as they were collected: this probe is judged all the
     * same, by what it says. */
    if (ft_inventory_set_facts(central->inventory, node, &measured->facts) < 0)
        return;
    node->memory_free_bytes = measured->memory_free_bytes;
    node->measured_ns =
        measured->check_ran && measured->check_code != 0 ? 0 : ft_now_ns(central);
}

static void log_measured(struct ft_decision *decision, const struct ft_measured *measured)
{
    if (measured->error[0] != '\0') {
        ft_decision_log(decision, "probe_done", decision->candidate,
                        "node %s could not be measured: %s", decision->candidate->name,
                        measured->error);
        return;
    }
    ft_decision_log(decision, "probe_done", decision->candidate,
                    "node %s has %u cores, %.1f GiB of memory (%.1f free), load %.2f, site check "
                    "%s; measured in %.1f ms", decision->candidate->name, measured->facts.cores,
                    (double) measured->facts.memory_bytes / (1u << 30),
                    (double) measured->memory_free_bytes / (1u << 30), measured->load,
                    !measured->check_ran ? "none" : measured->check_code == 0 ? "passed" : "failed",
                    measured->took_ms);
}

void ft_central_probe_result(struct ft_central *central, uint64_t probe,
                             const struct ft_measured *measured)
{
    struct ft_decision *decision = probe != 0 ? awaiting_probe(central, probe) : NULL;
    char why[400];

    if (decision == NULL)
        return;
    log_measured(decision, measured);
    keep_measured(central, decision->candidate, measured);
    if (ft_match_measured(&decision->demand, measured,
                          decision->original_known ? &decision->original : NULL, &central->env,
                          why, sizeof why)) {
        decision->given = measured->facts;
        ft_decision_feed(decision, FT_IN_FITS, NULL);
    } else {
        ft_decision_feed(decision, FT_IN_UNFIT, why);
    }
    work(central);
}

/* ---------------------------------------------------------------- the resource manager */

static struct ft_decision *awaiting_offer(struct ft_central *central, uint64_t acquire)
{
    struct ft_decision *decision = central->active.first;

    while (decision != NULL && (decision->acquire != acquire || decision->state != FT_ACQUIRING))
        decision = decision->next;
    return decision;
}

bool ft_central_offer(struct ft_central *central, uint64_t acquire, const char *name)
{
    struct ft_decision *decision = acquire != 0 ? awaiting_offer(central, acquire) : NULL;
    struct ft_node *node;

    if (decision == NULL)
        return false;
    node = ft_inventory_get(central->inventory, name);
    if (node == NULL) {
        ft_decision_feed(decision, FT_IN_NO_OFFER,
                         errno == ENOMEM ? "the central unit has no memory for another node"
                                         : "it offered something that cannot be a node");
        work(central);
        return false;
    }
    node->acquired = true;
    decision->offered = node;
    ft_decision_feed(decision, FT_IN_OFFER, NULL);
    work(central);
    return true;
}

void ft_central_no_offer(struct ft_central *central, uint64_t acquire, const char *why,
                         int64_t available_at_s)
{
    struct ft_decision *decision = acquire != 0 ? awaiting_offer(central, acquire) : NULL;

    if (decision == NULL)
        return;
    decision->available_at_s = available_at_s;
    ft_decision_feed(decision, FT_IN_NO_OFFER, why);
    work(central);
}

/* ---------------------------------------------------------------- time, looking in */

int64_t ft_central_next_deadline_ns(const struct ft_central *central)
{
    const struct ft_timer *timer = ft_timers_first(central->timers);

    return timer != NULL ? timer->at_ns : INT64_MAX;
}

void ft_central_tick(struct ft_central *central)
{
    int64_t now_ns = ft_now_ns(central);
    struct ft_timer *timer;

    while ((timer = ft_timers_first(central->timers)) != NULL && timer->at_ns <= now_ns) {
        if (timer->kind == FT_TIMER_WAITER)
            ft_waiter_expire(central, timer->owner);
        else
            ft_decision_expire(timer->owner);
        /* May set deadlines of its own, and even such as are over at once. */
        work(central);
    }
}

bool ft_central_node_facts(const struct ft_central *central, const char *name,
                           struct ft_facts *facts)
{
    const struct ft_node *node = ft_inventory_find(central->inventory, name);

    if (node == NULL || !node->facts_known)
        return false;
    *facts = node->facts;
    return true;
}

struct ft_inventory *ft_central_inventory(struct ft_central *central)
{
    return central->inventory;
}

struct ft_jobs *ft_central_jobs(struct ft_central *central)
{
    return central->jobs;
}

size_t ft_central_waiting(const struct ft_central *central)
{
    return central->waiters_n;
}

size_t ft_central_decisions(const struct ft_central *central)
{
    return central->decisions_n;
}
