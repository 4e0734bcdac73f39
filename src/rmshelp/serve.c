/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * serve.c - owns nothing: carries out, one after the other, orders that take an administrator's
 * rights, or says what stood in the way.
 *
 * Called by main.c, told by the backend's warden (src/rms/warden.c). Each order is answered by one
 * line: did, not (why), needless (why). An ordinary user is refused by slurmctld, which is the
 * usual answer, and no error; whether there is need at all is looked at first, by everybody.
 *
 * An order with `unwanted` is only looked at so: it is not to be tried, for that reason.
 */
#include "rmshelp/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "rmshelp/ask.h"
#include "rmshelp/side.h"
#include "rmshelp/wish.h"

#define NAME_MAX_BYTES 256

bool ft_serve_knows(const char *word)
{
    return strcmp(word, "drain") == 0 || strcmp(word, "give_time") == 0;
}

static uint32_t job_of(const struct ft_talk *order)
{
    int64_t id = ft_talk_number(order, "job", 0);

    return id > 0 && id < NO_VAL ? (uint32_t) id : 0;
}

/* Why nothing is to be done for a job: it is over, and its nodes went with it; or it is not the job
 * of the user in whose name this is asked, whose word for it is all there is. */
static bool is_out(const struct ft_talk *order, char *why, size_t size)
{
    uint32_t job = job_of(order), base;
    int64_t uid = ft_talk_number(order, "uid", -1);
    slurm_job_info_t *record;
    job_info_msg_t *answer = ft_ask_job(job, &record);
    bool out = true;

    if (answer == NULL) {
        out = uid >= 0 || errno == ESLURM_INVALID_JOB_ID;
        snprintf(why, size, "Slurm does not tell of job %" PRIu32 ": %s", job,
                 slurm_strerror(errno));
        return out;
    }
    base = record->job_state & JOB_STATE_BASE;
    if (uid >= 0 && record->user_id != uid)
        snprintf(why, size, "job %" PRIu32 " is not user %lld's", job, (long long) uid);
    else if (base != JOB_RUNNING && base != JOB_SUSPENDED)
        snprintf(why, size, "job %" PRIu32 " is %s", job, ft_job_state_text(record->job_state));
    else
        out = false;
    slurm_free_job_info_msg(answer);
    return out;
}

/* ---------------------------------------------------------------- drain */

enum need { NEEDED, NOT_NEEDED, NOT_KNOWN };

/* Slurm's record of a node, which FT may know with a domain; `name` becomes Slurm's. */
static node_info_msg_t *ask_node(char *name)
{
    node_info_msg_t *answer = NULL;

    for (int i = 0; i < 2; i++) {
        if (i == 1)
            name[strcspn(name, ".")] = '\0';
        if (slurm_load_node_single(&answer, name, SHOW_ALL) == SLURM_SUCCESS &&
            answer->record_count > 0)
            return answer;
        if (answer != NULL)
            slurm_free_node_info_msg(answer);
        answer = NULL;
    }
    return NULL;
}

static enum need look_at(char *node, char *why, size_t size)
{
    node_info_msg_t *answer = ask_node(node);
    const node_info_t *record;
    enum need need = NEEDED;

    if (answer == NULL) {
        snprintf(why, size, "Slurm does not tell of node %s: %s", node, slurm_strerror(errno));
        return NOT_KNOWN;
    }
    record = &answer->node_array[0];
    if (record->node_state & NODE_STATE_DRAIN) {
        snprintf(why, size, "node %s is drained already: %s", node,
                 record->reason != NULL ? record->reason : "no reason given");
        need = NOT_NEEDED;
    }
    slurm_free_node_info_msg(answer);
    return need;
}

/* Why slurmctld did not do it; in words of ours where its own ("Invalid user id") say little. */
static void explain(char *why, size_t size)
{
    bool denied = errno == ESLURM_ACCESS_DENIED || errno == ESLURM_USER_ID_MISSING;

    snprintf(why, size, "%s%s%s", denied ? "only Slurm's administrator may (" : "",
             slurm_strerror(errno), denied ? ")" : "");
}

static bool drain_node(char *node, const char *reason, char *why, size_t size)
{
    char text[512];
    update_node_msg_t change;

    ft_text_copy(text, sizeof text, reason);
    slurm_init_update_node_msg(&change);
    change.node_names = node;
    change.node_state = NODE_STATE_DRAIN;
    change.reason = text;
    change.reason_uid = getuid();
    if (slurm_update_node(&change) == SLURM_SUCCESS)
        return true;
    explain(why, size);
    return false;
}

static void drain(const struct ft_talk *order)
{
    const char *unwanted = ft_talk_text(order, "unwanted"), *reason = ft_talk_text(order, "reason");
    char node[NAME_MAX_BYTES], why[600] = "";
    enum need need = NOT_NEEDED;

    ft_text_copy(node, sizeof node, ft_talk_text(order, "node"));
    if (!is_out(order, why, sizeof why))
        need = look_at(node, why, sizeof why);
    if (need == NOT_NEEDED)
        ft_side_say("needless", "node", node, "why", why);
    else if (need == NOT_KNOWN || unwanted != NULL || reason == NULL)
        ft_side_say("not", "node", node, "why", need == NOT_KNOWN   ? why
                                                : unwanted != NULL ? unwanted : "no reason given");
    else if (drain_node(node, reason, why, sizeof why))
        ft_side_say("did", "node", node);
    else
        ft_side_say("not", "node", node, "why", why);
}

/* ---------------------------------------------------------------- give_time */

/* That many minutes more. A job without a limit needs none: *endless. */
static bool give(uint32_t job, uint32_t minutes, bool *endless, char *why, size_t size)
{
    slurm_job_info_t *record;
    job_info_msg_t *answer = ft_ask_job(job, &record);
    job_desc_msg_t change;
    uint32_t limit;

    *endless = false;
    if (answer == NULL) {
        snprintf(why, size, "Slurm does not tell of job %" PRIu32 ": %s", job,
                 slurm_strerror(errno));
        return false;
    }
    limit = record->time_limit;
    slurm_free_job_info_msg(answer);
    *endless = limit == INFINITE;
    if (*endless)
        return true;
    slurm_init_job_desc_msg(&change);
    change.job_id = job;
    change.time_limit = limit + minutes;
    if (slurm_update_job(&change) == SLURM_SUCCESS)
        return true;
    explain(why, size);
    return false;
}

/* The allocations beside the job are to end no sooner than it. Each is tried. */
static void give_beside(const char *own, uint32_t minutes)
{
    char why[300];
    bool endless;

    while (own != NULL && *own != '\0') {
        uint32_t id = (uint32_t) strtoul(own, NULL, 10);

        if (!give(id, minutes, &endless, why, sizeof why))
            fprintf(stderr, "the time limit of allocation %" PRIu32 " stays: %s\n", id, why);
        own = strchr(own, ',');
        own = own != NULL ? own + 1 : NULL;
    }
}

/* Whether its time is limited at all. */
static bool has_limit(uint32_t job, char *why, size_t size)
{
    slurm_job_info_t *record;
    job_info_msg_t *answer = ft_ask_job(job, &record);
    bool has = answer == NULL || record->time_limit != INFINITE;

    if (answer != NULL)
        slurm_free_job_info_msg(answer);
    if (!has)
        snprintf(why, size, "job %" PRIu32 " has no time limit", job);
    return has;
}

static void give_time(const struct ft_talk *order)
{
    const char *unwanted = ft_talk_text(order, "unwanted");
    int64_t minutes = ft_talk_number(order, "minutes", 0);
    uint32_t job = job_of(order);
    char why[600] = "";
    bool endless;

    if (is_out(order, why, sizeof why) || !has_limit(job, why, sizeof why)) {
        ft_side_say("needless", "why", why);
    } else if (unwanted != NULL || minutes < 1 || minutes >= NO_VAL / 2) {
        ft_side_say("not", "why", unwanted != NULL ? unwanted : "no number of minutes");
    } else if (give(job, (uint32_t) minutes, &endless, why, sizeof why)) {
        give_beside(ft_talk_text(order, "own"), (uint32_t) minutes);
        ft_side_say("did");
    } else {
        ft_side_say("not", "why", why);
    }
}

/* ---------------------------------------------------------------- orders */

static int carry_out(const struct ft_talk *order)
{
    if (strcmp(order->word, "drain") == 0 && ft_talk_text(order, "node") != NULL)
        drain(order);
    else if (strcmp(order->word, "give_time") == 0)
        give_time(order);
    else
        return -1;
    return 0;
}

int ft_serve(const struct ft_talk *order)
{
    int what = FT_SIDE_LINE;

    while (what != FT_SIDE_OVER) {
        if (what == FT_SIDE_LINE && carry_out(order) != 0) {
            fprintf(stderr, "an order that makes no sense here: %s\n", order->word);
            return 2;
        }
        what = ft_side_wait(-1, -1);
        order = ft_side_order();
    }
    return 0;
}
