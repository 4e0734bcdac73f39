/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * buffer.c - bytes that wait.
 *
 * A channel has a few of them: what came and is no whole frame yet, what is to be written, what
 * waits for the handshake. The bytes lie in one block, so that sockets and ciphers can work on them
 * in place; taking from the front only moves `start`, and the rest is moved down when room is
 * needed. Each byte is moved at most about once for each time that it is added, since a move
 * happens only when it frees at least half of the block; else the block doubles.
 *
 * Blocks are wiped before they are freed: the buffers hold what the encryption is to hide.
 */
#include "config.h"

#include "wire/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_MIN_BYTES 512
#define BUFFER_KEEP_BYTES 65536 /* an idle connection keeps no more than this */

void ft_buffer_clear(struct ft_buffer *buffer)
{
    if (buffer->bytes != NULL) {
        explicit_bzero(buffer->bytes, buffer->end);
        free(buffer->bytes);
    }
    *buffer = (struct ft_buffer){0};
}

static int move_to_block(struct ft_buffer *buffer, size_t size)
{
    size_t n = ft_buffer_length(buffer);
    uint8_t *bytes = malloc(size);

    if (bytes == NULL)
        return -1;
    if (n > 0)
        memcpy(bytes, ft_buffer_front(buffer), n);
    ft_buffer_clear(buffer);
    buffer->bytes = bytes;
    buffer->end = n;
    buffer->size = size;
    return 0;
}

uint8_t *ft_buffer_room(struct ft_buffer *buffer, size_t n, size_t limit)
{
    size_t length = ft_buffer_length(buffer);
    size_t size = buffer->size > 0 ? buffer->size : BUFFER_MIN_BYTES;

    if (length > limit || n > limit - length) {
        errno = ENOBUFS;
        return NULL;
    }
    if (n <= buffer->size - buffer->end)
        return buffer->bytes + buffer->end;
    if (length + n <= buffer->size && buffer->start >= buffer->size / 2) {
        memmove(buffer->bytes, buffer->bytes + buffer->start, length);
        buffer->start = 0;
        buffer->end = length;
        return buffer->bytes + buffer->end;
    }
    while (size - length < n)
        size *= 2; /* no overflow: limit is far below SIZE_MAX / 2 */
    return move_to_block(buffer, size) == 0 ? buffer->bytes + buffer->end : NULL;
}

void ft_buffer_add(struct ft_buffer *buffer, size_t n)
{
    buffer->end += n;
}

const uint8_t *ft_buffer_front(const struct ft_buffer *buffer)
{
    return buffer->bytes + buffer->start;
}

size_t ft_buffer_length(const struct ft_buffer *buffer)
{
    return buffer->end - buffer->start;
}

void ft_buffer_take(struct ft_buffer *buffer, size_t n)
{
    buffer->start += n;
    if (buffer->start < buffer->end)
        return;
    if (buffer->size > BUFFER_KEEP_BYTES) {
        ft_buffer_clear(buffer);
        return;
    }
    buffer->start = buffer->end = 0;
}
