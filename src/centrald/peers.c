/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peers.c - the links between the voters: dialled, kept, given up, dialled again; letters cut into
 * frames and put together again.
 *
 * Owned by book.c. Messages: Hello both ways, then VoterBytes from the side that connected: a piece
 * of a letter each, its first byte 1 if it is the last piece.
 *
 *     CLOSED --(after a pause)--> DIALLING --opened--> OPEN --closed, or silence--> CLOSED
 *
 * A link that was open and is closed by the other end is dialled again at once: a host that refuses
 * says that the program there has ended, which is worth knowing.
 *
 * Silence: nothing came from that voter for 1.5 s although we write to it. The connection may be
 * one that a partition has stalled; a new one is quicker than TCP's patience.
 */
#include "centrald/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text.h"
#include "core/plan.h"
#include "ft.h"

#define NAME_BYTES 256
#define ROLE_CENTRAL 3
#define DIAL_MS 1000
#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS 1000
#define REFUSED_EACH_MS 10000
#define SILENCE_MS 1500
#define PUMP_MS 5
#define PIECE_BYTES (256u << 10)
#define LETTER_MAX_BYTES (96u << 20)
#define QUEUE_MAX_BYTES (128u << 20)
#define QUEUE_MAX_LETTERS 4096u

struct letter {
    struct letter *next;
    uint8_t *bytes;
    size_t n, sent;
};

struct peer {
    struct ft_peers *peers;
    struct peer *next;
    char name[NAME_BYTES];
    char hosts[1024];
    uint16_t port;
    struct ft_link *out, *in;
    bool open;              /* out may be written to */
    bool gone;              /* the plan knows it no longer: freed with its last link */
    uint64_t opened_ms, heard_ms;
    unsigned pause_ms;
    uv_timer_t timer;       /* dials; while open: pumps what did not go at once */
    bool timer_closed;
    struct letter *first, *last;
    size_t queued_bytes, queued;
    uint8_t *building;      /* a letter that came in part */
    size_t building_n, building_room;
    bool told_down, told_refused;
};

struct ft_peers {
    uv_loop_t *loop;
    struct ft_identity identity;
    char self[NAME_BYTES];
    struct ft_peers_events events;
    void *arg;
    struct peer *first;
    uv_timer_t watch;
    bool begun;             /* the watch runs */
    uint64_t refused_ms;    /* when somebody was last, and that was logged */
    size_t pending;         /* links and timers that are not closed yet */
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
};

static void dial(struct peer *peer);

static uint64_t now_ms(const struct ft_peers *peers)
{
    return uv_now(peers->loop);
}

static struct peer *find(const struct ft_peers *peers, const char *name)
{
    for (struct peer *peer = peers->first; peer != NULL; peer = peer->next)
        if (!peer->gone && strcmp(peer->name, name) == 0)
            return peer;
    return NULL;
}

/* ---------------------------------------------------------------- memory and endings */

static void drop_letters(struct peer *peer)
{
    while (peer->first != NULL) {
        struct letter *letter = peer->first;

        peer->first = letter->next;
        free(letter->bytes);
        free(letter);
    }
    peer->last = NULL;
    peer->queued_bytes = peer->queued = 0;
}

static void finish_closing(struct ft_peers *peers)
{
    if (peers->closing && peers->pending == 0 && peers->closed != NULL) {
        void (*closed)(void *arg) = peers->closed;

        peers->closed = NULL;
        closed(peers->closed_arg);
    }
}

static void free_if_gone(struct peer *peer)
{
    struct peer **link = &peer->peers->first;

    if (!peer->gone || peer->in != NULL || peer->out != NULL || !peer->timer_closed)
        return;
    while (*link != peer)
        link = &(*link)->next;
    *link = peer->next;
    drop_letters(peer);
    free(peer->building);
    free(peer);
}

static void timer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;
    struct ft_peers *peers = peer->peers;

    peer->timer_closed = true;
    peers->pending--;
    free_if_gone(peer);
    finish_closing(peers);
}

/* ---------------------------------------------------------------- writing */

/* Gives the link what it takes; the rest waits. */
static void pump(struct peer *peer)
{
    static uint8_t piece[PIECE_BYTES + 1]; /* one loop, one thread; too large for a stack */

    while (peer->open && peer->first != NULL) {
        struct letter *letter = peer->first;
        size_t n = letter->n - letter->sent;
        Ft__Message message = FT__MESSAGE__INIT;
        Ft__VoterBytes bytes = FT__VOTER_BYTES__INIT;

        if (n > PIECE_BYTES)
            n = PIECE_BYTES;
        piece[0] = letter->sent + n == letter->n;
        memcpy(piece + 1, letter->bytes + letter->sent, n);
        bytes.bytes.data = piece;
        bytes.bytes.len = n + 1;
        message.body_case = FT__MESSAGE__BODY_VOTER_BYTES;
        message.voter_bytes = &bytes;
        if (ft_link_send(peer->out, &message) != 0)
            return; /* full: later. Broken: `closed` follows, and drops them */
        letter->sent += n;
        if (letter->sent < letter->n)
            continue;
        peer->first = letter->next;
        if (peer->first == NULL)
            peer->last = NULL;
        peer->queued_bytes -= letter->n;
        peer->queued--;
        free(letter->bytes);
        free(letter);
    }
}

static void pump_later(uv_timer_t *timer)
{
    struct peer *peer = timer->data;

    pump(peer);
    if (peer->open && peer->first != NULL)
        uv_timer_start(&peer->timer, pump_later, PUMP_MS, 0);
}

void ft_peers_send(struct ft_peers *peers, const char *name, uint8_t *bytes, size_t n)
{
    struct peer *peer = find(peers, name);
    struct letter *letter = NULL;

    if (peer != NULL && peer->open && peer->queued < QUEUE_MAX_LETTERS && n <= LETTER_MAX_BYTES &&
        peer->queued_bytes + n <= QUEUE_MAX_BYTES)
        letter = calloc(1, sizeof *letter);
    if (letter == NULL) {
        free(bytes);
        return;
    }
    letter->bytes = bytes;
    letter->n = n;
    *(peer->last != NULL ? &peer->last->next : &peer->first) = letter;
    peer->last = letter;
    peer->queued_bytes += n;
    peer->queued++;
    if (!uv_is_active((uv_handle_t *)&peer->timer))
        pump_later(&peer->timer);
}

/* ---------------------------------------------------------------- dialling */

static int say_hello(const struct ft_peers *peers, struct ft_link *link, int refused)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Hello hello = FT__HELLO__INIT;

    hello.protocol = FT_PROTOCOL;
    hello.program = (char *)"ft-centrald " FT_VERSION;
    hello.node = (char *)(uintptr_t)peers->self;
    hello.rank = -1;
    hello.pid = getpid();
    hello.role = ROLE_CENTRAL;
    hello.refused = refused;
    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    return ft_link_send(link, &message);
}

static void dial_later(uv_timer_t *timer)
{
    dial(timer->data);
}

static void out_opened(void *arg, struct ft_link *link)
{
    struct peer *peer = arg;
    struct ft_peers *peers = peer->peers;

    if (say_hello(peers, link, FT_OK) != 0) {
        ft_link_close(link);
        return;
    }
    peer->open = true;
    peer->opened_ms = now_ms(peers);
    peer->pause_ms = PAUSE_FIRST_MS;
    peer->told_down = false;
    peers->events.connected(peers->arg, peer->name);
}

static void out_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct peer *peer = arg;

    if (message->body_case != FT__MESSAGE__BODY_HELLO || message->hello->refused == FT_OK)
        return;
    if (!peer->told_refused)
        ft_log_warning("the central unit on %s refuses this voter: %s", peer->name,
                       message->hello->refused == FT_ERR_VERSION
                           ? "its version of FT is another one"
                           : "its ft.conf does not name this node as a voter");
    peer->told_refused = true; /* once, until that voter comes itself */
    peer->open = false;        /* it never was: not to be dialled at once */
    peer->pause_ms = PAUSE_MAX_MS;
    ft_link_close(link);
}

static void out_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    struct peer *peer = arg;
    struct ft_peers *peers = peer->peers;

    bool was_open = peer->out == link && peer->open;

    peers->pending--;
    if (peer->out == link) {
        peer->out = NULL;
        peer->open = false;
        drop_letters(peer);
    }
    if (!peer->told_down && error != 0 && !peers->closing && !peer->gone) {
        peer->told_down = true; /* once, until it was reached again */
        ft_log_info("the voter on %s is not reached: %s", peer->name, text);
    }
    if (!peers->closing && !peer->gone && peer->out == NULL) {
        uv_timer_start(&peer->timer, dial_later, was_open ? 0 : peer->pause_ms, 0);
        peer->pause_ms = peer->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : peer->pause_ms * 2;
        if (!was_open && error == ECONNREFUSED)
            peers->events.refused(peers->arg, peer->name);
    }
    free_if_gone(peer);
    finish_closing(peers);
}

static const struct ft_link_events out_events = {
    .opened = out_opened, .message = out_message, .closed = out_closed,
};

static void dial(struct peer *peer)
{
    struct ft_peers *peers = peer->peers;

    if (peers->closing || peer->gone || peer->out != NULL)
        return;
    peer->out = ft_link_connect_tcp_as(peers->loop, peer->hosts, peer->port, &peers->identity,
                                       DIAL_MS, &out_events, peer);
    if (peer->out == NULL)
        uv_timer_start(&peer->timer, dial_later, PAUSE_MAX_MS, 0);
    else
        peers->pending++;
}

/* Leaves a link to its end, and makes another one. */
static void give_up(struct peer *peer)
{
    struct ft_link *link = peer->out;

    peer->out = NULL;
    peer->open = false;
    drop_letters(peer);
    uv_timer_stop(&peer->timer);
    ft_link_close(link);
    dial(peer);
}

static void watch(uv_timer_t *timer)
{
    struct ft_peers *peers = timer->data;
    uint64_t now = now_ms(peers);

    for (struct peer *peer = peers->first; peer != NULL; peer = peer->next)
        if (peer->open && !peer->gone && now - peer->opened_ms > SILENCE_MS &&
            now - peer->heard_ms > SILENCE_MS)
            give_up(peer);
}

/* ---------------------------------------------------------------- reading */

static bool build(struct peer *peer, const uint8_t *piece, size_t n)
{
    size_t room = peer->building_room > 0 ? peer->building_room : 4096;
    uint8_t *bytes;

    if (n > LETTER_MAX_BYTES - peer->building_n)
        return false;
    while (room < peer->building_n + n)
        room *= 2;
    if (room != peer->building_room) {
        bytes = realloc(peer->building, room);
        if (bytes == NULL)
            return false;
        peer->building = bytes;
        peer->building_room = room;
    }
    if (n > 0)
        memcpy(peer->building + peer->building_n, piece, n);
    peer->building_n += n;
    return true;
}

static void forget_building(struct peer *peer)
{
    free(peer->building);
    peer->building = NULL;
    peer->building_n = peer->building_room = 0;
}

static void in_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct peer *peer = arg;
    struct ft_peers *peers = peer->peers;
    const ProtobufCBinaryData *bytes;

    if (peer->in != link || peers->closing || peer->gone ||
        message->body_case != FT__MESSAGE__BODY_VOTER_BYTES)
        return;
    peer->heard_ms = now_ms(peers);
    bytes = &message->voter_bytes->bytes;
    if (bytes->len < 1 || !build(peer, bytes->data + 1, bytes->len - 1)) {
        ft_log_warning("the voter on %s sends what is no letter", peer->name);
        ft_link_close(link);
        return;
    }
    if (bytes->data[0] == 0)
        return;
    peers->events.letter(peers->arg, peer->name, peer->building, peer->building_n);
    peer->building_n = 0;
    if (peer->building_room > PIECE_BYTES * 4)
        forget_building(peer);
}

static void in_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    struct peer *peer = arg;
    struct ft_peers *peers = peer->peers;

    (void)error;
    (void)text;
    peers->pending--;
    if (peer->in == link) {
        peer->in = NULL;
        forget_building(peer);
    }
    free_if_gone(peer);
    finish_closing(peers);
}

static const struct ft_link_events in_events = {.message = in_message, .closed = in_closed};

/* It comes again and again. */
static void say_refused(struct ft_peers *peers, const struct ft_link *link, const Ft__Hello *hello,
                        int refused)
{
    if (peers->refused_ms != 0 && now_ms(peers) - peers->refused_ms < REFUSED_EACH_MS)
        return;
    peers->refused_ms = now_ms(peers);
    ft_log_warning("%s at %s says that it is the voter on \"%s\": refused, %s", hello->program,
                   ft_link_peer(link), hello->node,
                   refused == FT_ERR_VERSION ? "its version is another one"
                                             : "ft.conf names no such voter");
}

void ft_peers_take(struct ft_peers *peers, struct ft_link *link, const Ft__Hello *hello)
{
    struct peer *peer = find(peers, hello->node);
    int refused = hello->protocol != FT_PROTOCOL  ? FT_ERR_VERSION
                  : peer == NULL || peers->closing ? FT_ERR_DENIED
                                                   : FT_OK;

    if (say_hello(peers, link, refused) != 0 || refused != FT_OK) {
        say_refused(peers, link, hello, refused);
        ft_link_close(link);
        return;
    }
    if (peer->in != NULL) { /* it has given that one up */
        struct ft_link *old = peer->in;

        peer->in = NULL;
        ft_link_close(old);
    }
    forget_building(peer);
    peer->in = link;
    peer->told_refused = false;
    peer->heard_ms = now_ms(peers);
    peers->pending++;
    ft_link_accept(link, &in_events, peer);
    if (!peer->open && peer->out == NULL) { /* it is there again: no need to wait */
        uv_timer_stop(&peer->timer);
        dial(peer);
    }
}

/* ---------------------------------------------------------------- who there is */

static void leave(struct peer *peer)
{
    if (peer->gone)
        return;
    peer->gone = true;
    peer->open = false;
    uv_timer_stop(&peer->timer);
    uv_close((uv_handle_t *)&peer->timer, timer_closed);
    if (peer->out != NULL)
        ft_link_close(peer->out);
    if (peer->in != NULL)
        ft_link_close(peer->in);
}

static int meet(struct ft_peers *peers, const struct ft_peers_other *other)
{
    struct peer *peer = calloc(1, sizeof *peer);

    if (peer == NULL)
        return -1;
    peer->peers = peers;
    peer->pause_ms = PAUSE_FIRST_MS;
    peer->port = other->port;
    ft_text_copy(peer->name, sizeof peer->name, other->name);
    ft_text_copy(peer->hosts, sizeof peer->hosts, other->hosts);
    uv_timer_init(peers->loop, &peer->timer);
    peer->timer.data = peer;
    peers->pending++;
    peer->next = peers->first;
    peers->first = peer;
    dial(peer);
    return 0;
}

int ft_peers_set(struct ft_peers *peers, const struct ft_peers_other *others, size_t n)
{
    if (!peers->begun) {
        uv_timer_init(peers->loop, &peers->watch);
        peers->watch.data = peers;
        peers->pending++;
        uv_timer_start(&peers->watch, watch, SILENCE_MS / 3, SILENCE_MS / 3);
        peers->begun = true;
    }
    for (struct peer *peer = peers->first; peer != NULL; peer = peer->next) {
        bool stays = false;

        for (size_t i = 0; i < n; i++)
            stays = stays || (strcmp(peer->name, others[i].name) == 0 &&
                              strcmp(peer->hosts, others[i].hosts) == 0 &&
                              peer->port == others[i].port);
        if (!stays)
            leave(peer);
    }
    for (size_t i = 0; i < n; i++)
        if (find(peers, others[i].name) == NULL && meet(peers, &others[i]) != 0)
            return -1;
    return 0;
}

bool ft_peers_is_connected(const struct ft_peers *peers, const char *name)
{
    const struct peer *peer = find(peers, name);

    return peer != NULL && peer->open && peer->in != NULL;
}

struct ft_peers *ft_peers_create(uv_loop_t *loop, const struct ft_identity *identity,
                                 const char *self, const struct ft_peers_events *events, void *arg)
{
    struct ft_peers *peers = calloc(1, sizeof *peers);

    if (peers == NULL)
        return NULL;
    peers->loop = loop;
    peers->identity = *identity;
    peers->events = *events;
    peers->arg = arg;
    ft_text_copy(peers->self, sizeof peers->self, self);
    return peers;
}

static void watch_closed(uv_handle_t *handle)
{
    struct ft_peers *peers = handle->data;

    peers->pending--;
    finish_closing(peers);
}

void ft_peers_close(struct ft_peers *peers, void (*closed)(void *arg), void *arg)
{
    peers->closing = true;
    peers->closed = closed;
    peers->closed_arg = arg;
    for (struct peer *peer = peers->first; peer != NULL; peer = peer->next)
        leave(peer);
    uv_close((uv_handle_t *)&peers->watch, watch_closed);
}

void ft_peers_destroy(struct ft_peers *peers)
{
    if (peers == NULL)
        return;
    ft_identity_wipe(&peers->identity);
    free(peers);
}
