/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_image.h - one commit of one rank: all its named buffers, as they were at one moment.
 */
#ifndef FTM_KEEP_IMAGE_H
#define FTM_KEEP_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FTM_KEEP_NAME_MAX 64     /* bytes of a buffer's name, its 0 included; as in ftmpi.h */
#define FTM_KEEP_BUFFERS_MAX 256
#define FTM_KEEP_ENTRY_BYTES 80  /* of a buffer's line in a packed manifest */
#define FTM_KEEP_BYTES_MAX (UINT64_C(1) << 46) /* of an image: more is nonsense from the network */

struct ftm_keep_entry {
    char name[FTM_KEEP_NAME_MAX];
    uint64_t bytes;
    uint32_t sum;    /* once the image is summed */
    uint64_t offset; /* in the image's data, a multiple of 64: follows from the sizes before it */
};

/* Commits of a rank are told apart, and ordered, by (epoch, serial). */
struct ftm_keep_image {
    int rank;        /* whose */
    int version;     /* as the application calls it; >= 0 */
    uint32_t epoch;  /* how many processes the rank has had before this one */
    uint64_t serial; /* of that process's commits, and those that it began from */
    bool summed;     /* atomic: its checksums are those of its data; see is_summed */
    uint32_t n;
    struct ftm_keep_entry *entries; /* n of them */
    uint64_t bytes;                 /* of data, padding included */
    unsigned char *data;            /* not inherited by a child of this process */
    int users;                      /* see hold and drop; atomic */
};

/* An image with room for these buffers; name and bytes of the entries are read. Its data is zero.
 * NULL with errno ENOMEM or EFBIG. The caller is its first user. */
struct ftm_keep_image *ftm_keep_image_create(const struct ftm_keep_entry entries[], uint32_t n);

/* One user more; one less: the last one frees it. Drop takes NULL. */
struct ftm_keep_image *ftm_keep_image_hold(struct ftm_keep_image *image);
void ftm_keep_image_drop(struct ftm_keep_image *image);
bool ftm_keep_image_is_shared(const struct ftm_keep_image *image);

/* Has memory behind all of it now, so that the first copy into it is as fast as any other. */
void ftm_keep_image_populate(struct ftm_keep_image *image);

/* The same names and sizes in the same order. */
bool ftm_keep_image_fits(const struct ftm_keep_image *image, const struct ftm_keep_entry entries[],
                         uint32_t n);

const struct ftm_keep_entry *ftm_keep_image_find(const struct ftm_keep_image *image,
                                                 const char *name);

/* Takes the checksums; holds the data against them: NULL if all are right, else the first entry
 * that is damaged. */
void ftm_keep_image_sum(struct ftm_keep_image *image);
void ftm_keep_image_set_summed(struct ftm_keep_image *image, bool summed);
bool ftm_keep_image_is_summed(const struct ftm_keep_image *image);
const struct ftm_keep_entry *ftm_keep_image_damage(const struct ftm_keep_image *image);

/* Is a newer than b? By epoch, then serial. */
bool ftm_keep_image_is_newer(const struct ftm_keep_image *a, const struct ftm_keep_image *b);

/* The manifest as it travels: FTM_KEEP_ENTRY_BYTES a buffer. Reading gives -1 with errno EBADMSG
 * for what cannot be one. */
void ftm_keep_manifest_write(const struct ftm_keep_image *image, unsigned char *bytes);
int ftm_keep_manifest_read(const unsigned char *bytes, uint32_t n, struct ftm_keep_entry entries[]);

#endif
