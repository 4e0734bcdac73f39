/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_line.h - a connection to a process that keeps state: the client's side.
 */
#ifndef FTM_KEEP_LINE_H
#define FTM_KEEP_LINE_H

#include "keep_wire.h"

/* Sockets that no child of this process is to have, since a peer would not see us end as long as
 * the child has them. At most FTM_KEEP_FDS_MAX; false beyond. */
#define FTM_KEEP_FDS_MAX 128
bool ftm_keep_fd_add(int fd);
void ftm_keep_fd_close(int fd);

struct ftm_keep_line {
    int fd;          /* -1: none */
    int stop_fd;     /* readable: give up (ECANCELED); -1: nothing can stop it */
    char node[FTM_KEEP_NODE_MAX]; /* of the peer */
};

#define FTM_KEEP_NO_LINE ((struct ftm_keep_line){.fd = -1, .stop_fd = -1})

/* Connects and proves. Bounded by deadline_ns (gone.h's clock), and some seconds of its own. 0, or
 * -1 with errno: ECONNREFUSED, ETIMEDOUT and the like; EACCES if the peer does not have the key;
 * ECANCELED. */
int ftm_keep_line_open(struct ftm_keep_line *line, const struct ftm_keep_card *card, int stop_fd,
                       int64_t deadline_ns);
void ftm_keep_line_close(struct ftm_keep_line *line);

/* All of it, or -1 with errno: ETIMEDOUT at the deadline, or after 10 s in which nothing moved;
 * ECONNRESET when the peer is gone; ECANCELED. */
int ftm_keep_line_send(struct ftm_keep_line *line, const void *bytes, size_t n,
                       int64_t deadline_ns);
int ftm_keep_line_receive(struct ftm_keep_line *line, void *bytes, size_t n, int64_t deadline_ns);

/* Sends one frame, and receives the one that answers it. */
int ftm_keep_line_ask(struct ftm_keep_line *line, const struct ftm_keep_frame *frame,
                      struct ftm_keep_frame *answer, int64_t deadline_ns);

/* What of `rank` is there: at most FTM_KEEP_GENERATIONS (keep_store.h) frames, the newest first.
 * Returns how many, or -1. */
int ftm_keep_line_list(struct ftm_keep_line *line, int rank, uint32_t speaker,
                       struct ftm_keep_frame found[], int64_t deadline_ns);

/* Has an image kept. 0, or -1 with errno as above, or: ESTALE, ENOMEM, EILSEQ (damaged on the way),
 * EBADMSG. */
int ftm_keep_line_put(struct ftm_keep_line *line, const struct ftm_keep_image *image,
                      uint32_t speaker, int64_t deadline_ns);

/* Fetches the image that a frame of _list names. NULL with errno as above; EILSEQ: its checksum is
 * wrong, and *damaged (unless NULL) gets the name of the buffer. */
struct ftm_keep_image *ftm_keep_line_get(struct ftm_keep_line *line,
                                         const struct ftm_keep_frame *which, uint32_t speaker,
                                         char damaged[FTM_KEEP_NAME_MAX], int64_t deadline_ns);

/* What a socket between ranks needs: no delay, no child, a peer without power noticed in seconds.
 * */
void ftm_keep_socket_tune(int fd);

#endif
