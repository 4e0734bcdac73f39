/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hello.h - the first words on every connection of the central unit.
 */
#ifndef FT_CENTRALD_HELLO_H
#define FT_CENTRALD_HELLO_H

#include <stdbool.h>
#include <stdint.h>

#include "net/link.h"
#include "wire/ft.pb-c.h"

enum ft_role { FT_ROLE_CLIENT = 1, FT_ROLE_UNIT = 2, FT_ROLE_CENTRAL = 3, FT_ROLE_LAUNCHER = 4 };

/* Answers a Hello as the central unit on `node`, which leads in `term` (0: a job's own). False if
 * the peer had to be refused (the link then closes): another protocol, or no name where one is
 * needed. */
bool ft_hello_answer(struct ft_link *link, const Ft__Hello *hello, const char *node, uint64_t term,
                     bool name_needed);

/* Answers a Hello as a central unit that does not lead: who does ("HOST[,HOST...]:PORT", "" if that
 * is not known), and closes the link. */
void ft_hello_redirect(struct ft_link *link, const char *node, const char *leader);

/* Answers a Ping. */
void ft_hello_pong(struct ft_link *link, const Ft__Ping *ping);

#endif
