/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * address.h - addresses of IP with their ports, as texts and compared.
 */
#ifndef FT_NET_ADDRESS_H
#define FT_NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define FT_ADDRESS_TEXT_MAX 80 /* "[2001:db8:...%4294967295]:65535" */

/* Reads "10.0.0.2:7312" or "[fe80::1]:7312", or either without a port, which is default_port then.
 * Numbers only, no names. False if it is none, or has no port at all. */
bool ft_address_parse(const char *text, uint16_t default_port, struct sockaddr_storage *address);
/* Writes it the same way; "?" for what is no address of IP. Returns text. */
const char *ft_address_text(const struct sockaddr *address, char text[FT_ADDRESS_TEXT_MAX]);
/* The same host, whatever the ports and whether IPv4 is written as IPv6. */
bool ft_address_same_host(const struct sockaddr *a, const struct sockaddr *b);
uint16_t ft_address_port(const struct sockaddr *address);
void ft_address_set_port(struct sockaddr *address, uint16_t port);

/* Bytes that the system wants to be told of for it. */
socklen_t ft_address_length(const struct sockaddr *address);
/* IPv4 that is written as IPv6 (::ffff:10.0.0.2) becomes IPv4 again, and the other way. */
void ft_address_unmap(struct sockaddr_storage *address);
void ft_address_map(struct sockaddr_storage *address);

/* The host alone, for messages: 16 bytes, IPv4 written as IPv6. False, and nothing written, for
 * what needs more to be found (a link-local address means something on this host only). */
bool ft_address_pack(const struct sockaddr *address, uint8_t bytes[16]);
void ft_address_unpack(const uint8_t bytes[16], uint16_t port, struct sockaddr_storage *address);

#endif
