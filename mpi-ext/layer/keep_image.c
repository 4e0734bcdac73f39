/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_image.c - one commit of one rank: all its named buffers, as they were at one moment.
 *
 * A rank makes one at each commit (keep.c), its sender sums it and sends it (keep_sender.c), its
 * partner keeps it (keep_server.c, keep_store.c), a replacement fetches it (keep_fetch.c). It is
 * shared between threads by a count of its users and not changed any more once it is summed.
 *
 * The data of all buffers is one piece of memory, each beginning at a multiple of 64, and travels
 * as one piece. It is marked as not to be inherited: a program that the application starts should
 * not pay for gigabytes that it never looks at.
 */
#include "config.h"

#include "keep_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "keep_sum.h"

#define ALIGN_BYTES 64

/* ---------------------------------------------------------------- life */

/* Sets the offsets. Returns the size of all, 0 if it is too large (an empty one has ALIGN_BYTES).
 * */
static uint64_t lay_out(struct ftm_keep_entry entries[], uint32_t n)
{
    uint64_t at = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (entries[i].bytes > FTM_KEEP_BYTES_MAX - at)
            return 0;
        entries[i].offset = at;
        at += (entries[i].bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
        if (at > FTM_KEEP_BYTES_MAX)
            return 0;
    }
    return at > 0 ? at : ALIGN_BYTES;
}

static unsigned char *map(uint64_t bytes)
{
    void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (data == MAP_FAILED)
        return NULL;
    madvise(data, bytes, MADV_DONTFORK);
    madvise(data, bytes, MADV_HUGEPAGE); /* a wish: fewer faults */
    return data;
}

struct ftm_keep_image *ftm_keep_image_create(const struct ftm_keep_entry entries[], uint32_t n)
{
    struct ftm_keep_image *image = calloc(1, sizeof *image);
    int error = ENOMEM;

    if (!image)
        return NULL;
    image->users = 1;
    image->n = n;
    image->entries = calloc(n > 0 ? n : 1, sizeof *image->entries);
    if (!image->entries)
        goto error;
    if (n > 0)
        memcpy(image->entries, entries, n * sizeof *entries);
    image->bytes = lay_out(image->entries, n);
    if (image->bytes == 0) {
        error = EFBIG;
        goto error;
    }
    image->data = map(image->bytes);
    if (image->data)
        return image;
error:
    ftm_keep_image_drop(image);
    errno = error;
    return NULL;
}

struct ftm_keep_image *ftm_keep_image_hold(struct ftm_keep_image *image)
{
    __atomic_add_fetch(&image->users, 1, __ATOMIC_RELAXED);
    return image;
}

void ftm_keep_image_drop(struct ftm_keep_image *image)
{
    int before = errno;

    if (!image || __atomic_sub_fetch(&image->users, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (image->data)
        munmap(image->data, image->bytes);
    free(image->entries);
    free(image);
    errno = before;
}

bool ftm_keep_image_is_shared(const struct ftm_keep_image *image)
{
    return __atomic_load_n(&image->users, __ATOMIC_ACQUIRE) > 1;
}

void ftm_keep_image_populate(struct ftm_keep_image *image)
{
#ifdef MADV_POPULATE_WRITE
    if (madvise(image->data, image->bytes, MADV_POPULATE_WRITE) == 0)
        return;
#endif
    for (uint64_t at = 0; at < image->bytes; at += 4096)
        ((volatile unsigned char *) image->data)[at] = 0;
}

/* ---------------------------------------------------------------- what is in it */

bool ftm_keep_image_fits(const struct ftm_keep_image *image, const struct ftm_keep_entry entries[],
                         uint32_t n)
{
    if (image->n != n)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (image->entries[i].bytes != entries[i].bytes
            || strcmp(image->entries[i].name, entries[i].name) != 0)
            return false;
    return true;
}

const struct ftm_keep_entry *ftm_keep_image_find(const struct ftm_keep_image *image,
                                                 const char *name)
{
    for (uint32_t i = 0; i < image->n; i++)
        if (strcmp(image->entries[i].name, name) == 0)
            return &image->entries[i];
    return NULL;
}

static uint32_t sum_of(const struct ftm_keep_image *image, const struct ftm_keep_entry *entry)
{
    return ftm_keep_sum(0, image->data + entry->offset, entry->bytes);
}

void ftm_keep_image_sum(struct ftm_keep_image *image)
{
    for (uint32_t i = 0; i < image->n; i++)
        image->entries[i].sum = sum_of(image, &image->entries[i]);
    ftm_keep_image_set_summed(image, true);
}

/* One thread sums, while another may be about to hold the data against what it finds there. */
void ftm_keep_image_set_summed(struct ftm_keep_image *image, bool summed)
{
    __atomic_store_n(&image->summed, summed, __ATOMIC_RELEASE);
}

bool ftm_keep_image_is_summed(const struct ftm_keep_image *image)
{
    return __atomic_load_n(&image->summed, __ATOMIC_ACQUIRE);
}

const struct ftm_keep_entry *ftm_keep_image_damage(const struct ftm_keep_image *image)
{
    for (uint32_t i = 0; i < image->n; i++)
        if (image->entries[i].sum != sum_of(image, &image->entries[i]))
            return &image->entries[i];
    return NULL;
}

bool ftm_keep_image_is_newer(const struct ftm_keep_image *a, const struct ftm_keep_image *b)
{
    return a->epoch != b->epoch ? a->epoch > b->epoch : a->serial > b->serial;
}

/* ---------------------------------------------------------------- the manifest as it travels */

static void put_le(unsigned char *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (unsigned char) (value >> (8 * i));
}

static uint64_t get_le(const unsigned char *from, int bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes; i++)
        value |= (uint64_t) from[i] << (8 * i);
    return value;
}

/* name (64, zeros behind it) | size (8) | checksum (4) | zero (4) */
void ftm_keep_manifest_write(const struct ftm_keep_image *image, unsigned char *bytes)
{
    memset(bytes, 0, (size_t) image->n * FTM_KEEP_ENTRY_BYTES);
    for (uint32_t i = 0; i < image->n; i++, bytes += FTM_KEEP_ENTRY_BYTES) {
        memcpy(bytes, image->entries[i].name, strlen(image->entries[i].name));
        put_le(bytes + FTM_KEEP_NAME_MAX, image->entries[i].bytes, 8);
        put_le(bytes + FTM_KEEP_NAME_MAX + 8, image->entries[i].sum, 4);
    }
}

int ftm_keep_manifest_read(const unsigned char *bytes, uint32_t n, struct ftm_keep_entry entries[])
{
    memset(entries, 0, n * sizeof *entries);
    for (uint32_t i = 0; i < n; i++, bytes += FTM_KEEP_ENTRY_BYTES) {
        memcpy(entries[i].name, bytes, FTM_KEEP_NAME_MAX);
        entries[i].bytes = get_le(bytes + FTM_KEEP_NAME_MAX, 8);
        entries[i].sum = (uint32_t) get_le(bytes + FTM_KEEP_NAME_MAX + 8, 4);
        if (entries[i].name[0] == '\0' || entries[i].name[FTM_KEEP_NAME_MAX - 1] != '\0'
            || entries[i].bytes > FTM_KEEP_BYTES_MAX) {
            errno = EBADMSG;
            return -1;
        }
    }
    return 0;
}
