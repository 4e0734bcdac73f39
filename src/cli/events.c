/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events.c - `ft events`: a job's event log, or a system's, for people.
 *
 * Of a system, the central unit is asked (events_asked.c). A job's is in a file:
 * The central unit writes one JSON object a line (doc: "event log" in ft(1)); this prints one line
 * each: the time of day, the milliseconds since the unit's start, the event's name, its sentence.
 * With -f it goes on as the log grows, woken by inotify, and once a second besides, for a log on a
 * network file system. The end of the session ends it.
 *
 *   find_log       FILE, SESSION or nothing -> the log's path
 *   reader         takes bytes, gives whole lines; a line is bounded
 *   event_line.c   one line of the log -> one line for people
 */
#include "config.h"

#include "cli/admin.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/event_line.h"
#include "cli/events_asked.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "events"
#define LINE_MAX_BYTES (1 << 20)
#define LOOK_AGAIN_MS 1000
#define SUFFIX ".jsonl"

static const char usage[] =
    "usage: ft events [-f] [-n N] [--json] [--host HOST | FILE | SESSION]\n\n"
    "Prints events for people: when, what, and why. FILE is an event log. SESSION is the\n"
    "launcher's name (prterun-HOST-PID); its log is\n"
    "${XDG_STATE_HOME:-~/.local/state}/ft/SESSION.jsonl.\n"
    "Without either: $FT_EVENTS; else, on a node of a system, what its central unit has in memory\n"
    "(the latest thousands); else the newest log of your jobs.\n\n"
    "  -f, --follow   go on as more come, until the session ends\n"
    "  -n N           only the last N (of a central unit)\n"
    "  --jobs         the newest log of your jobs, on a node of a system, too\n"
    "  --host HOST[:PORT] | unix:PATH\n"
    "                 ask this unit\n"
    "  --json         events as they are in the log, a line each (of a central unit)\n"
    "  -h, --help     this text\n";

struct reader {
    int fd;
    char *line; /* LINE_MAX_BYTES + 1 */
    size_t size;
    bool skipping; /* the rest of a line that is too long */
    bool ended;    /* the session's last event has been read */
    unsigned bad;  /* lines that are no events */
};

/* ---------------------------------------------------------------- which log */

static char *logs_folder(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path;

    if (state && *state == '/' ? asprintf(&path, "%s/ft", state) < 0
                               : asprintf(&path, "%s/.local/state/ft", home ? home : "") < 0)
        return NULL;
    return path;
}

/* The log in the folder that was written last; NULL if there is none. */
static char *newest_log(const char *folder)
{
    DIR *dir = opendir(folder);
    struct timespec newest = {0, 0};
    struct dirent *entry;
    struct stat file;
    char *found = NULL, *path;

    while (dir && (entry = readdir(dir))) {
        size_t n = strlen(entry->d_name), m = strlen(SUFFIX);
        if (n <= m || strcmp(entry->d_name + n - m, SUFFIX) != 0
            || asprintf(&path, "%s/%s", folder, entry->d_name) < 0)
            continue;
        if (stat(path, &file) == 0
            && (file.st_mtim.tv_sec > newest.tv_sec
                || (file.st_mtim.tv_sec == newest.tv_sec
                    && file.st_mtim.tv_nsec > newest.tv_nsec))) {
            newest = file.st_mtim;
            free(found);
            found = path;
        } else {
            free(path);
        }
    }
    if (dir)
        closedir(dir);
    return found;
}

/* The path of the log that is meant; NULL after a message. */
static char *find_log(const char *what)
{
    char *folder = logs_folder(), *path = NULL;
    const char *set = getenv("FT_EVENTS");

    if (!what && set && *set)
        what = set;
    if (what && (strchr(what, '/') || access(what, F_OK) == 0))
        path = strdup(what);
    else if (what && folder && asprintf(&path, "%s/%s" SUFFIX, folder, what) < 0)
        path = NULL;
    else if (!what && folder && !(path = newest_log(folder)))
        cli_error(NAME, "there is no event log in %s; name one", folder);
    if (!path && (what || !folder))
        cli_error(NAME, "out of memory");
    free(folder);
    return path;
}

/* ---------------------------------------------------------------- reading */

static void take_line(struct reader *r)
{
    char text[4096];

    r->line[r->size] = '\0';
    if (r->size && event_line_format(r->line, text, sizeof text, &r->ended) < 0)
        r->bad++;
    if (r->size)
        puts(text);
    r->size = 0;
}

static void take_bytes(struct reader *r, const char *bytes, size_t n)
{
    while (n) {
        const char *end = memchr(bytes, '\n', n);
        size_t part = end ? (size_t) (end - bytes) : n;

        if (!r->skipping && r->size + part > LINE_MAX_BYTES) {
            puts("(a line of more than 1 MiB is left out)");
            r->bad++;
            r->size = 0;
            r->skipping = true;
        }
        if (!r->skipping) {
            memcpy(r->line + r->size, bytes, part);
            r->size += part;
        }
        if (end && !r->skipping)
            take_line(r);
        if (end)
            r->skipping = false;
        part += end != NULL;
        bytes += part;
        n -= part;
    }
}

/* Reads what there is. Returns 0 at the file's end, -1 with errno. */
static int read_to_end(struct reader *r)
{
    char bytes[65536];
    ssize_t n;

    while ((n = read(r->fd, bytes, sizeof bytes)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        take_bytes(r, bytes, (size_t) n);
    }
    return fflush(stdout) == 0 ? 0 : -1;
}

/* A log that was cut, or replaced by another file of its name, is read from its beginning. */
static void reopen_if_replaced(struct reader *r, const char *path)
{
    struct stat open_file, named;
    int fd;

    if (stat(path, &named) < 0 || fstat(r->fd, &open_file) < 0)
        return;
    if (named.st_ino == open_file.st_ino && named.st_dev == open_file.st_dev) {
        if (named.st_size < lseek(r->fd, 0, SEEK_CUR))
            lseek(r->fd, 0, SEEK_SET);
        return;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    read_to_end(r); /* what was still written into the old one; if not, there is no more of it */
    close(r->fd);
    r->fd = fd;
    r->size = 0;
    r->skipping = false;
}

/* Ends with the session, or when what it prints cannot be written. */
static int follow(struct reader *r, const char *path)
{
    char events[4096] __attribute__((aligned(8)));
    int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    /* Without inotify the look once a second is all there is, and enough. */
    if (notify >= 0 && inotify_add_watch(notify, path, IN_MODIFY | IN_MOVE_SELF) < 0) {
        close(notify);
        notify = -1;
    }
    while (!r->ended) {
        struct pollfd wake[2] = {{.fd = notify, .events = POLLIN},
                                 {.fd = STDOUT_FILENO, .events = 0}};
        poll(wake, 2, LOOK_AGAIN_MS);
        if (wake[1].revents & (POLLERR | POLLHUP | POLLNVAL))
            break;
        while (notify >= 0 && read(notify, events, sizeof events) > 0)
            ;
        reopen_if_replaced(r, path);
        if (read_to_end(r) < 0)
            break;
    }
    if (notify >= 0)
        close(notify);
    return 0;
}

static int show(const char *path, bool following)
{
    struct reader r = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
    int code = CLI_OK;

    r.line = malloc(LINE_MAX_BYTES + 1);
    if (r.fd < 0 || !r.line || read_to_end(&r) < 0) {
        cli_error(NAME, "%s: %s", path, strerror(errno));
        code = CLI_FAILED;
    } else if (following) {
        follow(&r, path);
    }
    if (code == CLI_OK && r.size)
        take_line(&r); /* its writer died in the middle of it */
    if (r.bad) {
        cli_error(NAME, "%s: %u lines are no events", path, r.bad);
        code = CLI_FAILED;
    }
    if (r.fd >= 0)
        close(r.fd);
    free(r.line);
    return code;
}

/* What the command line says. */
struct wanted {
    struct events_asked asked;
    bool jobs, help;
    const char *what; /* FILE or SESSION; NULL: not given */
};

/* Returns 0, or -1 with why. */
static int read_arguments(struct wanted *wanted, int argc, char **argv, char *why, size_t size)
{
    const struct arguments_option options[] = {
        {"--follow", "-f", NULL, &wanted->asked.following},
        {"-n", NULL, &wanted->asked.tail, NULL},
        {"--jobs", NULL, NULL, &wanted->jobs},
        {"--host", NULL, &wanted->asked.host, NULL},
        {"--json", NULL, NULL, &wanted->asked.json},
        {"--help", "-h", NULL, &wanted->help},
        {NULL, NULL, NULL, NULL},
    };
    const struct arguments_option *const tables[] = {options, NULL};
    const char **words = calloc((size_t) argc + 1, sizeof *words);
    int n = words != NULL ? arguments_parse(argc, argv, tables, words, why, size) : -1;
    long number;

    if (words == NULL)
        snprintf(why, size, "out of memory");
    if (n >= 1)
        wanted->what = words[0];
    free(words);
    if (n > 1)
        snprintf(why, size, "it shows one log at a time");
    if (n < 0 || n > 1)
        return -1;
    if (wanted->asked.tail != NULL &&
        arguments_number("-n", wanted->asked.tail, 1, 1000000, &number, why, size) < 0)
        return -1;
    if (wanted->asked.host != NULL && (wanted->what != NULL || wanted->jobs)) {
        snprintf(why, size, "--host and a log do not go together");
        return -1;
    }
    return 0;
}

/* Whether a central unit is to be asked, rather than a file read. */
static bool is_asked(const struct wanted *wanted)
{
    const char *set = getenv("FT_EVENTS");

    return wanted->asked.host != NULL ||
           (wanted->what == NULL && !wanted->jobs && (set == NULL || set[0] == '\0') &&
            admin_has_system());
}

int cli_events(int argc, char **argv)
{
    struct wanted wanted = {.what = NULL};
    char why[300] = "";
    char *path;
    int code;

    if (read_arguments(&wanted, argc, argv, why, sizeof why) < 0) {
        cli_error(NAME, "%s; see ft events --help", why);
        return CLI_USAGE;
    }
    if (wanted.help) {
        fputs(usage, stdout);
        return cli_flush(NAME, CLI_OK);
    }
    if (is_asked(&wanted))
        return cli_flush(NAME, events_ask(&wanted.asked));
    if (wanted.asked.tail != NULL || wanted.asked.json) {
        cli_error(NAME, "-n and --json are for a central unit's events; use tail(1), or the file "
                  "itself");
        return CLI_USAGE;
    }
    path = find_log(wanted.what);
    code = path != NULL ? show(path, wanted.asked.following) : CLI_FAILED;
    free(path);
    return cli_flush(NAME, code);
}
