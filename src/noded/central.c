/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * central.c - owns the one connection of the unit to the central unit, and its timer.
 *
 *     state     left by
 *     WAITING   the pause is over -> DIALING
 *     DIALING   connected and proven: Hello goes out -> GREETING; failed -> WAITING
 *     GREETING  the central unit's Hello: accepted -> UP, refused -> ENDED; closed -> WAITING
 *     UP        closed, or silent for SILENT_MS -> WAITING
 *     ENDED     -
 *
 * Nothing heard for FT_CENTRAL_GIVE_UP_MS, in whatever states, leads to ENDED: the job's runtime is
 * gone, or this node is cut off and will not be let back in. A unit whose first REFUSALS_MAX tries
 * are all refused came too late, to a job that is over: nobody listens there any more, and nobody
 * will. It ends at once. Pauses double from PAUSE_MIN_MS to
 * PAUSE_MAX_MS, with some chance in them so that a thousand units do not knock at once.
 *
 * While the link is up a Ping goes out whenever nothing was heard for PING_MS: a node that was
 * switched off says no goodbye. If this process itself did not run for a while (stopped, starved),
 * its own clock is not held against the central unit.
 */
#include "config.h"

#include "noded/central.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "ft.h"
#include "net/link.h"

#define PING_MS 2000
#define SILENT_MS 6000
#define DIAL_MAX_MS 3000
#define PAUSE_MIN_MS 50
#define PAUSE_MAX_MS 1000
#define REFUSALS_MAX 5    /* at first, about 1 s */
#define LATE_MS 500       /* a timer so late tells that this process did not run */

enum state { WAITING, DIALING, GREETING, UP, ENDED };

struct ft_central {
    uv_loop_t *loop;
    uv_timer_t timer;
    const struct ft_orders *orders;
    const Ft__Hello *hello;
    const struct ft_central_events *events;
    void *arg;
    enum state state;
    struct ft_link *link;   /* NULL while there is none */
    int64_t heard_ms;       /* when the central unit was last heard of; at first, the start */
    int64_t due_ms;         /* of the timer */
    unsigned pause_ms;
    unsigned failures;      /* since it was up */
    uint64_t random;
    unsigned refusals;      /* in a row, since the start */
    bool was_up;            /* ever */
    bool stopped;
    char why[512];          /* what was wrong last */
};

static void on_timer(uv_timer_t *timer);

static void set_timer(struct ft_central *central, int64_t in_ms)
{
    if (central->stopped)
        return;
    in_ms = in_ms > 1 ? in_ms : 1;
    central->due_ms = ft_clock_ms() + in_ms;
    uv_update_time(central->loop);
    uv_timer_start(&central->timer, on_timer, (uint64_t)in_ms, 0);
}

static int64_t left_ms(const struct ft_central *central)
{
    return central->heard_ms + FT_CENTRAL_GIVE_UP_MS - ft_clock_ms();
}

static void end(struct ft_central *central, const char *why, bool is_over)
{
    if (central->state == ENDED)
        return;
    central->state = ENDED;
    uv_timer_stop(&central->timer);
    if (central->link)
        ft_link_close(central->link);
    if (!central->stopped)
        central->events->given_up(central->arg, why, is_over);
}

static unsigned next_pause_ms(struct ft_central *central)
{
    unsigned pause_ms = central->pause_ms;

    central->pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    central->random = central->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return pause_ms - pause_ms / 4 + (unsigned)(central->random >> 33) % (pause_ms / 2 + 1);
}

/* One line for the first failure and one a second or so after, not one for each try. */
static void log_failure(struct ft_central *central)
{
    if (central->failures++ == 0 || central->pause_ms == PAUSE_MAX_MS)
        ft_log(FT_LOG_WARNING, "central unit at %s port %u: %s; trying again for %" PRId64 " ms",
               central->orders->hosts, central->orders->port, central->why, left_ms(central));
}

static void try_again(struct ft_central *central)
{
    char why[600];

    if (central->stopped || central->state == ENDED)
        return;
    central->state = WAITING;
    if (!central->was_up && central->refusals >= REFUSALS_MAX) {
        end(central, "the job was over before this unit had started", true);
        return;
    }
    if (left_ms(central) > 0) {
        log_failure(central);
        set_timer(central, next_pause_ms(central));
        return;
    }
    snprintf(why, sizeof why, "the central unit at %.200s port %u has been out of reach for %d s: "
             "%.300s", central->orders->hosts, central->orders->port,
             FT_CENTRAL_GIVE_UP_MS / 1000, central->why);
    end(central, why, false);
}

/* ---------------------------------------------------------------- the link's events */

static void on_opened(void *arg, struct ft_link *link)
{
    struct ft_central *central = arg;
    Ft__Message message = FT__MESSAGE__INIT;

    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = (Ft__Hello *)(uintptr_t)central->hello;
    central->state = GREETING;
    if (ft_link_send(link, &message) != 0)
        ft_link_close(link);
    set_timer(central, PING_MS);
}

static void greeted(struct ft_central *central, const Ft__Hello *hello)
{
    char why[512];

    if (hello->refused == FT_OK && hello->protocol == FT_PROTOCOL) {
        if (central->failures > 0)
            ft_log(FT_LOG_INFO, "the central unit is in reach again");
        central->state = UP;
        central->was_up = true;
        central->failures = 0;
        central->pause_ms = PAUSE_MIN_MS;
        central->events->up(central->arg);
        return;
    }
    snprintf(why, sizeof why, "the central unit (%.100s, protocol %u) refuses this unit (protocol "
             "%d), code %d: use the same version of FT on all nodes", hello->program,
             hello->protocol, FT_PROTOCOL, hello->refused);
    end(central, why, false);
}

static void pong(struct ft_central *central, const Ft__Ping *ping)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Pong answer = FT__PONG__INIT;

    answer.sent_ns = ping->sent_ns;
    message.body_case = FT__MESSAGE__BODY_PONG;
    message.pong = &answer;
    ft_link_send(central->link, &message); /* a full queue is traffic enough */
}

static void on_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct ft_central *central = arg;

    (void)link;
    if (central->stopped || central->state == ENDED)
        return;
    central->heard_ms = ft_clock_ms();
    if (message->body_case == FT__MESSAGE__BODY_HELLO && central->state == GREETING)
        greeted(central, message->hello);
    else if (central->state != UP)
        ft_link_close(central->link); /* not what our central unit would say first */
    else if (message->body_case == FT__MESSAGE__BODY_PING)
        pong(central, message->ping);
    else if (message->body_case != FT__MESSAGE__BODY_PONG)
        central->events->message(central->arg, message);
}

static void on_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    struct ft_central *central = arg;
    bool was_up = central->state == UP;

    (void)link;
    central->link = NULL;
    central->refusals = error == ECONNREFUSED ? central->refusals + 1 : 0;
    if (central->state == ENDED || central->stopped)
        return;
    ft_text_copy(central->why, sizeof central->why, text && *text ? text : strerror(error));
    if (was_up) /* it was in reach until now, however long ago it last spoke */
        ft_log(FT_LOG_WARNING, "the link to the central unit is lost: %s", central->why);
    central->events->down(central->arg, central->why);
    try_again(central);
}

static const struct ft_link_events link_events = {
    .opened = on_opened, .message = on_message, .closed = on_closed,
};

/* ---------------------------------------------------------------- time */

static void dial(struct ft_central *central)
{
    int64_t timeout_ms = left_ms(central);

    if (timeout_ms > DIAL_MAX_MS)
        timeout_ms = DIAL_MAX_MS;
    if (timeout_ms < PAUSE_MIN_MS)
        timeout_ms = PAUSE_MIN_MS;
    central->state = DIALING;
    central->link = ft_link_connect_tcp(central->loop, central->orders->hosts,
                                        central->orders->port, central->orders->key,
                                        (unsigned)timeout_ms, &link_events, central);
    if (central->link)
        return;
    snprintf(central->why, sizeof central->why, "no connection can be begun: %s", strerror(errno));
    try_again(central);
}

static void close_silent(struct ft_central *central, int64_t silent_ms)
{
    ft_log(FT_LOG_WARNING, "nothing was heard of the central unit for %" PRId64 " ms", silent_ms);
    ft_link_close(central->link); /* the rest happens in on_closed */
    set_timer(central, PING_MS);
}

static void ping(struct ft_central *central)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Ping ping = FT__PING__INIT;

    ping.sent_ns = ft_clock_ns();
    message.body_case = FT__MESSAGE__BODY_PING;
    message.ping = &ping;
    ft_link_send(central->link, &message); /* if not, the silence tells */
}

static void watch(struct ft_central *central)
{
    int64_t silent_ms = ft_clock_ms() - central->heard_ms;

    if (silent_ms >= SILENT_MS) {
        close_silent(central, silent_ms);
        return;
    }
    if (central->state == UP && silent_ms >= PING_MS)
        ping(central);
    set_timer(central, silent_ms < PING_MS ? PING_MS - silent_ms : PING_MS);
}

static void on_timer(uv_timer_t *timer)
{
    struct ft_central *central = timer->data;
    int64_t late_ms = ft_clock_ms() - central->due_ms;

    if (late_ms > LATE_MS)
        central->heard_ms += late_ms;
    if (central->state == WAITING)
        dial(central);
    else if (central->state == GREETING || central->state == UP)
        watch(central);
}

/* ---------------------------------------------------------------- life */

struct ft_central *ft_central_create(uv_loop_t *loop, const struct ft_orders *orders,
                                     const Ft__Hello *hello,
                                     const struct ft_central_events *events, void *arg)
{
    struct ft_central *central = calloc(1, sizeof *central);

    if (!central)
        return NULL;
    central->loop = loop;
    central->orders = orders;
    central->hello = hello;
    central->events = events;
    central->arg = arg;
    central->heard_ms = ft_clock_ms();
    central->pause_ms = PAUSE_MIN_MS;
    central->random = ft_clock_ns() ^ (uint64_t)hello->pid << 32;
    uv_timer_init(loop, &central->timer);
    central->timer.data = central;
    set_timer(central, 0); /* from the loop, so that no event comes before this returns */
    return central;
}

int ft_central_send(struct ft_central *central, const Ft__Message *message)
{
    if (central->state == UP && central->link)
        return ft_link_send(central->link, message);
    errno = ENOTCONN;
    return -1;
}

bool ft_central_is_up(const struct ft_central *central)
{
    return central->state == UP;
}

void ft_central_stop(struct ft_central *central)
{
    if (central->stopped)
        return;
    central->stopped = true;
    end(central, "", false);
    uv_close((uv_handle_t *)&central->timer, NULL);
}

void ft_central_destroy(struct ft_central *central)
{
    free(central);
}
