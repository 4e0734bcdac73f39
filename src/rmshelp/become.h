/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * become.h - the user whose job it is.
 */
#ifndef FT_RMSHELP_BECOME_H
#define FT_RMSHELP_BECOME_H

#include <stddef.h>
#include <sys/types.h>

/* From now on this process is that user and nobody else: groups, gid, uid (real, effective and
 * saved) and the environment's HOME, USER, LOGNAME. To be called before there is a second thread.
 * Returns 0, or -1 and why: the process must not go on then, as it may be half one and half the
 * other. */
int ft_become(uid_t uid, char *why, size_t size);

#endif
