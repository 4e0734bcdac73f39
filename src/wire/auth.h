/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * auth.h - how the two ends of a keyed channel prove that they hold the same key, and how they then
 * keep what they say secret, whole and in order. doc/protocol.md has the bytes.
 */
#ifndef FT_WIRE_AUTH_H
#define FT_WIRE_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/buffer.h"

#define FT_AUTH_KEY_BYTES 32
#define FT_AUTH_SEAL_BYTES 17 /* a sealed text is this much longer */

struct ft_auth;

/* Starts a handshake: the first part to be sent is put into `out`. NULL with errno ENOMEM, ENOBUFS,
 * or EIO if the system gives no random numbers. The key is copied and wiped when no longer needed.
 * */
struct ft_auth *ft_auth_create(bool is_client, const uint8_t key[FT_AUTH_KEY_BYTES],
                               struct ft_buffer *out, size_t out_limit);
void ft_auth_destroy(struct ft_auth *auth);

/* How many bytes the next part from the peer has; 0 once the handshake is through. */
size_t ft_auth_expects(const struct ft_auth *auth);

/* Takes that part, whole, and puts what is to be answered into `out`. Returns 0, or -1 with errno
 * EACCES (no proof of the key), ENOMEM, ENOBUFS; the handshake has failed then. */
int ft_auth_take(struct ft_auth *auth, const uint8_t *part, struct ft_buffer *out,
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
