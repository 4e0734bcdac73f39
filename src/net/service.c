/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service.c - what a daemon says to systemd, over libsystemd's sd_notify.
 *
 * Called by the two daemons. The watchdog is fed from the daemon's own loop at half of systemd's
 * time, so that a loop that does not turn any more is ended and started again.
 */
#include "config.h"

#include "net/service.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/clock.h"

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

struct ft_service {
    uv_timer_t timer;
};

#ifdef HAVE_SYSTEMD

static void tell(const char *status, const char *state)
{
    if (status != NULL)
        (void) sd_notifyf(0, "%s\nSTATUS=%s", state, status);
    else
        (void) sd_notify(0, state); /* systemd that does not listen does not wait either */
}

/* systemd tells this reload from the one before by the time. */
static void tell_reloading(void)
{
    (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, ft_clock_ns() / 1000);
}

static uint64_t watchdog_us(void)
{
    uint64_t limit_us = 0;

    return sd_watchdog_enabled(0, &limit_us) > 0 ? limit_us : 0;
}

#else

static void tell(const char *status, const char *state)
{
    (void) status;
    (void) state;
}

static void tell_reloading(void)
{
}

static uint64_t watchdog_us(void)
{
    return 0;
}

#endif

static void on_timer(uv_timer_t *timer)
{
    (void) timer;
    tell(NULL, "WATCHDOG=1");
}

struct ft_service *ft_service_create(uv_loop_t *loop)
{
    struct ft_service *service = calloc(1, sizeof *service);
    uint64_t half_ms = watchdog_us() / 2000;

    if (service == NULL)
        return NULL;
    uv_timer_init(loop, &service->timer);
    if (half_ms > 0)
        uv_timer_start(&service->timer, on_timer, 0, half_ms);
    uv_unref((uv_handle_t *) &service->timer);
    return service;
}

void ft_service_ready(struct ft_service *service, const char *status)
{
    (void) service;
    tell(status, "READY=1");
}

void ft_service_status(struct ft_service *service, const char *status)
{
    (void) service;
    tell(status, "");
}

void ft_service_reloading(struct ft_service *service)
{
    (void) service;
    tell_reloading();
}

void ft_service_stop(struct ft_service *service)
{
    if (uv_is_closing((uv_handle_t *) &service->timer))
        return;
    tell(NULL, "STOPPING=1");
    uv_close((uv_handle_t *) &service->timer, NULL);
}

void ft_service_destroy(struct ft_service *service)
{
    free(service);
}
