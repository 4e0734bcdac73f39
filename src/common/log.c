/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * log.c - the daemons' log.
 *
 * Owns one descriptor for the whole process. Each entry is one write(2) on a descriptor opened with
 * O_APPEND, so that entries of several processes in one file do not mix. A mutex keeps entries and
 * the change of files apart: libuv's pool threads may log too. The file is bounded: at
 * LOG_MAX_BYTES it becomes PATH.1 and a new one begins, so a daemon can never fill a disk.
 *
 * A log that cannot be written must not stop a daemon; it must not go unnoticed either. So lost
 * entries are counted and the next entry that gets through is preceded by their number.
 */
#include "config.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"

#define LOG_LINE_BYTES 2048
#define LOG_MAX_BYTES (16 << 20)

static struct {
    pthread_mutex_t mutex;
    const char *program;
    char *path; /* NULL: stderr */
    int fd;     /* of path */
    enum ft_log_level level;
    unsigned long lost;
} journal = {PTHREAD_MUTEX_INITIALIZER, "ft", NULL, -1, FT_LOG_INFO, 0};

/* systemd's journal reads stderr: it knows time, program and process itself, and wants the level in
 * front (sd-daemon(3)). */
static bool is_for_journal(void)
{
    const char *stream = journal.fd < 0 ? getenv("JOURNAL_STREAM") : NULL;
    unsigned long long device, inode;
    struct stat status;

    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == (dev_t) device &&
           status.st_ino == (ino_t) inode;
}

static int journal_level(enum ft_log_level level)
{
    switch (level) {
    case FT_LOG_ERROR:
        return 3;
    case FT_LOG_WARNING:
        return 4;
    case FT_LOG_INFO:
        return 6;
    case FT_LOG_DEBUG:
        return 7;
    }
    return 5;
}

static const char *level_name(enum ft_log_level level)
{
    switch (level) {
    case FT_LOG_ERROR:
        return "error";
    case FT_LOG_WARNING:
        return "warning";
    case FT_LOG_INFO:
        return "info";
    case FT_LOG_DEBUG:
        return "debug";
    }
    return "unknown";
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
}

static void close_file(void)
{
    if (journal.fd >= 0)
        close(journal.fd);
    journal.fd = -1;
    free(journal.path);
    journal.path = NULL;
}

int ft_log_open(const char *program, const char *path)
{
    char *copy = NULL;
    int fd = -1;

    if (path != NULL) {
        copy = strdup(path);
        if (copy == NULL)
            return -1;
        fd = open_file(path);
        if (fd < 0) {
            int error = errno;

            free(copy);
            errno = error;
            return -1;
        }
    }
    pthread_mutex_lock(&journal.mutex);
    close_file();
    journal.program = program;
    journal.path = copy;
    journal.fd = fd;
    pthread_mutex_unlock(&journal.mutex);
    return 0;
}

void ft_log_set_level(enum ft_log_level level)
{
    pthread_mutex_lock(&journal.mutex);
    journal.level = level;
    pthread_mutex_unlock(&journal.mutex);
}

void ft_log_close(void)
{
    pthread_mutex_lock(&journal.mutex);
    close_file();
    pthread_mutex_unlock(&journal.mutex);
}

/* Begins a new file if the present one is full. If that fails, the full one goes on: rather a large
 * log than none. */
static void turn_over(void)
{
    struct stat status;
    char *old;
    int fd;

    if (journal.fd < 0 || fstat(journal.fd, &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_size < LOG_MAX_BYTES)
        return;
    if (asprintf(&old, "%s.1", journal.path) < 0)
        return;
    if (rename(journal.path, old) == 0) {
        fd = open_file(journal.path);
        if (fd >= 0) {
            close(journal.fd);
            journal.fd = fd;
        }
    }
    free(old);
}

static bool write_line(const char *line, size_t n)
{
    int fd = journal.fd >= 0 ? journal.fd : STDERR_FILENO;
    ssize_t written;

    do
        written = write(fd, line, n);
    while (written < 0 && errno == EINTR);
    return written == (ssize_t) n;
}

static void begin_line(char *line, enum ft_log_level level)
{
    char time[FT_CLOCK_TEXT_BYTES];

    line[0] = '\0';
    if (is_for_journal()) {
        ft_text_appendf(line, LOG_LINE_BYTES - 1, "<%d>", journal_level(level));
        return;
    }
    ft_text_appendf(line, LOG_LINE_BYTES - 1, "%s %s[%ld] %s: ",
                    ft_clock_text(ft_clock_unix_ms(), time), journal.program, (long) getpid(),
                    level_name(level));
}

static bool end_line(char *line)
{
    ft_text_one_line(line);
    strcat(line, "\n"); /* LOG_LINE_BYTES - 1 above leaves room for it */
    return write_line(line, strlen(line));
}

void ft_log(enum ft_log_level level, const char *format, ...)
{
    int error = errno;
    char line[LOG_LINE_BYTES];
    va_list arguments;

    pthread_mutex_lock(&journal.mutex);
    if (level <= journal.level) {
        turn_over();
        if (journal.lost > 0) {
            begin_line(line, FT_LOG_WARNING);
            ft_text_appendf(line, LOG_LINE_BYTES - 1, "%lu entries were lost: the log could not be"
                            " written; look for a full disk", journal.lost);
            if (end_line(line))
                journal.lost = 0;
        }
        begin_line(line, level);
        va_start(arguments, format);
        ft_text_vappendf(line, LOG_LINE_BYTES - 1, format, arguments);
        va_end(arguments);
        if (!end_line(line))
            journal.lost++;
    }
    pthread_mutex_unlock(&journal.mutex);
    errno = error;
}
