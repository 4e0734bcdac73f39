/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trial.c - what becomes of a silent node: it is asked, others are asked about it, and then judged.
 *
 * Called by detector.c when a node falls silent, when evidence comes, and when a timer is due. A
 * trial has FT_TRIAL_ROUNDS rounds within confirm_ms. In each, the node is pinged; in the even ones
 * the observers are asked, too (datagrams get lost), and members of its place and of the places
 * around it are pinged that were not heard since the trial began: how many of those stay silent
 * tells a dead node from a dead switch. The verdict, in this order:
 *
 *     an observer heard it                      BROKEN     asked again each RECHECK_MS; declared
 *                                                          when that has lasted for broken_ms
 *     its host says that nobody listens         UNIT_GONE  asked again each RECHECK_MS; declared
 *                                                          after unit_gone_ms, if that is set
 *     network_pct of a place, and more than one HELD       until most are heard again, or for
 *     are silent                                           network_ms: then each is tried alone
 *     nothing of all that                       LOST       declared
 *
 * While not one member is heard it is more likely this node that is cut off: with alone_waits that
 * is HELD for as long as it lasts. A trial is one of a bounded number; a node that finds none free
 * is pinged on, and tried when one is.
 */
#include "core/detector.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "core/detector_impl.h"

#define RECHECK_MS 1000
#define SILENCE_STEP_MS 100   /* a network event is looked at so often */
#define TOLD_AGAIN_MS 10000   /* silence of one node is logged so often at the most */
#define FRESH_ROUNDS 4         /* evidence that is older has to be got again */
#define STEP_MIN_NS (2 * NS_PER_MS)

static int64_t step_ns(const struct ft_detector *detector)
{
    int64_t ns = (int64_t) detector->config.detect.confirm_ms * NS_PER_MS / FT_TRIAL_ROUNDS;

    return ns > STEP_MIN_NS ? ns : STEP_MIN_NS;
}

static void arm(struct ft_detector *detector, struct ft_timer *timer, int64_t in_ns)
{
    ft_timers_arm(detector->timers, timer, ft_detector_now_ns(detector) + in_ns);
}

/* One whose silence would be noticed. */
static bool is_watched(const struct ft_watched *node)
{
    enum ft_watch_state state = node->beats->state;

    return !node->local && state != FT_WATCH_UNHEARD && state != FT_WATCH_LOST &&
           state != FT_WATCH_LEFT && state != FT_WATCH_UNIT_GONE;
}

/* ---------------------------------------------------------------- who is asked */

/* Some members of a place, beginning anywhere. */
static size_t pick(struct ft_detector *detector, const struct ft_detector_place *place,
                   const struct ft_watched *except, bool well, uint32_t *picked, size_t limit)
{
    size_t start = (size_t) ft_detector_random(detector, place->members_n);
    size_t stride = place->members_n / (4 * limit) + 1;
    size_t n = 0;

    /* Every member of a small place is looked at, of a large one four times as many as wanted. */
    for (size_t i = 0; i * stride < place->members_n && n < limit; i++) {
        uint32_t number = place->members[(start + i * stride) % place->members_n];
        const struct ft_watched *node = detector->nodes[number];

        if (node == except || !is_watched(node) || (well && node->beats->state != FT_WATCH_WELL))
            continue;
        picked[n++] = number;
    }
    return n;
}

static bool is_within(const struct ft_detector_place *place, const struct ft_detector_place *outer)
{
    while (place != NULL && place != outer)
        place = place->parent;
    return place != NULL;
}

static void add_observer(struct ft_trial *trial, uint32_t number)
{
    for (size_t i = 0; i < trial->observers_n; i++) {
        if (trial->observers[i] == number)
            return;
    }
    trial->observers[trial->observers_n++] = number;
}

/* The first ones from its own place, at least one from elsewhere if there is any. */
static void choose_observers(struct ft_detector *detector, struct ft_trial *trial)
{
    const struct ft_watched *node = trial->node;
    size_t wanted = detector->config.detect.observers;
    size_t near_n = wanted > 1 ? (wanted + 1) / 2 : wanted;
    uint32_t near[FT_OBSERVERS_MAX], far[4 * FT_OBSERVERS_MAX];
    size_t n;

    if (wanted == 0)
        return;
    near_n = pick(detector, node->place, node, true, near, near_n);
    for (size_t i = 0; i < near_n; i++)
        add_observer(trial, near[i]);
    n = pick(detector, ft_places_everywhere(detector->places), node, true, far, 4 * wanted);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < n && trial->observers_n < wanted; i++) {
            bool is_near = is_within(detector->nodes[far[i]]->place, node->place);

            if (pass == 1 || !is_near || node->place->parent == NULL)
                add_observer(trial, far[i]);
        }
    }
}

static void choose_surveyed(struct ft_detector *detector, struct ft_trial *trial)
{
    struct ft_detector_place *place = trial->node->place;

    for (; place != NULL && trial->surveys_n <= FT_PLACE_DEPTH_MAX; place = place->parent) {
        trial->surveys[trial->surveys_n].place = place;
        trial->surveys[trial->surveys_n].n =
            pick(detector, place, trial->node, false, trial->surveys[trial->surveys_n].members,
                 FT_SURVEY_MAX);
        trial->surveys_n++;
    }
}

/* ---------------------------------------------------------------- rounds */

static void ping(struct ft_detector *detector, uint32_t node)
{
    detector->env.ping(detector->env.arg, node);
}

static void ask_others(struct ft_detector *detector, const struct ft_trial *trial)
{
    unsigned within_ms = detector->config.detect.confirm_ms * 3 / 4;

    for (size_t i = 0; i < trial->observers_n; i++)
        detector->env.ask_other(detector->env.arg, trial->observers[i], trial->node->number,
                                within_ms > 0 ? within_ms : 1);
}

static void survey(struct ft_detector *detector, const struct ft_trial *trial)
{
    int64_t before_ns = ft_detector_now_ns(detector) - step_ns(detector);

    for (size_t i = 0; i < trial->surveys_n; i++) {
        for (size_t k = 0; k < trial->surveys[i].n; k++) {
            const struct ft_watched *other = detector->nodes[trial->surveys[i].members[k]];

            if (other->beats->heard_ns <= before_ns && other->trial == NULL)
                ping(detector, other->number);
        }
    }
}

/* Says in the log that a node is silent, when it did not answer the first ping. */
static void tell_silent(struct ft_detector *detector, struct ft_watched *node)
{
    int64_t now_ns = ft_detector_now_ns(detector);

    if (node->told_silent ||
        (node->told_ns != INT64_MIN && now_ns - node->told_ns < TOLD_AGAIN_MS * NS_PER_MS))
        return;
    node->told_silent = true;
    node->told_ns = now_ns;
    if (node->missed || node->beats->heard_ns == INT64_MIN)
        ft_detector_logf(detector, "node_silent", node, "node %s has not been heard of yet: it is "
                         "asked", node->name);
    else
        ft_detector_logf(detector, "node_silent", node, "nothing was heard of node %s for %lld ms: "
                         "it is asked, and %zu other nodes about it", node->name,
                         (long long) ft_detector_silent_ms(detector, node),
                         node->trial != NULL ? node->trial->observers_n : 0);
}

static void run_round(struct ft_detector *detector, struct ft_watched *node)
{
    struct ft_trial *trial = node->trial;

    if (trial->round == 1 && node->beats->state == FT_WATCH_SUSPECTED)
        tell_silent(detector, node);
    if (trial->round == 0 || !FT_DETECTOR_PLANTED(ONE_PING))
        ping(detector, node->number);
    if (trial->round % 2 == 0 && !FT_DETECTOR_PLANTED(ONE_PING)) {
        ask_others(detector, trial);
        survey(detector, trial);
    }
    trial->round++;
    arm(detector, &node->timer, step_ns(detector));
}

void ft_trial_begin(struct ft_detector *detector, struct ft_watched *node)
{
    struct ft_trial *trial = detector->free;

    if (node->trial != NULL)
        return;
    if (trial == NULL) {
        ping(detector, node->number);
        arm(detector, &node->timer, step_ns(detector));
        return;
    }
    detector->free = trial->next;
    memset(trial, 0, sizeof *trial);
    trial->node = node;
    trial->begun_ns = ft_detector_now_ns(detector);
    trial->stalls = detector->stalls;
    node->trial = trial;
    choose_observers(detector, trial);
    choose_surveyed(detector, trial);
    run_round(detector, node);
}

void ft_trial_end(struct ft_detector *detector, struct ft_watched *node)
{
    struct ft_trial *trial = node->trial;

    if (trial == NULL)
        return;
    node->trial = NULL;
    trial->node = NULL;
    trial->next = detector->free;
    detector->free = trial;
    ft_timers_disarm(detector->timers, &node->timer);
}

/* ---------------------------------------------------------------- many at once */

static const char *place_text(const struct ft_detector_place *place)
{
    return place->name[0] != '\0' ? place->name : "everywhere";
}

static bool is_silent(const struct ft_detector *detector, uint32_t number, int64_t since_ns)
{
    return is_watched(detector->nodes[number]) && detector->beats[number].heard_ns <= since_ns;
}

struct share {
    struct ft_detector_place *place;
    unsigned silent, of;
};

/* Of the places that the node is in, the one with most silence since then; the larger of two
 * alike. */
static struct share worst_share(const struct ft_detector *detector, const struct ft_trial *trial,
                                int64_t since_ns)
{
    struct share worst = {0};

    for (size_t i = 0; i < trial->surveys_n; i++) {
        struct share share = {.place = trial->surveys[i].place, .silent = 1, .of = 1};

        for (size_t k = 0; k < trial->surveys[i].n; k++) {
            share.of++;
            share.silent += is_silent(detector, trial->surveys[i].members[k], since_ns);
        }
        if (worst.place == NULL || share.silent * worst.of >= worst.silent * share.of)
            worst = share;
    }
    return worst;
}

static void begin_silence(struct ft_detector *detector, const struct share *share)
{
    struct ft_detector_place *place = share->place;
    char text[400];
    struct ft_event event = {
        .name = "network_event",
        .rank = -1,
        .fields = {{.key = "place", .text = place_text(place)},
                   {.key = "silent", .number = share->silent},
                   {.key = "of", .number = share->of}},
        .text = text,
    };

    place->silence = FT_SILENCE_ON;
    place->silence_ns = ft_detector_now_ns(detector);
    arm(detector, &place->timer, SILENCE_STEP_MS * NS_PER_MS);
    snprintf(text, sizeof text, "%u of %u nodes looked at (%.200s) are silent at once: taken for "
             "the network's fault; none is declared lost for %u ms", share->silent, share->of,
             place_text(place), detector->config.network_ms);
    if (detector->env.log != NULL)
        detector->env.log(detector->env.arg, &event);
}

static bool is_many(const struct ft_detector *detector, const struct share *share)
{
    return share->silent > 1 &&
           share->silent * 100 >= detector->config.detect.network_pct * share->of;
}

/* The event that a node's silence belongs to, if there is one, or is one now. */
static bool is_network(struct ft_detector *detector, const struct ft_trial *trial)
{
    const struct ft_detector_place *place = trial->node->place;
    bool is_expired = false;
    struct share share;

    if (FT_DETECTOR_PLANTED(NO_NETWORK))
        return false;
    for (; place != NULL; place = place->parent) {
        if (place->silence == FT_SILENCE_ON)
            return true;
        is_expired = is_expired || place->silence == FT_SILENCE_EXPIRED;
    }
    if (is_expired || trial->node->was_held)
        return false; /* it is judged for itself now */
    share = worst_share(detector, trial, trial->begun_ns);
    if (!is_many(detector, &share))
        return false;
    begin_silence(detector, &share);
    return true;
}

/* Others were heard since the trial began, but not lately: the network may have broken
 * meanwhile. */
static bool is_doubtful(struct ft_detector *detector, const struct ft_trial *trial)
{
    struct share share =
        worst_share(detector, trial, ft_detector_now_ns(detector) - FRESH_ROUNDS * step_ns(detector));

    return !trial->is_second && is_many(detector, &share);
}

/* How many of a place are watched, and silent. */
static struct share count_silent(const struct ft_detector *detector,
                                 struct ft_detector_place *place)
{
    struct share share = {.place = place};

    for (size_t i = 0; i < place->members_n; i++) {
        const struct ft_watched *node = detector->nodes[place->members[i]];

        if (!is_watched(node))
            continue;
        share.of++;
        share.silent += node->beats->state != FT_WATCH_WELL;
    }
    return share;
}

/* Those that were held back are judged, each for itself. */
static void release_held(struct ft_detector *detector, const struct ft_detector_place *place)
{
    if (FT_DETECTOR_PLANTED(FORGET_DEAD))
        return;
    for (size_t i = 0; i < place->members_n; i++) {
        struct ft_watched *node = detector->nodes[place->members[i]];

        if (node->beats->state != FT_WATCH_HELD)
            continue;
        node->was_held = true;
        ft_detector_set_state(detector, node, FT_WATCH_SUSPECTED);
        ft_trial_begin(detector, node);
    }
}

static void end_silence(struct ft_detector *detector, struct ft_detector_place *place,
                        const struct share *share, bool is_over)
{
    char text[400];
    struct ft_event event = {
        .name = "network_ended",
        .rank = -1,
        .fields = {{.key = "place", .text = place_text(place)},
                   {.key = "silent", .number = share->silent},
                   {.key = "of", .number = share->of}},
        .text = text,
    };
    int64_t ms = (ft_detector_now_ns(detector) - place->silence_ns) / NS_PER_MS;

    place->silence = is_over ? FT_SILENCE_NONE : FT_SILENCE_EXPIRED;
    if (!is_over)
        arm(detector, &place->timer, SILENCE_STEP_MS * NS_PER_MS);
    snprintf(text, sizeof text, is_over ? "the network (%.200s) is well again after %lld ms; %u of "
             "%u nodes are still silent and are judged by themselves"
             : "the network (%.200s) has been silent for %lld ms: its nodes, %u of %u silent, are "
             "judged by themselves now", place_text(place), (long long) ms, share->silent,
             share->of);
    if (detector->env.log != NULL)
        detector->env.log(detector->env.arg, &event);
    release_held(detector, place);
}

void ft_silence_step(struct ft_detector *detector, struct ft_detector_place *place)
{
    struct share share = count_silent(detector, place);
    int64_t ms = (ft_detector_now_ns(detector) - place->silence_ns) / NS_PER_MS;
    /* At its beginning not all of the silent have been noticed to be. */
    bool is_settled = ms >= detector->config.detect.beat_ms + detector->config.detect.suspect_ms;
    bool is_few = !is_many(detector, &share);
    bool is_alone = place->parent == NULL && share.silent == share.of;

    if (place->silence == FT_SILENCE_EXPIRED) {
        /* What has been declared meanwhile is not silent any more, but gone. */
        if (is_few)
            place->silence = FT_SILENCE_NONE;
        else
            arm(detector, &place->timer, SILENCE_STEP_MS * NS_PER_MS);
    } else if (is_few && is_settled) {
        end_silence(detector, place, &share, true);
    } else if (ms >= detector->config.network_ms && !(is_alone && detector->config.alone_waits)) {
        end_silence(detector, place, &share, false);
    } else {
        arm(detector, &place->timer, SILENCE_STEP_MS * NS_PER_MS);
    }
}

/* ---------------------------------------------------------------- the verdict */

static int64_t since_ms(struct ft_detector *detector, const struct ft_watched *node)
{
    return (ft_detector_now_ns(detector) - node->since_ns) / NS_PER_MS;
}

static void wait_on(struct ft_detector *detector, struct ft_watched *node,
                    enum ft_watch_state state)
{
    ft_trial_end(detector, node);
    ft_detector_set_state(detector, node, state);
    if (state != FT_WATCH_HELD)
        arm(detector, &node->timer, RECHECK_MS * NS_PER_MS);
}

static void declare_silent(struct ft_detector *detector, struct ft_watched *node)
{
    const struct ft_trial *trial = node->trial;
    char why[300];

    if (node->missed)
        snprintf(why, sizeof why, "it did not report to the central unit that leads now");
    else if (node->beats->heard_ns == INT64_MIN)
        snprintf(why, sizeof why, "it joined, and was never heard of since");
    else
        snprintf(why, sizeof why, "silent for %lld ms; it does not answer, and %zu other nodes "
                 "that were asked do not hear it either (%u said so)",
                 (long long) ft_detector_silent_ms(detector, node), trial->observers_n,
                 trial->answers);
    ft_detector_declare(detector, node, why);
}

/* Others hear it. */
static void judge_broken(struct ft_detector *detector, struct ft_watched *node)
{
    char why[200];

    if (since_ms(detector, node) >= detector->config.broken_ms) {
        snprintf(why, sizeof why, "others hear it, but between it and the central unit nothing "
                 "has come through for %lld ms", (long long) since_ms(detector, node));
        ft_detector_declare(detector, node, why);
        return;
    }
    if (node->beats->state != FT_WATCH_BROKEN) {
        node->told_silent = true;
        ft_detector_logf(detector, "link_broken", node, "node %s lives, others hear it, but "
                         "nothing comes through between it and the central unit", node->name);
    }
    wait_on(detector, node, FT_WATCH_BROKEN);
}

static void judge_unit_gone(struct ft_detector *detector, struct ft_watched *node)
{
    unsigned limit_ms = detector->config.unit_gone_ms;
    char why[200];

    if (limit_ms > 0 && since_ms(detector, node) >= limit_ms) {
        snprintf(why, sizeof why, "its host answers, but no unit has run there for %lld ms",
                 (long long) since_ms(detector, node));
        ft_detector_declare(detector, node, why);
        return;
    }
    if (node->beats->state != FT_WATCH_UNIT_GONE) {
        node->told_silent = true;
        ft_detector_logf(detector, "unit_silent", node, "node %s lives, its host answers, but its "
                         "unit does not run", node->name);
    }
    wait_on(detector, node, FT_WATCH_UNIT_GONE);
}

/* What is known is too old, or answers may have been lost while this process slept. */
static void try_again(struct ft_detector *detector, struct ft_watched *node)
{
    ft_trial_end(detector, node);
    ft_trial_begin(detector, node);
    node->trial->is_second = true; /* there is one: it was given back just now */
}

static void judge(struct ft_detector *detector, struct ft_watched *node)
{
    const struct ft_trial *trial = node->trial;

    int64_t heard_ago_ns = ft_detector_now_ns(detector) - trial->heard_ns;

    /* The host that this runs on is not lost. */
    if (trial->is_heard && !node->local && heard_ago_ns > FRESH_ROUNDS * step_ns(detector))
        try_again(detector, node); /* it may have died since */
    else if (trial->is_heard && !node->local)
        judge_broken(detector, node);
    else if (trial->is_refused || node->local)
        judge_unit_gone(detector, node);
    else if (is_network(detector, trial))
        wait_on(detector, node, FT_WATCH_HELD);
    else if (is_doubtful(detector, trial))
        try_again(detector, node);
    else
        declare_silent(detector, node);
}

void ft_trial_step(struct ft_detector *detector, struct ft_watched *node)
{
    if (node->trial == NULL)
        ft_trial_begin(detector, node); /* BROKEN or UNIT_GONE again, or none was free before */
    else if (node->trial->round < FT_TRIAL_ROUNDS && !FT_DETECTOR_PLANTED(NO_CONFIRM))
        run_round(detector, node);
    else if (node->trial->stalls != detector->stalls)
        try_again(detector, node);
    else
        judge(detector, node);
}

/* That its host refuses is known at once, and final; that others hear it is worth the time that is
 * left: its answer to us may be on its way. */
void ft_trial_weigh(struct ft_detector *detector, struct ft_watched *node)
{
    if (node->trial->is_refused && !node->trial->is_heard)
        judge_unit_gone(detector, node);
}
