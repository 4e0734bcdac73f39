/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * identity.h - by what a daemon proves to another that it belongs to the same cluster: a key that
 * only they hold, or MUNGE, which says whose process it is (root's, or one's own user's).
 *
 * Everything that daemons say to each other rests on it: keyed channels (wire/channel.h) and the
 * datagrams that look for units before there is a channel. Per-job mode has the job's own key.
 */
#ifndef FT_WIRE_IDENTITY_H
#define FT_WIRE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/datagram.h"
#include "wire/munge.h"

#define FT_IDENTITY_KEY_BYTES 32
#define FT_IDENTITY_WHY_MAX 512

enum ft_identity_mode { FT_IDENTITY_KEY, FT_IDENTITY_MUNGE };

/* Open, because it is embedded and borrowed by links; wiped by ft_identity_wipe only. */
struct ft_identity {
    enum ft_identity_mode mode;
    uint8_t key[FT_IDENTITY_KEY_BYTES];    /* zero with MUNGE */
    struct ft_datagram_key datagram_key;   /* derived from key, for identification */
    const struct ft_munge *munge;          /* NULL without MUNGE */
    uid_t uid;                             /* this process's: beside root's the only one trusted */
};

/* One whose authority is that key. */
void ft_identity_set_key(struct ft_identity *identity, const uint8_t key[FT_IDENTITY_KEY_BYTES]);
/* One whose authority is MUNGE; munge is borrowed. */
void ft_identity_set_munge(struct ft_identity *identity, const struct ft_munge *munge);
void ft_identity_wipe(struct ft_identity *identity);

/* Makes one as `wish` has it: "key" reads key_path; "munge" needs a MUNGE that answers; "auto"
 * takes MUNGE where it answers, else the key. munge: NULL if this program was built without.
 * key_path is a file of 64 hexadecimal digits, a regular one that belongs to root or to this user
 * and that nobody else can read. May take a second. Returns 0, or -1 with errno and a sentence in
 * `why`. */
int ft_identity_load(struct ft_identity *identity, const char *wish, const char *key_path,
                     const struct ft_munge *munge, char *why, size_t why_size);

const char *ft_identity_text(const struct ft_identity *identity); /* "MUNGE", "a key" */

/* Datagrams of identification: with a MAC under the derived key, or with a credential. Results as
 * ft_datagram_encode and _decode; more errno: EIO (MUNGE does not work: `why` says it). With MUNGE
 * these wait for its daemon. EACCES of _open: also a credential of another user. */
size_t ft_identity_seal(const struct ft_identity *identity, const struct ft_datagram *datagram,
                        uint8_t *bytes, size_t size, char *why, size_t why_size);
int ft_identity_open(const struct ft_identity *identity, const uint8_t *bytes, size_t n,
                     struct ft_datagram *datagram, char *why, size_t why_size);

/* True if a process of that user is to be believed. */
bool ft_identity_trusts(const struct ft_identity *identity, uid_t uid);

#endif
