/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * words.c - what a program that was started here says, until it has said enough.
 *
 * units.c starts ft-centrald and ft-noded; if one of them does not come up, its last words are the
 * only ones that say why. They come over a descriptor that never blocks and are kept up to
 * FTP_WORDS_MAX bytes, the first ones; the rest is read and dropped, so that the program never
 * waits for us.
 *
 *     the awaited line is there          -> FTP_WORDS_LINE
 *     end of file, or the descriptor broke -> FTP_WORDS_END
 *     nothing of that in time            -> FTP_WORDS_LATE
 */
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ft_prrte.h"

struct ftp_words {
    prte_event_t event;
    int fd;
    const char *line;
    ftp_words_fn heard;
    void *arg;
    int64_t end_ms;       /* the time is over */
    char text[FTP_WORDS_MAX];
    size_t n;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* "ft-noded: the key is missing\nbye\n" -> "the key is missing; bye" */
static char *tidy(char *text)
{
    static const char *const names[] = {"ft-centrald: ", "ft-noded: "};
    size_t n = strlen(text);

    while (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char) *at < ' ')
            *at = *at == '\n' ? ';' : ' ';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp(text, names[i], strlen(names[i])) == 0)
            return text + strlen(names[i]);
    return text;
}

static void end(ftp_words_t *words, ftp_words_end_t how)
{
    prte_event_del(&words->event);
    close(words->fd);
    words->heard(words->arg, how, tidy(words->text));
    free(words);
}

/* The awaited line, ended by 0, or NULL. */
static char *find_line(ftp_words_t *words)
{
    size_t n = words->line != NULL ? strlen(words->line) : 0;

    for (char *at = words->text; n > 0 && at != NULL && *at != '\0';) {
        char *stop = strchr(at, '\n');
        if (stop == NULL)
            return NULL;
        if (strncmp(at, words->line, n) == 0) {
            *stop = '\0';
            return at;
        }
        at = stop + 1;
    }
    return NULL;
}

/* Reads what there is. False at the end of it all. */
static bool take(ftp_words_t *words)
{
    char spare[256];
    size_t room = sizeof words->text - 1 - words->n;
    ssize_t n = room > 0 ? read(words->fd, words->text + words->n, room)
                         : read(words->fd, spare, sizeof spare);

    if (n > 0 && room > 0) {
        words->n += (size_t) n;
        words->text[words->n] = '\0';
    }
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_event(int fd, short what, void *cbdata)
{
    ftp_words_t *words = (ftp_words_t *) cbdata;
    bool goes_on = !(what & PRTE_EV_READ) || take(words);
    char *line = find_line(words);

    (void) fd;
    if (line != NULL) {
        memmove(words->text, line, strlen(line) + 1);
        end(words, FTP_WORDS_LINE);
    } else if (!goes_on) {
        end(words, FTP_WORDS_END);
    } else if (now_ms() >= words->end_ms) { /* also of one that never stops talking */
        end(words, FTP_WORDS_LATE);
    }
}

ftp_words_t *ftp_words_listen(int fd, const char *line, int timeout_s, ftp_words_fn heard,
                              void *arg)
{
    ftp_words_t *words = calloc(1, sizeof *words);
    struct timeval limit = {.tv_sec = timeout_s};

    if (words == NULL) {
        close(fd);
        return NULL;
    }
    words->fd = fd;
    words->line = line;
    words->end_ms = now_ms() + 1000 * (int64_t) timeout_s;
    words->heard = heard;
    words->arg = arg;
    prte_event_set(prte_event_base, &words->event, fd, PRTE_EV_READ | PRTE_EV_PERSIST, on_event,
                   words);
    prte_event_add(&words->event, &limit);
    return words;
}

void ftp_words_stop(ftp_words_t *words)
{
    if (words == NULL)
        return;
    prte_event_del(&words->event);
    close(words->fd);
    free(words);
}
