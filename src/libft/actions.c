/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * actions.c - makes actions: what a request asks for, as a value (ft.h and ft_runtime.h).
 *
 * Pure, like values.c: no handle, no memory. An action that was given something unusable carries
 * the error and says in .text what is wrong; ft_action_check, called once by every function that
 * sends, turns that into FT_ERR_ACTION. It also looks at what the program may have changed by hand,
 * because wire/convert reads the fields as they are.
 *
 * Fields by verb: as wire/verbs.h lists them for a Request; a job's name is in resource.job, the
 * parent job's and every other text in .text, the processes of ftJobStarted are borrowed.
 */
#include "libft/actions.h"

#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "common/text.h"
#include "ft_runtime.h"
#include "libft/values.h"
#include "wire/verbs.h"

#define PROCESSES_MAX 4096
#define EVENT_NAME_MAX 32

static ftAction_t blank_action(enum ft_verb verb)
{
    ftAction_t action;

    memset(&action, 0, sizeof action);
    action.verb = (uint32_t) verb;
    return action;
}

/* Marks an action as unusable; the first problem is kept. */
static void spoil(ftAction_t *action, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void spoil(ftAction_t *action, const char *format, ...)
{
    va_list arguments;

    if (action->error != FT_OK)
        return;
    action->error = FT_ERR_ARG;
    action->text[0] = '\0';
    va_start(arguments, format);
    ft_text_vappendf(action->text, sizeof action->text, format, arguments);
    va_end(arguments);
}

/* ---------------------------------------------------------------- an application's */

ftAction_t resourceError(const ftResource_t R, const ftUsage_t U)
{
    ftAction_t action = blank_action(FT_VERB_ERROR);
    char problem[FT_TEXT_MAX];

    action.resource = R;
    action.usage = U;
    if (ft_resource_check(&R, "the resource", problem, sizeof problem) != FT_OK)
        spoil(&action, "resourceError: %s", problem);
    if ((int) U < FT_SEND || U > FT_RELEASE)
        spoil(&action, "resourceError: %d is no usage", (int) U);
    return action;
}

ftAction_t findAlternative(const ftResource_t R, ftConstraint_t C)
{
    ftAction_t action = blank_action(FT_VERB_ALTERNATIVE);
    char problem[FT_TEXT_MAX];

    action.resource = R;
    action.constraint = C;
    if (ft_resource_check(&R, "the resource", problem, sizeof problem) != FT_OK)
        spoil(&action, "findAlternative: %s", problem);
    if (ft_constraint_check(&C, problem, sizeof problem) != FT_OK)
        spoil(&action, "findAlternative: %s", problem);
    return action;
}

/* ---------------------------------------------------------------- a launcher's reports */

static void take_job(ftAction_t *action, const char *job, const char *function)
{
    action->resource.kind = FT_RANK;
    if (job == NULL || job[0] == '\0')
        spoil(action, "%s: the job's name is %s", function, job == NULL ? "NULL" : "empty");
    else if (!ft_text_copy(action->resource.job, sizeof action->resource.job, job))
        spoil(action, "%s: the job's name is longer than %d bytes", function, FT_NAME_MAX - 1);
}

static void check_processes(ftAction_t *action, const ftProcessInfo_t *processes, size_t n,
                            const char *function)
{
    if (processes == NULL && n > 0)
        spoil(action, "%s: processes is NULL", function);
    else if (n > PROCESSES_MAX)
        spoil(action, "%s: %zu processes, more than %d, in one action", function, n,
              PROCESSES_MAX);
    for (size_t i = 0; i < n && action->error == FT_OK; i++) {
        const char *node = processes[i].node;

        if (node == NULL || node[0] == '\0' || strnlen(node, FT_NAME_MAX) >= FT_NAME_MAX)
            spoil(action, "%s: the node's name of process %zu (rank %d) is NULL, empty or longer "
                  "than %d bytes", function, i, processes[i].rank, FT_NAME_MAX - 1);
        else if (processes[i].rank < 0 || processes[i].pid < 0)
            spoil(action, "%s: the rank or process id of process %zu is negative", function, i);
    }
}

ftAction_t ftJobStarted(const char *job, const char *parent, const ftProcessInfo_t *processes,
                        size_t n)
{
    ftAction_t action = blank_action(FT_VERB_JOB_STARTED);

    take_job(&action, job, "ftJobStarted");
    if (parent != NULL && strnlen(parent, FT_NAME_MAX) >= FT_NAME_MAX)
        spoil(&action, "ftJobStarted: the parent's name is longer than %d bytes", FT_NAME_MAX - 1);
    check_processes(&action, processes, n, "ftJobStarted");
    if (action.error == FT_OK) {
        ft_text_copy(action.text, sizeof action.text, parent);
        action.borrowed = processes;
        action.borrowed_n = n;
    }
    return action;
}

ftAction_t ftProcessEnded(const char *job, int rank, ftEnd_t how, int code)
{
    ftAction_t action = blank_action(FT_VERB_PROCESS_ENDED);

    take_job(&action, job, "ftProcessEnded");
    action.resource.number = rank;
    action.usage = (ftUsage_t) how;
    action.code = code;
    if (rank < 0)
        spoil(&action, "ftProcessEnded: the rank is negative: %d", rank);
    if ((int) how < FT_ENDED_WELL || how > FT_ENDED_WITH_NODE)
        spoil(&action, "ftProcessEnded: %d is no way to end", (int) how);
    return action;
}

ftAction_t ftNodeChanged(const char *node, int daemon, ftNodeChange_t change, const char *text)
{
    ftAction_t action = blank_action(FT_VERB_NODE_CHANGED);

    action.resource = ftNode(node);
    action.usage = (ftUsage_t) change;
    action.code = daemon;
    ft_text_copy(action.text, sizeof action.text, text); /* for people: cutting it does no harm */
    if (action.resource.error != FT_OK)
        spoil(&action, "ftNodeChanged: %s", action.resource.name);
    if ((int) change < FT_NODE_JOINED || change > FT_NODE_LEFT)
        spoil(&action, "ftNodeChanged: %d is no change", (int) change);
    return action;
}

ftAction_t ftJobEnded(const char *job, int code)
{
    ftAction_t action = blank_action(FT_VERB_JOB_ENDED);

    take_job(&action, job, "ftJobEnded");
    action.code = code;
    return action;
}

ftAction_t ftNextNews(uint64_t after)
{
    ftAction_t action = blank_action(FT_VERB_NEWS);

    action.decision = after;
    return action;
}

ftAction_t ftAcquireNode(ftConstraint_t like)
{
    ftAction_t action = blank_action(FT_VERB_ACQUIRE);
    char problem[FT_TEXT_MAX];

    action.constraint = like;
    if (ft_constraint_check(&like, problem, sizeof problem) != FT_OK)
        spoil(&action, "ftAcquireNode: %s", problem);
    return action;
}

ftAction_t ftGiveBackNode(const char *node)
{
    ftAction_t action = blank_action(FT_VERB_GIVE_BACK);

    action.resource = ftNode(node);
    if (action.resource.error != FT_OK)
        spoil(&action, "ftGiveBackNode: %s", action.resource.name);
    return action;
}

ftAction_t ftRanksHere(const char *job, const ftProcessInfo_t *processes, size_t n, int quiet_ms)
{
    ftAction_t action = blank_action(FT_VERB_RANKS_HERE);

    take_job(&action, job, "ftRanksHere");
    check_processes(&action, processes, n, "ftRanksHere");
    if (action.error == FT_OK) {
        action.code = quiet_ms < 0 ? -1 : quiet_ms;
        action.borrowed = processes;
        action.borrowed_n = n;
    }
    return action;
}

static bool is_event_name(const char *name)
{
    size_t n = name != NULL ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;

    return n > 0 && n < EVENT_NAME_MAX && name[n] == '\0';
}

ftAction_t ftLogEvent(ftResource_t about, const char *name, const char *text)
{
    ftAction_t action = blank_action(FT_VERB_NODE_EVENT);

    action.resource = about;
    if (about.error != FT_OK)
        spoil(&action, "ftLogEvent: %s", about.name);
    else if (about.kind != FT_NODE && about.kind != FT_RANK)
        spoil(&action, "ftLogEvent: it is neither about a node nor about a rank");
    if (!is_event_name(name))
        spoil(&action, "ftLogEvent: the name is NULL, or not of 1 to %d of [a-z0-9_]",
              EVENT_NAME_MAX - 1);
    if (action.error == FT_OK) {
        ft_text_copy(action.resource.name, sizeof action.resource.name, name);
        ft_text_copy(action.text, sizeof action.text, text); /* for people: cut if need be */
    }
    return action;
}

/* ---------------------------------------------------------------- a layer's stand-ins */

static ftAction_t about_decision(enum ft_verb verb, uint64_t decision, const char *function)
{
    ftAction_t action = blank_action(verb);

    action.decision = decision;
    if (decision == 0)
        spoil(&action, "%s: 0 is no decision", function);
    return action;
}

ftAction_t ftClaim(uint64_t decision)
{
    return about_decision(FT_VERB_CLAIM, decision, "ftClaim");
}

ftAction_t ftAnnounce(uint64_t decision, const char *port)
{
    ftAction_t action = about_decision(FT_VERB_ANNOUNCE, decision, "ftAnnounce");

    if (port == NULL || port[0] == '\0')
        spoil(&action, "ftAnnounce: the port is %s", port == NULL ? "NULL" : "empty");
    else if (strnlen(port, sizeof action.text) >= sizeof action.text)
        spoil(&action, "ftAnnounce: the port is longer than %zu bytes", sizeof action.text - 1);
    else if (action.error == FT_OK)
        ft_text_copy(action.text, sizeof action.text, port);
    return action;
}

ftAction_t ftStartFailed(uint64_t decision, const char *why)
{
    ftAction_t action = about_decision(FT_VERB_START_FAILED, decision, "ftStartFailed");

    if (action.error == FT_OK)
        ft_text_copy(action.text, sizeof action.text, why);
    return action;
}

ftAction_t ftNextPeer(uint64_t decision)
{
    return about_decision(FT_VERB_NEXT_PEER, decision, "ftNextPeer");
}

/* ---------------------------------------------------------------- warm spares */

static ftAction_t of_world(enum ft_verb verb, int world, const char *function)
{
    ftAction_t action = blank_action(verb);

    action.code = world;
    if (world <= 0)
        spoil(&action, "%s: a world has at least 1 rank, not %d", function, world);
    return action;
}

ftAction_t ftSpareHere(int world)
{
    return of_world(FT_VERB_SPARE_HERE, world, "ftSpareHere");
}

ftAction_t ftRankDone(int world)
{
    return of_world(FT_VERB_RANK_DONE, world, "ftRankDone");
}

ftAction_t ftPlaceOf(ftResource_t rank)
{
    ftAction_t action = blank_action(FT_VERB_PLACE_OF);
    char problem[FT_TEXT_MAX];

    action.resource = rank;
    if (ft_resource_check(&rank, "the rank", problem, sizeof problem) != FT_OK)
        spoil(&action, "ftPlaceOf: %s", problem);
    else if (rank.kind != FT_RANK)
        spoil(&action, "ftPlaceOf: it is no rank");
    return action;
}

/* ---------------------------------------------------------------- looking at one */

/* The same rules as the makers', applied again: the action may have been changed since. */
static void check_again(const ftAction_t *action, ftAction_t *again)
{
    const char *job = action->resource.job;

    switch (action->verb) {
    case FT_VERB_ERROR:
        *again = resourceError(action->resource, action->usage);
        break;
    case FT_VERB_ALTERNATIVE:
        *again = findAlternative(action->resource, action->constraint);
        break;
    case FT_VERB_CLAIM:
        *again = ftClaim(action->decision);
        break;
    case FT_VERB_ANNOUNCE:
        *again = ftAnnounce(action->decision, action->text);
        break;
    case FT_VERB_START_FAILED:
        *again = ftStartFailed(action->decision, action->text);
        break;
    case FT_VERB_NEXT_PEER:
        *again = ftNextPeer(action->decision);
        break;
    case FT_VERB_SPARE_HERE:
        *again = ftSpareHere(action->code);
        break;
    case FT_VERB_RANK_DONE:
        *again = ftRankDone(action->code);
        break;
    case FT_VERB_PLACE_OF:
        *again = ftPlaceOf(action->resource);
        break;
    case FT_VERB_ACQUIRE:
        *again = ftAcquireNode(action->constraint);
        break;
    case FT_VERB_GIVE_BACK:
        *again = ftGiveBackNode(action->resource.node);
        break;
    case FT_VERB_JOB_STARTED:
        *again = ftJobStarted(job, action->text, action->borrowed, action->borrowed_n);
        break;
    case FT_VERB_PROCESS_ENDED:
        *again = ftProcessEnded(job, action->resource.number <= INT_MAX
                                         ? (int) action->resource.number : -1,
                                (ftEnd_t) action->usage, action->code);
        break;
    case FT_VERB_NODE_CHANGED:
        *again = ftNodeChanged(action->resource.node, action->code,
                               (ftNodeChange_t) action->usage, action->text);
        break;
    case FT_VERB_JOB_ENDED:
        *again = ftJobEnded(job, action->code);
        break;
    case FT_VERB_NEWS:
        *again = ftNextNews(action->decision);
        break;
    case FT_VERB_RANKS_HERE:
        *again = ftRanksHere(job, action->borrowed, action->borrowed_n, action->code);
        break;
    case FT_VERB_NODE_EVENT:
        *again = ftLogEvent(action->resource, action->resource.name, action->text);
        break;
    default:
        *again = blank_action(FT_VERB_NONE);
        spoil(again, "the action was not made by a function of ft.h or ft_runtime.h");
    }
}

ftRetVal_t ft_action_check(const ftAction_t *action, struct ft_why *why)
{
    ftAction_t again;

    if (memchr(action->text, '\0', sizeof action->text) == NULL
        || memchr(action->resource.job, '\0', sizeof action->resource.job) == NULL
        || memchr(action->resource.node, '\0', sizeof action->resource.node) == NULL)
        return ft_why_set(why, FT_ERR_ACTION, NULL, "the action has a text without an end");
    if (action->error != FT_OK)
        return ft_why_set(why, FT_ERR_ACTION, NULL, "%s",
                          action->text[0] != '\0' ? action->text : "the action carries an error");
    check_again(action, &again);
    if (again.error != FT_OK)
        return ft_why_set(why, FT_ERR_ACTION, NULL, "%s", again.text);
    return FT_OK;
}
