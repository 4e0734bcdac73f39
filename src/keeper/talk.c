/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * talk.c - writes and reads what the unit and its keepers say: text in and out, no sockets.
 *
 * Used by the keeper and by noded/keeper.c. A wish is "KEY=VALUE" items, each ended by a 0, since
 * arguments and environment may hold anything else. A state is lines "KEY VALUE"; what the module
 * printed last comes at its end, behind the line "tail", as it is.
 */
#include "config.h"

#include "keeper/talk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"

#define PIECE_MAX 96

/* ---------------------------------------------------------------- wishes */

struct pen {
    FILE *file;
    size_t n;
};

static void put(struct pen *pen, const char *key, const char *value)
{
    size_t a = strlen(key), b = strlen(value);

    pen->n += a + 1 + b + 1;
    if (pen->n > FT_KEEP_WISH_MAX)
        return;
    fwrite(key, 1, a, pen->file);
    fputc('=', pen->file);
    fwrite(value, 1, b + 1, pen->file);
}

static void put_number(struct pen *pen, const char *key, int64_t value)
{
    char text[PIECE_MAX];

    snprintf(text, sizeof text, "%" PRId64, value);
    put(pen, key, text);
}

static void put_wish(struct pen *pen, const struct ft_keep_wish *wish)
{
    put(pen, "name", wish->name);
    put(pen, "node", wish->node);
    put(pen, "folder", wish->folder);
    put(pen, "log", wish->log);
    put(pen, "user", wish->user);
    put(pen, "dir", wish->dir);
    put(pen, "group", wish->group);
    put_number(pen, "epoch", (int64_t)wish->epoch);
    put_number(pen, "run", (int64_t)wish->run);
    put_number(pen, "lease", wish->lease_ns);
    put_number(pen, "grace", wish->lease_grace_ms);
    put_number(pen, "watchdog", wish->watchdog_ms);
    put_number(pen, "deadline", wish->deadline_ms);
    put_number(pen, "stop", wish->stop_timeout_ms);
    put_number(pen, "memory", (int64_t)wish->memory_max_bytes);
    put_number(pen, "notifies", wish->notifies);
    for (size_t i = 0; wish->argv[i]; i++)
        put(pen, "arg", wish->argv[i]);
    for (size_t i = 0; wish->environment[i]; i++)
        put(pen, "env", wish->environment[i]);
}

int ft_keep_wish_write(const struct ft_keep_wish *wish)
{
    int fd = memfd_create("ft-keep", MFD_CLOEXEC), copy = fd < 0 ? -1 : dup(fd), error = 0;
    struct pen pen = {.file = copy < 0 ? NULL : fdopen(copy, "w")};

    if (!pen.file) {
        error = errno;
        if (copy >= 0)
            close(copy);
        if (fd >= 0)
            close(fd);
        errno = error;
        return -1;
    }
    put_wish(&pen, wish);
    if (pen.n > FT_KEEP_WISH_MAX)
        error = E2BIG;
    if (fclose(pen.file) != 0 && !error)
        error = errno;
    if (!error && lseek(fd, 0, SEEK_SET) != 0)
        error = errno;
    if (!error)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

static char *read_all(int fd, size_t *n)
{
    char *block;
    struct stat is;
    ssize_t k;

    if (fstat(fd, &is) != 0)
        return NULL;
    if (is.st_size <= 0 || is.st_size > FT_KEEP_WISH_MAX) {
        errno = EPROTO;
        return NULL;
    }
    block = malloc((size_t)is.st_size + 1);
    if (!block)
        return NULL;
    for (*n = 0; *n < (size_t)is.st_size; *n += (size_t)k) {
        k = read(fd, block + *n, (size_t)is.st_size - *n);
        if (k <= 0) {
            free(block);
            errno = k < 0 ? errno : EPROTO;
            return NULL;
        }
    }
    block[*n] = '\0';
    return block;
}

/* One item; the lists have room for as many as there are items. */
static void take(struct ft_keep_wish *wish, const char *key, const char *value, size_t *args,
                 size_t *envs)
{
    const struct { const char *key; const char **to; } texts[] = {
        {"name", &wish->name}, {"node", &wish->node}, {"folder", &wish->folder},
        {"log", &wish->log}, {"user", &wish->user}, {"dir", &wish->dir}, {"group", &wish->group},
    };
    const struct { const char *key; unsigned *to; } numbers[] = {
        {"grace", &wish->lease_grace_ms}, {"watchdog", &wish->watchdog_ms},
        {"deadline", &wish->deadline_ms}, {"stop", &wish->stop_timeout_ms},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(key, texts[i].key) == 0)
            *texts[i].to = value;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strcmp(key, numbers[i].key) == 0)
            *numbers[i].to = (unsigned)strtoul(value, NULL, 10);
    if (strcmp(key, "epoch") == 0)
        wish->epoch = strtoull(value, NULL, 10);
    else if (strcmp(key, "run") == 0)
        wish->run = strtoull(value, NULL, 10);
    else if (strcmp(key, "lease") == 0)
        wish->lease_ns = strtoll(value, NULL, 10);
    else if (strcmp(key, "memory") == 0)
        wish->memory_max_bytes = strtoull(value, NULL, 10);
    else if (strcmp(key, "notifies") == 0)
        wish->notifies = *value == '1';
    else if (strcmp(key, "arg") == 0)
        wish->argv[(*args)++] = value;
    else if (strcmp(key, "env") == 0)
        wish->environment[(*envs)++] = value;
}

int ft_keep_wish_read(struct ft_keep_wish *wish, int fd)
{
    size_t n = 0, items = 0, args = 0, envs = 0;
    char *block = read_all(fd, &n);

    if (!block)
        return -1;
    *wish = (struct ft_keep_wish){.name = "", .node = "", .folder = "", .log = "", .user = "",
                                  .dir = "", .group = "", .block = block};
    for (size_t i = 0; i < n; i++)
        items += block[i] == '\0';
    wish->argv = calloc(items + 1, sizeof *wish->argv);
    wish->environment = calloc(items + 1, sizeof *wish->environment);
    for (char *item = block; wish->argv && wish->environment && item < block + n;) {
        char *next = item + strlen(item) + 1, *equals = strchr(item, '=');
        if (equals) {
            *equals = '\0';
            take(wish, item, equals + 1, &args, &envs);
        }
        item = next;
    }
    if (args > 0 && *wish->name && *wish->folder)
        return 0;
    errno = wish->argv && wish->environment ? EPROTO : ENOMEM;
    ft_keep_wish_forget(wish);
    return -1;
}

void ft_keep_wish_forget(struct ft_keep_wish *wish)
{
    free(wish->argv);
    free(wish->environment);
    free(wish->block);
    wish->argv = wish->environment = NULL;
    wish->block = NULL;
}

/* ---------------------------------------------------------------- states */

#define STATE "ft-keeper 1\n"

size_t ft_keep_state_write(const struct ft_keep_state *state, char *text, size_t size)
{
    char status[FT_KEEP_TEXT_MAX], said[FT_KEEP_TEXT_MAX];
    int n;

    ft_text_copy(status, sizeof status, state->status);
    ft_text_copy(said, sizeof said, state->text);
    ft_text_one_line(status);
    ft_text_one_line(said);
    n = snprintf(text, size, STATE
        "epoch %" PRIu64 "\nrun %" PRIu64 "\nkeeper %" PRId64 "\npid %" PRId64 "\nstart %" PRIu64
        "\nuser %u %u\nlease %" PRId64 "\nready %d\nreloading %d\nstopping %d\nunwell %d\n"
        "extend %" PRIu64 " %" PRIu64 "\nkilled %u\nbeats %" PRIu64 " %.3f %.3f %.3f\n"
        "end %d\ncode %d\nhopeless %d\n"
        "status %s\ntext %s\ntail\n%.*s",
        state->epoch, state->run, state->keeper, state->pid, state->start_ticks, state->uid,
        state->gid, state->lease_ns, state->ready, state->reloading, state->stopping,
        (int)state->unwell, state->extend_n, state->extend_ms, state->killed_for,
        state->beats_n, state->beat_ms, state->jitter_ms, state->late_ms, (int)state->end,
        state->code, state->hopeless, status, said,
        FT_KEEP_TAIL_MAX - 1, state->tail);
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static void take_line(struct ft_keep_state *state, const char *line)
{
    int number;
    unsigned u;

    if (sscanf(line, "epoch %" SCNu64, &state->epoch) == 1 ||
        sscanf(line, "run %" SCNu64, &state->run) == 1 ||
        sscanf(line, "keeper %" SCNd64, &state->keeper) == 1 ||
        sscanf(line, "pid %" SCNd64, &state->pid) == 1 ||
        sscanf(line, "start %" SCNu64, &state->start_ticks) == 1 ||
        sscanf(line, "user %u %u", &state->uid, &state->gid) == 2 ||
        sscanf(line, "lease %" SCNd64, &state->lease_ns) == 1 ||
        sscanf(line, "extend %" SCNu64 " %" SCNu64, &state->extend_n, &state->extend_ms) == 2 ||
        sscanf(line, "beats %" SCNu64 " %lf %lf %lf", &state->beats_n, &state->beat_ms,
               &state->jitter_ms, &state->late_ms) == 4 ||
        sscanf(line, "code %d", &state->code) == 1)
        return;
    if (sscanf(line, "ready %d", &number) == 1)
        state->ready = number != 0;
    else if (sscanf(line, "reloading %d", &number) == 1)
        state->reloading = number != 0;
    else if (sscanf(line, "stopping %d", &number) == 1)
        state->stopping = number != 0;
    else if (sscanf(line, "hopeless %d", &number) == 1)
        state->hopeless = number != 0;
    else if (sscanf(line, "unwell %u", &u) == 1 && u <= FT_KEEP_LATE)
        state->unwell = (enum ft_keep_unwell)u;
    else if (sscanf(line, "killed %u", &u) == 1)
        state->killed_for = u;
    else if (sscanf(line, "end %u", &u) == 1 && u < FT_KEEP_ENDS)
        state->end = (enum ft_keep_end)u;
    else if (strncmp(line, "status ", 7) == 0)
        ft_text_copy(state->status, sizeof state->status, line + 7);
    else if (strncmp(line, "text ", 5) == 0)
        ft_text_copy(state->text, sizeof state->text, line + 5);
}

bool ft_keep_state_read(struct ft_keep_state *state, const char *text, size_t n)
{
    char copy[FT_KEEP_PACKET_MAX];
    char *line = copy, *end;

    memset(state, 0, sizeof *state);
    if (n >= sizeof copy || n < strlen(STATE) || memcmp(text, STATE, strlen(STATE)) != 0)
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    while ((end = strchr(line, '\n'))) {
        *end = '\0';
        if (strcmp(line, "tail") == 0) {
            ft_text_copy(state->tail, sizeof state->tail, end + 1);
            return state->keeper > 0;
        }
        take_line(state, line);
        line = end + 1;
    }
    return false; /* torn */
}
