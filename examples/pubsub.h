/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pubsub.h - what pubsub's three files share.
 */
#ifndef PUBSUB_H
#define PUBSUB_H

#include <stddef.h>

#include "ft.h"
#include "ftmpi.h"

#define SOURCES_MAX 256 /* publishers of one subscriber */
#define LOSSES_MAX 16   /* losses that one publisher describes; later ones only count */
#define SEQ_END (-1L)   /* a message that is none: the publisher's last word */

enum { TAG_MESSAGE = 1, TAG_ACK, TAG_DONE, TAG_ALL_DONE };

struct options {
    int publishers;
    long messages;       /* of each publisher */
    size_t size;         /* bytes of a message, its head included */
    long window;         /* messages on their way to one subscriber */
    double interval_s;   /* between two messages to one subscriber */
    const char *records; /* folder that all nodes see */
    const char *ladder, *when_none; /* policy of its requests; NULL: as ft.conf says */
    int sync;            /* 1: each record is on disk before it is acknowledged */
    const char *slow_until; /* a file; NULL: none */
};

/* Both name the epoch that they are for: 0 is the subscriber itself, E its E'th stand-in. What
 * comes from another epoch is a late word of one that was replaced, and is dropped. */
struct message { /* the head; opt.size bytes in all */
    int publisher;
    unsigned epoch;
    long seq;
};

struct ack {
    unsigned epoch;
    int duplicate; /* the subscriber, or the one it stands in for, had it already */
    long seq;
};

struct loss {
    int subscriber, attempts, in_job;
    int planned; /* its node was going down: it was left before it was lost */
    int given_up; /* there was no alternative: its publisher went on without it */
    long resent;
    unsigned long long decision;
    double error_seen_s, first_ack_s; /* since 1970 */
    double report_ms, ask_ms, decide_ms, probe_ms, claim_ms, start_ms;
    char lost_node[FT_NAME_MAX], alternative[FT_NAME_MAX];
    int rung;
};

struct totals { /* of one publisher */
    int publisher, died, failed, losses_n;
    long sent, acked, resent, duplicates, out_of_order, late;
    long undelivered; /* to subscribers that were given up */
    int given_up_n;
    struct {
        int subscriber;
        long from;    /* all messages from this one on were not delivered */
    } given_up[LOSSES_MAX];
    struct loss losses[LOSSES_MAX];
};

/* pubsub_subscriber.c: receives until all publishers have said their last word. Returns 0 if
 * everything could be written down. */
int subscribe(const struct options *opt, const FTMPI_Standin_t *me, int rank);

/* The rest is pubsub_records.c. */
double now_s(void);
void nap(void);
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the job, with a message by rank 0, if the arguments are unusable. `size` 0: a stand-in. */
void options_read(struct options *opt, int argc, char **argv, int size, int rank);

void loss_describe(struct loss *loss, const ftReply_t *reply);

/* What one subscriber received: DIR/received.RANK.EPOCH, a line "publisher seq ." a message. A
 * stand-in takes over from those before it publisher by publisher, when it hears from each for the
 * first time, and writes "publisher N taken": all before N. What those before it write down of that
 * publisher later does not count: it was not acknowledged, and was sent to the stand-in again. */
struct records;
struct records *records_open(const struct options *opt, int rank, int epoch);
int records_have(struct records *records, const struct message *message);
void records_write(struct records *records, const struct message *message);
int records_close(struct records *records); /* 0, or 1 if something could not be written */

/* DIR/progress.PUBLISHER, ten times a second, and of publisher 0 a line on stderr, twice. */
void progress(const struct options *opt, const struct totals *totals, int subscribers);
/* The end: one line of each publisher, one JSON line of publisher 0, DIR/published.PUBLISHER.
 * What was not delivered because its subscriber was given up counts as accounted for. Returns 1 if
 * anything else was not acknowledged exactly once. */
int account(const struct options *opt, const struct totals *mine, const struct totals all[],
            int subscribers);

#endif
