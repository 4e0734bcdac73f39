/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events.c - owns the event log's file.
 *
 * Core writes an entry for every step that it takes, before anyone hears of it; this turns each
 * into a line of JSON and writes it at once, so that what happened before a crash stands in the
 * file. A write that fails (full disk, quota, a file system that went away) neither stops decisions
 * nor is kept quiet: it is said in the daemon's log when it begins and when it is over. Half a line
 * is taken back, so that every line that is there can be read. A file that has grown to its limit
 * is kept as PATH.1, and a new one begun: an asker in a tight loop must not fill the disk.
 */
#include "config.h"

#include "centrald/events.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yyjson.h>

#include "common/clock.h"
#include "common/log.h"

struct ft_events {
    int file; /* -1: there is none */
    char *path;
    int64_t begun_ns;
    uint64_t lost; /* entries since writing began to fail */
    uint64_t max_bytes;  /* of the file; 0: no limit */
    uint64_t next_bytes; /* when to look at the limit again */
    struct ft_recent *recent;
    void (*seen)(void *arg, const struct ft_event *event, const char *line, size_t n);
    void *seen_arg;
};

#define RECALL_BYTES ((off_t) 1 << 20)

/* ---------------------------------------------------------------- the file */

char *ft_events_path(const char *file, const char *session)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    bool has_state = state != NULL && state[0] == '/';
    const char *base = has_state ? state : home;
    char *path;
    size_t size;

    if (file != NULL && file[0] != '\0')
        return strdup(file);
    if (base == NULL || base[0] != '/') {
        errno = ENOENT;
        return NULL;
    }
    size = strlen(base) + strlen(session) + sizeof "/.local/state/ft/.jsonl";
    path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s%s/ft/%s.jsonl", base, has_state ? "" : "/.local/state", session);
    return path;
}

/* Makes the folders that a file is to be in. */
static int make_folders(const char *path)
{
    char *copy = strdup(path);
    int result = 0;

    if (copy == NULL)
        return -1;
    for (char *at = strchr(copy + 1, '/'); at != NULL && result == 0; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            result = -1;
        *at = '/';
    }
    free(copy);
    return result;
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
}

struct ft_events *ft_events_open(const char *path, int64_t begun_ns, char *why, size_t size)
{
    struct ft_events *events = calloc(1, sizeof *events);

    if (size > 0)
        why[0] = '\0';
    if (events == NULL)
        return NULL;
    events->begun_ns = begun_ns;
    events->file = -1;
    events->path = strdup(path);
    events->recent = ft_recent_create();
    if (events->path == NULL || events->recent == NULL) {
        ft_recent_destroy(events->recent);
        free(events->path);
        free(events);
        return NULL;
    }
    if (make_folders(path) == 0)
        events->file = open_file(path);
    if (events->file < 0)
        snprintf(why, size, "the event log %s cannot be written: %s; decisions go on without it",
                 path, strerror(errno));
    return events;
}

void ft_events_close(struct ft_events *events)
{
    if (events == NULL)
        return;
    if (events->lost > 0)
        ft_log_error("%llu entries of the event log %s were lost",
                     (unsigned long long) events->lost, events->path);
    if (events->file >= 0 && close(events->file) < 0)
        ft_log_error("closing the event log %s: %s", events->path, strerror(errno));
    ft_recent_destroy(events->recent);
    free(events->path);
    free(events);
}

void ft_events_set_limit(struct ft_events *events, uint64_t max_bytes)
{
    events->max_bytes = events->next_bytes = max_bytes;
}

void ft_events_watch(struct ft_events *events,
                     void (*seen)(void *arg, const struct ft_event *event, const char *line,
                                  size_t n),
                     void *arg)
{
    events->seen = seen;
    events->seen_arg = arg;
}

const struct ft_recent *ft_events_recent(const struct ft_events *events)
{
    return events->recent;
}

/* Makes PATH.1 of the file and begins a new one. If that fails the old one goes on to be written:
 * entries matter more than its size; it is tried again when as much has come again. */
static void begin_anew(struct ft_events *events)
{
    char *old = NULL;
    int file;

    if (asprintf(&old, "%s.1", events->path) < 0) {
        old = NULL;
        errno = ENOMEM;
    }
    if (old == NULL || rename(events->path, old) < 0) {
        ft_log_warning("the event log %s is larger than its limit and cannot be renamed: %s",
                       events->path, strerror(errno));
        events->next_bytes += events->max_bytes;
        free(old);
        return;
    }
    free(old);
    file = open_file(events->path);
    if (file < 0) {
        ft_log_warning("the event log %s cannot be begun anew: %s; %s.1 goes on to be written",
                       events->path, strerror(errno), events->path);
        events->next_bytes += events->max_bytes;
        return;
    }
    close(events->file);
    events->file = file;
    events->next_bytes = events->max_bytes;
}

static void look_at_limit(struct ft_events *events)
{
    struct stat info;

    if (events->max_bytes > 0 && fstat(events->file, &info) == 0 && S_ISREG(info.st_mode) &&
        (uint64_t) info.st_size >= events->next_bytes)
        begin_anew(events);
}

static void fail(struct ft_events *events, const char *why)
{
    if (events->lost++ == 0)
        ft_log_error("an entry of the event log %s could not be written: %s; decisions go on "
                     "without it", events->path, why);
}

/* Writes a line, or nothing of it. */
static void write_line(struct ft_events *events, const char *line, size_t n)
{
    ssize_t written;

    do
        written = write(events->file, line, n);
    while (written < 0 && errno == EINTR);
    if (written == (ssize_t) n) {
        if (events->lost > 0)
            ft_log_info("the event log %s can be written again; %llu entries were lost",
                        events->path, (unsigned long long) events->lost);
        events->lost = 0;
        look_at_limit(events);
        return;
    }
    if (written < 0) {
        fail(events, strerror(errno));
        return;
    }
    fail(events, "no room for a whole line");
    if (written > 0) {
        off_t end = lseek(events->file, 0, SEEK_END);

        if (end < written || ftruncate(events->file, end - written) < 0)
            ft_log_error("half a line is left in the event log %s", events->path);
    }
}

/* ---------------------------------------------------------------- the lines */

/* Length of the UTF-8 character at `at`, 0 if it is none. */
static size_t character(const unsigned char *at)
{
    size_t n = *at < 0x80 ? 1 : *at >= 0xc2 && *at < 0xe0 ? 2 : *at >= 0xe0 && *at < 0xf0 ? 3
             : *at >= 0xf0 && *at < 0xf5 ? 4 : 0;

    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
        (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f))
        return 0;
    return n;
}

/* Adds a text; what is no UTF-8 in it becomes '?': names come from other programs. */
static bool add_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, const char *text)
{
    char *copy = strdup(text);
    bool added;

    if (copy == NULL)
        return false;
    for (unsigned char *at = (unsigned char *) copy; *at != '\0';) {
        size_t n = character(at);

        if (n == 0)
            *at = '?';
        at += n > 0 ? n : 1;
    }
    added = yyjson_mut_obj_add_strcpy(doc, object, key, copy);
    free(copy);
    return added;
}

static bool add_number(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, double number)
{
    if (number == floor(number) && fabs(number) < 9e15)
        return yyjson_mut_obj_add_sint(doc, object, key, (int64_t) number);
    return yyjson_mut_obj_add_real(doc, object, key, round(number * 1000) / 1000);
}

static bool fill(yyjson_mut_doc *doc, yyjson_mut_val *object, const struct ft_event *event,
                 double ms)
{
    char time[FT_CLOCK_TEXT_BYTES];
    bool good;

    ft_clock_text(ft_clock_unix_ms(), time);
    good = yyjson_mut_obj_add_uint(doc, object, "seq", event->seq) &&
           yyjson_mut_obj_add_strcpy(doc, object, "time", time) &&
           yyjson_mut_obj_add_real(doc, object, "ms", round(ms * 1000) / 1000) &&
           add_text(doc, object, "event", event->name);
    if (good && event->job != NULL)
        good = add_text(doc, object, "job", event->job);
    if (good && event->rank >= 0)
        good = yyjson_mut_obj_add_int(doc, object, "rank", event->rank);
    if (good && event->node != NULL)
        good = add_text(doc, object, "node", event->node);
    if (good && event->decision != 0)
        good = yyjson_mut_obj_add_uint(doc, object, "decision", event->decision);
    if (good && event->is_private)
        good = yyjson_mut_obj_add_uint(doc, object, "owner", event->owner);
    for (int i = 0; good && i < FT_EVENT_FIELDS_MAX && event->fields[i].key != NULL; i++) {
        if (event->fields[i].text != NULL)
            good = add_text(doc, object, event->fields[i].key, event->fields[i].text);
        else
            good = add_number(doc, object, event->fields[i].key, event->fields[i].number);
    }
    return good && (event->text == NULL || add_text(doc, object, "text", event->text));
}

static char *compose(struct ft_events *events, const struct ft_event *event, size_t *n)
{
    double ms = (double) ((int64_t) ft_clock_ns() - events->begun_ns) / 1e6;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *object = doc != NULL ? yyjson_mut_obj(doc) : NULL;
    char *line = NULL;

    if (object != NULL && fill(doc, object, event, ms)) {
        yyjson_mut_doc_set_root(doc, object);
        line = yyjson_mut_write(doc, YYJSON_WRITE_NEWLINE_AT_END, n);
    }
    yyjson_mut_doc_free(doc);
    return line;
}

void ft_events_write(struct ft_events *events, const struct ft_event *event)
{
    size_t n = 0;
    char *line = compose(events, event, &n);

    if (line == NULL) {
        fail(events, "out of memory");
        return;
    }
    if (events->file >= 0)
        write_line(events, line, n);
    else
        events->lost++;
    ft_recent_add(events->recent, event->seq, line, n);
    if (events->seen != NULL)
        events->seen(events->seen_arg, event, line, n);
    free(line);
}

bool ft_events_may_see(const char *line, uint32_t uid)
{
    static const char key[] = ",\"owner\":"; /* in a text its quotes would be escaped */
    const char *owner = strstr(line, key);

    return owner == NULL || strtoul(owner + sizeof key - 1, NULL, 10) == uid;
}

/* ---------------------------------------------------------------- an earlier run's */

static void recall_line(struct ft_events *events, const char *line, size_t n)
{
    static const char begin[] = "{\"seq\":";
    uint64_t seq;
    char *end;

    if (n < sizeof begin || memcmp(line, begin, sizeof begin - 1) != 0)
        return;
    seq = strtoull(line + sizeof begin - 1, &end, 10);
    if (*end == ',' && line[n - 1] == '}')
        ft_recent_add(events->recent, seq, line, n);
}

void ft_events_recall(struct ft_events *events)
{
    int file = open(events->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    off_t size = file >= 0 ? lseek(file, 0, SEEK_END) : -1;
    off_t from = size > RECALL_BYTES ? size - RECALL_BYTES : 0;
    char *text = size > 0 ? malloc((size_t) (size - from) + 1) : NULL;
    ssize_t n = text != NULL ? pread(file, text, (size_t) (size - from), from) : 0;

    if (file >= 0)
        close(file);
    for (char *line = text; n > 0 && line != NULL && line < text + n;) {
        char *end = memchr(line, '\n', (size_t) (text + n - line));

        if (end == NULL)
            break;
        *end = '\0';
        recall_line(events, line, (size_t) (end - line)); /* half a line, at first, is no event */
        line = end + 1;
    }
    free(text);
}
