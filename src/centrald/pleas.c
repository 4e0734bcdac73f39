/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pleas.c - owns the memory of what was lately said of which node, and the words of what the
 * resource manager's administrator is asked for.
 *
 * Between core, which suspects nodes, and the resource manager's backend, which drains them or
 * finds that it may not (rms/warden.c). What may not be done becomes an event that is a request,
 * with the command that does it: the administrator gets it where his site has events go (sinks,
 * hook), a user finds in his log what to ask for.
 *
 * A system serves many jobs, and a node may be several jobs' (or lost by a launcher's and the
 * detector's word): the same cause is handed on once in REPEATED_MS.
 *
 * The backend may answer from within core's own call: what is written waits until core is at rest.
 */
#include "centrald/pleas.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/later.h"
#include "centrald/sessions.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "core/inventory.h"

#define REMEMBERED 256
#define REPEATED_MS 60000
#define COMMAND_MAX 4096
#define MS_PER_S 1000.0

struct said {
    char node[FT_NAME_MAX];
    enum ft_suspicion cause;
    int64_t at_ms;
};

struct ft_pleas {
    const struct ft_parts *parts;
    struct said said[REMEMBERED]; /* a ring */
    size_t next;
};

/* A request, with its texts, until it is written. */
struct plea {
    struct ft_rms_request request;
    char node[FT_NAME_MAX], reason[FT_TEXT_MAX], why[FT_TEXT_MAX], command[COMMAND_MAX];
};

/* ---------------------------------------------------------------- what is handed on */

/* Lost is lost, whoever says so; but what a system's detector says counts for more than a
 * launcher's word. */
static bool says_as_much(const struct ft_pleas *pleas, enum ft_suspicion said,
                         enum ft_suspicion now)
{
    return said == now || (now == FT_SUSPECT_LOST && said == FT_SUSPECT_SILENT) ||
           (now == FT_SUSPECT_SILENT && said == FT_SUSPECT_LOST && pleas->parts->book == NULL);
}

static bool was_said(const struct ft_pleas *pleas, const struct ft_suspect *suspect, int64_t now_ms)
{
    for (size_t i = 0; i < REMEMBERED; i++) {
        const struct said *said = &pleas->said[i];

        if (said->node[0] != '\0' && now_ms - said->at_ms < REPEATED_MS &&
            says_as_much(pleas, said->cause, suspect->cause) &&
            ft_node_names_equal(said->node, suspect->node))
            return true;
    }
    return false;
}

bool ft_pleas_is_due(struct ft_pleas *pleas, const struct ft_suspect *suspect)
{
    struct said *said = &pleas->said[pleas->next];
    int64_t now_ms = ft_clock_ms();

    if (was_said(pleas, suspect, now_ms))
        return false;
    ft_text_copy(said->node, sizeof said->node, suspect->node);
    said->cause = suspect->cause;
    said->at_ms = now_ms;
    pleas->next = (pleas->next + 1) % REMEMBERED;
    return true;
}

/* ---------------------------------------------------------------- what is written */

static const char *cause_word(enum ft_suspicion cause)
{
    static const char *const words[] = {
        [FT_SUSPECT_SILENT] = "lost", [FT_SUSPECT_LOST] = "lost", [FT_SUSPECT_UNIT] = "unit",
        [FT_SUSPECT_PROBE] = "probe", [FT_SUSPECT_CHECK] = "check",
        [FT_SUSPECT_FAILING] = "failing", [FT_SUSPECT_START] = "start"};

    return words[cause];
}

static void begin_event(struct ft_event *event, const char *name)
{
    event->name = name;
}

static void add(struct ft_event *event, const char *key, const char *text, double number)
{
    size_t i = 0;

    while (i < FT_EVENT_FIELDS_MAX && event->fields[i].key != NULL)
        i++;
    if (i == FT_EVENT_FIELDS_MAX)
        return;
    event->fields[i].key = key;
    event->fields[i].text = text;
    event->fields[i].number = number;
}

static void write_drain(const struct plea *plea, struct ft_event *event, char *text, size_t size)
{
    event->node = plea->node;
    add(event, "cause", cause_word(plea->request.cause), 0);
    add(event, "reason", plea->reason, 0);
    if (plea->request.done) {
        begin_event(event, "drain_done");
        snprintf(text, size, "the resource manager drains node %s: %s", plea->node, plea->reason);
        return;
    }
    begin_event(event, "drain_requested");
    add(event, "why", plea->why, 0);
    add(event, "command", plea->command, 0);
    snprintf(text, size, "request to the administrator: node %s should be drained (%s); it was not "
             "from here: %s. This does it: %s", plea->node, plea->reason, plea->why, plea->command);
}

static void write_time(const struct plea *plea, struct ft_event *event, char *text, size_t size)
{
    double lost_s = (double) plea->request.lost_ms / MS_PER_S;

    add(event, "minutes", NULL, plea->request.minutes);
    add(event, "lost_s", NULL, lost_s);
    if (plea->request.done) {
        begin_event(event, "time_given_back");
        snprintf(text, size, "job %" PRIu32 " has %u min more: losses cost it %.1f s in all",
                 plea->request.job, plea->request.minutes, lost_s);
        return;
    }
    begin_event(event, "time_not_given_back");
    add(event, "why", plea->why, 0);
    add(event, "command", plea->command, 0);
    snprintf(text, size, "request to the administrator: job %" PRIu32 " should have %u min more, "
             "as losses cost it %.1f s in all; it was not given them from here: %s. This does "
             "it: %s", plea->request.job, plea->request.minutes, lost_s, plea->why,
             plea->command);
}

static void write_plea(void *arg, const void *data, size_t n)
{
    struct ft_pleas *pleas = arg;
    const struct plea *plea = data;
    static char text[2 * COMMAND_MAX];
    struct ft_event event = {.rank = -1, .text = text};

    (void) n;
    add(&event, "rms_job", NULL, plea->request.job);
    if (plea->request.matter == FT_RMS_DRAIN)
        write_drain(plea, &event, text, sizeof text);
    else
        write_time(plea, &event, text, sizeof text);
    ft_sessions_log(pleas->parts->sessions, &event);
}

void ft_pleas_request(void *arg, const struct ft_rms_request *request)
{
    struct ft_pleas *pleas = arg;
    struct plea plea;

    memset(&plea, 0, sizeof plea);
    plea.request = *request;
    ft_text_copy(plea.node, sizeof plea.node, request->node);
    ft_text_copy(plea.reason, sizeof plea.reason, request->reason);
    ft_text_copy(plea.why, sizeof plea.why, request->why);
    ft_text_copy(plea.command, sizeof plea.command, request->command);
    if (ft_later_put(pleas->parts->later, write_plea, pleas, &plea, sizeof plea, 0) < 0)
        ft_log_error("out of memory: a request to the administrator is lost: %s", plea.command);
}

/* ---------------------------------------------------------------- life */

struct ft_pleas *ft_pleas_create(const struct ft_parts *parts)
{
    struct ft_pleas *pleas = calloc(1, sizeof *pleas);

    if (pleas != NULL)
        pleas->parts = parts;
    return pleas;
}

void ft_pleas_destroy(struct ft_pleas *pleas)
{
    free(pleas);
}
