/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scribe.c - owns a reign's outbox and its numbers, and holds the book and the event log for it.
 *
 * Called by reign.c on core's behalf (env.keep, env.number, env.log) and by those parts that say
 * something to others (ft_scribe_out). What passes through: records on their way to the ledger,
 * events on their way to the log, letters on their way to the outbox.
 *
 * What is kept and what is said come from core within one call. What is said is let out when what
 * was kept is safe: _keep moves the outbox's mark, everything that others act upon goes through the
 * outbox. A job's own central unit has no ledger and no outbox.
 *
 * Three states: mute while the reign is being restored, so that reading a record does not keep it
 * again; then speaking; mute again for good once the lead is lost.
 */
#include "centrald/scribe.h"

#include <errno.h>
#include <stdlib.h>

#include "wire/kept.pb-c.h"

#define EVENTS_AT_ONCE 1024   /* numbers that are kept as given out before they are */
#define DECISIONS_AT_ONCE 64

struct ft_scribe {
    struct ft_book *book;
    struct ft_events *events;
    struct ft_outbox *outbox;
    uint64_t numbers[FT_NUMBERS];
    uint64_t numbers_upto[FT_NUMBERS]; /* kept: given out at the most */
    bool mute;
};

struct ft_scribe *ft_scribe_create(struct ft_book *book, struct ft_events *events, uint64_t term)
{
    struct ft_scribe *scribe = calloc(1, sizeof *scribe);

    if (scribe == NULL)
        return NULL;
    scribe->book = book;
    scribe->events = events;
    scribe->mute = true;
    if (book == NULL)
        return scribe;
    /* Below what any predecessor's may be. */
    scribe->numbers[FT_NUMBER_PROBE] = scribe->numbers[FT_NUMBER_ACQUIRE] = term << 32;
    scribe->outbox = ft_outbox_create();
    if (scribe->outbox != NULL)
        return scribe;
    free(scribe);
    errno = ENOMEM;
    return NULL;
}

void ft_scribe_destroy(struct ft_scribe *scribe)
{
    if (scribe == NULL)
        return;
    ft_outbox_destroy(scribe->outbox);
    free(scribe);
}

void ft_scribe_begin(struct ft_scribe *scribe)
{
    scribe->mute = false;
}

void ft_scribe_hush(struct ft_scribe *scribe)
{
    scribe->mute = true;
}

bool ft_scribe_is_mute(const struct ft_scribe *scribe)
{
    return scribe->mute;
}

/* ---------------------------------------------------------------- the ledger */

void ft_scribe_keep(struct ft_scribe *scribe, const char *key, const void *data, size_t n)
{
    if (scribe->book == NULL || scribe->mute)
        return;
    ft_book_put(scribe->book, key, data, n);
    ft_outbox_rest_on(scribe->outbox, ft_book_mark(scribe->book));
}

int ft_scribe_out(struct ft_scribe *scribe, ft_outbox_fn send, void *arg, const void *data,
                  size_t n)
{
    if (!scribe->mute)
        return ft_outbox_put(scribe->outbox, send, arg, data, n);
    errno = ECANCELED;
    return -1;
}

void ft_scribe_safe(struct ft_scribe *scribe, uint64_t mark)
{
    if (!scribe->mute)
        ft_outbox_safe(scribe->outbox, mark);
}

struct ft_outbox *ft_scribe_outbox(const struct ft_scribe *scribe)
{
    return scribe->outbox;
}

/* ---------------------------------------------------------------- numbers, the log */

static void keep_numbers(struct ft_scribe *scribe)
{
    Ft__KeptNumbers kept = FT__KEPT_NUMBERS__INIT;
    uint8_t bytes[16 * FT_NUMBERS] = {0};
    size_t n;

    kept.n_upto = FT_NUMBERS;
    kept.upto = scribe->numbers_upto;
    n = ft__kept_numbers__pack(&kept, bytes);
    ft_scribe_keep(scribe, FT_SCRIBE_KEY, bytes, n);
}

int ft_scribe_restore(struct ft_scribe *scribe, const void *data, size_t n)
{
    Ft__KeptNumbers *kept = ft__kept_numbers__unpack(NULL, n, data);

    if (kept == NULL) {
        errno = EBADMSG;
        return -1;
    }
    for (size_t i = 0; i < FT_NUMBERS && i < kept->n_upto; i++) {
        if (kept->upto[i] > scribe->numbers[i])
            scribe->numbers[i] = scribe->numbers_upto[i] = kept->upto[i];
    }
    ft__kept_numbers__free_unpacked(kept, NULL);
    return 0;
}

/* Numbers are kept as given out some time before they are: one record for many. Those of probes and
 * acquires need only differ from a predecessor's. */
uint64_t ft_scribe_number(struct ft_scribe *scribe, enum ft_number what)
{
    uint64_t ahead = what == FT_NUMBER_EVENT ? EVENTS_AT_ONCE : DECISIONS_AT_ONCE;
    bool is_kept = what == FT_NUMBER_EVENT || what == FT_NUMBER_DECISION;
    uint64_t number = ++scribe->numbers[what];

    if (is_kept && number + ahead / 2 > scribe->numbers_upto[what]) {
        scribe->numbers_upto[what] = number + ahead;
        keep_numbers(scribe);
    }
    return number;
}

uint64_t ft_scribe_events_n(const struct ft_scribe *scribe)
{
    return scribe->numbers[FT_NUMBER_EVENT];
}

void ft_scribe_log(struct ft_scribe *scribe, const struct ft_event *event)
{
    if (!scribe->mute)
        ft_events_write(scribe->events, event);
}
