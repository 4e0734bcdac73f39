/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * subject.c - what alternatives are asked for: a resource, and who is in its place now.
 *
 * "Rank 2 of job J" is one subject, whoever asks and however often it had to be replaced. When a
 * stand-in announces itself, it becomes the subject's latest occupant: the place moves to its node,
 * and its rank in its own job becomes another name of the subject, so that its death is the death
 * of the subject again, and asking for either name asks for the same thing.
 *
 * Names are texts ("r2@J", "n/n3") in one hash. Subjects are made when an error is reported or an
 * alternative is asked for, and go with their job; how many there are is bounded.
 */
#include "core/subject.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define BUCKETS 4096
#define NAME_MAX_BYTES (2 * FT_NAME_MAX + 32)

struct ft_subject_name {
    char *text;
    struct ft_subject *subject;
    struct ft_subject_name *older;     /* of the same subject */
    struct ft_subject_name *hash_next;
};

struct ft_subjects {
    struct ft_inventory *inventory;
    struct ft_jobs *jobs;
    struct ft_subject_name *by_name[BUCKETS];
    struct ft_subject *first, *last; /* in the order they were made */
    size_t n;
};

static size_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u;

    while (*text != '\0')
        hash = (hash ^ (unsigned char) *text++) * 16777619u;
    return hash % BUCKETS;
}

struct ft_subjects *ft_subjects_create(struct ft_inventory *inventory, struct ft_jobs *jobs)
{
    struct ft_subjects *subjects = calloc(1, sizeof *subjects);

    if (subjects != NULL) {
        subjects->inventory = inventory;
        subjects->jobs = jobs;
    }
    return subjects;
}

void ft_subjects_destroy(struct ft_subjects *subjects)
{
    if (subjects == NULL)
        return;
    while (subjects->first != NULL)
        ft_subjects_forget(subjects, subjects->first);
    free(subjects);
}

/* ---------------------------------------------------------------- names */

static struct ft_subject_name *find_name(const struct ft_subjects *subjects, const char *text)
{
    struct ft_subject_name *name = subjects->by_name[hash_of(text)];

    while (name != NULL && strcmp(name->text, text) != 0)
        name = name->hash_next;
    return name;
}

static struct ft_subject_name *make_name(const char *text)
{
    struct ft_subject_name *name = calloc(1, sizeof *name);

    if (name == NULL)
        return NULL;
    name->text = strdup(text);
    if (name->text == NULL) {
        free(name);
        return NULL;
    }
    return name;
}

static void link_name(struct ft_subjects *subjects, struct ft_subject *subject,
                      struct ft_subject_name *name)
{
    struct ft_subject_name **bucket = &subjects->by_name[hash_of(name->text)];

    name->subject = subject;
    name->hash_next = *bucket;
    *bucket = name;
    name->older = subject->names;
    subject->names = name;
}

static void drop_name(struct ft_subjects *subjects, struct ft_subject_name *name)
{
    struct ft_subject_name **link = &subjects->by_name[hash_of(name->text)];

    while (*link != name)
        link = &(*link)->hash_next;
    *link = name->hash_next;
    free(name->text);
    free(name);
}

static void rank_name(const char *job, int64_t rank, char *text)
{
    snprintf(text, NAME_MAX_BYTES, "r%lld@%s", (long long) rank, job);
}

/* Brings a resource into the form that a subject has: the job of a rank filled in, the process of a
 * known rank turned into that rank, the far end of a link as its node. False if it cannot be. */
static bool normalise(struct ft_subjects *subjects, const ftResource_t *from, const char *asker_job,
                      const char *asker_node, ftResource_t *resource)
{
    struct ft_process *process;
    struct ft_node *node;

    *resource = *from;
    if (from->error != FT_OK)
        return false;
    if (from->kind == FT_RANK) {
        if (resource->job[0] == '\0')
            ft_text_copy(resource->job, sizeof resource->job, asker_job);
        return resource->job[0] != '\0' && resource->number >= 0 && resource->number <= FT_RANK_MAX;
    }
    if (resource->node[0] == '\0')
        return false;
    node = ft_inventory_find(subjects->inventory, resource->node);
    if (node != NULL)
        ft_text_copy(resource->node, sizeof resource->node, node->name);
    if (from->kind == FT_PROCESS && node != NULL) {
        process = ft_jobs_process_by_pid(node, from->number);
        if (process != NULL) {
            memset(resource, 0, sizeof *resource);
            resource->kind = FT_RANK;
            resource->number = process->rank;
            ft_text_copy(resource->job, sizeof resource->job, process->job->name);
        }
    }
    if (from->kind == FT_LINK && asker_node != NULL && asker_node[0] != '\0' &&
        node != NULL && ft_inventory_find(subjects->inventory, asker_node) == node) {
        ft_text_copy(resource->node, sizeof resource->node, from->name);
        ft_text_copy(resource->name, sizeof resource->name, node->name);
    }
    return true;
}

static void name_of(const ftResource_t *resource, char *text)
{
    switch (resource->kind) {
    case FT_RANK:
        rank_name(resource->job, resource->number, text);
        return;
    case FT_NODE:
        snprintf(text, NAME_MAX_BYTES, "n/%s", resource->node);
        return;
    case FT_PROCESS:
        snprintf(text, NAME_MAX_BYTES, "p%lld/%s", (long long) resource->number, resource->node);
        return;
    case FT_DEVICE:
        snprintf(text, NAME_MAX_BYTES, "d/%s/%s", resource->node, resource->name);
        return;
    case FT_LINK:
        snprintf(text, NAME_MAX_BYTES, "l/%s/%s", resource->node, resource->name);
        return;
    case FT_STORAGE:
        snprintf(text, NAME_MAX_BYTES, "s/%s/%s", resource->node, resource->name);
        return;
    }
    text[0] = '\0';
}

static void describe(const ftResource_t *resource, char *text, size_t size)
{
    switch (resource->kind) {
    case FT_RANK:
        snprintf(text, size, "rank %lld of job %.255s", (long long) resource->number,
                 resource->job);
        return;
    case FT_NODE:
        snprintf(text, size, "node %.255s", resource->node);
        return;
    case FT_PROCESS:
        snprintf(text, size, "process %lld of node %s", (long long) resource->number,
                 resource->node);
        return;
    case FT_DEVICE:
        snprintf(text, size, "device %.230s of node %.230s", resource->name, resource->node);
        return;
    case FT_LINK:
        snprintf(text, size, "the link between %.230s and %.230s", resource->node, resource->name);
        return;
    case FT_STORAGE:
        snprintf(text, size, "storage %.230s of node %.230s", resource->name, resource->node);
        return;
    }
    snprintf(text, size, "a resource of unknown kind %d", (int) resource->kind);
}

/* ---------------------------------------------------------------- finding and making */

struct ft_subject *ft_subjects_find(struct ft_subjects *subjects, const ftResource_t *resource,
                                    const char *asker_job, const char *asker_node)
{
    ftResource_t normal;
    char text[NAME_MAX_BYTES];
    struct ft_subject_name *name;

    if (!normalise(subjects, resource, asker_job, asker_node, &normal))
        return NULL;
    name_of(&normal, text);
    name = find_name(subjects, text);
    return name != NULL ? name->subject : NULL;
}

struct ft_subject *ft_subjects_get(struct ft_subjects *subjects, const ftResource_t *resource,
                                   const char *asker_job, const char *asker_node)
{
    char text[NAME_MAX_BYTES];
    ftResource_t normal;
    struct ft_subject_name *name;
    struct ft_subject *subject;

    if (!normalise(subjects, resource, asker_job, asker_node, &normal)) {
        errno = EINVAL;
        return NULL;
    }
    name_of(&normal, text);
    if (text[0] == '\0') {
        errno = EINVAL;
        return NULL;
    }
    name = find_name(subjects, text);
    if (name != NULL)
        return name->subject;
    if (subjects->n >= FT_SUBJECTS_MAX) {
        errno = ENOBUFS;
        return NULL;
    }
    subject = calloc(1, sizeof *subject);
    name = make_name(text);
    if (subject == NULL || name == NULL) {
        free(subject);
        if (name != NULL)
            free(name->text);
        free(name);
        errno = ENOMEM;
        return NULL;
    }
    subject->resource = normal;
    describe(&normal, subject->text, sizeof subject->text);
    link_name(subjects, subject, name);
    subject->previous = subjects->last;
    if (subjects->last != NULL)
        subjects->last->next = subject;
    else
        subjects->first = subject;
    subjects->last = subject;
    subjects->n++;
    ft_subject_locate(subjects, subject);
    return subject;
}

void ft_subject_locate(struct ft_subjects *subjects, struct ft_subject *subject)
{
    struct ft_process *process;

    if (subject->place != NULL)
        return;
    if (subject->resource.kind != FT_RANK) {
        subject->place = ft_inventory_find(subjects->inventory, subject->resource.node);
        return;
    }
    process = ft_jobs_process(subjects->jobs, subject->resource.job,
                              (int) subject->resource.number);
    if (process == NULL)
        return;
    subject->place = process->node;
    if (process->ended)
        ft_subject_end(subject, process->how, process->code, process->ended_ns);
}

void ft_subjects_forget(struct ft_subjects *subjects, struct ft_subject *subject)
{
    while (subject->names != NULL) {
        struct ft_subject_name *name = subject->names;

        subject->names = name->older;
        drop_name(subjects, name);
    }
    if (subject->previous != NULL)
        subject->previous->next = subject->next;
    else
        subjects->first = subject->next;
    if (subject->next != NULL)
        subject->next->previous = subject->previous;
    else
        subjects->last = subject->previous;
    subjects->n--;
    free(subject);
}

size_t ft_subject_names(const struct ft_subject *subject, const char **names, size_t max)
{
    size_t n = 0, at;

    for (const struct ft_subject_name *name = subject->names; name != NULL; name = name->older)
        n++;
    at = n;
    for (const struct ft_subject_name *name = subject->names; name != NULL; name = name->older) {
        if (--at < max)
            names[at] = name->text;
    }
    return n;
}

struct ft_subject *ft_subjects_by_name(const struct ft_subjects *subjects, const char *name)
{
    struct ft_subject_name *found = find_name(subjects, name);

    return found != NULL ? found->subject : NULL;
}

struct ft_subject *ft_subjects_first(const struct ft_subjects *subjects)
{
    return subjects->first;
}

struct ft_subject *ft_subjects_oldest_idle(const struct ft_subjects *subjects)
{
    struct ft_subject *subject = subjects->first;

    while (subject != NULL && (subject->current != NULL || subject->pending != NULL ||
                               subject->epoch > 0))
        subject = subject->next;
    return subject;
}

struct ft_subject *ft_subjects_of_rank(struct ft_subjects *subjects, const char *job, int rank)
{
    char text[NAME_MAX_BYTES];
    struct ft_subject_name *name;

    rank_name(job, rank, text);
    name = find_name(subjects, text);
    return name != NULL && name->subject->names == name ? name->subject : NULL;
}

struct ft_subject *ft_subjects_of_name(struct ft_subjects *subjects, const char *job, int rank)
{
    char text[NAME_MAX_BYTES];

    rank_name(job, rank, text);
    return ft_subjects_by_name(subjects, text);
}

/* ---------------------------------------------------------------- its life */

int ft_subject_occupy(struct ft_subjects *subjects, struct ft_subject *subject, const char *job,
                      int rank, struct ft_node *node)
{
    char text[NAME_MAX_BYTES];
    struct ft_subject_name *name;
    struct ft_process *process;

    rank_name(job, rank, text);
    if (find_name(subjects, text) != NULL) {
        errno = EEXIST;
        return -1;
    }
    name = make_name(text);
    if (name == NULL) {
        errno = ENOMEM;
        return -1;
    }
    link_name(subjects, subject, name);
    subject->place = node;
    subject->ended = false;
    process = ft_jobs_process(subjects->jobs, job, rank);
    if (process != NULL && process->ended)
        ft_subject_end(subject, process->how, process->code, process->ended_ns);
    return 0;
}

void ft_subject_end(struct ft_subject *subject, ftEnd_t how, int code, int64_t now_ns)
{
    if (subject->ended)
        return;
    subject->ended = true;
    subject->how = how;
    subject->code = code;
    subject->ended_ns = now_ns;
    if (how == FT_ENDED_WELL || how == FT_ENDED_WITH_NODE)
        return;
    subject->deaths[subject->deaths_n % FT_DEATHS_MAX].node = subject->place;
    subject->deaths[subject->deaths_n % FT_DEATHS_MAX].at_ns = now_ns;
    subject->deaths_n++;
}

static bool is_own_doing(const struct ft_subject *subject)
{
    return subject->how == FT_ENDED_CODE || subject->how == FT_ENDED_ABORT
           || (subject->how == FT_ENDED_SIGNAL && subject->code != SIGKILL
               && subject->code != SIGTERM);
}

void ft_subject_judge_end(struct ft_subject *subject, int64_t ran_ns)
{
    bool is_own = subject->ended && ran_ns != 0 && is_own_doing(subject)
                  && subject->ended_ns - ran_ns < FT_OWN_END_SOON_NS;

    subject->own_ends = is_own ? subject->own_ends + 1 : 0;
}

bool ft_subject_ends_itself(const struct ft_subject *subject, int64_t now_ns)
{
    return subject->own_ends >= FT_OWN_ENDS_MAX
           && now_ns - subject->ended_ns < FT_DEATHS_WITHIN_NS;
}

static bool node_is_gone(const struct ft_node *node, char *text, size_t size)
{
    if (node->state == FT_NODE_IS_LOST)
        snprintf(text, size, "node %s is lost%s%s", node->name,
                 node->state_text != NULL ? ": " : "",
                 node->state_text != NULL ? node->state_text : "");
    else if (node->state == FT_NODE_IS_LEFT)
        snprintf(text, size, "the launcher's daemon on node %s was ended in order", node->name);
    else
        return false;
    return true;
}

bool ft_subject_is_lost(const struct ft_subject *subject, int64_t *since_ns, char *text,
                        size_t size)
{
    char how[160];

    if (subject->place == NULL)
        return false;
    if (node_is_gone(subject->place, text, size)) {
        *since_ns = subject->place->state_ns;
        return true;
    }
    /* Lost with its node, says the launcher; of the node itself it will speak at once. */
    if (!subject->ended || subject->how == FT_ENDED_WITH_NODE)
        return false;
    ft_jobs_end_text(subject->how, subject->code, how, sizeof how);
    snprintf(text, size, "its process %s while node %s lives", how, subject->place->name);
    *since_ns = subject->ended_ns;
    return true;
}

bool ft_subject_may_be_lost(const struct ft_subject *subject)
{
    if (subject->place == NULL)
        return true;
    return subject->resource.kind != FT_DEVICE && subject->resource.kind != FT_STORAGE;
}

unsigned ft_subject_deaths(const struct ft_subject *subject, const struct ft_node *node,
                           int64_t now_ns)
{
    unsigned n = 0;

    for (unsigned i = 0; i < FT_DEATHS_MAX && i < subject->deaths_n; i++) {
        if (subject->deaths[i].node == node &&
            now_ns - subject->deaths[i].at_ns <= FT_DEATHS_WITHIN_NS)
            n++;
    }
    return n;
}
