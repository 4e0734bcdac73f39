/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lifeline.h - standard input: what the launcher tells at the start, and then whether it lives.
 */
#ifndef FT_CENTRALD_LIFELINE_H
#define FT_CENTRALD_LIFELINE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "wire/channel.h"

struct ft_told {
    uint8_t key[FT_KEY_BYTES];
    pid_t launcher;
};

/* Reads the lines "key HEX64" and "launcher-pid N", in either order, waiting at most timeout_ms for
 * both. Returns 0, or -1 with a sentence in `why`; *told is all zero then. */
int ft_lifeline_read(int file, int timeout_ms, struct ft_told *told, char *why, size_t size);

/* Watches the file from now on: cut is called once, when its other end is closed. What else comes
 * is ignored. Closed by ft_lifeline_stop. Returns 0 or a libuv error. */
struct ft_lifeline {
    uv_poll_t poll;
    void (*cut)(void *arg);
    void *arg;
};
int ft_lifeline_watch(struct ft_lifeline *lifeline, uv_loop_t *loop, int file,
                      void (*cut)(void *arg), void *arg);
void ft_lifeline_stop(struct ft_lifeline *lifeline);

#endif
