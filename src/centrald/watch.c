/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watch.c - the detector's hands and ears.
 *
 * Owns the detector, the key of this leader's datagrams (new with each reign, handed out in
 * Welcomes), and where each node's heart listens. What comes by the central unit's UDP socket under
 * that key is taken here:
 *
 *     BEAT  -> detector; BEAT_ACK back if it says so, collected with others into one send, or by
 *           way
 *              of another unit, see below
 *     PONG  -> detector: a node that was asked answers
 *     SAW   -> detector: what an observer found
 *
 * and what the detector wants goes out as PING and ASK_OTHER. A node that is not well is pinged
 * from a socket of its own (net/asker), which hears from the node's kernel if nobody listens there.
 *
 * Datagrams are new, or they count for nothing: beats by their number (the detector sees to that),
 * answers because they bear the time at which they were asked for, and only once.
 *
 * Sending is what costs most where there are thousands of nodes. So where a unit's beat leaves that
 * open (FT_DATAGRAM_SHARED; core/pulse says when), and as many as SHARE such beats came in one turn
 * of the loop, one of their units gets the acknowledgements of all, in one PASS_ON, and passes the
 * others on: each unit does that once in as many renewals. Whose does not arrive asks again, and is
 * answered directly. In a turn with fewer, as in any small system, all are answered directly. Units
 * share only with those that reach each other as they reach us: of one family of addresses, and,
 * where they are on this host, with others on it.
 *
 * One timer is set to the detector's next deadline. When it fires, first what waits in the socket
 * is read, then silence is judged: beats that lie there unread are no silence. Heartbeats only move
 * deadlines back, so they do not touch the timer.
 */
#include "centrald/watch.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "net/address.h"
#include "net/asker.h"

#define ASKERS_MAX 256
#define ASKER_IDLE_NS INT64_C(3000000000)
#define ANSWER_MAX_NS INT64_C(10000000000) /* later than that an answer is nobody's */
#define NS_PER_MS INT64_C(1000000)

/* What the detector does not care about, of a node. */
struct heart {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;                 /* sa_family 0: not known */
    int64_t pinged_ns;         /* last */
    int64_t answered_ns;       /* the ping that was answered last was sent then */
    struct asked *asked;       /* its asker, NULL: none */
};

/* Acknowledgements that may go out together. */
#define SHARE (FT_DATAGRAM_ACKS_MAX + 1)
struct share {
    unsigned n;
    struct ft_datagram_ack acks[SHARE];
};
enum reach { REACH_HERE_4, REACH_HERE_6, REACH_4, REACH_6, REACHES };

/* A node that is pinged from a socket of its own. */
struct asked {
    struct ft_watch *watch;
    struct ft_asker *asker;    /* NULL: free */
    uint32_t node;
};

struct ft_watch {
    uv_loop_t *loop;
    const char *node;
    uint64_t term;
    struct ft_udp *udp;
    struct ft_watch_events events;
    void *arg;
    struct ft_detector *detector;
    struct ft_detector_config config;
    uint8_t secret[FT_DATAGRAM_KEY_BYTES];
    struct ft_datagram_key key;
    uint64_t run;
    uint64_t sequence;
    struct heart *hearts;      /* by the detector's numbers */
    size_t hearts_n;
    struct asked asked[ASKERS_MAX];
    size_t asked_n;
    struct share shares[REACHES];
    uv_prepare_t end_of_turn;  /* runs while one of them has something */
    uv_timer_t timer;
    int64_t armed_ns;
    bool stopped;
};

static int64_t watch_now_ns(void)
{
    return (int64_t) ft_clock_ns();
}

/* ---------------------------------------------------------------- sending */

static void begin(struct ft_watch *watch, struct ft_datagram *datagram, uint8_t type)
{
    ft_datagram_clear(datagram);
    datagram->type = type;
    datagram->boot = watch->run;
    datagram->sequence = ++watch->sequence;
    datagram->term = watch->term;
    datagram->sent_ns = (uint64_t) watch_now_ns();
    ft_text_copy(datagram->sender, sizeof datagram->sender, watch->node);
}

static void post(struct ft_watch *watch, const struct ft_datagram *datagram,
                 const struct sockaddr *to)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    size_t n = ft_datagram_encode(datagram, &watch->key, bytes, sizeof bytes);

    if (n > 0)
        ft_udp_post(watch->udp, to, bytes, n);
}

static struct heart *heart_of(struct ft_watch *watch, uint32_t node)
{
    return node < watch->hearts_n && watch->hearts[node].address.any.sa_family != 0
               ? &watch->hearts[node] : NULL;
}

/* Any other than this host's own, which means something else to others. */
static bool is_for_others(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *) (const void *) address)->sin_addr.s_addr) >> 24
               != IN_LOOPBACKNET;
    return !IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *) (const void *) address)->sin6_addr);
}

/* ---------------------------------------------------------------- askers */

static void take_pong(struct ft_watch *watch, const struct ft_datagram *pong);
static void arm(struct ft_watch *watch);

static void on_answer(void *arg, const uint8_t *bytes, size_t n)
{
    struct asked *asked = arg;
    struct ft_datagram pong;

    if (ft_datagram_decode(bytes, n, &asked->watch->key, &pong) == 0 &&
        pong.type == FT_DATAGRAM_PONG)
        take_pong(asked->watch, &pong);
}

static void on_refused(void *arg)
{
    struct asked *asked = arg;
    struct ft_watch *watch = asked->watch;

    ft_detector_refused(watch->detector, asked->node);
    arm(watch);
}

static const struct ft_asker_events asker_events = {.received = on_answer, .refused = on_refused};

static void close_asked(struct ft_watch *watch, struct asked *asked)
{
    ft_asker_close(asked->asker);
    asked->asker = NULL;
    watch->hearts[asked->node].asked = NULL;
    watch->asked_n--;
}

/* Those whose node answered, or was given up, or that were long not needed. */
static void close_idle(struct ft_watch *watch, int64_t now_ns)
{
    for (size_t i = 0; i < ASKERS_MAX && watch->asked_n > 0; i++) {
        struct asked *asked = &watch->asked[i];

        if (asked->asker != NULL && now_ns - watch->hearts[asked->node].pinged_ns > ASKER_IDLE_NS)
            close_asked(watch, asked);
    }
}

/* NULL: too many; then it is pinged by the common socket, and a refusal is not heard. */
static struct ft_asker *asker_of(struct ft_watch *watch, uint32_t node, struct heart *heart)
{
    struct asked *asked = heart->asked;

    for (size_t i = 0; asked == NULL && i < ASKERS_MAX; i++) {
        if (watch->asked[i].asker == NULL)
            asked = &watch->asked[i];
    }
    if (asked == NULL)
        return NULL;
    if (asked->asker == NULL) {
        asked->watch = watch;
        asked->node = node;
        asked->asker = ft_asker_create(watch->loop, &heart->address.any, &asker_events, asked);
        if (asked->asker == NULL)
            return NULL;
        heart->asked = asked;
        watch->asked_n++;
    }
    return asked->asker;
}

/* ---------------------------------------------------------------- the detector's effects */

static int64_t do_now_ns(void *arg)
{
    (void) arg;
    return watch_now_ns();
}

static void do_log(void *arg, const struct ft_event *event)
{
    struct ft_watch *watch = arg;
    struct ft_event copy = *event;

    watch->events.log(watch->arg, &copy);
}

static void do_ping(void *arg, uint32_t node)
{
    struct ft_watch *watch = arg;
    struct heart *heart = heart_of(watch, node);
    struct ft_watch_status status;
    struct ft_asker *asker = NULL;
    struct ft_datagram ping;
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    size_t n;

    if (heart == NULL)
        return;
    ft_detector_status(watch->detector, node, &status);
    if (status.state != FT_WATCH_WELL)
        asker = asker_of(watch, node, heart);
    begin(watch, &ping, FT_DATAGRAM_PING);
    if (status.state != FT_WATCH_WELL)
        ping.flags = FT_DATAGRAM_RENEW;
    ft_text_copy(ping.receiver, sizeof ping.receiver, ft_detector_name(watch->detector, node));
    heart->pinged_ns = (int64_t) ping.sent_ns;
    if (asker == NULL) {
        post(watch, &ping, &heart->address.any);
        return;
    }
    n = ft_datagram_encode(&ping, &watch->key, bytes, sizeof bytes);
    if (n > 0)
        ft_asker_send(asker, bytes, n);
}

static void do_ask_other(void *arg, uint32_t observer, uint32_t node, unsigned within_ms)
{
    struct ft_watch *watch = arg;
    struct heart *to = heart_of(watch, observer), *about = heart_of(watch, node);
    struct ft_datagram question;
    char text[FT_ADDRESS_TEXT_MAX];

    if (to == NULL || about == NULL || !is_for_others(&about->address.any))
        return;
    begin(watch, &question, FT_DATAGRAM_ASK_OTHER);
    question.value = within_ms;
    ft_text_copy(question.subject, sizeof question.subject,
                 ft_detector_name(watch->detector, node));
    ft_text_copy(question.text, sizeof question.text,
                 ft_address_text(&about->address.any, text));
    post(watch, &question, &to->address.any);
}

static void do_keep(void *arg, const char *key, const void *data, size_t n)
{
    struct ft_watch *watch = arg;

    watch->events.keep(watch->arg, key, data, n);
}

static void do_declare(void *arg, uint32_t node, uint64_t incarnation, const char *text)
{
    struct ft_watch *watch = arg;

    watch->events.declared(watch->arg, ft_detector_name(watch->detector, node), incarnation, text);
}

static bool do_leads(void *arg)
{
    struct ft_watch *watch = arg;

    return watch->events.leads(watch->arg);
}

/* ---------------------------------------------------------------- what comes */

static void set_address(struct heart *heart, const struct sockaddr *from)
{
    socklen_t n = ft_address_length(from);

    if (n > 0 && n <= sizeof heart->address)
        memcpy(&heart->address, from, n);
}

/* Its own, and the others' for it to pass on. */
static void send_acks(struct ft_watch *watch, const struct ft_datagram_ack *own,
                      const struct sockaddr *to, const struct share *share)
{
    struct ft_datagram ack;

    ft_datagram_clear(&ack);
    ack.type = share != NULL ? FT_DATAGRAM_PASS_ON : FT_DATAGRAM_BEAT_ACK;
    ack.boot = watch->run;
    ack.sequence = ++watch->sequence;
    ack.term = watch->term;
    ack.incarnation = own->incarnation;
    ack.echo_ns = own->echo_ns;
    for (unsigned i = 0; share != NULL && i < share->n; i++) {
        if (&share->acks[i] != own)
            ack.acks[ack.acks_n++] = share->acks[i];
    }
    post(watch, &ack, to);
}

static void send_shared(struct ft_watch *watch, struct share *share)
{
    const struct ft_datagram_ack *own = &share->acks[watch->sequence % SHARE];
    struct sockaddr_storage to;

    ft_address_unpack(own->address, own->port, &to);
    send_acks(watch, own, (const struct sockaddr *) &to, share);
    share->n = 0;
}

/* There are no more for now: those that are too few to share are answered one by one. */
static void on_end_of_turn(uv_prepare_t *prepare)
{
    struct ft_watch *watch = prepare->data;
    struct sockaddr_storage to;

    for (size_t i = 0; i < REACHES; i++) {
        struct share *share = &watch->shares[i];

        for (unsigned j = 0; j < share->n; j++) {
            ft_address_unpack(share->acks[j].address, share->acks[j].port, &to);
            send_acks(watch, &share->acks[j], (const struct sockaddr *) &to, NULL);
        }
        share->n = 0;
    }
    ft_udp_flush(watch->udp);
    uv_prepare_stop(prepare);
}

static enum reach reach_of(const struct sockaddr *from)
{
    if (is_for_others(from))
        return from->sa_family == AF_INET ? REACH_4 : REACH_6;
    return from->sa_family == AF_INET ? REACH_HERE_4 : REACH_HERE_6;
}

static void acknowledge(struct ft_watch *watch, const struct ft_datagram *beat,
                        const struct sockaddr *from)
{
    struct share *share = &watch->shares[reach_of(from)];
    struct ft_datagram_ack *ack = &share->acks[share->n];

    ack->incarnation = beat->incarnation;
    ack->echo_ns = beat->sent_ns;
    ack->port = ft_address_port(from);
    if (!(beat->flags & FT_DATAGRAM_SHARED) || !ft_address_pack(from, ack->address)) {
        send_acks(watch, ack, from, NULL);
        return;
    }
    if (++share->n == SHARE)
        send_shared(watch, share);
    else
        uv_prepare_start(&watch->end_of_turn, on_end_of_turn);
}

static void take_beat(struct ft_watch *watch, const struct ft_datagram *datagram,
                      const struct sockaddr *from)
{
    /* The detector takes it only if that node's unit is in the run that the beat is of. */
    uint32_t node = datagram->value != 0 ? datagram->value - 1
                                         : ft_detector_find(watch->detector, datagram->sender);
    struct ft_detector_beat beat = {
        .run = datagram->boot,
        .sequence = datagram->sequence,
        .incarnation = datagram->incarnation,
        .renew = (datagram->flags & FT_DATAGRAM_RENEW) != 0,
        .leaving = (datagram->flags & FT_DATAGRAM_LEAVING) != 0,
    };

    if (datagram->term == watch->term && ft_detector_beat(watch->detector, node, &beat))
        acknowledge(watch, datagram, from);
}

static void take_pong(struct ft_watch *watch, const struct ft_datagram *pong)
{
    uint32_t node = ft_detector_find(watch->detector, pong->sender);
    struct heart *heart = node != FT_DETECTOR_NONE ? heart_of(watch, node) : NULL;
    int64_t echo_ns = (int64_t) pong->echo_ns;

    if (heart == NULL || echo_ns <= heart->answered_ns || echo_ns > heart->pinged_ns ||
        watch_now_ns() - echo_ns > ANSWER_MAX_NS)
        return;
    heart->answered_ns = echo_ns;
    ft_detector_heard(watch->detector, node);
}

static void take_saw(struct ft_watch *watch, const struct ft_datagram *saw)
{
    uint32_t observer = ft_detector_find(watch->detector, saw->sender);
    uint32_t node = ft_detector_find(watch->detector, saw->subject);
    enum ft_sight sight = saw->flags & FT_DATAGRAM_YES       ? FT_SIGHT_HEARD
                          : saw->flags & FT_DATAGRAM_REFUSED ? FT_SIGHT_REFUSED
                                                             : FT_SIGHT_NOTHING;

    /* An answer to an earlier question is older than the node's silence. */
    if (observer == FT_DETECTOR_NONE || node == FT_DETECTOR_NONE ||
        watch_now_ns() - (int64_t) saw->echo_ns >
            2 * (int64_t) watch->config.detect.confirm_ms * NS_PER_MS)
        return;
    ft_detector_saw(watch->detector, observer, node, sight);
}

bool ft_watch_packet(struct ft_watch *watch, const uint8_t *bytes, size_t n,
                     const struct sockaddr *from)
{
    struct ft_datagram datagram;

    if (watch->stopped || ft_datagram_decode(bytes, n, &watch->key, &datagram) != 0)
        return false;
    if (datagram.type == FT_DATAGRAM_BEAT)
        take_beat(watch, &datagram, from);
    else if (datagram.type == FT_DATAGRAM_PONG)
        take_pong(watch, &datagram);
    else if (datagram.type == FT_DATAGRAM_SAW)
        take_saw(watch, &datagram);
    else
        return false;
    arm(watch);
    return true;
}

/* ---------------------------------------------------------------- units */

static int make_room(struct ft_watch *watch, uint32_t node)
{
    size_t n = watch->hearts_n > 0 ? watch->hearts_n : 64;
    struct heart *hearts;

    if (node < watch->hearts_n)
        return 0;
    while (n <= node)
        n *= 2;
    hearts = realloc(watch->hearts, n * sizeof *hearts);
    if (hearts == NULL)
        return -1;
    memset(hearts + watch->hearts_n, 0, (n - watch->hearts_n) * sizeof *hearts);
    watch->hearts = hearts;
    watch->hearts_n = n;
    return 0;
}

int ft_watch_join(struct ft_watch *watch, const Ft__Hello *hello, const struct sockaddr *peer,
                  Ft__Welcome *welcome)
{
    uint64_t incarnation = 0;
    uint32_t node;

    ft__welcome__init(welcome);
    if (ft_detector_count(watch->detector) >= UINT32_MAX / 2 ||
        make_room(watch, (uint32_t) ft_detector_count(watch->detector)) < 0)
        return -1;
    node = ft_detector_join(watch->detector, hello->node, hello->start, &incarnation);
    if (node == FT_DETECTOR_NONE)
        return -1;
    if (watch->hearts[node].asked != NULL)
        close_asked(watch, watch->hearts[node].asked);
    memset(&watch->hearts[node].address, 0, sizeof watch->hearts[node].address);
    if (hello->udp_port != 0 && hello->udp_port <= UINT16_MAX) {
        set_address(&watch->hearts[node], peer);
        ft_address_set_port(&watch->hearts[node].address.any, (uint16_t) hello->udp_port);
    }
    welcome->term = watch->term;
    welcome->incarnation = incarnation;
    welcome->beat_key.data = watch->secret;
    welcome->beat_key.len = sizeof watch->secret;
    welcome->beat_ms = watch->config.detect.beat_ms;
    welcome->lease_ms = watch->config.lease_ms;
    welcome->number = node + 1;
    arm(watch);
    return 0;
}

void ft_watch_parted(struct ft_watch *watch, const char *node, bool in_order)
{
    ft_detector_parted(watch->detector, ft_detector_find(watch->detector, node), in_order);
    arm(watch);
}

void ft_watch_heard(struct ft_watch *watch, const char *node)
{
    ft_detector_heard(watch->detector, ft_detector_find(watch->detector, node));
}

void ft_watch_ping(struct ft_watch *watch, const char *node, const Ft__Ping *ping, Ft__Pong *pong)
{
    struct ft_detector_beat beat = {
        .run = ping->start,
        .sequence = ping->sequence,
        .incarnation = ping->incarnation,
        .renew = true,
    };

    pong->lease = ft_detector_beat(watch->detector, ft_detector_find(watch->detector, node), &beat);
    arm(watch);
}

void ft_watch_place(struct ft_watch *watch, const char *node, const char *place)
{
    if (ft_detector_place(watch->detector, node, place) < 0)
        ft_log_error("where node %s is, \"%s\", cannot be kept: %s", node, place, strerror(errno));
}

int ft_watch_restore(struct ft_watch *watch, const char *name, const void *data, size_t n)
{
    int result = ft_detector_restore(watch->detector, name, data, n);

    arm(watch);
    return result;
}

/* ---------------------------------------------------------------- time */

static void on_timer(uv_timer_t *timer)
{
    struct ft_watch *watch = timer->data;

    watch->armed_ns = INT64_MAX;
    ft_detector_wake(watch->detector);
    ft_udp_drain(watch->udp);
    if (watch->stopped)
        return;
    ft_detector_tick(watch->detector);
    close_idle(watch, watch_now_ns());
    arm(watch);
}

/* Earlier if need be; a timer that fires too early is set anew then. */
static void arm(struct ft_watch *watch)
{
    int64_t at_ns, left_ns;

    if (watch->stopped)
        return;
    at_ns = ft_detector_next_deadline_ns(watch->detector);
    if (at_ns >= watch->armed_ns)
        return;
    watch->armed_ns = at_ns;
    left_ns = at_ns - watch_now_ns();
    uv_update_time(watch->loop);
    uv_timer_start(&watch->timer, on_timer,
                   left_ns > 0 ? (uint64_t) ((left_ns + NS_PER_MS - 1) / NS_PER_MS) : 0, 0);
}

/* ---------------------------------------------------------------- settings */

static unsigned *setting_of(struct ft_detector_config *config, const char *name, size_t n)
{
    const struct {
        const char *name;
        unsigned *value;
    } settings[] = {
        {"beat_ms", &config->detect.beat_ms},       {"suspect_ms", &config->detect.suspect_ms},
        {"confirm_ms", &config->detect.confirm_ms}, {"observers", &config->detect.observers},
        {"network_pct", &config->detect.network_pct}, {"lease_ms", &config->lease_ms},
    };

    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (strlen(settings[i].name) == n && memcmp(settings[i].name, name, n) == 0)
            return settings[i].value;
    }
    return NULL;
}

int ft_watch_tune(struct ft_detector_config *config, const char *text, char *why, size_t size)
{
    struct ft_detector_config tuned = *config;
    const char *at = text != NULL ? text : "";

    while (*at != '\0') {
        size_t n = strcspn(at, "=,");
        unsigned *value = at[n] == '=' ? setting_of(&tuned, at, n) : NULL;
        char *end = NULL;
        unsigned long number = 0;

        if (value != NULL && at[n + 1] >= '0' && at[n + 1] <= '9')
            number = strtoul(at + n + 1, &end, 10);
        if (end == NULL || (*end != ',' && *end != '\0') || number > 3600000) {
            snprintf(why, size, "FT_DETECT=\"%.200s\": \"%.*s\" is not understood; it has to look "
                     "like beat_ms=500,suspect_ms=120,confirm_ms=250", text,
                     (int) strcspn(at, ","), at);
            return -1;
        }
        *value = (unsigned) number;
        at = *end == ',' ? end + 1 : end;
    }
    *config = tuned;
    return 0;
}

int ft_watch_set_config(struct ft_watch *watch, const struct ft_detector_config *config)
{
    if (ft_detector_set_config(watch->detector, config) < 0)
        return -1;
    watch->config = *config;
    watch->config.self = watch->node;
    arm(watch);
    return 0;
}

const struct ft_detector *ft_watch_detector(const struct ft_watch *watch)
{
    return watch->detector;
}

int64_t ft_watch_lease_free_ns(const struct ft_watch *watch, const char *node)
{
    return ft_detector_lease_free_ns(watch->detector, ft_detector_find(watch->detector, node));
}

/* ---------------------------------------------------------------- life */

static int make_key(struct ft_watch *watch)
{
    if (getrandom(watch->secret, sizeof watch->secret, 0) != (ssize_t) sizeof watch->secret)
        return -1;
    ft_datagram_key_set(&watch->key, watch->secret);
    return 0;
}

struct ft_watch *ft_watch_create(const struct ft_watch_config *config,
                                 const struct ft_watch_events *events, void *arg)
{
    struct ft_watch *watch = calloc(1, sizeof *watch);
    struct ft_detector_env env = {
        .arg = watch,
        .now_ns = do_now_ns,
        .log = do_log,
        .ping = do_ping,
        .ask_other = do_ask_other,
        .keep = events->keep != NULL ? do_keep : NULL,
        .declare = do_declare,
        .leads = events->leads != NULL ? do_leads : NULL,
    };

    if (watch == NULL)
        return NULL;
    watch->loop = config->loop;
    watch->node = config->node;
    watch->term = config->term;
    watch->udp = config->udp;
    watch->events = *events;
    watch->arg = arg;
    watch->config = config->detector;
    watch->config.self = config->node;
    watch->run = (uint64_t) ft_clock_unix_ms() * 1000000;
    watch->armed_ns = INT64_MAX;
    if (make_key(watch) == 0)
        watch->detector = ft_detector_create(&env, &watch->config);
    if (watch->detector == NULL) {
        int error = errno;

        explicit_bzero(watch->secret, sizeof watch->secret);
        free(watch);
        errno = error;
        return NULL;
    }
    uv_timer_init(watch->loop, &watch->timer);
    uv_prepare_init(watch->loop, &watch->end_of_turn);
    watch->timer.data = watch->end_of_turn.data = watch;
    return watch;
}

void ft_watch_stop(struct ft_watch *watch)
{
    if (watch->stopped)
        return;
    watch->stopped = true;
    for (size_t i = 0; i < ASKERS_MAX; i++) {
        ft_asker_close(watch->asked[i].asker);
        watch->asked[i].asker = NULL;
    }
    uv_close((uv_handle_t *) &watch->timer, NULL);
    uv_close((uv_handle_t *) &watch->end_of_turn, NULL);
}

void ft_watch_destroy(struct ft_watch *watch)
{
    if (watch == NULL)
        return;
    ft_detector_destroy(watch->detector);
    ft_datagram_key_wipe(&watch->key);
    explicit_bzero(watch->secret, sizeof watch->secret);
    free(watch->hearts);
    free(watch);
}
