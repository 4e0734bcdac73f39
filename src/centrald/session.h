/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * session.h - the session's folder on the launcher's node.
 */
#ifndef FT_CENTRALD_SESSION_H
#define FT_CENTRALD_SESSION_H

#include <stddef.h>

#define FT_SESSION_PATH_MAX 108 /* a unix socket's path may not be longer */

struct ft_session {
    char folder[FT_SESSION_PATH_MAX]; /* /tmp/ft-UID/SESSION */
    char socket[FT_SESSION_PATH_MAX];
    char log[FT_SESSION_PATH_MAX];
};

/* Makes BASE/ft-UID/NAME (mode 0700) if need be, and makes sure that nobody else can write there.
 * Returns 0, or -1 with a sentence in `why`. */
int ft_session_open(struct ft_session *session, const char *base, const char *name, char *why,
                    size_t size);

/* Removes the log, and the folders if nothing is left in them (the node's own unit may still be on
 * its way out). */
void ft_session_close(const struct ft_session *session);

#endif
