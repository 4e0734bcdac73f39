/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * heart.c - owns the unit's UDP socket, and what goes through it: heartbeats, pings, questions.
 *
 * core/pulse decides when a heartbeat goes out and what an acknowledgement is worth; here it is
 * sent, and what comes is taken:
 *
 *     BEAT       -> central   by the pulse; of the lease, the flags say what is wanted
 *     BEAT_ACK   <- anyone    -> pulse
 *     PASS_ON    <- central   the same, and a BEAT_ACK for each of some other units, which goes on
 *                             to them at once
 *     PING       <- anyone    PONG back; to the central unit, which asks because it has not heard
 *                             of us, a heartbeat as well
 *     ASK_OTHER  <- central   an asker of our own (net/asker) pings the node in question for the
 *                             time given: SAW -> central, with what it found. At most ASKS_MAX at
 *                             once
 *     others                  -> events.other
 *
 * All of them carry a MAC under the key that the leader handed out with its Welcome: before that,
 * nothing is answered. The leader's own datagrams must be newer than those before; pings of other
 * units are answered ANSWERS_PER_S times a second at the most, come from where they may.
 *
 * Where UDP does not get through, acknowledgements stay out while the connection is up: then each
 * heartbeat goes as a Ping over the connection, too, and its Pong is the acknowledgement.
 *
 * When a lease ends without a word of the central unit, its host's kernel tells a central unit that
 * hangs from a network that is cut (host_silent_ms); that is looked at again each LOOK_MS for as
 * long as there is no lease.
 */
#include "config.h"

#include "noded/heart.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "core/pulse.h"
#include "net/address.h"
#include "net/asker.h"
#include "wire/datagram.h"

#define ASKS_MAX 16
#define ASK_MAX_MS 10000
#define ASK_ROUNDS 6          /* pings of one question */
#define ANSWERS_PER_S 500
#define UNANSWERED_MAX 3      /* heartbeats; then they go by the connection, too */
#define LOOK_MS 250
#define CUT_MIN_MS 500
#define NS_PER_MS INT64_C(1000000)

/* A question of the central unit about another node. */
struct ask {
    struct ft_heart *heart;
    struct ft_asker *asker; /* NULL: free */
    char subject[FT_DATAGRAM_NAME_MAX];
    uint64_t echo_ns;       /* of the question */
    int64_t begun_ns, until_ns, next_ns, step_ns;
};

struct ft_heart {
    uv_loop_t *loop;
    const char *node;
    uint64_t run;
    const struct ft_heart_events *events;
    void *arg;
    struct ft_udp *udp;
    struct ft_pulse *pulse;
    uv_timer_t timer;
    int64_t armed_ns;
    struct ft_datagram_key key;
    bool has_key;
    struct sockaddr_storage central;
    struct ft_replay leader;  /* what its datagrams were, but for acknowledgements */
    uint64_t sequence;
    unsigned lease_ms;
    uint32_t number;          /* Welcome.number */
    bool is_hung;             /* the lease ended, and its host lived: look again */
    int64_t look_ns;
    int64_t window_ns;        /* of the answers that are counted */
    unsigned answers;
    struct ask asks[ASKS_MAX];
    bool stopped;
};

int64_t ft_heart_now_ns(void)
{
    struct timespec now = {0};

    (void) clock_gettime(CLOCK_BOOTTIME, &now); /* there since Linux 2.6.39 */
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---------------------------------------------------------------- sending */

static void begin(struct ft_heart *heart, struct ft_datagram *datagram, uint8_t type)
{
    ft_datagram_clear(datagram);
    datagram->type = type;
    datagram->boot = heart->run;
    datagram->sequence = ++heart->sequence;
    datagram->term = ft_pulse_term(heart->pulse);
    datagram->incarnation = ft_pulse_incarnation(heart->pulse);
    datagram->sent_ns = (uint64_t) ft_heart_now_ns();
    ft_text_copy(datagram->sender, sizeof datagram->sender, heart->node);
}

/* What the system does not take is lost, as it might be on the way. */
static void send_to(struct ft_heart *heart, const struct ft_datagram *datagram,
                    const struct sockaddr *to)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    size_t n = ft_datagram_encode(datagram, &heart->key, bytes, sizeof bytes);

    if (n > 0)
        (void) ft_udp_send(heart->udp, to, bytes, n);
}

static void send_by_link(struct ft_heart *heart, int64_t sent_ns)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Ping ping = FT__PING__INIT;

    ping.sent_ns = (uint64_t) sent_ns;
    ping.beat = true;
    ping.incarnation = ft_pulse_incarnation(heart->pulse);
    ping.start = heart->run;
    ping.sequence = ++heart->sequence;
    message.body_case = FT__MESSAGE__BODY_PING;
    message.ping = &ping;
    (void) heart->events->send(heart->arg, &message); /* no connection: nothing to be done */
}

static uint8_t flags_of(const struct ft_heart *heart, enum ft_pulse_ask ask)
{
    unsigned flags = ft_pulse_has_lease(heart->pulse) ? 0 : FT_DATAGRAM_LAPSED;

    if (ask != FT_PULSE_ASKS_NOTHING)
        flags |= FT_DATAGRAM_RENEW;
    if (ask == FT_PULSE_ASKS_SHARED)
        flags |= FT_DATAGRAM_SHARED;
    return (uint8_t) flags;
}

static void do_beat(void *arg, int64_t sent_ns, enum ft_pulse_ask ask)
{
    struct ft_heart *heart = arg;
    struct ft_datagram beat;

    if (ask != FT_PULSE_ASKS_NOTHING && heart->events->send != NULL &&
        ft_pulse_unanswered(heart->pulse) > UNANSWERED_MAX)
        send_by_link(heart, sent_ns);
    begin(heart, &beat, FT_DATAGRAM_BEAT);
    beat.sent_ns = (uint64_t) sent_ns;
    beat.value = heart->number;
    if (heart->number != 0)
        beat.sender[0] = '\0'; /* a shorter packet, and one look-up less for the leader */
    beat.flags = flags_of(heart, ask);
    send_to(heart, &beat, (const struct sockaddr *) &heart->central);
}

/* ---------------------------------------------------------------- the lease */

static int64_t do_now_ns(void *arg)
{
    (void) arg;
    return ft_heart_now_ns();
}

static void do_lease_got(void *arg, int64_t until_ns)
{
    struct ft_heart *heart = arg;

    heart->is_hung = false;
    heart->events->lease_got(heart->arg, until_ns);
}

/* True if the host of the central unit is silent, too. */
static bool is_cut(struct ft_heart *heart, int *silent_ms)
{
    unsigned limit_ms = heart->lease_ms / 2 > CUT_MIN_MS ? heart->lease_ms / 2 : CUT_MIN_MS;

    *silent_ms = heart->events->host_silent_ms != NULL
                     ? heart->events->host_silent_ms(heart->arg) : -1;
    return *silent_ms < 0 || (unsigned) *silent_ms >= limit_ms;
}

static void tell_lost(struct ft_heart *heart, enum ft_lease_end end, int silent_ms)
{
    char why[300];

    if (end == FT_LEASE_HUNG)
        snprintf(why, sizeof why, "the central unit has not answered for %u ms; its host does",
                 heart->lease_ms);
    else if (silent_ms >= 0)
        snprintf(why, sizeof why, "neither the central unit nor its host has answered for %d ms: "
                 "this node is cut off from it", silent_ms);
    else
        snprintf(why, sizeof why, "the central unit has not answered for %u ms, and there is no "
                 "connection to it", heart->lease_ms);
    heart->is_hung = end == FT_LEASE_HUNG;
    heart->look_ns = ft_heart_now_ns() + LOOK_MS * NS_PER_MS;
    heart->events->lease_lost(heart->arg, end, why);
}

static void do_lease_lost(void *arg, bool fenced)
{
    struct ft_heart *heart = arg;
    bool cut;
    int silent_ms;

    if (fenced) {
        heart->is_hung = false;
        heart->events->lease_lost(heart->arg, FT_LEASE_FENCED, "the central unit had declared this "
                                  "node lost: what ran here counts for nothing any more");
        return;
    }
    cut = is_cut(heart, &silent_ms);
    tell_lost(heart, cut ? FT_LEASE_CUT : FT_LEASE_HUNG, silent_ms);
}

static void look_again(struct ft_heart *heart)
{
    int silent_ms;

    if (is_cut(heart, &silent_ms))
        tell_lost(heart, FT_LEASE_CUT, silent_ms);
    else
        heart->look_ns = ft_heart_now_ns() + LOOK_MS * NS_PER_MS;
}

/* ---------------------------------------------------------------- questions about others */

static void end_ask(struct ask *ask, uint8_t flags)
{
    struct ft_heart *heart = ask->heart;
    struct ft_datagram saw;

    ft_asker_close(ask->asker);
    ask->asker = NULL;
    begin(heart, &saw, FT_DATAGRAM_SAW);
    saw.flags = flags;
    saw.echo_ns = ask->echo_ns;
    saw.value = (uint32_t) ((ft_heart_now_ns() - ask->begun_ns) / 1000);
    ft_text_copy(saw.subject, sizeof saw.subject, ask->subject);
    send_to(heart, &saw, (const struct sockaddr *) &heart->central);
    if (flags == 0)
        return;
    saw.sequence = ++heart->sequence; /* good news is worth two datagrams */
    send_to(heart, &saw, (const struct sockaddr *) &heart->central);
}

static void on_answer(void *arg, const uint8_t *bytes, size_t n)
{
    struct ask *ask = arg;
    struct ft_datagram pong;

    if (ft_datagram_decode(bytes, n, &ask->heart->key, &pong) == 0 &&
        pong.type == FT_DATAGRAM_PONG && (int64_t) pong.echo_ns >= ask->begun_ns &&
        (int64_t) pong.echo_ns <= ft_heart_now_ns() && strcmp(pong.sender, ask->subject) == 0)
        end_ask(ask, FT_DATAGRAM_YES);
}

static void on_refused(void *arg)
{
    end_ask(arg, FT_DATAGRAM_REFUSED);
}

static const struct ft_asker_events asker_events = {.received = on_answer, .refused = on_refused};

static void ping_on(struct ask *ask, int64_t now_ns)
{
    struct ft_datagram ping;
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    size_t n;

    if (now_ns >= ask->until_ns) {
        end_ask(ask, 0);
        return;
    }
    ask->next_ns = now_ns + ask->step_ns < ask->until_ns ? now_ns + ask->step_ns : ask->until_ns;
    begin(ask->heart, &ping, FT_DATAGRAM_PING);
    n = ft_datagram_encode(&ping, &ask->heart->key, bytes, sizeof bytes);
    if (n > 0)
        ft_asker_send(ask->asker, bytes, n);
}

static struct ask *find_ask(struct ft_heart *heart, const char *subject)
{
    for (size_t i = 0; i < ASKS_MAX; i++) {
        if (heart->asks[i].asker != NULL && strcmp(heart->asks[i].subject, subject) == 0)
            return &heart->asks[i];
    }
    return NULL;
}

static void take_question(struct ft_heart *heart, const struct ft_datagram *question)
{
    struct ask *ask = find_ask(heart, question->subject);
    struct sockaddr_storage to;
    int64_t now_ns = ft_heart_now_ns();
    unsigned within_ms = question->value;

    if (within_ms == 0 || within_ms > ASK_MAX_MS || question->subject[0] == '\0' ||
        !ft_address_parse(question->text, 0, &to))
        return;
    for (size_t i = 0; ask == NULL && i < ASKS_MAX; i++) {
        if (heart->asks[i].asker == NULL)
            ask = &heart->asks[i];
    }
    if (ask == NULL)
        return; /* others are asked, too */
    if (ask->asker == NULL) {
        ask->heart = heart;
        ask->asker = ft_asker_create(heart->loop, (const struct sockaddr *) &to, &asker_events,
                                     ask);
        if (ask->asker == NULL)
            return;
        ft_text_copy(ask->subject, sizeof ask->subject, question->subject);
        ask->begun_ns = now_ns;
    }
    ask->echo_ns = question->sent_ns;
    ask->until_ns = now_ns + within_ms * NS_PER_MS;
    ask->step_ns = within_ms * NS_PER_MS / ASK_ROUNDS;
    ping_on(ask, now_ns);
}

/* ---------------------------------------------------------------- what comes */

static void answer_ping(struct ft_heart *heart, const struct ft_datagram *ping,
                        const struct sockaddr *from)
{
    int64_t now_ns = ft_heart_now_ns();
    struct ft_datagram pong;

    if (now_ns - heart->window_ns >= 1000 * NS_PER_MS) {
        heart->window_ns = now_ns;
        heart->answers = 0;
    }
    if (heart->answers++ >= ANSWERS_PER_S)
        return;
    begin(heart, &pong, FT_DATAGRAM_PONG);
    pong.echo_ns = ping->sent_ns;
    send_to(heart, &pong, from);
    if (ft_address_same_host(from, (const struct sockaddr *) &heart->central) &&
        ping->flags & FT_DATAGRAM_RENEW)
        ft_pulse_poke(heart->pulse);
}

/* The acknowledgements of others. Those that get lost are asked for again, of the leader itself. */
static void pass_on(struct ft_heart *heart, const struct ft_datagram *datagram)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct sockaddr_storage to;
    struct ft_datagram ack;
    size_t n;

    for (size_t i = 0; i < datagram->acks_n; i++) {
        ft_datagram_passed_on(datagram, i, &ack);
        ft_address_unpack(datagram->acks[i].address, datagram->acks[i].port, &to);
        n = ft_datagram_encode(&ack, &heart->key, bytes, sizeof bytes);
        if (n > 0)
            ft_udp_post(heart->udp, (const struct sockaddr *) &to, bytes, n);
    }
}

/* Of the leader's, that is proven: what it says is of its term. */
static void take_leaders(struct ft_heart *heart, const struct ft_datagram *datagram)
{
    bool is_ack = datagram->type == FT_DATAGRAM_BEAT_ACK ||
                  datagram->type == FT_DATAGRAM_PASS_ON;

    if (datagram->term != ft_pulse_term(heart->pulse))
        return;
    if (is_ack)
        (void) ft_pulse_ack(heart->pulse, datagram->term, datagram->incarnation,
                            (int64_t) datagram->echo_ns);
    if (datagram->type == FT_DATAGRAM_BEAT_ACK ||
        !ft_replay_take(&heart->leader, datagram->boot, datagram->sequence))
        return;
    if (is_ack)
        pass_on(heart, datagram);
    else
        take_question(heart, datagram);
}

static void arm(struct ft_heart *heart);

static void on_packet(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from)
{
    struct ft_heart *heart = arg;
    struct ft_datagram datagram;
    uint32_t key_id;
    uint8_t type;

    if (heart->stopped || !ft_datagram_peek(bytes, n, &type, &key_id))
        return;
    if (type == FT_DATAGRAM_IDENTIFY || type == FT_DATAGRAM_IDENT) {
        if (heart->events->other != NULL)
            heart->events->other(heart->arg, bytes, n, from);
        return;
    }
    if (!heart->has_key || ft_datagram_decode(bytes, n, &heart->key, &datagram) != 0)
        return;
    if (type == FT_DATAGRAM_PING)
        answer_ping(heart, &datagram, from);
    else if (type == FT_DATAGRAM_BEAT_ACK || type == FT_DATAGRAM_PASS_ON ||
             type == FT_DATAGRAM_ASK_OTHER)
        take_leaders(heart, &datagram);
    arm(heart);
}

void ft_heart_pong(struct ft_heart *heart, const Ft__Pong *pong)
{
    if (heart->stopped || !pong->lease)
        return;
    (void) ft_pulse_ack(heart->pulse, ft_pulse_term(heart->pulse),
                        ft_pulse_incarnation(heart->pulse), (int64_t) pong->sent_ns);
    arm(heart);
}

void ft_heart_welcome(struct ft_heart *heart, const Ft__Welcome *welcome,
                      const struct sockaddr *central)
{
    if (heart->stopped)
        return;
    if (welcome->beat_key.len != FT_DATAGRAM_KEY_BYTES) {
        ft_log(FT_LOG_ERROR, "the central unit's Welcome has no key of %d bytes for heartbeats: "
               "none are sent", FT_DATAGRAM_KEY_BYTES);
        return;
    }
    if (welcome->term < ft_pulse_term(heart->pulse)) {
        ft_log(FT_LOG_WARNING, "a Welcome of term %" PRIu64 " comes after one of term %" PRIu64
               ": it is ignored", welcome->term, ft_pulse_term(heart->pulse));
        return;
    }
    ft_datagram_key_set(&heart->key, welcome->beat_key.data);
    if (!heart->has_key || welcome->term > ft_pulse_term(heart->pulse))
        memset(&heart->leader, 0, sizeof heart->leader); /* its clock may be behind the last one's */
    heart->has_key = true;
    heart->lease_ms = welcome->lease_ms;
    heart->number = welcome->number;
    memcpy(&heart->central, central, ft_address_length(central));
    if (!ft_pulse_welcome(heart->pulse, welcome->term, welcome->incarnation, welcome->beat_ms,
                          welcome->lease_ms))
        ft_log(FT_LOG_WARNING, "a Welcome with incarnation %" PRIu64 " of this node comes after "
               "one with %" PRIu64 ": it is ignored", welcome->incarnation,
               ft_pulse_incarnation(heart->pulse));
    arm(heart);
}

/* ---------------------------------------------------------------- time */

static int64_t next_ns(const struct ft_heart *heart)
{
    int64_t at_ns = ft_pulse_next_deadline_ns(heart->pulse);

    if (heart->is_hung && heart->look_ns < at_ns)
        at_ns = heart->look_ns;
    for (size_t i = 0; i < ASKS_MAX; i++) {
        if (heart->asks[i].asker != NULL && heart->asks[i].next_ns < at_ns)
            at_ns = heart->asks[i].next_ns;
    }
    return at_ns;
}

static void on_timer(uv_timer_t *timer)
{
    struct ft_heart *heart = timer->data;
    int64_t now_ns = ft_heart_now_ns();

    heart->armed_ns = INT64_MAX;
    ft_pulse_tick(heart->pulse);
    if (heart->is_hung && now_ns >= heart->look_ns)
        look_again(heart);
    for (size_t i = 0; i < ASKS_MAX; i++) {
        if (heart->asks[i].asker != NULL && now_ns >= heart->asks[i].next_ns)
            ping_on(&heart->asks[i], now_ns);
    }
    arm(heart);
}

/* The loop's clock counts whole milliseconds and stands still while the machine sleeps; it only
 * wakes us, and what is due is seen by the heart's own. */
static void arm(struct ft_heart *heart)
{
    int64_t at_ns = heart->stopped ? INT64_MAX : next_ns(heart);
    int64_t left_ns;

    if (at_ns == heart->armed_ns)
        return;
    heart->armed_ns = at_ns;
    if (at_ns == INT64_MAX) {
        uv_timer_stop(&heart->timer);
        return;
    }
    left_ns = at_ns - ft_heart_now_ns();
    uv_update_time(heart->loop);
    uv_timer_start(&heart->timer, on_timer,
                   left_ns > 0 ? (uint64_t) ((left_ns + NS_PER_MS - 1) / NS_PER_MS) : 0, 0);
}

/* ---------------------------------------------------------------- looking in */

uint16_t ft_heart_port(const struct ft_heart *heart)
{
    return ft_udp_port(heart->udp);
}

struct ft_udp *ft_heart_udp(struct ft_heart *heart)
{
    return heart->udp;
}

bool ft_heart_has_lease(const struct ft_heart *heart)
{
    return ft_pulse_has_lease(heart->pulse);
}

uint64_t ft_heart_incarnation(const struct ft_heart *heart)
{
    return ft_pulse_incarnation(heart->pulse);
}

/* ---------------------------------------------------------------- life */

struct ft_heart *ft_heart_create(uv_loop_t *loop, const char *node, uint64_t run, uint16_t port,
                                 const struct ft_heart_events *events, void *arg)
{
    struct ft_heart *heart = calloc(1, sizeof *heart);
    struct ft_pulse_env env = {
        .arg = heart,
        .now_ns = do_now_ns,
        .beat = do_beat,
        .lease_got = do_lease_got,
        .lease_lost = do_lease_lost,
    };
    int error = ENOMEM;

    if (heart == NULL)
        return NULL;
    heart->loop = loop;
    heart->node = node;
    heart->run = run;
    heart->events = events;
    heart->arg = arg;
    heart->armed_ns = INT64_MAX;
    heart->pulse = ft_pulse_create(&env, run ^ (uint64_t) ft_heart_now_ns());
    if (heart->pulse != NULL) {
        heart->udp = ft_udp_create(loop, NULL, port, on_packet, heart);
        error = errno;
    }
    if (heart->udp == NULL) {
        ft_pulse_destroy(heart->pulse);
        free(heart);
        errno = error;
        return NULL;
    }
    uv_timer_init(loop, &heart->timer);
    heart->timer.data = heart;
    return heart;
}

void ft_heart_stop(struct ft_heart *heart, bool in_order)
{
    struct ft_datagram beat;

    if (heart->stopped)
        return;
    heart->stopped = true;
    if (in_order && heart->has_key) {
        begin(heart, &beat, FT_DATAGRAM_BEAT);
        beat.flags = FT_DATAGRAM_LEAVING;
        beat.value = heart->number;
        send_to(heart, &beat, (const struct sockaddr *) &heart->central);
    }
    for (size_t i = 0; i < ASKS_MAX; i++) {
        ft_asker_close(heart->asks[i].asker);
        heart->asks[i].asker = NULL;
    }
    ft_udp_close(heart->udp);
    heart->udp = NULL;
    uv_close((uv_handle_t *) &heart->timer, NULL);
}

void ft_heart_destroy(struct ft_heart *heart)
{
    if (heart == NULL)
        return;
    ft_pulse_destroy(heart->pulse);
    ft_datagram_key_wipe(&heart->key);
    free(heart);
}
