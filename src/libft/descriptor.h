/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * descriptor.h - what descriptorFT gives: one descriptor that is readable whenever a call on the
 * handle would find something to do.
 */
#ifndef FT_LIBFT_DESCRIPTOR_H
#define FT_LIBFT_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

struct ft_descriptor;

/* NULL with errno. */
struct ft_descriptor *ft_descriptor_create(void);
void ft_descriptor_destroy(struct ft_descriptor *descriptor);

/* The epoll set itself: what to give to the user, and what the connection keeps its socket in. */
int ft_descriptor_fd(const struct ft_descriptor *descriptor);

/* Readable from a time of ft_clock_ms on (FT_NEVER_MS: not because of the time). 0, or -1 with
 * errno. */
int ft_descriptor_set_time(struct ft_descriptor *descriptor, int64_t at_ms);

/* Readable, or not, because answers wait for pollFT. */
void ft_descriptor_set_ready(struct ft_descriptor *descriptor, bool is_ready);

#endif
