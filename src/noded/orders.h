/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * orders.h - what whoever starts a unit tells it on its standard input.
 */
#ifndef FT_NODED_ORDERS_H
#define FT_NODED_ORDERS_H

#include <stddef.h>
#include <stdint.h>

#include "wire/channel.h"

struct ft_orders {
    char hosts[1024];           /* the central unit's, separated by commas */
    uint16_t port;
    uint8_t key[FT_KEY_BYTES];
};

/* Reads the lines "central HOST[,HOST...]:PORT" and "key HEX64" up to the end of the input, waiting
 * at most timeout_ms. Returns 0, or -1 with a sentence in `why`; orders are all zero then. */
int ft_orders_read(int fd, int timeout_ms, struct ft_orders *orders, char *why, size_t why_size);

/* Wipes the key. */
void ft_orders_forget(struct ft_orders *orders);

#endif
