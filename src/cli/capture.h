/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capture.h - run a program with a deadline and keep what it says.
 */
#ifndef FT_CLI_CAPTURE_H
#define FT_CLI_CAPTURE_H

#include <stddef.h>

struct capture;

/* Starts argv[0] (found in PATH) with nothing on stdin; stdout and stderr are kept, the first 64
 * KiB of them. Several may run at the same time.
 *   argv         ended by NULL; borrowed for the call
 *   timeout_ms   when it is killed, counted from now
 * Returns NULL with errno if it cannot be started (ENOENT, EACCES, ENOMEM, ...). */
struct capture *capture_start(char *const argv[], int timeout_ms);

/* Waits for its end, at most until the deadline, then kills it.
 * Returns its exit code, 128 + signal, or -1 with errno ETIMEDOUT (it was killed) or another. */
int capture_wait(struct capture *c);

/* What it said so far, ended by 0; borrowed until capture_destroy. */
const char *capture_text(const struct capture *c);

/* Kills it if it still runs. Takes NULL; keeps errno. */
void capture_destroy(struct capture *c);

#endif
