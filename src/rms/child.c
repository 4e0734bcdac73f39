/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * child.c - owns one helper process: its pipes, its lines, its last words.
 *
 * Made by the backends whose libraries wait, end the process that they are in, or have threads of
 * their own (slurm.c, pmix.c); what the lines mean is theirs. Lines go out as they are told, and come
 * in taken apart (talk.c). A helper that says what makes no sense is ended.
 *
 * It has ended when its process has, and what it said last was read. Its session is its own, so that
 * a signal to this process's group does not end it before it has given back what it holds.
 */
#include "rms/child.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"

#define EXIT_NOT_STARTED 127

struct ft_child {
    struct ft_child_events events;
    void *arg;
    uv_process_t process;
    uv_pipe_t orders, answers, errors;
    uv_timer_t awaited;
    unsigned open;  /* handles */
    bool exited, forgotten, reap;
    struct ft_child *next; /* of those that are only waited for */
    char line[FT_TALK_LINE_MAX];
    size_t n;
    char words[400]; /* the last that it wrote to its standard error */
};

/* Forgotten, and their processes have not ended. One list, as a program has one loop. */
static struct ft_child *awaited_ends;

/* ---------------------------------------------------------------- its end */

static void on_closed(uv_handle_t *handle)
{
    struct ft_child *child = handle->data;

    if (--child->open == 0)
        free(child);
}

static void close_handle(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

/* A process that nobody waits for stays in the table of processes until this one ends. */
static void wait_for_end(struct ft_child *child)
{
    child->next = awaited_ends;
    awaited_ends = child;
    uv_unref((uv_handle_t *) &child->process);
}

static void stop_waiting(struct ft_child *child)
{
    struct ft_child **link = &awaited_ends;

    while (*link != NULL && *link != child)
        link = &(*link)->next;
    if (*link != NULL)
        *link = child->next;
    close_handle(&child->process);
}

void ft_child_forget_all(void)
{
    while (awaited_ends != NULL)
        stop_waiting(awaited_ends);
}

void ft_child_forget(struct ft_child *child)
{
    if (child == NULL)
        return;
    if (child->reap && !child->exited && !child->forgotten)
        wait_for_end(child);
    else
        stop_waiting(child);
    child->forgotten = true;
    close_handle(&child->orders);
    close_handle(&child->answers);
    close_handle(&child->errors);
    close_handle(&child->awaited);
}

static void close_if_over(struct ft_child *child)
{
    if (!child->exited || !uv_is_closing((uv_handle_t *) &child->answers))
        return;
    if (!child->forgotten)
        child->events.ended(child->arg, child->words);
    ft_child_forget(child);
}

static void on_exit_of(uv_process_t *process, int64_t code, int number)
{
    struct ft_child *child = process->data;

    if (code == EXIT_NOT_STARTED || number != 0)
        ft_text_appendf(child->words, sizeof child->words, "%s%s %d",
                        child->words[0] != '\0' ? "; " : "", number != 0 ? "signal" : "exit code",
                        number != 0 ? number : EXIT_NOT_STARTED);
    child->exited = true;
    close_if_over(child);
}

static void end(struct ft_child *child)
{
    if (!child->exited)
        uv_process_kill(&child->process, SIGTERM);
}

void ft_child_let_end(struct ft_child *child)
{
    uv_timer_stop(&child->awaited);
    close_handle(&child->orders);
}

/* ---------------------------------------------------------------- what it says */

static void take_line(struct ft_child *child, char *line)
{
    struct ft_talk said;

    if (child->forgotten)
        return;
    if (ft_talk_parse(line, &said) == 0) {
        child->events.said(child->arg, &said);
        return;
    }
    ft_text_copy(child->words, sizeof child->words, "it said what makes no sense");
    end(child);
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    struct ft_child *child = handle->data;

    (void) wanted;
    *buffer = uv_buf_init(child->line + child->n, (unsigned) (sizeof child->line - child->n));
}

static void on_answers(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct ft_child *child = stream->data;
    char *newline;

    (void) buffer;
    if (n < 0) { /* its end, or a line without one */
        close_handle(&child->answers);
        if (n != UV_EOF)
            end(child);
        close_if_over(child);
        return;
    }
    child->n += (size_t) n;
    while ((newline = memchr(child->line, '\n', child->n)) != NULL) {
        char line[FT_TALK_LINE_MAX];
        size_t length = (size_t) (newline - child->line);

        memcpy(line, child->line, length);
        line[length] = '\0';
        child->n -= length + 1;
        memmove(child->line, newline + 1, child->n);
        take_line(child, line);
    }
}

static void on_error_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    static char room[1024];

    (void) handle;
    (void) wanted;
    *buffer = uv_buf_init(room, sizeof room - 1);
}

/* Its last line is kept for whoever asks why it ended. */
static void on_errors(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct ft_child *child = stream->data;
    char *last;

    if (n < 0)
        close_handle(&child->errors);
    if (n <= 0)
        return;
    buffer->base[n] = '\0';
    if (buffer->base[n - 1] == '\n')
        buffer->base[n - 1] = '\0';
    last = strrchr(buffer->base, '\n');
    ft_text_copy(child->words, sizeof child->words, last != NULL ? last + 1 : buffer->base);
    ft_text_one_line(child->words);
    ft_log_debug("helper of the resource manager: %s", buffer->base);
}

/* ---------------------------------------------------------------- what it is told */

struct writing {
    uv_write_t request;
    char line[];
};

static void on_written(uv_write_t *request, int status)
{
    (void) status; /* a helper that does not read is one that ends, which is noticed */
    free(request);
}

int ft_child_tell(struct ft_child *child, const char *line)
{
    size_t n = strlen(line);
    struct writing *writing;
    uv_buf_t buffer;
    int error;

    if (uv_is_closing((uv_handle_t *) &child->orders)) {
        errno = EPIPE;
        return -1;
    }
    writing = malloc(sizeof *writing + n + 1);
    if (writing == NULL)
        return -1;
    memcpy(writing->line, line, n);
    writing->line[n] = '\n';
    buffer = uv_buf_init(writing->line, (unsigned) n + 1);
    error = uv_write(&writing->request, (uv_stream_t *) &child->orders, &buffer, 1, on_written);
    if (error != 0) {
        free(writing);
        errno = ENOMEM;
    }
    return error == 0 ? 0 : -1;
}

static void on_late(uv_timer_t *timer)
{
    struct ft_child *child = timer->data;

    child->events.late(child->arg);
}

void ft_child_await(struct ft_child *child, unsigned timeout_ms)
{
    uv_timer_stop(&child->awaited);
    if (timeout_ms > 0)
        uv_timer_start(&child->awaited, on_late, timeout_ms, 0);
}

/* ---------------------------------------------------------------- its start */

static int spawn(struct ft_child *child, const struct ft_child_config *config)
{
    char *argv[] = {(char *) (uintptr_t) config->program, (char *) (uintptr_t) config->argument,
                    NULL};
    uv_stdio_container_t files[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
         .data.stream = (uv_stream_t *) &child->orders},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *) &child->answers},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *) &child->errors},
    };
    uv_process_options_t options = {.exit_cb = on_exit_of, .file = config->program, .args = argv,
                                    .env = config->environment, .cwd = "/",
                                    .flags = UV_PROCESS_DETACHED, .stdio = files, .stdio_count = 3};
    int error = uv_spawn(config->loop, &child->process, &options);

    child->reap = error == 0 && config->reap;
    if (error == 0)
        error = uv_read_start((uv_stream_t *) &child->answers, on_room, on_answers);
    if (error == 0)
        error = uv_read_start((uv_stream_t *) &child->errors, on_error_room, on_errors);
    return error;
}

struct ft_child *ft_child_start(const struct ft_child_config *config,
                                const struct ft_child_events *events, void *arg, char *why,
                                size_t size)
{
    struct ft_child *child = calloc(1, sizeof *child);
    int error;

    if (child == NULL) {
        snprintf(why, size, "no memory for a helper");
        return NULL;
    }
    child->events = *events;
    child->arg = arg;
    child->process.data = child->orders.data = child->answers.data = child->errors.data =
        child->awaited.data = child;
    uv_pipe_init(config->loop, &child->orders, 0);
    uv_pipe_init(config->loop, &child->answers, 0);
    uv_pipe_init(config->loop, &child->errors, 0);
    uv_timer_init(config->loop, &child->awaited);
    child->open = 5;
    error = spawn(child, config);
    if (error == 0)
        return child;
    snprintf(why, size, "%s cannot be started: %s", config->program, uv_strerror(error));
    ft_child_forget(child);
    return NULL;
}
