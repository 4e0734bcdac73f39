/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * voterio.c - libraft's hands: its struct raft_io over our store and our letters.
 *
 * Owned by voter.c. libraft calls the methods below, on the loop's thread; ft_voterio_tick and, in
 * voterin.c, ft_voterio_receive call it. Everything that changes the log goes through one queue of
 * jobs, of which one at a time is worked on elsewhere; appends that wait together become one write.
 *
 *     method                     becomes
 *     load                       what the store read when it was opened
 *     set_term, set_vote         store, at once: libraft promises it to others right after
 *     append, truncate,          jobs, in order
 *     snapshot_put, _get
 *     send                       a letter, handed to the driver
 *
 * Term and vote are written by this thread while another one may write the log: they are different
 * files, see store.h.
 */
#include "centrald/voterio_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 200          /* a disk without room is asked again */
#define MERGED_MAX 512        /* entries in one write */
#define MERGED_BYTES (4u << 20)
#define ROOM_KEPT_KB 1024u /* for marks and the like; not offered to the log */
#define LATE_BEATS 3u         /* without a look at the clock: this process did not run */

enum job_kind { JOB_APPEND, JOB_CUT, JOB_PUT, JOB_GET };

struct job {
    enum job_kind kind;
    struct job *next;
    uint64_t index;                       /* APPEND: of the first entry. CUT: from there */
    struct raft_io_append *append;
    raft_io_append_cb append_cb;
    const struct raft_entry *entries;
    unsigned n;
    struct raft_io_snapshot_put *put;
    raft_io_snapshot_put_cb put_cb;
    const struct raft_snapshot *snapshot;
    struct raft_buffer conf;
    unsigned trailing;
    struct raft_io_snapshot_get *get;
    raft_io_snapshot_get_cb get_cb;
};

static void work_next(struct ft_voterio *io);

static struct ft_voterio *io_of(const struct raft_io *raft)
{
    return raft->impl;
}

void ft_voterio_kill(struct ft_voterio *io, const char *why)
{
    if (io->dead)
        return;
    io->dead = true;
    io->env.broken(io->env.arg, why);
}

static void kill_for_disk(struct ft_voterio *io, const char *doing, int error)
{
    char why[256];

    snprintf(why, sizeof why, "%s on the central unit's disk failed: %s", doing, strerror(error));
    ft_voterio_kill(io, why);
}

static bool is_want_of_room(int error)
{
    return error == ENOSPC || error == EDQUOT || error == ENOMEM;
}

static void tell_full(struct ft_voterio *io, int error)
{
    bool full = io->failed || io->low;
    char text[256];

    if (full == io->full)
        return;
    io->full = full;
    if (full)
        snprintf(text, sizeof text,
                 "the log of the central unit cannot be written: %s; nothing is lost, and it goes "
                 "on when there is room", error != 0 ? strerror(error) : "the disk is nearly full");
    else
        snprintf(text, sizeof text, "there is room for the log of the central unit again");
    io->env.full(io->env.arg, full, text);
}

/* How many KiB may safely be appended; libraft refuses new entries when most voters have few. */
static void look_at_room(struct ft_voterio *io)
{
    uint64_t now = io->env.now_ms(io->env.arg), room;

    if (now < io->room_at_ms)
        return;
    io->room_at_ms = now + 1000;
    room = io->disk->room(io->disk->arg) / 1024;
    room = room > ROOM_KEPT_KB ? room - ROOM_KEPT_KB : 0;
    io->low = room < (io->low ? 2 * FT_VOTERIO_ROOM_MIN_KB : FT_VOTERIO_ROOM_MIN_KB);
    io->raft.capacity = io->failed ? 0 : room > 65535 ? 65535 : (unsigned short)room;
    tell_full(io, 0);
}

/* ---------------------------------------------------------------- the work */

static void run_append(struct ft_voterio *io, const struct job *job)
{
    if (ft_store_append(io->store, job->index, io->batch, io->batch_n) != 0)
        io->error = errno;
}

static void run_put(struct ft_voterio *io, const struct job *job)
{
    const struct raft_snapshot *from = job->snapshot;
    struct ft_store_snapshot snapshot = {
        .index = from->index, .term = from->term, .conf_index = from->configuration_index,
        .conf = job->conf.base, .conf_n = job->conf.len,
        .data = from->bufs[0].base, .data_n = from->bufs[0].len,
    };

    if (ft_store_put_snapshot(io->store, &snapshot, job->trailing) != 0)
        io->error = errno;
}

/* Runs elsewhere. */
static void run_job(struct ft_voterio_work *work)
{
    struct ft_voterio *io = (struct ft_voterio *)((char *)work - offsetof(struct ft_voterio, work));
    const struct job *job = io->first;

    io->error = 0;
    switch (job->kind) {
    case JOB_APPEND:
        run_append(io, job);
        break;
    case JOB_CUT:
        if (ft_store_cut(io->store, job->index) != 0)
            io->error = errno;
        break;
    case JOB_PUT:
        run_put(io, job);
        break;
    case JOB_GET:
        if (ft_store_read_snapshot(io->store, &io->got, &io->got_block) != 0)
            io->error = errno;
        break;
    }
}

static struct raft_snapshot *snapshot_for_raft(const struct ft_store_snapshot *from)
{
    struct raft_snapshot *snapshot = raft_calloc(1, sizeof *snapshot);
    struct raft_buffer conf = {(void *)from->conf, from->conf_n};

    if (snapshot == NULL)
        return NULL;
    raft_configuration_init(&snapshot->configuration);
    snapshot->index = from->index;
    snapshot->term = from->term;
    snapshot->configuration_index = from->conf_index;
    snapshot->bufs = raft_calloc(1, sizeof *snapshot->bufs);
    if (snapshot->bufs == NULL || raft_configuration_decode(&conf, &snapshot->configuration) != 0)
        goto error;
    snapshot->n_bufs = 1;
    snapshot->bufs[0].len = from->data_n;
    snapshot->bufs[0].base = raft_malloc(from->data_n > 0 ? from->data_n : 1);
    if (snapshot->bufs[0].base == NULL)
        goto error;
    memcpy(snapshot->bufs[0].base, from->data, from->data_n);
    return snapshot;

error:
    raft_configuration_close(&snapshot->configuration);
    raft_free(snapshot->bufs);
    raft_free(snapshot);
    return NULL;
}

/* Hands a snapshot that was read to libraft, which cannot bear to hear that there is none. */
static void deliver_snapshot(struct ft_voterio *io, const struct job *job)
{
    struct raft_snapshot *snapshot = snapshot_for_raft(&io->got);

    free(io->got_block);
    io->got_block = NULL;
    if (snapshot == NULL)
        ft_voterio_kill(io, "the snapshot of the central unit's log cannot be read");
    else
        job->get_cb(job->get, snapshot, 0);
}

static void finish(struct ft_voterio *io, const struct job *job)
{
    int status = io->closing ? RAFT_CANCELED : 0;

    switch (job->kind) {
    case JOB_APPEND:
        job->append_cb(job->append, status);
        break;
    case JOB_CUT:
        break;
    case JOB_PUT:
        io->puts--;
        raft_free(job->conf.base);
        job->put_cb(job->put, status);
        break;
    case JOB_GET:
        /* Even now it wants its snapshot: told that there is none, libraft frees what it never
         * set. */
        if (io->closing && io->got_block == NULL &&
            ft_store_read_snapshot(io->store, &io->got, &io->got_block) != 0)
            break;
        deliver_snapshot(io, job);
        break;
    }
}

static struct job *take_first(struct ft_voterio *io)
{
    struct job *job = io->first;

    io->first = job->next;
    if (io->first == NULL)
        io->last = NULL;
    return job;
}

/* What waits when libraft is closed: it is told that nothing comes of it. */
static void cancel_all(struct ft_voterio *io)
{
    while (io->first != NULL) {
        struct job *job = take_first(io);

        finish(io, job);
        free(job);
    }
}

static void close_if_idle(struct ft_voterio *io)
{
    if (!io->closing || io->working || io->close_cb == NULL)
        return;
    cancel_all(io);
    if (io->close_cb != NULL) {
        raft_io_close_cb closed = io->close_cb;

        io->close_cb = NULL;
        closed(&io->raft);
    }
}

static const char *const job_names[] = {
    [JOB_APPEND] = "appending to the log", [JOB_CUT] = "cutting the log",
    [JOB_PUT] = "writing a snapshot", [JOB_GET] = "reading the snapshot",
};

static void job_done(struct ft_voterio_work *work)
{
    struct ft_voterio *io = (struct ft_voterio *)((char *)work - offsetof(struct ft_voterio, work));
    unsigned merged = io->merged;

    if (io->error != 0 && !is_want_of_room(io->error))
        kill_for_disk(io, job_names[io->first->kind], io->error);
    if (io->dead || io->closing) {
        io->working = false;
        close_if_idle(io);
        return;
    }
    if (io->error != 0) {
        io->working = false;
        io->failed = true;
        io->raft.capacity = 0;
        tell_full(io, io->error);
        io->retry_at_ms = io->env.now_ms(io->env.arg) + RETRY_MS;
        return;
    }
    if (io->failed) {
        io->failed = false;
        io->room_at_ms = 0;
        look_at_room(io);
    }
    /* Still `working`: what libraft wants next must not begin before these have left the queue. */
    for (unsigned i = 0; i < merged && !io->dead && !io->closing; i++) {
        struct job *job = take_first(io);

        finish(io, job);
        free(job);
    }
    io->working = false;
    if (io->closing)
        close_if_idle(io);
    else
        work_next(io);
}

/* Makes one batch of the appends at the head of the queue. */
static bool merge_appends(struct ft_voterio *io)
{
    size_t n = 0, bytes = 0, at = 0;
    uint64_t next = io->first->index;

    io->merged = 0;
    for (struct job *job = io->first; job != NULL && job->kind == JOB_APPEND; job = job->next) {
        size_t more = 0;

        for (unsigned i = 0; i < job->n; i++)
            more += job->entries[i].buf.len;
        if (job->index != next ||
            (n > 0 && (n + job->n > MERGED_MAX || bytes + more > MERGED_BYTES)))
            break;
        n += job->n;
        bytes += more;
        next += job->n;
        io->merged++;
    }
    free(io->batch);
    io->batch = calloc(n, sizeof *io->batch);
    if (io->batch == NULL)
        return false;
    io->batch_n = n;
    for (struct job *job = io->first; at < n; job = job->next)
        for (unsigned i = 0; i < job->n; i++)
            io->batch[at++] = (struct ft_store_entry){
                job->entries[i].term, job->entries[i].type, job->entries[i].buf.base,
                job->entries[i].buf.len,
            };
    return true;
}

static void work_next(struct ft_voterio *io)
{
    if (io->working || io->dead || io->closing || io->first == NULL ||
        io->env.now_ms(io->env.arg) < io->retry_at_ms)
        return;
    io->merged = 1;
    if (io->first->kind == JOB_APPEND && !merge_appends(io)) {
        io->retry_at_ms = io->env.now_ms(io->env.arg) + RETRY_MS;
        return;
    }
    io->working = true;
    io->work.run = run_job;
    io->work.done = job_done;
    io->env.work(io->env.arg, &io->work);
}

static int add_job(struct ft_voterio *io, const struct job *from)
{
    struct job *job = malloc(sizeof *job);

    if (job == NULL)
        return RAFT_NOMEM;
    *job = *from;
    job->next = NULL;
    *(io->last != NULL ? &io->last->next : &io->first) = job;
    io->last = job;
    work_next(io);
    return 0;
}

/* ---------------------------------------------------------------- the methods */

static int method_init(struct raft_io *raft, raft_id id, const char *address)
{
    (void)address;
    io_of(raft)->id = id;
    return 0;
}

static void method_close(struct raft_io *raft, raft_io_close_cb cb)
{
    struct ft_voterio *io = io_of(raft);

    io->closing = true;
    io->close_cb = cb;
    close_if_idle(io);
}

static int load_entries(struct ft_store *store, struct raft_entry **entries, size_t *n)
{
    uint64_t first = ft_store_first(store);

    *n = (size_t)(ft_store_last(store) + 1 - first);
    *entries = NULL;
    if (*n == 0)
        return 0;
    *entries = raft_calloc(*n, sizeof **entries);
    if (*entries == NULL)
        return RAFT_NOMEM;
    for (size_t i = 0; i < *n; i++) {
        const struct ft_store_entry *from = ft_store_loaded(store, first + i);
        struct raft_entry *to = &(*entries)[i];

        to->term = from->term;
        to->type = (enum raft_entry_type)from->type;
        to->buf.len = from->n;
        to->buf.base = to->batch = raft_malloc(from->n > 0 ? from->n : 1);
        if (to->batch == NULL)
            return RAFT_NOMEM;
        memcpy(to->buf.base, from->data, from->n);
    }
    return 0;
}

static void unload(struct raft_entry *entries, size_t n)
{
    for (size_t i = 0; entries != NULL && i < n; i++)
        raft_free(entries[i].batch);
    raft_free(entries);
}

static bool is_only_voter(const struct ft_voterio *io, const void *bytes, size_t n)
{
    struct raft_buffer buffer = {(void *)(uintptr_t)bytes, n};
    struct raft_configuration members;
    unsigned votes = 0;
    bool self = false;

    raft_configuration_init(&members);
    if (raft_configuration_decode(&buffer, &members) != 0)
        return false;
    for (unsigned i = 0; i < members.n; i++)
        if (members.servers[i].role == RAFT_VOTER) {
            votes++;
            self = self || members.servers[i].id == io->id;
        }
    raft_configuration_close(&members);
    return self && votes == 1;
}

/* libraft 0.22 lets a voter that is alone lead again in the term in which it led before. What it
 * had given to others then, and not yet to its disk, would share number and term with what it
 * writes now: they could never be told apart. An election makes a new term; so does this. */
static int begin_term(struct ft_voterio *io)
{
    const struct ft_store_snapshot *snapshot = ft_store_loaded_snapshot(io->store);
    const struct ft_store_entry *members = NULL;
    bool alone;

    for (uint64_t i = ft_store_first(io->store); i <= ft_store_last(io->store); i++)
        if (ft_store_loaded(io->store, i)->type == RAFT_CHANGE)
            members = ft_store_loaded(io->store, i);
    alone = members != NULL    ? is_only_voter(io, members->data, members->n)
            : snapshot != NULL ? is_only_voter(io, snapshot->conf, snapshot->conf_n)
                               : false;
    if (!alone)
        return 0;
    io->term++;
    io->vote = io->id;
    return ft_store_set_term(io->store, io->term, io->vote) == 0 ? 0 : RAFT_IOERR;
}

static int method_load(struct raft_io *raft, raft_term *term, raft_id *vote,
                       struct raft_snapshot **snapshot, raft_index *start_index,
                       struct raft_entry **entries, size_t *n)
{
    struct ft_voterio *io = io_of(raft);
    const struct ft_store_snapshot *loaded = ft_store_loaded_snapshot(io->store);
    int result = load_entries(io->store, entries, n);

    ft_store_term(io->store, &io->term, &io->vote);
    if (result == 0)
        result = begin_term(io);
    *term = io->term;
    *vote = io->vote;
    *snapshot = NULL;
    *start_index = ft_store_first(io->store);
    io->next_index = ft_store_last(io->store) + 1;
    if (result == 0 && loaded != NULL) {
        *snapshot = snapshot_for_raft(loaded);
        if (*snapshot == NULL)
            result = RAFT_NOMEM;
    }
    if (result != 0)
        unload(*entries, *n);
    ft_store_forget_loaded(io->store);
    return result;
}

static int method_start(struct raft_io *raft, unsigned msecs, raft_io_tick_cb tick,
                        raft_io_recv_cb recv)
{
    struct ft_voterio *io = io_of(raft);

    (void)msecs; /* the driver ticks */
    io->tick = tick;
    io->recv = recv;
    return 0;
}

static int method_bootstrap(struct raft_io *raft, const struct raft_configuration *conf)
{
    (void)raft;
    (void)conf;
    return RAFT_CANTBOOTSTRAP; /* voter.c founds */
}

static int store_term(struct ft_voterio *io)
{
    if (!io->dead && ft_store_set_term(io->store, io->term, io->vote) != 0)
        kill_for_disk(io, "writing term and vote", errno);
    return 0;
}

static int method_set_term(struct raft_io *raft, raft_term term)
{
    struct ft_voterio *io = io_of(raft);

    if (io->term == term)
        return 0;
    io->term = term;
    io->vote = 0;
    return store_term(io);
}

static int method_set_vote(struct raft_io *raft, raft_id id)
{
    struct ft_voterio *io = io_of(raft);

    if (io->vote == id)
        return 0;
    io->vote = id;
    return store_term(io);
}

/* The member's name. A snapshot is sent some time after libraft said so, and the name that it had
 * then may be gone with the membership of then. */
static const char *name_of(const struct raft_io *raft, const struct raft_message *message)
{
    const struct raft *whole = raft->data;

    if (message->type != RAFT_INSTALL_SNAPSHOT)
        return message->server_address;
    for (unsigned i = 0; i < whole->configuration.n; i++)
        if (whole->configuration.servers[i].id == message->server_id)
            return whole->configuration.servers[i].address;
    return NULL;
}

/* libraft 0.22 answers what is of an earlier term with whatever happens to lie in its memory, and a
 * snapshot (or the first entries of all) even as if they had been taken. Who led then, and leads
 * again now, would believe that this voter has entries that it has not, and call them agreed
 * upon. */
static void refuse(const struct ft_voterio *io, struct raft_append_entries_result *result)
{
    result->last_log_index = raft_last_index((struct raft *)io->raft.data);
    if (result->rejected == 0)
        result->rejected = 1;
}

static int method_send(struct raft_io *raft, struct raft_io_send *req,
                       const struct raft_message *message, raft_io_send_cb cb)
{
    struct ft_voterio *io = io_of(raft);
    const char *name = name_of(raft, message);
    struct raft_message whole = *message;
    uint8_t *letter;
    size_t n;

    /* It names the term of the snapshot that was the last one when libraft asked for it; the one
     * that was read may be later. */
    if (message->type == RAFT_INSTALL_SNAPSHOT)
        whole.install_snapshot.last_term = io->got.term;
    if (message->type == RAFT_APPEND_ENTRIES_RESULT && io->is_late)
        refuse(io, &whole.append_entries_result);
    if (message->type == RAFT_APPEND_ENTRIES_RESULT && whole.append_entries_result.rejected != 0)
        io->rejected = true;
    if (!io->dead && !io->closing && name != NULL) {
        letter = ft_letter_encode_raft(io->id, message->server_id, ft_store_who(io->store)->cluster,
                                       &whole, &n);
        if (letter != NULL)
            io->env.send(io->env.arg, name, letter, n);
    }
    cb(req, 0);
    return 0;
}

static int method_append(struct raft_io *raft, struct raft_io_append *req,
                         const struct raft_entry *entries, unsigned n, raft_io_append_cb cb)
{
    struct ft_voterio *io = io_of(raft);
    struct job job = {.kind = JOB_APPEND, .index = io->next_index, .append = req,
                      .append_cb = cb, .entries = entries, .n = n};

    io->next_index += n;
    return add_job(io, &job);
}

static int method_truncate(struct raft_io *raft, raft_index index)
{
    struct ft_voterio *io = io_of(raft);
    struct job job = {.kind = JOB_CUT, .index = index};

    if (index >= io->next_index)
        return 0;
    io->next_index = index;
    return add_job(io, &job);
}

static int method_snapshot_put(struct raft_io *raft, unsigned trailing,
                               struct raft_io_snapshot_put *req,
                               const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb)
{
    struct ft_voterio *io = io_of(raft);
    struct job job = {.kind = JOB_PUT, .put = req, .put_cb = cb, .snapshot = snapshot,
                      .trailing = trailing};
    int result = raft_configuration_encode(&snapshot->configuration, &job.conf);

    if (result != 0)
        return result;
    if (trailing == 0)
        io->next_index = snapshot->index + 1;
    io->puts++;
    result = add_job(io, &job);
    if (result != 0) {
        io->puts--;
        raft_free(job.conf.base);
    }
    return result;
}

static int method_snapshot_get(struct raft_io *raft, struct raft_io_snapshot_get *req,
                               raft_io_snapshot_get_cb cb)
{
    struct job job = {.kind = JOB_GET, .get = req, .get_cb = cb};

    return add_job(io_of(raft), &job);
}

/* libraft's time. It is looked at with each beat at least: where it seems to have leapt, this
 * process did not run, and its own clock is not held against the others, whose letters wait unread.
 * A machine that is too busy for a moment elects nobody for that. */
uint64_t ft_voterio_now_ms(struct ft_voterio *io)
{
    uint64_t now = io->env.now_ms(io->env.arg), limit = (uint64_t)LATE_BEATS * io->beat_ms;

    if (io->now_ms != 0 && limit > 0 && now - io->now_ms > limit)
        io->slept_ms += now - io->now_ms - limit;
    io->now_ms = now;
    return now - io->slept_ms;
}

static raft_time method_time(struct raft_io *raft)
{
    return ft_voterio_now_ms(io_of(raft));
}

static int method_random(struct raft_io *raft, int min, int max)
{
    struct ft_voterio *io = io_of(raft);
    unsigned span = (unsigned)max - (unsigned)min;

    return (int)((unsigned)min + (span > 0 ? io->env.random(io->env.arg) % span : 0));
}

/* ---------------------------------------------------------------- for the voter */

struct ft_voterio *ft_voterio_create(struct ft_store *store, struct ft_disk *disk,
                                     const struct ft_voterio_env *env)
{
    struct ft_voterio *io = calloc(1, sizeof *io);

    if (io == NULL) {
        ft_store_close(store, false);
        errno = ENOMEM;
        return NULL;
    }
    io->store = store;
    io->disk = disk;
    io->env = *env;
    io->raft = (struct raft_io){
        .version = 2, .impl = io, .init = method_init, .close = method_close, .load = method_load,
        .start = method_start, .bootstrap = method_bootstrap, .recover = method_bootstrap,
        .set_term = method_set_term, .set_vote = method_set_vote, .send = method_send,
        .append = method_append, .truncate = method_truncate, .snapshot_put = method_snapshot_put,
        .snapshot_get = method_snapshot_get, .time = method_time, .random = method_random,
    };
    return io;
}

struct raft_io *ft_voterio_raft(struct ft_voterio *io)
{
    return &io->raft;
}

void ft_voterio_set_times(struct ft_voterio *io, unsigned silent_ms, unsigned beat_ms)
{
    io->silent_ms = silent_ms;
    io->beat_ms = beat_ms;
}

void ft_voterio_leader_gone(struct ft_voterio *io, unsigned after_ms)
{
    io->leader_gone = true;
    io->elected_ms = ft_voterio_now_ms(io) + after_ms;
}

/* Its own time is up as soon as it is this voter's turn. libraft then asks for votes as ever (with
 * a mere question first): whoever hears of the leader refuses. */
static void hurry(struct ft_voterio *io)
{
    struct raft *raft = io->raft.data;
    uint64_t now = ft_voterio_now_ms(io), time_ms = 2u * raft->election_timeout;

    if (!io->leader_gone || now < io->elected_ms)
        return;
    io->elected_ms = UINT64_MAX;
    if (raft->state == RAFT_FOLLOWER && now > time_ms)
        raft->election_timer_start = now - time_ms;
}

void ft_voterio_tick(struct ft_voterio *io)
{
    if (io->dead || io->closing)
        return;
    look_at_room(io);
    if (io->tick != NULL) {
        hurry(io);
        io->tick(&io->raft);
    }
    work_next(io);
}

bool ft_voterio_is_full(const struct ft_voterio *io)
{
    return io->full;
}

void ft_voterio_destroy(struct ft_voterio *io)
{
    bool in_order = !io->dead && io->first == NULL;

    while (io->first != NULL)
        free(take_first(io));
    ft_store_close(io->store, in_order);
    free(io->batch);
    free(io->got_block);
    free(io);
}
