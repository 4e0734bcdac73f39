/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scontrol.c - owns the program `scontrol show node --oneliner` while it runs, and what it printed.
 *
 * Made by the reign where ft.conf says cms = "slurm"; what comes out is fed into cms/recorded.c.
 * Slurm's own program is asked rather than its library: the library's binary interface changes with
 * every release of Slurm, the program's output has not for ten years. One question at a time; one
 * that takes too long, or says too much, is ended and told as a failure, and what was known stays.
 */
#include "centrald/scontrol.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 65536
#define HANDLES 4 /* process, output, deadline, timer */

struct ft_scontrol {
    uv_loop_t *loop;
    char *program;
    ft_scontrol_fn told;
    void *arg;
    uv_timer_t timer;
    uv_process_t process;
    uv_pipe_t output;
    uv_timer_t deadline;
    unsigned open;       /* handles of the question under way */
    bool exited, ended;  /* the process; its output */
    int64_t code;
    int number;
    const char *failure; /* why it was ended, NULL: it was not */
    char *text;
    size_t n, room;
    bool stopped, timer_open;
};

static void free_if_done(struct ft_scontrol *scontrol)
{
    if (!scontrol->stopped || scontrol->open > 0 || scontrol->timer_open)
        return;
    free(scontrol->text);
    free(scontrol->program);
    free(scontrol);
}

/* ---------------------------------------------------------------- the answer */

static void tell(struct ft_scontrol *scontrol)
{
    char why[200] = "";

    if (scontrol->failure != NULL)
        snprintf(why, sizeof why, "%s", scontrol->failure);
    else if (scontrol->number != 0)
        snprintf(why, sizeof why, "it was ended by signal %d", scontrol->number);
    else if (scontrol->code != 0)
        snprintf(why, sizeof why, "it ended with exit code %lld: is slurmctld up?",
                 (long long) scontrol->code);
    else if (scontrol->n == 0)
        snprintf(why, sizeof why, "it said nothing");
    if (why[0] != '\0') {
        scontrol->told(scontrol->arg, NULL, why);
        return;
    }
    scontrol->text[scontrol->n] = '\0';
    scontrol->told(scontrol->arg, scontrol->text, "");
}

static void on_closed(uv_handle_t *handle)
{
    struct ft_scontrol *scontrol = handle->data;

    if (--scontrol->open > 0)
        return;
    if (!scontrol->stopped)
        tell(scontrol);
    free_if_done(scontrol);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

static void close_if_over(struct ft_scontrol *scontrol)
{
    if (!scontrol->exited || !scontrol->ended)
        return;
    close_handle((uv_handle_t *) &scontrol->process);
    close_handle((uv_handle_t *) &scontrol->output);
    close_handle((uv_handle_t *) &scontrol->deadline);
}

/* What it still says is nobody's business; its exit is awaited. */
static void give_up(struct ft_scontrol *scontrol, const char *failure)
{
    if (scontrol->failure == NULL)
        scontrol->failure = failure;
    scontrol->ended = true;
    uv_read_stop((uv_stream_t *) &scontrol->output);
    if (!scontrol->exited)
        kill(-scontrol->process.pid, SIGKILL);
    close_if_over(scontrol);
}

static void on_ended(uv_process_t *process, int64_t code, int number)
{
    struct ft_scontrol *scontrol = process->data;

    scontrol->exited = true;
    scontrol->code = code;
    scontrol->number = number;
    close_if_over(scontrol);
}

static void on_late(uv_timer_t *timer)
{
    give_up(timer->data, "it did not answer in time");
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    struct ft_scontrol *scontrol = handle->data;

    (void) wanted;
    if (scontrol->room - scontrol->n < CHUNK_BYTES && scontrol->room < FT_SCONTROL_BYTES_MAX) {
        size_t room = 2 * scontrol->room + CHUNK_BYTES;
        char *text = realloc(scontrol->text, room + 1);

        if (text != NULL) {
            scontrol->text = text;
            scontrol->room = room;
        }
    }
    *buffer = uv_buf_init(scontrol->text != NULL ? scontrol->text + scontrol->n : NULL,
                          (unsigned) (scontrol->room - scontrol->n));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct ft_scontrol *scontrol = stream->data;

    (void) buffer;
    if (n > 0) {
        scontrol->n += (size_t) n;
    } else if (n == UV_EOF) {
        scontrol->ended = true;
        close_if_over(scontrol);
    } else if (n < 0) {
        give_up(scontrol, n == UV_ENOBUFS ? "it said too much" : uv_strerror((int) n));
    }
}

/* ---------------------------------------------------------------- the question */

static void begin(struct ft_scontrol *scontrol)
{
    scontrol->exited = scontrol->ended = false;
    scontrol->code = scontrol->number = 0;
    scontrol->failure = NULL;
    scontrol->n = 0;
    scontrol->process.data = scontrol->output.data = scontrol->deadline.data = scontrol;
    uv_pipe_init(scontrol->loop, &scontrol->output, 0);
    uv_timer_init(scontrol->loop, &scontrol->deadline);
    scontrol->open = HANDLES - 1;
}

static void ask(struct ft_scontrol *scontrol)
{
    char *argv[] = {scontrol->program, (char *) (uintptr_t) "show", (char *) (uintptr_t) "node",
                    (char *) (uintptr_t) "--oneliner", NULL};
    uv_stdio_container_t files[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *) &scontrol->output},
        {.flags = UV_IGNORE},
    };
    uv_process_options_t options = {
        .exit_cb = on_ended, .file = scontrol->program, .args = argv,
        .flags = UV_PROCESS_DETACHED, .stdio = files, .stdio_count = 3,
    };
    int error;

    if (scontrol->open > 0)
        return; /* the question before is not answered yet; its deadline ends it */
    begin(scontrol);
    error = uv_spawn(scontrol->loop, &scontrol->process, &options);
    if (error != 0) {
        scontrol->failure = uv_strerror(error);
        scontrol->exited = scontrol->ended = true;
        close_if_over(scontrol);
        return;
    }
    uv_timer_start(&scontrol->deadline, on_late, FT_SCONTROL_TIMEOUT_MS, 0);
    error = uv_read_start((uv_stream_t *) &scontrol->output, on_room, on_read);
    if (error != 0)
        give_up(scontrol, uv_strerror(error));
}

static void on_timer(uv_timer_t *timer)
{
    ask(timer->data);
}

/* ---------------------------------------------------------------- life */

struct ft_scontrol *ft_scontrol_create(uv_loop_t *loop, const char *program, ft_scontrol_fn told,
                                       void *arg)
{
    struct ft_scontrol *scontrol = calloc(1, sizeof *scontrol);

    if (scontrol == NULL)
        return NULL;
    scontrol->program = strdup(program[0] != '\0' ? program : "scontrol");
    if (scontrol->program == NULL) {
        free(scontrol);
        errno = ENOMEM;
        return NULL;
    }
    scontrol->loop = loop;
    scontrol->told = told;
    scontrol->arg = arg;
    scontrol->timer.data = scontrol;
    uv_timer_init(loop, &scontrol->timer);
    scontrol->timer_open = true;
    uv_timer_start(&scontrol->timer, on_timer, 0, FT_SCONTROL_EACH_MS);
    return scontrol;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct ft_scontrol *scontrol = handle->data;

    scontrol->timer_open = false;
    free_if_done(scontrol);
}

void ft_scontrol_stop(struct ft_scontrol *scontrol)
{
    if (scontrol == NULL || scontrol->stopped)
        return;
    scontrol->stopped = true;
    uv_close((uv_handle_t *) &scontrol->timer, on_timer_closed);
    if (scontrol->open > 0)
        give_up(scontrol, "nobody asks any more");
}
