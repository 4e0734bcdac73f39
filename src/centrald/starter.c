/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * starter.c - owns the remote shells that start node units on the pool's nodes.
 *
 * The server asks for a unit on a node; a job for it waits until fewer than RUNNING_MAX shells run,
 * then runs AGENT HOST NODED --job SESSION --node HOST and writes what the unit needs to know, the
 * key above all, to its standard input: nothing secret is ever an argument or in the environment.
 * ft-noded's parent returns once the unit is ready, so that the shell's exit code tells how it
 * went; what the shell says on stderr goes into the reason.
 *
 *     WAITING -> RUNNING -> (exit 0) gone: `started`
 *        ^          |  (else, or too slow)
 *        +- PAUSING <-+-> (TRIES times) gone: `failed`
 *
 * Bounded: shells at once, jobs, tries, each try's time, what is kept of stderr.
 */
#include "centrald/starter.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/log.h"
#include "common/text.h"
#include "core/inventory.h"

#define RUNNING_MAX 16
#define JOBS_MAX 65536
#define TRIES 3
#define TRY_TIMEOUT_MS 10000
#define PAUSE_MS 500 /* after the first try; twice as long after the second */
#define DRAIN_MS 200
#define AGENT_WORDS_MAX 32

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_PAUSING, JOB_ENDING };

struct job {
    struct ft_starter *starter;
    char *node;
    enum job_state state;
    unsigned tries;
    bool late;          /* killed because it took too long */
    bool exited;
    int open;           /* handles that are not closed yet */
    int code;           /* of the process, if it ended by itself */
    int signal;         /* that ended it, else 0 */
    uv_process_t process;
    uv_pipe_t input;
    uv_pipe_t errors;
    uv_timer_t timer;
    bool timer_made;
    uv_write_t write;
    char text[1400];    /* for its standard input */
    char said[400];     /* on its standard error */
    char why[600];      /* of the latest try */
    struct job *next, *previous;
};

struct ft_starter {
    uv_loop_t *loop;
    struct ft_starter_events events;
    void *arg;
    char *agent; /* cut into words */
    char *words[AGENT_WORDS_MAX + 8];
    size_t words_n;
    char *noded;
    char *session;
    char *hosts;
    uint16_t port;
    uint8_t key[FT_KEY_BYTES];
    struct job *first, *last;
    unsigned jobs_n;
    unsigned handles_n; /* jobs that libuv still has something of */
    unsigned running_n;
    bool stopped;
};

static void run_next(struct ft_starter *starter);
static void finish(struct job *job);

/* ---------------------------------------------------------------- making */

static int cut_words(struct ft_starter *starter)
{
    char *rest = NULL;
    char *word = strtok_r(starter->agent, " \t", &rest);

    for (; word != NULL; word = strtok_r(NULL, " \t", &rest)) {
        if (starter->words_n == AGENT_WORDS_MAX) {
            errno = EINVAL;
            return -1;
        }
        starter->words[starter->words_n++] = word;
    }
    if (starter->words_n > 0)
        return 0;
    errno = EINVAL;
    return -1;
}

struct ft_starter *ft_starter_create(uv_loop_t *loop, const struct ft_starter_config *config,
                                     const struct ft_starter_events *events, void *arg)
{
    struct ft_starter *starter = calloc(1, sizeof *starter);

    if (starter == NULL)
        return NULL;
    starter->loop = loop;
    starter->events = *events;
    starter->arg = arg;
    starter->agent = strdup(config->agent);
    starter->noded = strdup(config->noded);
    starter->session = strdup(config->session);
    starter->hosts = strdup(config->hosts);
    starter->port = config->port;
    memcpy(starter->key, config->key, FT_KEY_BYTES);
    if (starter->agent == NULL || starter->noded == NULL || starter->session == NULL ||
        starter->hosts == NULL) {
        ft_starter_destroy(starter);
        errno = ENOMEM;
        return NULL;
    }
    if (cut_words(starter) < 0) {
        ft_starter_destroy(starter);
        errno = EINVAL;
        return NULL;
    }
    return starter;
}

void ft_starter_destroy(struct ft_starter *starter)
{
    if (starter == NULL)
        return;
    explicit_bzero(starter->key, sizeof starter->key);
    free(starter->agent);
    free(starter->noded);
    free(starter->session);
    free(starter->hosts);
    free(starter);
}

/* ---------------------------------------------------------------- jobs */

static void unlink_job(struct job *job)
{
    struct ft_starter *starter = job->starter;

    if (job->previous != NULL)
        job->previous->next = job->next;
    else
        starter->first = job->next;
    if (job->next != NULL)
        job->next->previous = job->previous;
    else
        starter->last = job->previous;
    starter->jobs_n--;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct job *job = handle->data;

    job->starter->handles_n--;
    explicit_bzero(job->text, sizeof job->text);
    free(job->node);
    free(job);
}

/* Takes a job out; it is freed when its timer is closed. */
static void end_job(struct job *job)
{
    unlink_job(job);
    job->state = JOB_ENDING;
    uv_close((uv_handle_t *) &job->timer, on_timer_closed);
}

static struct job *find(struct ft_starter *starter, const char *node)
{
    struct job *job = starter->first;

    while (job != NULL && !ft_node_names_equal(job->node, node))
        job = job->next;
    return job;
}

int ft_starter_start(struct ft_starter *starter, const char *node)
{
    struct job *job;

    if (starter->stopped || find(starter, node) != NULL)
        return 0;
    if (starter->jobs_n >= JOBS_MAX) {
        errno = ENOBUFS;
        return -1;
    }
    job = calloc(1, sizeof *job);
    if (job == NULL)
        return -1;
    job->starter = starter;
    job->node = strdup(node);
    if (job->node == NULL) {
        free(job);
        errno = ENOMEM;
        return -1;
    }
    uv_timer_init(starter->loop, &job->timer);
    starter->handles_n++;
    job->timer.data = job;
    job->previous = starter->last;
    if (starter->last != NULL)
        starter->last->next = job;
    else
        starter->first = job;
    starter->last = job;
    starter->jobs_n++;
    run_next(starter);
    return 0;
}

/* ---------------------------------------------------------------- one try */

static void on_pause_over(uv_timer_t *timer)
{
    struct job *job = timer->data;

    job->state = JOB_WAITING;
    run_next(job->starter);
}

/* What a try came to. */
static void finish(struct job *job)
{
    struct ft_starter *starter = job->starter;

    if (starter->stopped) {
        end_job(job);
        return;
    }
    if (job->exited && job->code == 0 && job->signal == 0 && !job->late) {
        starter->events.started(starter->arg, job->node);
        end_job(job);
        return;
    }
    if (job->tries < TRIES) {
        ft_log_warning("starting a unit on node %s failed: %s; trying again", job->node, job->why);
        job->state = JOB_PAUSING;
        uv_timer_start(&job->timer, on_pause_over, (uint64_t) PAUSE_MS * job->tries, 0);
        return;
    }
    starter->events.failed(starter->arg, job->node, job->why);
    end_job(job);
}

static void explain(struct job *job)
{
    const char *agent = job->starter->words[0];
    size_t n = strlen(job->said);

    ft_text_one_line(job->said);
    while (n > 0 && job->said[n - 1] == ' ')
        job->said[--n] = '\0';
    if (job->late)
        snprintf(job->why, sizeof job->why, "%s %s did not come back within %d ms", agent,
                 job->node, TRY_TIMEOUT_MS);
    else if (job->signal != 0)
        snprintf(job->why, sizeof job->why, "%s %s was ended by signal %d", agent, job->node,
                 job->signal);
    else
        snprintf(job->why, sizeof job->why, "%s %s ended with exit code %d", agent, job->node,
                 job->code);
    if (job->said[0] != '\0')
        ft_text_appendf(job->why, sizeof job->why, ": %s", job->said);
}

static void on_closed(uv_handle_t *handle)
{
    struct job *job = handle->data;
    struct ft_starter *starter = job->starter;

    if (--job->open > 0)
        return;
    starter->running_n--;
    uv_timer_stop(&job->timer);
    if (job->exited && (job->code != 0 || job->signal != 0 || job->late))
        explain(job);
    finish(job);
    if (!starter->stopped)
        run_next(starter);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

static void on_silent(uv_timer_t *timer)
{
    struct job *job = timer->data;

    close_handle((uv_handle_t *) &job->errors);
}

static void on_exited(uv_process_t *process, int64_t status, int signal)
{
    struct job *job = process->data;

    job->exited = true;
    job->code = (int) status;
    job->signal = signal;
    close_handle((uv_handle_t *) process);
    close_handle((uv_handle_t *) &job->input);
    /* What it said may still be in the pipe; what it left running may keep the pipe open. */
    uv_timer_start(&job->timer, on_silent, DRAIN_MS, 0);
}

static void on_late(uv_timer_t *timer)
{
    struct job *job = timer->data;

    job->late = true;
    uv_process_kill(&job->process, SIGKILL);
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    static char bytes[512];

    (void) handle;
    (void) wanted;
    *buffer = uv_buf_init(bytes, sizeof bytes);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct job *job = stream->data;

    if (n < 0)
        close_handle((uv_handle_t *) stream);
    else if (n > 0)
        ft_text_appendf(job->said, sizeof job->said, "%.*s", (int) n, buffer->base);
}

static void on_written(uv_write_t *write, int status)
{
    struct job *job = write->data;

    (void) status; /* if it was not read, the exit code tells */
    explicit_bzero(job->text, sizeof job->text);
    close_handle((uv_handle_t *) &job->input);
}

static void write_orders(struct job *job)
{
    struct ft_starter *starter = job->starter;
    char key[2 * FT_KEY_BYTES + 1];
    uv_buf_t buffer;

    ft_text_hex(key, sizeof key, starter->key, sizeof starter->key);
    snprintf(job->text, sizeof job->text, "central %.1200s:%u\nkey %s\n", starter->hosts,
             starter->port, key);
    explicit_bzero(key, sizeof key);
    buffer = uv_buf_init(job->text, (unsigned) strlen(job->text));
    job->write.data = job;
    if (uv_write(&job->write, (uv_stream_t *) &job->input, &buffer, 1, on_written) < 0)
        close_handle((uv_handle_t *) &job->input);
}

static int spawn(struct job *job)
{
    struct ft_starter *starter = job->starter;
    uv_stdio_container_t stdio[3];
    uv_process_options_t options;
    char *arguments[AGENT_WORDS_MAX + 8];
    size_t n = starter->words_n;

    memcpy(arguments, starter->words, n * sizeof arguments[0]);
    arguments[n++] = job->node;
    arguments[n++] = starter->noded;
    arguments[n++] = (char *) "--job";
    arguments[n++] = starter->session;
    arguments[n++] = (char *) "--node"; /* the name that the user and the launcher know it by */
    arguments[n++] = job->node;
    arguments[n] = NULL;
    stdio[0].flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
    stdio[0].data.stream = (uv_stream_t *) &job->input;
    stdio[1].flags = UV_IGNORE;
    stdio[2].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
    stdio[2].data.stream = (uv_stream_t *) &job->errors;
    memset(&options, 0, sizeof options);
    options.file = arguments[0];
    options.args = arguments;
    options.stdio = stdio;
    options.stdio_count = 3;
    options.exit_cb = on_exited;
    return uv_spawn(starter->loop, &job->process, &options);
}

static void run(struct job *job)
{
    int error;

    job->state = JOB_RUNNING;
    job->tries++;
    job->late = job->exited = false;
    job->said[0] = job->why[0] = '\0';
    job->open = 3;
    job->starter->running_n++;
    uv_pipe_init(job->starter->loop, &job->input, 0);
    uv_pipe_init(job->starter->loop, &job->errors, 0);
    job->input.data = job->errors.data = job->process.data = job;
    error = spawn(job);
    if (error < 0) {
        snprintf(job->why, sizeof job->why, "%s cannot be run: %s", job->starter->words[0],
                 uv_strerror(error));
        close_handle((uv_handle_t *) &job->process);
        close_handle((uv_handle_t *) &job->input);
        close_handle((uv_handle_t *) &job->errors);
        return;
    }
    uv_timer_start(&job->timer, on_late, TRY_TIMEOUT_MS, 0);
    write_orders(job);
    uv_read_start((uv_stream_t *) &job->errors, on_alloc, on_read);
}

static void run_next(struct ft_starter *starter)
{
    struct job *job = starter->first;

    while (job != NULL && starter->running_n < RUNNING_MAX) {
        struct job *next = job->next;

        if (job->state == JOB_WAITING)
            run(job);
        job = next;
    }
}

void ft_starter_stop(struct ft_starter *starter)
{
    struct job *job = starter->first;

    starter->stopped = true;
    while (job != NULL) {
        struct job *next = job->next;

        if (job->state == JOB_RUNNING)
            uv_process_kill(&job->process, SIGKILL);
        else
            end_job(job);
        job = next;
    }
}

bool ft_starter_is_over(const struct ft_starter *starter)
{
    return starter->stopped && starter->handles_n == 0;
}
