/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * discovery.c - answers IDENTIFY with IDENT.
 *
 *     IDENTIFY (central) --> opened (key or MUNGE) --> new? --> IDENT back to where it came from
 *                                                         '---> unit.c: the leader is there
 *
 * heart.c owns the socket and hands in what is none of its own. An IDENTIFY says at which port its
 * sender listens, by TCP too, and by which names it may be reached; the address that it came from
 * is tried first. Whoever replays one from elsewhere makes this unit knock at a wrong door, once:
 * what answers there has to prove itself.
 *
 * Each copy of an IDENTIFY has a number of its own and is answered, so that one lost answer does
 * not matter. What came before (a replay) and what cannot be believed is counted and said in the
 * log, a flood of it by number; nobody is answered who has not proven himself.
 */
#include "config.h"

#include "noded/discovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "net/seals.h"
#include "wire/channel.h"

#define SENDERS_MAX 16 /* central units; one more takes the place of the one heard least lately */
#define LOG_INTERVAL_MS 10000
#define HOSTS_MAX 1024

struct sender {
    char name[FT_DATAGRAM_NAME_MAX];
    struct ft_replay replay;
    uint64_t term;
    int64_t heard_ms;
};

struct ft_ident {
    const struct ft_ident_wish *wish;
    struct ft_seals *seals;
    struct sender senders[SENDERS_MAX];
    uint64_t sequence;
    int64_t logged_ms;
    uint64_t unlogged;
};

struct ft_ident *ft_ident_create(uv_loop_t *loop, const struct ft_ident_wish *wish)
{
    struct ft_ident *ident = calloc(1, sizeof *ident);

    if (!ident)
        return NULL;
    ident->wish = wish;
    ident->seals = ft_seals_create(loop, wish->identity);
    if (!ident->seals) {
        free(ident);
        return NULL;
    }
    return ident;
}

/* ---------------------------------------------------------------- what is refused */

static void refuse(struct ft_ident *ident, const struct sockaddr *from, const char *why)
{
    char text[FT_ADDRESS_TEXT_MAX];
    int64_t now_ms = ft_clock_ms();

    if (ident->logged_ms != 0 && now_ms - ident->logged_ms < LOG_INTERVAL_MS) {
        ident->unlogged++;
        return;
    }
    if (ident->unlogged > 0)
        ft_log(FT_LOG_WARNING, "%" PRIu64 " more datagrams were refused before", ident->unlogged);
    ft_log(FT_LOG_WARNING, "a datagram from %s is refused: %s", ft_address_text(from, text), why);
    ident->logged_ms = now_ms;
    ident->unlogged = 0;
}

/* ---------------------------------------------------------------- who was heard already */

static struct sender *find_sender(struct ft_ident *ident, const char *name)
{
    struct sender *found = &ident->senders[0];

    for (size_t i = 0; i < SENDERS_MAX; i++) {
        if (strcmp(ident->senders[i].name, name) == 0)
            return &ident->senders[i];
        if (ident->senders[i].heard_ms < found->heard_ms)
            found = &ident->senders[i];
    }
    memset(found, 0, sizeof *found);
    ft_text_copy(found->name, sizeof found->name, name);
    return found;
}

static bool is_new(struct ft_ident *ident, const struct ft_datagram *datagram)
{
    struct sender *sender = find_sender(ident, datagram->sender);

    sender->heard_ms = ft_clock_ms();
    /* Runs of a central unit are numbered by its clock, which may have been set back: then its
     * later term says that this is a later run. */
    if (datagram->term > sender->term) {
        memset(&sender->replay, 0, sizeof sender->replay);
        sender->term = datagram->term;
    }
    return ft_replay_take(&sender->replay, datagram->boot, datagram->sequence);
}

/* ---------------------------------------------------------------- an IDENTIFY */

static void on_sealed(void *arg, int error, const uint8_t *bytes, size_t n,
                      const struct sockaddr *to, const char *why)
{
    struct ft_ident *ident = arg;

    if (error != 0)
        ft_log(FT_LOG_WARNING, "the central unit's identification cannot be answered: %s",
               *why ? why : strerror(error));
    else
        ft_udp_send(ident->wish->udp, to, bytes, n); /* lost as any datagram may be: asked again */
}

static void answer(struct ft_ident *ident, const struct ft_datagram *question,
                   const struct sockaddr *from)
{
    struct ft_datagram datagram = {
        .type = FT_DATAGRAM_IDENT, .port = ft_udp_port(ident->wish->udp),
        .value = FT_PROTOCOL_OLDEST << 16 | FT_PROTOCOL, .term = question->term,
        .boot = ident->wish->run, .sequence = ++ident->sequence, .sent_ns = ft_clock_ns(),
        .echo_ns = question->sent_ns,
    };

    ft_text_copy(datagram.sender, sizeof datagram.sender, ident->wish->node);
    ft_text_copy(datagram.receiver, sizeof datagram.receiver, question->sender);
    ft_text_copy(datagram.text, sizeof datagram.text, ident->wish->program);
    ft_seals_seal(ident->seals, &datagram, from, on_sealed, ident);
}

/* "10.0.0.1,n0,n0.example.org": the address itself, then what it says of itself. */
static void make_hosts(char hosts[HOSTS_MAX], const struct sockaddr *from, const char *text)
{
    char address[FT_ADDRESS_TEXT_MAX], *colon;
    const char *begin = address;

    ft_address_text(from, address);
    colon = strrchr(address, ':');
    if (colon)
        *colon = '\0';
    if (address[0] == '[') { /* IPv6 */
        begin++;
        address[strcspn(address, "]")] = '\0';
    }
    hosts[0] = '\0';
    ft_text_appendf(hosts, HOSTS_MAX, "%s%s%s", begin, *text ? "," : "", text);
}

static bool speaks(uint32_t value)
{
    uint32_t oldest = value >> 16, newest = value & 0xffff;

    return oldest <= FT_PROTOCOL && newest >= FT_PROTOCOL_OLDEST;
}

static void on_opened(void *arg, int error, const struct ft_datagram *datagram,
                      const struct sockaddr *from, const char *why)
{
    struct ft_ident *ident = arg;
    char hosts[HOSTS_MAX], text[256];

    if (error != 0) {
        refuse(ident, from, *why ? why : strerror(error));
        return;
    }
    if (datagram->type != FT_DATAGRAM_IDENTIFY ||
        (datagram->receiver[0] && strcmp(datagram->receiver, ident->wish->node) != 0))
        return; /* rightly made, but not for us */
    if (!is_new(ident, datagram))
        return;
    if (!speaks(datagram->value)) {
        snprintf(text, sizeof text, "the central unit on %.80s speaks protocol %u to %u of FT, "
                 "this unit %d to %d: install the same version of FT on both nodes", datagram->sender,
                 datagram->value >> 16, datagram->value & 0xffff, FT_PROTOCOL_OLDEST, FT_PROTOCOL);
        refuse(ident, from, text);
        return;
    }
    answer(ident, datagram, from);
    make_hosts(hosts, from, datagram->text);
    ident->wish->found(ident->wish->arg, hosts, datagram->port, datagram->term);
}

void ft_ident_take(struct ft_ident *ident, const uint8_t *bytes, size_t n,
                   const struct sockaddr *from)
{
    ft_seals_open(ident->seals, bytes, n, from, on_opened, ident);
}

void ft_ident_stop(struct ft_ident *ident)
{
    ft_seals_stop(ident->seals);
}

void ft_ident_destroy(struct ft_ident *ident)
{
    if (!ident)
        return;
    ft_seals_destroy(ident->seals);
    free(ident);
}
