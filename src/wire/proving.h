/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proving.h - the part of a handshake that has to wait for MUNGE's daemon, as an object of its own,
 * so that whoever drives the channel can have it done by another thread.
 */
#ifndef FT_WIRE_PROVING_H
#define FT_WIRE_PROVING_H

#include <stddef.h>
#include <stdint.h>

#include "wire/identity.h"

#define FT_PROVING_DIGEST_BYTES 32

struct ft_proving;

/* Something to be done; expected and own: of FT_PROVING_DIGEST_BYTES, either may be NULL. First the
 * peer's credential is opened and has to hold `expected`, then one is made that holds `own`.
 * NULL with errno ENOMEM. */
struct ft_proving *ft_proving_create(const struct ft_identity *identity, const char *credential,
                                     const uint8_t *expected, const uint8_t *own);
void ft_proving_destroy(struct ft_proving *proving); /* takes NULL */

/* Does it: may take some milliseconds, or seconds if MUNGE's daemon hangs. Any thread; it touches
 * nothing but the object. */
void ft_proving_run(struct ft_proving *proving);

/* Afterwards: 0, or an errno: EACCES (the peer has not proven itself), EIO (MUNGE does not work
 * here), EINVAL (it was not run); `why` then says more. */
int ft_proving_error(const struct ft_proving *proving);
const char *ft_proving_why(const struct ft_proving *proving);
const char *ft_proving_credential(const struct ft_proving *proving); /* the own one; "" if none */

#endif
