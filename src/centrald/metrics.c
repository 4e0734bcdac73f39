/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * metrics.c - owns a small HTTP server (libmicrohttpd) that hangs in the daemon's loop.
 *
 * Made by the reign where ft.conf gives a port. libmicrohttpd runs without threads of its own: its
 * epoll descriptor is watched by libuv, and it is run when that has something, and when it wants.
 * Only GET and HEAD of /metrics (and of /, for people) are answered; a page is made for each
 * request, by whoever made this object, and is as large as there are nodes.
 */
#include "centrald/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#define IDLE_S 10u
#define CONNECTION_BYTES 32768u

struct ft_metrics {
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;
    unsigned closing; /* handles that are being closed */
    uint16_t port;
    ft_metrics_fn fill;
    void *arg;
};

/* ---------------------------------------------------------------- answers */

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned code, char *text,
                                   size_t n, enum MHD_ResponseMemoryMode mode, const char *type)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(n, text, mode);
    enum MHD_Result result;

    if (response == NULL) {
        if (mode == MHD_RESPMEM_MUST_FREE)
            free(text);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_words(struct MHD_Connection *connection, unsigned code,
                                    const char *words)
{
    return answer_text(connection, code, (char *) words, strlen(words), MHD_RESPMEM_PERSISTENT,
                       "text/plain; charset=utf-8");
}

static enum MHD_Result answer_page(struct ft_metrics *metrics, struct MHD_Connection *connection)
{
    struct ft_exposition *page = ft_exposition_create();
    char *text = NULL;
    size_t n = 0;

    if (page != NULL) {
        metrics->fill(metrics->arg, page);
        text = ft_exposition_take(page, &n);
    }
    ft_exposition_destroy(page);
    if (text == NULL)
        return answer_words(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
                            "the page could not be made: out of memory\n");
    return answer_text(connection, MHD_HTTP_OK, text, n, MHD_RESPMEM_MUST_FREE,
                       "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_n, void **state)
{
    static int begun;
    struct ft_metrics *metrics = arg;

    (void) version;
    (void) upload;
    if (*state == NULL) { /* the headers only: the answer waits until the request is whole */
        *state = &begun;
        return MHD_YES;
    }
    if (*upload_n > 0) {
        *upload_n = 0; /* a body that nobody asked for */
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_words(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is answered here\n");
    if (strcmp(url, "/metrics") == 0)
        return answer_page(metrics, connection);
    if (strcmp(url, "/") == 0)
        return answer_words(connection, MHD_HTTP_OK, "ft-centrald: the metrics are at /metrics\n");
    return answer_words(connection, MHD_HTTP_NOT_FOUND, "there is only /metrics here\n");
}

/* ---------------------------------------------------------------- the loop */

static void on_timer(uv_timer_t *timer);

/* Runs it, and again when it wants: at once if it stopped in the middle of something, else when a
 * connection may have hung for too long. With no connection it wants nothing, and nobody wakes
 * up. */
static void run(struct ft_metrics *metrics)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    MHD_run(metrics->daemon);
    if (MHD_get_timeout(metrics->daemon, &timeout_ms) == MHD_YES)
        uv_timer_start(&metrics->timer, on_timer, timeout_ms, 0);
    else
        uv_timer_stop(&metrics->timer);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    (void) status;
    (void) events;
    run(poll->data);
}

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

/* ---------------------------------------------------------------- life */

static void on_log(void *arg, const char *format, va_list arguments)
{
    char text[400];

    (void) arg;
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    ft_log_warning("metrics: %s", text);
}

struct ft_metrics *ft_metrics_create(uv_loop_t *loop, uint16_t port, ft_metrics_fn fill, void *arg,
                                     char *why, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct ft_metrics *metrics = calloc(1, sizeof *metrics);
    const union MHD_DaemonInfo *info;

    if (metrics == NULL) {
        snprintf(why, size, "metrics: out of memory");
        return NULL;
    }
    metrics->fill = fill;
    metrics->arg = arg;
    errno = 0;
    metrics->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG, port, NULL, NULL, on_request, metrics,
        MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_SOCK_ADDR, &address,
        MHD_OPTION_CONNECTION_LIMIT, FT_METRICS_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) CONNECTION_BYTES, MHD_OPTION_END);
    info = metrics->daemon != NULL ? MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_EPOLL_FD)
                                   : NULL;
    if (info == NULL || uv_poll_init(loop, &metrics->poll, info->epoll_fd) != 0) {
        snprintf(why, size, "metrics cannot be offered at 127.0.0.1:%u: %s", port,
                 errno != 0 ? strerror(errno) : "libmicrohttpd does not start");
        if (metrics->daemon != NULL)
            MHD_stop_daemon(metrics->daemon);
        free(metrics);
        return NULL;
    }
    info = MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_BIND_PORT);
    metrics->port = info != NULL ? info->port : port;
    uv_timer_init(loop, &metrics->timer);
    metrics->poll.data = metrics->timer.data = metrics;
    uv_poll_start(&metrics->poll, UV_READABLE, on_event);
    return metrics;
}

uint16_t ft_metrics_port(const struct ft_metrics *metrics)
{
    return metrics->port;
}

static void on_closed(uv_handle_t *handle)
{
    struct ft_metrics *metrics = handle->data;

    if (--metrics->closing > 0)
        return;
    MHD_stop_daemon(metrics->daemon);
    free(metrics);
}

void ft_metrics_stop(struct ft_metrics *metrics)
{
    if (metrics == NULL)
        return;
    metrics->closing = 2;
    uv_close((uv_handle_t *) &metrics->poll, on_closed);
    uv_close((uv_handle_t *) &metrics->timer, on_closed);
}
