/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pulse.c - heartbeats of one unit, and its lease.
 *
 * A heartbeat each beat_ms, by a plan that does not drift: one that goes out late does not move the
 * ones after it, unless it is a whole beat late. Acknowledgements are dear to a leader of ten
 * thousand nodes, so only every so often a heartbeat asks for one: when a third of the lease is
 * used up. One that does and is not answered is sent again before the next is due: twice, and in
 * the second half of the lease as often as there is time for. One lost datagram costs nothing, and
 * where every fourth is lost leases hold.
 *
 * An acknowledgement may come by way of another unit (centrald/watch: the central unit lets one
 * unit pass on those of some others), which is one more that can fail. So only the first heartbeat
 * of a renewal leaves that open, and only of a unit that holds a lease of this leader; what is sent
 * again asks the central unit itself. Where the first one was in vain the next renewals ask it,
 * too: four of them, and twice as many each time that it comes to nothing again. Whoever cannot be
 * reached by others beats as if there were none.
 *
 * The lease lasts lease_ms from when the acknowledged heartbeat was sent. The clock goes on while
 * the process is stopped or the machine asleep, so that what wakes up finds its lease over before
 * it does anything else: its driver calls ft_pulse_tick first.
 */
#include "core/pulse.h"

#include <stdlib.h>

#include "core/detector_impl.h"

#define REPEATS_MAX 2
#define UNANSWERED_MAX 6       /* a leader that has much to do is not helped by repeating */
#define UNANSWERED_HELD_MAX 24
#define REPEAT_MAX_NS (60 * NS_PER_MS)
#define DIRECT_MIN 4           /* renewals, after one that was shared in vain */
#define DIRECT_MAX 64

struct ft_pulse {
    struct ft_pulse_env env;
    uint64_t term, incarnation;
    int64_t beat_ns, lease_ns;  /* 0: none */
    int64_t welcomed_ns;
    int64_t next_ns;            /* the next heartbeat by the plan */
    int64_t repeat_ns;          /* the last one is sent again, INT64_MAX: not */
    unsigned repeats;
    unsigned unanswered;
    bool is_shared;             /* the last one that asked */
    unsigned direct;            /* so many renewals ask the central unit itself */
    unsigned direct_next;       /* so many will, if the next that is shared is in vain */
    int64_t acked_ns;           /* the latest acknowledged one was sent; INT64_MIN: none */
    int64_t until_ns;           /* of the lease; INT64_MIN: none ever */
    bool held;                  /* lease_lost has not been said of it */
    uint64_t random;
};

struct ft_pulse *ft_pulse_create(const struct ft_pulse_env *env, uint64_t random)
{
    struct ft_pulse *pulse = calloc(1, sizeof *pulse);

    if (pulse == NULL)
        return NULL;
    pulse->env = *env;
    pulse->random = random;
    pulse->next_ns = pulse->repeat_ns = INT64_MAX;
    pulse->direct_next = DIRECT_MIN;
    pulse->acked_ns = pulse->until_ns = INT64_MIN;
    return pulse;
}

void ft_pulse_destroy(struct ft_pulse *pulse)
{
    free(pulse);
}

static int64_t now_ns(const struct ft_pulse *pulse)
{
    return pulse->env.now_ns(pulse->env.arg);
}

static void fence(struct ft_pulse *pulse)
{
    if (FT_DETECTOR_PLANTED(UNFENCED))
        return;
    pulse->held = false;
    if (pulse->until_ns > now_ns(pulse))
        pulse->until_ns = now_ns(pulse);
    pulse->env.lease_lost(pulse->env.arg, true);
}

bool ft_pulse_welcome(struct ft_pulse *pulse, uint64_t term, uint64_t incarnation,
                      unsigned beat_ms, unsigned lease_ms)
{
    bool is_fenced = pulse->incarnation != 0 && incarnation > pulse->incarnation;

    if (term < pulse->term || (term == pulse->term && incarnation < pulse->incarnation))
        return false;
    pulse->term = term;
    pulse->incarnation = incarnation;
    pulse->beat_ns = beat_ms * NS_PER_MS;
    pulse->lease_ns = beat_ms > 0 ? lease_ms * NS_PER_MS : 0;
    pulse->welcomed_ns = now_ns(pulse);
    pulse->acked_ns = INT64_MIN;
    pulse->is_shared = false;
    pulse->unanswered = 0;
    pulse->repeat_ns = INT64_MAX;
    pulse->next_ns = beat_ms > 0 ? pulse->welcomed_ns : INT64_MAX;
    if (is_fenced)
        fence(pulse);
    return true;
}

bool ft_pulse_ack(struct ft_pulse *pulse, uint64_t term, uint64_t incarnation, int64_t sent_ns)
{
    int64_t ns = now_ns(pulse);
    int64_t until_ns;

    if (term != pulse->term || incarnation != pulse->incarnation || pulse->lease_ns == 0 ||
        sent_ns < pulse->welcomed_ns || sent_ns > ns || sent_ns <= pulse->acked_ns)
        return false;
    pulse->acked_ns = sent_ns;
    if (pulse->is_shared)
        pulse->direct_next = DIRECT_MIN;
    pulse->is_shared = false;
    pulse->unanswered = 0;
    pulse->repeat_ns = INT64_MAX;
    until_ns = (FT_DETECTOR_PLANTED(LEASE_LATE) ? ns : sent_ns) + pulse->lease_ns;
    if (until_ns <= ns || until_ns <= pulse->until_ns)
        return true; /* an answer, and too late to be worth anything */
    pulse->until_ns = until_ns;
    pulse->held = true;
    pulse->env.lease_got(pulse->env.arg, until_ns);
    return true;
}

int64_t ft_pulse_next_deadline_ns(const struct ft_pulse *pulse)
{
    int64_t at_ns = pulse->next_ns < pulse->repeat_ns ? pulse->next_ns : pulse->repeat_ns;

    return pulse->held && pulse->until_ns < at_ns ? pulse->until_ns : at_ns;
}

/* When a beat that asks for an answer, sent now, is to be repeated. INT64_MAX: not. */
static int64_t repeat_at_ns(const struct ft_pulse *pulse, int64_t ns)
{
    int64_t step_ns = pulse->beat_ns / 4 < REPEAT_MAX_NS ? pulse->beat_ns / 4 : REPEAT_MAX_NS;

    if (pulse->unanswered >= (pulse->held ? UNANSWERED_HELD_MAX : UNANSWERED_MAX))
        return INT64_MAX;
    if (pulse->held && pulse->until_ns - ns < pulse->lease_ns / 2)
        return ns + step_ns;
    return pulse->repeats < REPEATS_MAX ? ns + (step_ns << pulse->repeats) : INT64_MAX;
}

/* The one before was shared, and it has to be asked again. */
static void was_in_vain(struct ft_pulse *pulse)
{
    pulse->is_shared = false;
    pulse->direct = pulse->direct_next;
    pulse->direct_next = 2 * pulse->direct < DIRECT_MAX ? 2 * pulse->direct : DIRECT_MAX;
}

static enum ft_pulse_ask how_to_ask(struct ft_pulse *pulse)
{
    if (FT_DETECTOR_PLANTED(ALWAYS_SHARED))
        return FT_PULSE_ASKS_SHARED;
    if (pulse->is_shared)
        was_in_vain(pulse);
    if (pulse->unanswered > 0 || !pulse->held || pulse->acked_ns == INT64_MIN)
        return FT_PULSE_ASKS_DIRECT;
    if (pulse->direct > 0) {
        pulse->direct--;
        return FT_PULSE_ASKS_DIRECT;
    }
    pulse->is_shared = true;
    return FT_PULSE_ASKS_SHARED;
}

static void beat_now(struct ft_pulse *pulse, int64_t ns)
{
    enum ft_pulse_ask ask = FT_PULSE_ASKS_NOTHING;

    pulse->repeat_ns = INT64_MAX;
    if (pulse->acked_ns == INT64_MIN || ns - pulse->acked_ns >= pulse->lease_ns / 3) {
        ask = how_to_ask(pulse);
        pulse->unanswered++;
        pulse->repeat_ns = repeat_at_ns(pulse, ns);
    }
    pulse->env.beat(pulse->env.arg, ns, ask);
}

/* The second one comes at any moment of the first beat, the others after it as planned. */
static void plan_next(struct ft_pulse *pulse, int64_t ns)
{
    int64_t wait_ns = pulse->beat_ns;

    if (pulse->next_ns == pulse->welcomed_ns)
        wait_ns = pulse->beat_ns / 4 + (int64_t) (pulse->random % (uint64_t) pulse->beat_ns) / 4 * 3;
    pulse->next_ns += wait_ns;
    if (pulse->next_ns <= ns)
        pulse->next_ns = ns + pulse->beat_ns;
}

void ft_pulse_tick(struct ft_pulse *pulse)
{
    int64_t ns = now_ns(pulse);

    if (pulse->held && ns >= pulse->until_ns) {
        pulse->held = false;
        pulse->env.lease_lost(pulse->env.arg, false);
    }
    if (ns >= pulse->next_ns) {
        pulse->repeats = 0;
        beat_now(pulse, ns);
        plan_next(pulse, ns);
    } else if (ns >= pulse->repeat_ns) {
        pulse->repeats++;
        beat_now(pulse, ns);
    }
}

void ft_pulse_poke(struct ft_pulse *pulse)
{
    ft_pulse_tick(pulse); /* what has ended, has ended */
    if (pulse->beat_ns > 0)
        beat_now(pulse, now_ns(pulse));
}

int64_t ft_pulse_lease_until_ns(const struct ft_pulse *pulse)
{
    return pulse->until_ns;
}

bool ft_pulse_has_lease(const struct ft_pulse *pulse)
{
    return pulse->held && now_ns(pulse) < pulse->until_ns;
}

uint64_t ft_pulse_term(const struct ft_pulse *pulse)
{
    return pulse->term;
}

uint64_t ft_pulse_incarnation(const struct ft_pulse *pulse)
{
    return pulse->incarnation;
}

unsigned ft_pulse_beat_ms(const struct ft_pulse *pulse)
{
    return (unsigned) (pulse->beat_ns / NS_PER_MS);
}

unsigned ft_pulse_unanswered(const struct ft_pulse *pulse)
{
    return pulse->unanswered;
}
