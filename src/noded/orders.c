/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * orders.c - reads where the central unit is, and the job's key, from the starter's pipe.
 *
 * The key comes this way because everybody on the node can read arguments and, often, environments.
 * It is read before the unit becomes a daemon, and kept nowhere but in the unit's memory.
 */
#include "config.h"

#include "noded/orders.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"

#define INPUT_MAX_BYTES 4096

/* All of the input. Returns its length, or -1 with `why`. */
static ssize_t read_input(int fd, int timeout_ms, char *text, size_t size, char *why,
                          size_t why_size)
{
    int64_t end_ms = ft_clock_ms() + timeout_ms;
    size_t n = 0;

    while (n < size) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int64_t left_ms = end_ms - ft_clock_ms();
        ssize_t k;

        if (left_ms <= 0) {
            snprintf(why, why_size, "no end of the orders on standard input within %d ms: whoever "
                     "starts a unit writes them and closes the pipe", timeout_ms);
            return -1;
        }
        if (poll(&poll_fd, 1, (int)left_ms) <= 0)
            continue;
        k = read(fd, text + n, size - n);
        if (k == 0)
            return (ssize_t)n;
        if (k < 0 && errno != EINTR && errno != EAGAIN) {
            snprintf(why, why_size, "reading the orders on standard input: %s", strerror(errno));
            return -1;
        }
        n += k > 0 ? (size_t)k : 0;
    }
    snprintf(why, why_size, "the orders on standard input have more than %zu bytes", size - 1);
    return -1;
}

static bool read_central(const char *text, struct ft_orders *orders)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    char *end;
    unsigned long port;

    if (n == 0 || n >= sizeof orders->hosts || colon[1] < '0' || colon[1] > '9')
        return false;
    port = strtoul(colon + 1, &end, 10);
    if (*end || port == 0 || port > 65535)
        return false;
    memcpy(orders->hosts, text, n);
    orders->hosts[n] = '\0';
    orders->port = (uint16_t)port;
    return true;
}

/* Never names the key's text. */
static int read_line(const char *line, struct ft_orders *orders, bool *has_key, char *why,
                     size_t why_size)
{
    if (strncmp(line, "central ", 8) == 0) {
        if (read_central(line + 8, orders))
            return 0;
        snprintf(why, why_size, "order \"%.200s\" is not \"central HOST[,HOST...]:PORT\"", line);
        return -1;
    }
    if (strncmp(line, "key ", 4) == 0) {
        *has_key = ft_text_unhex(orders->key, sizeof orders->key, line + 4) == 0;
        if (*has_key)
            return 0;
        snprintf(why, why_size, "the order \"key\" does not bring %d hexadecimal digits",
                 2 * FT_KEY_BYTES);
        return -1;
    }
    return 0; /* a newer starter's; what it cannot do without it says in the protocol */
}

static int read_lines(char *text, struct ft_orders *orders, char *why, size_t why_size)
{
    bool has_key = false;
    char *rest = NULL;

    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (read_line(line, orders, &has_key, why, why_size) != 0)
            return -1;
    if (orders->port != 0 && has_key)
        return 0;
    snprintf(why, why_size, "standard input brings no order \"%s\": ft-noded is started by "
             "ft-centrald, see ft-noded(8)", orders->port ? "key HEX64" : "central HOST:PORT");
    return -1;
}

int ft_orders_read(int fd, int timeout_ms, struct ft_orders *orders, char *why, size_t why_size)
{
    char text[INPUT_MAX_BYTES + 1];
    ssize_t n;
    int result = -1;

    memset(orders, 0, sizeof *orders);
    n = read_input(fd, timeout_ms, text, sizeof text, why, why_size);
    if (n >= 0 && memchr(text, '\0', (size_t)n)) {
        snprintf(why, why_size, "the orders on standard input are not text");
    } else if (n >= 0) {
        text[n] = '\0';
        result = read_lines(text, orders, why, why_size);
    }
    explicit_bzero(text, sizeof text);
    if (result != 0)
        ft_orders_forget(orders);
    return result;
}

void ft_orders_forget(struct ft_orders *orders)
{
    explicit_bzero(orders, sizeof *orders);
}
