/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * datagram.h - the small messages that travel by UDP, each with a proof of its own.
 *
 * What has to come often, may be lost, or comes before there is a connection: heartbeats, pings,
 * the search for units. A datagram ends with a MAC under a key that both ends hold; nothing but its
 * frame is looked at before the MAC was found right. No I/O, no memory of its own.
 * doc/protocol.md has the bytes; net/udp.h carries them.
 *
 *     struct ft_datagram beat = {.type = FT_DATAGRAM_BEAT, .boot = boot, .sequence = ++n, ...};
 *     n = ft_datagram_encode(&beat, &key, bytes, sizeof bytes);
 *     ...
 *     if (ft_datagram_decode(bytes, n, &key, &got) == 0 &&
 *         ft_replay_take(&unit->replay, got.boot, got.sequence))
 *         it is from a holder of the key, and new
 */
#ifndef FT_WIRE_DATAGRAM_H
#define FT_WIRE_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FT_DATAGRAM_KEY_BYTES 32
#define FT_DATAGRAM_MAC_BYTES 16
#define FT_DATAGRAM_DIGEST_BYTES 32
#define FT_DATAGRAM_MAX_BYTES 1400 /* fits into one packet of every usual network */
#define FT_DATAGRAM_NAME_MAX 256   /* bytes of a node's name, its 0 included; FT_NAME_MAX of ft.h */
#define FT_DATAGRAM_TEXT_MAX 512   /* of the text, its 0 included */
#define FT_DATAGRAM_ACKS_MAX 7     /* acknowledgements of others in one */

/* The values are the protocol's. What `value` and `text` mean is said here, by type. */
enum ft_datagram_type {
    FT_DATAGRAM_NONE = 0,
    FT_DATAGRAM_IDENTIFY = 1,  /* central -> node: who are you? port, text: where the sender listens
                                * ("HOST[,HOST...]", port); value: protocol */
    FT_DATAGRAM_IDENT = 2,     /* node -> central: it is me; echo_ns: of the IDENTIFY, 0 if nobody
                                * asked (a node announces itself); port: of its own UDP socket;
                                * text: program and version; value: protocol */
    FT_DATAGRAM_BEAT = 3,      /* unit -> central: alive; value: Welcome.number, and then no sender;
                                * or 0, and sender */
    FT_DATAGRAM_BEAT_ACK = 4,  /* central -> unit: heard; echo_ns: of the BEAT */
    FT_DATAGRAM_PING = 5,      /* anyone -> unit */
    FT_DATAGRAM_PONG = 6,      /* unit -> asker; echo_ns: of the PING */
    FT_DATAGRAM_ASK_OTHER = 7, /* central -> another unit: do you reach `subject` at text =
                                * "ADDRESS:PORT"? value: for how many ms to try */
    FT_DATAGRAM_SAW = 8,       /* other unit -> central: echo_ns: of the ASK_OTHER; subject;
                                * FT_DATAGRAM_YES if it answered; value: microseconds that took */
    FT_DATAGRAM_PASS_ON = 9,   /* central -> unit: a BEAT_ACK, and in `acks` those of other units:
                                * to each goes its own as a BEAT_ACK of this boot, sequence, term */
    FT_DATAGRAM_TYPE_MAX = 9
};

/* Bits of `flags`. A receiver ignores those that it does not know. */
#define FT_DATAGRAM_YES 0x01     /* SAW: it answered */
#define FT_DATAGRAM_LEAVING 0x02 /* BEAT: the unit ends in order */
#define FT_DATAGRAM_LAPSED 0x04  /* BEAT: the sender's lease is over */
#define FT_DATAGRAM_RENEW 0x08   /* BEAT: its lease is to be renewed; an acknowledgement is wanted */
#define FT_DATAGRAM_REFUSED 0x10 /* SAW: its host says that nobody listens there */
#define FT_DATAGRAM_SHARED 0x20  /* BEAT: another unit may pass the acknowledgement on to me, and I
                                  * may be the one that passes on those of others */
#define FT_DATAGRAM_SIGNED 0x80  /* ends with a credential of MUNGE instead of a MAC; set by
                                  * wire/identity only */

/* One that is to be passed on, and where to. */
struct ft_datagram_ack {
    uint64_t incarnation;
    uint64_t echo_ns;
    uint16_t port;
    uint8_t address[16]; /* IPv6, or IPv4 as such (::ffff:10.0.0.2) */
};

struct ft_datagram {
    uint8_t type;  /* enum ft_datagram_type */
    uint8_t flags;
    uint8_t acks_n; /* PASS_ON */
    uint16_t port;
    uint32_t value;
    uint64_t term;        /* of the leader, as the sender knows it */
    uint64_t incarnation; /* of the node's membership, as the sender knows it */
    uint64_t boot;        /* names the run of the sending program; grows from run to run */
    uint64_t sequence;    /* counts what the sender sends in this run, from 1 */
    uint64_t sent_ns;     /* by the sender's own ft_clock_ns */
    uint64_t echo_ns;     /* the sent_ns of the one that is answered, 0 of none */
    char sender[FT_DATAGRAM_NAME_MAX];   /* nodes; "" if it says nothing */
    char receiver[FT_DATAGRAM_NAME_MAX];
    char subject[FT_DATAGRAM_NAME_MAX];  /* whom an ASK_OTHER and a SAW are about */
    char text[FT_DATAGRAM_TEXT_MAX];
    struct ft_datagram_ack acks[FT_DATAGRAM_ACKS_MAX];
};

struct ft_datagram_key {
    uint32_t id; /* tells the keys of two leaders apart, and tells nothing of them */
    uint8_t mac[16];
};

/* Both parts are derived from the 32 bytes, which are not kept. */
void ft_datagram_key_set(struct ft_datagram_key *key, const uint8_t bytes[FT_DATAGRAM_KEY_BYTES]);
void ft_datagram_key_wipe(struct ft_datagram_key *key);

/* Empties one: no type, no texts, no acks, all numbers 0. */
void ft_datagram_clear(struct ft_datagram *datagram);

/* Makes `ack` the BEAT_ACK that the i-th of a PASS_ON's acks stands for; the caller sends it on to
 * acks[i].address and port. */
void ft_datagram_passed_on(const struct ft_datagram *pass_on, size_t i, struct ft_datagram *ack);

/* Writes the datagram with its MAC. Returns its length, or 0 with errno EMSGSIZE (more than `size`
 * or FT_DATAGRAM_MAX_BYTES) or EINVAL (no such type). */
size_t ft_datagram_encode(const struct ft_datagram *datagram, const struct ft_datagram_key *key,
                          uint8_t *bytes, size_t size);

/* The frame of what came, before anything is believed of it: its type and the id of its key.
 * False if it is not FT's, cut off, or longer than it says. */
bool ft_datagram_peek(const uint8_t *bytes, size_t n, uint8_t *type, uint32_t *key_id);

/* Reads n bytes from the network. Returns 0, or -1 with errno EPROTO (not FT's datagram, cut off,
 * or too long), ENOKEY (made with another key, or with a credential), EACCES (forged or changed on
 * its way), EBADMSG (right MAC, yet not a datagram that can be understood: another version). Then
 * *datagram has been emptied. */
int ft_datagram_decode(const uint8_t *bytes, size_t n, const struct ft_datagram_key *key,
                       struct ft_datagram *datagram);

/* --- who was heard already */

/* Of one sender. All zero: nothing was heard of it yet. */
struct ft_replay {
    uint64_t boot;
    uint64_t highest; /* sequence */
    uint64_t seen;    /* bit i: highest - i has come */
};

/* True, once, for a datagram that has not come before: of the known run of the sender and among its
 * last 64, or of a later run. What is older than that is refused, come or not. Only for what has
 * been decoded: a forged one must not get here. */
bool ft_replay_take(struct ft_replay *replay, uint64_t boot, uint64_t sequence);

/* The sender said over a connection which run is its present one (Hello.start): no other is taken
 * from now on but later ones. Needed after a node's clock went back between two runs. */
void ft_replay_expect(struct ft_replay *replay, uint64_t boot);

/* --- for wire/identity, which proves datagrams by other means than a MAC */

/* As ft_datagram_encode, without a proof: the body, with `key_id` in it. */
size_t ft_datagram_encode_body(const struct ft_datagram *datagram, uint32_t key_id, uint8_t *bytes,
                               size_t size);
/* Where the proof of what came begins; false as ft_datagram_peek. */
bool ft_datagram_find_proof(const uint8_t *bytes, size_t n, size_t *body_n, bool *is_signed);
/* What a credential has to vouch for. */
void ft_datagram_digest(const uint8_t *body, size_t body_n,
                        uint8_t digest[FT_DATAGRAM_DIGEST_BYTES]);
/* Reads a body that was proven. 0, or -1 with errno EBADMSG. */
int ft_datagram_decode_body(const uint8_t *body, size_t body_n, struct ft_datagram *datagram);

#endif
