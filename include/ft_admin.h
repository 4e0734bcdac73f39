/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ft_admin.h - for tools that look after the system: what runs where, and orders to it. The command
 * `ft` is made of this; ft_admin(3) lists the commands and what their answers hold.
 *
 *     ftHandle_t ft;
 *     char *answer;
 *
 *     openFT("unix:/run/ft/noded.sock", &ft);
 *     if (adminFT(ft, "{\"do\":\"drain\",\"node\":\"n7\"}", &answer, 5000) == FT_OK)
 *         puts(answer);
 *     free(answer);
 *     closeFT(ft);
 */
#ifndef FT_ADMIN_H
#define FT_ADMIN_H

#include "ft.h"

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

#define FT_COMMAND_MAX 4096 /* bytes of a command, its 0 included */

/* Have the central unit that leads do or tell something. Any unit may be asked: a node's unit hands
 * the command on.
 *   handle      from openFT
 *   command     a JSON object: {"do": "status"}; what it does not know is an error. Borrowed for
 *               the call
 *   answer      gets the answer, a JSON object, to be freed by free(); after an error either the
 *               object that says why ({"error": ..., "hint": ...}), or NULL if there is none. Not
 *               changed in any other way
 *   timeout_ms  how long to wait, see ftTimeout_t; 0 is an error here
 * Looking is for everybody. Changing is for root and for those whom `admins` of ft.conf(5) names:
 * others get FT_ERR_DENIED. Who asks is what the system says of this process, where the unit is on
 * the same node; over HOST:PORT, who has the key may do anything.
 * Errors: FT_ERR_ACTION (the command is not understood), FT_ERR_UNKNOWN (there is no such node or
 * module), FT_ERR_DENIED, FT_ERR_NONE (it cannot be done now), FT_ERR_BUSY (no central unit leads);
 * and those of requestFT. ftLastError says more. */
ftRetVal_t adminFT(const ftHandle_t handle, const char *command, char **answer,
                   ftTimeout_t timeout_ms);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
