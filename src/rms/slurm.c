/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slurm.c - owns the helper processes through which nodes come from Slurm, and what they hold.
 *
 * Made by the central unit for a job in a Slurm allocation. libslurm is not loaded here: its calls
 * wait, and it may end the process that it is in; a central unit may do neither. Each node is asked
 * for, and then guarded, by a helper of its own (src/rmshelp), which speaks lines over its standard
 * input and output (talk.h). One helper more is always ready, so that nobody waits for a program to
 * start while a job stands still; another watches the job.
 *
 *      READY -- get --> ASKED -- got --> HOLDS -- release --> ENDING -- exit --> gone
 *                         | none, abandoned                     ^
 *                         +-------------------------------------+
 *
 * A helper's standard input closed makes it give back what it holds: whatever ends the central unit
 * ends that, too. A helper that ends by itself while it holds a node is replaced by one that goes
 * on guarding the same allocation.
 *
 * Spares that the job has already are a pool (pool.c) in front of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/log.h"
#include "common/text.h"
#include "core/inventory.h"
#include "rms/rms.h"
#include "rms/talk.h"

#define HELPERS_MAX 64
#define RESTARTS_MAX 5            /* of helpers that end by themselves, in a row */
#define ANSWER_MARGIN_PCT 10      /* of a wish's time, kept for the answer's way */
#define ANSWER_MARGIN_MIN_MS 50
#define KEPT_ENVIRONMENT_MAX 8

enum state { READY, ASKED, HOLDS, ENDING, WATCHES };

struct slurm;

struct helper {
    struct slurm *slurm;   /* NULL: nobody cares any more */
    enum state state;
    uint64_t acquire;      /* ASKED */
    char node[FT_NAME_MAX];/* HOLDS */
    uint32_t own;          /* HOLDS: the allocation's number, 0: the node joined the job */
    uv_process_t process;
    uv_pipe_t orders, answers, errors;
    uv_timer_t deadline;   /* ASKED */
    unsigned open;         /* handles */
    bool exited;
    char line[FT_TALK_LINE_MAX];
    size_t n;
    char said[400];        /* the last that it wrote to its standard error */
    struct helper *next;
};

struct slurm {
    struct ft_rms rms;     /* first */
    struct ft_rms_events events;
    void *arg;
    uv_loop_t *loop;
    struct ft_rms *spares; /* NULL: not on the ladder */
    bool spare_given;
    char ways[32];         /* what is asked of Slurm: "expand,beside" */
    struct ft_rms_slurm_config config;
    char *helper, *partition;
    struct helper *helpers;
    unsigned helpers_n, restarts;
};

static struct helper *start(struct slurm *slurm, const char *order, char *why, size_t size);

/* ---------------------------------------------------------------- the life of a helper */

static void on_closed(uv_handle_t *handle)
{
    struct helper *helper = handle->data;

    if (--helper->open == 0)
        free(helper);
}

static void close_handle(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

/* Its standard input is closed: it gives back what it holds, and ends. */
static void let_end(struct helper *helper)
{
    if (helper->state == ENDING)
        return;
    helper->state = ENDING;
    uv_timer_stop(&helper->deadline);
    close_handle(&helper->orders);
}

static void unlink_helper(struct helper *helper)
{
    struct helper **link = &helper->slurm->helpers;

    while (*link != helper)
        link = &(*link)->next;
    *link = helper->next;
    helper->slurm->helpers_n--;
    helper->slurm = NULL;
}

/* Not before what it said last was read. */
static void close_all(struct helper *helper)
{
    close_handle(&helper->process);
    close_handle(&helper->orders);
    close_handle(&helper->answers);
    close_handle(&helper->errors);
    close_handle(&helper->deadline);
}

static void tell_none(struct helper *helper, const char *why, int64_t at_s)
{
    struct slurm *slurm = helper->slurm;
    uint64_t acquire = helper->acquire;

    let_end(helper);
    slurm->events.none(slurm->arg, acquire, why, at_s);
}

/* Goes on guarding what an ended helper held. */
static void keep_on(struct slurm *slurm, const struct helper *ended)
{
    char order[FT_TALK_LINE_MAX] = "keep", why[200] = "too many helpers ended in a row";
    struct helper *heir = NULL;

    ft_talk_add_number(order, sizeof order, "job", slurm->config.job);
    ft_talk_add(order, sizeof order, "node", ended->node);
    if (ended->own != 0)
        ft_talk_add_number(order, sizeof order, "own", ended->own);
    if (++slurm->restarts <= RESTARTS_MAX)
        heir = start(slurm, order, why, sizeof why);
    if (heir != NULL) {
        heir->state = HOLDS;
        heir->own = ended->own;
        ft_text_copy(heir->node, sizeof heir->node, ended->node);
        return;
    }
    ft_log_error("node %s, got from Slurm for job %" PRIu32 ", is guarded by nobody: %s. Its holder "
                 "and its time limit end it; scancel %" PRIu32 " does at once", ended->node,
                 slurm->config.job, why, ended->own);
}

static void on_gone(struct helper *helper)
{
    struct slurm *slurm = helper->slurm;
    enum state was = helper->state;
    char why[600];

    if (slurm == NULL)
        return;
    unlink_helper(helper);
    snprintf(why, sizeof why, "the helper for Slurm ended%s%s",
             helper->said[0] != '\0' ? ": " : "", helper->said);
    if (was != ENDING)
        ft_log_warning("%s", why);
    if (was == HOLDS)
        keep_on(slurm, helper);
    if (was == ASKED)
        slurm->events.none(slurm->arg, helper->acquire, why, 0);
}

static void close_if_over(struct helper *helper)
{
    if (!helper->exited || !uv_is_closing((uv_handle_t *) &helper->answers))
        return;
    on_gone(helper);
    close_all(helper);
}

static void on_exit_of(uv_process_t *process, int64_t code, int number)
{
    struct helper *helper = process->data;

    if (code == 127 || number != 0)
        ft_text_appendf(helper->said, sizeof helper->said, "%s%s %d",
                        helper->said[0] != '\0' ? "; " : "", code == 127 ? "exit code" : "signal",
                        code == 127 ? 127 : number);
    helper->exited = true;
    close_if_over(helper);
}

/* ---------------------------------------------------------------- what a helper says */

static void take_got(struct helper *helper, const struct ft_talk *said)
{
    struct slurm *slurm = helper->slurm;
    const char *node = ft_talk_text(said, "node"), *way = ft_talk_text(said, "way");

    if (helper->state != ASKED || node == NULL || way == NULL || strlen(node) >= sizeof helper->node) {
        let_end(helper);
        return;
    }
    uv_timer_stop(&helper->deadline);
    helper->state = HOLDS;
    helper->own = (uint32_t) ft_talk_number(said, "own", 0);
    ft_text_copy(helper->node, sizeof helper->node, node);
    slurm->restarts = 0;
    ft_log_info("Slurm gives node %s for job %" PRIu32 ": %s, allocation %" PRIu32, node,
                slurm->config.job, way, helper->own);
    slurm->events.offer(slurm->arg, helper->acquire, node);
}

static void take_failing(struct helper *helper, const struct ft_talk *said, bool failing)
{
    struct slurm *slurm = helper->slurm;
    const char *node = ft_talk_text(said, "node"), *why = ft_talk_text(said, "why");

    if (node != NULL && slurm->events.node_fail != NULL)
        slurm->events.node_fail(slurm->arg, node, failing, why != NULL ? why : "");
}

/* After `ENDING` nothing that it says is news. */
static void take_line(struct helper *helper, char *line)
{
    struct ft_talk said;

    if (helper->slurm == NULL || helper->state == ENDING)
        return;
    if (ft_talk_parse(line, &said) != 0) {
        ft_text_copy(helper->said, sizeof helper->said, "it said what makes no sense");
        kill(helper->process.pid, SIGTERM);
        return;
    }
    if (strcmp(said.word, "got") == 0) {
        take_got(helper, &said);
    } else if (strcmp(said.word, "none") == 0 && helper->state == ASKED) {
        const char *why = ft_talk_text(&said, "why");

        tell_none(helper, why != NULL ? why : "", ft_talk_number(&said, "at", 0));
    } else if (strcmp(said.word, "lost") == 0 && helper->state == HOLDS) {
        helper->state = ENDING;
        take_failing(helper, &said, false);
    } else if (strcmp(said.word, "failed") == 0 || strcmp(said.word, "failing") == 0) {
        take_failing(helper, &said, strcmp(said.word, "failing") == 0);
    } else if (strcmp(said.word, "back") == 0 || strcmp(said.word, "over") == 0) {
        helper->state = ENDING; /* the job is over */
    } else if (strcmp(said.word, "pending") == 0) {
        ft_log_info("Slurm has no node for job %" PRIu32 " at once; request %s waits",
                    helper->slurm->config.job, ft_talk_text(&said, "own"));
    }
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    struct helper *helper = handle->data;

    (void) wanted;
    *buffer = uv_buf_init(helper->line + helper->n, (unsigned) (sizeof helper->line - helper->n));
}

static void on_answers(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct helper *helper = stream->data;
    char *end;

    (void) buffer;
    if (n < 0) { /* its end, or a line without one */
        close_handle(&helper->answers);
        if (n != UV_EOF && !helper->exited)
            kill(helper->process.pid, SIGTERM);
        close_if_over(helper);
        return;
    }
    helper->n += (size_t) n;
    while ((end = memchr(helper->line, '\n', helper->n)) != NULL) {
        char line[FT_TALK_LINE_MAX];
        size_t length = (size_t) (end - helper->line);

        memcpy(line, helper->line, length);
        line[length] = '\0';
        helper->n -= length + 1;
        memmove(helper->line, end + 1, helper->n);
        take_line(helper, line);
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
    struct helper *helper = stream->data;
    char *last;

    if (n < 0) {
        close_handle(&helper->errors);
        return;
    }
    if (n == 0)
        return;
    buffer->base[n] = '\0';
    if (buffer->base[n - 1] == '\n')
        buffer->base[n - 1] = '\0';
    last = strrchr(buffer->base, '\n');
    ft_text_copy(helper->said, sizeof helper->said, last != NULL ? last + 1 : buffer->base);
    ft_text_one_line(helper->said);
    ft_log_debug("helper for Slurm: %s", buffer->base);
}

/* ---------------------------------------------------------------- starting one */

/* What it and srun need, and nothing of the job that this process may be a part of. */
static void environment_for(char **environment, char texts[][512])
{
    static const char *const names[] = {"PATH", "SLURM_CONF", "HOME", "USER", "LOGNAME", "TZ"};
    size_t n = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);

        if (value != NULL && snprintf(texts[n], 512, "%s=%s", names[i], value) < 512)
            environment[n] = texts[n], n++;
    }
    environment[n] = NULL;
}

struct writing {
    uv_write_t request;
    char line[];
};

static void on_written(uv_write_t *request, int status)
{
    (void) status; /* a helper that does not read is one that ends, which is noticed */
    free(request);
}

static int say(struct helper *helper, const char *order)
{
    size_t n = strlen(order);
    struct writing *writing = malloc(sizeof *writing + n + 1);
    uv_buf_t buffer;
    int error;

    if (writing == NULL)
        return UV_ENOMEM;
    memcpy(writing->line, order, n);
    writing->line[n] = '\n';
    buffer = uv_buf_init(writing->line, (unsigned) n + 1);
    error = uv_write(&writing->request, (uv_stream_t *) &helper->orders, &buffer, 1, on_written);
    if (error != 0)
        free(writing);
    return error;
}

static int spawn(struct helper *helper, const char *file)
{
    char *argv[] = {(char *) (uintptr_t) file, NULL};
    char texts[KEPT_ENVIRONMENT_MAX][512], *environment[KEPT_ENVIRONMENT_MAX + 1];
    uv_stdio_container_t files[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
         .data.stream = (uv_stream_t *) &helper->orders},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *) &helper->answers},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *) &helper->errors},
    };
    uv_process_options_t options = {.exit_cb = on_exit_of, .file = file, .args = argv,
                                    .env = environment, .cwd = "/", .flags = UV_PROCESS_DETACHED,
                                    .stdio = files, .stdio_count = 3};
    int error;

    environment_for(environment, texts);
    error = uv_spawn(helper->slurm->loop, &helper->process, &options);
    if (error == 0)
        error = uv_read_start((uv_stream_t *) &helper->answers, on_room, on_answers);
    if (error == 0)
        error = uv_read_start((uv_stream_t *) &helper->errors, on_error_room, on_errors);
    return error;
}

/* Starts a helper with its first order, NULL: none yet. NULL if it cannot be started, and why. */
static struct helper *start(struct slurm *slurm, const char *order, char *why, size_t size)
{
    struct helper *helper = slurm->helpers_n < HELPERS_MAX ? calloc(1, sizeof *helper) : NULL;
    int error;

    if (helper == NULL) {
        snprintf(why, size, "%u helpers for Slurm are more than allowed, or memory is short",
                 slurm->helpers_n);
        return NULL;
    }
    helper->slurm = slurm;
    helper->process.data = helper->orders.data = helper->answers.data = helper->errors.data =
        helper->deadline.data = helper;
    uv_pipe_init(slurm->loop, &helper->orders, 0);
    uv_pipe_init(slurm->loop, &helper->answers, 0);
    uv_pipe_init(slurm->loop, &helper->errors, 0);
    uv_timer_init(slurm->loop, &helper->deadline);
    helper->open = 5;
    error = spawn(helper, slurm->helper);
    if (error == 0 && order != NULL)
        error = say(helper, order);
    if (error == 0) {
        helper->next = slurm->helpers;
        slurm->helpers = helper;
        slurm->helpers_n++;
        return helper;
    }
    snprintf(why, size, "%s cannot be started: %s", slurm->helper, uv_strerror(error));
    helper->slurm = NULL;
    close_all(helper);
    return NULL;
}

static struct helper *find(const struct slurm *slurm, enum state state)
{
    struct helper *helper = slurm->helpers;

    while (helper != NULL && helper->state != state)
        helper = helper->next;
    return helper;
}

/* The next failure finds a helper at hand. That none can be started is told when one is needed. */
static void have_one_ready(struct slurm *slurm)
{
    char why[200];

    if (slurm->ways[0] != '\0' && find(slurm, READY) == NULL)
        start(slurm, NULL, why, sizeof why);
}

/* ---------------------------------------------------------------- asking Slurm */

static void on_late(uv_timer_t *timer)
{
    tell_none(timer->data, "Slurm did not answer in time: is slurmctld well?", 0);
}

static int make_order(const struct slurm *slurm, const struct ft_wanted *wanted, unsigned wait_ms,
                      char *order, size_t size)
{
    char excluded[FT_TALK_LINE_MAX - 512] = "";
    bool fits = true;

    snprintf(order, size, "get");
    for (size_t i = 0; i < wanted->excluded_n; i++)
        fits = fits && ft_text_appendf(excluded, sizeof excluded, "%s%s", i > 0 ? "," : "",
                                       wanted->excluded[i]);
    if (ft_talk_add_number(order, size, "job", slurm->config.job) != 0 ||
        ft_talk_add(order, size, "ways", slurm->ways) != 0 ||
        ft_talk_add_number(order, size, "wait_ms", wait_ms) != 0 ||
        ft_talk_add(order, size, "partition", slurm->partition) != 0 ||
        (wanted->like != NULL && ft_talk_add_number(order, size, "cores", wanted->like->cores)) ||
        ft_talk_add(order, size, "exclude", excluded) != 0)
        fits = false;
    return fits ? 0 : -1;
}

static void ask_slurm(struct slurm *slurm, uint64_t acquire, const struct ft_wanted *wanted)
{
    unsigned timeout_ms = wanted->timeout_ms > 0 ? wanted->timeout_ms : slurm->config.timeout_ms;
    unsigned margin_ms = timeout_ms / 100 * ANSWER_MARGIN_PCT;
    struct helper *helper = find(slurm, READY);
    char order[FT_TALK_LINE_MAX], why[300] = "";

    margin_ms = margin_ms < ANSWER_MARGIN_MIN_MS ? ANSWER_MARGIN_MIN_MS : margin_ms;
    if (make_order(slurm, wanted, timeout_ms > margin_ms ? timeout_ms - margin_ms : 0, order,
                   sizeof order) != 0) {
        slurm->events.none(slurm->arg, acquire, "more nodes are excluded than can be told Slurm", 0);
        return;
    }
    if (helper == NULL)
        helper = start(slurm, order, why, sizeof why);
    else if (say(helper, order) != 0)
        helper = NULL;
    if (helper == NULL) {
        slurm->events.none(slurm->arg, acquire, why[0] != '\0' ? why : "no memory for an order", 0);
        return;
    }
    helper->state = ASKED;
    helper->acquire = acquire;
    uv_timer_start(&helper->deadline, on_late, timeout_ms > margin_ms ? timeout_ms : 2 * margin_ms,
                   0);
    have_one_ready(slurm);
}

/* ---------------------------------------------------------------- spares in front, or behind */

static void on_spare(void *arg, uint64_t acquire, const char *node)
{
    struct slurm *slurm = arg;

    slurm->spare_given = true;
    slurm->events.offer(slurm->arg, acquire, node);
}

static void on_no_spare(void *arg, uint64_t acquire, const char *why, int64_t at_s)
{
    struct slurm *slurm = arg;

    slurm->spare_given = false;
    if (slurm->ways[0] == '\0')
        slurm->events.none(slurm->arg, acquire, why, at_s);
}

static void slurm_acquire(struct ft_rms *rms, uint64_t acquire, const struct ft_wanted *wanted)
{
    struct slurm *slurm = (struct slurm *) rms;

    if (slurm->spares != NULL) {
        ft_rms_acquire(slurm->spares, acquire, wanted); /* answers at once */
        if (slurm->spare_given || slurm->ways[0] == '\0')
            return;
    }
    ask_slurm(slurm, acquire, wanted);
}

static void slurm_abandon(struct ft_rms *rms, uint64_t acquire)
{
    struct slurm *slurm = (struct slurm *) rms;

    for (struct helper *helper = slurm->helpers; helper != NULL; helper = helper->next) {
        if (helper->state == ASKED && helper->acquire == acquire) {
            let_end(helper);
            return;
        }
    }
}

static void slurm_release(struct ft_rms *rms, const char *node, bool broken)
{
    struct slurm *slurm = (struct slurm *) rms;

    if (slurm->spares != NULL)
        ft_rms_release(slurm->spares, node, broken);
    for (struct helper *helper = slurm->helpers; helper != NULL; helper = helper->next) {
        if (helper->state != HOLDS || !ft_node_names_equal(helper->node, node))
            continue;
        if (say(helper, "release") != 0)
            ft_log_error("node %s cannot be given back in order: no memory", node);
        let_end(helper);
        return;
    }
}

/* What another process got, its helper or, if that is no more, its holder guards to the job's
 * end. */
static void slurm_taken(struct ft_rms *rms, const char *node)
{
    struct slurm *slurm = (struct slurm *) rms;

    if (slurm->spares != NULL)
        ft_rms_taken(slurm->spares, node);
}

/* ---------------------------------------------------------------- life */

static void slurm_destroy(struct ft_rms *rms)
{
    struct slurm *slurm = (struct slurm *) rms;

    while (slurm->helpers != NULL) {
        struct helper *helper = slurm->helpers;

        unlink_helper(helper);
        close_all(helper);
    }
    ft_rms_destroy(slurm->spares);
    free(slurm->helper);
    free(slurm->partition);
    free(slurm);
}

static bool is_usable(const struct ft_rms_config *config)
{
    return config->loop != NULL && config->slurm.job != 0 && config->slurm.helper != NULL &&
           config->slurm.ladder[0] != 0 && config->slurm.timeout_ms > 0;
}

/* The ladder: spares go first wherever they stand on it, as nothing is quicker. */
static bool read_ladder(struct slurm *slurm, const struct ft_rms_config *config)
{
    static const struct ft_rms_events events = {.offer = on_spare, .none = on_no_spare};

    for (size_t i = 0; i < FT_RMS_WAYS_MAX && config->slurm.ladder[i] != 0; i++) {
        if (config->slurm.ladder[i] == FT_RMS_SPARES) {
            slurm->spares = ft_rms_create("pool", config, &events, slurm);
            if (slurm->spares == NULL)
                return false;
        } else {
            ft_text_appendf(slurm->ways, sizeof slurm->ways, "%s%s",
                            slurm->ways[0] != '\0' ? "," : "",
                            config->slurm.ladder[i] == FT_RMS_EXPAND ? "expand" : "beside");
        }
    }
    return true;
}

static void watch_job(struct slurm *slurm)
{
    char order[200] = "watch", why[200];
    struct helper *helper;

    if (slurm->config.watch_ms == 0)
        return;
    ft_talk_add_number(order, sizeof order, "job", slurm->config.job);
    ft_talk_add_number(order, sizeof order, "each_ms", slurm->config.watch_ms);
    helper = start(slurm, order, why, sizeof why);
    if (helper != NULL)
        helper->state = WATCHES;
    else
        ft_log_warning("nobody watches job %" PRIu32 " for Slurm's news: %s", slurm->config.job, why);
}

static struct ft_rms *slurm_create(const struct ft_rms_config *config,
                                   const struct ft_rms_events *events, void *arg)
{
    struct slurm *slurm;

    if (!is_usable(config)) {
        errno = EINVAL;
        return NULL;
    }
    slurm = calloc(1, sizeof *slurm);
    if (slurm == NULL)
        return NULL;
    slurm->rms.backend = &ft_rms_slurm;
    slurm->events = *events;
    slurm->arg = arg;
    slurm->loop = config->loop;
    slurm->config = config->slurm;
    slurm->config.helper = slurm->config.partition = NULL; /* the caller's; ours are below */
    slurm->helper = strdup(config->slurm.helper);
    if (config->slurm.partition != NULL)
        slurm->partition = strdup(config->slurm.partition);
    if (slurm->helper == NULL || (config->slurm.partition != NULL && slurm->partition == NULL) ||
        !read_ladder(slurm, config)) {
        slurm_destroy(&slurm->rms);
        errno = ENOMEM;
        return NULL;
    }
    watch_job(slurm);
    have_one_ready(slurm);
    return &slurm->rms;
}

const struct ft_rms_backend ft_rms_slurm = {
    .name = "slurm",
    .create = slurm_create,
    .acquire = slurm_acquire,
    .abandon = slurm_abandon,
    .release = slurm_release,
    .taken = slurm_taken,
    .destroy = slurm_destroy,
};
