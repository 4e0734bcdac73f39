/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kept.c - what the central state machine keeps for a successor, and how that one goes on from it.
 *
 * Called by those who change something (decision.c, claims.c, launcher.c, news.c), after the change
 * and before anyone is told. Each thing has a key (wire/kept.proto lists them) and is kept whole;
 * what grows with a job (its processes, those that ended, peers) is kept piece by piece. All keys
 * begin with the session's (config.kept_under).
 *
 * Kept is what was said or follows from what was reported: jobs, places, subjects with their epochs
 * and the errors with them that were written down,
 * decisions whose alternative is in use. Not kept is what is under way: who waits asks again, and
 * gets a decision of the successor's; nothing was said of the one before. Times are not kept, as
 * clocks differ: what was a moment ago is "now" to the successor, which errs on the careful side.
 *
 * Restoring goes through the same parts as living does (jobs, inventory, subjects), but feeds no
 * decision: there is nobody yet to be told.
 */
#include "core/kept.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/text.h"
#include "core/spare_ranks.h"
#include "wire/convert.h"
#include "wire/kept.pb-c.h"

#define KEY_MAX 256
#define NAME_IN_KEY_MAX 100
#define NAMES_MAX 1024 /* stand-ins of one subject that are kept */
#define FACTS_KEY "facts/"

/* ---------------------------------------------------------------- keys and bytes */

/* A name as it stands in a key: long ones are cut, and told apart by a hash. */
static const char *short_name(const char *name, char text[NAME_IN_KEY_MAX + 20])
{
    size_t n = strlen(name);

    if (n <= NAME_IN_KEY_MAX && strchr(name, '/') == NULL)
        return name;
    snprintf(text, NAME_IN_KEY_MAX + 20, "%.*s~%016" PRIx64, (int) strcspn(name, "/") > 60 ? 60
             : (int) strcspn(name, "/"), name, ft_hash(name, n));
    return text;
}

static void make_key(const struct ft_central *central, char key[KEY_MAX], const char *format,
                     va_list arguments)
{
    int n = snprintf(key, KEY_MAX, "%s", central->config.kept_under);

    vsnprintf(key + n, KEY_MAX - (size_t) n, format, arguments);
}

__attribute__((format(printf, 2, 3)))
static void forget(struct ft_central *central, const char *format, ...)
{
    char key[KEY_MAX];
    va_list arguments;

    if (central->env.keep == NULL)
        return;
    va_start(arguments, format);
    make_key(central, key, format, arguments);
    va_end(arguments);
    central->env.keep(central->env.arg, key, NULL, 0);
}

__attribute__((format(printf, 3, 4)))
static void keep(struct ft_central *central, const ProtobufCMessage *message, const char *format,
                 ...)
{
    char key[KEY_MAX];
    size_t n = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = malloc(n + 1);
    va_list arguments;

    va_start(arguments, format);
    make_key(central, key, format, arguments);
    va_end(arguments);
    if (bytes == NULL) {
        ft_central_logf(central, "not_kept", NULL, -1, NULL,
                        "out of memory: a successor of this central unit would not know of %s",
                        key);
        return;
    }
    protobuf_c_message_pack(message, bytes);
    central->env.keep(central->env.arg, key, bytes, n);
    free(bytes);
}

static char *lend(const char *text)
{
    return (char *) (uintptr_t) (text != NULL ? text : "");
}

/* ---------------------------------------------------------------- jobs */

void ft_keep_job(struct ft_central *central, const struct ft_job *job)
{
    Ft__KeptJob kept = FT__KEPT_JOB__INIT;
    char name[NAME_IN_KEY_MAX + 20];

    if (central->env.keep == NULL)
        return;
    kept.name = job->name;
    kept.parent = job->parent;
    kept.ended = job->ended;
    keep(central, &kept.base, "job/%s/info", short_name(job->name, name));
}

void ft_keep_no_job(struct ft_central *central, const struct ft_job *job)
{
    char name[NAME_IN_KEY_MAX + 20];

    forget(central, "job/%s/", short_name(job->name, name));
}

void ft_keep_started(struct ft_central *central, struct ft_job *job,
                     const ftProcessInfo_t *processes, size_t n)
{
    Ft__KeptProcesses kept = FT__KEPT_PROCESSES__INIT;
    Ft__Process *list;
    Ft__Process **pointers;
    char name[NAME_IN_KEY_MAX + 20];

    if (central->env.keep == NULL)
        return;
    if (job->reports_n == 0)
        ft_keep_job(central, job);
    list = calloc(n + 1, sizeof *list);
    pointers = calloc(n + 1, sizeof(Ft__Process *));
    for (size_t i = 0; list != NULL && pointers != NULL && i < n; i++) {
        ft__process__init(&list[i]);
        list[i].rank = processes[i].rank;
        list[i].pid = processes[i].pid;
        list[i].node = lend(processes[i].node);
        pointers[i] = &list[i];
    }
    if (list != NULL && pointers != NULL) {
        kept.job = job->name;
        kept.n_processes = n;
        kept.processes = pointers;
        keep(central, &kept.base, "job/%s/started/%u", short_name(job->name, name),
             job->reports_n++);
    } else {
        ft_central_logf(central, "not_kept", job->name, -1, NULL,
                        "out of memory: a successor of this central unit would not know of %zu "
                        "processes of job %s", n, job->name);
    }
    free(list);
    free(pointers);
}

void ft_keep_process_end(struct ft_central *central, const struct ft_process *process)
{
    Ft__KeptEnd kept = FT__KEPT_END__INIT;
    char name[NAME_IN_KEY_MAX + 20];

    if (central->env.keep == NULL)
        return;
    kept.job = process->job->name;
    kept.rank = process->rank;
    kept.how = process->how;
    kept.code = process->code;
    keep(central, &kept.base, "job/%s/ended/%d", short_name(process->job->name, name),
         process->rank);
}

void ft_keep_spare(struct ft_central *central, const struct ft_spare *spare)
{
    Ft__KeptSpare kept = FT__KEPT_SPARE__INIT;
    char name[NAME_IN_KEY_MAX + 20];

    if (central->env.keep == NULL)
        return;
    kept.job = lend(ft_spare_job_name(spare));
    kept.rank = spare->rank;
    kept.pid = spare->pid;
    kept.node = spare->node->name;
    kept.world = ft_spare_world(spare);
    kept.used = spare->used;
    kept.decision = spare->decision;
    keep(central, &kept.base, "job/%s/spare/%d", short_name(kept.job, name), spare->rank);
}

void ft_keep_done(struct ft_central *central, const char *job, int rank, int world_n)
{
    Ft__KeptDone kept = FT__KEPT_DONE__INIT;
    char name[NAME_IN_KEY_MAX + 20];

    if (central->env.keep == NULL)
        return;
    kept.job = lend(job);
    kept.rank = rank;
    kept.world = world_n;
    keep(central, &kept.base, "job/%s/done/%d", short_name(job, name), rank);
}

/* ---------------------------------------------------------------- nodes */

void ft_keep_place(struct ft_central *central, const struct ft_node *node)
{
    Ft__KeptPlace kept = FT__KEPT_PLACE__INIT;
    char name[NAME_IN_KEY_MAX + 20];

    if (central->env.keep == NULL)
        return;
    kept.node = node->name;
    kept.state = node->state;
    kept.daemon = node->daemon;
    kept.text = lend(node->state_text);
    kept.acquired = node->acquired;
    kept.granted = node->granted;
    kept.granted_run = node->granted_run;
    kept.granted_request = node->granted_request;
    keep(central, &kept.base, "place/%s", short_name(node->name, name));
}

void ft_keep_unfit(struct ft_central *central, const struct ft_node *node)
{
    Ft__KeptUnfit kept = FT__KEPT_UNFIT__INIT;
    char name[NAME_IN_KEY_MAX + 20];

    if (central->env.keep == NULL)
        return;
    kept.node = node->name;
    kept.left_ns = node->unfit_until_ns - ft_now_ns(central);
    kept.text = lend(node->unfit_text);
    keep(central, &kept.base, "unfit/%s", short_name(node->name, name));
}

void ft_keep_facts(struct ft_central *central, const struct ft_node *node)
{
    Ft__KeptFacts kept = FT__KEPT_FACTS__INIT;
    struct ft_put_facts facts;
    char name[NAME_IN_KEY_MAX + 20];

    if (central->env.keep == NULL || central->config.kept_under[0] != '\0')
        return;
    ft_put_facts(&facts, &node->facts);
    kept.node = node->name;
    kept.facts = &facts.facts;
    keep(central, &kept.base, FACTS_KEY "%s", short_name(node->name, name));
}

/* ---------------------------------------------------------------- subjects */

/* One that never had an alternative, and no errors, is nothing but its name. */
static bool is_worth_keeping(const struct ft_subject *subject)
{
    bool is_worth = subject->epoch > 0;

    for (int usage = 0; usage < FT_USAGES; usage++)
        is_worth = is_worth || subject->reported[usage].event != 0;
    return is_worth;
}

static size_t put_reported(const struct ft_subject *subject, Ft__KeptReported kept[FT_USAGES],
                           Ft__KeptReported *list[FT_USAGES])
{
    size_t n = 0;

    for (unsigned usage = 0; usage < FT_USAGES; usage++) {
        const struct ft_reported *reported = &subject->reported[usage];

        if (reported->event == 0)
            continue;
        ft__kept_reported__init(&kept[n]);
        kept[n].usage = usage;
        kept[n].event = reported->event;
        kept[n].count = reported->count;
        kept[n].epoch = reported->epoch;
        list[n] = &kept[n];
        n++;
    }
    return n;
}

void ft_keep_subject(struct ft_central *central, const struct ft_subject *subject)
{
    Ft__KeptReported reported[FT_USAGES], *reported_list[FT_USAGES];
    Ft__KeptSubject kept = FT__KEPT_SUBJECT__INIT;
    Ft__Resource resource = FT__RESOURCE__INIT;
    const char *names[NAMES_MAX];
    char *deaths[FT_DEATHS_MAX];
    char name[NAME_IN_KEY_MAX + 20];
    size_t n;

    if (central->env.keep == NULL || !is_worth_keeping(subject))
        return;
    n = ft_subject_names(subject, names, NAMES_MAX);
    ft_put_resource(&resource, &subject->resource);
    kept.resource = &resource;
    kept.n_names = n < NAMES_MAX ? n : NAMES_MAX;
    kept.names = (char **) (uintptr_t) names;
    kept.place = lend(subject->place != NULL ? subject->place->name : "");
    kept.epoch = subject->epoch;
    kept.ended = subject->ended;
    kept.how = subject->how;
    kept.code = subject->code;
    for (unsigned i = 0; i < FT_DEATHS_MAX && i < subject->deaths_n; i++) {
        if (subject->deaths[i].node != NULL)
            deaths[kept.n_deaths++] = subject->deaths[i].node->name;
    }
    kept.deaths = deaths;
    kept.n_reported = put_reported(subject, reported, reported_list);
    kept.reported = reported_list;
    keep(central, &kept.base, "subject/%s", short_name(names[0], name));
}

void ft_keep_no_subject(struct ft_central *central, const struct ft_subject *subject)
{
    const char *own;
    char name[NAME_IN_KEY_MAX + 20];

    if (central->env.keep == NULL || !is_worth_keeping(subject))
        return;
    ft_subject_names(subject, &own, 1);
    forget(central, "subject/%s", short_name(own, name));
}

/* ---------------------------------------------------------------- decisions */

/* What a demand needs beside itself, to be kept. */
struct put_demand {
    Ft__KeptDemand kept;
    Ft__Constraint constraint;
    Ft__Device devices[FT_DEVICES_MAX];
    Ft__Device *device_list[FT_DEVICES_MAX];
    char *excluded[1];
};

static void put_demand(struct put_demand *put, const struct ft_demand *demand)
{
    Ft__Constraint *constraint = &put->constraint;

    ft__kept_demand__init(&put->kept);
    ft__constraint__init(constraint);
    put->kept.constraint = constraint;
    put->kept.from = lend(demand->from);
    constraint->cores_min = demand->cores_min;
    constraint->memory_min_bytes = demand->memory_min_bytes;
    constraint->arch = lend(demand->arch);
    constraint->at_least = demand->at_least;
    constraint->same_kind = demand->same_kind;
    constraint->distance = demand->distance;
    constraint->ladder = lend(demand->ladder);
    constraint->when_none = lend(demand->when_none);
    constraint->wait_ms = demand->wait_ms;
    constraint->devices = put->device_list;
    for (int i = 0; i < FT_DEVICES_MAX && demand->devices[i].type[0] != '\0'; i++) {
        ft__device__init(&put->devices[i]);
        put->devices[i].type = lend(demand->devices[i].type);
        put->devices[i].count = demand->devices[i].count_min;
        put->device_list[constraint->n_devices++] = &put->devices[i];
    }
    put->excluded[0] = lend(demand->excluded); /* all of them in one, with commas between */
    constraint->excluded = put->excluded;
    constraint->n_excluded = demand->excluded != NULL;
}

static void put_asker(Ft__KeptAsker *put, const struct ft_kept_asker *asker)
{
    ft__kept_asker__init(put);
    put->job = lend(asker->job);
    put->node = lend(asker->node);
    put->rank = asker->rank;
    put->pid = asker->pid;
}

void ft_keep_decision(const struct ft_decision *decision)
{
    struct ft_central *central = decision->central;
    Ft__KeptDecision kept = FT__KEPT_DECISION__INIT;
    Ft__KeptAsker starter, standin;
    struct ft_put_facts original, given;
    struct put_demand demand;
    const char *name;

    if (central->env.keep == NULL || FT_PLANTED(FT_PLANT_KEEP_LATE))
        return;
    ft_subject_names(decision->subject, &name, 1);
    put_demand(&demand, &decision->demand);
    put_asker(&starter, &decision->starter);
    put_asker(&standin, &decision->standin);
    ft_put_facts(&original, &decision->original);
    ft_put_facts(&given, &decision->given);
    kept.id = decision->id;
    kept.subject = lend(name);
    kept.state = decision->state;
    kept.demand = &demand.kept;
    kept.lost_node = decision->lost_node->name;
    kept.planned = decision->planned;
    kept.original = decision->original_known ? &original.facts : NULL;
    kept.given = &given.facts;
    kept.candidate = decision->candidate->name;
    kept.rung = decision->candidate_rung;
    kept.reserved = decision->reserved;
    kept.repairable = decision->repairable;
    kept.repair = lend(decision->repair);
    kept.match = lend(decision->match);
    kept.probed = decision->probed_n;
    kept.epoch = decision->epoch;
    kept.event = decision->event;
    kept.starter = decision->starter.job != NULL ? &starter : NULL;
    kept.standin = decision->standin.job != NULL ? &standin : NULL;
    kept.port = lend(decision->port);
    keep(central, &kept.base, "decision/%" PRIu64, decision->id);
}

void ft_keep_no_decision(const struct ft_decision *decision)
{
    forget(decision->central, "decision/%" PRIu64, decision->id);
    forget(decision->central, "decision/%" PRIu64 "/", decision->id);
}

void ft_keep_peer(const struct ft_decision *decision, const struct ft_peer *peer)
{
    struct ft_central *central = decision->central;
    Ft__KeptPeer kept = FT__KEPT_PEER__INIT;

    if (central->env.keep == NULL)
        return;
    kept.decision = decision->id;
    kept.k = peer->k;
    kept.told = peer->told;
    kept.node = lend(peer->node);
    kept.run = peer->run;
    kept.request = peer->request;
    keep(central, &kept.base, "decision/%" PRIu64 "/%s/%u", decision->id,
         peer->told ? "told" : "sent", peer->k);
}

/* ---------------------------------------------------------------- going on: jobs and nodes */

static int malformed(void)
{
    errno = EBADMSG;
    return -1;
}

static int restore_job(struct ft_central *central, const void *message)
{
    const Ft__KeptJob *kept = message;
    struct ft_job *job = ft_jobs_start(central->jobs, kept->name, kept->parent, NULL, 0);

    if (job == NULL)
        return -1;
    /* Its processes are still to come; it ends with all of them, in the end. */
    job->ends_restored = kept->ended;
    return 0;
}

static int restore_processes(struct ft_central *central, const void *message)
{
    const Ft__KeptProcesses *kept = message;
    ftProcessInfo_t *processes = calloc(kept->n_processes + 1, sizeof *processes);
    struct ft_job *job;

    if (processes == NULL)
        return -1;
    for (size_t i = 0; i < kept->n_processes; i++) {
        processes[i].rank = kept->processes[i]->rank;
        processes[i].pid = kept->processes[i]->pid;
        processes[i].node = kept->processes[i]->node;
    }
    job = ft_jobs_start(central->jobs, kept->job, "", processes, kept->n_processes);
    if (job != NULL)
        job->reports_n++;
    free(processes);
    return job != NULL ? 0 : -1;
}

static int restore_end(struct ft_central *central, const void *message)
{
    const Ft__KeptEnd *kept = message;
    struct ft_process *process = ft_jobs_process(central->jobs, kept->job, kept->rank);

    if (process == NULL || kept->how < FT_ENDED_WELL || kept->how > FT_ENDED_WITH_NODE)
        return malformed();
    ft_jobs_end_process(central->jobs, process, (ftEnd_t) kept->how, kept->code,
                        ft_now_ns(central));
    return 0;
}

static int restore_spare(struct ft_central *central, const void *message)
{
    const Ft__KeptSpare *kept = message;
    struct ft_node *node = ft_inventory_get(central->inventory, kept->node);

    if (node == NULL)
        return -1;
    if (kept->rank < 0 || kept->world <= 0 || kept->rank > FT_RANK_MAX ||
        kept->world > kept->rank)
        return malformed();
    return ft_spare_ranks_restore(central, kept->job, kept->rank, kept->pid, node, kept->world,
                                  kept->used, kept->decision);
}

static int restore_done(struct ft_central *central, const void *message)
{
    const Ft__KeptDone *kept = message;

    if (kept->rank < 0 || kept->rank > FT_RANK_MAX || kept->world <= 0)
        return malformed();
    return ft_spare_ranks_restore_done(central, kept->job, kept->rank, kept->world);
}

static int restore_place(struct ft_central *central, const void *message)
{
    const Ft__KeptPlace *kept = message;
    struct ft_node *node = ft_inventory_get(central->inventory, kept->node);

    if (node == NULL)
        return -1;
    if (kept->state > FT_NODE_IS_LEFT)
        return malformed();
    ft_inventory_set_state(central->inventory, node, (enum ft_node_state) kept->state,
                           kept->daemon, kept->text[0] != '\0' ? kept->text : NULL,
                           ft_now_ns(central));
    node->acquired = kept->acquired;
    ft_inventory_grant(central->inventory, node, kept->granted);
    node->granted_run = kept->granted_run;
    node->granted_request = kept->granted_request;
    return 0;
}

static int restore_unfit(struct ft_central *central, const void *message)
{
    const Ft__KeptUnfit *kept = message;
    struct ft_node *node = ft_inventory_get(central->inventory, kept->node);

    if (node == NULL)
        return -1;
    if (kept->left_ns > 0)
        ft_inventory_set_unfit(central->inventory, node, ft_now_ns(central) + kept->left_ns,
                               kept->text);
    return 0;
}

static int restore_facts(struct ft_central *central, const void *message)
{
    const Ft__KeptFacts *kept = message;
    struct ft_node *node = ft_inventory_get(central->inventory, kept->node);
    struct ft_facts facts;

    if (node == NULL)
        return -1;
    if (ft_get_facts(kept->facts, &facts) < 0)
        return malformed();
    return ft_inventory_set_facts(central->inventory, node, &facts);
}

/* ---------------------------------------------------------------- going on: subjects */

/* "r2@job" -> 2, "job". */
static bool read_rank_name(const char *name, int *rank, const char **job)
{
    char *end;
    long number;

    if (name[0] != 'r')
        return false;
    errno = 0;
    number = strtol(name + 1, &end, 10);
    *job = end + 1;
    *rank = (int) number;
    return errno == 0 && end != name + 1 && *end == '@' && number >= 0 && number <= FT_RANK_MAX;
}

static int restore_occupants(struct ft_central *central, struct ft_subject *subject,
                             const Ft__KeptSubject *kept)
{
    struct ft_node *place =
        kept->place[0] != '\0' ? ft_inventory_get(central->inventory, kept->place) : NULL;

    if (place == NULL && kept->place[0] != '\0')
        return -1;
    for (size_t i = 1; i < kept->n_names; i++) {
        const char *job;
        int rank;

        if (ft_subjects_by_name(central->subjects, kept->names[i]) != NULL)
            continue;
        if (!read_rank_name(kept->names[i], &rank, &job) || place == NULL)
            return malformed();
        if (ft_subject_occupy(central->subjects, subject, job, rank, place) < 0)
            return -1;
    }
    if (place != NULL)
        subject->place = place;
    return 0;
}

/* Counting goes on, up to what came since it was written down last. */
static void restore_reported(struct ft_central *central, struct ft_subject *subject,
                             const Ft__KeptSubject *kept)
{
    for (size_t i = 0; i < kept->n_reported; i++) {
        const Ft__KeptReported *reported = kept->reported[i];

        if (reported->usage < FT_USAGES && !FT_PLANTED(FT_PLANT_FORGET_ERRORS))
            subject->reported[reported->usage] = (struct ft_reported) {
                .event = reported->event, .count = reported->count, .epoch = reported->epoch,
                .last_ns = ft_now_ns(central)};
    }
    if (kept->n_reported > 0)
        subject->doubted_ns = ft_now_ns(central);
}

static int restore_subject(struct ft_central *central, const void *message)
{
    const Ft__KeptSubject *kept = message;
    ftResource_t resource;
    struct ft_subject *subject;

    if (kept->n_names == 0 || ft_get_resource(kept->resource, &resource) < 0)
        return malformed();
    subject = ft_subjects_get(central->subjects, &resource, resource.job, "");
    if (subject == NULL || restore_occupants(central, subject, kept) < 0)
        return -1;
    subject->epoch = kept->epoch;
    subject->ended = kept->ended;
    if (kept->ended) {
        subject->how = (ftEnd_t) kept->how;
        subject->code = kept->code;
        subject->ended_ns = ft_now_ns(central);
    }
    for (size_t i = 0; i < kept->n_deaths && i < FT_DEATHS_MAX; i++) {
        subject->deaths[i].node = ft_inventory_get(central->inventory, kept->deaths[i]);
        subject->deaths[i].at_ns = ft_now_ns(central);
        subject->deaths_n = (unsigned) i + 1;
    }
    restore_reported(central, subject, kept);
    return 0;
}

/* ---------------------------------------------------------------- going on: decisions */

static int get_demand(const Ft__KeptDemand *kept, struct ft_demand *demand)
{
    const Ft__Constraint *constraint = kept != NULL ? kept->constraint : NULL;

    memset(demand, 0, sizeof *demand);
    if (constraint == NULL || constraint->n_devices > FT_DEVICES_MAX)
        return malformed();
    demand->cores_min = constraint->cores_min;
    demand->memory_min_bytes = constraint->memory_min_bytes;
    demand->at_least = constraint->at_least;
    demand->same_kind = constraint->same_kind;
    demand->distance = constraint->distance;
    ft_text_copy(demand->arch, sizeof demand->arch, constraint->arch);
    ft_text_copy(demand->ladder, sizeof demand->ladder, constraint->ladder);
    ft_text_copy(demand->when_none, sizeof demand->when_none, constraint->when_none);
    demand->wait_ms = constraint->wait_ms;
    for (size_t i = 0; i < constraint->n_devices; i++) {
        ft_text_copy(demand->devices[i].type, sizeof demand->devices[i].type,
                     constraint->devices[i]->type);
        demand->devices[i].count_min = constraint->devices[i]->count;
    }
    if (kept->from[0] != '\0')
        demand->from = strdup(kept->from);
    if (constraint->n_excluded > 0)
        demand->excluded = strdup(constraint->excluded[0]);
    if ((kept->from[0] == '\0' || demand->from != NULL) &&
        (constraint->n_excluded == 0 || demand->excluded != NULL))
        return 0;
    ft_demand_clear(demand);
    errno = ENOMEM;
    return -1;
}

static int get_asker(const Ft__KeptAsker *kept, struct ft_kept_asker *asker)
{
    struct ft_asker from;

    if (kept == NULL)
        return 0;
    memset(&from, 0, sizeof from);
    from.job = kept->job;
    from.node = kept->node;
    from.rank = kept->rank;
    from.pid = kept->pid;
    return ft_asker_keep(asker, &from);
}

/* The parts that need memory. */
static int fill_parts(struct ft_decision *decision, const Ft__KeptDecision *kept)
{
    if (get_demand(kept->demand, &decision->demand) < 0 ||
        get_asker(kept->starter, &decision->starter) < 0 ||
        get_asker(kept->standin, &decision->standin) < 0)
        return -1;
    if (kept->state != FT_RUNNING)
        return 0;
    decision->port = strdup(kept->port);
    return decision->port != NULL ? 0 : -1;
}

static void fill(struct ft_decision *decision, const Ft__KeptDecision *kept)
{
    decision->planned = kept->planned;
    decision->original_known =
        kept->original != NULL && ft_get_facts(kept->original, &decision->original) == 0;
    ft_get_facts(kept->given, &decision->given);
    decision->candidate_rung = (ftRung_t) kept->rung;
    decision->repairable = kept->repairable;
    decision->probed_n = kept->probed;
    decision->epoch = kept->epoch;
    decision->event = kept->event;
    decision->status = FT_OK;
    ft_text_copy(decision->repair, sizeof decision->repair, kept->repair);
    ft_text_copy(decision->match, sizeof decision->match, kept->match);
}

static int restore_decision(struct ft_central *central, const void *message)
{
    const Ft__KeptDecision *kept = message;
    struct ft_subject *subject = ft_subjects_by_name(central->subjects, kept->subject);
    struct ft_node *lost = ft_inventory_get(central->inventory, kept->lost_node);
    struct ft_node *candidate = ft_inventory_get(central->inventory, kept->candidate);
    struct ft_decision *decision;

    if (lost == NULL || candidate == NULL)
        return -1;
    if (subject == NULL || kept->id == 0 || kept->rung > FT_BY_SHARING ||
        (kept->state != FT_GIVEN && kept->state != FT_STARTING && kept->state != FT_RUNNING) ||
        (kept->state == FT_STARTING && kept->starter == NULL) ||
        (kept->state == FT_RUNNING && kept->standin == NULL) || subject->current != NULL ||
        ft_decision_find(central, kept->id) != NULL)
        return malformed();
    decision = ft_decision_revive(central, subject, kept->id,
                                  (enum ft_decision_state) kept->state);
    if (decision == NULL)
        return -1;
    if (fill_parts(decision, kept) < 0) {
        int error = errno;

        ft_decision_destroy(decision);
        errno = error;
        return -1;
    }
    fill(decision, kept);
    decision->lost_node = lost;
    decision->candidate = candidate;
    if (kept->reserved && (candidate->reserved_for == NULL || candidate->reserved_for == lost)) {
        ft_inventory_reserve(central->inventory, candidate, lost, decision->candidate_rung);
        decision->reserved = true;
    }
    if (decision->candidate_rung == FT_BY_SPARE_RANK)
        ft_spare_ranks_revive(decision);
    ft_decision_revived(decision);
    return 0;
}

static int restore_peer(struct ft_central *central, const void *message)
{
    const Ft__KeptPeer *kept = message;
    struct ft_decision *decision = ft_decision_find(central, kept->decision);

    if (decision == NULL || kept->k == 0)
        return malformed();
    ft_decision_peer(decision, kept->k, kept->told, kept->node, kept->run, kept->request);
    if (kept->told && kept->k > decision->peers_told)
        decision->peers_told = kept->k;
    if (!kept->told && kept->k > decision->peers_sent)
        decision->peers_sent = kept->k;
    decision->peers_n = decision->peers_sent > decision->peers_told
                            ? decision->peers_sent - decision->peers_told : 0;
    return 0;
}

/* ---------------------------------------------------------------- going on: all */

static const struct kind {
    const char *begin;  /* of its keys */
    const char *within; /* NULL: anything */
    const ProtobufCMessageDescriptor *descriptor;
    int (*restore)(struct ft_central *central, const void *message);
} kinds[] = {
    {"job/", "/info", &ft__kept_job__descriptor, restore_job},
    {"job/", "/started/", &ft__kept_processes__descriptor, restore_processes},
    {"job/", "/ended/", &ft__kept_end__descriptor, restore_end},
    {"job/", "/spare/", &ft__kept_spare__descriptor, restore_spare},
    {"job/", "/done/", &ft__kept_done__descriptor, restore_done},
    {"place/", NULL, &ft__kept_place__descriptor, restore_place},
    {"unfit/", NULL, &ft__kept_unfit__descriptor, restore_unfit},
    {FACTS_KEY, NULL, &ft__kept_facts__descriptor, restore_facts},
    {"subject/", NULL, &ft__kept_subject__descriptor, restore_subject},
    {"decision/", "/sent/", &ft__kept_peer__descriptor, restore_peer},
    {"decision/", "/told/", &ft__kept_peer__descriptor, restore_peer},
    {"decision/", NULL, &ft__kept_decision__descriptor, restore_decision},
};

static const struct kind *kind_of(const char *key)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct kind *kind = &kinds[i];

        if (strncmp(key, kind->begin, strlen(kind->begin)) == 0 &&
            (kind->within == NULL || strstr(key, kind->within) != NULL))
            return kind;
    }
    return NULL;
}

int ft_central_restore(struct ft_central *central, const char *key, const void *data, size_t n)
{
    const struct kind *kind = kind_of(key);
    void (*keep_again)(void *, const char *, const void *, size_t) = central->env.keep;
    ProtobufCMessage *message;
    int result, error;

    if (kind == NULL)
        return 0;
    message = protobuf_c_message_unpack(kind->descriptor, NULL, n, data);
    if (message == NULL)
        return malformed();
    central->env.keep = NULL; /* it is kept */
    result = kind->restore(central, message);
    error = errno;
    central->env.keep = keep_again;
    protobuf_c_message_free_unpacked(message, NULL);
    errno = error;
    return result;
}

/* What follows from what was kept: whatever lived on a node ended with it, and with its job. */
static void end_lost(struct ft_central *central, struct ft_node *node)
{
    if (node->state != FT_NODE_IS_LOST && node->state != FT_NODE_IS_LEFT)
        return;
    while (node->processes != NULL)
        ft_jobs_end_process(central->jobs, node->processes, FT_ENDED_WITH_NODE, 0,
                            ft_now_ns(central));
}

/* A node that was offered, to a decision that was under way: that decision is no more. */
static void let_go(struct ft_node *node)
{
    if (node->acquired && !node->granted && node->reserved_refs == 0 && node->state != FT_NODE_UP)
        node->acquired = false;
}

static void end_with_job(struct ft_central *central, struct ft_job *job)
{
    if (!job->ends_restored)
        return;
    for (int rank = 0; rank < job->ranks_n; rank++) {
        if (job->ranks[rank] != NULL)
            ft_jobs_end_process(central->jobs, job->ranks[rank], FT_ENDED_CODE, 0,
                                ft_now_ns(central));
    }
    ft_jobs_end(central->jobs, job);
}

void ft_central_restored(struct ft_central *central)
{
    for (struct ft_node *node = ft_inventory_first(central->inventory); node != NULL;
         node = node->order_next) {
        end_lost(central, node);
        let_go(node);
    }
    for (struct ft_job *job = ft_jobs_first(central->jobs); job != NULL; job = job->order_next)
        end_with_job(central, job);
}
