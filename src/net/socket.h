/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * socket.h - what link.c and listener.c need of sockets and libuv does not do as they need it.
 * All descriptors are close-on-exec and non-blocking. Failures: -1 with errno.
 */
#ifndef FT_NET_SOCKET_H
#define FT_NET_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* A listening unix socket of mode 0600. The file of a listener that is gone is replaced; a live one
 * gives EADDRINUSE. ENAMETOOLONG for a path that the system cannot bind. */
int ft_socket_listen_unix(const char *path);

/* A listening TCP socket; host NULL or "": all addresses, IPv6 and IPv4; port 0: a free one.
 * Resolves host, so it may block: for a program's start only. */
int ft_socket_listen_tcp(const char *host, uint16_t port);

/* A bound UDP socket, in all else as above. */
int ft_socket_bind_udp(const char *host, uint16_t port);

uint16_t ft_socket_port(int fd); /* 0 if it has none */

/* Small messages at once; and a peer that is silently gone is noticed within about 5 s even when
 * nothing is sent to it. */
void ft_socket_tune_tcp(int fd);

/* Who is at the other end: "10.0.0.2:4711", "[fe80::1]:4711". */
void ft_socket_tcp_peer(int fd, char *text, size_t size);
bool ft_socket_peer_address(int fd, struct sockaddr_storage *address);
/* How long ago the other host acknowledged something last, while something waits for it; 0 if
 * nothing does, -1 if the system does not tell. */
int ft_socket_unacked_ms(int fd);
bool ft_socket_unix_peer(int fd, pid_t *pid, uid_t *uid);

#endif
