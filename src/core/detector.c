/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * detector.c - the members, their heartbeats and leases, and time.
 *
 * A heartbeat of a node that is well costs a look at one element of an array (struct ft_beats), and
 * a time written there. Silence is found by going through that array when the one that was the
 * longest silent the last time would be due: with 10,000 nodes that is some ten microseconds, about
 * ten times a second. Nodes in any other state have a timer of their own, in a heap; what becomes
 * of them is in trial.c.
 *
 *     UNHEARD ----first beat--> WELL --silent, or its connection broke--> SUSPECTED --trial.c-->
 *        ^                       ^                                            |
 *        |                       +--- heard: from SUSPECTED, HELD, BROKEN, UNIT_GONE
 *        +--- its unit joins: from LOST, LEFT (and any other, when it was restarted)
 *
 * The clock that silence is measured by is the detector's own. When a tick comes late by more than
 * half a beat this process did not run (stopped, starved, its machine asleep), and what others did
 * meanwhile it cannot know: its clock is set back by that, which moves every deadline at once.
 * Leases are another matter: they run out by the real clock, whoever sleeps.
 *
 * A lease lasts from when an acknowledged beat was *sent*; the leader knows when it came, which is
 * later. So what was granted is surely over lease_ms and a margin after the last grant. Of nodes
 * that an earlier leader may have granted to, only when this one began is known: they are taken to
 * be leased for lease_ms, the margin and takeover_ms from then.
 */
#include "core/detector.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/detector_impl.h"
#include "core/inventory.h"
#include "wire/kept.pb-c.h"

#define NODES_MAX FT_NODES_MAX
#define CACHE_LINE 64
#define RUN_FIRST_BEAT_MS 5000   /* the first heartbeat has to come so soon after joining */
#define REPORT_MIN_MS 5000       /* a member has so long to report to a new leader */
#define NETWORK_DEFAULT_MS 3000
#define BROKEN_DEFAULT_MS 10000

static_assert(sizeof(struct ft_beats) == CACHE_LINE, "a heartbeat is to touch one line");

static const char *const state_texts[FT_WATCH_STATES] = {
    [FT_WATCH_UNHEARD] = "unheard",     [FT_WATCH_WELL] = "well",
    [FT_WATCH_SUSPECTED] = "suspected", [FT_WATCH_HELD] = "held",
    [FT_WATCH_BROKEN] = "broken",       [FT_WATCH_UNIT_GONE] = "unit-gone",
    [FT_WATCH_LOST] = "lost",           [FT_WATCH_LEFT] = "left",
};

const char *ft_watch_state_text(enum ft_watch_state state)
{
    return (unsigned) state < FT_WATCH_STATES ? state_texts[state] : "unknown";
}

/* ---------------------------------------------------------------- small things */

int64_t ft_detector_real_ns(struct ft_detector *detector)
{
    int64_t now_ns = detector->env.now_ns(detector->env.arg);

    if (now_ns > detector->last_real_ns)
        detector->last_real_ns = now_ns;
    return detector->last_real_ns;
}

int64_t ft_detector_now_ns(struct ft_detector *detector)
{
    return ft_detector_real_ns(detector) - detector->stalled_ns;
}

/* The same, as of the beginning of this call. */
static int64_t own_ns(const struct ft_detector *detector)
{
    return detector->last_real_ns - detector->stalled_ns;
}

uint64_t ft_detector_random(struct ft_detector *detector, uint64_t n)
{
    detector->random = detector->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return n > 0 ? (detector->random >> 33) % n : 0;
}

int64_t ft_detector_silent_ms(struct ft_detector *detector, const struct ft_watched *node)
{
    if (node->beats->heard_ns == INT64_MIN)
        return -1;
    return (ft_detector_now_ns(detector) - node->beats->heard_ns) / NS_PER_MS;
}

static int64_t silence_limit_ns(const struct ft_detector *detector)
{
    const struct ft_plan_detect *detect = &detector->config.detect;

    return (int64_t) (detect->beat_ms + detect->suspect_ms) * NS_PER_MS;
}

void ft_detector_logf(struct ft_detector *detector, const char *name,
                      const struct ft_watched *node, const char *format, ...)
{
    char text[600];
    struct ft_event event = {
        .name = name, .node = node != NULL ? node->name : NULL, .rank = -1, .text = text};
    va_list arguments;

    if (detector->env.log == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (node != NULL) {
        event.fields[0].key = "incarnation";
        event.fields[0].number = (double) node->beats->incarnation;
        event.fields[1].key = "silent_ms";
        event.fields[1].number = (double) ft_detector_silent_ms(detector, node);
        if (node->place->name[0] != '\0') {
            event.fields[2].key = "place";
            event.fields[2].text = node->place->name;
        }
    }
    detector->env.log(detector->env.arg, &event);
}

/* ---------------------------------------------------------------- sleeping */

/* By the own clock. */
static int64_t next_ns(const struct ft_detector *detector)
{
    const struct ft_timer *timer = ft_timers_first(detector->timers);
    int64_t at_ns = timer != NULL ? timer->at_ns : INT64_MAX;

    if (detector->oldest_ns != INT64_MAX &&
        detector->oldest_ns + silence_limit_ns(detector) < at_ns)
        at_ns = detector->oldest_ns + silence_limit_ns(detector);
    return at_ns;
}

/* Sets the clock back by what was slept through, since whatever happened here last; and by a beat
 * more, for what came meanwhile may be lost, and all have to have the time to be heard again. Comes
 * first in all that tells the detector of something: after a sleep nobody knows what comes
 * first. */
void ft_detector_wake(struct ft_detector *detector)
{
    int64_t last_ns = detector->last_real_ns;
    int64_t stall_ns = ft_detector_real_ns(detector) - last_ns;
    int64_t beat_ns = (int64_t) detector->config.detect.beat_ms * NS_PER_MS;
    int64_t at_ns, late_ns;

    if (stall_ns <= beat_ns / 2)
        return; /* the usual case */
    at_ns = next_ns(detector);
    late_ns = at_ns != INT64_MAX ? own_ns(detector) - at_ns : 0;
    if (late_ns <= beat_ns / 2 || FT_DETECTOR_PLANTED(NO_STALL))
        return;
    detector->stalls++;
    detector->stalled_ns += stall_ns + beat_ns;
    ft_detector_logf(detector, "observer_stalled", NULL, "the central unit did not run for %lld "
                     "ms: whoever was silent meanwhile has that much longer",
                     (long long) (stall_ns / NS_PER_MS));
}

/* ---------------------------------------------------------------- states */

static void is_heard_now(struct ft_detector *detector, const struct ft_watched *node)
{
    int64_t now_ns = own_ns(detector);

    node->beats->heard_ns = now_ns;
    if (now_ns < detector->oldest_ns)
        detector->oldest_ns = now_ns;
}

void ft_detector_set_state(struct ft_detector *detector, struct ft_watched *node,
                           enum ft_watch_state state)
{
    enum ft_watch_state before = node->beats->state;

    ft_timers_disarm(detector->timers, &node->timer);
    if (before == state)
        return;
    if (before == FT_WATCH_WELL)
        node->since_ns = ft_detector_now_ns(detector);
    detector->states[before]--;
    detector->states[state]++;
    node->beats->state = state;
    if (state == FT_WATCH_WELL)
        is_heard_now(detector, node);
}

/* ---------------------------------------------------------------- what is kept */

static void keep(struct ft_detector *detector, const struct ft_watched *node, const char *text)
{
    Ft__KeptNode kept = FT__KEPT_NODE__INIT;
    char key[FT_NAME_MAX + 8];
    uint8_t bytes[1024];
    char cut[600];

    if (detector->env.keep == NULL)
        return;
    ft_text_copy(cut, sizeof cut, text);
    ft_text_make_utf8(cut);
    kept.incarnation = node->beats->incarnation;
    kept.lost = node->beats->state == FT_WATCH_LOST;
    kept.left = node->beats->state == FT_WATCH_LEFT;
    kept.text = cut;
    snprintf(key, sizeof key, "node/%s", node->name);
    detector->env.keep(detector->env.arg, key, bytes, ft__kept_node__pack(&kept, bytes));
}

void ft_detector_declare(struct ft_detector *detector, struct ft_watched *node, const char *why)
{
    ft_trial_end(detector, node);
    ft_detector_set_state(detector, node, FT_WATCH_LOST);
    node->beats->incarnation++;
    node->told_silent = false;
    node->missed = false;
    node->was_held = false;
    keep(detector, node, why);
    ft_detector_logf(detector, "node_declared", node, "node %s is declared lost: %s", node->name,
                     why);
    detector->env.declare(detector->env.arg, node->number, node->beats->incarnation, why);
}

int ft_detector_restore(struct ft_detector *detector, const char *name, const void *data,
                        size_t n)
{
    Ft__KeptNode *kept = ft__kept_node__unpack(NULL, n, data);
    struct ft_watched *node;
    int64_t report_ns;

    if (kept == NULL) {
        errno = EINVAL;
        return -1;
    }
    if (ft_detector_place(detector, name, "") < 0) {
        ft__kept_node__free_unpacked(kept, NULL);
        return -1;
    }
    node = detector->nodes[ft_detector_find(detector, name)];
    if (node->beats->replay.boot == 0 && node->beats->incarnation < kept->incarnation) {
        node->beats->incarnation = kept->incarnation;
        ft_detector_set_state(detector, node, kept->lost ? FT_WATCH_LOST
                                              : kept->left ? FT_WATCH_LEFT : FT_WATCH_UNHEARD);
        if (node->beats->state == FT_WATCH_UNHEARD) {
            report_ns = detector->config.takeover_ms + detector->config.margin_ms +
                        (int64_t) detector->config.lease_ms;
            report_ns = (report_ns < REPORT_MIN_MS ? REPORT_MIN_MS : report_ns) * NS_PER_MS;
            node->missed = true;
            ft_timers_arm(detector->timers, &node->timer,
                          ft_detector_now_ns(detector) + report_ns);
        }
    }
    ft__kept_node__free_unpacked(kept, NULL);
    return 0;
}

/* ---------------------------------------------------------------- members */

static struct ft_watched *find(const struct ft_detector *detector, const char *name)
{
    struct ft_watched *node = detector->by_name[ft_node_name_hash(name) & (detector->buckets - 1)];

    /* Nearly always it is written as it was the first time. */
    while (node != NULL && strcmp(node->name, name) != 0 && !ft_node_names_equal(node->name, name))
        node = node->by_name_next;
    return node;
}

uint32_t ft_detector_find(const struct ft_detector *detector, const char *name)
{
    const struct ft_watched *node = find(detector, name);

    return node != NULL ? node->number : FT_DETECTOR_NONE;
}

const char *ft_detector_name(const struct ft_detector *detector, uint32_t node)
{
    return node < detector->nodes_n ? detector->nodes[node]->name : "";
}

size_t ft_detector_count(const struct ft_detector *detector)
{
    return detector->nodes_n;
}

static int grow_beats(struct ft_detector *detector, size_t room)
{
    struct ft_beats *grown = aligned_alloc(CACHE_LINE, room * sizeof *grown);

    if (grown == NULL)
        return -1;
    if (detector->nodes_n > 0)
        memcpy(grown, detector->beats, detector->nodes_n * sizeof *grown);
    free(detector->beats);
    detector->beats = grown;
    for (size_t i = 0; i < detector->nodes_n; i++)
        detector->nodes[i]->beats = &grown[i];
    return 0;
}

static int grow(struct ft_detector *detector)
{
    size_t room = detector->nodes_room > 0 ? 2 * detector->nodes_room : 64;
    struct ft_watched **nodes, **by_name;

    if (detector->nodes_n < detector->nodes_room)
        return 0;
    nodes = realloc(detector->nodes, room * sizeof(*nodes));
    if (nodes == NULL)
        return -1;
    detector->nodes = nodes;
    if (grow_beats(detector, room) < 0)
        return -1;
    by_name = calloc(2 * room, sizeof(*by_name));
    if (by_name == NULL)
        return -1;
    free(detector->by_name);
    detector->by_name = by_name;
    detector->buckets = 2 * room;
    detector->nodes_room = room;
    for (size_t i = 0; i < detector->nodes_n; i++) {
        struct ft_watched **bucket = &by_name[ft_node_name_hash(nodes[i]->name) & (2 * room - 1)];

        nodes[i]->by_name_next = *bucket;
        *bucket = nodes[i];
    }
    return 0;
}

static void free_node(struct ft_watched *node)
{
    free(node->name);
    free(node);
}

static struct ft_watched *make_node(struct ft_detector *detector, const char *name)
{
    struct ft_watched *node;

    if (name[0] == '\0' || strlen(name) >= FT_NAME_MAX) {
        errno = EINVAL;
        return NULL;
    }
    if (detector->nodes_n >= NODES_MAX) {
        errno = ENOBUFS;
        return NULL;
    }
    node = calloc(1, sizeof *node);
    if (node == NULL)
        return NULL;
    node->name = strdup(name);
    node->number = (uint32_t) detector->nodes_n;
    node->granted_before_real_ns = INT64_MIN;
    node->told_ns = INT64_MIN;
    node->place = ft_places_everywhere(detector->places);
    node->timer.owner = node;
    node->local = detector->self != NULL && ft_node_names_equal(detector->self, name);
    if (node->name == NULL || grow(detector) < 0 || ft_timers_reserve(detector->timers) < 0) {
        free_node(node);
        errno = ENOMEM;
        return NULL;
    }
    if (ft_places_add(node->place, node->number) < 0) {
        ft_timers_unreserve(detector->timers);
        free_node(node);
        return NULL;
    }
    return node;
}

static struct ft_watched *get(struct ft_detector *detector, const char *name)
{
    struct ft_watched *node = find(detector, name);
    struct ft_watched **bucket;

    if (node != NULL)
        return node;
    node = make_node(detector, name);
    if (node == NULL)
        return NULL;
    node->beats = &detector->beats[detector->nodes_n];
    *node->beats = (struct ft_beats){.heard_ns = INT64_MIN, .granted_real_ns = INT64_MIN,
                                     .state = FT_WATCH_UNHEARD};
    detector->nodes[detector->nodes_n++] = node;
    bucket = &detector->by_name[ft_node_name_hash(name) & (detector->buckets - 1)];
    node->by_name_next = *bucket;
    *bucket = node;
    detector->states[FT_WATCH_UNHEARD]++;
    return node;
}

int ft_detector_place(struct ft_detector *detector, const char *name, const char *text)
{
    struct ft_watched *node = get(detector, name);
    struct ft_detector_place *place = node != NULL ? ft_places_get(detector->places, text) : NULL;

    if (place == NULL)
        return -1;
    if (place == node->place)
        return 0;
    ft_places_drop(node->place, node->number);
    if (ft_places_add(place, node->number) == 0) {
        node->place = place;
        return 0;
    }
    /* Back to where it was: there is room, of itself. */
    (void) ft_places_add(node->place, node->number);
    return -1;
}

uint32_t ft_detector_join(struct ft_detector *detector, const char *name, uint64_t run,
                          uint64_t *incarnation)
{
    struct ft_watched *node = get(detector, name);
    bool is_new, was_lost;

    ft_detector_wake(detector);
    if (node == NULL)
        return FT_DETECTOR_NONE;
    is_new = node->beats->incarnation == 0;
    was_lost = node->beats->state == FT_WATCH_LOST;
    if (is_new)
        node->beats->incarnation = 1;
    if (node->beats->replay.boot != run || was_lost || node->beats->state == FT_WATCH_LEFT) {
        bool was_kept = !is_new && !was_lost && node->beats->state != FT_WATCH_LEFT;

        ft_trial_end(detector, node);
        ft_detector_set_state(detector, node, FT_WATCH_UNHEARD);
        node->told_silent = node->was_held = false;
        if (!was_kept)
            keep(detector, node, "");
    }
    ft_replay_expect(&node->beats->replay, run);
    node->linked = true;
    node->missed = false;
    if (node->beats->state == FT_WATCH_UNHEARD)
        ft_timers_arm(detector->timers, &node->timer,
                      ft_detector_now_ns(detector) + RUN_FIRST_BEAT_MS * NS_PER_MS);
    if (was_lost)
        ft_detector_logf(detector, "node_back", node, "node %s, which was declared lost, is back; "
                         "nothing that it was doing counts any more", node->name);
    *incarnation = node->beats->incarnation;
    return node->number;
}

void ft_detector_parted(struct ft_detector *detector, uint32_t number, bool in_order)
{
    struct ft_watched *node;

    ft_detector_wake(detector);
    if (number >= detector->nodes_n)
        return;
    node = detector->nodes[number];
    node->linked = false;
    if (node->beats->state == FT_WATCH_LOST || node->beats->state == FT_WATCH_LEFT)
        return;
    if (in_order) {
        ft_trial_end(detector, node);
        ft_detector_set_state(detector, node, FT_WATCH_LEFT);
        keep(detector, node, "its unit ended in order");
        return;
    }
    if (node->beats->state == FT_WATCH_WELL) {
        ft_detector_set_state(detector, node, FT_WATCH_SUSPECTED);
        ft_trial_begin(detector, node);
    } else if (node->beats->state == FT_WATCH_UNHEARD && detector->env.keep != NULL) {
        node->missed = true; /* it has to come back, or it is lost */
        ft_timers_arm(detector->timers, &node->timer,
                      ft_detector_now_ns(detector) + REPORT_MIN_MS * NS_PER_MS);
    }
}

/* ---------------------------------------------------------------- what is heard */

/* Its unit lives. */
static void is_alive(struct ft_detector *detector, struct ft_watched *node)
{
    enum ft_watch_state before = node->beats->state;
    int64_t silent_ms;

    if (before == FT_WATCH_WELL) {
        node->beats->heard_ns = own_ns(detector);
        return;
    }
    silent_ms = ft_detector_silent_ms(detector, node);
    ft_trial_end(detector, node);
    ft_detector_set_state(detector, node, FT_WATCH_WELL);
    node->was_held = false;
    if (!node->told_silent)
        return;
    node->told_silent = false;
    ft_detector_logf(detector, before == FT_WATCH_BROKEN ? "link_mended" : "node_heard", node,
                     "node %s is heard again after %lld ms", node->name, (long long) silent_ms);
}

static bool may_grant(struct ft_detector *detector)
{
    return detector->env.leads == NULL || detector->env.leads(detector->env.arg);
}

static bool grant(struct ft_detector *detector, struct ft_beats *beats)
{
    if (detector->config.lease_ms > beats->lease_ms)
        beats->lease_ms = detector->config.lease_ms;
    if (FT_DETECTOR_PLANTED(LEASE_EARLY))
        detector->nodes[beats - detector->beats]->granted_before_real_ns = beats->granted_real_ns;
    beats->granted_real_ns = detector->last_real_ns;
    return true;
}

bool ft_detector_beat(struct ft_detector *detector, uint32_t number,
                      const struct ft_detector_beat *beat)
{
    struct ft_beats *beats;

    ft_detector_wake(detector);
    if (number >= detector->nodes_n)
        return false;
    beats = &detector->beats[number];
    if (beats->replay.boot == 0 || beat->run != beats->replay.boot)
        return false;
    if (!ft_replay_take(&beats->replay, beat->run, beat->sequence) && !FT_DETECTOR_PLANTED(REPLAY))
        return false;
    if (beats->state == FT_WATCH_LOST && FT_DETECTOR_PLANTED(ACK_LOST))
        return beat->renew;
    if (beat->incarnation != beats->incarnation || beats->state == FT_WATCH_LOST ||
        beats->state == FT_WATCH_LEFT)
        return false;
    if (beat->leaving) {
        ft_detector_parted(detector, number, true);
        return false;
    }
    if (beats->state == FT_WATCH_WELL)
        beats->heard_ns = own_ns(detector);
    else
        is_alive(detector, detector->nodes[number]);
    return beat->renew && may_grant(detector) && grant(detector, beats);
}

void ft_detector_heard(struct ft_detector *detector, uint32_t number)
{
    struct ft_watched *node;

    ft_detector_wake(detector);
    if (number >= detector->nodes_n)
        return;
    node = detector->nodes[number];
    if (node->beats->state != FT_WATCH_UNHEARD && node->beats->state != FT_WATCH_LOST &&
        node->beats->state != FT_WATCH_LEFT)
        is_alive(detector, node);
}

void ft_detector_refused(struct ft_detector *detector, uint32_t number)
{
    struct ft_watched *node;

    ft_detector_wake(detector);
    if (number >= detector->nodes_n)
        return;
    node = detector->nodes[number];
    if (node->trial == NULL)
        return;
    node->trial->is_refused = true;
    ft_trial_weigh(detector, node);
}

void ft_detector_saw(struct ft_detector *detector, uint32_t observer, uint32_t number,
                     enum ft_sight sight)
{
    struct ft_trial *trial = number < detector->nodes_n ? detector->nodes[number]->trial : NULL;
    bool was_asked = false;

    ft_detector_wake(detector);
    if (trial == NULL)
        return;
    for (size_t i = 0; i < trial->observers_n; i++)
        was_asked = was_asked || trial->observers[i] == observer;
    if (!was_asked)
        return;
    if (sight == FT_SIGHT_HEARD) {
        trial->is_heard = true;
        trial->heard_ns = ft_detector_now_ns(detector);
    } else if (sight == FT_SIGHT_REFUSED) {
        trial->is_refused = true;
    } else {
        trial->answers++;
    }
    ft_trial_weigh(detector, detector->nodes[number]);
}

/* ---------------------------------------------------------------- time */

int64_t ft_detector_next_deadline_ns(const struct ft_detector *detector)
{
    int64_t at_ns = next_ns(detector);

    return at_ns != INT64_MAX ? at_ns + detector->stalled_ns : INT64_MAX;
}

/* Goes through those that are well, if one of them may be due. */
static void suspect_silent(struct ft_detector *detector)
{
    int64_t limit_ns = own_ns(detector) - silence_limit_ns(detector);

    if (detector->oldest_ns > limit_ns)
        return;
    detector->oldest_ns = INT64_MAX;
    for (size_t i = 0; i < detector->nodes_n; i++) {
        const struct ft_beats *beats = &detector->beats[i];

        if (beats->state != FT_WATCH_WELL)
            continue;
        if (beats->heard_ns <= limit_ns) {
            ft_detector_set_state(detector, detector->nodes[i], FT_WATCH_SUSPECTED);
            ft_trial_begin(detector, detector->nodes[i]);
        } else if (beats->heard_ns < detector->oldest_ns) {
            detector->oldest_ns = beats->heard_ns;
        }
    }
}

/* A node that should have been heard for the first time has not. Where UDP does not get through its
 * heartbeats come by its connection, so that means what it means of others. */
static void unheard(struct ft_detector *detector, struct ft_watched *node)
{
    if (!node->missed)
        ft_detector_logf(detector, "beats_missing", node, "node %s joined, but no heartbeat of it "
                         "has arrived for %d ms, neither by UDP nor by its connection", node->name,
                         RUN_FIRST_BEAT_MS);
    ft_detector_set_state(detector, node, FT_WATCH_SUSPECTED);
    node->since_ns = ft_detector_now_ns(detector);
    ft_trial_begin(detector, node);
}

static void run_timer(struct ft_detector *detector, struct ft_timer *timer)
{
    struct ft_detector_place *place = ft_places_everywhere(detector->places);
    struct ft_watched *node = timer->owner;

    ft_timers_disarm(detector->timers, timer);
    if (node == NULL) {
        while (&place->timer != timer)
            place = place->next;
        ft_silence_step(detector, place);
    } else if (node->beats->state == FT_WATCH_UNHEARD) {
        unheard(detector, node);
    } else {
        ft_trial_step(detector, node);
    }
}

void ft_detector_tick(struct ft_detector *detector)
{
    int64_t now_ns;
    struct ft_timer *timer;

    ft_detector_wake(detector);
    now_ns = ft_detector_now_ns(detector);
    suspect_silent(detector);
    /* Whatever is armed below is armed for later than now. */
    while ((timer = ft_timers_first(detector->timers)) != NULL && timer->at_ns <= now_ns)
        run_timer(detector, timer);
}

/* ---------------------------------------------------------------- looking in */

int64_t ft_detector_lease_free_ns(const struct ft_detector *detector, uint32_t number)
{
    const struct ft_detector_config *config = &detector->config;
    const struct ft_watched *node = number < detector->nodes_n ? detector->nodes[number] : NULL;
    int64_t margin_ns = (int64_t) config->margin_ms * NS_PER_MS;
    int64_t free_ns = detector->began_real_ns + margin_ns +
                      (int64_t) (config->lease_ms + config->takeover_ms) * NS_PER_MS;
    int64_t granted_ns, lease_ns;

    /* Who took over from nobody knows all that was granted. */
    if (config->takeover_ms == 0 || FT_DETECTOR_PLANTED(NO_TAKEOVER))
        free_ns = detector->began_real_ns;
    if (node == NULL)
        return free_ns;
    if (node->beats->state != FT_WATCH_LOST && node->beats->state != FT_WATCH_LEFT &&
        node->beats->replay.boot != 0)
        return INT64_MAX;
    granted_ns = FT_DETECTOR_PLANTED(LEASE_EARLY) ? node->granted_before_real_ns
                                                  : node->beats->granted_real_ns;
    lease_ns = node->beats->lease_ms * NS_PER_MS;
    if (granted_ns == INT64_MIN || granted_ns + lease_ns + margin_ns < free_ns)
        return free_ns;
    return granted_ns + lease_ns + margin_ns;
}

void ft_detector_status(const struct ft_detector *detector, uint32_t number,
                        struct ft_watch_status *status)
{
    const struct ft_watched *node = detector->nodes[number];
    int64_t now_ns = detector->env.now_ns(detector->env.arg) - detector->stalled_ns;

    *status = (struct ft_watch_status){
        .name = node->name,
        .place = node->place->name,
        .state = node->beats->state,
        .incarnation = node->beats->incarnation,
        .silent_ms = detector->beats[number].heard_ns != INT64_MIN
                         ? (now_ns - detector->beats[number].heard_ns) / NS_PER_MS : -1,
        .lease_free_ns = ft_detector_lease_free_ns(detector, number),
    };
}

size_t ft_detector_states(const struct ft_detector *detector, enum ft_watch_state state)
{
    return detector->states[state];
}

/* ---------------------------------------------------------------- life */

void ft_detector_config(struct ft_detector_config *config, const struct ft_plan *plan)
{
    *config = (struct ft_detector_config){.detect = plan->detect, .lease_ms = plan->lease_ms};
}

/* Copies, with defaults for what is 0. False if it is out of range. */
static bool take_config(struct ft_detector_config *to, const struct ft_detector_config *from)
{
    const struct ft_plan_detect *detect = &from->detect;

    if (detect->beat_ms == 0 || detect->beat_ms > 3600000 || detect->suspect_ms > 3600000 ||
        detect->confirm_ms == 0 || detect->confirm_ms > 3600000 || detect->network_pct == 0 ||
        detect->network_pct > 100 || from->lease_ms == 0)
        return false;
    *to = *from;
    if (to->detect.observers > FT_OBSERVERS_MAX)
        to->detect.observers = FT_OBSERVERS_MAX;
    if (to->margin_ms == 0)
        to->margin_ms = to->lease_ms / 20 + 1;
    if (to->network_ms == 0)
        to->network_ms = NETWORK_DEFAULT_MS;
    if (to->broken_ms == 0)
        to->broken_ms = BROKEN_DEFAULT_MS;
    to->self = NULL;
    return true;
}

int ft_detector_set_config(struct ft_detector *detector, const struct ft_detector_config *config)
{
    struct ft_detector_config taken;

    if (!take_config(&taken, config)) {
        errno = EINVAL;
        return -1;
    }
    detector->config = taken;
    return 0;
}

static int make_parts(struct ft_detector *detector, const char *self)
{
    detector->timers = ft_timers_create();
    if (detector->timers != NULL)
        detector->places = ft_places_create(detector->timers);
    detector->trials = calloc(FT_TRIALS_MAX, sizeof *detector->trials);
    if (self != NULL)
        detector->self = strdup(self);
    if (detector->places == NULL || detector->trials == NULL || grow(detector) < 0 ||
        (self != NULL && detector->self == NULL))
        return -1;
    for (size_t i = 0; i < FT_TRIALS_MAX; i++) {
        detector->trials[i].next = detector->free;
        detector->free = &detector->trials[i];
    }
    return 0;
}

struct ft_detector *ft_detector_create(const struct ft_detector_env *env,
                                       const struct ft_detector_config *config)
{
    struct ft_detector *detector = calloc(1, sizeof *detector);

    if (detector == NULL)
        return NULL;
    if (!take_config(&detector->config, config)) {
        free(detector);
        errno = EINVAL;
        return NULL;
    }
    detector->env = *env;
    detector->last_real_ns = INT64_MIN;
    detector->oldest_ns = INT64_MAX;
    if (make_parts(detector, config->self) < 0) {
        ft_detector_destroy(detector);
        errno = ENOMEM;
        return NULL;
    }
    detector->began_real_ns = ft_detector_real_ns(detector);
    detector->random = (uint64_t) detector->began_real_ns * 2 + 1;
    return detector;
}

void ft_detector_destroy(struct ft_detector *detector)
{
    if (detector == NULL)
        return;
    for (size_t i = 0; i < detector->nodes_n; i++)
        free_node(detector->nodes[i]);
    free(detector->nodes);
    free(detector->beats);
    free(detector->by_name);
    ft_places_destroy(detector->places);
    ft_timers_destroy(detector->timers);
    free(detector->trials);
    free(detector->self);
    free(detector);
}
