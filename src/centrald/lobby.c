/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lobby.c - owns the links of units that came while this voter did not know who leads.
 *
 * When a leader ends, all its units come to the other voters at once, and an election takes its
 * time. Sent away ("I do not lead, nor do I know who does") they would come again and again, each
 * time proving themselves anew, and after ever longer pauses: the last one after the election would
 * be some hundred milliseconds late. So they wait here, having said Hello:
 *
 *     this voter leads      -> they are served, SERVE_MAX in a turn of the loop
 *     another one does      -> told so, in the same bounds
 *     wait_ms have passed   -> sent away; they try the others. This one may be cut off from them
 *
 * Owned by system.c. How many there may be is bounded; who finds no room is sent away at once.
 */
#include "centrald/lobby.h"

#include <stdlib.h>

#include "centrald/hello.h"
#include "common/clock.h"
#include "common/text.h"

#define GUESTS_MAX 20000
#define SERVE_MAX 256
#define HELLO_MAX_BYTES 8192
#define LEADER_BYTES 320

struct guest {
    struct ft_lobby *lobby;
    struct ft_link *link;
    int64_t since_ms;
    struct guest *older, *newer;
    size_t n;
    uint8_t hello[]; /* the message that it said, n bytes */
};

struct ft_lobby {
    uv_loop_t *loop;
    const char *node;
    unsigned wait_ms;
    ft_lobby_fn serve;
    void *arg;
    uv_timer_t timer;
    struct guest *oldest, *newest;
    unsigned guests_n;
    unsigned leaving;           /* so many of the oldest are to be served, or sent on */
    char leader[LEADER_BYTES];  /* to whom; "": served here */
    bool stopped;
};

static void on_timer(uv_timer_t *timer);

/* For what comes next: somebody may leave, or the oldest has waited long enough. */
static void arm(struct ft_lobby *lobby)
{
    int64_t left_ms;

    if (lobby->stopped || lobby->oldest == NULL) {
        uv_timer_stop(&lobby->timer);
        return;
    }
    left_ms = lobby->leaving > 0 ? 0 : lobby->oldest->since_ms + lobby->wait_ms -
                                           ft_clock_ms();
    uv_update_time(lobby->loop);
    uv_timer_start(&lobby->timer, on_timer, left_ms > 0 ? (uint64_t) left_ms : 0, 0);
}

/* ---------------------------------------------------------------- guests */

static void forget(struct guest *guest)
{
    struct ft_lobby *lobby = guest->lobby;

    *(guest->older != NULL ? &guest->older->newer : &lobby->oldest) = guest->newer;
    *(guest->newer != NULL ? &guest->newer->older : &lobby->newest) = guest->older;
    lobby->guests_n--;
    if (lobby->leaving > lobby->guests_n)
        lobby->leaving = lobby->guests_n;
    free(guest);
}

static void on_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    (void) link;
    (void) error;
    (void) text;
    forget(arg);
}

/* The link is nobody's then. */
static struct ft_link *leave(struct guest *guest)
{
    struct ft_link *link = guest->link;

    ft_link_accept(link, NULL, NULL);
    forget(guest);
    return link;
}

/* It has said what it had to say, and no answer has come. */
static void on_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    (void) link;
    (void) message;
    ft_link_close(leave(arg));
}

static const struct ft_link_events guest_events = {.message = on_message, .closed = on_closed};

bool ft_lobby_take(struct ft_lobby *lobby, struct ft_link *link, const Ft__Hello *hello)
{
    Ft__Message message = FT__MESSAGE__INIT;
    struct guest *guest = NULL;
    size_t n;

    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = (Ft__Hello *) (uintptr_t) hello;
    n = ft__message__get_packed_size(&message);
    if (!lobby->stopped && lobby->guests_n < GUESTS_MAX && n <= HELLO_MAX_BYTES)
        guest = calloc(1, sizeof *guest + n);
    if (guest == NULL)
        return false;
    guest->lobby = lobby;
    guest->link = link;
    guest->since_ms = ft_clock_ms();
    guest->n = ft__message__pack(&message, guest->hello);
    guest->older = lobby->newest;
    *(lobby->newest != NULL ? &lobby->newest->newer : &lobby->oldest) = guest;
    lobby->newest = guest;
    ft_link_accept(link, &guest_events, guest);
    if (++lobby->guests_n == 1)
        arm(lobby);
    return true;
}

/* ---------------------------------------------------------------- leaving */

/* The oldest one. */
static void let_go(struct ft_lobby *lobby, bool to_be_served)
{
    Ft__Message *message = to_be_served ? ft__message__unpack(NULL, lobby->oldest->n,
                                                              lobby->oldest->hello) : NULL;
    struct ft_link *link = leave(lobby->oldest);

    if (message != NULL)
        lobby->serve(lobby->arg, link, message->hello);
    else
        ft_hello_redirect(link, lobby->node, lobby->leader);
    ft__message__free_unpacked(message, NULL);
}

static void on_timer(uv_timer_t *timer)
{
    struct ft_lobby *lobby = timer->data;
    unsigned n = lobby->leaving < SERVE_MAX ? lobby->leaving : SERVE_MAX;
    int64_t now_ms = ft_clock_ms();

    lobby->leaving -= n;
    for (; n > 0 && lobby->oldest != NULL; n--)
        let_go(lobby, lobby->leader[0] == '\0');
    if (lobby->leaving == 0)
        lobby->leader[0] = '\0';
    for (n = 0; n < SERVE_MAX && lobby->leaving == 0 && lobby->oldest != NULL &&
                now_ms - lobby->oldest->since_ms >= lobby->wait_ms; n++)
        let_go(lobby, false);
    arm(lobby);
}

void ft_lobby_open(struct ft_lobby *lobby)
{
    ft_lobby_send_on(lobby, "");
}

void ft_lobby_send_on(struct ft_lobby *lobby, const char *leader)
{
    ft_text_copy(lobby->leader, sizeof lobby->leader, leader);
    lobby->leaving = lobby->guests_n;
    arm(lobby);
}

/* ---------------------------------------------------------------- life */

struct ft_lobby *ft_lobby_create(uv_loop_t *loop, const char *node, unsigned wait_ms,
                                 ft_lobby_fn serve, void *arg)
{
    struct ft_lobby *lobby = calloc(1, sizeof *lobby);

    if (lobby == NULL)
        return NULL;
    lobby->loop = loop;
    lobby->node = node;
    lobby->wait_ms = wait_ms;
    lobby->serve = serve;
    lobby->arg = arg;
    uv_timer_init(loop, &lobby->timer);
    lobby->timer.data = lobby;
    return lobby;
}

void ft_lobby_stop(struct ft_lobby *lobby)
{
    if (lobby == NULL || lobby->stopped)
        return;
    lobby->stopped = true;
    lobby->leaving = 0;
    while (lobby->oldest != NULL)
        ft_link_close(leave(lobby->oldest));
    uv_close((uv_handle_t *) &lobby->timer, NULL);
}

void ft_lobby_destroy(struct ft_lobby *lobby)
{
    free(lobby);
}
