/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * discovery.c - IDENTIFY to each node that ft.conf names and whose unit is not connected; IDENT
 * back.
 *
 * Made by the reign, for as long as this central unit leads. Each node has a round of its own:
 *
 *     IDENTIFY, SECOND_MS later another one, then a pause that doubles from PAUSE_MIN_MS to
 *     PAUSE_MAX_MS; while its unit is connected, only a look every LOOK_MS whether it still is
 *
 * Datagrams may be lost, so everything is said twice and said again. A node that answers (IDENT) is
 * told to the event log, once until its unit is connected; connecting is the unit's part: it knows
 * now where the leader is. Nodes may come later, go, and come back: nothing ends here.
 *
 * All nodes get the same bytes, which name no receiver: an "edition", two at a time, each with a
 * number of its own, made anew after EDITION_MS. So a round through 10,000 nodes costs MUNGE two
 * credentials, not 20,000. An answer counts if it echoes one of the last editions (or none: a unit
 * that announces itself) and has not come before.
 *
 * Names are looked up in libuv's pool, LOOKUPS_MAX at once, and again every LOOKUP_ROUNDS rounds: a
 * node may come back under another address. One timer; a wake looks at no more than SCAN_MAX nodes
 * and sends to no more than SEND_MAX.
 */
#include "config.h"

#include "centrald/discovery.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "net/address.h"
#include "net/seals.h"
#include "wire/channel.h"

#define UNIT_PORT_DEFAULT 7312
#define TICK_MS 20
#define SECOND_MS 30
#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 5000
#define LOOK_MS 5000
#define EDITION_MS 500
#define EDITIONS 2
#define ECHOES 64        /* editions that an answer may be to */
#define SCAN_MAX 4096
#define SEND_MAX 256
#define LOOKUPS_MAX 4
#define LOOKUP_ROUNDS 5
#define REFUSED_INTERVAL_MS 10000
#define STRANGER_INTERVAL_MS 600000 /* the same one again */

struct node {
    char *name, *address;
    struct sockaddr_in6 place; /* or a sockaddr_in in it; family 0: not known */
    int64_t due_ms;
    unsigned pause_ms;
    unsigned rounds;
    bool second;       /* the first copy of this round is out */
    bool looked_up;    /* its lookup is under way */
    bool identified;   /* and told, since it was connected last */
    bool refused;      /* the same, of a protocol that is not spoken here */
    struct ft_replay replay;
};

struct edition {
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    size_t n; /* 0: not made */
};

struct ft_discovery {
    const struct ft_discovery_config *config;
    const struct ft_discovery_events *events;
    void *arg;
    struct ft_seals *seals;
    uv_timer_t timer;
    struct node *nodes; /* by name */
    size_t nodes_n, next;
    struct edition editions[EDITIONS], coming[EDITIONS];
    unsigned coming_n;   /* sealed so far; EDITIONS: none is being made */
    int64_t edition_ms;  /* when the present ones were ordered */
    uint64_t echoes[ECHOES];
    unsigned echoes_n;
    unsigned lookups;
    struct ft_discovery_figures figures;
    int64_t refused_ms;
    uint64_t untold;
    char stranger[FT_DATAGRAM_NAME_MAX]; /* the last one that was told of */
    int64_t stranger_ms;
    bool seals_fail; /* and it was said */
    bool stopped, timer_closed;
};

/* A lookup that is under way; it finds its node again by name. */
struct lookup {
    uv_getaddrinfo_t request;
    struct ft_discovery *discovery;
    uint16_t port;
    char node[FT_DATAGRAM_NAME_MAX];
};

static void on_tick(uv_timer_t *timer);

/* ---------------------------------------------------------------- nodes */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct node *) a)->name, ((const struct node *) b)->name);
}

static struct node *find(const struct ft_discovery *discovery, const char *name)
{
    struct node key = {.name = (char *) (uintptr_t) name};

    return discovery->nodes_n > 0
               ? bsearch(&key, discovery->nodes, discovery->nodes_n, sizeof key, by_name)
               : NULL;
}

static void free_nodes(struct node *nodes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(nodes[i].name);
        free(nodes[i].address);
    }
    free(nodes);
}

static void begin_anew(struct node *node, int64_t now_ms)
{
    node->due_ms = now_ms;
    node->pause_ms = PAUSE_MIN_MS;
    node->rounds = 0;
    node->second = false;
}

/* What is known of a node stays, unless it is to be looked for elsewhere now. */
static void take_over(struct node *node, const struct node *old)
{
    char *name = node->name, *address = node->address;

    if (old == NULL || strcmp(old->address, address) != 0)
        return;
    *node = *old;
    node->name = name;
    node->address = address;
}

int ft_discovery_plan(struct ft_discovery *discovery, const struct ft_plan *plan)
{
    struct node *nodes = calloc(plan->nodes_n + 1, sizeof *nodes);
    int64_t now_ms = ft_clock_ms();

    for (size_t i = 0; nodes != NULL && i < plan->nodes_n; i++) {
        const struct ft_plan_node *from = &plan->nodes[i];

        nodes[i].name = strdup(from->name);
        nodes[i].address = strdup(from->address != NULL && *from->address ? from->address
                                                                          : from->name);
        if (nodes[i].name == NULL || nodes[i].address == NULL) {
            free_nodes(nodes, i + 1);
            nodes = NULL;
            break;
        }
        begin_anew(&nodes[i], now_ms);
        take_over(&nodes[i], find(discovery, from->name));
    }
    if (nodes == NULL) {
        errno = ENOMEM;
        return -1;
    }
    qsort(nodes, plan->nodes_n, sizeof *nodes, by_name);
    free_nodes(discovery->nodes, discovery->nodes_n);
    discovery->nodes = nodes;
    discovery->nodes_n = plan->nodes_n;
    discovery->next = 0;
    if (!discovery->stopped && plan->nodes_n > 0)
        uv_timer_start(&discovery->timer, on_tick, 0, TICK_MS);
    return 0;
}

void ft_discovery_lost(struct ft_discovery *discovery, const char *name)
{
    struct node *node = find(discovery, name);

    if (node == NULL)
        return;
    begin_anew(node, ft_clock_ms());
    node->identified = false;
}

/* ---------------------------------------------------------------- addresses */

static void set_place(struct node *node, const struct sockaddr *address)
{
    memset(&node->place, 0, sizeof node->place);
    memcpy(&node->place, address, ft_address_length(address));
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct lookup *lookup = request->data;
    struct ft_discovery *discovery = lookup->discovery;
    struct node *node = find(discovery, lookup->node);

    discovery->lookups--;
    if (node != NULL)
        node->looked_up = false;
    if (node != NULL && status == 0 && found != NULL) {
        set_place(node, found->ai_addr);
        ft_address_set_port((struct sockaddr *) &node->place, lookup->port);
    }
    uv_freeaddrinfo(found);
    free(lookup);
}

/* "HOST" or "HOST:PORT". */
static void look_up(struct ft_discovery *discovery, struct node *node, uint16_t port)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    struct lookup *lookup = calloc(1, sizeof *lookup);
    char host[FT_DATAGRAM_NAME_MAX], *colon;

    if (lookup == NULL || !ft_text_copy(host, sizeof host, node->address)) {
        free(lookup);
        return;
    }
    colon = strchr(host, ':');
    if (colon != NULL) {
        *colon = '\0';
        port = (uint16_t) strtoul(colon + 1, NULL, 10);
    }
    lookup->discovery = discovery;
    lookup->port = port;
    lookup->request.data = lookup;
    ft_text_copy(lookup->node, sizeof lookup->node, node->name);
    if (uv_getaddrinfo(discovery->config->loop, &lookup->request, on_looked_up, host, NULL,
                       &hints) != 0) {
        free(lookup);
        return;
    }
    discovery->lookups++;
    node->looked_up = true;
}

/* Where to send to. False: not known yet. */
static bool know_place(struct ft_discovery *discovery, struct node *node)
{
    uint16_t port = discovery->config->unit_port != 0 ? discovery->config->unit_port
                                                      : UNIT_PORT_DEFAULT;
    struct sockaddr_storage address;
    bool known = node->place.sin6_family != 0;

    if (known && (node->second || node->rounds % LOOKUP_ROUNDS != 0))
        return true;
    if (ft_address_parse(node->address, port, &address)) {
        set_place(node, (struct sockaddr *) &address);
        return true;
    }
    if (!node->looked_up && discovery->lookups < LOOKUPS_MAX)
        look_up(discovery, node, port);
    return known;
}

/* ---------------------------------------------------------------- editions */

/* The numbers go on from one reign of this program to the next: its units remember them. */
static uint64_t next_sequence(void)
{
    static uint64_t sequence;

    return ++sequence;
}

/* With a key it is want of memory, else MUNGE: without it no unit can be let in, though those that
 * are connected stay. */
static void tell_seals_fail(struct ft_discovery *discovery, const char *why)
{
    char text[FT_IDENTITY_WHY_MAX + 200];

    ft_log_warning("units cannot be looked for: %s", why);
    if (discovery->config->identity->mode != FT_IDENTITY_MUNGE)
        return;
    snprintf(text, sizeof text, "MUNGE does not work on the node of the central unit (%s): %s. "
             "Units that are connected stay, others cannot connect; see to munge.service there",
             discovery->config->node, why);
    discovery->events->event(discovery->arg, "munge_gone", discovery->config->node, text);
}

static void tell_seals_work(struct ft_discovery *discovery)
{
    char text[FT_DATAGRAM_NAME_MAX + 100];

    ft_log_info("units can be looked for again");
    if (discovery->config->identity->mode != FT_IDENTITY_MUNGE)
        return;
    snprintf(text, sizeof text, "MUNGE works again on the node of the central unit (%s)",
             discovery->config->node);
    discovery->events->event(discovery->arg, "munge_back", discovery->config->node, text);
}

static void on_sealed(void *arg, int error, const uint8_t *bytes, size_t n,
                      const struct sockaddr *to, const char *why)
{
    struct ft_discovery *discovery = arg;
    struct edition *edition = &discovery->coming[discovery->coming_n];

    (void) to;
    edition->n = 0;
    if (error != 0) {
        if (!discovery->seals_fail)
            tell_seals_fail(discovery, *why ? why : strerror(error));
        discovery->seals_fail = true;
    } else {
        if (discovery->seals_fail)
            tell_seals_work(discovery);
        discovery->seals_fail = false;
        memcpy(edition->bytes, bytes, n);
        edition->n = n;
    }
    if (++discovery->coming_n == EDITIONS)
        memcpy(discovery->editions, discovery->coming, sizeof discovery->editions);
}

static void seal_one(struct ft_discovery *discovery)
{
    const struct ft_discovery_config *config = discovery->config;
    struct ft_datagram datagram = {
        .type = FT_DATAGRAM_IDENTIFY, .port = ft_udp_port(config->udp),
        .value = FT_PROTOCOL_OLDEST << 16 | FT_PROTOCOL, .term = config->term, .boot = config->run,
        .sequence = next_sequence(), .sent_ns = ft_clock_ns(),
    };

    ft_text_copy(datagram.sender, sizeof datagram.sender, config->node);
    ft_text_copy(datagram.text, sizeof datagram.text, config->hosts);
    discovery->echoes[discovery->echoes_n++ % ECHOES] = datagram.sent_ns;
    ft_seals_seal(discovery->seals, &datagram, NULL, on_sealed, discovery);
}

/* Orders new ones when the present are old. True if there are some to be sent. */
static bool have_editions(struct ft_discovery *discovery, int64_t now_ms)
{
    if (discovery->coming_n == EDITIONS &&
        (discovery->edition_ms == 0 || now_ms - discovery->edition_ms >= EDITION_MS)) {
        discovery->edition_ms = now_ms;
        discovery->coming_n = 0;
        for (int i = 0; i < EDITIONS; i++)
            seal_one(discovery);
    }
    return discovery->editions[0].n > 0 && discovery->editions[1].n > 0;
}

/* ---------------------------------------------------------------- rounds */

/* Sends what is due to a node. True if something was sent. */
static bool serve(struct ft_discovery *discovery, struct node *node, int64_t now_ms)
{
    const struct edition *edition = &discovery->editions[node->second ? 1 : 0];

    if (discovery->events->connected(discovery->arg, node->name)) {
        begin_anew(node, now_ms + LOOK_MS);
        node->identified = node->refused = false;
        return false;
    }
    if (!know_place(discovery, node)) {
        node->due_ms = now_ms + TICK_MS;
        return false;
    }
    if (ft_udp_send(discovery->config->udp, (struct sockaddr *) &node->place, edition->bytes,
                    edition->n) == 0)
        discovery->figures.asked++;
    node->second = !node->second;
    node->due_ms = now_ms + (node->second ? SECOND_MS : (int64_t) node->pause_ms);
    if (!node->second) {
        node->rounds++;
        node->pause_ms = node->pause_ms * 2 < PAUSE_MAX_MS ? node->pause_ms * 2 : PAUSE_MAX_MS;
    }
    return true;
}

static void on_tick(uv_timer_t *timer)
{
    struct ft_discovery *discovery = timer->data;
    int64_t now_ms = ft_clock_ms();
    size_t scan = discovery->nodes_n < SCAN_MAX ? discovery->nodes_n : SCAN_MAX;
    unsigned sent = 0;
    bool ready = false;

    for (size_t i = 0; i < scan && sent < SEND_MAX; i++) {
        struct node *node = &discovery->nodes[discovery->next++ % discovery->nodes_n];

        if (node->due_ms > now_ms)
            continue;
        ready = ready || have_editions(discovery, now_ms);
        if (!ready) {
            discovery->next--;
            break;
        }
        sent += serve(discovery, node, now_ms);
    }
}

/* ---------------------------------------------------------------- what is refused */

/* Into the event log at most every REFUSED_INTERVAL_MS; all are counted. */
static void refuse(struct ft_discovery *discovery, const struct sockaddr *from, const char *why)
{
    char text[512] = "", address[FT_ADDRESS_TEXT_MAX];
    int64_t now_ms = ft_clock_ms();

    discovery->figures.refused++;
    if (discovery->refused_ms != 0 && now_ms - discovery->refused_ms < REFUSED_INTERVAL_MS) {
        discovery->untold++;
        return;
    }
    ft_text_appendf(text, sizeof text, "a datagram from %s was refused: %s",
                    ft_address_text(from, address), why);
    if (discovery->untold > 0)
        ft_text_appendf(text, sizeof text, " (%" PRIu64 " more since the last such entry)",
                        discovery->untold);
    discovery->refused_ms = now_ms;
    discovery->untold = 0;
    discovery->events->event(discovery->arg, "datagram_refused", "", text);
}

static bool speaks(struct ft_discovery *discovery, struct node *node,
                   const struct ft_datagram *datagram)
{
    uint32_t oldest = datagram->value >> 16, newest = datagram->value & 0xffff;
    char text[512] = "";

    if (oldest <= FT_PROTOCOL && newest >= FT_PROTOCOL_OLDEST)
        return true;
    ft_text_appendf(text, sizeof text, "node %s (%.60s) speaks protocol %u to %u of FT, this central"
                    " unit %d to %d: install the same version of FT on both", datagram->sender,
                    datagram->text, oldest, newest, FT_PROTOCOL_OLDEST, FT_PROTOCOL);
    discovery->figures.refused++;
    if (!node->refused)
        discovery->events->event(discovery->arg, "node_refused", node->name, text);
    node->refused = true;
    return false;
}

/* ---------------------------------------------------------------- an IDENT */

static bool is_answer(const struct ft_discovery *discovery, uint64_t echo_ns)
{
    bool found = echo_ns == 0;

    for (unsigned i = 0; i < ECHOES && !found; i++)
        found = discovery->echoes[i] == echo_ns;
    return found;
}

static void stranger(struct ft_discovery *discovery, const struct ft_datagram *datagram,
                     const struct sockaddr *from)
{
    char text[512] = "", address[FT_ADDRESS_TEXT_MAX];
    int64_t now_ms = ft_clock_ms();

    if (strcmp(discovery->stranger, datagram->sender) == 0 &&
        now_ms - discovery->stranger_ms < STRANGER_INTERVAL_MS)
        return;
    ft_text_copy(discovery->stranger, sizeof discovery->stranger, datagram->sender);
    discovery->stranger_ms = now_ms;
    ft_text_appendf(text, sizeof text, "a unit at %s identifies itself as that of node %s, which "
                    "ft.conf does not name", ft_address_text(from, address), datagram->sender);
    discovery->events->event(discovery->arg, "node_unknown", datagram->sender, text);
}

static void identified(struct ft_discovery *discovery, struct node *node,
                       const struct ft_datagram *datagram, const struct sockaddr *from)
{
    char text[512] = "", address[FT_ADDRESS_TEXT_MAX];

    discovery->figures.identified++;
    if (node->identified || discovery->events->connected(discovery->arg, node->name))
        return;
    node->identified = true;
    ft_text_appendf(text, sizeof text, "the unit of node %s answers at %s (%.100s)", node->name,
                    ft_address_text(from, address), datagram->text);
    discovery->events->event(discovery->arg, "node_identified", node->name, text);
}

static void on_opened(void *arg, int error, const struct ft_datagram *datagram,
                      const struct sockaddr *from, const char *why)
{
    struct ft_discovery *discovery = arg;
    struct node *node;

    if (error != 0) {
        refuse(discovery, from, *why ? why : strerror(error));
        return;
    }
    if (datagram->type != FT_DATAGRAM_IDENT ||
        strcmp(datagram->receiver, discovery->config->node) != 0)
        return; /* rightly made, but not for us */
    node = find(discovery, datagram->sender);
    /* A unit's runs are numbered by its clock, which may have been set back. What answers a
     * question of these last seconds is no old one. */
    if (node != NULL && datagram->boot < node->replay.boot && datagram->echo_ns != 0 &&
        is_answer(discovery, datagram->echo_ns))
        ft_replay_expect(&node->replay, datagram->boot);
    if (!is_answer(discovery, datagram->echo_ns) ||
        (node != NULL && !ft_replay_take(&node->replay, datagram->boot, datagram->sequence))) {
        discovery->figures.repeated++;
        return;
    }
    if (node == NULL)
        stranger(discovery, datagram, from);
    else if (speaks(discovery, node, datagram))
        identified(discovery, node, datagram, from);
}

bool ft_discovery_packet(struct ft_discovery *discovery, const uint8_t *bytes, size_t n,
                         const struct sockaddr *from)
{
    uint32_t key_id;
    uint8_t type;

    if (!ft_datagram_peek(bytes, n, &type, &key_id) || type != FT_DATAGRAM_IDENT)
        return false;
    ft_seals_open(discovery->seals, bytes, n, from, on_opened, discovery);
    return true;
}

void ft_discovery_figures(const struct ft_discovery *discovery,
                          struct ft_discovery_figures *figures)
{
    *figures = discovery->figures;
}

/* ---------------------------------------------------------------- life */

struct ft_discovery *ft_discovery_create(const struct ft_discovery_config *config,
                                         const struct ft_discovery_events *events, void *arg)
{
    struct ft_discovery *discovery = calloc(1, sizeof *discovery);

    if (discovery == NULL)
        return NULL;
    discovery->config = config;
    discovery->events = events;
    discovery->arg = arg;
    discovery->coming_n = EDITIONS;
    discovery->seals = ft_seals_create(config->loop, config->identity);
    if (discovery->seals == NULL) {
        free(discovery);
        return NULL;
    }
    uv_timer_init(config->loop, &discovery->timer);
    discovery->timer.data = discovery;
    return discovery;
}

static void on_timer_closed(uv_handle_t *timer)
{
    ((struct ft_discovery *) timer->data)->timer_closed = true;
}

void ft_discovery_stop(struct ft_discovery *discovery)
{
    if (discovery->stopped)
        return;
    discovery->stopped = true;
    ft_seals_stop(discovery->seals);
    uv_close((uv_handle_t *) &discovery->timer, on_timer_closed);
}

bool ft_discovery_is_over(const struct ft_discovery *discovery)
{
    return discovery->timer_closed && discovery->lookups == 0 &&
           ft_seals_are_idle(discovery->seals);
}

void ft_discovery_destroy(struct ft_discovery *discovery)
{
    if (discovery == NULL)
        return;
    ft_seals_destroy(discovery->seals);
    free_nodes(discovery->nodes, discovery->nodes_n);
    free(discovery);
}
