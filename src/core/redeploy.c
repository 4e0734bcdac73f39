/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redeploy.c - decides what is done about a voter that is not heard; see redeploy.h for the rules.
 *
 * Owned by centrald/redeploy.c, which looks at the voters, talks to their nodes' units and carries
 * the program over. A voter that is known here is in one of these states:
 *
 *     WELL       heard                                       SILENT    not heard since `since_ms`
 *     LOOKING, SENDING, STARTING   something is wanted of its unit, until `until_ms` at the most
 *     STARTED    it was started; is to be heard by `until_ms`
 *     RESTING    not to be looked at before `until_ms`       GIVEN_UP  not at all
 *
 * Nothing here can make voters disagree: a program that is started again takes part with its own
 * data, or under a new identity. A mistake here costs a program that is overwritten for nothing, or
 * a voter that stays down.
 */
#include "core/redeploy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/plan.h"

#define VOTERS_MAX FT_PLAN_VOTERS_MAX
#define LOOK_MAX_MS 20000
#define PIECE_MAX_MS 20000  /* from one to the next */
#define START_MAX_MS 60000
#define HEARD_WITHIN_MS 30000 /* of its start */
#define LOOK_AGAIN_MS 30000 /* at one that is left alone */
#define WELL_MS 60000       /* heard for so long: its story is over */

enum state { WELL, SILENT, LOOKING, SENDING, STARTING, STARTED, RESTING, GIVEN_UP };

/* What was told already of one story, so that it is told once. */
enum { TOLD_RUNS = 1, TOLD_UNWANTED = 2, TOLD_REFUSED = 4 };

struct voter {
    char name[256];
    enum state state;
    int64_t since_ms;  /* heard, or not */
    int64_t until_ms;
    uint64_t unit_run;
    unsigned attempts; /* to help it, in this story */
    unsigned told;
    bool heard;        /* at the last tick */
    bool sent;         /* this story's program is ours */
    char sum[80];      /* of it */
    bool seen;         /* in this tick */
};

struct ft_redeploy {
    bool on;
    unsigned after_ms;
    struct voter voters[VOTERS_MAX];
    size_t n;
};

static const unsigned delays_ms[FT_REDEPLOY_ATTEMPTS_MAX] = {1000, 2000, 5000, 15000, 60000};

/* ---------------------------------------------------------------- small helpers */

struct ft_redeploy *ft_redeploy_create(void)
{
    return calloc(1, sizeof(struct ft_redeploy));
}

void ft_redeploy_destroy(struct ft_redeploy *redeploy)
{
    free(redeploy);
}

void ft_redeploy_configure(struct ft_redeploy *redeploy, bool on, unsigned after_ms)
{
    redeploy->on = on;
    redeploy->after_ms = after_ms;
    for (size_t i = 0; i < redeploy->n; i++) {
        struct voter *voter = &redeploy->voters[i];

        voter->attempts = 0;
        voter->told = 0;
        if (voter->state == GIVEN_UP || voter->state == RESTING)
            voter->state = SILENT;
    }
}

static struct voter *find(struct ft_redeploy *redeploy, const char *name)
{
    for (size_t i = 0; i < redeploy->n; i++) {
        if (strcmp(redeploy->voters[i].name, name) == 0)
            return &redeploy->voters[i];
    }
    return NULL;
}

static bool is_busy(const struct voter *voter)
{
    return voter->state == LOOKING || voter->state == SENDING || voter->state == STARTING;
}

const char *ft_redeploy_busy(const struct ft_redeploy *redeploy)
{
    for (size_t i = 0; i < redeploy->n; i++) {
        if (is_busy(&redeploy->voters[i]))
            return redeploy->voters[i].name;
    }
    return "";
}

static void tell(const struct voter *voter, struct ft_redeploy_act *act, const char *event,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

static void tell(const struct voter *voter, struct ft_redeploy_act *act, const char *event,
                 const char *format, ...)
{
    va_list arguments;

    snprintf(act->node, sizeof act->node, "%s", voter->name);
    act->event = event;
    va_start(arguments, format);
    vsnprintf(act->text, sizeof act->text, format, arguments);
    va_end(arguments);
}

/* Once a story; what was told already is for the daemon's own log. */
static bool is_new(struct voter *voter, unsigned what)
{
    bool is = (voter->told & what) == 0;

    voter->told |= what;
    return is;
}

static void want(struct voter *voter, int64_t now_ms, enum state state,
                 struct ft_redeploy_act *act)
{
    static const enum ft_redeploy_what whats[] = {
        [LOOKING] = FT_REDEPLOY_LOOK, [SENDING] = FT_REDEPLOY_SEND,
        [STARTING] = FT_REDEPLOY_START};
    static const int limits_ms[] = {
        [LOOKING] = LOOK_MAX_MS, [SENDING] = PIECE_MAX_MS, [STARTING] = START_MAX_MS};

    voter->state = state;
    voter->until_ms = now_ms + limits_ms[state];
    act->what = whats[state];
    snprintf(act->node, sizeof act->node, "%s", voter->name);
}

static void rest(struct voter *voter, int64_t now_ms, int64_t for_ms)
{
    voter->state = RESTING;
    voter->until_ms = now_ms + for_ms;
}

static void give_up(struct voter *voter, const char *why, struct ft_redeploy_act *act)
{
    voter->state = GIVEN_UP;
    tell(voter, act, "redeploy_failed", "the central unit on node %.100s does not come back, after "
         "%d attempts: %.300s; see to it there (its log, `systemctl status ft-centrald`)",
         voter->name, FT_REDEPLOY_ATTEMPTS_MAX, why);
}

/* An attempt did not come off. A question that is not answered is one, too; and whatever was under
 * way when the settings changed. */
static void failed(struct voter *voter, int64_t now_ms, const char *why,
                   struct ft_redeploy_act *act)
{
    if ((voter->state == LOOKING || voter->attempts == 0) &&
        voter->attempts < FT_REDEPLOY_ATTEMPTS_MAX)
        voter->attempts++;
    if (voter->attempts >= FT_REDEPLOY_ATTEMPTS_MAX) {
        give_up(voter, why, act);
        return;
    }
    rest(voter, now_ms, delays_ms[voter->attempts - 1]);
    tell(voter, act, NULL, "the central unit on node %.100s is not back: %.300s; tried again in %u "
         "s", voter->name, why, delays_ms[voter->attempts - 1] / 1000);
}

/* One more attempt: to send it its program, or just to start it. */
static void help(struct voter *voter, int64_t now_ms, enum state state, struct ft_redeploy_act *act)
{
    if (voter->attempts >= FT_REDEPLOY_ATTEMPTS_MAX) {
        give_up(voter, "it ends again each time that it was started", act);
        return;
    }
    voter->attempts++;
    want(voter, now_ms, state, act);
}

/* ---------------------------------------------------------------- who is heard */

static void forget_unseen(struct ft_redeploy *redeploy)
{
    for (size_t i = 0; i < redeploy->n;) {
        if (redeploy->voters[i].seen)
            i++;
        else
            redeploy->voters[i] = redeploy->voters[--redeploy->n];
    }
}

static void note_well(struct voter *voter, int64_t now_ms)
{
    voter->state = WELL;
    voter->since_ms = now_ms;
}

/* What is wanted of its unit is waited for all the same: the answer says what has been done. */
static void note_heard(struct voter *voter, int64_t now_ms)
{
    if (is_busy(voter) && now_ms < voter->until_ms)
        return;
    if (voter->state != WELL)
        note_well(voter, now_ms);
    if (now_ms - voter->since_ms < WELL_MS)
        return;
    voter->attempts = 0;
    voter->told = 0;
    voter->sent = false;
}

static void note_silent(struct voter *voter, int64_t now_ms, bool unit, uint64_t unit_run)
{
    if (voter->state == WELL) {
        voter->state = SILENT;
        voter->since_ms = now_ms;
    }
    if (!unit || unit_run == voter->unit_run)
        return;
    if (voter->state == GIVEN_UP) { /* another unit, another try */
        voter->state = SILENT;
        voter->attempts = 0;
        voter->told = 0;
    }
    voter->unit_run = unit_run;
}

static struct voter *note(struct ft_redeploy *redeploy, int64_t now_ms,
                          const struct ft_redeploy_voter *from)
{
    struct voter *voter = find(redeploy, from->name);

    if (voter == NULL) {
        if (redeploy->n == VOTERS_MAX)
            return NULL;
        voter = &redeploy->voters[redeploy->n++];
        memset(voter, 0, sizeof *voter);
        snprintf(voter->name, sizeof voter->name, "%s", from->name);
        voter->since_ms = now_ms;
        voter->unit_run = from->unit_run;
        voter->state = SILENT;
    }
    voter->seen = true;
    voter->heard = from->heard;
    if (from->heard)
        note_heard(voter, now_ms);
    else
        note_silent(voter, now_ms, from->unit, from->unit_run);
    return voter;
}

/* Whether its time has come to be looked at. One that was helped before, in vain, waits longer. */
static bool is_due(const struct ft_redeploy *redeploy, const struct voter *voter, int64_t now_ms)
{
    int64_t patience_ms = redeploy->after_ms;

    if (voter->state == RESTING)
        return now_ms >= voter->until_ms;
    if (voter->attempts > 0)
        patience_ms += delays_ms[voter->attempts - 1];
    return voter->state == SILENT && now_ms - voter->since_ms >= patience_ms;
}

/* What is wanted of a unit, or of a start, has a limit. */
static bool check_limit(struct voter *voter, const struct ft_redeploy_voter *from, int64_t now_ms,
                        struct ft_redeploy_act *act)
{
    if (is_busy(voter) && !from->unit && !from->heard) {
        failed(voter, now_ms, "its node's unit is not connected any more", act);
        return true;
    }
    if ((!is_busy(voter) && voter->state != STARTED) || now_ms < voter->until_ms)
        return false;
    failed(voter, now_ms, voter->state == STARTED ? "it was started, and is not heard"
                                                  : "its node's unit does not answer in time", act);
    return true;
}

void ft_redeploy_tick(struct ft_redeploy *redeploy, int64_t now_ms,
                      const struct ft_redeploy_voter *voters, size_t n,
                      struct ft_redeploy_act *act)
{
    memset(act, 0, sizeof *act);
    for (size_t i = 0; i < redeploy->n; i++)
        redeploy->voters[i].seen = false;
    for (size_t i = 0; i < n; i++)
        note(redeploy, now_ms, &voters[i]);
    forget_unseen(redeploy);
    for (size_t i = 0; i < n; i++) {
        struct voter *voter = find(redeploy, voters[i].name);

        if (voter != NULL && check_limit(voter, &voters[i], now_ms, act))
            return;
    }
    for (size_t i = 0; i < n; i++) {
        struct voter *voter = find(redeploy, voters[i].name);

        if (voter == NULL || !redeploy->on || !voters[i].unit || !is_due(redeploy, voter, now_ms) ||
            ft_redeploy_busy(redeploy)[0] != '\0')
            continue;
        want(voter, now_ms, LOOKING, act);
        return;
    }
}

/* ---------------------------------------------------------------- what is the matter */

static void leave(struct voter *voter, int64_t now_ms)
{
    rest(voter, now_ms, LOOK_AGAIN_MS);
}

static void refuse(struct voter *voter, int64_t now_ms, const char *why,
                   struct ft_redeploy_act *act)
{
    leave(voter, now_ms);
    if (is_new(voter, TOLD_REFUSED))
        tell(voter, act, "redeploy_refused", "the central unit on node %.100s is not heard, and "
             "its program is not replaced: %.400s", voter->name, why);
}

/* Whether our program may run there; the reason why not in `why`. */
static bool fits(const struct ft_redeploy_found *found, const struct ft_redeploy_own *own,
                 const char *state, char *why, size_t size)
{
    if (own->checksum[0] == '\0')
        snprintf(why, size, "%s, and the leader cannot read its own", state);
    else if (strcmp(found->version, own->version) != 0)
        snprintf(why, size, "%s; version %.40s is installed there, the leader's is %.40s: install "
                 "it there again", state, found->version, own->version);
    else if (strcmp(found->machine, own->machine) != 0)
        snprintf(why, size, "%s; that machine is %.40s, the leader's %.40s: install it there again",
                 state, found->machine, own->machine);
    else
        return true;
    return false;
}

static void replace(struct voter *voter, int64_t now_ms, const struct ft_redeploy_found *found,
                    const struct ft_redeploy_own *own, const char *state,
                    struct ft_redeploy_act *act)
{
    char why[320];

    if (!fits(found, own, state, why, sizeof why)) {
        refuse(voter, now_ms, why, act);
        return;
    }
    snprintf(voter->sum, sizeof voter->sum, "%s", own->checksum);
    help(voter, now_ms, SENDING, act);
    if (act->what == FT_REDEPLOY_SEND)
        tell(voter, act, NULL, "the central unit on node %.100s: %s; it is sent this one's (%.80s)",
             voter->name, state, own->checksum);
}

/* There is a program: whose? */
static void judge_program(struct voter *voter, int64_t now_ms,
                          const struct ft_redeploy_found *found, const struct ft_redeploy_own *own,
                          struct ft_redeploy_act *act)
{
    char why[256];

    if (found->checksum[0] == '\0' || found->says[0] == '\0') {
        replace(voter, now_ms, found, own, "its program is damaged", act);
    } else if (strcmp(found->says, own->version) == 0) {
        if (own->checksum[0] != '\0' && strcmp(found->checksum, own->checksum) != 0 &&
            strcmp(found->machine, own->machine) == 0)
            replace(voter, now_ms, found, own, "its program is not the one of its version", act);
        else
            help(voter, now_ms, STARTING, act);
    } else if (strcmp(found->says, found->version) == 0) {
        help(voter, now_ms, STARTING, act); /* as it was installed, as far as can be told */
    } else {
        snprintf(why, sizeof why, "it is of version %.40s, the unit there of %.40s, the leader's "
                 "of %.40s: an update that is not finished?", found->says, found->version,
                 own->version);
        refuse(voter, now_ms, why, act);
    }
}

void ft_redeploy_looked(struct ft_redeploy *redeploy, int64_t now_ms, const char *node,
                        const struct ft_redeploy_found *found, const struct ft_redeploy_own *own,
                        struct ft_redeploy_act *act)
{
    struct voter *voter = find(redeploy, node);

    memset(act, 0, sizeof *act);
    if (voter == NULL || voter->state != LOOKING)
        return;
    if (voter->heard) {
        note_well(voter, now_ms);
        return;
    }
    if (found->problem[0] != '\0') {
        refuse(voter, now_ms, found->problem, act);
    } else if (found->pid != 0) {
        leave(voter, now_ms);
        if (is_new(voter, TOLD_RUNS))
            tell(voter, act, "central_silent", "the central unit on node %.100s runs (process "
                 "%lld) and is not heard: it is cut off from this one, or hangs; it is left alone",
                 voter->name, (long long) found->pid);
    } else if (found->unwanted[0] != '\0') {
        leave(voter, now_ms);
        if (is_new(voter, TOLD_UNWANTED))
            tell(voter, act, "central_silent", "the central unit on node %.100s is not heard, and "
                 "is left alone: %.300s", voter->name, found->unwanted);
    } else if (!found->there) {
        replace(voter, now_ms, found, own, "its program is gone", act);
    } else {
        judge_program(voter, now_ms, found, own, act);
    }
}

/* ---------------------------------------------------------------- what came of it */

void ft_redeploy_progress(struct ft_redeploy *redeploy, int64_t now_ms, const char *node)
{
    struct voter *voter = find(redeploy, node);

    if (voter != NULL && voter->state == SENDING)
        voter->until_ms = now_ms + PIECE_MAX_MS;
}

void ft_redeploy_sent(struct ft_redeploy *redeploy, int64_t now_ms, const char *node,
                      const char *problem, struct ft_redeploy_act *act)
{
    struct voter *voter = find(redeploy, node);

    memset(act, 0, sizeof *act);
    if (voter == NULL || voter->state != SENDING)
        return;
    if (problem[0] != '\0') {
        failed(voter, now_ms, problem, act);
        return;
    }
    voter->sent = true;
    want(voter, now_ms, STARTING, act);
}

void ft_redeploy_started(struct ft_redeploy *redeploy, int64_t now_ms, const char *node,
                         const char *problem, struct ft_redeploy_act *act)
{
    struct voter *voter = find(redeploy, node);

    memset(act, 0, sizeof *act);
    if (voter == NULL || voter->state != STARTING)
        return;
    if (problem[0] != '\0') {
        failed(voter, now_ms, problem, act);
        return;
    }
    voter->state = STARTED;
    voter->until_ms = now_ms + HEARD_WITHIN_MS;
    if (voter->heard)
        note_well(voter, now_ms);
    if (voter->sent)
        tell(voter, act, "central_redeployed", "the central unit on node %.100s has its program "
             "again, as sent by this one (%.80s), and was started", voter->name, voter->sum);
    else
        tell(voter, act, "central_restarted", "the central unit on node %.100s was dead, and was "
             "started again by its node's unit", voter->name);
    voter->sent = false;
}
