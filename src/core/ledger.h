/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ledger.h - what a take-over needs to know: an ordered map from keys to bytes, the same on every
 * voter.
 *
 * Keys are kept in the order of their first writing. All changes come as commands, which the voters
 * agree upon (centrald/book.h); a ledger applies them, one after the other, and is the same
 * wherever the same commands were applied. A snapshot is the whole ledger as bytes, with a
 * checksum. Pure: no I/O, no clock. Sizes are bounded: a ledger refuses what would make it grow
 * beyond.
 *
 * Keys: "conf" (text of ft.conf), "node/NAME", "module/NAME", "job/...", "decision/ID", "meta/...".
 */
#ifndef FT_CORE_LEDGER_H
#define FT_CORE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FT_LEDGER_KEY_MAX 256              /* bytes, its 0 included */
#define FT_LEDGER_VALUE_MAX (1u << 20)
#define FT_LEDGER_BYTES_MAX (64u << 20)    /* keys and values together */
#define FT_LEDGER_COMMAND_MAX (2u << 20)   /* one command, encoded */

struct ft_ledger;

struct ft_ledger *ft_ledger_create(void); /* NULL with errno ENOMEM */
void ft_ledger_destroy(struct ft_ledger *ledger);

/* Writes a key. 0, or -1 with errno EINVAL (no key, one that is too long, data NULL with n > 0),
 * EMSGSIZE (the value is too large), ENOSPC (the ledger would be), ENOMEM; nothing was changed. */
int ft_ledger_put(struct ft_ledger *ledger, const char *key, const void *data, size_t n);

/* Removes a key; a key that is not there is no mistake. */
void ft_ledger_erase(struct ft_ledger *ledger, const char *key);
void ft_ledger_erase_prefix(struct ft_ledger *ledger, const char *prefix);

/* The value (valid until the ledger changes) and *n, or NULL. The value of n = 0 is not NULL. */
const void *ft_ledger_get(const struct ft_ledger *ledger, const char *key, size_t *n);

/* Calls visit for each key that begins with prefix, in the order of first writing, until it returns
 * false. visit must not change the ledger. */
typedef bool (*ft_ledger_visit_fn)(void *arg, const char *key, const void *data, size_t n);
void ft_ledger_each(const struct ft_ledger *ledger, const char *prefix, ft_ledger_visit_fn visit,
                    void *arg);

size_t ft_ledger_count(const struct ft_ledger *ledger);
size_t ft_ledger_bytes(const struct ft_ledger *ledger);

/* Equal for ledgers with the same keys and values in the same order. */
uint64_t ft_ledger_hash(const struct ft_ledger *ledger);

/* ---------------------------------------------------------------- snapshots */

size_t ft_ledger_encoded_bytes(const struct ft_ledger *ledger);
void ft_ledger_encode(const struct ft_ledger *ledger, void *bytes); /* as many as that */

/* A ledger out of a snapshot. NULL with errno EBADMSG (truncated, corrupt, not a snapshot), EPROTO
 * (of a later format) or ENOMEM. */
struct ft_ledger *ft_ledger_decode(const void *bytes, size_t n);

/* ---------------------------------------------------------------- commands */

enum ft_ledger_verb { FT_LEDGER_PUT = 1, FT_LEDGER_ERASE, FT_LEDGER_ERASE_PREFIX };

/* A command under way: one change or several, applied together. Begin with a zeroed one; clear when
 * done. */
struct ft_ledger_command {
    uint8_t *bytes;
    size_t n, room;
    unsigned changes;
};

/* Adds a change. 0, or -1 with errno EINVAL, EMSGSIZE (the command would be larger than
 * FT_LEDGER_COMMAND_MAX: apply this one first), ENOMEM; the command is as it was. */
int ft_ledger_command_add(struct ft_ledger_command *command, enum ft_ledger_verb verb,
                          const char *key, const void *data, size_t n);
void ft_ledger_command_clear(struct ft_ledger_command *command);

/* Applies a command, whole or not at all as far as its form goes: -1 with errno EBADMSG (malformed)
 * or EPROTO (of a later format), and nothing was changed. A change that the ledger has no room for
 * is skipped, on every voter alike, and counted in *refused if that is not NULL. ENOMEM: this voter
 * cannot go on. */
int ft_ledger_apply(struct ft_ledger *ledger, const void *command, size_t n, unsigned *refused);

#endif
