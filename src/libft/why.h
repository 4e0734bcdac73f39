/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * why.h - why a call fails: its result, what happened, and what to do about it.
 *
 * Every function of this library that can fail takes a `struct ft_why *` and fills it whole when it
 * does. It ends in the caller's ftReply_t and in ftLastError.
 */
#ifndef FT_LIBFT_WHY_H
#define FT_LIBFT_WHY_H

#include "ft.h"

struct ft_why {
    ftRetVal_t status;
    char reason[FT_TEXT_MAX];
    char hint[FT_TEXT_MAX];
};

/* Says what happened (format) and what to do (hint; NULL gives what can be said for the status in
 * general). Returns status. */
ftRetVal_t ft_why_set(struct ft_why *why, ftRetVal_t status, const char *hint, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));

/* The same for what the system refused: adds the text of `error`, and sets errno to it. ENOMEM and
 * its like become FT_ERR_MEMORY, all others FT_ERR_SYSTEM. */
ftRetVal_t ft_why_system(struct ft_why *why, int error, const char *what);

/* Makes it this thread's last error. Returns its status. */
ftRetVal_t ft_why_keep(const struct ft_why *why);

/* Makes a reply that says nothing but why. Returns its status. */
ftRetVal_t ft_why_reply(const struct ft_why *why, ftReply_t *reply);

/* Sees to it that a reply which is an error has a reason and a hint, whoever made it. */
void ft_why_complete(ftReply_t *reply);

#endif
