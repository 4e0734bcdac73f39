/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service.h - a daemon as systemd's service: says that it is ready, and now and then that it lives.
 * Without systemd (no NOTIFY_SOCKET, or built without libsystemd) all of this does nothing.
 */
#ifndef FT_NET_SERVICE_H
#define FT_NET_SERVICE_H

#include <uv.h>

struct ft_service;

/* Begins to feed systemd's watchdog, if there is one, from the loop: one that hangs is noticed.
 * NULL with errno ENOMEM. */
struct ft_service *ft_service_create(uv_loop_t *loop);

/* Ready to work; status is a line for `systemctl status`. */
void ft_service_ready(struct ft_service *service, const char *status);
void ft_service_status(struct ft_service *service, const char *status);

/* Reads its configuration again, from now until it is ready again. */
void ft_service_reloading(struct ft_service *service);

/* On its way to the end; the watchdog is fed no more. To be destroyed when the loop has run out. */
void ft_service_stop(struct ft_service *service);
void ft_service_destroy(struct ft_service *service); /* takes NULL */

#endif
