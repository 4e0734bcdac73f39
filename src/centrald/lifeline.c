/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lifeline.c - standard input: what the launcher tells at the start, and then whether it lives.
 *
 * The launcher's component starts the central unit with a pipe as its standard input, writes the
 * session's key and its own process id, and keeps the pipe open for as long as it lives: however it
 * ends, the kernel closes the pipe, and the central unit knows that its job is over. The key comes
 * this way because arguments and the environment of a process can be read by others.
 */
#include "centrald/lifeline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"

#define LINE_MAX_BYTES 256

/* ---------------------------------------------------------------- the first lines */

/* One byte, so that nothing is taken that is not looked at. 1, 0 at the end, -1 with errno. */
static int read_byte(int file, int64_t until_ms, char *byte)
{
    for (;;) {
        struct pollfd poll_file = {.fd = file, .events = POLLIN};
        int64_t left_ms = until_ms - ft_clock_ms();
        ssize_t n;
        int ready = poll(&poll_file, 1, left_ms > 0 ? (int) left_ms : 0);

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0) {
            if (ready == 0)
                errno = ETIMEDOUT;
            return -1;
        }
        n = read(file, byte, 1);
        if (n >= 0)
            return (int) n;
        if (errno != EINTR && errno != EAGAIN)
            return -1;
    }
}

static int read_line(int file, int64_t until_ms, char *line, char *why, size_t size)
{
    size_t n = 0;
    int result;

    while ((result = read_byte(file, until_ms, &line[n])) == 1 && line[n] != '\n') {
        if (++n == LINE_MAX_BYTES - 1) {
            snprintf(why, size, "a line on standard input is too long");
            return -1;
        }
    }
    line[n] = '\0';
    if (result == 1)
        return 0;
    if (result == 0)
        snprintf(why, size, "standard input ended before the lines \"key ...\" and \"launcher-pid "
                            "...\" had come; ft-centrald is started by ft run, not by hand");
    else
        snprintf(why, size, "the lines \"key ...\" and \"launcher-pid ...\" were not there on "
                            "standard input in time: %s", strerror(errno));
    return -1;
}

static int take_line(const char *line, struct ft_told *told, bool *has_key)
{
    char *end;
    long pid;

    if (strncmp(line, "key ", 4) == 0) {
        *has_key = ft_text_unhex(told->key, FT_KEY_BYTES, line + 4) == 0;
        return *has_key ? 0 : -1;
    }
    if (strncmp(line, "launcher-pid ", 13) == 0) {
        errno = 0;
        pid = strtol(line + 13, &end, 10);
        if (errno != 0 || end == line + 13 || *end != '\0' || pid < 1 || pid > INT32_MAX)
            return -1;
        told->launcher = (pid_t) pid;
        return 0;
    }
    return -1;
}

int ft_lifeline_read(int file, int timeout_ms, struct ft_told *told, char *why, size_t size)
{
    int64_t until_ms = ft_clock_ms() + timeout_ms;
    char line[LINE_MAX_BYTES];
    bool has_key = false;
    int result = 0;

    memset(told, 0, sizeof *told);
    while (result == 0 && (!has_key || told->launcher == 0)) {
        result = read_line(file, until_ms, line, why, size);
        if (result == 0 && take_line(line, told, &has_key) < 0) {
            /* Never the line itself: it may be a key. */
            snprintf(why, size, "a line on standard input is neither \"key\" with 64 hexadecimal "
                                "digits nor \"launcher-pid\" with a number");
            result = -1;
        }
    }
    explicit_bzero(line, sizeof line);
    if (result < 0)
        explicit_bzero(told, sizeof *told);
    return result;
}

/* ---------------------------------------------------------------- the lifeline */

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct ft_lifeline *lifeline = poll->data;
    char bytes[256];
    ssize_t n = 0;
    int file;

    (void) events;
    if (status == 0 && uv_fileno((uv_handle_t *) poll, &file) == 0) {
        n = read(file, bytes, sizeof bytes);
        if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)))
            return;
    }
    uv_poll_stop(poll);
    lifeline->cut(lifeline->arg);
}

int ft_lifeline_watch(struct ft_lifeline *lifeline, uv_loop_t *loop, int file,
                      void (*cut)(void *arg), void *arg)
{
    int error = uv_poll_init(loop, &lifeline->poll, file);

    if (error < 0)
        return error;
    lifeline->cut = cut;
    lifeline->arg = arg;
    lifeline->poll.data = lifeline;
    error = uv_poll_start(&lifeline->poll, UV_READABLE | UV_DISCONNECT, on_event);
    if (error < 0)
        uv_close((uv_handle_t *) &lifeline->poll, NULL);
    return error;
}

void ft_lifeline_stop(struct ft_lifeline *lifeline)
{
    if (!uv_is_closing((uv_handle_t *) &lifeline->poll))
        uv_close((uv_handle_t *) &lifeline->poll, NULL);
}
