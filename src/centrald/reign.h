/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reign.h - everything that a central unit has only while it leads: core's minds, with hands and
 * ears.
 *
 * A job's own central unit has one reign, which lasts as long as the program and keeps nothing. A
 * system's has one each time that this voter leads: made from the ledger, gone with the lead.
 */
#ifndef FT_CENTRALD_REIGN_H
#define FT_CENTRALD_REIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <uv.h>

#include "centrald/book.h"
#include "centrald/events.h"
#include "centrald/parts.h"
#include "core/env.h"
#include "core/plan.h"
#include "net/link.h"
#include "net/udp.h"
#include "wire/ft.pb-c.h"
#include "wire/identity.h"

struct ft_reign;

/* How units are started on nodes that have none (a job's own central unit). */
struct ft_reign_starter {
    const char *agent;   /* remote shell, with options */
    const char *noded;   /* path of ft-noded on other nodes */
    const char *session;
    const uint8_t *key;  /* FT_KEY_BYTES; copied */
    uint16_t port;       /* where units find this central unit */
};

struct ft_reign_config {
    uv_loop_t *loop;
    const char *node;              /* this node's name; borrowed for life, as the next four */
    const struct ft_plan *plan;    /* until ft_reign_replan */
    struct ft_udp *udp;
    struct ft_events *events;
    const char *session;           /* per-job: its name; NULL */
    struct ft_book *book;          /* NULL: nothing is kept (per-job) */
    int64_t begun_ns;              /* of the program, as ft_clock_ns */
    const struct ft_identity *identity; /* NULL: per-job: units are not looked for */
    uint64_t run;                  /* as in Hello.start */
    uint64_t term;
    pid_t launcher;                /* per-job: who it is */
    const struct ft_reign_starter *starter; /* NULL: units come by themselves */
};

/* What a reign wants of who made it. */
struct ft_reign_events {
    /* An administrator wants ft.conf read again; see admin.h. NULL: refused. */
    ftRetVal_t (*reload)(void *arg, const char *by, char **text);
};

/* Made, then begun: it goes on with what the book's ledger holds, and may say and decide things
 * from then on. NULL: out of memory. _begin returns 0, or -1 with a sentence in `why`: to be
 * stopped then, as always. */
struct ft_reign *ft_reign_create(const struct ft_reign_config *config,
                                 const struct ft_reign_events *events, void *arg);
int ft_reign_begin(struct ft_reign *reign, char *why, size_t size);

/* Starts units on the pool's nodes (per-job). */
void ft_reign_start_units(struct ft_reign *reign);

/* Those who come (door.h). */
void ft_reign_unit(struct ft_reign *reign, struct ft_link *link, const Ft__Hello *hello);
void ft_reign_client(struct ft_reign *reign, struct ft_link *link, const Ft__Hello *hello,
                     bool local);
void ft_reign_packet(struct ft_reign *reign, const uint8_t *bytes, size_t n,
                     const struct sockaddr *from);

/* Somebody was not let in: for the event log. */
void ft_reign_refused(struct ft_reign *reign, const char *text);

/* The book says that all up to this mark is safe. */
void ft_reign_safe(struct ft_reign *reign, uint64_t mark);

/* Another plan from now on; the one before it may go after the call. */
int ft_reign_replan(struct ft_reign *reign, const struct ft_plan *plan, char *why, size_t size);

/* Ends: nothing is decided, said, kept or logged any more; links are closed. leave: the units are
 * told to end (per-job); else they look for who leads now. */
void ft_reign_stop(struct ft_reign *reign, bool leave, const char *reason);
bool ft_reign_is_over(const struct ft_reign *reign); /* stopped, and nothing of it on the loop */
void ft_reign_destroy(struct ft_reign *reign);       /* of one that is over; takes NULL */

/* ---- for who drives it, and tells of it */

uint64_t ft_reign_term(const struct ft_reign *reign);
uint64_t ft_reign_events_n(const struct ft_reign *reign); /* entries of the log so far */
const struct ft_parts *ft_reign_parts(const struct ft_reign *reign);

/* THE way to write an event: numbers it, too. Returns the number. */
uint64_t ft_reign_log(struct ft_reign *reign, struct ft_event *event);

/* Keeps a record in the ledger, see scribe.h. */
void ft_reign_keep(struct ft_reign *reign, const char *key, const void *data, size_t n);

#endif
