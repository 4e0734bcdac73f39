/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pulse.h - the other end of the detector: when a unit's heartbeats go out, and what lease the
 * acknowledged ones are worth.
 *
 * Pure. noded/heart.c drives it; the simulation lets many of them beat for one detector.
 */
#ifndef FT_CORE_PULSE_H
#define FT_CORE_PULSE_H

#include <stdbool.h>
#include <stdint.h>

struct ft_pulse;

/* What a heartbeat asks for. */
enum ft_pulse_ask {
    FT_PULSE_ASKS_NOTHING,
    FT_PULSE_ASKS_SHARED, /* an acknowledgement, which may come by way of another unit */
    FT_PULSE_ASKS_DIRECT  /* one from the central unit itself */
};

/* Functions must not call back. */
struct ft_pulse_env {
    void *arg;
    /* Goes on while the process, or its whole node, sleeps. */
    int64_t (*now_ns)(void *arg);
    void (*beat)(void *arg, int64_t sent_ns, enum ft_pulse_ask ask);
    /* A lease is held until then; again whenever it is renewed. */
    void (*lease_got)(void *arg, int64_t until_ns);
    /* It ended. fenced: it was ended by a Welcome that says that this node was declared lost. That
     * comes also if it had ended before, or if none was ever held. */
    void (*lease_lost)(void *arg, bool fenced);
};

/* random: makes units that start together beat at different moments. NULL: out of memory. */
struct ft_pulse *ft_pulse_create(const struct ft_pulse_env *env, uint64_t random);
void ft_pulse_destroy(struct ft_pulse *pulse); /* takes NULL */

/* The leader's word. False, and nothing changed, if it makes no sense (an older term; an older
 * incarnation of the same term). beat_ms 0: no heartbeats, and no lease. */
bool ft_pulse_welcome(struct ft_pulse *pulse, uint64_t term, uint64_t incarnation,
                      unsigned beat_ms, unsigned lease_ms);

/* A heartbeat was acknowledged: the one that was sent then. True if that was news. */
bool ft_pulse_ack(struct ft_pulse *pulse, uint64_t term, uint64_t incarnation, int64_t sent_ns);

/* Somebody doubts that this unit lives: a heartbeat goes out at once. */
void ft_pulse_poke(struct ft_pulse *pulse);

int64_t ft_pulse_next_deadline_ns(const struct ft_pulse *pulse); /* INT64_MAX: none */
void ft_pulse_tick(struct ft_pulse *pulse);

int64_t ft_pulse_lease_until_ns(const struct ft_pulse *pulse); /* INT64_MIN: none was ever held */
bool ft_pulse_has_lease(const struct ft_pulse *pulse);
uint64_t ft_pulse_term(const struct ft_pulse *pulse);
uint64_t ft_pulse_incarnation(const struct ft_pulse *pulse);   /* 0: not known yet */
unsigned ft_pulse_beat_ms(const struct ft_pulse *pulse);
/* Beats that asked for an acknowledgement, since the last one came. */
unsigned ft_pulse_unanswered(const struct ft_pulse *pulse);

#endif
