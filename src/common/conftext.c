/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conftext.c - reads the text of a settings file for libconfuse.
 *
 * libconfuse could read the file itself, but ends the process over what is no file (a folder, for
 * instance), and counts the end of a line that has a comment several times: the line that its
 * messages name would be wrong in any file with comments. So they are blanked before it sees them.
 *
 * A comment begins with '#' or two slashes, or lies between slash-asterisk and asterisk-slash; not
 * within quotes, and only where a word could begin, as in libconfuse: http://x is one word.
 */
#include "common/conftext.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The end of a quoted text that begins at `at`; what is never closed ends with the text. */
static char *skip_quoted(char *at)
{
    char quote = *at++;

    while (*at != '\0' && *at != quote)
        at += at[0] == '\\' && at[1] != '\0' ? 2 : 1;
    return *at == quote ? at + 1 : at;
}

/* The end of a comment that begins at `at`, its newline not included; `at` if none does. */
static char *comment_end(char *at)
{
    char *end;

    if (at[0] == '#' || (at[0] == '/' && at[1] == '/'))
        return at + strcspn(at, "\n");
    if (at[0] != '/' || at[1] != '*')
        return at;
    end = strstr(at + 2, "*/");
    return end != NULL ? end + 2 : at; /* libconfuse says what is wrong with it */
}

void ft_conftext_blank_comments(char *text)
{
    bool word_may_begin = true;

    for (char *at = text; *at != '\0';) {
        char *end = word_may_begin ? comment_end(at) : at;

        if (*at == '"' || *at == '\'') {
            at = skip_quoted(at);
            word_may_begin = true;
        } else if (end > at) {
            for (; at < end; at++)
                *at = *at == '\n' ? '\n' : ' ';
        } else {
            word_may_begin = strchr(" \t\n{}(),=+", *at) != NULL;
            at++;
        }
    }
}

/* Reads up to size bytes. Returns how many, or -1 with errno. */
static ssize_t read_all(int file, char *text, size_t size)
{
    size_t n = 0;

    while (n < size) {
        ssize_t got = read(file, text + n, size - n);

        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return -1;
        n += got > 0 ? (size_t) got : 0;
    }
    return (ssize_t) n;
}

static char *read_text(int file, const char *path, size_t size_max, char *why, size_t size)
{
    char *text = malloc(size_max + 3); /* one more than allowed, a newline, a 0 */
    ssize_t n = text != NULL ? read_all(file, text, size_max + 1) : -1;

    if (n >= 0 && (size_t) n <= size_max && memchr(text, '\0', (size_t) n) == NULL) {
        memcpy(text + n, "\n", 2);
        return text;
    }
    if (n < 0) {
        snprintf(why, size, "%s: %s", path, strerror(errno));
    } else {
        if ((size_t) n > size_max)
            snprintf(why, size, "%s has more than %zu bytes", path, size_max);
        else
            snprintf(why, size, "%s is not a text", path);
        errno = EINVAL;
    }
    free(text);
    return NULL;
}

char *ft_conftext_read_whole(const char *path, size_t size_max, char *why, size_t size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat info;
    char *text = NULL;
    int error;

    if (file < 0 || fstat(file, &info) < 0) {
        snprintf(why, size, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(info.st_mode)) {
        snprintf(why, size, "%s is not a file", path);
        errno = EINVAL;
    } else {
        text = read_text(file, path, size_max, why, size);
    }
    error = errno;
    if (file >= 0)
        close(file);
    errno = error;
    return text;
}

char *ft_conftext_read(const char *path, size_t size_max, char *why, size_t size)
{
    char *text = ft_conftext_read_whole(path, size_max, why, size);

    if (text != NULL)
        ft_conftext_blank_comments(text);
    return text;
}
