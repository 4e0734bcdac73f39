/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spec.c - checks, converts and keeps ModuleSpec and ModuleOrder, for module.c.
 *
 * What comes from the central unit is checked again here: the unit is to run it, with privileges.
 * The file `order` in a module's folder is one line and the packed ModuleOrder, replaced as a
 * whole.
 */
#include "config.h"

#include "noded/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/checksum.h"

#define FILE_NAME "order"
#define FILE_MAX_BYTES (FT_KEEP_WISH_MAX + 65536)
#define PATH_BYTES 512
#define ARGS_MAX 4096

bool ft_spec_name_is_good(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n < FT_MODULE_NAME_MAX && name[0] != '.' &&
           name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")]
           == '\0';
}

bool ft_spec_check(const Ft__ModuleSpec *spec, char *why, size_t why_size)
{
    const char *problem = NULL;

    if (!spec)
        problem = "the order says nothing of what is to be run";
    else if (spec->n_argv == 0 || spec->argv[0][0] != '/')
        problem = "the program is not given by an absolute path";
    else if (spec->n_argv > ARGS_MAX || spec->n_environment > ARGS_MAX || spec->n_check > ARGS_MAX)
        problem = "there are too many arguments or variables";
    else if (spec->n_check > 0 && spec->check[0][0] != '/')
        problem = "the health check's program is not given by an absolute path";
    else if (*spec->dir && spec->dir[0] != '/')
        problem = "its folder is not given by an absolute path";
    else if (*spec->checksum && !ft_checksum_is_valid(spec->checksum))
        problem = "its checksum is not \"sha256:\" and 64 hexadecimal digits";
    else if (ft__module_spec__get_packed_size(spec) > FT_KEEP_WISH_MAX / 2)
        problem = "its settings are too long";
    if (problem)
        snprintf(why, why_size, "it cannot be run: %s", problem);
    return !problem;
}

void ft_spec_policy(const Ft__ModuleSpec *spec, struct ft_supervisor_policy *policy)
{
    *policy = (struct ft_supervisor_policy){
        .restart = spec->restart <= FT_RESTART_NEVER ? (enum ft_restart)spec->restart :
                                                       FT_RESTART_ALWAYS,
        .burst = spec->burst, .window_ms = spec->window_ms,
        .start_timeout_ms = spec->start_timeout_ms, .stop_timeout_ms = spec->stop_timeout_ms,
        .notifies = spec->notifies, .leased = spec->leased,
    };
    for (size_t i = 0; i < spec->n_delays_ms && i < FT_MODULE_DELAYS_MAX; i++)
        policy->delays_ms[policy->delays_n++] = spec->delays_ms[i];
}

/* The same pointers, with a NULL behind them. */
static const char **list(char *const *texts, size_t n)
{
    const char **copy = calloc(n + 1, sizeof *copy);

    for (size_t i = 0; copy && i < n; i++)
        copy[i] = texts[i];
    return copy;
}

int ft_spec_wish(const Ft__ModuleSpec *spec, struct ft_keep_wish *wish)
{
    wish->user = spec->user;
    wish->dir = spec->dir;
    wish->notifies = spec->notifies;
    wish->watchdog_ms = spec->watchdog_ms;
    wish->deadline_ms = spec->deadline_ms;
    wish->stop_timeout_ms = spec->stop_timeout_ms;
    wish->memory_max_bytes = spec->memory_max_bytes;
    wish->argv = list(spec->argv, spec->n_argv);
    wish->environment = list(spec->environment, spec->n_environment);
    if (wish->argv && wish->environment)
        return 0;
    free(wish->argv);
    free(wish->environment);
    wish->argv = wish->environment = NULL;
    errno = ENOMEM;
    return -1;
}

/* ---------------------------------------------------------------- kept */

static uint8_t *pack(const Ft__ModuleOrder *order, size_t *n)
{
    uint8_t *bytes;

    *n = ft__module_order__get_packed_size(order);
    bytes = malloc(*n ? *n : 1);
    if (bytes)
        ft__module_order__pack(order, bytes);
    else
        errno = ENOMEM;
    return bytes;
}

Ft__ModuleOrder *ft_spec_copy(const Ft__ModuleOrder *order)
{
    size_t n;
    uint8_t *bytes = pack(order, &n);
    Ft__ModuleOrder *copy = bytes ? ft__module_order__unpack(NULL, n, bytes) : NULL;

    free(bytes);
    return copy;
}

static int write_file(const char *path, uint64_t first_run, const uint8_t *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    bool good;

    if (!file) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    good = fprintf(file, "ft-order 1 %" PRIu64 "\n", first_run) > 0 &&
           fwrite(bytes, 1, n, file) == n;
    return fclose(file) == 0 && good ? 0 : -1;
}

int ft_spec_save(const char *folder, const Ft__ModuleOrder *order, uint64_t first_run)
{
    char path[PATH_BYTES], new[PATH_BYTES];
    size_t n;
    uint8_t *bytes = pack(order, &n);
    int result, error;

    if (!bytes)
        return -1;
    snprintf(path, sizeof path, "%s/" FILE_NAME, folder);
    snprintf(new, sizeof new, "%s/" FILE_NAME ".new", folder);
    result = write_file(new, first_run, bytes, n) == 0 ? rename(new, path) : -1;
    error = errno;
    free(bytes);
    errno = error;
    return result;
}

static Ft__ModuleOrder *unpack(const char *text, size_t n, uint64_t *first_run)
{
    const char *end = memchr(text, '\n', n);
    Ft__ModuleOrder *order;

    if (!end || sscanf(text, "ft-order 1 %" SCNu64, first_run) != 1)
        return NULL;
    order = ft__module_order__unpack(NULL, n - (size_t)(end + 1 - text),
                                     (const uint8_t *)end + 1);
    if (order && ft_spec_name_is_good(order->name))
        return order;
    if (order)
        ft__module_order__free_unpacked(order, NULL);
    return NULL;
}

Ft__ModuleOrder *ft_spec_load(const char *folder, uint64_t *first_run)
{
    char path[PATH_BYTES], *text = malloc(FILE_MAX_BYTES + 1);
    Ft__ModuleOrder *order = NULL;
    FILE *file;
    size_t n;

    snprintf(path, sizeof path, "%s/" FILE_NAME, folder);
    file = text ? fopen(path, "re") : NULL;
    if (file) {
        n = fread(text, 1, FILE_MAX_BYTES, file);
        text[n] = '\0';
        order = unpack(text, n, first_run);
        fclose(file);
    }
    free(text);
    return order;
}
