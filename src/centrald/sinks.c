/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sinks.c - owns what hears of every event: the journal, syslog, a file, the site's hook.
 *
 * Fed by the event log (events.c) with each entry, after it was written. None of them holds the
 * central unit up: journal and syslog take datagrams, and the hook is a program that is run beside,
 * a few at a time, with the event's line on its standard input and its main fields in the
 * environment:
 *
 *     FT_EVENT=node_lost FT_NODE=n2 FT_JOB= FT_RANK= FT_TEXT='node n2 is lost: ...' HOOK
 *
 * Events that come while all are busy wait in order; when too many wait the newest is dropped and
 * counted. A hook that does not end in time is killed with its process group.
 */
#include "config.h"

#include "centrald/sinks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-journal.h>
#endif

#include "common/log.h"
#include "common/text.h"

#define FIELDS 6
#define FIELD_BYTES 1200

/* An event for the hook: waiting, or given to a running program. */
struct call {
    struct call *next;
    char *line;
    size_t n;
    char *environment[FIELDS + 1];
};

/* A program that runs. */
struct run {
    struct ft_sinks *sinks;
    struct call *call;
    uv_process_t process;
    uv_pipe_t input;
    uv_write_t write;
    uv_timer_t timer;
    bool used, killed;
    unsigned open; /* handles that are not closed yet */
};

struct ft_sinks {
    uv_loop_t *loop;
    bool journal, syslog;
    int file; /* -1: none */
    char *file_path;
    bool file_failed;
    char *hook;
    struct call *first, **last;
    unsigned waiting;
    uint64_t dropped;
    bool drop_said, start_said, stopped;
    struct run runs[FT_HOOK_RUNNING_MAX];
};

/* ---------------------------------------------------------------- how grave an event is */

/* By its name: what a person has to do something about, is worth a look, or is the usual course. */
static int priority_of(const char *name)
{
    static const char *const grave[] = {"_lost", "_declared", "_failed", "_refused", "given_up",
                                        "_broken", "no_alternative", "module_waits"};
    static const char *const notable[] = {"_rejected", "_gone", "_silent", "suspected", "trouble",
                                          "_stopped", "network", "error", "moved", "_drained"};

    for (size_t i = 0; i < sizeof grave / sizeof grave[0]; i++) {
        if (strstr(name, grave[i]) != NULL)
            return LOG_ERR;
    }
    for (size_t i = 0; i < sizeof notable / sizeof notable[0]; i++) {
        if (strstr(name, notable[i]) != NULL)
            return LOG_WARNING;
    }
    return LOG_INFO;
}

static const char *text_of(const struct ft_event *event)
{
    return event->text != NULL ? event->text : event->name;
}

/* ---------------------------------------------------------------- journal, syslog, file */

static void to_journal(const struct ft_event *event)
{
#ifdef HAVE_SYSTEMD
    char rank[16] = "";

    if (event->rank >= 0)
        snprintf(rank, sizeof rank, "%d", event->rank);
    sd_journal_send("MESSAGE=%s", text_of(event), "PRIORITY=%d", priority_of(event->name),
                    "SYSLOG_IDENTIFIER=ft-centrald", "FT_EVENT=%s", event->name, "FT_SEQ=%llu",
                    (unsigned long long) event->seq, "FT_NODE=%s",
                    event->node != NULL ? event->node : "", "FT_JOB=%s",
                    event->job != NULL ? event->job : "", "FT_RANK=%s", rank, "FT_DECISION=%llu",
                    (unsigned long long) event->decision, NULL);
#else
    (void) event;
#endif
}

static void to_syslog(const struct ft_event *event)
{
    syslog(priority_of(event->name), "%s: %s", event->name, text_of(event));
}

static void to_file(struct ft_sinks *sinks, const char *line, size_t n)
{
    bool good = write(sinks->file, line, n) == (ssize_t) n;

    if (!good && !sinks->file_failed)
        ft_log_error("events cannot be written to %s: %s", sinks->file_path, strerror(errno));
    else if (good && sinks->file_failed)
        ft_log_info("events can be written to %s again", sinks->file_path);
    sinks->file_failed = !good;
}

/* ---------------------------------------------------------------- the hook: calls */

static void free_call(struct call *call)
{
    if (call == NULL)
        return;
    for (int i = 0; i < FIELDS; i++)
        free(call->environment[i]);
    free(call->line);
    free(call);
}

static char *field(const char *name, const char *value)
{
    char *text = malloc(FIELD_BYTES);

    if (text == NULL)
        return NULL;
    snprintf(text, FIELD_BYTES, "%s=%s", name, value != NULL ? value : "");
    return text;
}

static struct call *make_call(const struct ft_event *event, const char *line, size_t n)
{
    struct call *call = calloc(1, sizeof *call);
    char rank[16] = "";
    bool good = true;

    if (call == NULL)
        return NULL;
    if (event->rank >= 0)
        snprintf(rank, sizeof rank, "%d", event->rank);
    call->environment[0] = field("FT_EVENT", event->name);
    call->environment[1] = field("FT_NODE", event->node);
    call->environment[2] = field("FT_JOB", event->job);
    call->environment[3] = field("FT_RANK", rank);
    call->environment[4] = field("FT_TEXT", event->text);
    call->environment[5] =
        field("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    call->line = malloc(n);
    call->n = n;
    for (int i = 0; i < FIELDS; i++)
        good = good && call->environment[i] != NULL;
    if (!good || call->line == NULL) {
        free_call(call);
        return NULL;
    }
    memcpy(call->line, line, n);
    return call;
}

/* ---------------------------------------------------------------- the hook: programs */

static void start_next(struct ft_sinks *sinks);

static void on_run_closed(uv_handle_t *handle)
{
    struct run *run = handle->data;

    if (--run->open > 0)
        return;
    free_call(run->call);
    run->used = false;
    if (!run->sinks->stopped)
        start_next(run->sinks);
}

static void close_run(struct run *run)
{
    uv_handle_t *handles[] = {(uv_handle_t *) &run->process, (uv_handle_t *) &run->input,
                              (uv_handle_t *) &run->timer};

    for (int i = 0; i < 3; i++) {
        if (!uv_is_closing(handles[i]))
            uv_close(handles[i], on_run_closed);
    }
}

static void on_ended(uv_process_t *process, int64_t code, int number)
{
    struct run *run = process->data;

    if (run->killed)
        ft_log_error("the hook %s did not end within %d s and was killed", run->sinks->hook,
                     FT_HOOK_TIMEOUT_MS / 1000);
    else if (code != 0 || number != 0)
        ft_log_warning("the hook %s ended with %s %lld", run->sinks->hook,
                       number != 0 ? "signal" : "exit code",
                       number != 0 ? (long long) number : (long long) code);
    close_run(run);
}

static void on_late(uv_timer_t *timer)
{
    struct run *run = timer->data;

    run->killed = true;
    kill(-run->process.pid, SIGKILL);
}

static void on_written(uv_write_t *write, int status)
{
    struct run *run = write->data;

    (void) status; /* it need not read */
    if (!uv_is_closing((uv_handle_t *) &run->input))
        uv_close((uv_handle_t *) &run->input, on_run_closed);
}

static int spawn(struct run *run)
{
    struct ft_sinks *sinks = run->sinks;
    char *argv[] = {sinks->hook, NULL};
    uv_stdio_container_t files[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *) &run->input},
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
    };
    uv_process_options_t options = {
        .exit_cb = on_ended, .file = sinks->hook, .args = argv, .env = run->call->environment,
        .flags = UV_PROCESS_DETACHED, .stdio = files, .stdio_count = 3,
    };

    return uv_spawn(sinks->loop, &run->process, &options);
}

static void start(struct run *run, struct call *call)
{
    struct ft_sinks *sinks = run->sinks;
    uv_buf_t line = uv_buf_init(call->line, (unsigned) call->n);
    int error;

    run->used = true;
    run->killed = false;
    run->open = 3;
    run->call = call;
    run->process.data = run->input.data = run->timer.data = run->write.data = run;
    uv_pipe_init(sinks->loop, &run->input, 0);
    uv_timer_init(sinks->loop, &run->timer);
    error = spawn(run);
    if (error != 0) {
        if (!sinks->start_said)
            ft_log_error("the hook %s cannot be run: %s", sinks->hook, uv_strerror(error));
        sinks->start_said = true;
        sinks->dropped++;
        close_run(run);
        return;
    }
    sinks->start_said = false;
    uv_timer_start(&run->timer, on_late, FT_HOOK_TIMEOUT_MS, 0);
    if (uv_write(&run->write, (uv_stream_t *) &run->input, &line, 1, on_written) != 0)
        on_written(&run->write, 0);
}

static void start_next(struct ft_sinks *sinks)
{
    for (int i = 0; i < FT_HOOK_RUNNING_MAX && sinks->first != NULL; i++) {
        struct call *call = sinks->first;

        if (sinks->runs[i].used)
            continue;
        sinks->first = call->next;
        if (sinks->first == NULL)
            sinks->last = &sinks->first;
        sinks->waiting--;
        start(&sinks->runs[i], call);
    }
}

static void to_hook(struct ft_sinks *sinks, const struct ft_event *event, const char *line,
                    size_t n)
{
    struct call *call = NULL;

    if (!sinks->stopped && sinks->waiting < FT_HOOK_WAITING_MAX)
        call = make_call(event, line, n);
    if (call == NULL) {
        if (!sinks->drop_said)
            ft_log_error("the hook %s does not keep up: events are dropped", sinks->hook);
        sinks->drop_said = true;
        sinks->dropped++;
        return;
    }
    sinks->drop_said = false;
    *sinks->last = call;
    sinks->last = &call->next;
    sinks->waiting++;
    start_next(sinks);
}

/* ---------------------------------------------------------------- all together */

void ft_sinks_take(struct ft_sinks *sinks, const struct ft_event *event, const char *line,
                   size_t n)
{
    if (sinks->journal)
        to_journal(event);
    if (sinks->syslog)
        to_syslog(event);
    if (sinks->file >= 0)
        to_file(sinks, line, n);
    if (sinks->hook != NULL)
        to_hook(sinks, event, line, n);
}

uint64_t ft_sinks_dropped(const struct ft_sinks *sinks)
{
    return sinks->dropped;
}

static int open_one(struct ft_sinks *sinks, const char *name, char *why, size_t size)
{
    if (strcmp(name, "syslog") == 0) {
        openlog("ft-centrald", LOG_PID | LOG_NDELAY, LOG_DAEMON);
        sinks->syslog = true;
        return 0;
    }
    if (strcmp(name, "journal") == 0) {
#ifdef HAVE_SYSTEMD
        sinks->journal = true;
        return 0;
#else
        snprintf(why, size, "events cannot go to the journal: this ft-centrald was built without "
                 "libsystemd");
        return -1;
#endif
    }
    if (strncmp(name, "file:/", 6) != 0 || sinks->file >= 0) {
        snprintf(why, size, "events cannot go to \"%.200s\": it is none of journal, syslog and one "
                 "file:/PATH", name);
        return -1;
    }
    sinks->file_path = strdup(name + 5);
    sinks->file = open(name + 5, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (sinks->file >= 0 && sinks->file_path != NULL)
        return 0;
    snprintf(why, size, "events cannot go to %.200s: %s", name + 5, strerror(errno));
    return -1;
}

struct ft_sinks *ft_sinks_create(uv_loop_t *loop, char *const *names, const char *hook, char *why,
                                 size_t size)
{
    struct ft_sinks *sinks = calloc(1, sizeof *sinks);

    if (sinks == NULL) {
        snprintf(why, size, "out of memory");
        return NULL;
    }
    sinks->loop = loop;
    sinks->file = -1;
    sinks->last = &sinks->first;
    for (int i = 0; i < FT_HOOK_RUNNING_MAX; i++)
        sinks->runs[i].sinks = sinks;
    for (; names != NULL && *names != NULL; names++) {
        if (open_one(sinks, *names, why, size) < 0) {
            ft_sinks_destroy(sinks);
            return NULL;
        }
    }
    if (hook == NULL || hook[0] == '\0')
        return sinks;
    sinks->hook = strdup(hook);
    if (sinks->hook != NULL && access(hook, X_OK) == 0)
        return sinks;
    snprintf(why, size, "the hook %.200s cannot be run: %s", hook, strerror(errno));
    ft_sinks_destroy(sinks);
    return NULL;
}

void ft_sinks_stop(struct ft_sinks *sinks)
{
    if (sinks == NULL || sinks->stopped)
        return;
    sinks->stopped = true;
    for (int i = 0; i < FT_HOOK_RUNNING_MAX; i++) {
        struct run *run = &sinks->runs[i];

        if (!run->used)
            continue;
        if (uv_is_active((uv_handle_t *) &run->process))
            kill(-run->process.pid, SIGKILL);
        close_run(run);
    }
}

void ft_sinks_destroy(struct ft_sinks *sinks)
{
    if (sinks == NULL)
        return;
    while (sinks->first != NULL) {
        struct call *call = sinks->first;

        sinks->first = call->next;
        free_call(call);
    }
    if (sinks->file >= 0)
        close(sinks->file);
    if (sinks->syslog)
        closelog();
    free(sinks->file_path);
    free(sinks->hook);
    free(sinks);
}
