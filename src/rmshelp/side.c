/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * side.c - owns standard input and output of ft-rms-slurm, and the one wait of the program.
 *
 * The end of standard input is the end of whoever gave orders, however it came about; a signal to
 * end means the same. Nobody who listens any more is no error: what is held is given back then.
 */
#include "rmshelp/side.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    int wake[2];
    char buffer[FT_TALK_LINE_MAX];
    size_t n, taken;
    struct ft_talk order;
    bool over;
} side = {.wake = {-1, -1}};

static volatile sig_atomic_t told_to_end;

void ft_side_wake(void)
{
    int kept = errno;
    ssize_t n = write(side.wake[1], "", 1);

    (void) n; /* full: it is awake already */
    errno = kept;
}

static void on_signal(int number)
{
    (void) number;
    told_to_end = 1;
    ft_side_wake();
}

int ft_side_open(void)
{
    static const int ends[] = {SIGTERM, SIGINT, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};

    if (pipe2(side.wake, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (sigaction(ends[i], &action, NULL) != 0)
            return -1;
    }
    action.sa_handler = SIG_IGN;
    return sigaction(SIGPIPE, &action, NULL);
}

/* The next whole line of what was read. A line that makes no sense, or has no end, ends the
 * side. */
static bool take_line(void)
{
    char *end;

    memmove(side.buffer, side.buffer + side.taken, side.n - side.taken);
    side.n -= side.taken;
    side.taken = 0;
    end = memchr(side.buffer, '\n', side.n);
    if (end == NULL) {
        side.over = side.over || side.n == sizeof side.buffer;
        return false;
    }
    *end = '\0';
    side.taken = (size_t) (end - side.buffer) + 1;
    if (ft_talk_parse(side.buffer, &side.order) != 0) {
        fprintf(stderr, "an order that makes no sense\n");
        side.over = true;
        return false;
    }
    return true;
}

static void read_more(void)
{
    ssize_t n = read(STDIN_FILENO, side.buffer + side.n, sizeof side.buffer - side.n);

    if (n > 0)
        side.n += (size_t) n;
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        side.over = true;
}

int ft_side_wait(int fd, int timeout_ms)
{
    struct pollfd files[3] = {{.fd = STDIN_FILENO, .events = POLLIN},
                              {.fd = side.wake[0], .events = POLLIN},
                              {.fd = fd, .events = POLLIN}};
    char drain[64];

    if (!side.over && take_line())
        return FT_SIDE_LINE;
    if (side.over || told_to_end) {
        side.over = true;
        return FT_SIDE_OVER;
    }
    if (poll(files, 3, timeout_ms) <= 0)
        return told_to_end ? FT_SIDE_OVER : 0;
    while (files[1].revents != 0 && read(side.wake[0], drain, sizeof drain) > 0)
        continue;
    if (files[2].revents != 0)
        return FT_SIDE_READABLE;
    if (files[0].revents == 0)
        return told_to_end ? FT_SIDE_OVER : 0;
    read_more();
    if (!side.over && take_line())
        return FT_SIDE_LINE;
    return side.over ? FT_SIDE_OVER : 0;
}

const struct ft_talk *ft_side_order(void)
{
    return &side.order;
}

void ft_side_say_pairs(const char *word, ...)
{
    char line[FT_TALK_LINE_MAX];
    const char *key;
    size_t n, done = 0;
    va_list pairs;

    snprintf(line, sizeof line - 1, "%s", word);
    va_start(pairs, word);
    while ((key = va_arg(pairs, const char *)) != NULL)
        ft_talk_add(line, sizeof line - 1, key, va_arg(pairs, const char *));
    va_end(pairs);
    n = strlen(line);
    line[n++] = '\n';
    while (done < n) {
        ssize_t written = write(STDOUT_FILENO, line + done, n - done);

        if (written < 0 && errno != EINTR)
            return; /* nobody listens; the end of standard input says so, too */
        done += written > 0 ? (size_t) written : 0;
    }
}
