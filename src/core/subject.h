/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * subject.h - what alternatives are asked for: a resource, and who is in its place now.
 */
#ifndef FT_CORE_SUBJECT_H
#define FT_CORE_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/inventory.h"
#include "core/jobs.h"
#include "ft.h"

#define FT_SUBJECTS_MAX 8192
#define FT_DEATHS_MAX 3 /* so often on one node within FT_DEATHS_WITHIN_NS: no more repair there */
#define FT_DEATHS_WITHIN_NS (60 * INT64_C(1000000000))
#define FT_OWN_ENDS_MAX 6 /* in a row: the program ends them, wherever they run */
#define FT_OWN_END_SOON_NS (10 * INT64_C(1000000000)) /* after it had announced itself */
#define FT_USAGES (FT_RELEASE + 1)

struct ft_decision;
struct ft_subject_name;

/* How often one usage of it was reported as failing. */
struct ft_reported {
    uint64_t event;   /* entry of the event log */
    uint64_t count;
    int64_t last_ns;
    uint32_t epoch;
};

/* A resource and its stand-ins, one after the other. Read by all of core. */
struct ft_subject {
    ftResource_t resource;  /* as it was asked for; a rank's job is always named */
    char text[FT_TEXT_MAX]; /* for people: "rank 2 of job J" */

    struct ft_node *place;  /* the node it is on, or its latest stand-in; NULL: not known */
    struct ft_subject_name *names; /* its own, and those of its stand-ins; the latest one first */
    bool ended;             /* its process (or its latest stand-in's) has ended */
    ftEnd_t how;
    int code;
    int64_t ended_ns;
    struct {
        const struct ft_node *node;
        int64_t at_ns;
    } deaths[FT_DEATHS_MAX]; /* the latest ones */
    unsigned deaths_n;
    unsigned own_ends;      /* latest stand-ins, in a row, that ended by themselves, and soon */

    uint32_t epoch;              /* alternatives that it has had */
    struct ft_decision *current; /* the one that holds, NULL if none */
    struct ft_decision *pending; /* the one under way, NULL if none */
    struct ft_reported reported[FT_USAGES];
    int64_t doubted_ns;          /* an error with what is in its place now was reported then; 0: none */
    struct ft_subject *next, *previous;
};

struct ft_subjects;

struct ft_subjects *ft_subjects_create(struct ft_inventory *inventory, struct ft_jobs *jobs);
void ft_subjects_destroy(struct ft_subjects *subjects);

/* Finds the subject that a resource is (or stands in for), NULL if it is none yet. asker_job: for
 * ranks that name no job. asker_node: tells which end of a link is the far one. */
struct ft_subject *ft_subjects_find(struct ft_subjects *subjects, const ftResource_t *resource,
                                    const char *asker_job, const char *asker_node);

/* Finds or makes. NULL with errno ENOMEM, EINVAL (a resource that cannot be) or ENOBUFS. */
struct ft_subject *ft_subjects_get(struct ft_subjects *subjects, const ftResource_t *resource,
                                   const char *asker_job, const char *asker_node);

/* Forgets a subject; its decisions must be gone. */
void ft_subjects_forget(struct ft_subjects *subjects, struct ft_subject *subject);

struct ft_subject *ft_subjects_first(const struct ft_subjects *subjects); /* then ->next */
struct ft_subject *ft_subjects_oldest_idle(const struct ft_subjects *subjects);

/* Its names, the oldest (its own) first; at most `max`. Returns how many it has. */
size_t ft_subject_names(const struct ft_subject *subject, const char **names, size_t max);
/* By any of its names; NULL. */
struct ft_subject *ft_subjects_by_name(const struct ft_subjects *subjects, const char *name);

/* Looks again where it is, if that was not known. */
void ft_subject_locate(struct ft_subjects *subjects, struct ft_subject *subject);

/* The subject whose latest occupant is this rank, NULL if none. */
struct ft_subject *ft_subjects_of_rank(struct ft_subjects *subjects, const char *job, int rank);

/* The subject that has this rank among its names, NULL if none. */
struct ft_subject *ft_subjects_of_name(struct ft_subjects *subjects, const char *job, int rank);

/* A rank of another job (or a spare of the same) is in its place from now on. Returns 0, or -1 with errno ENOMEM. */
int ft_subject_occupy(struct ft_subjects *subjects, struct ft_subject *subject, const char *job,
                      int rank, struct ft_node *node);

/* The latest occupant's process ended. */
void ft_subject_end(struct ft_subject *subject, ftEnd_t how, int code, int64_t now_ns);

/* Whether it is known to be lost; since when, and how that is known, in words. */
bool ft_subject_is_lost(const struct ft_subject *subject, int64_t *since_ns, char *text,
                        size_t size);

/* Whether there is any news to wait for: an unknown or living process or node. */
bool ft_subject_may_be_lost(const struct ft_subject *subject);

/* Its stand-in ended, which ran since then (0: it never did): was it the program's own doing? A kill from
 * without, or the loss of its node, is not. */
void ft_subject_judge_end(struct ft_subject *subject, int64_t ran_ns);
/* Have its stand-ins ended so often by themselves that another one would, too? For a minute. */
bool ft_subject_ends_itself(const struct ft_subject *subject, int64_t now_ns);

/* How often it died on a node lately. */
unsigned ft_subject_deaths(const struct ft_subject *subject, const struct ft_node *node,
                           int64_t now_ns);

#endif
