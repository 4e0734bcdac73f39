/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host.h - an FT host's name, understood: the addresses to connect to and the key to prove.
 */
#ifndef FT_LIBFT_HOST_H
#define FT_LIBFT_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "libft/why.h"
#include "wire/channel.h"

#define FT_HOST_ADDRESSES_MAX 8 /* of one name; more are not tried */
#define FT_HOST_SYSTEM_UNIT "unix:/run/ft/noded.sock"

struct ft_host {
    char text[FT_NAME_MAX + 64]; /* for people: "unix:/run/ft/noded.sock" */
    bool is_unix;
    bool is_session; /* a unix socket in a job's session folder: it may not be there yet */
    unsigned n;
    struct {
        struct sockaddr_storage address;
        socklen_t size;
    } addresses[FT_HOST_ADDRESSES_MAX];
    uint8_t key[FT_KEY_BYTES]; /* of a HOST:PORT; wiped by ft_host_clear */
};

/* Understands a name (NULL: $FT_HOST, else the system's unit), resolves it, and reads the key if it
 * is of the form HOST:PORT. May take as long as the system's resolver does.
 * Returns FT_OK, or FT_ERR_HOST, FT_ERR_AUTH, FT_ERR_MEMORY or FT_ERR_SYSTEM with why. */
ftRetVal_t ft_host_read(struct ft_host *host, const char *name, struct ft_why *why);

void ft_host_clear(struct ft_host *host);

#endif
