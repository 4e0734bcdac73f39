/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rms_slurm.c - drives the Slurm backend as the central unit does: orders in, events out.
 *
 *     rms_slurm HELPER JOB LADDER TIMEOUT_ms WATCH_ms [SPARE...]
 *
 * One order a line on standard input: get [NODE...] (not these), abandon N, release NODE, quit. One
 * event a line on standard output, with the milliseconds since the order that it answers:
 *     ready | offer N NODE MS | none N AT MS WHY | failed NODE WHY | failing NODE WHY
 * The end of standard input is `quit`.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "common/clock.h"
#include "common/log.h"
#include "rms/rms.h"

#define ASKED_MAX 64
#define EXCLUDED_MAX 64

static struct ft_rms *rms;
static uint64_t acquire;
static int64_t asked_ns[ASKED_MAX];
static char input[4096];
static size_t input_n;
static uv_pipe_t orders;

static double since_ms(uint64_t n)
{
    return ((double) ft_clock_ns() - (double) asked_ns[n % ASKED_MAX]) / 1e6;
}

static void on_offer(void *arg, uint64_t n, const char *node)
{
    (void) arg;
    printf("offer %" PRIu64 " %s %.1f\n", n, node, since_ms(n));
    fflush(stdout);
}

static void on_none(void *arg, uint64_t n, const char *why, int64_t at_s)
{
    (void) arg;
    printf("none %" PRIu64 " %" PRId64 " %.1f %s\n", n, at_s, since_ms(n), why);
    fflush(stdout);
}

static void on_node_fail(void *arg, const char *node, bool failing, const char *why)
{
    (void) arg;
    printf("%s %s %s\n", failing ? "failing" : "failed", node, why);
    fflush(stdout);
}

static void quit(void)
{
    if (rms == NULL)
        return;
    ft_rms_destroy(rms);
    rms = NULL;
    uv_close((uv_handle_t *) &orders, NULL);
}

static void get(char *rest)
{
    const char *excluded[EXCLUDED_MAX];
    struct ft_wanted wanted = {.job = "j", .excluded = excluded, .wait_ms = FT_WAIT_MAX_MS};
    char *name;

    while ((name = strsep(&rest, " ")) != NULL && wanted.excluded_n < EXCLUDED_MAX) {
        if (name[0] != '\0')
            excluded[wanted.excluded_n++] = name;
    }
    acquire++;
    asked_ns[acquire % ASKED_MAX] = (int64_t) ft_clock_ns();
    ft_rms_acquire(rms, acquire, &wanted);
}

static void take(char *line)
{
    char *rest = line, *word = strsep(&rest, " ");

    if (strcmp(word, "get") == 0)
        get(rest);
    else if (strcmp(word, "abandon") == 0 && rest != NULL)
        ft_rms_abandon(rms, strtoull(rest, NULL, 10));
    else if (strcmp(word, "release") == 0 && rest != NULL)
        ft_rms_release(rms, rest, false);
    else if (strcmp(word, "quit") == 0)
        quit();
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    (void) handle;
    (void) wanted;
    *buffer = uv_buf_init(input + input_n, (unsigned) (sizeof input - input_n));
}

static void on_orders(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    char *end;

    (void) stream;
    (void) buffer;
    if (n < 0) {
        quit();
        return;
    }
    input_n += (size_t) n;
    while (rms != NULL && (end = memchr(input, '\n', input_n)) != NULL) {
        size_t length = (size_t) (end - input) + 1;

        *end = '\0';
        take(input);
        input_n -= length;
        memmove(input, input + length, input_n);
    }
}

int main(int argc, char **argv)
{
    static const struct ft_rms_events events = {
        .offer = on_offer, .none = on_none, .node_fail = on_node_fail};
    struct ft_rms_config config = {.loop = uv_default_loop(), .nodes_max = EXCLUDED_MAX};

    if (argc < 6)
        return 2;
    config.slurm.helper = argv[1];
    config.slurm.job = (uint32_t) strtoul(argv[2], NULL, 10);
    config.slurm.timeout_ms = (unsigned) strtoul(argv[4], NULL, 10);
    config.slurm.watch_ms = (unsigned) strtoul(argv[5], NULL, 10);
    config.pool = (const char *const *) argv + 6;
    config.pool_n = (size_t) argc - 6;
    ft_log_set_level(FT_LOG_DEBUG);
    if (ft_ways_parse(argv[3], config.slurm.ladder) != 0 ||
        (rms = ft_rms_create("slurm", &config, &events, NULL)) == NULL) {
        perror("rms_slurm");
        return 2;
    }
    uv_pipe_init(config.loop, &orders, 0);
    uv_pipe_open(&orders, STDIN_FILENO);
    uv_read_start((uv_stream_t *) &orders, on_room, on_orders);
    puts("ready");
    fflush(stdout);
    return uv_run(config.loop, UV_RUN_DEFAULT);
}
