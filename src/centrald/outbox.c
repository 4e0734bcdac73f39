/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * outbox.c - owns what was said and may not leave yet.
 *
 * The reign puts everything through here that others will act upon: answers, orders for modules,
 * news for launchers. Core says things and keeps things within one call; the ledger says later, by
 * a mark, what is safe (book.h). A letter remembers the mark that was the latest when it was
 * written, and leaves when that mark is safe and every letter before it has left: order is part of
 * what is promised.
 *
 *     core --keep--> ledger -----------------> mark 7
 *     core --reply-> outbox [rests on 7] ...
 *                    ledger: safe up to 7 --> the letter leaves
 *
 * If the lead is lost, the outbox is destroyed with its reign and nothing of it is ever heard:
 * askers ask the successor, who knows what was safe.
 */
#include "centrald/outbox.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct letter {
    struct letter *next;
    uint64_t mark;
    ft_outbox_fn send;
    void *arg;
    size_t n;
    max_align_t data[];
};

struct ft_outbox {
    struct letter *first, *last;
    size_t letters_n;
    size_t bytes;
    uint64_t mark; /* that what is said now rests on */
    uint64_t safe;
    bool sending;
};

struct ft_outbox *ft_outbox_create(void)
{
    return calloc(1, sizeof(struct ft_outbox));
}

static struct letter *take_first(struct ft_outbox *outbox)
{
    struct letter *letter = outbox->first;

    outbox->first = letter->next;
    if (outbox->first == NULL)
        outbox->last = NULL;
    outbox->letters_n--;
    outbox->bytes -= letter->n;
    return letter;
}

void ft_outbox_destroy(struct ft_outbox *outbox)
{
    if (outbox == NULL)
        return;
    while (outbox->first != NULL)
        free(take_first(outbox));
    free(outbox);
}

void ft_outbox_rest_on(struct ft_outbox *outbox, uint64_t mark)
{
    if (mark > outbox->mark)
        outbox->mark = mark;
}

/* A letter that is sent may bring about others: they wait for their turn at the end. */
static void send_safe(struct ft_outbox *outbox)
{
    if (outbox->sending)
        return;
    outbox->sending = true;
    while (outbox->first != NULL && outbox->first->mark <= outbox->safe) {
        struct letter *letter = take_first(outbox);

        letter->send(letter->arg, letter->data, letter->n);
        free(letter);
    }
    outbox->sending = false;
}

void ft_outbox_safe(struct ft_outbox *outbox, uint64_t mark)
{
    if (mark > outbox->safe)
        outbox->safe = mark;
    send_safe(outbox);
}

static struct letter *write_letter(const struct ft_outbox *outbox, const void *data, size_t n)
{
    struct letter *letter;

    if (outbox->letters_n >= FT_OUTBOX_LETTERS_MAX || n > FT_OUTBOX_BYTES_MAX - outbox->bytes) {
        errno = ENOBUFS;
        return NULL;
    }
    letter = malloc(sizeof *letter + n);
    if (letter == NULL)
        return NULL;
    memset(letter, 0, sizeof *letter);
    letter->n = n;
    if (n > 0)
        memcpy(letter->data, data, n);
    return letter;
}

int ft_outbox_put(struct ft_outbox *outbox, ft_outbox_fn send, void *arg, const void *data,
                  size_t n)
{
    struct letter *letter;

    if (outbox == NULL ||
        (outbox->first == NULL && !outbox->sending && outbox->mark <= outbox->safe)) {
        send(arg, data, n);
        return 0;
    }
    letter = write_letter(outbox, data, n);
    if (letter == NULL)
        return -1;
    letter->mark = outbox->mark;
    letter->send = send;
    letter->arg = arg;
    if (outbox->last != NULL)
        outbox->last->next = letter;
    else
        outbox->first = letter;
    outbox->last = letter;
    outbox->letters_n++;
    outbox->bytes += n;
    return 0;
}

size_t ft_outbox_waiting(const struct ft_outbox *outbox)
{
    return outbox != NULL ? outbox->letters_n : 0;
}
