/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sessions.c - owns one ft_central for each launcher, and the base.
 *
 * requests.c asks whom a request is for: the session is what a job's name begins with, up to "@"
 * (PRRTE names the jobs of one mpirun so). A session begins with the first report of its launcher
 * and belongs to that launcher's user: no other user's process may report or ask in it. It ends
 * when its launcher has taken leave and gone, or is gone for FT_SESSION_LINGER_MS without a word;
 * its jobs end then, spare nodes go back, and what was kept of it is forgotten.
 *
 * Nodes: the base knows them all, a session those that its launcher named or that it was offered.
 * When a node becomes known to a session, what the base knows of it (unit, hardware, place) is told
 * to the session; later news of a node go to the base and to the sessions that know it. Numbers of
 * probes and acquires are unique among all, so that an answer is offered to one after the other:
 * only the one that waits for it takes it.
 */
#include "centrald/sessions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hostlist.h"
#include "common/log.h"
#include "common/text.h"
#include "core/inventory.h"
#include "core/jobs.h"
#include "wire/kept.pb-c.h"

#define NS_PER_MS INT64_C(1000000)
#define BUCKETS 512
#define KEY_PREFIX "session/"
#define BEGINNING_MS 1000 /* a launcher that has reported may take so long to wait for news */

struct ft_session {
    struct ft_sessions *all;
    struct ft_central *central;
    char name[FT_NAME_MAX]; /* "": the base */
    char node[FT_NAME_MAX]; /* of the launcher */
    uint64_t number;        /* of its keys */
    uint32_t uid;
    uint32_t slurm_job;     /* as its launcher says; 0: none */
    char *spares;           /* nodes of that job that the launcher keeps idle; NULL: none */
    int64_t pid;
    unsigned links;         /* its launcher waits for news so often */
    bool waited;            /* it ever did: from its waiting no more one knows that it is gone */
    int64_t ends_ns;        /* unless its launcher comes back; INT64_MAX */
    struct ft_node *synced; /* the last node that was told what the base knows */
    struct ft_session *next, *hash_next;
};

struct ft_sessions {
    struct ft_sessions_config config;
    struct ft_session base;
    struct ft_session *first;
    struct ft_session *by_name[BUCKETS];
    size_t n;
    uint64_t number;
};

/* ---------------------------------------------------------------- making */

static int64_t now_ns(const struct ft_sessions *sessions)
{
    return sessions->config.env.now_ns(sessions->config.env.arg);
}

struct ft_sessions *ft_sessions_create(const struct ft_sessions_config *config)
{
    struct ft_sessions *sessions = calloc(1, sizeof *sessions);

    if (sessions == NULL)
        return NULL;
    sessions->config = *config;
    sessions->base.all = sessions;
    sessions->base.ends_ns = INT64_MAX;
    sessions->base.central = ft_central_create(&config->env, &config->central);
    if (sessions->base.central != NULL)
        return sessions;
    free(sessions);
    return NULL;
}

static void destroy_session(struct ft_session *session)
{
    ft_central_destroy(session->central);
    free(session->spares);
    free(session);
}

void ft_sessions_destroy(struct ft_sessions *sessions)
{
    if (sessions == NULL)
        return;
    while (sessions->first != NULL) {
        struct ft_session *session = sessions->first;

        sessions->first = session->next;
        destroy_session(session);
    }
    ft_central_destroy(sessions->base.central);
    free(sessions);
}

struct ft_central *ft_sessions_base(const struct ft_sessions *sessions)
{
    return sessions->base.central;
}

uint64_t ft_sessions_log(struct ft_sessions *sessions, struct ft_event *event)
{
    return ft_central_log(sessions->base.central, event);
}

size_t ft_sessions_count(const struct ft_sessions *sessions)
{
    return sessions->n;
}

static struct ft_session **bucket_of(struct ft_sessions *sessions, const char *name)
{
    uint32_t hash = 2166136261u;

    while (*name != '\0')
        hash = (hash ^ (unsigned char) *name++) * 16777619u;
    return &sessions->by_name[hash % BUCKETS];
}

static struct ft_session *find(struct ft_sessions *sessions, const char *name)
{
    struct ft_session *session = *bucket_of(sessions, name);

    while (session != NULL && strcmp(session->name, name) != 0)
        session = session->hash_next;
    return session;
}

static struct ft_session *session_of(struct ft_sessions *sessions, const struct ft_central *central)
{
    struct ft_session *session = sessions->first;

    if (central == sessions->base.central)
        return &sessions->base;
    while (session != NULL && session->central != central)
        session = session->next;
    return session;
}

static struct ft_session *by_number(const struct ft_sessions *sessions, uint64_t number)
{
    struct ft_session *session = sessions->first;

    while (session != NULL && session->number != number)
        session = session->next;
    return session;
}

uint64_t ft_sessions_number(const struct ft_sessions *sessions, const struct ft_central *central)
{
    const struct ft_session *session = sessions->first;

    while (session != NULL && session->central != central)
        session = session->next;
    return session != NULL ? session->number : 0;
}

bool ft_sessions_owner(const struct ft_sessions *sessions, uint64_t number,
                       struct ft_session_owner *owner)
{
    const struct ft_session *session = by_number(sessions, number);

    if (session == NULL)
        return false;
    *owner = (struct ft_session_owner){.name = session->name,
                                       .uid = session->uid,
                                       .slurm_job = session->slurm_job,
                                       .spares = session->spares};
    return true;
}

bool ft_sessions_has(const struct ft_sessions *sessions, const struct ft_central *central)
{
    const struct ft_session *session = sessions->first;

    while (session != NULL && session->central != central)
        session = session->next;
    return session != NULL;
}

/* number: 0: the next one. NULL with errno. */
static struct ft_session *make(struct ft_sessions *sessions, const char *name, uint64_t number)
{
    struct ft_central_config config = sessions->config.central;
    struct ft_session *session;
    struct ft_session **bucket;

    if (sessions->n >= FT_SESSIONS_MAX) {
        errno = ENOBUFS;
        return NULL;
    }
    session = calloc(1, sizeof *session);
    if (session == NULL)
        return NULL;
    if (number == 0)
        number = sessions->number + 1;
    snprintf(config.kept_under, sizeof config.kept_under, KEY_PREFIX "%llu/",
             (unsigned long long) number);
    config.session = number;
    session->central = ft_central_create(&sessions->config.env, &config);
    if (session->central == NULL) {
        free(session);
        errno = ENOMEM;
        return NULL;
    }
    if (number > sessions->number)
        sessions->number = number;
    session->all = sessions;
    session->number = number;
    session->ends_ns = INT64_MAX;
    ft_text_copy(session->name, sizeof session->name, name);
    session->next = sessions->first;
    sessions->first = session;
    bucket = bucket_of(sessions, name);
    session->hash_next = *bucket;
    *bucket = session;
    sessions->n++;
    return session;
}

/* ---------------------------------------------------------------- what is kept of a session */

static void key_of(const struct ft_session *session, char *key, size_t size)
{
    snprintf(key, size, KEY_PREFIX "%llu", (unsigned long long) session->number);
}

static void keep(struct ft_session *session)
{
    const struct ft_env *env = &session->all->config.env;
    Ft__KeptSession kept = FT__KEPT_SESSION__INIT;
    uint8_t *bytes;
    char key[48];

    if (env->keep == NULL)
        return;
    kept.name = session->name;
    kept.node = session->node;
    kept.pid = session->pid;
    kept.uid = session->uid;
    kept.slurm_job = session->slurm_job;
    if (session->spares != NULL)
        kept.spares = session->spares;
    bytes = malloc(ft__kept_session__get_packed_size(&kept));
    if (bytes == NULL) {
        ft_log_error("out of memory: a successor will not know session %s", session->name);
        return;
    }
    key_of(session, key, sizeof key);
    env->keep(env->arg, key, bytes, ft__kept_session__pack(&kept, bytes));
    free(bytes);
}

static void forget(struct ft_session *session)
{
    const struct ft_env *env = &session->all->config.env;
    char key[48];

    if (env->keep == NULL)
        return;
    key_of(session, key, sizeof key);
    env->keep(env->arg, key, NULL, 0);
    strcat(key, "/");
    env->keep(env->arg, key, NULL, 0);
}

/* ---------------------------------------------------------------- beginning and end */

static void log_session(struct ft_session *session, const char *name, const char *what)
{
    char text[700];
    struct ft_event event = {.name = name,
                             .node = session->node[0] != '\0' ? session->node : NULL,
                             .rank = -1,
                             .fields = {{.key = "session", .text = session->name},
                                        {.key = "uid", .number = session->uid},
                                        {.key = session->slurm_job != 0 ? "slurm_job" : NULL,
                                         .number = session->slurm_job}},
                             .text = text};

    snprintf(text, sizeof text, "session %.255s of user %u on node %.255s %s", session->name,
             session->uid, session->node, what);
    ft_central_log(session->central, &event);
}

/* Without memory for their names the session does without spares. */
static void set_spares(struct ft_session *session, const char *spares)
{
    if (spares == NULL || spares[0] == '\0')
        return;
    session->spares = strdup(spares);
    if (session->spares == NULL)
        ft_log_error("out of memory: the spare nodes of session %s are not used", session->name);
}

static struct ft_session *begin(struct ft_sessions *sessions, const char *name,
                                const struct ft_asker *asker, char *why, size_t size)
{
    struct ft_session *session = make(sessions, name, 0);

    if (session == NULL) {
        snprintf(why, size, errno == ENOBUFS ? "the central unit serves %d launchers already"
                                             : "the central unit is out of memory",
                 FT_SESSIONS_MAX);
        return NULL;
    }
    session->uid = asker->uid;
    session->pid = asker->pid;
    session->slurm_job = asker->slurm_job;
    set_spares(session, asker->spares);
    ft_text_copy(session->node, sizeof session->node, asker->node);
    keep(session);
    log_session(session, "session_began", "has begun");
    return session;
}

static bool has_live_job(const struct ft_session *session)
{
    const struct ft_job *job = ft_jobs_first(ft_central_jobs(session->central));

    while (job != NULL && job->ended)
        job = job->order_next;
    return job != NULL;
}

/* Spare nodes that the resource manager gave go back; none of its core's own decisions needs them
 * any more. */
static void give_back(struct ft_session *session)
{
    const struct ft_env *env = &session->all->config.env;
    struct ft_node *node = ft_inventory_first(ft_central_inventory(session->central));

    for (; node != NULL; node = node->order_next) {
        bool lost = node->state == FT_NODE_IS_LOST || node->declared;
        struct ft_returned returned = {
            .session = session->number, .node = node->name, .broken = lost};
        char text[400];
        struct ft_event event = {
            .name = "node_released", .node = node->name, .rank = -1, .text = text};

        if (!node->acquired)
            continue;
        snprintf(text, sizeof text, "node %.200s was given back to the resource manager%s",
                 node->name, lost ? ": it is lost" : "");
        ft_central_log(session->central, &event);
        env->release(env->arg, &returned);
    }
}

/* Its launcher has not said that it ends. */
static bool is_open(const struct ft_session *session)
{
    const struct ft_node *node = ft_inventory_first(ft_central_inventory(session->central));

    while (node != NULL && node->state != FT_NODE_UP)
        node = node->order_next;
    return node != NULL || has_live_job(session);
}

/* Nobody of its launcher waits for news. One that has taken leave (it has left its nodes, its jobs
 * have ended) has ended in order, and its session ends now; another may come back. One that never
 * waited for any is believed to be there as long as it has a job. */
static void linger(struct ft_session *session)
{
    int64_t ms = is_open(session)  ? FT_SESSION_LINGER_MS
                 : session->waited ? 0
                                   : BEGINNING_MS;

    session->ends_ns = session->waited || !has_live_job(session)
                           ? now_ns(session->all) + ms * NS_PER_MS
                           : INT64_MAX;
}

static void end(struct ft_session *session, const char *why)
{
    struct ft_sessions *sessions = session->all;
    struct ft_session **link = bucket_of(sessions, session->name);

    if (is_open(session))
        ft_central_launcher_gone(session->central, "its connection ended, and it did not come back");
    log_session(session, "session_ended", why);
    forget(session); /* once that is safe its nodes go back */
    give_back(session);
    while (*link != session)
        link = &(*link)->hash_next;
    *link = session->hash_next;
    for (link = &sessions->first; *link != session; link = &(*link)->next)
        continue;
    *link = session->next;
    sessions->n--;
    if (sessions->config.gone != NULL)
        sessions->config.gone(sessions->config.env.arg, session->central, session->number);
    destroy_session(session);
}

void ft_sessions_launcher_seen(struct ft_sessions *sessions, struct ft_central *central)
{
    struct ft_session *session = session_of(sessions, central);

    if (session == NULL || session == &sessions->base)
        return;
    session->links++;
    session->waited = true;
    session->ends_ns = INT64_MAX;
}

void ft_sessions_launcher_unseen(struct ft_sessions *sessions, struct ft_central *central)
{
    struct ft_session *session = session_of(sessions, central);

    if (session == NULL || session == &sessions->base || session->links == 0)
        return;
    if (--session->links == 0)
        linger(session);
}

/* ---------------------------------------------------------------- whose a request is */

static struct ft_central *with_decision(struct ft_sessions *sessions, uint64_t decision)
{
    for (struct ft_session *session = sessions->first; session != NULL; session = session->next) {
        if (ft_central_has_decision(session->central, decision))
            return session->central;
    }
    return sessions->base.central;
}

/* Another user's process: root may, nobody else. */
static bool is_denied(const struct ft_session *session, const struct ft_asker *asker, char *why,
                      size_t size)
{
    if (asker->uid == 0 || asker->uid == session->uid)
        return false;
    snprintf(why, size, "session %.200s belongs to user %u", session->name, session->uid);
    ft_log_warning("process %lld of user %u on node %.100s is refused: %s", (long long) asker->pid,
                   asker->uid, asker->node, why);
    return true;
}

static struct ft_session *find_by_job(struct ft_sessions *sessions, const char *job, char *name)
{
    ft_text_copy(name, FT_NAME_MAX, job != NULL ? job : "");
    name[strcspn(name, "@")] = '\0';
    return name[0] != '\0' ? find(sessions, name) : NULL;
}

struct ft_central *ft_sessions_of_job(struct ft_sessions *sessions, const char *job)
{
    char name[FT_NAME_MAX];
    struct ft_session *session = find_by_job(sessions, job, name);

    return session != NULL ? session->central : sessions->base.central;
}

struct ft_central *ft_sessions_of(struct ft_sessions *sessions, const struct ft_asker *asker,
                                  uint64_t decision, char *why, size_t size)
{
    char name[FT_NAME_MAX];
    struct ft_session *session;

    if (sessions->config.single)
        return sessions->base.central;
    session = find_by_job(sessions, asker->job, name);
    if (session == NULL && asker->launcher && name[0] != '\0')
        session = begin(sessions, name, asker, why, size);
    else if (session == NULL)
        return decision != 0 ? with_decision(sessions, decision) : sessions->base.central;
    if (session == NULL || is_denied(session, asker, why, size))
        return NULL;
    if (decision != 0 && !ft_central_has_decision(session->central, decision) &&
        with_decision(sessions, decision) != sessions->base.central)
        return with_decision(sessions, decision);
    return session->central;
}

/* ---------------------------------------------------------------- nodes */

/* What the base knows of a node is told to a session that has just come to know it. */
static void tell(struct ft_session *session, const struct ft_node *node)
{
    struct ft_central *base = session->all->base.central;
    const struct ft_node *known = ft_inventory_find(ft_central_inventory(base), node->name);
    char location[FT_LOCATION_MAX];

    if (known == NULL)
        return;
    ft_inventory_location(known, location, sizeof location);
    if (ft_central_set_location(session->central, node->name, location) < 0 ||
        (known->facts_known &&
         ft_central_unit_facts(session->central, node->name, &known->facts) < 0) ||
        (known->unit_up && ft_central_unit_up(session->central, node->name, NULL) < 0))
        ft_log_error("session %s does not know what node %s is: %s", session->name, node->name,
                     strerror(errno));
    if (known->declared)
        ft_central_node_declared(session->central, node->name, "it was declared lost before");
    if (known->failing)
        ft_central_node_failing(session->central, node->name,
                                known->failing_text != NULL ? known->failing_text
                                                            : "it is going down");
}

static void sync(struct ft_session *session)
{
    struct ft_node *node = session->synced != NULL
                               ? session->synced->order_next
                               : ft_inventory_first(ft_central_inventory(session->central));

    for (; node != NULL; node = node->order_next) {
        session->synced = node;
        tell(session, node);
    }
}

void ft_sessions_reported(struct ft_sessions *sessions, struct ft_central *central)
{
    struct ft_session *session = session_of(sessions, central);

    if (session == NULL || session == &sessions->base)
        return;
    sync(session);
    if (session->links > 0)
        return;
    linger(session);
}

static bool knows(const struct ft_session *session, const char *node)
{
    return ft_inventory_find(ft_central_inventory(session->central), node) != NULL;
}

/* The sessions that know a node: for (...) over them. */
static struct ft_session *next_knowing(struct ft_session *session, const char *node)
{
    while (session != NULL && !knows(session, node))
        session = session->next;
    return session;
}

#define EACH_KNOWING(session, sessions, node)                                                     \
    struct ft_session *session = next_knowing((sessions)->first, node); session != NULL;          \
    session = next_knowing(session->next, node)

int ft_sessions_unit_up(struct ft_sessions *sessions, const char *node, const char *version)
{
    if (ft_central_unit_up(sessions->base.central, node, version) < 0)
        return -1;
    for (EACH_KNOWING(session, sessions, node)) {
        if (ft_central_unit_up(session->central, node, version) < 0)
            return -1;
    }
    return 0;
}

int ft_sessions_unit_facts(struct ft_sessions *sessions, const char *node,
                           const struct ft_facts *facts)
{
    if (ft_central_unit_facts(sessions->base.central, node, facts) < 0)
        return -1;
    for (EACH_KNOWING(session, sessions, node)) {
        if (ft_central_unit_facts(session->central, node, facts) < 0)
            return -1;
    }
    return 0;
}

int ft_sessions_set_location(struct ft_sessions *sessions, const char *node, const char *location)
{
    if (ft_central_set_location(sessions->base.central, node, location) < 0)
        return -1;
    for (EACH_KNOWING(session, sessions, node)) {
        if (ft_central_set_location(session->central, node, location) < 0)
            return -1;
    }
    return 0;
}

void ft_sessions_unit_down(struct ft_sessions *sessions, const char *node, const char *why)
{
    ft_central_unit_down(sessions->base.central, node, why);
    for (EACH_KNOWING(session, sessions, node))
        ft_central_unit_down(session->central, node, why);
}

void ft_sessions_unit_failed(struct ft_sessions *sessions, const char *node, const char *why)
{
    if (sessions->first == NULL)
        ft_central_unit_failed(sessions->base.central, node, why);
    for (EACH_KNOWING(session, sessions, node))
        ft_central_unit_failed(session->central, node, why);
}

void ft_sessions_probe_result(struct ft_sessions *sessions, uint64_t probe,
                              const struct ft_measured *measured)
{
    ft_central_probe_result(sessions->base.central, probe, measured);
    for (struct ft_session *session = sessions->first; session != NULL; session = session->next)
        ft_central_probe_result(session->central, probe, measured);
}

bool ft_sessions_offer(struct ft_sessions *sessions, uint64_t acquire, const char *node)
{
    bool taken = ft_central_offer(sessions->base.central, acquire, node);

    for (struct ft_session *session = sessions->first; session != NULL && !taken;
         session = session->next) {
        if (!ft_central_awaits_offer(session->central, acquire))
            continue;
        /* Known, and told what it is, before it is looked at. */
        if (!knows(session, node) && ft_central_set_location(session->central, node, "") == 0)
            sync(session);
        taken = ft_central_offer(session->central, acquire, node);
    }
    return taken;
}

void ft_sessions_no_offer(struct ft_sessions *sessions, uint64_t acquire, const char *why,
                          int64_t available_at_s)
{
    ft_central_no_offer(sessions->base.central, acquire, why, available_at_s);
    for (struct ft_session *session = sessions->first; session != NULL; session = session->next)
        ft_central_no_offer(session->central, acquire, why, available_at_s);
}

void ft_sessions_node_declared(struct ft_sessions *sessions, const char *node, const char *why)
{
    struct ft_session *session = sessions->first;

    ft_central_node_declared(sessions->base.central, node, why);
    for (; session != NULL; session = session->next) {
        if (knows(session, node))
            ft_central_node_declared(session->central, node, why);
        /* Its launcher went with the node, and nobody will say goodbye for it. */
        if (ft_node_names_equal(session->node, node) && session->ends_ns == INT64_MAX) {
            session->links = 0;
            session->ends_ns = now_ns(sessions) + FT_SESSION_LINGER_MS * NS_PER_MS;
        }
    }
}

void ft_sessions_node_returned(struct ft_sessions *sessions, const char *node)
{
    ft_central_node_returned(sessions->base.central, node);
    for (EACH_KNOWING(session, sessions, node))
        ft_central_node_returned(session->central, node);
}

void ft_sessions_node_failing(struct ft_sessions *sessions, const char *node, const char *why)
{
    ft_central_node_failing(sessions->base.central, node, why);
    for (EACH_KNOWING(session, sessions, node))
        ft_central_node_failing(session->central, node, why);
}

void ft_sessions_node_suspect(struct ft_sessions *sessions, const char *node,
                              enum ft_suspicion cause, const char *why)
{
    ft_central_node_suspect(sessions->base.central, node, cause, why);
    for (EACH_KNOWING(session, sessions, node))
        ft_central_node_suspect(session->central, node, cause, why);
}

void ft_sessions_node_well(struct ft_sessions *sessions, const char *node, const char *why)
{
    ft_central_node_well(sessions->base.central, node, why);
    for (EACH_KNOWING(session, sessions, node))
        ft_central_node_well(session->central, node, why);
}

void ft_sessions_node_failing_in(struct ft_sessions *sessions, uint64_t number, const char *node,
                                 const char *why)
{
    struct ft_session *session = by_number(sessions, number);

    if (session != NULL)
        ft_central_node_failing(session->central, node, why);
}

int ft_sessions_reconfigure(struct ft_sessions *sessions, const struct ft_central_config *config)
{
    if (ft_central_reconfigure(sessions->base.central, config) < 0)
        return -1;
    sessions->config.central = *config;
    for (struct ft_session *session = sessions->first; session != NULL; session = session->next)
        ft_central_reconfigure(session->central, config);
    return 0;
}

/* ---------------------------------------------------------------- a take-over */

static int restore_session(struct ft_sessions *sessions, uint64_t number, const void *data,
                           size_t n)
{
    Ft__KeptSession *kept = ft__kept_session__unpack(NULL, n, data);
    struct ft_session *session;

    if (kept == NULL || kept->name[0] == '\0' || strlen(kept->name) >= FT_NAME_MAX) {
        if (kept != NULL)
            ft__kept_session__free_unpacked(kept, NULL);
        errno = EBADMSG;
        return -1;
    }
    session = make(sessions, kept->name, number);
    if (session != NULL) {
        session->uid = kept->uid;
        session->pid = kept->pid;
        session->slurm_job = kept->slurm_job;
        set_spares(session, kept->spares);
        ft_text_copy(session->node, sizeof session->node, kept->node);
        /* Its launcher has so long to come over. */
        session->ends_ns = now_ns(sessions) + FT_SESSION_LINGER_MS * NS_PER_MS;
    }
    ft__kept_session__free_unpacked(kept, NULL);
    return session != NULL ? 0 : -1;
}

int ft_sessions_restore(struct ft_sessions *sessions, const char *key, const void *data, size_t n)
{
    struct ft_session *session;
    unsigned long long number;
    char *rest;

    if (strncmp(key, KEY_PREFIX, strlen(KEY_PREFIX)) != 0)
        return ft_central_restore(sessions->base.central, key, data, n);
    number = strtoull(key + strlen(KEY_PREFIX), &rest, 10);
    if (*rest == '\0')
        return restore_session(sessions, number, data, n);
    session = by_number(sessions, number);
    if (session != NULL && *rest == '/')
        return ft_central_restore(session->central, rest + 1, data, n);
    errno = EBADMSG;
    return -1;
}

static struct ft_hostlist *acquired_by(const struct ft_session *session)
{
    const struct ft_node *node = ft_inventory_first(ft_central_inventory(session->central));
    struct ft_hostlist *list = ft_hostlist_create();

    for (; list != NULL && node != NULL; node = node->order_next) {
        if (node->acquired && ft_hostlist_add(list, node->name) < 0)
            ft_log_error("node %s of session %s is not looked after: %s", node->name, session->name,
                         strerror(errno));
    }
    return list;
}

static void session_restored(struct ft_session *session, ft_sessions_taken_fn *taken, void *arg)
{
    struct ft_hostlist *acquired;

    sync(session);
    acquired = acquired_by(session);
    ft_central_restored(session->central);
    for (size_t i = 0; acquired != NULL && i < ft_hostlist_count(acquired); i++) {
        const char *name = ft_hostlist_at(acquired, i);
        const struct ft_node *node =
            ft_inventory_find(ft_central_inventory(session->central), name);

        taken(arg, session->number, name, node != NULL && node->acquired);
    }
    ft_hostlist_destroy(acquired);
}

void ft_sessions_restored(struct ft_sessions *sessions, ft_sessions_taken_fn *taken, void *arg)
{
    ft_central_restored(sessions->base.central);
    for (struct ft_session *session = sessions->first; session != NULL; session = session->next)
        session_restored(session, taken, arg);
}

/* ---------------------------------------------------------------- time */

int64_t ft_sessions_next_deadline_ns(const struct ft_sessions *sessions)
{
    int64_t next_ns = ft_central_next_deadline_ns(sessions->base.central);

    for (const struct ft_session *session = sessions->first; session != NULL;
         session = session->next) {
        int64_t at_ns = ft_central_next_deadline_ns(session->central);

        if (at_ns < next_ns)
            next_ns = at_ns;
        if (session->ends_ns < next_ns)
            next_ns = session->ends_ns;
    }
    return next_ns;
}

void ft_sessions_tick(struct ft_sessions *sessions)
{
    struct ft_session *session = sessions->first;
    int64_t at_ns = now_ns(sessions);

    ft_central_tick(sessions->base.central);
    while (session != NULL) {
        struct ft_session *next = session->next;

        ft_central_tick(session->central);
        if (session->ends_ns <= at_ns)
            end(session, "has ended");
        session = next;
    }
}

void ft_sessions_each(const struct ft_sessions *sessions,
                      void (*visit)(void *arg, const char *name, struct ft_central *central),
                      void *arg)
{
    visit(arg, "", sessions->base.central);
    for (const struct ft_session *session = sessions->first; session != NULL;
         session = session->next)
        visit(arg, session->name, session->central);
}

void ft_sessions_each_on(const struct ft_sessions *sessions, const char *node,
                         void (*visit)(void *arg, uint64_t session), void *arg)
{
    for (const struct ft_session *session = sessions->first; session != NULL;
         session = session->next) {
        if (ft_node_names_equal(session->node, node))
            visit(arg, session->number);
    }
}
