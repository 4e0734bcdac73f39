/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_search.c - finding the processes that keep a rank's state, or can.
 *
 * Nobody writes down where a rank's state is: it would have to be as safe as the state itself. It
 * is with the first process in the rank's order of partners (keep_partner.c) that lived and took
 * it, and the order is known to all. So whoever wants it goes along the order, passes over the
 * dead, and asks the first FTM_KEEP_ASKED_MAX that live. All of them, also after one has it: a
 * partner that did not answer for a while may have an older commit than the one after it.
 *
 * A rank whose process was replaced is asked in its replacement, which has the next epoch in the
 * directory.
 *
 * Called by the sender's thread (keep_sender.c) and by whoever fetches (keep.c).
 */
#include "config.h"

#include "keep_search.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gone.h"

#define EPOCHS_MAX 1024 /* replacements of one rank that are looked for in one go */
#define GAP_MAX 4       /* of them, one after the other, that died before they came to FTMPI_Keep */

int ftm_keep_call(const struct ftm_keep_who *who, int rank, int stop_fd, struct ftm_keep_line *line,
                  pmix_proc_t *proc, int64_t deadline_ns)
{
    struct ftm_keep_card card;
    uint32_t first = ftm_keep_known_epoch(rank);
    int error = ENOENT, missing = 0;

    *line = FTM_KEEP_NO_LINE;
    for (uint32_t epoch = first; epoch - first < EPOCHS_MAX; epoch++) {
        enum ftm_keep_found found = ftm_keep_find(who, rank, epoch, &card, proc, deadline_ns);

        if (found == FTM_KEEP_FOUND) {
            if (ftm_keep_line_open(line, &card, stop_fd, deadline_ns) == 0)
                return 0;
            error = errno;
            if (error == ECANCELED)
                break;
            missing = 0;
        } else if (found == FTM_KEEP_GONE) {
            error = ECONNREFUSED;
            missing = 0;
        } else if (found == FTM_KEEP_NO_ANSWER) {
            error = ETIMEDOUT;
            break;
        } else if (++missing > GAP_MAX || (epoch == 0 && !ftm_keep_first_is_gone(who, rank))) {
            break; /* there are no more: `error` says what became of the last one */
        } else if (epoch == 0) {
            error = ECONNREFUSED;
        }
    }
    errno = error;
    return -1;
}

/* ---------------------------------------------------------------- asking around */

struct survey {
    const struct ftm_keep_who *who;
    int rank;
    struct ftm_keep_offer *offers;
    int n, asked;
    bool is_stale;
    char names[256]; /* of those asked */
};

/* Only the rank's own process says who it is: older ones are refused from then on. */
static uint32_t speaker(const struct ftm_keep_who *who, int rank)
{
    return rank == who->rank ? who->epoch : FTM_KEEP_NOBODY;
}

static void note_asked(struct survey *survey, int holder, const char *node)
{
    size_t at = strlen(survey->names);

    survey->asked++;
    snprintf(survey->names + at, sizeof survey->names - at, "%srank %d on %s",
             at > 0 ? ", " : "", holder, node);
}

static void ask(struct survey *survey, int holder, int64_t deadline_ns)
{
    struct ftm_keep_frame found[FTM_KEEP_GENERATIONS];
    struct ftm_keep_line line;
    pmix_proc_t proc;
    int n;

    if (ftm_keep_call(survey->who, holder, -1, &line, &proc, deadline_ns) != 0)
        return;
    n = ftm_keep_line_list(&line, survey->rank, speaker(survey->who, survey->rank), found,
                           deadline_ns);
    survey->is_stale |= n < 0 && errno == ESTALE;
    if (n >= 0)
        note_asked(survey, holder, line.node);
    for (int i = 0; i < n; i++) {
        struct ftm_keep_offer *offer = &survey->offers[survey->n++];

        offer->image = found[i];
        offer->holder = holder;
        memcpy(offer->node, line.node, sizeof offer->node);
    }
    ftm_keep_line_close(&line);
}

static int newest_first(const void *a, const void *b)
{
    const struct ftm_keep_frame *x = &((const struct ftm_keep_offer *) a)->image;
    const struct ftm_keep_frame *y = &((const struct ftm_keep_offer *) b)->image;

    if (x->epoch != y->epoch)
        return x->epoch > y->epoch ? -1 : 1;
    return x->serial == y->serial ? 0 : x->serial > y->serial ? -1 : 1;
}

int ftm_keep_survey(const struct ftm_keep_who *who, const struct ftm_keep_places *places, int rank,
                    struct ftm_keep_offer offers[FTM_KEEP_OFFERS_MAX], int64_t deadline_ns,
                    char *why, size_t size)
{
    struct survey survey = {.who = who, .rank = rank, .offers = offers};
    int *order = calloc((size_t) who->n, sizeof *order);

    if (!order || ftm_keep_places_order(places, rank, order) != 0) {
        free(order);
        errno = ENOMEM;
        return -1;
    }
    for (int i = 0; i < who->n - 1 && survey.asked < FTM_KEEP_ASKED_MAX && !survey.is_stale
                    && ftm_now_ns() < deadline_ns; i++)
        ask(&survey, order[i], deadline_ns);
    free(order);
    if (survey.is_stale) {
        snprintf(why, size, "another process has taken the place of rank %d of job %s", rank,
                 who->job);
        errno = ESTALE;
        return -1;
    }
    if (survey.n == 0)
        snprintf(why, size,
                 "nobody who lives keeps state of rank %d of job %s: it has not committed any, or "
                 "was lost together with its partner. Asked: %s",
                 rank, who->job,
                 survey.asked > 0 ? survey.names : "nobody, none of the others serves");
    qsort(offers, (size_t) survey.n, sizeof *offers, newest_first);
    return survey.n;
}

/* ---------------------------------------------------------------- fetching */

static struct ftm_keep_image *fetch(const struct ftm_keep_who *who,
                                    const struct ftm_keep_offer *offer, int64_t deadline_ns,
                                    char *why, size_t size)
{
    struct ftm_keep_image *image = NULL;
    struct ftm_keep_line line;
    char damaged[FTM_KEEP_NAME_MAX];
    pmix_proc_t proc;

    if (ftm_keep_call(who, offer->holder, -1, &line, &proc, deadline_ns) == 0) {
        image = ftm_keep_line_get(&line, &offer->image, speaker(who, offer->image.rank), damaged,
                                  deadline_ns);
        ftm_keep_line_close(&line);
    }
    if (!image && errno == EILSEQ)
        snprintf(why, size,
                 "version %d of rank %d, kept by rank %d on %s, is damaged: the checksum of \"%s\" "
                 "is wrong",
                 offer->image.version, offer->image.rank, offer->holder, offer->node, damaged);
    else if (!image)
        snprintf(why, size, "version %d of rank %d could not be fetched from rank %d on %s: %s",
                 offer->image.version, offer->image.rank, offer->holder, offer->node,
                 strerror(errno));
    return image;
}

struct ftm_keep_image *ftm_keep_search(const struct ftm_keep_who *who,
                                       const struct ftm_keep_places *places, int rank, int version,
                                       int64_t deadline_ns, char *why, size_t size)
{
    struct ftm_keep_offer offers[FTM_KEEP_OFFERS_MAX];
    int n = ftm_keep_survey(who, places, rank, offers, deadline_ns, why, size), error = ENOENT;
    bool was_tried = false;

    if (n < 0)
        return NULL;
    for (int i = 0; i < n; i++) {
        struct ftm_keep_image *image;

        if (version != FTM_KEEP_LATEST && offers[i].image.version != version)
            continue;
        image = fetch(who, &offers[i], deadline_ns, why, size);
        if (image)
            return image;
        if (error != EILSEQ) /* that of all reasons people should hear of */
            error = errno;
        was_tried = true;
    }
    if (n > 0 && !was_tried)
        snprintf(why, size,
                 "version %d of rank %d is not kept (any more); the newest is version %d", version,
                 rank, offers[0].image.version);
    errno = error;
    return NULL;
}
