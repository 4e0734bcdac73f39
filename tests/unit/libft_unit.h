/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libft_unit.h - a node unit for tests of libft: a thread that listens, greets and answers, and
 * misbehaves on demand.
 *
 * What it does with a request is said by the name of the request's node (or of a rank's job), so
 * that a test reads as what it asks for:
 *
 *     "close"     hangs up instead of answering
 *     "half"      writes half an answer, then hangs up
 *     "garbage"   writes bytes that are no frame
 *     "silent"    never answers
 *     "slowN"     answers after N ms
 *     "range"     answers with a status that does not exist
 *     "twice"     answers twice; "other": answers with another id first, then well
 *     "none"      FT_ERR_NONE with reason and hint; "bare": FT_ERR_UNKNOWN without a word
 *     "full"      fills every field of the reply
 *     any other   FT_OK; decision is the resource's number + 1000, alternative node "n3"
 */
#ifndef TEST_LIBFT_UNIT_H
#define TEST_LIBFT_UNIT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/channel.h"

#define UNIT_CONNECTIONS_MAX 1030
#define UNIT_LATER_MAX 2048
#define UNIT_BIG_BYTES (2 << 20) /* of an answer to adminFT("big") */

/* How it greets. */
enum unit_manner {
    UNIT_WELL,
    UNIT_HANGS_UP,        /* as soon as somebody connects */
    UNIT_HANGS_UP_LATER,  /* when it has read the client's Hello */
    UNIT_NEVER_GREETS,
    UNIT_OTHER_VERSION,   /* Hello.protocol is another one */
    UNIT_REFUSES,         /* Hello.refused is FT_ERR_DENIED */
    UNIT_TALKS_RUBBISH,   /* sends no frame at all */
    UNIT_GREETS_WRONG,    /* its first message is a Reply */
    UNIT_STALLS           /* greets, then reads nothing until unit_resume */
};

struct unit_connection {
    int fd;
    struct ft_channel *channel;
};

struct unit_later {
    int64_t at_ms;
    int fd; /* -1: free */
    uint64_t id;
    int64_t number;
};

struct unit {
    /* set by the test before unit_start */
    enum unit_manner manner;
    bool is_tcp;
    uint8_t key[FT_KEY_BYTES];
    char path[100]; /* of its socket; chosen by unit_start if empty */
    /* what it has seen */
    atomic_int connections, requests, cancels, posts, pings_answered;
    atomic_llong timeout_ms; /* of the latest request */
    char job[64];            /* of the latest Hello, as long as no test runs another one */
    int rank;
    /* its own */
    char host[128]; /* what to give to openFT */
    pthread_t thread;
    int listener, control[2];
    atomic_bool is_stalled, is_ending;
    struct unit_connection of[UNIT_CONNECTIONS_MAX];
    struct unit_later later[UNIT_LATER_MAX];
};

/* A folder for sockets, made once in a process and removed at its end. */
const char *unit_folder(void);

/* Starts it; fails the test if it cannot. The address is u->host. */
void unit_start(struct unit *u);
/* Hangs up on all and ends; the socket's file stays unless it is removed by unit_remove. */
void unit_stop(struct unit *u);
void unit_remove(struct unit *u);
void unit_resume(struct unit *u);
/* Sends a Ping to all clients. */
void unit_ping(struct unit *u);

/* Waits until a counter has a value, at most 5 s; fails the test otherwise. */
void unit_await(const char *what, atomic_int *counter, int value);
int64_t unit_now_ms(void);
int unit_count_fds(void);

#endif
