/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * connection.h - a handle's connection to its unit: a socket that never waits, and a wire/channel.
 *
 * The owner calls ft_connection_progress whenever something may have happened, and waits itself (by
 * poll or epoll) on what ft_connection_fd, _events and _wakeup_ms say. Not thread-safe: the
 * handle's lock protects it.
 */
#ifndef FT_LIBFT_CONNECTION_H
#define FT_LIBFT_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libft/host.h"
#include "libft/why.h"
#include "wire/channel.h"

#define FT_CONNECT_MAX_MS 5000 /* for a whole attempt, the unit's greeting included */

enum ft_connection_state {
    FT_CONNECTION_DOWN,       /* no attempt was made, or it was lost */
    FT_CONNECTION_CONNECTING, /* waiting for the socket, or for the time to try again */
    FT_CONNECTION_GREETING,   /* connected; proving the key, waiting for the unit's Hello */
    FT_CONNECTION_UP
};

struct ft_connection;

/* host is copied. session: of a launcher; NULL for everybody else. Makes no attempt yet. NULL with
 * errno ENOMEM, or EINVAL: the session's name is empty or too long. */
struct ft_connection *ft_connection_create(const struct ft_host *host, const char *session);

/* Closes without a word: leaves the epoll set of ft_connection_watch alone, so that it may be used
 * in a child of the process that made the connection. */
void ft_connection_destroy(struct ft_connection *connection);

/* Begins to connect. patient: a unit that is just starting is waited for (see openFT); otherwise
 * its absence is a failure at once. Returns FT_OK when the attempt is under way (it may even have
 * succeeded), else its failure. */
ftRetVal_t ft_connection_start(struct ft_connection *connection, bool patient, struct ft_why *why);

/* Writes and reads what can be, without waiting. Returns 1 if something came (look for replies,
 * then call again), 0 if nothing did, -1 with why if the connection failed: it is down then. */
int ft_connection_progress(struct ft_connection *connection, struct ft_why *why);

/* Takes the next reply that came. Returns 1 and *message, whose body is a Reply (to be freed by
 * ft__message__free_unpacked), 0 if there is none, -1 as ft_connection_progress. */
int ft_connection_next(struct ft_connection *connection, Ft__Message **message,
                       struct ft_why *why);

/* Queues a message; it goes out as soon as the unit has greeted, or at once if it has.
 * Returns FT_OK, or FT_ERR_BUSY or FT_ERR_MEMORY with why; the connection lives on then. */
ftRetVal_t ft_connection_send(struct ft_connection *connection, const Ft__Message *message,
                              struct ft_why *why);

/* Bytes that wait to be written. */
size_t ft_connection_waiting_bytes(struct ft_connection *connection);

enum ft_connection_state ft_connection_state(const struct ft_connection *connection);
const char *ft_connection_host(const struct ft_connection *connection);

/* What to wait for: a descriptor (-1: none) and poll's events, and the time of ft_clock_ms at which
 * progress must be called whatever happens (INT64_MAX: none). */
int ft_connection_fd(const struct ft_connection *connection);
short ft_connection_events(struct ft_connection *connection);
int64_t ft_connection_wakeup_ms(const struct ft_connection *connection);

/* From now on keeps its socket in an epoll set, whichever socket it is. Returns 0, or -1 with
 * errno; ft_connection_rewatch is to be called after anything that may have changed the above. */
int ft_connection_watch(struct ft_connection *connection, int epoll);
int ft_connection_rewatch(struct ft_connection *connection);

#endif
