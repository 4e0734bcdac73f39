/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * requests.c - non-blocking messages: what was asked for is noted, so that it can be asked again if
 * the peer is lost (moving.c; the rule stands in requests.h).
 *
 * The application keeps the handle that it was given first. What is asked again gets a new request
 * of Open MPI's, chained behind the first one's record (`next`); whoever completes the first handle
 * (completion.c) looks along the chain, and gives all of it back together.
 *
 *   application's handle -> record --next--> record --next--> record     the last is in flight
 *                           of rank 5, lost  of its first     of its second
 *                                            replacement      replacement
 *
 * While nothing has failed, and the program has no other requests than MPI_Isend's, MPI_Irecv's and
 * the like, nobody looks for the record of what is completed: a record says that its request was
 * under way once. Whoever reads the records first has what is over marked, by what Open MPI's own
 * requests say (catch_up, object.h); from then on completing one marks it.
 *
 * Open MPI says in no function whether a request has failed without freeing it, and a freed handle,
 * which the application still has, may be another request's a moment later: see object.h.
 */
#include "config.h"

#include "requests.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "buffered.h"
#include "comms.h"
#include "fast.h"
#include "fresh.h"
#include "object.h"
#include "own.h"
#include "posting.h"
#include "pt2pt.h"
#include "records.h"
#include "repair.h"
#include "retarget.h"
#include "soft.h"
#include "table.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
bool ftm_requests_threads; /* more than one at a time: the lock is needed */
struct ftm_records ftm_requests_noted;
static MPI_Request nothing; /* what Open MPI gives for a send that is over at once */
static bool no_lock_needed;  /* there are records, and one thread at a time */
bool ftm_requests_marking = true;

static inline void lock(void)
{
    if (ftm_requests_threads)
        pthread_mutex_lock(&mutex);
}

static inline void unlock(void)
{
    if (ftm_requests_threads)
        pthread_mutex_unlock(&mutex);
}

/* ---------------------------------------------------------------- notes */

/* Not with threads, where they are marked from the start: so no lock is needed. */
void ftm_requests_catch_up(int count, const MPI_Request handles[])
{
    struct ftm_records *records = &ftm_requests_noted;

    if (LIKELY(ftm_requests_marking))
        return;
    ftm_requests_marking = true;
    for (size_t i = 0; records->places && i < records->size; i++)
        if (records->places[i].active)
            records->places[i].active = ftm_object_is_it(&records->places[i]);
    for (int i = 0; records->places && i < count; i++) {
        struct ftm_noted *noted = ftm_records_find(records, handles[i]);

        if (noted)
            noted->active = true;
    }
}

static inline void catch_up(void)
{
    ftm_requests_catch_up(0, NULL);
}

static void write_record(const struct ftm_record *record)
{
    if (record->key == nothing || record->key == MPI_REQUEST_NULL || !ftm_requests_noted.places)
        return;
    catch_up();
    lock();
    ftm_records_write(&ftm_requests_noted, record);
    unlock();
}

void ftm_record_note(const struct ftm_record *record)
{
    write_record(record);
}

/* On the way of every non-blocking message: what it is, in one cache line. */
static inline void note(MPI_Request request, enum ftm_kind kind, const void *buf, int count,
                        MPI_Datatype type, int peer, int tag, MPI_Comm comm)
{
    struct ftm_noted *noted;

    if (request == nothing || request == MPI_REQUEST_NULL || !ftm_requests_noted.places)
        return;
    if (kind >= FTM_SEND_INIT)
        catch_up();
    lock();
    noted = ftm_records_find(&ftm_requests_noted, request);
    if (!LIKELY(noted != NULL))
        noted = ftm_records_place(&ftm_requests_noted, request);
    if (LIKELY(noted != NULL)) {
        noted->buf = buf;
        noted->type = type;
        noted->comm = comm;
        noted->number = ++ftm_requests_noted.last_number;
        noted->count = count;
        noted->peer = peer;
        noted->tag = tag;
        noted->kind = (uint16_t) kind;
        noted->active = kind < FTM_SEND_INIT || kind == FTM_COLLECTIVE;
        noted->whole = false;
    }
    unlock();
}

void ftm_request_note(MPI_Request request, enum ftm_kind kind, const void *buf, int count,
                      MPI_Datatype type, int peer, int tag, MPI_Comm comm)
{
    note(request, kind, buf, count, type, peer, tag, comm);
}

void ftm_request_collective(MPI_Request request, MPI_Comm comm)
{
    note(request, FTM_COLLECTIVE, NULL, 0, NULL, 0, 0, comm);
}

bool ftm_record_of(MPI_Request request, struct ftm_record *record)
{
    struct ftm_noted *found;

    catch_up();
    lock();
    found = ftm_requests_noted.places ? ftm_records_find(&ftm_requests_noted, request) : NULL;
    if (found)
        *record = ftm_records_read(&ftm_requests_noted, found);
    unlock();
    return found != NULL;
}

bool ftm_record_last(MPI_Request request, struct ftm_record *record)
{
    if (!ftm_record_of(request, record))
        return false;
    while (record->next != MPI_REQUEST_NULL && ftm_record_of(record->next, record))
        ;
    return true;
}

bool ftm_record_done_locked(MPI_Request request)
{
    bool at_its_end;

    lock();
    at_its_end = !ftm_requests_noted.places || ftm_records_done(&ftm_requests_noted, request);
    unlock();
    return at_its_end;
}

void ftm_record_change(MPI_Request request, const struct ftm_record *record)
{
    catch_up();
    lock();
    ftm_records_change(&ftm_requests_noted, request, record);
    unlock();
}

int ftm_record_process(const struct ftm_record *record)
{
    const struct ftm_comm *c;

    if (record->real != FTM_FIRST_HOUR)
        return record->real;
    c = ftm_comm_of(record->comm);
    return c ? ftm_comm_process(c, record->peer) : FTM_ANYBODY;
}

size_t ftm_records_active(bool (*wanted)(const struct ftm_record *record, const void *data),
                          const void *data, struct ftm_record **found)
{
    size_t n;

    catch_up();
    lock();
    n = ftm_records_list(&ftm_requests_noted, wanted, data, found);
    unlock();
    return n;
}

bool ftm_requests_want_anybody(void)
{
    const struct ftm_records *records = &ftm_requests_noted;
    bool found = false;

    catch_up();
    lock();
    for (size_t i = 0; records->places && i < records->size && !found; i++)
        found = records->places[i].key && records->places[i].active
                && records->places[i].peer == MPI_ANY_SOURCE;
    unlock();
    return found;
}

bool ftm_request_is_nothing(MPI_Request request)
{
    return request == nothing;
}

int ftm_request_error(MPI_Request request)
{
    int *at = ftm_object_error(request), error = at ? *at : MPI_SUCCESS;

    if (error == MPIX_ERR_PROC_FAILED_PENDING) {
        /* A receive from anybody that has got its message since. Open MPI takes the mark away only
         * when it looks at a request that is still under way: left there, the message would be
         * taken for lost. */
        *at = error = MPI_SUCCESS;
    }
    return error;
}

/* ---------------------------------------------------------------- non-blocking sends and receives
 * */

typedef int isend_fn(const void *buf, int count, MPI_Datatype type, int dest, int tag,
                     MPI_Comm comm, MPI_Request *request);

static isend_fn *function_of(enum ftm_kind kind)
{
    switch (kind) {
    case FTM_IBSEND:
        return PMPI_Ibsend;
    case FTM_ISSEND:
        return PMPI_Issend;
    case FTM_IRSEND:
        return PMPI_Irsend;
    default:
        return PMPI_Isend;
    }
}

int ftm_post_send(const struct ftm_comm *c, enum ftm_kind kind, const void *buf, int count,
                  MPI_Datatype type, int dest, int tag, MPI_Request *request)
{
    struct ftm_route route;
    int rc = MPI_SUCCESS;

    if (dest < 0 || dest >= c->n)
        return MPI_ERR_RANK;
    for (int tries = 0; tries <= ftm_table_total(ftm_world_table()); tries++) {
        rc = ftm_reach_peer(c, dest, &route);
        if (rc != MPI_SUCCESS)
            return rc;
        rc = function_of(kind)(buf, count, type, route.rank, tag, route.comm, request);
        if (!ftm_is_loss(rc) || ftm_repair_rules())
            break;
        ftm_world_lost(route.real);
    }
    if (rc == MPI_SUCCESS)
        write_record(&(struct ftm_record) {.key = *request,
                                           .kind = kind,
                                           .buf = buf,
                                           .count = count,
                                           .type = type,
                                           .peer = dest,
                                           .tag = tag,
                                           .comm = c->app,
                                           .on = route.comm,
                                           .real = route.real,
                                           .from = -1,
                                           .active = true});
    return rc;
}

static int isend_slow(enum ftm_kind kind, int rc, const void *buf, int count, MPI_Datatype type,
                      int dest, int tag, MPI_Comm comm, MPI_Request *request)
{
    const struct ftm_comm *c = ftm_comm_of(comm);

    if (ftm_is_to_nobody(c, dest, rc)) {
        rc = function_of(kind)(buf, count, type, dest, tag, ftm_comms_self(), request);
        return ftm_result(comm, rc);
    }
    if (!c || dest == MPI_PROC_NULL || (rc != MPI_SUCCESS && !ftm_is_loss(rc)))
        return ftm_result(comm, rc != MPI_SUCCESS ? rc
                                                  : function_of(kind)(buf, count, type, dest, tag,
                                                                      comm, request));
    if (ftm_repair_rules()) {
        if (rc == MPI_SUCCESS && ftm_interrupted(comm, &rc))
            return rc;
        while (rc == MPI_SUCCESS || ftm_mended(comm, &rc)) {
            c = ftm_comm_of(comm);
            rc = c ? ftm_post_send(c, kind, buf, count, type, dest, tag, request) : MPI_ERR_COMM;
            if (rc == MPI_SUCCESS)
                break;
        }
        return rc;
    }
    return ftm_result(comm, ftm_post_send(c, kind, buf, count, type, dest, tag, request));
}

#define ISEND(own, name, kind)                                                                     \
    int own(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,       \
            MPI_Request *request)                                                                  \
    {                                                                                              \
        int rc = MPI_SUCCESS;                                                                      \
                                                                                                   \
        if (ftm_as_ever(dest, comm)) {                                                             \
            rc = PMPI_##name(buf, count, type, dest, tag, comm, request);                          \
            if (LIKELY(rc == MPI_SUCCESS)) {                                                       \
                note(*request, kind, buf, count, type, dest, tag, comm);                           \
                return rc;                                                                         \
            }                                                                                      \
        }                                                                                          \
        return isend_slow(kind, rc, buf, count, type, dest, tag, comm, request);                   \
    }

ISEND(FTM_GENERAL(Isend), Isend, FTM_ISEND)
ISEND(ftm_plain_ibsend, Ibsend, FTM_IBSEND)
ISEND(ftm_own_Issend, Issend, FTM_ISSEND)
ISEND(ftm_own_Irsend, Irsend, FTM_IRSEND)

#if FTM_FAST
int ftm_failed_Isend(const struct ftm_arguments *asked, int rc)
{
    return isend_slow(FTM_ISEND, rc, asked->buf, asked->count, asked->type, asked->peer, asked->tag,
                      asked->comm, asked->last);
}

HOT int ftm_posted_Isend(const struct ftm_arguments *asked)
{
    note(*(MPI_Request *) asked->last, FTM_ISEND, asked->buf, asked->count, asked->type,
         asked->peer, asked->tag, asked->comm);
    return MPI_SUCCESS;
}
#endif

/* One whose message lies here already, matched. */
static int receive_matched(const struct ftm_comm *c, void *buf, int count, MPI_Datatype type,
                           int source, int tag, MPI_Message *message, int from, int real,
                           MPI_Request *request)
{
    int rc = PMPI_Imrecv(buf, count, type, message, request);

    if (rc == MPI_SUCCESS)
        write_record(&(struct ftm_record) {.key = *request,
                                           .kind = FTM_IRECV,
                                           .buf = buf,
                                           .count = count,
                                           .type = type,
                                           .peer = source,
                                           .tag = tag,
                                           .comm = c->app,
                                           .real = real,
                                           .from = from,
                                           .active = true});
    return rc;
}

int ftm_post_matched(const struct ftm_comm *c, const struct ftm_record *asked, MPI_Message *message,
                     int from, int real, MPI_Request *request)
{
    return receive_matched(c, (void *) asked->buf, asked->count, asked->type, asked->peer,
                           asked->tag, message, from, real, request);
}

int ftm_request_receive(const struct ftm_comm *c, void *buf, int count, MPI_Datatype type,
                        int source, int tag, MPI_Request *request)
{
    struct ftm_route route = {.comm = c->direct != MPI_COMM_NULL ? c->direct : c->hidden,
                              .rank = MPI_ANY_SOURCE,
                              .real = FTM_ANYBODY};
    struct ftm_letter letter;
    int rc;

    if (source >= c->n || (source < 0 && source != MPI_ANY_SOURCE))
        return MPI_ERR_RANK;
    if (source != MPI_ANY_SOURCE && ftm_fresh_is_away(c, source))
        return ftm_soft_post(c, buf, count, type, source, tag, request);
    rc = source == MPI_ANY_SOURCE ? MPI_SUCCESS : ftm_reach_peer(c, source, &route);
    if (rc != MPI_SUCCESS)
        return rc;
    if (ftm_inbox_find(c->app, source, tag, true, &letter))
        return receive_matched(c, buf, count, type, source, tag, &letter.message, letter.peer,
                               letter.real, request);
    if ((source == MPI_ANY_SOURCE && c->mixed) || ftm_soft_waits(c))
        return ftm_soft_post(c, buf, count, type, source, tag, request);
    if (route.comm == MPI_COMM_NULL)
        return MPIX_ERR_PROC_FAILED;
    rc = PMPI_Irecv(buf, count, type, route.rank, tag, route.comm, request);
    if (rc == MPI_SUCCESS)
        write_record(&(struct ftm_record) {.key = *request,
                                           .kind = FTM_IRECV,
                                           .buf = buf,
                                           .count = count,
                                           .type = type,
                                           .peer = source,
                                           .tag = tag,
                                           .comm = c->app,
                                           .on = route.comm,
                                           .real = route.real,
                                           .from = -1,
                                           .active = true});
    return rc;
}

static int irecv_slow(int rc, void *buf, int count, MPI_Datatype type, int source, int tag,
                      MPI_Comm comm, MPI_Request *request)
{
    const struct ftm_comm *c = ftm_comm_of(comm);

    if (ftm_is_to_nobody(c, source, rc))
        return ftm_result(comm,
                          PMPI_Irecv(buf, count, type, source, tag, ftm_comms_self(), request));
    if (!c || source == MPI_PROC_NULL || (rc != MPI_SUCCESS && !ftm_is_loss(rc)))
        return ftm_result(comm, rc != MPI_SUCCESS
                                    ? rc
                                    : PMPI_Irecv(buf, count, type, source, tag, comm, request));
    if (ftm_repair_rules()) {
        if (rc == MPI_SUCCESS && ftm_interrupted(comm, &rc))
            return rc;
        while (rc == MPI_SUCCESS || ftm_mended(comm, &rc)) {
            c = ftm_comm_of(comm);
            rc = c ? ftm_request_receive(c, buf, count, type, source, tag, request) : MPI_ERR_COMM;
            if (rc == MPI_SUCCESS)
                break;
        }
        return rc;
    }
    return ftm_result(comm, ftm_request_receive(c, buf, count, type, source, tag, request));
}

HOT int FTM_GENERAL(Irecv)(void *buf, int count, MPI_Datatype type, int source, int tag,
                           MPI_Comm comm, MPI_Request *request)
{
    int rc = MPI_SUCCESS;

    if (ftm_as_ever(source, comm)) {
        rc = PMPI_Irecv(buf, count, type, source, tag, comm, request);
        if (LIKELY(rc == MPI_SUCCESS)) {
            note(*request, FTM_IRECV, buf, count, type, source, tag, comm);
            return rc;
        }
    }
    return irecv_slow(rc, buf, count, type, source, tag, comm, request);
}

#if FTM_FAST
static __attribute__((noinline, cold)) int posted_anew(const struct ftm_arguments *asked)
{
    note(*(MPI_Request *) asked->last, FTM_IRECV, asked->buf, asked->count, asked->type,
         asked->peer, asked->tag, asked->comm);
    return MPI_SUCCESS;
}

/* As note, for a handle that has a place: calls nothing, and so saves no register. */
HOT int ftm_posted_Irecv(const struct ftm_arguments *asked)
{
    MPI_Request request = *(MPI_Request *) asked->last;
    struct ftm_noted *noted;

    if (!LIKELY(no_lock_needed))
        return posted_anew(asked);
    noted = ftm_records_find(&ftm_requests_noted, request);
    if (!LIKELY(noted != NULL))
        return posted_anew(asked);
    noted->buf = asked->buf;
    noted->type = asked->type;
    noted->comm = asked->comm;
    noted->number = ++ftm_requests_noted.last_number;
    noted->count = asked->count;
    noted->peer = asked->peer;
    noted->tag = asked->tag;
    noted->kind = (uint16_t) FTM_IRECV;
    noted->active = true;
    noted->whole = false;
    return MPI_SUCCESS;
}

int ftm_failed_Irecv(const struct ftm_arguments *asked, int rc)
{
    return irecv_slow(rc, asked->buf, asked->count, asked->type, asked->peer, asked->tag,
                      asked->comm, asked->last);
}
#endif

/* ---------------------------------------------------------------- matched messages */

/* Known only once something has changed; few, and each is received soon. */
struct matched {
    MPI_Message message;
    MPI_Comm comm;
    int peer, tag, real;
    struct matched *next;
};
static struct matched *matches;

void ftm_request_message(MPI_Message message, const struct ftm_comm *c, int peer, int tag, int real)
{
    struct matched *match = calloc(1, sizeof *match);

    if (!match)
        return; /* it is received all the same, but not asked for again */
    *match = (struct matched) {message, c->app, peer, tag, real, NULL};
    pthread_mutex_lock(&mutex);
    match->next = matches;
    matches = match;
    pthread_mutex_unlock(&mutex);
}

static struct matched *take_match(MPI_Message message)
{
    struct matched **at = &matches, *match;

    pthread_mutex_lock(&mutex);
    while (*at && (*at)->message != message)
        at = &(*at)->next;
    match = *at;
    if (match)
        *at = match->next;
    pthread_mutex_unlock(&mutex);
    return match;
}

int ftm_own_Imrecv(void *buf, int count, MPI_Datatype type, MPI_Message *message,
                   MPI_Request *request)
{
    struct matched *match = ftm_changed && message ? take_match(*message) : NULL;
    const struct ftm_comm *c = match ? ftm_comm_of(match->comm) : NULL;
    int rc;

    if (c) {
        rc = receive_matched(c, buf, count, type, match->peer, match->tag, message, match->peer,
                             match->real, request);
        rc = ftm_result(match->comm, rc);
    } else {
        catch_up(); /* its handle may have been that of one that is noted */
        rc = PMPI_Imrecv(buf, count, type, message, request);
    }
    free(match);
    return rc;
}

int ftm_own_Mrecv(void *buf, int count, MPI_Datatype type, MPI_Message *message,
                  MPI_Status *status)
{
    MPI_Request request;
    int rc;

    if (LIKELY(!ftm_changed))
        return PMPI_Mrecv(buf, count, type, message, status);
    rc = ftm_own_Imrecv(buf, count, type, message, &request);
    return rc == MPI_SUCCESS ? ftm_own_Wait(&request, status) : rc;
}

/* ---------------------------------------------------------------- types */

/* A type that the application frees while a request uses it is freed when none does any more: a request
 * may have to be asked again. That is looked for when the next one is freed. Not a copy is kept, for
 * which MPI would call the application's functions for the type's attributes. */
#define KEPT_TYPES_MAX 1024
static MPI_Datatype kept_types[KEPT_TYPES_MAX];
static int n_kept_types;

/* A persistent one may be made again, also when it is not started. */
static bool uses(const struct ftm_noted *noted, MPI_Datatype type)
{
    if (!noted->key || noted->type != type)
        return false;
    return (noted->kind >= FTM_SEND_INIT && noted->kind <= FTM_RECV_INIT)
           || (noted->active && (ftm_requests_marking || ftm_object_is_it(noted)));
}

static bool is_used(MPI_Datatype type)
{
    for (size_t i = 0; i < ftm_requests_noted.size; i++)
        if (uses(&ftm_requests_noted.places[i], type))
            return true;
    return false;
}

static bool is_own_of_mpi(MPI_Datatype type)
{
    int integers, addresses, types, combiner;

    return PMPI_Type_get_envelope(type, &integers, &addresses, &types, &combiner) != MPI_SUCCESS
           || combiner == MPI_COMBINER_NAMED;
}

/* With the lock held. Returns how many there are. */
static int take_unused(MPI_Datatype unused[KEPT_TYPES_MAX])
{
    int n = 0;

    for (int i = n_kept_types; i-- > 0;)
        if (!is_used(kept_types[i])) {
            unused[n++] = kept_types[i];
            kept_types[i] = kept_types[--n_kept_types];
        }
    return n;
}

/* Without the lock: the application's functions are called. */
static void free_types(MPI_Datatype types[], int n)
{
    while (n > 0)
        PMPI_Type_free(&types[--n]);
}

int ftm_own_Type_free(MPI_Datatype *type)
{
    MPI_Datatype unused[KEPT_TYPES_MAX];
    bool is_kept = false;
    int n;

    if (!type || !ftm_requests_noted.places)
        return PMPI_Type_free(type);
    if (is_used(*type))
        catch_up(); /* or so it was once */
    lock();
    n = take_unused(unused);
    if (n_kept_types < KEPT_TYPES_MAX && is_used(*type) && !is_own_of_mpi(*type)) {
        kept_types[n_kept_types++] = *type;
        is_kept = true;
    }
    unlock();
    free_types(unused, n);
    if (!is_kept)
        return PMPI_Type_free(type);
    *type = MPI_DATATYPE_NULL;
    return MPI_SUCCESS;
}

/* ---------------------------------------------------------------- begin and end */

int ftm_requests_begin(void)
{
    int provided = MPI_THREAD_SINGLE;

    PMPI_Query_thread(&provided);
    ftm_requests_threads = provided == MPI_THREAD_MULTIPLE;
    PMPI_Isend(NULL, 0, MPI_BYTE, MPI_PROC_NULL, 0, MPI_COMM_SELF, &nothing);
    ftm_object_begin();
    ftm_requests_marking = ftm_requests_threads || !ftm_object_tells();
    no_lock_needed = ftm_records_begin(&ftm_requests_noted) && !ftm_requests_threads;
    return ftm_requests_noted.places ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}

void ftm_requests_end(void)
{
    struct matched *match;

    lock();
    no_lock_needed = false;
    ftm_records_end(&ftm_requests_noted);
    unlock();
    free_types(kept_types, n_kept_types);
    n_kept_types = 0;
    while ((match = matches)) {
        matches = match->next;
        free(match);
    }
}
