/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep.c - FTMPI_Keep, FTMPI_Commit, FTMPI_Fetch: state for the replacement.
 *
 * An application names buffers, and now and then commits all of them. A commit is copied here, in
 * the application's own thread (or by ours, if it promises not to touch them), and brought to the
 * partner's memory behind its back (keep_sender.c, keep_server.c). A process that takes the place
 * of a lost one names the same buffers and fetches.
 *
 *     FTMPI_Keep     the table of names here; the first call starts the two threads
 *     FTMPI_Commit   keep_sender_room, memcpy, keep_sender_commit
 *     FTMPI_Fetch    own memory, else keep_search; checked, then copied into all buffers or none
 *
 * FTMPI_Fetch_common, the one that calls MPI, is in keep_common.c: no lock is held there.
 *
 * A process that never calls FTMPI_Keep has no thread, no port and no memory of this. One lock
 * around each call: they are few, and a commit of two threads at once would be nobody's wish.
 * A child of fork never comes here (preload.c).
 */
#include "config.h"

#include "keep.h"

#include <errno.h>
#include <mpi-ext.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gone.h"
#include "keep_common.h"
#include "keep_search.h"
#include "keep_sender.h"
#include "keep_server.h"

_Static_assert(FTMPI_KEEP_NAME_MAX == FTM_KEEP_NAME_MAX, "names");
_Static_assert(FTMPI_KEEP_BUFFERS_MAX == FTM_KEEP_BUFFERS_MAX, "buffers");
_Static_assert(FTMPI_LATEST == FTM_KEEP_LATEST, "latest");
_Static_assert(FTMPI_KEEP_OTHER_RACK == (int) FTM_KEEP_OTHER_RACK, "distances");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread char why[FT_TEXT_MAX];

/* All under the lock: */
static bool is_begun;
static struct ftm_keep_who who;
static struct ftm_keep_server *server;
static struct ftm_keep_sender *sender;
static struct ftm_keep_places *places; /* for fetching; made when needed */
static struct ftm_keep_entry entries[FTM_KEEP_BUFFERS_MAX];
static void *buffers[FTM_KEEP_BUFFERS_MAX];
static uint32_t n;
static struct ftm_keep_image *others; /* another rank's, fetched last */
static struct ftm_keep_image *got;    /* the own rank's, not taken yet */

static int fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(int error, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    return error;
}

int ftm_keep_fail(int error, const char *words)
{
    return fail(error, "%s", words);
}

static const char *last_error(void)
{
    return why;
}

/* ---------------------------------------------------------------- life */

static void end(void)
{
    ftm_keep_sender_destroy(sender);
    ftm_keep_server_destroy(server);
    ftm_keep_places_destroy(places);
    ftm_keep_image_drop(others);
    ftm_keep_image_drop(got);
    sender = NULL;
    server = NULL;
    places = NULL;
    others = NULL;
    got = NULL;
    n = 0;
    is_begun = false;
}

void ftm_keep_end(void)
{
    pthread_mutex_lock(&lock);
    if (is_begun)
        end();
    pthread_mutex_unlock(&lock);
}

static int begin(void)
{
    struct ftm_keep_card card;
    int rc = MPI_SUCCESS;

    if (!ftm_keep_who(&who, why, sizeof why))
        return MPI_ERR_OTHER;
    server = ftm_keep_server_create(&card);
    if (!server)
        return fail(MPI_ERR_OTHER, "no port could be opened to keep other ranks' state: %s",
                    strerror(errno));
    is_begun = true;
    ftm_keep_own_node(card.node);
    if (ftm_keep_publish(&who, &card, why, sizeof why) != 0)
        rc = MPI_ERR_OTHER;
    memset(card.key, 0, sizeof card.key);
    if (rc == MPI_SUCCESS && !(sender = ftm_keep_sender_create(&who)))
        rc = fail(MPI_ERR_OTHER, "the thread that sends commits could not be started: %s",
                  strerror(errno));
    if (rc != MPI_SUCCESS)
        end();
    return rc;
}

/* With the lock held: everything is up. */
static int need_all(void)
{
    return is_begun ? MPI_SUCCESS : begin();
}

static int check_time(ftTimeout_t T)
{
    return T >= 0 || T == FT_FOREVER ? MPI_SUCCESS
                                     : fail(MPI_ERR_ARG, "a time of %lld ms", (long long) T);
}

/* ---------------------------------------------------------------- names */

static uint32_t index_of(const char *name)
{
    uint32_t i = 0;

    while (i < n && strcmp(entries[i].name, name) != 0)
        i++;
    return i;
}

static int check_name(const char *name)
{
    size_t length = name ? strlen(name) : 0;

    return length > 0 && length < FTM_KEEP_NAME_MAX
        ? MPI_SUCCESS
        : fail(MPI_ERR_ARG, "a buffer's name has 1 to %d bytes", FTM_KEEP_NAME_MAX - 1);
}

static void forget(uint32_t i)
{
    for (; i + 1 < n; i++) {
        entries[i] = entries[i + 1];
        buffers[i] = buffers[i + 1];
    }
    n--;
}

static int set_buffer(const char *name, void *buffer, size_t bytes)
{
    uint32_t i = index_of(name);

    ftm_keep_sender_await_copy(sender); /* of a commit that was begun: it reads where they were */
    if (!buffer) {
        if (i == n)
            return fail(MPI_ERR_ARG, "no buffer \"%s\" is kept", name);
        forget(i);
    } else {
        if (i == FTM_KEEP_BUFFERS_MAX)
            return fail(MPI_ERR_ARG, "more than %d buffers", FTM_KEEP_BUFFERS_MAX);
        memset(&entries[i], 0, sizeof entries[i]);
        memcpy(entries[i].name, name, strlen(name));
        entries[i].bytes = bytes;
        buffers[i] = buffer;
        n += i == n;
    }
    ftm_keep_sender_expect(sender, entries, n);
    return MPI_SUCCESS;
}

static int keep(const char *name, void *buffer, size_t bytes)
{
    int rc;

    if (!name && (buffer || bytes > 0))
        return fail(MPI_ERR_ARG, "a buffer without a name");
    if (name && (rc = check_name(name)) != MPI_SUCCESS)
        return rc;
    if ((uint64_t) bytes > FTM_KEEP_BYTES_MAX || (!buffer && bytes > 0))
        return fail(MPI_ERR_ARG, "buffer \"%s\" of %zu bytes at %p", name, bytes, buffer);
    pthread_mutex_lock(&lock);
    rc = need_all();
    if (rc == MPI_SUCCESS && name)
        rc = set_buffer(name, buffer, bytes);
    pthread_mutex_unlock(&lock);
    return rc;
}

/* ---------------------------------------------------------------- commits */

/* Other ranks go back and come further as this one does: what one of them has had as a version may
 * be something else then. */
static void drop_others(void)
{
    ftm_keep_image_drop(others);
    others = NULL;
}

static int error_of(enum ftm_keep_outcome outcome)
{
    return outcome == FTM_KEEP_WHOLE      ? MPI_SUCCESS
        : outcome == FTM_KEEP_UNDER_WAY ? MPI_ERR_PENDING
        : outcome == FTM_KEEP_REPLACED  ? MPIX_ERR_PROC_FAILED
                                        : MPI_ERR_OTHER;
}

/* With the lock held. The answer is that of the commit before. */
static int hand_over(int version, bool by_thread)
{
    struct ftm_keep_image *image = ftm_keep_sender_room(sender, entries, n);
    int before;

    if (!image)
        return fail(MPI_ERR_NO_MEM, "no memory for a copy of version %d: %s", version,
                    strerror(errno));
    before = error_of(ftm_keep_sender_await(sender, 0, why, sizeof why));
    if (before == MPIX_ERR_PROC_FAILED) {
        ftm_keep_image_drop(image);
        return before;
    }
    if (!by_thread)
        for (uint32_t i = 0; i < n; i++)
            if (entries[i].bytes > 0)
                memcpy(image->data + image->entries[i].offset, buffers[i], entries[i].bytes);
    ftm_keep_sender_commit(sender, image, version,
                           by_thread ? (const void *const *) buffers : NULL);
    return before;
}

static int commit_in(int version, bool by_thread)
{
    int rc;

    if (version < 0)
        return fail(MPI_ERR_ARG, "version %d: versions are 0 or more", version);
    pthread_mutex_lock(&lock);
    rc = need_all();
    if (rc == MPI_SUCCESS)
        drop_others();
    if (rc == MPI_SUCCESS && n == 0)
        rc = fail(MPI_ERR_ARG, "there is nothing to commit: name buffers by FTMPI_Keep first");
    if (rc == MPI_SUCCESS)
        rc = hand_over(version, by_thread);
    pthread_mutex_unlock(&lock);
    return rc;
}

static int commit(int version)
{
    return commit_in(version, false);
}

static int commit_begin(int version)
{
    return commit_in(version, true);
}

static int commit_end(void)
{
    int rc;

    pthread_mutex_lock(&lock);
    rc = need_all();
    if (rc == MPI_SUCCESS)
        ftm_keep_sender_await_copy(sender);
    pthread_mutex_unlock(&lock);
    return rc;
}

static int commit_wait(ftTimeout_t T)
{
    int64_t deadline_ns = ftm_deadline_ns(T);
    int rc = check_time(T);

    if (rc != MPI_SUCCESS)
        return rc;
    pthread_mutex_lock(&lock);
    rc = need_all();
    if (rc == MPI_SUCCESS)
        rc = error_of(ftm_keep_sender_await(sender, deadline_ns, why, sizeof why));
    pthread_mutex_unlock(&lock);
    return rc;
}

/* ---------------------------------------------------------------- fetching */

static int need_places(void)
{
    if (!places)
        places = ftm_keep_places_create(&who);
    return places ? MPI_SUCCESS : fail(MPI_ERR_NO_MEM, "out of memory");
}

static int search_error(void)
{
    switch (errno) {
    case ENOENT:
        return MPIX_ERR_PROC_FAILED;
    case ESTALE:
        return MPIX_ERR_PROC_FAILED;
    case ETIMEDOUT:
        return MPI_ERR_PENDING;
    case ENOMEM:
        return MPI_ERR_NO_MEM;
    default:
        return MPI_ERR_OTHER;
    }
}

/* An image of this process's rank, to be dropped: from its own memory, or from where it is kept. */
static int own_image(int version, int64_t deadline_ns, struct ftm_keep_image **image)
{
    int rc;

    *image = ftm_keep_sender_own(sender, version);
    if (*image && ftm_keep_image_is_summed(*image) && ftm_keep_image_damage(*image)) {
        ftm_keep_image_drop(*image); /* this node's memory is bad: the partner has it, too */
        *image = NULL;
    }
    if (*image)
        return MPI_SUCCESS;
    rc = need_places();
    if (rc != MPI_SUCCESS)
        return rc;
    *image = ftm_keep_search(&who, places, who.rank, version, deadline_ns, why, sizeof why);
    return *image ? MPI_SUCCESS : search_error();
}

static int check_fit(const struct ftm_keep_image *image)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct ftm_keep_entry *entry = ftm_keep_image_find(image, entries[i].name);

        if (!entry)
            return fail(MPI_ERR_TRUNCATE, "version %d of rank %d has no buffer \"%s\"",
                        image->version, image->rank, entries[i].name);
        if (entry->bytes != entries[i].bytes)
            return fail(MPI_ERR_TRUNCATE,
                        "buffer \"%s\" of rank %d has %llu bytes in version %d, and %llu here",
                        entries[i].name, image->rank, (unsigned long long) entry->bytes,
                        image->version, (unsigned long long) entries[i].bytes);
    }
    return MPI_SUCCESS;
}

static void copy_out(const struct ftm_keep_image *image)
{
    for (uint32_t i = 0; i < n; i++)
        if (entries[i].bytes > 0)
            memcpy(buffers[i],
                   image->data + ftm_keep_image_find(image, entries[i].name)->offset,
                   entries[i].bytes);
}

static void drop_got(void)
{
    ftm_keep_image_drop(got);
    got = NULL;
}

/* With the lock held: one that fits the buffers. */
static int get_in(int version, int64_t deadline_ns)
{
    int rc;

    drop_got();
    rc = own_image(version, deadline_ns, &got);
    if (rc == MPI_SUCCESS)
        rc = check_fit(got);
    if (rc != MPI_SUCCESS)
        drop_got();
    return rc;
}

static int take_in(void)
{
    struct ftm_keep_image *image = got;

    got = NULL;
    drop_others();
    copy_out(image);
    return ftm_keep_sender_go_back(sender, image) == 0 ? MPI_SUCCESS
                                                       : fail(MPI_ERR_NO_MEM, "out of memory");
}

static int need_buffers(void)
{
    int rc = need_all();

    if (rc == MPI_SUCCESS && n == 0)
        rc = fail(MPI_ERR_ARG, "there is nothing to fetch into: name buffers by FTMPI_Keep first");
    return rc;
}

static int fetch(int version, ftTimeout_t T, int *fetched)
{
    int64_t deadline_ns = ftm_deadline_ns(T);
    int rc = check_time(T);

    if (rc != MPI_SUCCESS)
        return rc;
    if (version < FTM_KEEP_LATEST)
        return fail(MPI_ERR_ARG, "version %d", version);
    pthread_mutex_lock(&lock);
    rc = need_buffers();
    if (rc == MPI_SUCCESS)
        rc = get_in(version, deadline_ns);
    if (rc == MPI_SUCCESS && fetched)
        *fetched = got->version;
    if (rc == MPI_SUCCESS)
        rc = take_in();
    pthread_mutex_unlock(&lock);
    return rc;
}

int ftm_keep_get(int version, int64_t deadline_ns)
{
    int rc;

    pthread_mutex_lock(&lock);
    rc = need_buffers();
    if (rc == MPI_SUCCESS)
        rc = get_in(version, deadline_ns);
    pthread_mutex_unlock(&lock);
    return rc;
}

int ftm_keep_take(void)
{
    int rc;

    pthread_mutex_lock(&lock);
    rc = need_buffers();
    if (rc == MPI_SUCCESS)
        rc = got ? take_in() : fail(MPI_ERR_OTHER, "no commit was got before");
    pthread_mutex_unlock(&lock);
    return rc;
}

/* An image of any rank, to be dropped. */
static int any_image(int rank, int version, int64_t deadline_ns, struct ftm_keep_image **image)
{
    int rc;

    if (rank == who.rank)
        return own_image(version, deadline_ns, image);
    if (others && others->rank == rank && others->version == version) {
        *image = ftm_keep_image_hold(others);
        return MPI_SUCCESS;
    }
    rc = need_places();
    if (rc != MPI_SUCCESS)
        return rc;
    *image = ftm_keep_search(&who, places, rank, version, deadline_ns, why, sizeof why);
    if (!*image)
        return search_error();
    ftm_keep_image_drop(others);
    others = ftm_keep_image_hold(*image);
    return MPI_SUCCESS;
}

static int take_buffer(const struct ftm_keep_image *image, const char *name, void *buffer,
                       size_t *bytes)
{
    const struct ftm_keep_entry *entry = ftm_keep_image_find(image, name);
    size_t room = *bytes;

    if (!entry)
        return fail(MPI_ERR_TRUNCATE, "version %d of rank %d has no buffer \"%s\"", image->version,
                    image->rank, name);
    *bytes = (size_t) entry->bytes;
    if (!buffer)
        return MPI_SUCCESS;
    if (room < entry->bytes)
        return fail(MPI_ERR_TRUNCATE,
                    "buffer \"%s\" of rank %d has %zu bytes; there is room for %zu", name,
                    image->rank, *bytes, room);
    memcpy(buffer, image->data + entry->offset, *bytes);
    return MPI_SUCCESS;
}

static int fetch_buffer(int rank, const char *name, int version, void *buffer, size_t *bytes,
                        ftTimeout_t T)
{
    int64_t deadline_ns = ftm_deadline_ns(T);
    struct ftm_keep_image *image;
    int rc = check_time(T);

    if (rc == MPI_SUCCESS)
        rc = check_name(name);
    if (rc != MPI_SUCCESS)
        return rc;
    if (!bytes || version < FTM_KEEP_LATEST)
        return fail(MPI_ERR_ARG, "version %d, or no place for the size", version);
    pthread_mutex_lock(&lock);
    rc = need_all();
    if (rc == MPI_SUCCESS && (rank < 0 || rank >= who.n))
        rc = fail(MPI_ERR_ARG, "rank %d of %d", rank, who.n);
    if (rc == MPI_SUCCESS)
        rc = any_image(rank, version, deadline_ns, &image);
    if (rc == MPI_SUCCESS) {
        rc = take_buffer(image, name, buffer, bytes);
        ftm_keep_image_drop(image);
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

/* ---------------------------------------------------------------- what there is */

static void describe_own(FTMPI_Kept_t *kept)
{
    struct ftm_keep_safe safe;

    ftm_keep_sender_safe(sender, &safe);
    kept->partner = safe.partner;
    kept->distance = safe.partner >= 0 ? (int) safe.distance : -1;
    snprintf(kept->node, sizeof kept->node, "%s", safe.node);
    kept->versions_n = safe.versions_n;
    for (int i = 0; i < safe.versions_n; i++)
        kept->versions[i] = safe.versions[i];
    kept->bytes = safe.bytes;
}

static int describe_offers(FTMPI_Kept_t *kept, int64_t deadline_ns)
{
    struct ftm_keep_offer offers[FTM_KEEP_OFFERS_MAX];
    int found, rc = need_places();

    if (rc != MPI_SUCCESS)
        return rc;
    found = ftm_keep_survey(&who, places, kept->rank, offers, deadline_ns, why, sizeof why);
    if (found < 0)
        return search_error();
    if (found == 0)
        return MPIX_ERR_PROC_FAILED;
    kept->partner = offers[0].holder;
    kept->distance = -1;
    snprintf(kept->node, sizeof kept->node, "%s", offers[0].node);
    kept->bytes = offers[0].image.bytes;
    for (int i = 0; i < found && kept->versions_n < FTM_KEEP_GENERATIONS; i++)
        if (i == 0 || offers[i].image.serial != offers[i - 1].image.serial)
            kept->versions[kept->versions_n++] = offers[i].image.version;
    return MPI_SUCCESS;
}

/* With the lock held. */
static int describe(FTMPI_Kept_t *kept, int rank, int64_t deadline_ns)
{
    int rc = need_all();

    memset(kept, 0, sizeof *kept);
    kept->partner = -1;
    for (int i = 0; i < FTM_KEEP_GENERATIONS; i++)
        kept->versions[i] = -1;
    kept->rank = rank < 0 ? who.rank : rank;
    if (rc == MPI_SUCCESS && rank >= who.n)
        rc = fail(MPI_ERR_ARG, "rank %d of %d", rank, who.n);
    if (rc == MPI_SUCCESS && kept->rank == who.rank)
        describe_own(kept);
    if (rc == MPI_SUCCESS && kept->versions_n == 0)
        rc = describe_offers(kept, deadline_ns);
    return rc;
}

static int kept_of(int rank, ftTimeout_t T, FTMPI_Kept_t *kept)
{
    int64_t deadline_ns = ftm_deadline_ns(T);
    int rc = check_time(T);

    if (rc != MPI_SUCCESS)
        return rc;
    if (!kept)
        return fail(MPI_ERR_ARG, "no place for the answer");
    pthread_mutex_lock(&lock);
    rc = describe(kept, rank, deadline_ns);
    pthread_mutex_unlock(&lock);
    return rc;
}

int ftm_keep_newest(int limit, int64_t deadline_ns, int *version)
{
    FTMPI_Kept_t kept;
    int rc;

    *version = -1;
    pthread_mutex_lock(&lock);
    rc = need_buffers();
    if (rc == MPI_SUCCESS)
        rc = describe(&kept, -1, deadline_ns);
    if (rc == MPI_SUCCESS) {
        for (int i = kept.versions_n - 1; i >= 0; i--)
            if (kept.versions[i] <= limit)
                *version = kept.versions[i];
        if (*version < 0)
            fail(MPI_ERR_OTHER, "the versions that are kept of rank %d are %d and %d", who.rank,
                 kept.versions[0], kept.versions[1]);
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

const struct ftm_keep_hooks ftm_keep_hooks = {
    .keep = keep,
    .commit = commit,
    .commit_begin = commit_begin,
    .commit_end = commit_end,
    .commit_wait = commit_wait,
    .fetch = fetch,
    .fetch_buffer = fetch_buffer,
    .kept = kept_of,
    .fetch_common = ftm_keep_fetch_common,
    .last_error = last_error,
};
