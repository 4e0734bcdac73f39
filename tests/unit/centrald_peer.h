/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * centrald_peer.h - for tests: the other end of a connection to ft-centrald, without any of FT's
 * own daemons: says what a unit, a client or a launcher would say, and waits for what should come.
 */
#ifndef FT_TEST_CENTRALD_PEER_H
#define FT_TEST_CENTRALD_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/facts.h"
#include "ft.h"
#include "ft_runtime.h"
#include "wire/channel.h"

#define PEER_TIMEOUT_MS 10000

struct peer {
    int file;
    struct ft_channel *channel;
    char node[64];
};

/* Connect and prove; false if that fails (with a wrong key, say). */
bool peer_connect_tcp(struct peer *peer, uint16_t port, const uint8_t key[FT_KEY_BYTES]);
bool peer_connect_unix(struct peer *peer, const char *path);
void peer_close(struct peer *peer);

void peer_send(struct peer *peer, const Ft__Message *message);

/* The next message of a kind; others are dropped, Pings and NeedTopology answered with nothing.
 * Fails the test after PEER_TIMEOUT_MS. Freed by ft__message__free_unpacked. */
Ft__Message *peer_expect(struct peer *peer, Ft__Message__BodyCase body_case);

/* True if the other side closes within PEER_TIMEOUT_MS, whatever it says before. */
bool peer_is_closed(struct peer *peer);

/* Hello both ways; returns what the answer's `refused` is. */
int peer_hello(struct peer *peer, const char *node, unsigned role, const char *job, int rank);

/* As a unit: what the node is. */
void peer_node_info(struct peer *peer, const struct ft_facts *facts, const char *location);

/* As a unit: waits for a probe and answers it; free memory, exit code of the check. */
void peer_answer_probe(struct peer *peer, const struct ft_facts *facts, uint64_t memory_free_bytes,
                       int check_code, const char *check_text);

/* Sends an action; from `job`/`rank` if the peer is a unit (job NULL: none). Returns at once. */
void peer_ask(struct peer *peer, uint64_t id, const ftAction_t *action, ftTimeout_t timeout_ms,
              const char *job, int rank);

/* The answer to a request. Fails the test if another comes first. */
void peer_answer(struct peer *peer, uint64_t id, ftReply_t *reply);

/* Both: the answer's status. */
ftRetVal_t peer_request(struct peer *peer, const ftAction_t *action, ftReply_t *reply);

#endif
