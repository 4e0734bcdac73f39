/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * history.c - owns what was read of each node: a list of latest values, and four rings.
 *
 * Fed by the central unit's units.c with every Sample, read by the tables of `ft nodes`, by the
 * metrics and by placement. Names of disks, sensors and interfaces are kept once for all nodes: a
 * cluster of 10,000 has a few dozen different ones. A series keeps, for each step of time, the
 * worst value seen in it (least free memory and disk, highest load and temperature) as a float.
 *
 * Nodes are found by name in a hash that grows by doubling; they hang in a list in the order in
 * which they came. All are dropped with the history only, or by ft_history_forget.
 */
#include "core/history.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

#define BUCKETS_MIN 64
#define STEP_NS ((int64_t) FT_HISTORY_STEP_S * 1000000000)

/* A latest value: 16 bytes. */
struct latest {
    uint16_t of;    /* index in names */
    uint8_t what;
    bool fresh;     /* said by the sample under way */
    double value;
};

struct ring {
    float points[FT_HISTORY_POINTS];
};

struct node {
    struct node *hash_next;
    struct node *next, *previous;
    struct latest *latest;
    uint8_t latest_n, latest_room;
    uint8_t newest;           /* index in the rings */
    uint8_t points_n;
    int64_t newest_step;      /* time of the newest points, in steps */
    int64_t heard_ns;
    struct ring rings[FT_SERIES];
    char name[];
};

struct ft_history {
    struct node **buckets;
    size_t buckets_n;
    size_t n;
    struct node *first, *last;
    char *names[FT_HISTORY_NAMES_MAX];
    unsigned names_n;
    size_t bytes;
    struct node *current;     /* of the sample under way */
    bool whole;
};

static const struct {
    enum ft_reading what;
    bool least_is_worst;
} series_of[FT_SERIES] = {
    [FT_SERIES_MEMORY_FREE] = {FT_READING_MEMORY_FREE, true},
    [FT_SERIES_LOAD] = {FT_READING_LOAD, false},
    [FT_SERIES_TEMPERATURE] = {FT_READING_TEMPERATURE, false},
    [FT_SERIES_DISK_FREE] = {FT_READING_DISK_FREE, true},
};

/* ---------------------------------------------------------------- nodes */

static size_t bucket_of(const struct ft_history *history, const char *name)
{
    return ft_hash(name, strlen(name)) & (history->buckets_n - 1);
}

struct ft_history *ft_history_create(void)
{
    struct ft_history *history = calloc(1, sizeof *history);

    if (history == NULL)
        return NULL;
    history->buckets_n = BUCKETS_MIN;
    history->buckets = calloc(BUCKETS_MIN, sizeof *history->buckets);
    if (history->buckets == NULL) {
        free(history);
        return NULL;
    }
    history->bytes = sizeof *history + BUCKETS_MIN * sizeof *history->buckets;
    return history;
}

static void free_node(struct ft_history *history, struct node *node)
{
    history->bytes -= sizeof *node + strlen(node->name) + 1 +
                      node->latest_room * sizeof *node->latest;
    free(node->latest);
    free(node);
}

void ft_history_destroy(struct ft_history *history)
{
    if (history == NULL)
        return;
    while (history->first != NULL) {
        struct node *node = history->first;

        history->first = node->next;
        free_node(history, node);
    }
    for (unsigned i = 0; i < history->names_n; i++)
        free(history->names[i]);
    free(history->buckets);
    free(history);
}

static struct node *find(const struct ft_history *history, const char *name)
{
    struct node *node = history->buckets[bucket_of(history, name)];

    while (node != NULL && strcmp(node->name, name) != 0)
        node = node->hash_next;
    return node;
}

/* Twice the buckets; with no memory for that it goes on with longer chains. */
static void grow(struct ft_history *history)
{
    struct node **buckets = calloc(2 * history->buckets_n, sizeof *buckets);

    if (buckets == NULL)
        return;
    free(history->buckets);
    history->buckets = buckets;
    history->bytes += history->buckets_n * sizeof *buckets;
    history->buckets_n *= 2;
    for (struct node *node = history->first; node != NULL; node = node->next) {
        size_t bucket = bucket_of(history, node->name);

        node->hash_next = buckets[bucket];
        buckets[bucket] = node;
    }
}

static struct node *add(struct ft_history *history, const char *name)
{
    size_t n = strlen(name) + 1;
    struct node *node = calloc(1, sizeof *node + n);
    size_t bucket;

    if (node == NULL)
        return NULL;
    if (history->n >= history->buckets_n)
        grow(history);
    memcpy(node->name, name, n);
    bucket = bucket_of(history, name);
    node->hash_next = history->buckets[bucket];
    history->buckets[bucket] = node;
    node->previous = history->last;
    if (history->last != NULL)
        history->last->next = node;
    else
        history->first = node;
    history->last = node;
    history->n++;
    history->bytes += sizeof *node + n;
    return node;
}

void ft_history_forget(struct ft_history *history, const char *name)
{
    struct node *node = find(history, name), **at;

    if (node == NULL)
        return;
    for (at = &history->buckets[bucket_of(history, name)]; *at != node; at = &(*at)->hash_next)
        ;
    *at = node->hash_next;
    if (node->previous != NULL)
        node->previous->next = node->next;
    else
        history->first = node->next;
    if (node->next != NULL)
        node->next->previous = node->previous;
    else
        history->last = node->previous;
    if (history->current == node)
        history->current = NULL;
    history->n--;
    free_node(history, node);
}

/* ---------------------------------------------------------------- names of disks, sensors, ... */

static int name_index(struct ft_history *history, const char *of)
{
    char *copy;

    for (unsigned i = 0; i < history->names_n; i++) {
        if (strcmp(history->names[i], of) == 0)
            return (int) i;
    }
    if (history->names_n == FT_HISTORY_NAMES_MAX) {
        errno = ENOBUFS;
        return -1;
    }
    copy = strdup(of);
    if (copy == NULL)
        return -1;
    history->bytes += strlen(of) + 1;
    history->names[history->names_n] = copy;
    return (int) history->names_n++;
}

/* ---------------------------------------------------------------- series */

/* Moves the rings on to this step of time; steps without a word are empty. */
static void advance(struct node *node, int64_t step)
{
    int64_t ahead = node->points_n > 0 ? step - node->newest_step : 1;

    if (ahead < 0) /* the clock went back: the points stay where they are */
        return;
    if (ahead > FT_HISTORY_POINTS)
        ahead = FT_HISTORY_POINTS;
    for (; ahead > 0; ahead--) {
        node->newest = (uint8_t) ((node->newest + 1) % FT_HISTORY_POINTS);
        if (node->points_n < FT_HISTORY_POINTS)
            node->points_n++;
        for (int series = 0; series < FT_SERIES; series++)
            node->rings[series].points[node->newest] = NAN;
    }
    node->newest_step = step;
}

static void add_point(struct node *node, unsigned what, double value)
{
    for (int series = 0; series < FT_SERIES; series++) {
        float *point = &node->rings[series].points[node->newest];

        if (series_of[series].what != what)
            continue;
        if (isnan(*point) || (series_of[series].least_is_worst ? value < *point : value > *point))
            *point = (float) value;
    }
}

unsigned ft_history_series(const struct ft_history *history, const char *name,
                           enum ft_series series, float values[FT_HISTORY_POINTS],
                           int64_t *newest_ns)
{
    const struct node *node = find(history, name);

    if (node == NULL)
        return 0;
    for (unsigned i = 0; i < node->points_n; i++) {
        unsigned at = (node->newest + FT_HISTORY_POINTS + 1 + i - node->points_n) % FT_HISTORY_POINTS;

        values[i] = node->rings[series].points[at];
    }
    *newest_ns = node->newest_step * STEP_NS;
    return node->points_n;
}

/* ---------------------------------------------------------------- samples */

/* What the sample before said of all, and did not say again, is no more. */
static void drop_stale(struct ft_history *history)
{
    struct node *node = history->current;
    unsigned kept = 0;

    if (node == NULL || !history->whole)
        return;
    for (unsigned i = 0; i < node->latest_n; i++) {
        if (node->latest[i].fresh)
            node->latest[kept++] = node->latest[i];
    }
    node->latest_n = (uint8_t) kept;
}

int ft_history_begin(struct ft_history *history, const char *name, bool whole, int64_t now_ns)
{
    struct node *node;

    drop_stale(history);
    history->current = NULL;
    if (name[0] == '\0') {
        errno = EINVAL;
        return -1;
    }
    node = find(history, name);
    if (node == NULL)
        node = add(history, name);
    if (node == NULL)
        return -1;
    for (unsigned i = 0; i < node->latest_n; i++)
        node->latest[i].fresh = false;
    node->heard_ns = now_ns;
    advance(node, now_ns / STEP_NS);
    /* What did not change is not said again, and is so in this step of time, too. */
    for (unsigned i = 0; !whole && i < node->latest_n; i++)
        add_point(node, node->latest[i].what, node->latest[i].value);
    history->current = node;
    history->whole = whole;
    return 0;
}

static struct latest *latest_of(const struct node *node, unsigned what, unsigned of)
{
    for (unsigned i = 0; i < node->latest_n; i++) {
        if (node->latest[i].what == what && node->latest[i].of == of)
            return &node->latest[i];
    }
    return NULL;
}

static struct latest *add_latest(struct ft_history *history, struct node *node)
{
    if (node->latest_n == FT_HISTORY_LATEST_MAX) {
        errno = ENOBUFS;
        return NULL;
    }
    if (node->latest_n == node->latest_room) {
        unsigned room = node->latest_room + 8u;
        struct latest *latest = realloc(node->latest, room * sizeof *latest);

        if (latest == NULL)
            return NULL;
        history->bytes += (room - node->latest_room) * sizeof *latest;
        node->latest = latest;
        node->latest_room = (uint8_t) room;
    }
    return &node->latest[node->latest_n++];
}

int ft_history_take(struct ft_history *history, unsigned what, const char *of, double value)
{
    struct node *node = history->current;
    struct latest *latest;
    int name;

    if (node == NULL || what == FT_READING_NONE || what > UINT8_MAX || !isfinite(value)) {
        errno = EINVAL;
        return -1;
    }
    name = name_index(history, of);
    if (name < 0)
        return -1;
    latest = latest_of(node, what, (unsigned) name);
    if (latest == NULL)
        latest = add_latest(history, node);
    if (latest == NULL)
        return -1;
    *latest = (struct latest){
        .of = (uint16_t) name, .what = (uint8_t) what, .fresh = true, .value = value};
    add_point(node, what, value);
    return 0;
}

/* ---------------------------------------------------------------- looking in */

static bool is_current(const struct ft_history *history, const struct node *node,
                       const struct latest *latest)
{
    return node != history->current || !history->whole || latest->fresh;
}

bool ft_history_latest(const struct ft_history *history, const char *name, unsigned what,
                       const char *of, double *value)
{
    const struct node *node = find(history, name);

    for (unsigned i = 0; node != NULL && i < node->latest_n; i++) {
        const struct latest *latest = &node->latest[i];

        if (latest->what == what && is_current(history, node, latest) &&
            strcmp(history->names[latest->of], of) == 0) {
            *value = latest->value;
            return true;
        }
    }
    return false;
}

static void each_of(const struct ft_history *history, const struct node *node, ft_history_fn visit,
                    void *arg)
{
    for (unsigned i = 0; i < node->latest_n; i++) {
        const struct latest *latest = &node->latest[i];

        if (is_current(history, node, latest))
            visit(arg, node->name, latest->what, history->names[latest->of], latest->value);
    }
}

void ft_history_each(const struct ft_history *history, const char *name, ft_history_fn visit,
                     void *arg)
{
    const struct node *node = name != NULL ? find(history, name) : history->first;

    for (; node != NULL; node = name != NULL ? NULL : node->next)
        each_of(history, node, visit, arg);
}

int64_t ft_history_heard_ns(const struct ft_history *history, const char *name)
{
    const struct node *node = find(history, name);

    return node != NULL ? node->heard_ns : 0;
}

size_t ft_history_bytes(const struct ft_history *history)
{
    return history->bytes;
}

size_t ft_history_nodes(const struct ft_history *history)
{
    return history->n;
}
