/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_sender.h - this process's own commits, and the thread that brings them to the partner.
 */
#ifndef FTM_KEEP_SENDER_H
#define FTM_KEEP_SENDER_H

#include "keep_image.h"
#include "keep_places.h"

struct ftm_keep_sender;

/* NULL with errno. */
struct ftm_keep_sender *ftm_keep_sender_create(const struct ftm_keep_who *who);
/* Ends the thread: what is not at the partner yet is lost. Takes NULL. */
void ftm_keep_sender_destroy(struct ftm_keep_sender *sender);

/* From PMIx's thread: a process is lost. If it is the partner that is known at once; TCP would need
 * seconds to find out about a node without power. */
void ftm_keep_sender_died(const pmix_proc_t *proc);

/* The next commits will look like this: memory for them is made ready meanwhile. */
void ftm_keep_sender_expect(struct ftm_keep_sender *sender, const struct ftm_keep_entry entries[],
                            uint32_t n);

/* Memory for a commit. First waits until the one before it is settled: whole at the partner, or
 * known not to get there. NULL with errno ENOMEM or EFBIG. */
struct ftm_keep_image *ftm_keep_sender_room(struct ftm_keep_sender *sender,
                                            const struct ftm_keep_entry entries[], uint32_t n);

/* A commit, its data in place (`from` NULL), or to be copied from these addresses by the thread.
 * Takes the image over. */
void ftm_keep_sender_commit(struct ftm_keep_sender *sender, struct ftm_keep_image *image,
                            int version, const void *const from[]);
/* Waits until the thread has read those addresses. */
void ftm_keep_sender_await_copy(struct ftm_keep_sender *sender);

enum ftm_keep_outcome {
    FTM_KEEP_WHOLE,   /* at the partner; or there was no commit */
    FTM_KEEP_FAILED,  /* nobody takes it; the thread goes on trying */
    FTM_KEEP_REPLACED, /* another process has this rank's place */
    FTM_KEEP_UNDER_WAY
};

/* What became of the latest commit, waiting until it is settled or deadline_ns. `why` gets the
 * reason for what is not WHOLE. */
enum ftm_keep_outcome ftm_keep_sender_await(struct ftm_keep_sender *sender, int64_t deadline_ns,
                                            char *why, size_t size);

/* One of the process's own commits, for the caller to drop; NULL if it does not have it. */
struct ftm_keep_image *ftm_keep_sender_own(struct ftm_keep_sender *sender, int version);

/* The state is that of this image again (own, or fetched): newer ones were never to be. Takes one
 * use of the image over. 0, or -1 with errno ENOMEM. */
int ftm_keep_sender_go_back(struct ftm_keep_sender *sender, struct ftm_keep_image *image);

/* What this process has of its own, and who has the newest of it, too. */
struct ftm_keep_safe {
    int partner; /* -1: nobody now */
    enum ftm_keep_distance distance;
    char node[FTM_KEEP_NODE_MAX];
    int versions[2], versions_n; /* the newest first */
    uint64_t bytes; /* of the newest */
};
void ftm_keep_sender_safe(struct ftm_keep_sender *sender, struct ftm_keep_safe *safe);

#endif
