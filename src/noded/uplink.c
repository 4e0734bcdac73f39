/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink.c - owns the one connection of the unit to the central unit, and its timer.
 *
 *     state     left by
 *     IDLE      a place is added, or a hint comes -> DIALING
 *     WAITING   the pause is over, or a hint comes -> DIALING
 *     DIALING   connected and proven: Hello goes out -> GREETING; failed -> WAITING
 *     GREETING  the central unit's Hello: accepted -> UP, refused -> WAITING (lasting) or ENDED;
 *               closed -> WAITING
 *     UP        closed, silent for SILENT_MS, or the leader of a later term shows -> WAITING
 *     ENDED     -
 *
 * Places: where central units may be, in the order in which they became known, tried in turn; and
 * one hint, tried before all others: what a central unit that does not lead says of the one that
 * does, or where a leader's identification came from. Pauses double from PAUSE_MIN_MS to
 * PAUSE_MAX_MS after each round, with some chance in them so that a thousand units do not knock at
 * once.
 *
 * A job's unit does not outlive the job: nothing heard for FT_UPLINK_GIVE_UP_MS, in whatever
 * states, leads to ENDED (the job's runtime is gone, or this node is cut off and will not be let
 * back in). One whose first REFUSALS_MAX tries are all refused came too late, to a job that is
 * over: nobody listens there any more, and nobody will. It ends at once. A system's unit never ends
 * by itself.
 *
 * While the link is up a Ping goes out whenever nothing was heard for PING_MS: a node that was
 * switched off says no goodbye. If this process itself did not run for a while (stopped, starved),
 * its own clock is not held against the central unit.
 */
#include "config.h"

#include "noded/uplink.h"

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
#define DIAL_ONE_OF_MANY_MS 1500 /* there are others to be tried */
#define PAUSE_MIN_MS 50
#define PAUSE_MAX_MS 1000
#define REFUSALS_MAX 5    /* at first, about 1 s */
#define LATE_MS 500       /* a timer so late tells that this process did not run */
#define LOG_AGAIN_MS 60000 /* a failure that lasts */

enum state { IDLE, WAITING, DIALING, GREETING, UP, ENDED };

struct place {
    char hosts[FT_UPLINK_HOSTS_MAX];
    uint16_t port; /* 0: none */
    bool learned;  /* from the leader; else from the start on */
};

struct ft_uplink {
    uv_loop_t *loop;
    uv_timer_t timer;
    const struct ft_uplink_wish *wish;
    const struct ft_uplink_events *events;
    void *arg;
    enum state state;
    struct place places[FT_UPLINK_PLACES_MAX];
    unsigned places_n, next; /* the one to be tried next */
    struct place hint;
    struct place tried;      /* the present one, or the last */
    struct place last_up;    /* where it was connected to last */
    int64_t host_lived_ms;   /* last sign of life of that host's kernel without a link; 0: none */
    struct ft_link *link;    /* NULL while there is none */
    uint64_t term;
    int64_t heard_ms;        /* when the central unit was last heard of; at first, the start */
    int64_t due_ms;          /* of the timer */
    int64_t logged_ms;
    unsigned pause_ms;
    unsigned failures;       /* since it was up */
    uint64_t random;
    unsigned refusals;       /* of the connection, in a row, since the start */
    bool was_up;             /* ever */
    bool aborted;            /* the link is being closed by this side, for its silence */
    bool hurries;            /* a hint came while something else was under way */
    bool stopped;
    char why[512];           /* what was wrong last */
};

static void on_timer(uv_timer_t *timer);
static void dial(struct ft_uplink *uplink);

static void set_timer(struct ft_uplink *uplink, int64_t in_ms)
{
    if (uplink->stopped)
        return;
    in_ms = in_ms > 1 ? in_ms : 1;
    uplink->due_ms = ft_clock_ms() + in_ms;
    uv_update_time(uplink->loop);
    uv_timer_start(&uplink->timer, on_timer, (uint64_t)in_ms, 0);
}

/* How long a job's unit will still try. */
static int64_t left_ms(const struct ft_uplink *uplink)
{
    if (uplink->wish->lasts)
        return DIAL_MAX_MS;
    return uplink->heard_ms + FT_UPLINK_GIVE_UP_MS - ft_clock_ms();
}

static void end(struct ft_uplink *uplink, const char *why, bool is_over)
{
    if (uplink->state == ENDED)
        return;
    uplink->state = ENDED;
    uv_timer_stop(&uplink->timer);
    if (uplink->link)
        ft_link_close(uplink->link);
    if (!uplink->stopped)
        uplink->events->given_up(uplink->arg, why, is_over);
}

/* ---------------------------------------------------------------- places */

static bool is_place(const struct place *place, const char *hosts, uint16_t port)
{
    return place->port == port && strcmp(place->hosts, hosts) == 0;
}

/* What is to be tried now: the hint, once; else one place after the other. False: nothing is known.
 */
static bool pick(struct ft_uplink *uplink)
{
    if (uplink->hint.port != 0) {
        uplink->tried = uplink->hint;
        uplink->hint.port = 0;
        return true;
    }
    if (uplink->places_n == 0)
        return false;
    uplink->next %= uplink->places_n;
    uplink->tried = uplink->places[uplink->next++];
    return true;
}

bool ft_uplink_add(struct ft_uplink *uplink, const char *hosts, uint16_t port)
{
    struct place place = {.port = port};

    if (port == 0 || hosts[0] == '\0' || !ft_text_copy(place.hosts, sizeof place.hosts, hosts))
        return false;
    for (unsigned i = 0; i < uplink->places_n; i++)
        if (is_place(&uplink->places[i], hosts, port))
            return true;
    if (uplink->places_n == FT_UPLINK_PLACES_MAX)
        return false;
    uplink->places[uplink->places_n++] = place;
    if (uplink->state == IDLE) {
        uplink->state = WAITING;
        set_timer(uplink, 0); /* from the loop, so that no event comes before this returns */
    }
    return true;
}

/* "HOST[,HOST...]:PORT"; without a port, or an address of IPv6 alone, the default. */
static bool read_place(const char *text, uint16_t default_port, struct place *place)
{
    const char *colon = strrchr(text, ':');
    bool has_port = colon != NULL && colon[1] >= '0' && colon[1] <= '9' &&
                    (memchr(text, ':', (size_t)(colon - text)) == NULL || colon[-1] == ']');
    char *rest;
    unsigned long port = has_port ? strtoul(colon + 1, &rest, 10) : default_port;
    size_t n = has_port ? (size_t)(colon - text) : strlen(text);

    if ((has_port && *rest != '\0') || port == 0 || port > 65535)
        return false;
    if (n > 1 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (n == 0 || n >= sizeof place->hosts)
        return false;
    memcpy(place->hosts, text, n);
    place->hosts[n] = '\0';
    place->port = (uint16_t)port;
    return true;
}

bool ft_uplink_add_text(struct ft_uplink *uplink, const char *text, uint16_t default_port)
{
    struct place place;

    return read_place(text, default_port, &place) &&
           ft_uplink_add(uplink, place.hosts, place.port);
}

void ft_uplink_learn(struct ft_uplink *uplink, char *const *places, size_t n,
                     uint16_t default_port)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < uplink->places_n; i++)
        if (!uplink->places[i].learned)
            uplink->places[kept++] = uplink->places[i];
    uplink->places_n = kept;
    for (size_t i = 0; i < n; i++)
        ft_uplink_add_text(uplink, places[i], default_port);
    for (unsigned i = kept; i < uplink->places_n; i++)
        uplink->places[i].learned = true;
}

/* ---------------------------------------------------------------- failures */

static unsigned next_pause_ms(struct ft_uplink *uplink)
{
    unsigned pause_ms = uplink->pause_ms;

    if (uplink->places_n == 0 || uplink->next >= uplink->places_n)
        uplink->pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    uplink->random = uplink->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return pause_ms - pause_ms / 4 + (unsigned)(uplink->random >> 33) % (pause_ms / 2 + 1);
}

/* One line for the first failure and one a second or so after (a job's), or a minute after (a
 * system's), not one for each try. */
static void log_failure(struct ft_uplink *uplink)
{
    int64_t now_ms = ft_clock_ms();
    bool again = uplink->wish->lasts ? now_ms - uplink->logged_ms >= LOG_AGAIN_MS
                                     : uplink->pause_ms == PAUSE_MAX_MS;

    if (uplink->failures++ > 0 && !again)
        return;
    uplink->logged_ms = now_ms;
    if (uplink->wish->lasts)
        ft_log(FT_LOG_WARNING, "central unit at %s port %u: %s; this unit goes on trying",
               uplink->tried.hosts, uplink->tried.port, uplink->why);
    else
        ft_log(FT_LOG_WARNING, "central unit at %s port %u: %s; trying again for %" PRId64 " ms",
               uplink->tried.hosts, uplink->tried.port, uplink->why, left_ms(uplink));
}

static void try_again(struct ft_uplink *uplink)
{
    char why[600];

    if (uplink->stopped || uplink->state == ENDED)
        return;
    uplink->state = WAITING;
    if (!uplink->wish->lasts && !uplink->was_up && uplink->refusals >= REFUSALS_MAX) {
        end(uplink, "the job was over before this unit had started", true);
        return;
    }
    if (left_ms(uplink) > 0) {
        if (!uplink->hurries)
            log_failure(uplink);
        set_timer(uplink, uplink->hurries ? 0 : next_pause_ms(uplink));
        uplink->hurries = false;
        return;
    }
    snprintf(why, sizeof why, "the central unit at %.200s port %u has been out of reach for %d s: "
             "%.300s", uplink->tried.hosts, uplink->tried.port, FT_UPLINK_GIVE_UP_MS / 1000,
             uplink->why);
    end(uplink, why, false);
}

/* ---------------------------------------------------------------- the link's events */

static void on_opened(void *arg, struct ft_link *link)
{
    struct ft_uplink *uplink = arg;
    Ft__Message message = FT__MESSAGE__INIT;

    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = (Ft__Hello *)(uintptr_t)uplink->wish->hello;
    uplink->state = GREETING;
    if (uplink->wish->lasts) /* a job's waits for more than that: see left_ms */
        uplink->heard_ms = ft_clock_ms();
    if (ft_link_send(link, &message) != 0)
        ft_link_close(link);
    set_timer(uplink, PING_MS);
}

static void accepted(struct ft_uplink *uplink, const Ft__Hello *hello)
{
    if (uplink->failures > 0)
        ft_log(FT_LOG_INFO, "the central unit is in reach again");
    if (uplink->wish->lasts)
        ft_log(FT_LOG_INFO, "connected to the central unit on %.200s (%s), term %" PRIu64,
               hello->node, ft_link_peer(uplink->link), hello->term);
    uplink->state = UP;
    uplink->last_up = uplink->tried;
    uplink->was_up = true;
    uplink->term = hello->term;
    uplink->failures = 0;
    uplink->pause_ms = PAUSE_MIN_MS;
    uplink->events->up(uplink->arg);
}

/* A central unit that does not lead says who does, or that it does not know. */
static void sent_on(struct ft_uplink *uplink, const Ft__Hello *hello)
{
    struct place leader;

    snprintf(uplink->why, sizeof uplink->why, "it does not lead; %s%.300s",
             *hello->leader ? "the leader is at " : "it does not know who does", hello->leader);
    if (*hello->leader && read_place(hello->leader, 0, &leader) &&
        !is_place(&uplink->tried, leader.hosts, leader.port)) {
        uplink->hint = leader;
        uplink->hurries = true;
    }
    ft_link_close(uplink->link); /* the rest happens in on_closed */
}

static void refused(struct ft_uplink *uplink, const Ft__Hello *hello)
{
    char why[512];

    snprintf(why, sizeof why, "the central unit (%.100s, protocol %u) refuses this unit (protocol "
             "%d), code %d: use the same version of FT on all nodes", hello->program,
             hello->protocol, FT_PROTOCOL, hello->refused);
    if (!uplink->wish->lasts) {
        end(uplink, why, false);
        return;
    }
    ft_text_copy(uplink->why, sizeof uplink->why, why);
    uplink->pause_ms = PAUSE_MAX_MS;
    ft_link_close(uplink->link);
}

static void greeted(struct ft_uplink *uplink, const Ft__Hello *hello)
{
    if (hello->refused == FT_OK && hello->protocol == FT_PROTOCOL)
        accepted(uplink, hello);
    else if (hello->refused == FT_ERR_BUSY && uplink->wish->lasts)
        sent_on(uplink, hello);
    else
        refused(uplink, hello);
}

static void pong(struct ft_uplink *uplink, const Ft__Ping *ping)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Pong answer = FT__PONG__INIT;

    answer.sent_ns = ping->sent_ns;
    message.body_case = FT__MESSAGE__BODY_PONG;
    message.pong = &answer;
    ft_link_send(uplink->link, &message); /* a full queue is traffic enough */
}

static void on_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct ft_uplink *uplink = arg;

    (void)link;
    if (uplink->stopped || uplink->state == ENDED)
        return;
    uplink->heard_ms = ft_clock_ms();
    if (message->body_case == FT__MESSAGE__BODY_HELLO && uplink->state == GREETING)
        greeted(uplink, message->hello);
    else if (uplink->state != UP)
        ft_link_close(uplink->link); /* not what our central unit would say first */
    else if (message->body_case == FT__MESSAGE__BODY_PING)
        pong(uplink, message->ping);
    else /* Pongs too: the lease hangs on them */
        uplink->events->message(uplink->arg, message);
}

/* A connection that the other side closed, or refused, shows that its host lives. One that this
 * side gave up shows nothing. */
static void note_host(struct ft_uplink *uplink, bool was_up, int error)
{
    bool lives = error == ECONNREFUSED || error == ECONNRESET || error == EPIPE ||
                 (error == 0 && !uplink->aborted);

    if (!is_place(&uplink->last_up, uplink->tried.hosts, uplink->tried.port))
        return;
    if (lives)
        uplink->host_lived_ms = ft_clock_ms();
    else if (was_up)
        uplink->host_lived_ms = 0;
}

static void on_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    struct ft_uplink *uplink = arg;
    bool was_up = uplink->state == UP, was_refused = uplink->state == GREETING && uplink->why[0];

    (void)link;
    uplink->link = NULL;
    note_host(uplink, was_up, error);
    uplink->aborted = false;
    uplink->refusals = error == ECONNREFUSED ? uplink->refusals + 1 : 0;
    if (uplink->state == ENDED || uplink->stopped)
        return;
    if (!was_refused)
        ft_text_copy(uplink->why, sizeof uplink->why, text && *text ? text : strerror(error));
    if (was_up && !uplink->hurries) /* it was in reach until now, however long ago it last spoke */
        ft_log(FT_LOG_WARNING, "the link to the central unit is lost: %s", uplink->why);
    uplink->events->down(uplink->arg, uplink->why);
    try_again(uplink);
}

static const struct ft_link_events link_events = {
    .opened = on_opened, .message = on_message, .closed = on_closed,
};

/* ---------------------------------------------------------------- time */

static void dial(struct ft_uplink *uplink)
{
    int64_t timeout_ms = left_ms(uplink);
    int64_t max_ms = uplink->places_n > 1 ? DIAL_ONE_OF_MANY_MS : DIAL_MAX_MS;

    if (!pick(uplink)) {
        uplink->state = IDLE;
        return;
    }
    if (timeout_ms > max_ms)
        timeout_ms = max_ms;
    if (timeout_ms < PAUSE_MIN_MS)
        timeout_ms = PAUSE_MIN_MS;
    uplink->state = DIALING;
    uplink->why[0] = '\0';
    uplink->link = ft_link_connect_tcp_as(uplink->loop, uplink->tried.hosts, uplink->tried.port,
                                          uplink->wish->identity, (unsigned)timeout_ms,
                                          &link_events, uplink);
    if (uplink->link)
        return;
    snprintf(uplink->why, sizeof uplink->why, "no connection can be begun: %s", strerror(errno));
    try_again(uplink);
}

void ft_uplink_hint(struct ft_uplink *uplink, const char *hosts, uint16_t port, uint64_t term)
{
    bool is_tried = is_place(&uplink->tried, hosts, port);

    if (uplink->stopped || uplink->state == ENDED || port == 0 || hosts[0] == '\0')
        return;
    if (uplink->state == UP && term <= uplink->term)
        return;
    if ((uplink->state == DIALING || uplink->state == GREETING) && is_tried)
        return;
    if (!ft_text_copy(uplink->hint.hosts, sizeof uplink->hint.hosts, hosts))
        return;
    uplink->hint.port = port;
    uplink->pause_ms = PAUSE_MIN_MS;
    if (uplink->state == IDLE || uplink->state == WAITING) {
        uplink->state = WAITING;
        set_timer(uplink, 0);
        return;
    }
    if (uplink->state == UP)
        ft_log(FT_LOG_INFO, "the central unit of term %" PRIu64 " is at %s port %u: the link to "
               "that of term %" PRIu64 " is left", term, hosts, port, uplink->term);
    uplink->hurries = uplink->aborted = true;
    ft_link_abort(uplink->link); /* the rest happens in on_closed */
}

static void close_silent(struct ft_uplink *uplink, int64_t silent_ms)
{
    ft_log(FT_LOG_WARNING, "nothing was heard of the central unit for %" PRId64 " ms", silent_ms);
    uplink->aborted = true;
    ft_link_abort(uplink->link); /* the rest happens in on_closed */
    set_timer(uplink, PING_MS);
}

static void ping(struct ft_uplink *uplink)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Ping ping = FT__PING__INIT;

    ping.sent_ns = ft_clock_ns();
    message.body_case = FT__MESSAGE__BODY_PING;
    message.ping = &ping;
    ft_link_send(uplink->link, &message); /* if not, the silence tells */
}

static void watch(struct ft_uplink *uplink)
{
    int64_t silent_ms = ft_clock_ms() - uplink->heard_ms;

    if (silent_ms >= SILENT_MS) {
        close_silent(uplink, silent_ms);
        return;
    }
    if (uplink->state == UP && silent_ms >= PING_MS)
        ping(uplink);
    set_timer(uplink, silent_ms < PING_MS ? PING_MS - silent_ms : PING_MS);
}

static void on_timer(uv_timer_t *timer)
{
    struct ft_uplink *uplink = timer->data;
    int64_t late_ms = ft_clock_ms() - uplink->due_ms;

    if (late_ms > LATE_MS)
        uplink->heard_ms += late_ms;
    if (uplink->state == WAITING)
        dial(uplink);
    else if (uplink->state == GREETING || uplink->state == UP)
        watch(uplink);
}

/* ---------------------------------------------------------------- life */

struct ft_uplink *ft_uplink_create(uv_loop_t *loop, const struct ft_uplink_wish *wish,
                                   const struct ft_uplink_events *events, void *arg)
{
    struct ft_uplink *uplink = calloc(1, sizeof *uplink);

    if (!uplink)
        return NULL;
    uplink->loop = loop;
    uplink->wish = wish;
    uplink->events = events;
    uplink->arg = arg;
    uplink->heard_ms = ft_clock_ms();
    uplink->pause_ms = PAUSE_MIN_MS;
    uplink->random = ft_clock_ns() ^ (uint64_t)wish->hello->pid << 32;
    uv_timer_init(loop, &uplink->timer);
    uplink->timer.data = uplink;
    return uplink;
}

void ft_uplink_heard(struct ft_uplink *uplink)
{
    if (uplink->state == UP)
        uplink->heard_ms = ft_clock_ms();
}

int ft_uplink_send(struct ft_uplink *uplink, const Ft__Message *message)
{
    if (uplink->state == UP && uplink->link)
        return ft_link_send(uplink->link, message);
    errno = ENOTCONN;
    return -1;
}

bool ft_uplink_is_up(const struct ft_uplink *uplink)
{
    return uplink->state == UP;
}

bool ft_uplink_address(const struct ft_uplink *uplink, struct sockaddr_storage *address)
{
    return uplink->link != NULL && ft_link_address(uplink->link, address);
}

int ft_uplink_host_silent_ms(const struct ft_uplink *uplink)
{
    if (uplink->state == UP && uplink->link != NULL)
        return ft_link_unacked_ms(uplink->link);
    return uplink->host_lived_ms != 0 ? (int)(ft_clock_ms() - uplink->host_lived_ms) : -1;
}

void ft_uplink_stop(struct ft_uplink *uplink)
{
    if (uplink->stopped)
        return;
    uplink->stopped = true;
    end(uplink, "", false);
    uv_close((uv_handle_t *)&uplink->timer, NULL);
}

void ft_uplink_destroy(struct ft_uplink *uplink)
{
    free(uplink);
}
