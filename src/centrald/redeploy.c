/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redeploy.c - carries out what core/redeploy.c decides about voters that are not heard.
 *
 * Owned by the reign of a system's central unit. Twice a second it tells core whom the book has
 * heard of and whose node's unit is connected. What core wants goes to that unit as a Repair, one
 * step at a time, directly: nothing of it rests on the ledger, and the unit refuses another term's.
 *
 *     LOOK    before the first one, a thread reads this program's own checksum
 *     SEND    pieces of /proc/self/exe, which is this program whatever became of its file: each is
 *             read when the one before it has arrived; then PUT
 *     START
 *
 * A thread may still read when the reign ends: the object is freed when both it and the timer are
 * done with.
 */
#include "config.h"

#include "centrald/redeploy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "core/redeploy.h"
#include "wire/channel.h"
#include "wire/checksum.h"

#define LOOK_EACH_MS 500
#define HEARD_MIN_MS 1000
#define CONF_MAX_BYTES (FT_FRAME_MAX_BYTES / 2) /* a larger one is not sent along */
#define PROGRAM "/proc/self/exe"

struct ft_redeployer {
    struct ft_redeployer_config config;
    struct ft_redeployer_env env;
    const struct ft_plan *plan; /* NULL: none yet */
    struct ft_redeploy *core;
    uv_timer_t timer;
    uv_work_t work;
    bool working;
    bool over;      /* the reign has ended */
    bool closed;    /* the timer */
    /* this program */
    int file;       /* -1: cannot be read */
    uint64_t bytes;
    char checksum[FT_CHECKSUM_TEXT_BYTES];
    bool summed;
    char machine[65];
    /* the step that is not answered yet */
    char node[256];  /* "": none */
    uint64_t id;
    uint32_t step;
    uint64_t offset; /* SEND: of the piece that is on its way */
    size_t piece_n;
    uint8_t piece[FT_REDEPLOY_PIECE_MAX_BYTES];
};

static void carry_out(struct ft_redeployer *redeployer, const struct ft_redeploy_act *act);

static char *borrow(const char *text)
{
    return (char *) (uintptr_t) text; /* protobuf-c's texts are not const, though only read */
}

/* ---------------------------------------------------------------- telling */

static void say(struct ft_redeployer *redeployer, const struct ft_redeploy_act *act)
{
    struct ft_event event = {
        .name = act->event, .node = act->node, .rank = -1, .text = act->text};

    if (act->event != NULL)
        redeployer->env.log(redeployer->env.arg, &event);
    else if (act->text[0] != '\0')
        ft_log_info("%s", act->text);
}

/* ---------------------------------------------------------------- asking a unit */

/* 0, or -1 with errno. */
static int ask(struct ft_redeployer *redeployer, uint32_t step, Ft__Repair *repair)
{
    Ft__Message message = FT__MESSAGE__INIT;

    if (!redeployer->env.leads(redeployer->env.arg)) {
        errno = ESTALE;
        return -1;
    }
    repair->term = redeployer->config.term;
    repair->step = step;
    message.id = ++redeployer->id;
    message.body_case = FT__MESSAGE__BODY_REPAIR;
    message.repair = repair;
    redeployer->step = step;
    return ft_units_send(redeployer->config.units, redeployer->node, &message);
}

static void look(struct ft_redeployer *redeployer)
{
    Ft__Repair repair = FT__REPAIR__INIT;

    repair.folder = redeployer->plan->folder;
    if (ask(redeployer, FT_REPAIR_LOOK, &repair) < 0)
        ft_log_warning("the unit of node %s cannot be asked about its central unit: %s",
                       redeployer->node, strerror(errno)); /* core's limit does the rest */
}

static void failed_to_send(struct ft_redeployer *redeployer, const char *why)
{
    struct ft_redeploy_act act;

    ft_redeploy_sent(redeployer->core, ft_clock_ms(), redeployer->node, why, &act);
    redeployer->node[0] = '\0';
    carry_out(redeployer, &act);
}

static void describe(const struct ft_redeployer *redeployer, Ft__Repair *repair)
{
    repair->version = borrow(FT_VERSION);
    repair->machine = borrow(redeployer->machine);
    repair->total = redeployer->bytes;
    repair->checksum = borrow(redeployer->checksum);
}

/* The piece at `offset`, or, if there is none, that it is to be put in place. */
static void send_next(struct ft_redeployer *redeployer)
{
    Ft__Repair repair = FT__REPAIR__INIT;
    char why[200];
    ssize_t n = 0;

    describe(redeployer, &repair);
    if (redeployer->offset < redeployer->bytes) {
        n = pread(redeployer->file, redeployer->piece, sizeof redeployer->piece,
                  (off_t) redeployer->offset);
        if (n <= 0) {
            failed_to_send(redeployer, "the leader's own program cannot be read any more");
            return;
        }
        redeployer->piece_n = (size_t) n;
        repair.offset = redeployer->offset;
        repair.piece.data = redeployer->piece;
        repair.piece.len = redeployer->piece_n;
    }
    if (ask(redeployer, n > 0 ? FT_REPAIR_PIECE : FT_REPAIR_PUT, &repair) == 0)
        return;
    snprintf(why, sizeof why, "its program cannot be sent: %.100s", strerror(errno));
    failed_to_send(redeployer, why);
}

static void start(struct ft_redeployer *redeployer)
{
    Ft__Repair repair = FT__REPAIR__INIT;

    if (strlen(redeployer->plan->text) <= CONF_MAX_BYTES)
        repair.conf = redeployer->plan->text;
    if (ask(redeployer, FT_REPAIR_START, &repair) < 0)
        ft_log_warning("the unit of node %s cannot be told to start its central unit: %s",
                       redeployer->node, strerror(errno));
}

/* ---------------------------------------------------------------- this program */

static void on_work(uv_work_t *work)
{
    struct ft_redeployer *redeployer = work->data;
    struct stat is;

    redeployer->file = open(PROGRAM, O_RDONLY | O_CLOEXEC);
    if (redeployer->file < 0 || fstat(redeployer->file, &is) < 0 || is.st_size <= 0 ||
        is.st_size > (off_t) FT_REDEPLOY_PROGRAM_MAX_BYTES ||
        ft_checksum_file(PROGRAM, redeployer->checksum) < 0)
        redeployer->checksum[0] = '\0';
    else
        redeployer->bytes = (uint64_t) is.st_size;
}

static void free_if_done(struct ft_redeployer *redeployer)
{
    if (!redeployer->over || !redeployer->closed || redeployer->working)
        return;
    if (redeployer->file >= 0)
        close(redeployer->file);
    ft_redeploy_destroy(redeployer->core);
    free(redeployer);
}

static void on_worked(uv_work_t *work, int status)
{
    struct ft_redeployer *redeployer = work->data;

    (void) status; /* never cancelled */
    redeployer->working = false;
    redeployer->summed = true;
    if (redeployer->over)
        free_if_done(redeployer);
    else if (redeployer->node[0] != '\0')
        look(redeployer);
}

static void learn_sum(struct ft_redeployer *redeployer)
{
    int error;

    if (redeployer->working)
        return;
    error = uv_queue_work(redeployer->config.loop, &redeployer->work, on_work, on_worked);
    redeployer->working = error == 0;
    if (error != 0)
        ft_log_warning("this program's own file is not read: %s", uv_strerror(error));
}

/* ---------------------------------------------------------------- what core wants */

static void carry_out(struct ft_redeployer *redeployer, const struct ft_redeploy_act *act)
{
    say(redeployer, act);
    if (act->what == FT_REDEPLOY_NOTHING)
        return;
    ft_text_copy(redeployer->node, sizeof redeployer->node, act->node);
    redeployer->offset = 0;
    if (act->what == FT_REDEPLOY_LOOK && !redeployer->summed)
        learn_sum(redeployer);
    else if (act->what == FT_REDEPLOY_LOOK)
        look(redeployer);
    else if (act->what == FT_REDEPLOY_SEND)
        send_next(redeployer);
    else
        start(redeployer);
}

/* Some voter of the plan, by all that the book knows under its name. */
static bool is_heard(const struct ft_redeployer *redeployer, const struct ft_book_status *status,
                     const char *name)
{
    int64_t limit_ms = 2 * (int64_t) redeployer->plan->election_ms;

    if (limit_ms < HEARD_MIN_MS)
        limit_ms = HEARD_MIN_MS;
    for (size_t i = 0; i < status->voters_n; i++) {
        const struct ft_book_voter_status *voter = &status->voters[i];

        if (strcmp(voter->name, name) == 0 &&
            (voter->self || (voter->heard_ms >= 0 && voter->heard_ms <= limit_ms)))
            return true;
    }
    return false;
}

static void on_timer(uv_timer_t *timer)
{
    struct ft_redeployer *redeployer = timer->data;
    const struct ft_plan *plan = redeployer->plan;
    struct ft_redeploy_voter voters[FT_PLAN_VOTERS_MAX];
    struct ft_redeploy_act act;
    struct ft_book_status status;
    size_t n = 0;

    if (plan == NULL || plan->voters_n < 2)
        return;
    ft_book_status(redeployer->config.book, &status);
    for (size_t i = 0; i < plan->voters_n && n < FT_PLAN_VOTERS_MAX; i++) {
        struct ft_redeploy_voter *voter = &voters[n++];

        voter->name = plan->voters[i].name;
        voter->heard = is_heard(redeployer, &status, voter->name);
        voter->unit_run = ft_units_run(redeployer->config.units, voter->name);
        voter->unit = voter->unit_run != 0;
    }
    ft_redeploy_tick(redeployer->core, ft_clock_ms(), voters, n, &act);
    if (ft_redeploy_busy(redeployer->core)[0] == '\0')
        redeployer->node[0] = '\0'; /* an answer that comes now is too late */
    carry_out(redeployer, &act);
}

/* ---------------------------------------------------------------- answers */

static void take_look(struct ft_redeployer *redeployer, const Ft__Repaired *repaired)
{
    const struct ft_redeploy_own own = {.version = FT_VERSION,
                                        .machine = redeployer->machine,
                                        .checksum = redeployer->checksum};
    const struct ft_redeploy_found found = {.problem = repaired->problem,
                                            .version = repaired->version,
                                            .machine = repaired->machine,
                                            .there = repaired->there,
                                            .checksum = repaired->checksum,
                                            .says = repaired->says,
                                            .data = repaired->data,
                                            .pid = repaired->pid,
                                            .unwanted = repaired->unwanted};
    struct ft_redeploy_act act;

    ft_redeploy_looked(redeployer->core, ft_clock_ms(), redeployer->node, &found, &own, &act);
    carry_out(redeployer, &act);
}

static void take_piece(struct ft_redeployer *redeployer, const Ft__Repaired *repaired)
{
    if (repaired->problem[0] != '\0') {
        failed_to_send(redeployer, repaired->problem);
        return;
    }
    redeployer->offset += redeployer->piece_n;
    if (repaired->held != redeployer->offset) {
        failed_to_send(redeployer, "its unit holds another number of bytes than were sent");
        return;
    }
    ft_redeploy_progress(redeployer->core, ft_clock_ms(), redeployer->node);
    send_next(redeployer);
}

static void take_put(struct ft_redeployer *redeployer, const Ft__Repaired *repaired)
{
    struct ft_redeploy_act act;

    ft_redeploy_sent(redeployer->core, ft_clock_ms(), redeployer->node, repaired->problem, &act);
    carry_out(redeployer, &act);
}

static void take_start(struct ft_redeployer *redeployer, const Ft__Repaired *repaired)
{
    struct ft_redeploy_act act;

    ft_redeploy_started(redeployer->core, ft_clock_ms(), redeployer->node, repaired->problem,
                        &act);
    redeployer->node[0] = '\0';
    carry_out(redeployer, &act);
}

void ft_redeployer_message(struct ft_redeployer *redeployer, const char *node,
                           const Ft__Message *message)
{
    Ft__Repaired *repaired = message->repaired;

    if (redeployer->over || message->id != redeployer->id || redeployer->node[0] == '\0' ||
        strcmp(node, redeployer->node) != 0 || repaired->step != redeployer->step)
        return;
    ft_text_one_line(repaired->problem);
    ft_text_one_line(repaired->unwanted);
    ft_text_one_line(repaired->says);
    if (repaired->step == FT_REPAIR_LOOK)
        take_look(redeployer, repaired);
    else if (repaired->step == FT_REPAIR_PIECE)
        take_piece(redeployer, repaired);
    else if (repaired->step == FT_REPAIR_PUT)
        take_put(redeployer, repaired);
    else if (repaired->step == FT_REPAIR_START)
        take_start(redeployer, repaired);
}

/* ---------------------------------------------------------------- life */

struct ft_redeployer *ft_redeployer_create(const struct ft_redeployer_config *config,
                                           const struct ft_redeployer_env *env)
{
    struct ft_redeployer *redeployer = calloc(1, sizeof *redeployer);
    struct utsname system;

    if (redeployer == NULL)
        return NULL;
    redeployer->core = ft_redeploy_create();
    if (redeployer->core == NULL) {
        free(redeployer);
        return NULL;
    }
    redeployer->config = *config;
    redeployer->env = *env;
    redeployer->file = -1;
    redeployer->work.data = redeployer->timer.data = redeployer;
    if (uname(&system) == 0)
        ft_text_copy(redeployer->machine, sizeof redeployer->machine, system.machine);
    uv_timer_init(config->loop, &redeployer->timer);
    uv_timer_start(&redeployer->timer, on_timer, LOOK_EACH_MS, LOOK_EACH_MS);
    return redeployer;
}

void ft_redeployer_plan(struct ft_redeployer *redeployer, const struct ft_plan *plan)
{
    redeployer->plan = plan;
    ft_redeploy_configure(redeployer->core, plan->redeploy.on, plan->redeploy.after_ms);
}

static void on_closed(uv_handle_t *handle)
{
    struct ft_redeployer *redeployer = handle->data;

    redeployer->closed = true;
    free_if_done(redeployer);
}

void ft_redeployer_destroy(struct ft_redeployer *redeployer)
{
    if (redeployer == NULL)
        return;
    redeployer->over = true;
    uv_close((uv_handle_t *) &redeployer->timer, on_closed);
}
