/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * auth.h - how the two ends of a keyed channel prove that they hold the same key, or by MUNGE whose
 * processes they are, and how they then keep what they say secret, whole and in order.
 * doc/protocol.md has the bytes.
 */
#ifndef FT_WIRE_AUTH_H
#define FT_WIRE_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/buffer.h"
#include "wire/identity.h"
#include "wire/proving.h"

#define FT_AUTH_KEY_BYTES 32
#define FT_AUTH_SEAL_BYTES 17 /* a sealed text is this much longer */

struct ft_auth;

/* Starts a handshake: the first part to be sent is put into `out`. NULL with errno ENOMEM, ENOBUFS,
 * or EIO if the system gives no random numbers. What is needed of identity is copied, a key wiped
 * when no longer needed; its MUNGE is borrowed. */
struct ft_auth *ft_auth_create(bool is_client, const struct ft_identity *identity,
                               struct ft_buffer *out, size_t out_limit);
void ft_auth_destroy(struct ft_auth *auth);

/* What both sides have said in the open so far, in the order client, server: proofs and keys hang
 * on it, so that nobody can have changed it. Once, before the first part is taken. */
void ft_auth_greeted(struct ft_auth *auth, const uint8_t *client, const uint8_t *server, size_t n);

/* How many bytes the next part from the peer has; 0 once the handshake is through. */
size_t ft_auth_expects(const struct ft_auth *auth);

/* Takes that part, whole, and puts what is to be answered into `out`. Returns 0, or -1 with errno
 * EACCES (no proof of the key), ENOMEM, ENOBUFS; the handshake has failed then. */
int ft_auth_take(struct ft_auth *auth, const uint8_t *part, struct ft_buffer *out,
                 size_t out_limit);

/* With MUNGE: what is to be done before the next part can be taken, or NULL. It is the caller's
 * then, to be run and handed back, or destroyed. */
bool ft_auth_waits(const struct ft_auth *auth); /* until it is handed back */
struct ft_proving *ft_auth_proving(struct ft_auth *auth);
/* Hands it back: results as ft_auth_take, and EIO. It stays the caller's. */
int ft_auth_proven(struct ft_auth *auth, const struct ft_proving *proving, struct ft_buffer *out,
                   size_t out_limit);

/* Encrypts n bytes into n + FT_AUTH_SEAL_BYTES. `header` is sent in the open; a changed one is
 * noticed. Only after the handshake; calls have to be in the order of sending. */
void ft_auth_seal(struct ft_auth *auth, uint8_t *sealed, const uint8_t *plain, size_t n,
                  const uint8_t *header, size_t header_n);

/* The way back: n sealed bytes (at least FT_AUTH_SEAL_BYTES) into n - FT_AUTH_SEAL_BYTES. 0, or -1
 * with errno EACCES if they are not what the peer sealed next; nothing may be read after that. */
int ft_auth_open(struct ft_auth *auth, uint8_t *plain, const uint8_t *sealed, size_t n,
                 const uint8_t *header, size_t header_n);

#endif
