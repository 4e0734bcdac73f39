/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redeploy.c - owns the one step that is being done about this node's central unit.
 *
 * unit.c hands in what the leading central unit wants (Repair), over the connection on which that
 * proved itself; each step is answered (Repaired) before the next one is taken.
 *
 *     LOOK    a thread: the program's file, the voter's data, does it run, did it end in order;
 *             then systemd, if it runs, is asked whether the service is meant to run
 *     PIECE   a thread writes it to the end of a file beside the program
 *     PUT     a thread: the whole of it on the disk, its checksum, then into its place
 *     START   ft.conf is written if there is none; systemctl restart, or the command of noded.conf,
 *             with a limit; what it prints is told
 *
 * Refused: a leader whose term is not the one that has welcomed this unit; anything, if noded.conf
 * says redeploy = false; a program of another version than this unit, or of another machine; more
 * bytes than a program may have; what is not the next piece.
 */
#include "config.h"

#include "noded/redeploy.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text.h"
#include "core/redeploy.h"
#include "noded/child.h"
#include "noded/program.h"

#define NAME "ft-centrald"
#define SERVICE NAME ".service"
#define SYSTEMD "/run/systemd/system"
#define ASK_MAX_MS 5000
#define START_MAX_MS 45000
#define OUTPUT_MAX_BYTES 2048
#define FOLDER_MAX 1024

struct ft_repairer {
    uv_loop_t *loop;
    struct ft_repairer_wish wish;
    uint64_t term;              /* of the leader that has welcomed this unit; 0: none yet */
    char machine[65];
    /* the step that is being done */
    bool busy;
    bool stopped;
    uint64_t id;
    uint32_t step;
    uv_work_t work;
    bool working;               /* the pool has it */
    struct ft_child *child;
    char problem[600];
    /* LOOK */
    char folder[FOLDER_MAX];
    struct ft_program_state found;
    pid_t pid;
    bool data;
    char unwanted[200];
    bool service;               /* systemd knows it: to be started by that */
    /* PIECE, PUT */
    int fd;                     /* of the file that is gathered; -1: none */
    uint64_t total, held;
    char checksum[FT_CHECKSUM_TEXT_BYTES];
    uint8_t *piece;
    size_t piece_n;
    /* START */
    char *conf;
};

static const char *const environment[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", NULL};

static char *borrow(const char *text)
{
    return (char *)(uintptr_t)text; /* protobuf-c's texts are not const, though only read */
}

static const char *ended_file(const struct ft_repairer *repairer)
{
    return repairer->wish.ended ? repairer->wish.ended : FT_REDEPLOY_ENDED;
}

static pid_t runs(const struct ft_repairer *repairer)
{
    return ft_program_runs(repairer->wish.process ? repairer->wish.process : NAME, "--job");
}

/* ---------------------------------------------------------------- answers */

static void send_answer(struct ft_repairer *repairer, uint64_t id, Ft__Repaired *answer)
{
    Ft__Message message = FT__MESSAGE__INIT;

    message.id = id;
    message.body_case = FT__MESSAGE__BODY_REPAIRED;
    message.repaired = answer;
    if (repairer->wish.send(repairer->wish.arg, &message) != 0)
        ft_log(FT_LOG_WARNING, "the central unit is not told what came of its wish about this "
               "node's " NAME ": %s", strerror(errno));
}

/* At once, of a step that is not even begun. */
static void refuse(struct ft_repairer *repairer, uint64_t id, uint32_t step, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

static void refuse(struct ft_repairer *repairer, uint64_t id, uint32_t step, const char *format,
                   ...)
{
    Ft__Repaired answer = FT__REPAIRED__INIT;
    char why[400];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    ft_log(FT_LOG_WARNING, "a wish about this node's " NAME " (step %u) is refused: %s", step, why);
    answer.step = step;
    answer.problem = why;
    send_answer(repairer, id, &answer);
}

static void drop_new(struct ft_repairer *repairer)
{
    if (repairer->fd < 0)
        return;
    close(repairer->fd);
    repairer->fd = -1;
    repairer->held = 0;
    ft_program_drop_new(repairer->wish.config->central_program);
}

/* The step is over. */
static void answer(struct ft_repairer *repairer)
{
    Ft__Repaired answer = FT__REPAIRED__INIT;

    repairer->busy = false;
    if (repairer->stopped)
        return;
    ft_text_make_utf8(repairer->problem);
    ft_text_one_line(repairer->problem);
    if (repairer->problem[0])
        ft_log(FT_LOG_WARNING, "this node's " NAME ", step %u: %s", repairer->step,
               repairer->problem);
    answer.step = repairer->step;
    answer.problem = repairer->problem;
    if (repairer->step == FT_REPAIR_LOOK) {
        answer.version = borrow(repairer->wish.version);
        answer.machine = repairer->machine;
        answer.there = repairer->found.there;
        answer.checksum = repairer->found.checksum;
        answer.says = repairer->found.says;
        answer.data = repairer->data;
        answer.pid = repairer->pid;
        answer.unwanted = repairer->unwanted;
    } else if (repairer->step == FT_REPAIR_PIECE) {
        answer.held = repairer->held;
    }
    send_answer(repairer, repairer->id, &answer);
}

static void forget_given(struct ft_repairer *repairer)
{
    free(repairer->piece);
    free(repairer->conf);
    repairer->piece = NULL;
    repairer->conf = NULL;
}

/* ---------------------------------------------------------------- in a thread */

static void look(struct ft_repairer *repairer)
{
    char path[FOLDER_MAX + 16];

    ft_program_look(repairer->wish.config->central_program, FT_REDEPLOY_MARK, &repairer->found);
    repairer->pid = runs(repairer);
    snprintf(path, sizeof path, "%s/voter", repairer->folder);
    repairer->data = repairer->folder[0] != '\0' && access(path, F_OK) == 0;
    repairer->unwanted[0] = '\0';
    if (access(ended_file(repairer), F_OK) == 0)
        snprintf(repairer->unwanted, sizeof repairer->unwanted, "it was ended in order there (%.100s)",
                 ended_file(repairer));
}

static void write_piece(struct ft_repairer *repairer)
{
    size_t done = 0;

    if (repairer->fd < 0)
        repairer->fd = ft_program_open_new(repairer->wish.config->central_program);
    while (repairer->fd >= 0 && done < repairer->piece_n) {
        ssize_t n = write(repairer->fd, repairer->piece + done, repairer->piece_n - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        done += (size_t)n;
        repairer->held += (uint64_t)n;
    }
    if (repairer->fd >= 0 && done == repairer->piece_n)
        return;
    snprintf(repairer->problem, sizeof repairer->problem, "a file beside %.300s cannot be written: "
             "%s", repairer->wish.config->central_program, strerror(errno));
    drop_new(repairer);
}

static void put_in_place(struct ft_repairer *repairer)
{
    const struct ft_noded_config *config = repairer->wish.config;
    const struct ft_program_put put = {.path = config->central_program,
                                       .checksum = repairer->checksum,
                                       .mark = FT_REDEPLOY_MARK,
                                       .version = repairer->wish.version,
                                       .owner = config->central_owner,
                                       .mode = config->central_mode};

    if (ft_program_put(repairer->fd, &put, repairer->problem, sizeof repairer->problem) != 0) {
        drop_new(repairer);
        return;
    }
    close(repairer->fd); /* what is open for writing cannot be executed */
    repairer->fd = -1;
    repairer->held = 0;
}

/* The start tells whether it is a good one. */
static void look_before_start(struct ft_repairer *repairer)
{
    const char *path = repairer->wish.config->central_conf;
    int written = 0;

    repairer->pid = runs(repairer);
    if (repairer->pid == 0 && repairer->conf[0] != '\0')
        written = ft_program_write_missing(path, repairer->conf);
    if (written > 0)
        ft_log(FT_LOG_WARNING, "there was no %s for this node's " NAME ": it has the one in force "
               "now, as sent by the central unit that leads", path);
    else if (written < 0)
        ft_log(FT_LOG_WARNING, "there is no %s, and the one that was sent cannot be written: %s",
               path, strerror(errno));
}

static void on_work(uv_work_t *work)
{
    struct ft_repairer *repairer = work->data;

    if (repairer->step == FT_REPAIR_PIECE)
        write_piece(repairer);
    else if (repairer->step == FT_REPAIR_PUT)
        put_in_place(repairer);
    else if (repairer->step == FT_REPAIR_START)
        look_before_start(repairer);
    else
        look(repairer);
}

/* ---------------------------------------------------------------- systemd, and the start */

static bool run(struct ft_repairer *repairer, const char *const *argv, unsigned timeout_ms,
                ft_child_fn ended)
{
    const struct ft_child_wish wish = {.file = argv[0],
                                       .argv = argv,
                                       .environment = environment,
                                       .timeout_ms = timeout_ms,
                                       .output_max = OUTPUT_MAX_BYTES,
                                       .with_stderr = true};

    repairer->child = ft_child_start(repairer->loop, &wish, ended, repairer);
    return repairer->child != NULL;
}

static bool says(const struct ft_child_end *end, const char *line)
{
    return memmem(end->output, end->n, line, strlen(line)) != NULL;
}

static void on_systemd(void *arg, const struct ft_child_end *end)
{
    struct ft_repairer *repairer = arg;

    repairer->child = NULL;
    if (end->code == 0 && end->signal == 0) {
        repairer->service = says(end, "LoadState=loaded") || says(end, "LoadState=masked");
        if (repairer->unwanted[0] == '\0' &&
            (says(end, "LoadState=masked") || says(end, "UnitFileState=disabled")))
            snprintf(repairer->unwanted, sizeof repairer->unwanted, "its service is disabled "
                     "there; `systemctl enable --now ft-centrald` starts it");
    }
    answer(repairer); /* a systemd that does not answer is one that cannot be asked to start it */
}

static void ask_systemd(struct ft_repairer *repairer)
{
    static const char *const argv[] = {"systemctl", "show", "--property=LoadState,UnitFileState",
                                       SERVICE, NULL};

    repairer->service = false;
    if (access(SYSTEMD, F_OK) != 0 || !run(repairer, argv, ASK_MAX_MS, on_systemd))
        answer(repairer);
}

static void on_started(void *arg, const struct ft_child_end *end)
{
    struct ft_repairer *repairer = arg;
    char *problem = repairer->problem;
    const size_t size = sizeof repairer->problem;

    repairer->child = NULL;
    if (end->timed_out)
        snprintf(problem, size, "its start did not end within %d s", START_MAX_MS / 1000);
    else if (end->signal != 0)
        snprintf(problem, size, "its start was ended by signal %d", end->signal);
    else if (end->code != 0)
        snprintf(problem, size, "its start failed with exit code %d", end->code);
    if (problem[0] && end->n > 0)
        ft_text_appendf(problem, size, ": %.*s", (int)(end->n < 400 ? end->n : 400),
                        (const char *)end->output);
    answer(repairer);
}

static void start(struct ft_repairer *repairer)
{
    static const char *const by_systemd[] = {"systemctl", "restart", SERVICE, NULL};
    const struct ft_noded_config *config = repairer->wish.config;
    const char *const by_itself[] = {config->central_program, "--daemonize", NULL};
    const char *const *argv = by_itself;

    if (repairer->pid != 0) { /* somebody was faster */
        answer(repairer);
        return;
    }
    if (config->central_start[0])
        argv = (const char *const *)(uintptr_t)config->central_start;
    else if (repairer->service)
        argv = by_systemd;
    ft_log(FT_LOG_INFO, "this node's " NAME " is started by %s%s%s", argv[0], argv[1] ? " " : "",
           argv[1] ? argv[1] : "");
    if (run(repairer, argv, START_MAX_MS, on_started))
        return;
    snprintf(repairer->problem, sizeof repairer->problem, "%.300s cannot be executed: %s", argv[0],
             strerror(errno));
    answer(repairer);
}

static void on_worked(uv_work_t *work, int status)
{
    struct ft_repairer *repairer = work->data;

    (void)status; /* never cancelled */
    repairer->working = false;
    forget_given(repairer);
    if (repairer->stopped) {
        drop_new(repairer);
        repairer->busy = false;
    } else if (repairer->step == FT_REPAIR_LOOK) {
        ask_systemd(repairer);
    } else if (repairer->step == FT_REPAIR_START) {
        start(repairer);
    } else {
        answer(repairer);
    }
}

/* ---------------------------------------------------------------- what is wanted */

/* False with a sentence: that program is not for this node, or that piece not the next one. */
static bool check_program(struct ft_repairer *repairer, const Ft__Repair *repair, char *why,
                          size_t size)
{
    if (strcmp(repair->version, repairer->wish.version) != 0)
        snprintf(why, size, "it is a program of version %.40s, and %.40s is installed here",
                 repair->version, repairer->wish.version);
    else if (strcmp(repair->machine, repairer->machine) != 0)
        snprintf(why, size, "it is a program for %.40s, and this is %.40s", repair->machine,
                 repairer->machine);
    else if (repair->total == 0 || repair->total > FT_REDEPLOY_PROGRAM_MAX_BYTES)
        snprintf(why, size, "a program of %llu bytes is not taken",
                 (unsigned long long)repair->total);
    else if (!ft_checksum_is_valid(repair->checksum))
        snprintf(why, size, "its checksum is not of the form sha256:HEX");
    else if (repair->offset > 0 && (repairer->fd < 0 || repair->total != repairer->total ||
                                    !ft_checksum_equal(repair->checksum, repairer->checksum)))
        snprintf(why, size, "it is not the program that was begun");
    else
        return true;
    return false;
}

static bool take_piece(struct ft_repairer *repairer, const Ft__Repair *repair, char *why,
                       size_t size)
{
    if (!check_program(repairer, repair, why, size))
        return false;
    if (repair->offset == 0) {
        drop_new(repairer);
        repairer->total = repair->total;
        ft_text_copy(repairer->checksum, sizeof repairer->checksum, repair->checksum);
    }
    if (repair->offset != repairer->held || repair->piece.len == 0 ||
        repair->piece.len > FT_REDEPLOY_PIECE_MAX_BYTES ||
        repair->piece.len > repairer->total - repairer->held) {
        snprintf(why, size, "%zu bytes at %llu are not the next piece: %llu of %llu have come",
                 repair->piece.len, (unsigned long long)repair->offset,
                 (unsigned long long)repairer->held, (unsigned long long)repairer->total);
        return false;
    }
    repairer->piece = malloc(repair->piece.len);
    if (repairer->piece == NULL) {
        snprintf(why, size, "out of memory");
        return false;
    }
    memcpy(repairer->piece, repair->piece.data, repair->piece.len);
    repairer->piece_n = repair->piece.len;
    return true;
}

static bool take_put(const struct ft_repairer *repairer, char *why, size_t size)
{
    if (repairer->fd >= 0 && repairer->held == repairer->total)
        return true;
    snprintf(why, size, "%llu of %llu bytes of the program have come",
             (unsigned long long)(repairer->fd >= 0 ? repairer->held : 0),
             (unsigned long long)repairer->total);
    return false;
}

static bool take_step(struct ft_repairer *repairer, const Ft__Repair *repair, char *why,
                      size_t size)
{
    if (!repairer->wish.config->redeploy) {
        snprintf(why, size, "noded.conf of this node says redeploy = false");
        return false;
    }
    if (repairer->term == 0 || repair->term != repairer->term) {
        snprintf(why, size, "it is of term %llu, and the leader's is %llu",
                 (unsigned long long)repair->term, (unsigned long long)repairer->term);
        return false;
    }
    if (repairer->busy) {
        snprintf(why, size, "step %u is not done yet", repairer->step);
        return false;
    }
    switch (repair->step) {
    case FT_REPAIR_LOOK:
        ft_text_copy(repairer->folder, sizeof repairer->folder, repair->folder);
        return true;
    case FT_REPAIR_PIECE:
        return take_piece(repairer, repair, why, size);
    case FT_REPAIR_PUT:
        return take_put(repairer, why, size);
    case FT_REPAIR_START:
        repairer->conf = strdup(repair->conf);
        if (repairer->conf == NULL)
            snprintf(why, size, "out of memory");
        return repairer->conf != NULL;
    default:
        snprintf(why, size, "such a step is not known to version %.40s", repairer->wish.version);
        return false;
    }
}

void ft_repairer_take(struct ft_repairer *repairer, uint64_t id, const Ft__Repair *repair)
{
    char why[300];
    int error;

    if (repairer->stopped)
        return;
    if (!take_step(repairer, repair, why, sizeof why)) {
        refuse(repairer, id, repair->step, "%s", why);
        return;
    }
    if (repair->step != FT_REPAIR_PIECE)
        ft_log(FT_LOG_INFO, "the central unit that leads (term %llu) wants something done about "
               "this node's " NAME ": step %u", (unsigned long long)repair->term, repair->step);
    repairer->id = id;
    repairer->step = repair->step;
    repairer->problem[0] = '\0';
    error = uv_queue_work(repairer->loop, &repairer->work, on_work, on_worked);
    if (error == 0) {
        repairer->busy = repairer->working = true;
        return;
    }
    forget_given(repairer);
    refuse(repairer, id, repair->step, "%s", uv_strerror(error));
}

void ft_repairer_welcome(struct ft_repairer *repairer, uint64_t term)
{
    if (term != repairer->term && !repairer->busy)
        drop_new(repairer);
    repairer->term = term;
}

/* ---------------------------------------------------------------- life */

struct ft_repairer *ft_repairer_create(uv_loop_t *loop, const struct ft_repairer_wish *wish)
{
    struct ft_repairer *repairer = calloc(1, sizeof *repairer);
    struct utsname system;

    if (repairer == NULL)
        return NULL;
    repairer->loop = loop;
    repairer->wish = *wish;
    repairer->fd = -1;
    repairer->work.data = repairer;
    if (uname(&system) == 0)
        ft_text_copy(repairer->machine, sizeof repairer->machine, system.machine);
    return repairer;
}

void ft_repairer_stop(struct ft_repairer *repairer)
{
    repairer->stopped = true;
    if (repairer->child != NULL)
        ft_child_cancel(repairer->child);
    repairer->child = NULL;
    if (!repairer->working)
        drop_new(repairer);
}

void ft_repairer_destroy(struct ft_repairer *repairer)
{
    if (repairer == NULL)
        return;
    drop_new(repairer);
    forget_given(repairer);
    free(repairer);
}
