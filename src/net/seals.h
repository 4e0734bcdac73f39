/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * seals.h - proves and checks datagrams of identification: at once with a key; with MUNGE, whose
 * daemon has to be waited for, by libuv's pool of threads.
 */
#ifndef FT_NET_SEALS_H
#define FT_NET_SEALS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "wire/identity.h"

#define FT_SEALS_MAX 256 /* under way at once; more are refused with EBUSY */

struct ft_seals;

/* What came. error 0: *datagram is to be believed; else an errno as ft_identity_open, and `why`. */
typedef void (*ft_opened_fn)(void *arg, int error, const struct ft_datagram *datagram,
                             const struct sockaddr *from, const char *why);
/* What may go. error 0: these bytes; else an errno as ft_identity_seal, and `why`. to: as it was
 * given, or NULL. */
typedef void (*ft_sealed_fn)(void *arg, int error, const uint8_t *bytes, size_t n,
                             const struct sockaddr *to, const char *why);

/* identity is borrowed for the object's life. NULL with errno ENOMEM. */
struct ft_seals *ft_seals_create(uv_loop_t *loop, const struct ft_identity *identity);

/* `done` is called once, maybe before these return; not after ft_seals_stop. */
void ft_seals_open(struct ft_seals *seals, const uint8_t *bytes, size_t n,
                   const struct sockaddr *from, ft_opened_fn done, void *arg);
void ft_seals_seal(struct ft_seals *seals, const struct ft_datagram *datagram,
                   const struct sockaddr *to, ft_sealed_fn done, void *arg);

/* Nothing is called any more. To be destroyed when the loop has run out, or when none is under way
 * any more. */
void ft_seals_stop(struct ft_seals *seals);
bool ft_seals_are_idle(const struct ft_seals *seals);
void ft_seals_destroy(struct ft_seals *seals); /* takes NULL */

#endif
