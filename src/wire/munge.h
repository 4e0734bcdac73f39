/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * munge.h - what FT needs of MUNGE, as a table: the real one is net/munge.c, which links libmunge;
 * tests bring their own. So wire, and with it libft, needs no libmunge.
 *
 * A credential is a text that MUNGE's daemon makes for a process and that any daemon of the same
 * security realm can open: it then tells the user whose process it was, and the payload. Both calls
 * talk to the node's daemon and may take some milliseconds, at most about a second; any thread may
 * make them.
 */
#ifndef FT_WIRE_MUNGE_H
#define FT_WIRE_MUNGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FT_MUNGE_CREDENTIAL_MAX 1024 /* bytes, its 0 included; of our payloads some 200 */
#define FT_MUNGE_PAYLOAD_MAX 64

struct ft_munge {
    void *arg;
    /* Makes a credential of n (at most FT_MUNGE_PAYLOAD_MAX) bytes. 0, or -1 with errno and a
     * sentence in `why`. */
    int (*encode)(void *arg, const void *payload, size_t n,
                  char credential[FT_MUNGE_CREDENTIAL_MAX], char *why, size_t why_size);
    /* Opens a credential: its payload (*n: room, then length) and whose it is. 0, or -1 with errno
     * (EACCES: not a valid one, or too old; EALREADY: a valid one that was opened on this node
     * before, everything has been filled in; others: MUNGE does not work) and a sentence in `why`.
     */
    int (*decode)(void *arg, const char *credential, void *payload, size_t *n, uid_t *uid,
                  char *why, size_t why_size);
};

#endif
