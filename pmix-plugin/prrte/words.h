/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * words.h - what a program that was started here says, until it has said enough.
 */
#ifndef FTP_WORDS_H
#define FTP_WORDS_H

#define FTP_WORDS_MAX 512

/* How it came to an end. */
typedef enum {
    FTP_WORDS_LINE,  /* the line that was waited for has come: text is that line */
    FTP_WORDS_END,   /* it said no more (it ended, or let go of its output): text is all it said */
    FTP_WORDS_LATE   /* the time is over: text is all it said */
} ftp_words_end_t;

/* text: borrowed for the call, one line, without the program's name in front; may be changed. */
typedef void (*ftp_words_fn)(void *arg, ftp_words_end_t how, char *text);

typedef struct ftp_words ftp_words_t;

/* Listens to fd, which is closed in the end. line: what the line begins with that is waited for,
 * NULL: none. heard is called once, from PRRTE's event thread. NULL: out of memory; fd is
 * closed. */
ftp_words_t *ftp_words_listen(int fd, const char *line, int timeout_s, ftp_words_fn heard,
                              void *arg);

/* Listens no more; takes NULL. Not after heard was called. */
void ftp_words_stop(ftp_words_t *words);

#endif
