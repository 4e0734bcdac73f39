/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * disk.h - what a voter's store wants of the folder that it is in: one table, so that a simulated
 * disk can lose power in the middle of anything.
 *
 * Every change is on the disk when the call returns 0; one that fails, or that power is lost under,
 * may have been done in part only as each call says. Names are of plain files in the folder.
 * Failures: -1 with errno. Calls that change may come from a thread of the loop's pool, one at a
 * time, while `overwrite` comes from the loop's own.
 */
#ifndef FT_CENTRALD_DISK_H
#define FT_CENTRALD_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ft_disk {
    void *arg;
    int (*list)(void *arg, void (*visit)(void *to, const char *name), void *to);
    /* All of a file, the caller frees it. ENOENT. */
    int (*read)(void *arg, const char *name, uint8_t **bytes, size_t *n);
    /* A file as a whole: afterwards the old or the new, never a mixture. */
    int (*replace)(void *arg, const char *name, const void *bytes, size_t n);
    /* Bytes at the end of a file, which has `size` so far (0: it is made). In part: any part of
     * them. After a failure (ENOSPC) the file has `size` again. */
    int (*append)(void *arg, const char *name, uint64_t size, const void *bytes, size_t n);
    /* The first bytes of a file that is there and large enough. In part: any part. Needs no
     * room. */
    int (*overwrite)(void *arg, const char *name, const void *bytes, size_t n);
    int (*cut)(void *arg, const char *name, uint64_t size);
    int (*remove)(void *arg, const char *name); /* one that is not there is fine */
    /* The files that are `ours` go where nobody reads them again (a folder "lost-TIME"; the last
     * two are kept). Others, as the event log, stay. */
    int (*set_aside)(void *arg, bool (*ours)(const char *name));
    uint64_t (*room)(void *arg); /* bytes that may still be written; UINT64_MAX: not known */
};

/* A real folder; made, with mode 0700, if it is not there. One program at a time: another one that
 * has it open gives EBUSY. NULL: `why` says what is wrong. */
struct ft_disk *ft_disk_open(const char *folder, char *why, size_t size);
void ft_disk_close(struct ft_disk *disk); /* takes NULL */

#endif
