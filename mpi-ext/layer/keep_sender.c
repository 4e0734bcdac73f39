/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_sender.c - this process's own commits, and the thread that brings them to the partner.
 *
 * The application copies a commit into memory that is ready for it, hands it over and computes on
 * (keep.c). The thread takes the checksums, sends it, and waits for the partner's word that it
 * is whole there. keep_server.c says why a thread.
 *
 * What the thread does is one rule: make the partner have what we have, the newest first. So a new
 * partner, after the old one was lost, gets both generations at once, whether or not the
 * application commits again; and a replacement that fetched its state has it kept elsewhere, too.
 *
 *     partner   the first in our order (keep_partner.c) that lives, serves, has memory for it and
 *               is on another node; only if there is none, one on this node. It stays until it
 *               is lost: one that comes back is not returned to. At the start a partner that does
 *               not serve yet is waited for (GRACE_MS): all ranks start at the same time
 *     loss      seen while nothing is sent, too: the thread sleeps on the connection, which PMIx's
 *               news of a loss ends
 *     nobody    the commit has failed, which the application hears; the thread tries again, ever
 *               more slowly, and with each new commit
 *
 * The memory that the next commit goes into is that of the generation before the last
 * (keep_store.c); until there are two, and after the sizes have changed, the thread makes some
 * ready while the application computes, since a copy into new memory takes three times as long.
 *
 * One lock, held for moments only: never while something is sent, copied or summed.
 */
#include "config.h"

#include "keep_sender.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gone.h"
#include "keep_line.h"
#include "keep_search.h"
#include "keep_store.h"
#include "keep_thread.h"

#define GRACE_MS 3000       /* for a partner that does not serve yet, once */
#define GRACE_STEP_MS 20
#define SETTLE_MS 20        /* no memory is made ready while the application still names buffers */
#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS 10000
#define CANDIDATES_MAX 64   /* asked in one round */
#define SEND_MS 600000      /* one image; what stalls is given up long before */

struct key {
    uint32_t epoch;
    uint64_t serial;
};

struct partner {
    int rank; /* -1: none */
    pmix_proc_t proc;
    struct ftm_keep_line line;
    struct key has[FTM_KEEP_GENERATIONS];
    int has_n;
};

struct ftm_keep_sender {
    struct ftm_keep_who who;
    struct ftm_keep_places *places; /* the thread's */
    int *order;                     /* the thread's */
    bool *refused;                  /* the thread's: candidates of this round, by rank */
    int64_t grace_until_ns;         /* the thread's */
    int event_fd, stop_fd;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct ftm_keep_store *own;
    uint64_t serial;
    struct ftm_keep_image *handed;  /* to be copied by the thread */
    const void **handed_from;
    struct key failed;              /* the newest that nobody took */
    bool is_replaced;
    int64_t retry_ns;
    int retry_ms;
    char why[512];
    struct ftm_keep_entry *expected;
    uint32_t expected_n;
    int64_t prepare_ns;             /* when; 0: nothing to do */
    struct ftm_keep_image *ready[FTM_KEEP_GENERATIONS];
    bool went_back;                 /* the partner has to hear of it */
    struct partner partner;         /* written by the thread */
};

/* The one that hears of losses. Its lock is held for moments only, the sender's own inside. */
static pthread_mutex_t hearing_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ftm_keep_sender *hearing;

/* ---------------------------------------------------------------- small things */

static void wake_thread(struct ftm_keep_sender *sender)
{
    uint64_t one = 1;

    (void) !write(sender->event_fd, &one, sizeof one); /* full: it is awake anyway */
}

static bool has_key(const struct partner *partner, const struct ftm_keep_image *image)
{
    for (int i = 0; i < partner->has_n; i++)
        if (partner->has[i].epoch == image->epoch && partner->has[i].serial == image->serial)
            return true;
    return false;
}

static struct ftm_keep_image *own_at(const struct ftm_keep_sender *sender, int age)
{
    return ftm_keep_store_at(sender->own, sender->who.rank, age);
}

static bool is_safe(const struct ftm_keep_sender *sender, const struct ftm_keep_image *image)
{
    return sender->partner.rank >= 0 && has_key(&sender->partner, image);
}

static bool has_failed(const struct ftm_keep_sender *sender, const struct ftm_keep_image *image)
{
    const struct ftm_keep_image failed = {.epoch = sender->failed.epoch,
                                          .serial = sender->failed.serial};

    return failed.serial > 0 && !ftm_keep_image_is_newer(image, &failed);
}

static void timed_wait(struct ftm_keep_sender *sender, int64_t deadline_ns)
{
    struct timespec until = {.tv_sec = (time_t) (deadline_ns / 1000000000),
                             .tv_nsec = (long) (deadline_ns % 1000000000)};

    if (deadline_ns == FTM_NO_DEADLINE)
        pthread_cond_wait(&sender->changed, &sender->lock);
    else
        pthread_cond_timedwait(&sender->changed, &sender->lock, &until);
}

/* ---------------------------------------------------------------- the thread: partners */

static void lose_partner(struct ftm_keep_sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    ftm_keep_line_close(&sender->partner.line);
    sender->partner.rank = -1;
    sender->partner.has_n = 0;
    pthread_mutex_unlock(&sender->lock);
}

static void add_key(struct partner *partner, uint32_t epoch, uint64_t serial)
{
    if (partner->has_n == FTM_KEEP_GENERATIONS) {
        /* The oldest makes room, as it does at the partner. */
        int oldest = 0;

        for (int i = 1; i < partner->has_n; i++)
            if (partner->has[i].epoch < partner->has[oldest].epoch
                || (partner->has[i].epoch == partner->has[oldest].epoch
                    && partner->has[i].serial < partner->has[oldest].serial))
                oldest = i;
        partner->has[oldest] = partner->has[--partner->has_n];
    }
    partner->has[partner->has_n++] = (struct key){epoch, serial};
}

static void note_why(struct ftm_keep_sender *sender, const char *what, int rank, const char *node,
                     int error)
{
    pthread_mutex_lock(&sender->lock);
    snprintf(sender->why, sizeof sender->why, "rank %d on %s %s: %s", rank, node, what,
             error == ESTALE       ? "another process has this rank's place"
                 : error == ENOMEM ? "not enough memory there"
                 : error == EILSEQ ? "it was damaged on its way, twice"
                                   : strerror(error));
    sender->is_replaced |= error == ESTALE;
    pthread_mutex_unlock(&sender->lock);
}

/* Our partner from now on, unless it is on this node and `far` only will do. Returns 0; -1 with
 * errno: ENOENT if it may come yet. */
static int try_partner(struct ftm_keep_sender *sender, int rank, bool far)
{
    struct ftm_keep_frame found[FTM_KEEP_GENERATIONS];
    struct partner partner = {.rank = rank};
    int n;

    if (ftm_keep_call(&sender->who, rank, sender->stop_fd, &partner.line, &partner.proc,
                      FTM_NO_DEADLINE)
        != 0)
        return -1;
    if (far && ftm_keep_node_distance(partner.line.node) == FTM_KEEP_SAME_NODE) {
        ftm_keep_line_close(&partner.line);
        errno = EXDEV;
        return -1;
    }
    n = ftm_keep_line_list(&partner.line, sender->who.rank, sender->who.epoch, found,
                           FTM_NO_DEADLINE);
    if (n < 0) {
        int error = errno;

        note_why(sender, "cannot keep it", rank, partner.line.node, error);
        ftm_keep_line_close(&partner.line);
        errno = error;
        return -1;
    }
    for (int i = 0; i < n; i++)
        add_key(&partner, found[i].epoch, found[i].serial);
    pthread_mutex_lock(&sender->lock);
    sender->partner = partner;
    sender->went_back = true; /* what it has from before may be newer than our newest */
    pthread_cond_broadcast(&sender->changed); /* or be what somebody waits for */
    pthread_mutex_unlock(&sender->lock);
    if (!ftm_keep_is_gone(&partner.proc)) /* from here on ftm_keep_sender_died hears of it */
        return 0;
    lose_partner(sender);
    errno = ECONNRESET;
    return -1;
}

static bool is_stopped(const struct ftm_keep_sender *sender)
{
    struct pollfd polled = {.fd = sender->stop_fd, .events = POLLIN};

    return poll(&polled, 1, 0) > 0;
}

static void pause_ms(const struct ftm_keep_sender *sender, int ms)
{
    struct pollfd polled = {.fd = sender->stop_fd, .events = POLLIN};

    poll(&polled, 1, ms);
}

/* The first of the order that will do. False: none. */
static bool find_partner(struct ftm_keep_sender *sender, bool far)
{
    int tried = 0;

    for (int i = 0; i < sender->who.n - 1 && tried < CANDIDATES_MAX; i++) {
        int rank = sender->order[i];

        if (sender->refused[rank])
            continue;
        tried++;
        while (!is_stopped(sender) && !sender->is_replaced) {
            if (try_partner(sender, rank, far) == 0)
                return true;
            if (errno != ENOENT || ftm_now_ns() >= sender->grace_until_ns)
                break;
            pause_ms(sender, GRACE_STEP_MS);
        }
        if (is_stopped(sender) || sender->is_replaced)
            return false;
    }
    return false;
}

static bool have_partner(struct ftm_keep_sender *sender)
{
    if (sender->partner.rank >= 0)
        return true;
    if (sender->grace_until_ns == 0)
        sender->grace_until_ns = ftm_deadline_ns(GRACE_MS);
    return find_partner(sender, true) || find_partner(sender, false);
}

/* ---------------------------------------------------------------- the thread: work */

enum work { NOTHING, STOP, COPY, PREPARE, TELL_BACK, SEND };

/* What to do next; *image gets a use of the image for SEND, and TELL_BACK's. */
static enum work choose(struct ftm_keep_sender *sender, struct ftm_keep_image **image)
{
    enum work work = NOTHING;

    *image = NULL;
    if (is_stopped(sender))
        return STOP;
    pthread_mutex_lock(&sender->lock);
    if (sender->handed) {
        work = COPY;
    } else if (!sender->is_replaced && sender->went_back && sender->partner.rank >= 0
               && own_at(sender, 0)) {
        work = TELL_BACK;
        *image = ftm_keep_image_hold(own_at(sender, 0));
    } else if (!sender->is_replaced && ftm_now_ns() >= sender->retry_ns) {
        for (int age = 0; age < FTM_KEEP_GENERATIONS && !*image; age++)
            if (own_at(sender, age) && !is_safe(sender, own_at(sender, age)))
                *image = ftm_keep_image_hold(own_at(sender, age));
        work = *image ? SEND : NOTHING;
    }
    if (work == NOTHING && sender->prepare_ns > 0 && ftm_now_ns() >= sender->prepare_ns)
        work = PREPARE;
    pthread_mutex_unlock(&sender->lock);
    return work;
}

/* With the lock held. */
static void add_own(struct ftm_keep_sender *sender, struct ftm_keep_image *image)
{
    if (ftm_keep_store_add(sender->own, image) != 0) /* cannot be: room was made at the start */
        snprintf(sender->why, sizeof sender->why, "out of memory");
    sender->retry_ns = 0;
    pthread_cond_broadcast(&sender->changed);
}

static void copy(struct ftm_keep_sender *sender)
{
    struct ftm_keep_image *image = sender->handed;

    for (uint32_t i = 0; i < image->n; i++)
        if (image->entries[i].bytes > 0)
            memcpy(image->data + image->entries[i].offset, sender->handed_from[i],
                   image->entries[i].bytes);
    pthread_mutex_lock(&sender->lock);
    sender->handed = NULL;
    free(sender->handed_from);
    sender->handed_from = NULL;
    add_own(sender, image);
    pthread_mutex_unlock(&sender->lock);
}

/* Memory for the commits that no generation makes room for yet. */
static void prepare(struct ftm_keep_sender *sender)
{
    struct ftm_keep_image *image = NULL;
    struct ftm_keep_entry *entries = NULL;
    uint32_t n = 0;
    int wanted = 0, at = 0;

    pthread_mutex_lock(&sender->lock);
    for (int age = 0; age < FTM_KEEP_GENERATIONS; age++)
        wanted += !own_at(sender, age)
            || !ftm_keep_image_fits(own_at(sender, age), sender->expected, sender->expected_n);
    while (at < wanted && sender->ready[at])
        at++;
    if (at < wanted && sender->expected_n > 0) {
        n = sender->expected_n;
        entries = malloc(n * sizeof *entries);
        if (entries)
            memcpy(entries, sender->expected, n * sizeof *entries);
    }
    if (!entries)
        sender->prepare_ns = 0;
    pthread_mutex_unlock(&sender->lock);
    if (!entries)
        return;
    image = ftm_keep_image_create(entries, n);
    if (image)
        ftm_keep_image_populate(image);
    pthread_mutex_lock(&sender->lock);
    if (image && ftm_keep_image_fits(image, sender->expected, sender->expected_n)
        && !sender->ready[at]) {
        sender->ready[at] = image;
        image = NULL;
    } else if (!image) {
        sender->prepare_ns = 0; /* a commit finds out, and says so */
    }
    pthread_mutex_unlock(&sender->lock);
    ftm_keep_image_drop(image);
    free(entries);
}

static void tell_back(struct ftm_keep_sender *sender, const struct ftm_keep_image *image)
{
    struct ftm_keep_frame frame = ftm_keep_frame_of(FTM_KEEP_BACK, image, sender->who.epoch);
    struct partner *partner = &sender->partner;
    struct ftm_keep_frame answer;
    int kept = 0;

    frame.n = 0;
    if (ftm_keep_line_ask(&partner->line, &frame, &answer, FTM_NO_DEADLINE) != 0) {
        lose_partner(sender);
        return;
    }
    pthread_mutex_lock(&sender->lock);
    for (int i = 0; i < partner->has_n; i++) {
        const struct ftm_keep_image there = {.epoch = partner->has[i].epoch,
                                             .serial = partner->has[i].serial};

        if (!ftm_keep_image_is_newer(&there, image))
            partner->has[kept++] = partner->has[i];
    }
    partner->has_n = kept;
    sender->went_back = own_at(sender, 0) != image; /* once more, back from there */
    pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
}

static void give_up(struct ftm_keep_sender *sender, const struct ftm_keep_image *image)
{
    if (is_stopped(sender))
        return;
    pthread_mutex_lock(&sender->lock);
    if (!has_failed(sender, image))
        sender->failed = (struct key){image->epoch, image->serial};
    if (sender->why[0] == '\0' || sender->who.n == 1)
        snprintf(sender->why, sizeof sender->why,
                 sender->who.n == 1 ? "the job has one rank only: there is nobody to keep its state"
                                    : "no other rank serves: each one that is to keep another's "
                                      "state has to call FTMPI_Keep");
    sender->retry_ms = sender->retry_ms == 0               ? RETRY_FIRST_MS
        : 2 * sender->retry_ms < RETRY_MAX_MS ? 2 * sender->retry_ms
                                              : RETRY_MAX_MS;
    sender->retry_ns = ftm_deadline_ns(sender->retry_ms);
    memset(sender->refused, 0, (size_t) sender->who.n * sizeof *sender->refused);
    pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
}

/* Puts the image there, a second time if it was damaged on its way. */
static int put(struct ftm_keep_sender *sender, const struct ftm_keep_image *image)
{
    for (int tries = 0;; tries++) {
        int rc = ftm_keep_line_put(&sender->partner.line, image, sender->who.epoch,
                                   ftm_deadline_ns(SEND_MS));

        if (rc == 0 || errno != EILSEQ || tries == 1)
            return rc;
    }
}

static void send_image(struct ftm_keep_sender *sender, struct ftm_keep_image *image)
{
    if (!ftm_keep_image_is_summed(image))
        ftm_keep_image_sum(image);
    while (have_partner(sender)) {
        if (is_safe(sender, image)) /* a new partner may be one that had it */
            return;
        if (put(sender, image) == 0) {
            pthread_mutex_lock(&sender->lock);
            add_key(&sender->partner, image->epoch, image->serial);
            sender->retry_ms = 0;
            memset(sender->refused, 0, (size_t) sender->who.n * sizeof *sender->refused);
            pthread_cond_broadcast(&sender->changed);
            pthread_mutex_unlock(&sender->lock);
            return;
        }
        if (errno == ECANCELED)
            return;
        note_why(sender, "did not take it", sender->partner.rank, sender->partner.line.node, errno);
        sender->refused[sender->partner.rank] = true;
        lose_partner(sender);
    }
    give_up(sender, image);
}

/* Sleeps until there is something to do, or the partner's connection ends. */
static void rest(struct ftm_keep_sender *sender)
{
    struct pollfd polled[] = {{.fd = sender->event_fd, .events = POLLIN},
                              {.fd = sender->stop_fd, .events = POLLIN},
                              {.fd = sender->partner.line.fd, .events = POLLIN}};
    int64_t until_ns = FTM_NO_DEADLINE, left_ms;
    uint64_t count;
    bool is_all_safe = true;

    pthread_mutex_lock(&sender->lock);
    for (int age = 0; age < FTM_KEEP_GENERATIONS; age++)
        is_all_safe &= !own_at(sender, age) || is_safe(sender, own_at(sender, age));
    if (!is_all_safe && !sender->is_replaced)
        until_ns = sender->retry_ns;
    if (sender->prepare_ns > 0 && sender->prepare_ns < until_ns)
        until_ns = sender->prepare_ns;
    pthread_mutex_unlock(&sender->lock);
    left_ms = ftm_left_ms(until_ns);
    if (poll(polled, 3, left_ms < 0 || left_ms > INT32_MAX ? -1 : (int) left_ms) <= 0)
        return;
    if (polled[0].revents)
        (void) !read(sender->event_fd, &count, sizeof count);
    if (polled[2].revents) /* it says nothing unasked: it is gone */
        lose_partner(sender);
}

static void *run(void *data)
{
    struct ftm_keep_sender *sender = data;
    struct ftm_keep_image *image;
    enum work work;

    sender->places = ftm_keep_places_create(&sender->who);
    if (!sender->places
        || ftm_keep_places_order(sender->places, sender->who.rank, sender->order) != 0)
        for (int i = 0; i < sender->who.n - 1; i++) /* no memory: any other rank, then */
            sender->order[i] = (sender->who.rank + 1 + i) % sender->who.n;
    while ((work = choose(sender, &image)) != STOP) {
        if (work == COPY)
            copy(sender);
        else if (work == PREPARE)
            prepare(sender);
        else if (work == TELL_BACK)
            tell_back(sender, image);
        else if (work == SEND)
            send_image(sender, image);
        else
            rest(sender);
        ftm_keep_image_drop(image);
    }
    return NULL;
}

/* ---------------------------------------------------------------- life */

static void free_all(struct ftm_keep_sender *sender)
{
    ftm_keep_line_close(&sender->partner.line);
    if (sender->event_fd >= 0)
        close(sender->event_fd);
    if (sender->stop_fd >= 0)
        close(sender->stop_fd);
    ftm_keep_places_destroy(sender->places);
    ftm_keep_store_destroy(sender->own);
    ftm_keep_image_drop(sender->handed);
    for (int i = 0; i < FTM_KEEP_GENERATIONS; i++)
        ftm_keep_image_drop(sender->ready[i]);
    free(sender->handed_from);
    free(sender->expected);
    free(sender->order);
    free(sender->refused);
    pthread_cond_destroy(&sender->changed);
    pthread_mutex_destroy(&sender->lock);
    free(sender);
}

static void hear(struct ftm_keep_sender *sender)
{
    pthread_mutex_lock(&hearing_lock);
    hearing = sender;
    pthread_mutex_unlock(&hearing_lock);
}

struct ftm_keep_sender *ftm_keep_sender_create(const struct ftm_keep_who *who)
{
    struct ftm_keep_sender *sender = calloc(1, sizeof *sender);
    pthread_condattr_t monotonic;
    int error;

    if (!sender)
        return NULL;
    pthread_mutex_init(&sender->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sender->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sender->who = *who;
    sender->partner = (struct partner){.rank = -1, .line = FTM_KEEP_NO_LINE};
    sender->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sender->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sender->own = ftm_keep_store_create();
    sender->order = calloc((size_t) who->n, sizeof *sender->order);
    sender->refused = calloc((size_t) who->n, sizeof *sender->refused);
    if (sender->event_fd >= 0 && sender->stop_fd >= 0 && sender->own && sender->order
        && sender->refused && ftm_keep_store_meet(sender->own, who->rank, who->epoch) == 0
        && ftm_keep_thread_start(&sender->thread, run, sender) == 0) {
        hear(sender);
        return sender;
    }
    error = errno;
    free_all(sender);
    errno = error;
    return NULL;
}

/* The thread may be in the middle of a call on that connection, which ends now. */
void ftm_keep_sender_died(const pmix_proc_t *proc)
{
    pthread_mutex_lock(&hearing_lock);
    if (hearing) {
        struct partner *partner = &hearing->partner;

        pthread_mutex_lock(&hearing->lock);
        if (partner->rank >= 0 && PMIX_CHECK_PROCID(&partner->proc, proc))
            shutdown(partner->line.fd, SHUT_RDWR);
        pthread_mutex_unlock(&hearing->lock);
    }
    pthread_mutex_unlock(&hearing_lock);
}

void ftm_keep_sender_destroy(struct ftm_keep_sender *sender)
{
    uint64_t one = 1;

    if (!sender)
        return;
    hear(NULL);
    if (write(sender->stop_fd, &one, sizeof one) == sizeof one) {
        wake_thread(sender);
        pthread_join(sender->thread, NULL);
    }
    free_all(sender);
}

/* ---------------------------------------------------------------- the application's side */

void ftm_keep_sender_expect(struct ftm_keep_sender *sender, const struct ftm_keep_entry entries[],
                            uint32_t n)
{
    struct ftm_keep_entry *copied = malloc((n > 0 ? n : 1) * sizeof *copied);

    if (!copied)
        return; /* the first commit makes its memory itself, then */
    if (n > 0)
        memcpy(copied, entries, n * sizeof *copied);
    pthread_mutex_lock(&sender->lock);
    free(sender->expected);
    sender->expected = copied;
    sender->expected_n = n;
    sender->prepare_ns = ftm_deadline_ns(SETTLE_MS);
    for (int i = 0; i < FTM_KEEP_GENERATIONS; i++) {
        ftm_keep_image_drop(sender->ready[i]);
        sender->ready[i] = NULL;
    }
    pthread_mutex_unlock(&sender->lock);
    wake_thread(sender);
}

/* With the lock held. Nothing more will come of the newest commit for now. A commit that was gone
 * back to is settled when the partner has heard of it: or else a replacement might find a newer one
 * there, of a course of things that the others have left. */
static bool is_settled(const struct ftm_keep_sender *sender)
{
    const struct ftm_keep_image *newest = own_at(sender, 0);

    return !sender->handed
        && (!newest || (is_safe(sender, newest) && !sender->went_back)
            || has_failed(sender, newest) || sender->is_replaced);
}

struct ftm_keep_image *ftm_keep_sender_room(struct ftm_keep_sender *sender,
                                            const struct ftm_keep_entry entries[], uint32_t n)
{
    struct ftm_keep_image *image = NULL;

    pthread_mutex_lock(&sender->lock);
    while (!is_settled(sender))
        timed_wait(sender, FTM_NO_DEADLINE); /* the thread settles it, within bounds of its own */
    if (!own_at(sender, 1) || !ftm_keep_image_fits(own_at(sender, 1), entries, n))
        for (int i = FTM_KEEP_GENERATIONS - 1; i >= 0 && !image; i--)
            if (sender->ready[i] && ftm_keep_image_fits(sender->ready[i], entries, n)) {
                image = sender->ready[i];
                sender->ready[i] = NULL;
            }
    if (!image)
        image = ftm_keep_store_room(sender->own, sender->who.rank, entries, n);
    if (image)
        ftm_keep_image_set_summed(image, false);
    pthread_mutex_unlock(&sender->lock);
    return image;
}

void ftm_keep_sender_commit(struct ftm_keep_sender *sender, struct ftm_keep_image *image,
                            int version, const void *const from[])
{
    pthread_mutex_lock(&sender->lock);
    image->rank = sender->who.rank;
    image->version = version;
    image->epoch = sender->who.epoch;
    image->serial = ++sender->serial;
    if (from) {
        sender->handed_from = malloc((image->n > 0 ? image->n : 1) * sizeof *from);
        if (sender->handed_from) {
            memcpy(sender->handed_from, from, image->n * sizeof *from);
            sender->handed = image;
        } else { /* no memory for a list: then here and now */
            for (uint32_t i = 0; i < image->n; i++)
                memcpy(image->data + image->entries[i].offset, from[i], image->entries[i].bytes);
        }
    }
    if (!sender->handed)
        add_own(sender, image);
    pthread_mutex_unlock(&sender->lock);
    wake_thread(sender);
}

void ftm_keep_sender_await_copy(struct ftm_keep_sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    while (sender->handed)
        timed_wait(sender, FTM_NO_DEADLINE);
    pthread_mutex_unlock(&sender->lock);
}

enum ftm_keep_outcome ftm_keep_sender_await(struct ftm_keep_sender *sender, int64_t deadline_ns,
                                            char *why, size_t size)
{
    enum ftm_keep_outcome outcome = FTM_KEEP_WHOLE;
    const struct ftm_keep_image *newest;

    pthread_mutex_lock(&sender->lock);
    while (!is_settled(sender) && ftm_now_ns() < deadline_ns)
        timed_wait(sender, deadline_ns);
    newest = own_at(sender, 0);
    if (sender->is_replaced)
        outcome = FTM_KEEP_REPLACED;
    else if (!is_settled(sender))
        outcome = FTM_KEEP_UNDER_WAY;
    else if (newest && !is_safe(sender, newest))
        outcome = FTM_KEEP_FAILED;
    if (outcome == FTM_KEEP_UNDER_WAY)
        snprintf(why, size, "the latest commit is not whole at the partner yet");
    else if (outcome != FTM_KEEP_WHOLE)
        snprintf(why, size, "%s", sender->why);
    pthread_mutex_unlock(&sender->lock);
    return outcome;
}

struct ftm_keep_image *ftm_keep_sender_own(struct ftm_keep_sender *sender, int version)
{
    struct ftm_keep_image *image;

    pthread_mutex_lock(&sender->lock);
    while (sender->handed)
        timed_wait(sender, FTM_NO_DEADLINE);
    image = ftm_keep_store_find(sender->own, sender->who.rank, version);
    if (image)
        ftm_keep_image_hold(image);
    pthread_mutex_unlock(&sender->lock);
    return image;
}

int ftm_keep_sender_go_back(struct ftm_keep_sender *sender, struct ftm_keep_image *image)
{
    int rc;

    pthread_mutex_lock(&sender->lock);
    ftm_keep_store_go_back(sender->own, sender->who.rank, image->epoch, image->serial);
    if (image->serial > sender->serial)
        sender->serial = image->serial;
    rc = ftm_keep_store_add(sender->own, image);
    sender->failed = (struct key){0, 0}; /* a partner may be back, too: it is tried anew */
    sender->went_back = true;
    sender->retry_ns = 0;
    pthread_mutex_unlock(&sender->lock);
    wake_thread(sender);
    return rc;
}

void ftm_keep_sender_safe(struct ftm_keep_sender *sender, struct ftm_keep_safe *safe)
{
    memset(safe, 0, sizeof *safe);
    safe->partner = -1;
    pthread_mutex_lock(&sender->lock);
    for (int age = 0; age < FTM_KEEP_GENERATIONS && own_at(sender, age); age++)
        safe->versions[safe->versions_n++] = own_at(sender, age)->version;
    if (safe->versions_n > 0) {
        safe->bytes = own_at(sender, 0)->bytes;
        if (is_safe(sender, own_at(sender, 0))) {
            safe->partner = sender->partner.rank;
            memcpy(safe->node, sender->partner.line.node, sizeof safe->node);
        }
    }
    pthread_mutex_unlock(&sender->lock);
    if (safe->partner >= 0)
        safe->distance = ftm_keep_node_distance(safe->node);
}
