/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reports.c - owns the windows in which repeated error reports are added up.
 *
 * When a node is lost, every rank that was talking to it reports so, some in a loop. relay.c
 * brings each ERROR request here first. The first of its kind goes to the central unit at once and
 * opens a window of FT_REPORTS_WINDOW_MS; those that follow in it get the same answer, as soon as
 * it is there, and are only counted; when the window ends, one more request, silent, carries their
 * count. So the central unit sees two requests where a thousand were made, and nobody waits for a
 * window to end.
 *
 * No I/O and no clock: time comes in, requests go out. "The same" is the same resource and usage,
 * of the same job where the resource is a rank of the asker's own.
 */
#include "config.h"

#include "noded/reports.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ft.h"

#define KEY_BYTES (3 * FT_NAME_MAX + 128)

struct window {
    char *key;          /* NULL: free */
    uint64_t first;     /* id of the first report */
    int64_t end_ms;
    uint32_t repeats;
    uint8_t *request;   /* the first one, packed */
    size_t request_n;
    Ft__Reply *answer;  /* its answer, NULL until it has come */
};

struct ft_reports {
    struct window windows[FT_REPORTS_MAX];
    size_t n; /* open ones */
};

struct ft_reports *ft_reports_create(void)
{
    return calloc(1, sizeof(struct ft_reports));
}

static void window_close(struct ft_reports *reports, struct window *window)
{
    free(window->key);
    free(window->request);
    if (window->answer)
        ft__reply__free_unpacked(window->answer, NULL);
    memset(window, 0, sizeof *window);
    reports->n--;
}

void ft_reports_destroy(struct ft_reports *reports)
{
    if (!reports)
        return;
    for (size_t i = 0; i < FT_REPORTS_MAX; i++)
        if (reports->windows[i].key)
            window_close(reports, &reports->windows[i]);
    free(reports);
}

/* False if the names are longer than names can be: then it is not counted, but refused further on.
 * */
static bool make_key(const Ft__Request *request, const char *job, char key[KEY_BYTES])
{
    const Ft__Resource *resource = request->resource;
    const char *of = *resource->job ? resource->job : job;
    int n = snprintf(key, KEY_BYTES, "%" PRIu32 "\n%" PRIu32 "\n%" PRId64 "\n%s\n%s\n%s",
                     request->usage, resource->kind, resource->number,
                     resource->kind == FT_RANK ? of : "", resource->node, resource->name);

    return n > 0 && n < KEY_BYTES;
}

static struct window *find(struct ft_reports *reports, const char *key, int64_t now_ms)
{
    for (size_t i = 0; i < FT_REPORTS_MAX && reports->n > 0; i++) {
        struct window *window = &reports->windows[i];
        if (window->key && now_ms < window->end_ms && strcmp(window->key, key) == 0)
            return window;
    }
    return NULL;
}

static bool window_open(struct ft_reports *reports, const char *key, const Ft__Request *request,
                        uint64_t id, int64_t now_ms)
{
    struct window *window = reports->windows;
    size_t n = ft__request__get_packed_size(request);

    while (window < reports->windows + FT_REPORTS_MAX && window->key)
        window++;
    if (window == reports->windows + FT_REPORTS_MAX)
        return false;
    window->key = strdup(key);
    window->request = malloc(n);
    if (!window->key || !window->request) {
        free(window->key);
        free(window->request);
        memset(window, 0, sizeof *window);
        return false;
    }
    window->request_n = ft__request__pack(request, window->request);
    window->first = id;
    window->end_ms = now_ms + FT_REPORTS_WINDOW_MS;
    reports->n++;
    return true;
}

enum ft_report_turn ft_reports_take(struct ft_reports *reports, const Ft__Request *request,
                                    const char *job, uint64_t id, int64_t now_ms, uint64_t *first,
                                    const Ft__Reply **answer)
{
    char key[KEY_BYTES];
    struct window *window;

    *first = id;
    *answer = NULL;
    if (!request->resource || !make_key(request, job, key))
        return FT_REPORT_SINGLE;
    window = find(reports, key, now_ms);
    if (!window)
        return window_open(reports, key, request, id, now_ms) ? FT_REPORT_FIRST : FT_REPORT_SINGLE;
    window->repeats++;
    *first = window->first;
    *answer = window->answer;
    return FT_REPORT_REPEATED;
}

static Ft__Reply *copy_reply(const Ft__Reply *reply)
{
    size_t n = ft__reply__get_packed_size(reply);
    uint8_t *bytes = malloc(n ? n : 1);
    Ft__Reply *copy = NULL;

    if (bytes)
        copy = ft__reply__unpack(NULL, ft__reply__pack(reply, bytes), bytes);
    free(bytes);
    return copy;
}

void ft_reports_answered(struct ft_reports *reports, uint64_t first, const Ft__Reply *answer)
{
    for (size_t i = 0; i < FT_REPORTS_MAX && reports->n > 0; i++) {
        struct window *window = &reports->windows[i];
        if (window->key && window->first == first && !window->answer)
            window->answer = copy_reply(answer); /* NULL: later ones wait for their own time-out */
    }
}

static void pass_sum(const struct window *window, ft_reports_sum_fn sum, void *arg)
{
    Ft__Request *request = ft__request__unpack(NULL, window->request_n, window->request);

    if (!request)
        return;
    request->count = window->repeats;
    request->silent = true;
    sum(arg, request);
    ft__request__free_unpacked(request, NULL);
}

void ft_reports_end_due(struct ft_reports *reports, int64_t now_ms, ft_reports_sum_fn sum,
                        void *arg)
{
    for (size_t i = 0; i < FT_REPORTS_MAX && reports->n > 0; i++) {
        struct window *window = &reports->windows[i];
        if (!window->key || now_ms < window->end_ms)
            continue;
        if (window->repeats > 0)
            pass_sum(window, sum, arg);
        window_close(reports, window);
    }
}

int64_t ft_reports_due_ms(const struct ft_reports *reports)
{
    int64_t due_ms = -1;

    for (size_t i = 0; i < FT_REPORTS_MAX && reports->n > 0; i++) {
        const struct window *window = &reports->windows[i];
        if (window->key && (due_ms < 0 || window->end_ms < due_ms))
            due_ms = window->end_ms;
    }
    return due_ms;
}
