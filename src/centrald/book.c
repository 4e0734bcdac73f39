/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * book.c - a voter on a real machine: libuv's clock and threads, a real disk, links to the others.
 *
 * Opened by the daemon; what it hears goes to voter.c and back out through struct ft_book_events.
 * Nothing is decided here.
 *
 *     timer, each leader_beat_ms   -> ft_voter_tick
 *     end of a turn of the loop    -> ft_voter_flush, if something was put
 *     peers: letter, connected,    -> ft_voter_receive, ft_voter_connected,
 *            refused                  ft_voter_refused
 *     thread done                  -> the work's done()
 *
 * Stopping: hands the lead over if there is somebody (at most HAND_OVER_MS), closes the voter, then
 * the links and the handles, then says `stopped`.
 */
#include "centrald/book.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "centrald/disk.h"
#include "centrald/peers.h"
#include "centrald/voter.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

#define HAND_OVER_MS 600
#define HANDLES 3

#define SAID_MAX 4

struct said { char event[64], node[FT_STORE_NAME_MAX], text[512]; };
struct address { char name[FT_STORE_NAME_MAX], text[FT_STORE_NAME_MAX]; };

struct ft_book {
    uv_loop_t *loop;
    struct ft_book_events events;
    void *arg;
    struct ft_voter_config config;
    struct address addresses[FT_PLAN_VOTERS_MAX]; /* "HOST:PORT" */
    size_t addresses_n;
    struct ft_disk *disk;
    struct ft_voter *voter;
    struct ft_peers *peers;
    uv_timer_t timer;
    uv_prepare_t turn;          /* only while something was put */
    uv_idle_t awake;            /* keeps that turn from waiting */
    uv_work_t thread;
    struct ft_voterio_work *work;
    unsigned random;
    struct said said[SAID_MAX]; /* while opening */
    size_t said_n;
    bool opening, stopping, closing;
    int64_t stop_by_ms;
    unsigned handles;           /* still open */
    void (*stopped)(void *arg);
    void *stopped_arg;
};

/* ---------------------------------------------------------------- what a voter needs */

static uint64_t env_now_ms(void *arg)
{
    (void)arg;
    return (uint64_t)ft_clock_ms(); /* not the loop's: that stands still during a turn */
}

static unsigned env_random(void *arg)
{
    struct ft_book *book = arg;

    /* xorshift: only spreads elections */
    book->random ^= book->random << 13;
    book->random ^= book->random >> 17;
    book->random ^= book->random << 5;
    return book->random >> 1;
}

static uint64_t env_fresh_id(void *arg)
{
    uint64_t id = 0;

    (void)arg;
    while (id == 0)
        if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id)
            id = 0; /* interrupted: again; without random numbers there is no identity */
    return id >> 1 != 0 ? id >> 1 : 1; /* libraft compares as signed in places */
}

static void env_send(void *arg, const char *name, uint8_t *letter, size_t n)
{
    struct ft_book *book = arg;

    if (book->peers != NULL)
        ft_peers_send(book->peers, name, letter, n);
    else
        free(letter);
}

static void thread_run(uv_work_t *thread)
{
    struct ft_book *book = thread->data;

    book->work->run(book->work);
}

static void thread_done(uv_work_t *thread, int status)
{
    struct ft_book *book = thread->data;

    (void)status; /* never cancelled */
    book->work->done(book->work);
}

static void env_work(void *arg, struct ft_voterio_work *work)
{
    struct ft_book *book = arg;

    book->work = work;
    book->thread.data = book;
    /* It fails only without a function to run. */
    uv_queue_work(book->loop, &book->thread, thread_run, thread_done);
}

static const char *address_of(const struct ft_book *book, const char *name)
{
    for (size_t i = 0; i < book->addresses_n; i++)
        if (strcmp(book->addresses[i].name, name) == 0)
            return book->addresses[i].text;
    return "";
}

static void env_lead(void *arg, uint64_t term)
{
    struct ft_book *book = arg;

    if (!book->stopping)
        book->events.lead(book->arg, term);
}

static void env_follow(void *arg, const char *leader)
{
    struct ft_book *book = arg;

    if (!book->stopping)
        book->events.follow(book->arg, leader[0] != '\0' ? address_of(book, leader) : "");
}

static void env_safe(void *arg, uint64_t mark)
{
    struct ft_book *book = arg;

    if (!book->stopping)
        book->events.safe(book->arg, mark);
}

static void env_broken(void *arg, const char *why)
{
    struct ft_book *book = arg;

    if (!book->stopping)
        book->events.broken(book->arg, why);
}

static void env_say(void *arg, const char *event, const char *node, const char *text)
{
    struct ft_book *book = arg;

    if (book->opening && book->said_n < SAID_MAX) {
        struct said *said = &book->said[book->said_n++]; /* no callback before the book is there */

        ft_text_copy(said->event, sizeof said->event, event);
        ft_text_copy(said->node, sizeof said->node, node);
        ft_text_copy(said->text, sizeof said->text, text);
    } else if (book->events.say != NULL && !book->opening && !book->stopping) {
        book->events.say(book->arg, event, node, text);
    } else {
        ft_log_info("%s: %s", event, text);
    }
}

static void say_what_waits(struct ft_book *book)
{
    for (size_t i = 0; i < book->said_n; i++)
        env_say(book, book->said[i].event, book->said[i].node, book->said[i].text);
    book->said_n = 0;
}

/* ---------------------------------------------------------------- the plan */

static void add_planned(struct ft_book *book, const struct ft_plan *plan,
                        const struct ft_plan_voter *from)
{
    struct ft_voter_planned *to = &book->config.planned[book->config.planned_n++];
    struct address *address = &book->addresses[book->addresses_n++];

    ft_text_copy(to->name, sizeof to->name, from->name);
    to->priority = from->priority;
    to->witness = from->witness;
    ft_text_copy(address->name, sizeof address->name, from->name);
    address->text[0] = '\0';
    ft_text_appendf(address->text, sizeof address->text, "%s:%u",
                    from->address != NULL && from->address[0] != '\0' ? from->address : from->name,
                    (unsigned)(from->port != 0 ? from->port : plan->port));
}

/* Takes what it needs of a plan. */
static int take_plan(struct ft_book *book, const struct ft_plan *plan, char *why, size_t size)
{
    if (plan->voters_n > FT_PLAN_VOTERS_MAX) {
        snprintf(why, size, "there are %zu voters, and %d are the most", plan->voters_n,
                 FT_PLAN_VOTERS_MAX);
        return -1;
    }
    book->config.planned_n = book->addresses_n = 0;
    for (size_t i = 0; i < plan->voters_n; i++)
        add_planned(book, plan, &plan->voters[i]);
    book->config.election_ms = plan->election_ms > 0 ? plan->election_ms : 300;
    book->config.beat_ms = plan->leader_beat_ms > 0 ? plan->leader_beat_ms : 50;
    if (book->config.beat_ms >= book->config.election_ms)
        book->config.beat_ms = book->config.election_ms > 5 ? book->config.election_ms / 5 : 1;
    book->config.handback_ms = plan->handback_ms;
    return 0;
}

/* What the number of voters means, said once, for people. */
static void say_plan(struct ft_book *book)
{
    if (book->config.planned_n == 2)
        env_say(book, "voters_two", "",
                "two voters: if one of them is lost, the other cannot take over by itself. Name a "
                "third one with witness = true on another machine: it only votes");
    else if (book->config.planned_n == 4)
        env_say(book, "voters_even", "",
                "four voters bear the loss of one, as three do; name three or five");
}

static int meet_peers(struct ft_book *book, const struct ft_plan *plan)
{
    struct ft_peers_other others[FT_PLAN_VOTERS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < plan->voters_n; i++) {
        const struct ft_plan_voter *from = &plan->voters[i];

        if (strcmp(from->name, book->config.self) == 0)
            continue;
        others[n].name = from->name;
        others[n].hosts =
            from->address != NULL && from->address[0] != '\0' ? from->address : from->name;
        others[n++].port = from->port != 0 ? from->port : plan->port;
    }
    return ft_peers_set(book->peers, others, n);
}

int ft_book_reload(struct ft_book *book, const struct ft_plan *plan, char *why, size_t size)
{
    if (take_plan(book, plan, why, size) != 0)
        return -1;
    if (meet_peers(book, plan) != 0) {
        snprintf(why, size, "no memory");
        return -1;
    }
    uv_timer_set_repeat(&book->timer, book->config.beat_ms);
    ft_voter_replan(book->voter, &book->config);
    say_plan(book);
    return 0;
}

/* ---------------------------------------------------------------- the loop */

static void begin_closing(struct ft_book *book);

static void tick(uv_timer_t *timer)
{
    struct ft_book *book = timer->data;

    say_what_waits(book);
    ft_voter_tick(book->voter);
    if (book->stopping && !book->closing &&
        (!ft_voter_is_leader(book->voter) || ft_clock_ms() >= book->stop_by_ms))
        begin_closing(book);
}

static void peer_letter(void *arg, const char *name, const uint8_t *letter, size_t n)
{
    struct ft_book *book = arg;

    if (!book->closing)
        ft_voter_receive(book->voter, name, letter, n);
}

static void peer_refused(void *arg, const char *name)
{
    struct ft_book *book = arg;

    if (!book->closing)
        ft_voter_refused(book->voter, name);
}

static void peer_connected(void *arg, const char *name)
{
    struct ft_book *book = arg;

    if (!book->closing)
        ft_voter_connected(book->voter, name);
}

static void stay_awake(uv_idle_t *idle)
{
    (void)idle; /* only so that the loop does not wait before the turn ends */
}

/* What was put during this turn becomes one entry. */
static void turn_ends(uv_prepare_t *prepare)
{
    struct ft_book *book = prepare->data;

    uv_prepare_stop(&book->turn);
    uv_idle_stop(&book->awake);
    if (!book->closing)
        ft_voter_flush(book->voter);
}

void ft_book_put(struct ft_book *book, const char *key, const void *data, size_t n)
{
    if (book->stopping)
        return;
    ft_voter_put(book->voter, key, data, n);
    if (!uv_is_active((uv_handle_t *)&book->turn)) {
        uv_prepare_start(&book->turn, turn_ends);
        uv_idle_start(&book->awake, stay_awake);
    }
}

uint64_t ft_book_mark(const struct ft_book *book)
{
    return ft_voter_mark(book->voter);
}

bool ft_book_is_safe(const struct ft_book *book, uint64_t mark)
{
    return ft_voter_is_safe(book->voter, mark);
}

const struct ft_ledger *ft_book_ledger(const struct ft_book *book)
{
    return ft_voter_ledger(book->voter);
}

int ft_book_hand_over(struct ft_book *book, const char *voter, char *why, size_t size)
{
    return ft_voter_hand_over(book->voter, voter, why, size);
}

void ft_book_take(struct ft_book *book, struct ft_link *link, const Ft__Hello *hello)
{
    ft_peers_take(book->peers, link, hello);
}

void ft_book_status(const struct ft_book *book, struct ft_book_status *status)
{
    ft_voter_status(book->voter, status);
    for (size_t i = 0; i < status->voters_n; i++) {
        struct ft_book_voter_status *one = &status->voters[i];

        ft_text_copy(one->address, sizeof one->address, address_of(book, one->name));
        one->connected = one->self || ft_peers_is_connected(book->peers, one->name);
    }
}

/* ---------------------------------------------------------------- opening */

static void init_handles(struct ft_book *book)
{
    uv_timer_init(book->loop, &book->timer);
    uv_prepare_init(book->loop, &book->turn);
    uv_idle_init(book->loop, &book->awake);
    book->timer.data = book->turn.data = book->awake.data = book;
    book->handles = HANDLES;
}

static bool names_self(const struct ft_book *book)
{
    for (size_t i = 0; i < book->config.planned_n; i++)
        if (strcmp(book->config.planned[i].name, book->config.self) == 0)
            return true;
    return book->config.planned_n == 0;
}

static struct ft_voter *open_voter(struct ft_book *book, char *why, size_t size)
{
    static const struct ft_voter_env env = {
        .now_ms = env_now_ms, .random = env_random, .fresh_id = env_fresh_id, .send = env_send,
        .work = env_work, .lead = env_lead, .follow = env_follow, .safe = env_safe,
        .broken = env_broken, .say = env_say,
    };
    struct ft_voter_env mine = env;

    mine.arg = book;
    return ft_voter_create(book->disk, &book->config, &mine, why, size);
}

struct ft_book *ft_book_open(uv_loop_t *loop, const struct ft_book_config *config,
                             const struct ft_book_events *events, void *arg, char *why, size_t size)
{
    static const struct ft_peers_events peer_events = {
        .letter = peer_letter, .connected = peer_connected, .refused = peer_refused};
    struct ft_book *book = calloc(1, sizeof *book);

    if (book == NULL) {
        snprintf(why, size, "no memory");
        return NULL;
    }
    book->loop = loop;
    book->events = *events;
    book->arg = arg;
    book->opening = true;
    book->random = (unsigned)env_fresh_id(book) | 1u;
    book->config.snapshot_each = config->snapshot_each;
    ft_text_copy(book->config.self, sizeof book->config.self, config->self);
    if (take_plan(book, config->plan, why, size) != 0)
        goto error;
    if (!names_self(book)) {
        snprintf(why, size, "ft.conf names no voter \"%s\": ft-centrald runs on the nodes that it "
                 "names", config->self);
        goto error;
    }
    book->disk = ft_disk_open(config->folder != NULL ? config->folder : config->plan->folder, why,
                              size);
    if (book->disk == NULL)
        goto error;
    book->peers = ft_peers_create(loop, config->identity, config->self, &peer_events, book);
    if (book->peers == NULL) {
        snprintf(why, size, "no memory");
        goto error;
    }
    book->voter = open_voter(book, why, size);
    if (book->voter == NULL)
        goto error;
    init_handles(book);
    if (meet_peers(book, config->plan) != 0)
        ft_log_warning("no memory for a link to each voter");
    uv_timer_start(&book->timer, tick, 1, book->config.beat_ms);
    say_plan(book);
    book->opening = false;
    return book;

error:
    ft_peers_destroy(book->peers);
    ft_disk_close(book->disk);
    free(book);
    return NULL;
}

/* ---------------------------------------------------------------- stopping */

static void handle_closed(uv_handle_t *handle)
{
    struct ft_book *book = handle->data;

    if (--book->handles == 0)
        book->stopped(book->stopped_arg);
}

static void peers_closed(void *arg)
{
    struct ft_book *book = arg;

    uv_close((uv_handle_t *)&book->timer, handle_closed);
    uv_close((uv_handle_t *)&book->turn, handle_closed);
    uv_close((uv_handle_t *)&book->awake, handle_closed);
}

static void voter_closed(void *arg)
{
    struct ft_book *book = arg;

    ft_peers_close(book->peers, peers_closed, book);
}

static void begin_closing(struct ft_book *book)
{
    book->closing = true;
    uv_timer_stop(&book->timer);
    uv_prepare_stop(&book->turn);
    uv_idle_stop(&book->awake);
    ft_voter_close(book->voter, voter_closed, book);
}

void ft_book_stop(struct ft_book *book, void (*stopped)(void *arg), void *arg)
{
    char why[256];

    if (book->stopping)
        return;
    book->stopping = true;
    book->stopped = stopped;
    book->stopped_arg = arg;
    book->stop_by_ms = ft_clock_ms() + HAND_OVER_MS;
    if (book->config.planned_n < 2 || ft_voter_hand_over(book->voter, NULL, why, sizeof why) != 0)
        book->stop_by_ms = 0; /* the next tick closes */
}

void ft_book_destroy(struct ft_book *book)
{
    if (book == NULL)
        return;
    ft_voter_destroy(book->voter);
    ft_peers_destroy(book->peers);
    ft_disk_close(book->disk);
    free(book);
}
