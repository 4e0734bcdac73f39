/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * buffer.h - bytes that wait: added at the end, taken from the front, never more than a limit.
 */
#ifndef FT_WIRE_BUFFER_H
#define FT_WIRE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* Open, because it is embedded; touched by buffer.c only. All zero is an empty buffer. */
struct ft_buffer {
    uint8_t *bytes;
    size_t start, end, size;
};

/* Wipes and frees. The buffer is empty again. */
void ft_buffer_clear(struct ft_buffer *buffer);

/* Where n more bytes can be put; ft_buffer_add then counts in those that were. NULL with errno
 * ENOBUFS (that would make it more than `limit` bytes) or ENOMEM; nothing has changed then. */
uint8_t *ft_buffer_room(struct ft_buffer *buffer, size_t n, size_t limit);
void ft_buffer_add(struct ft_buffer *buffer, size_t n);

/* What is in it, valid until the next call that changes it. */
const uint8_t *ft_buffer_front(const struct ft_buffer *buffer);
size_t ft_buffer_length(const struct ft_buffer *buffer);

/* Takes n bytes (at most its length) from the front. An empty buffer gives large memory back. */
void ft_buffer_take(struct ft_buffer *buffer, size_t n);

#endif
