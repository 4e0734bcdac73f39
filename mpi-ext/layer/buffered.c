/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * buffered.c - MPI_Bsend and MPI_Ibsend: what was buffered for a rank that is lost.
 *
 * Open MPI 5.0 gives a buffered message that is too long to go at once (some KB) to nobody who
 * would look after it: if its peer is lost before it has received it, the message stays in the
 * attached buffer, and MPI_Buffer_detach and MPI_Finalize wait for ever. Nor can it be sent again
 * to who takes the lost one's place.
 *
 * So here a buffered message is packed into memory of the layer's, and sent from there by an
 * MPI_Isend like the application's own (requests.c): it follows a rank to its next process, and
 * ends with an error where there is none. That error is not told: the call that buffered the
 * message is over, and whoever has more for that rank is told then.
 *
 * The buffer that the application has attached stays empty, but is counted, so that what would not
 * fit into it is refused as ever. Finished pieces are given back by the calls that follow; a piece
 * that was given up is kept, since Open MPI may still hold its address. Persistent ones
 * (MPI_Bsend_init) go Open MPI's way.
 *
 * Called by the wrappers (own.h), MPI_Finalize (init.c) and a repair (completion_over.c). A look at
 * a request may end in FTMPI_Loop and not come back (ftm_buffered_left), or in the application's
 * callback, which may call this again: no lock is held then, and a piece is looked at by one thread
 * at a time, its taker.
 */
#include "config.h"

#include "buffered.h"

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "comms.h"
#include "completion.h"
#include "handlers.h"
#include "own.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define LOOKS 2 /* at older pieces, by a call that buffers another one */

struct piece {
    struct piece *next;
    MPI_Request request;
    size_t size;
    const char *taker; /* the thread that looks at it, by its `self`; NULL: none */
    bool is_lost;      /* it was given up */
    char bytes[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct piece *pieces; /* in the order of sending */
static struct piece *lost;   /* never given back */
static size_t room, used;    /* of the application's buffer; 0: there is none */
static __thread char self;   /* its address is the thread's name here */

/* ---------------------------------------------------------------- pieces, with the lock held */

static void add(struct piece *piece)
{
    struct piece **end = &pieces;

    while (*end)
        end = &(*end)->next;
    *end = piece;
}

static void take_out(struct piece *piece)
{
    struct piece **at = &pieces;

    while (*at != piece)
        at = &(*at)->next;
    *at = piece->next;
    used -= piece->size;
    if (piece->is_lost) {
        piece->next = lost;
        lost = piece;
    } else {
        free(piece);
    }
}

static struct piece *take_free(struct piece *piece)
{
    while (piece && piece->taker)
        piece = piece->next;
    if (piece)
        piece->taker = &self;
    return piece;
}

/* ---------------------------------------------------------------- looking after them */

/* Done with a piece that this thread has taken, for now or, if `is_over`, for good. */
static void leave(struct piece *piece, bool is_over)
{
    pthread_mutex_lock(&lock);
    piece->taker = NULL;
    if (is_over)
        take_out(piece);
    pthread_mutex_unlock(&lock);
}

/* The same, and takes the next one; NULL: takes the first. */
static struct piece *go_on(struct piece *piece, bool is_over)
{
    struct piece *next;

    pthread_mutex_lock(&lock);
    next = take_free(piece ? piece->next : pieces);
    if (piece)
        piece->taker = NULL;
    if (piece && is_over)
        take_out(piece);
    pthread_mutex_unlock(&lock);
    return next;
}

void ftm_buffered_left(void)
{
    pthread_mutex_lock(&lock);
    for (struct piece *piece = pieces; piece; piece = piece->next)
        if (piece->taker == &self)
            piece->taker = NULL;
    pthread_mutex_unlock(&lock);
}

static bool is_over(struct piece *piece)
{
    MPI_Status status;
    bool done = true;

    if (piece->request != MPI_REQUEST_NULL
        && ftm_request_look(&piece->request, &done, &status) != MPI_SUCCESS)
        piece->is_lost = true;
    return done;
}

/* Looks at so many, the oldest first, and gives back what is over. */
static void look(int n)
{
    struct piece *piece = go_on(NULL, false);

    for (; piece && n > 0; n--)
        piece = go_on(piece, is_over(piece));
    if (piece)
        leave(piece, false);
}

/* Any but those that this thread has taken: by a call that the application's callback is in. */
static bool has_pieces(void)
{
    struct piece *piece;

    pthread_mutex_lock(&lock);
    for (piece = pieces; piece && piece->taker == &self;)
        piece = piece->next;
    pthread_mutex_unlock(&lock);
    return piece != NULL;
}

void ftm_buffered_wait(void)
{
    for (unsigned rounds = 0; has_pieces(); rounds++) {
        look(INT_MAX);
        if (has_pieces())
            ftm_while_waiting(rounds);
    }
}

void ftm_buffered_over(void)
{
    pthread_mutex_lock(&lock);
    for (struct piece *piece = pieces; piece; piece = piece->next) {
        piece->is_lost = piece->is_lost || piece->request != MPI_REQUEST_NULL;
        piece->request = MPI_REQUEST_NULL;
    }
    pthread_mutex_unlock(&lock);
}

/* ---------------------------------------------------------------- sending */

/* A new one, in its place in the order; NULL: there is no room for it. */
static struct piece *reserve(size_t size)
{
    struct piece *piece = NULL;

    pthread_mutex_lock(&lock);
    if (size <= room - used)
        piece = malloc(sizeof *piece + size);
    if (piece) {
        *piece = (struct piece) {.request = MPI_REQUEST_NULL, .size = size, .taker = &self};
        used += size;
        add(piece);
    }
    pthread_mutex_unlock(&lock);
    return piece;
}

/* Is it one that goes our way? Open MPI has its words for what cannot be sent at all.
 *   size   what it takes, packed; more than there can be: SIZE_MAX */
static bool is_ours(int count, MPI_Datatype type, int dest, MPI_Comm comm, size_t *size)
{
    MPI_Count each = 0;

    if (__atomic_load_n(&room, __ATOMIC_RELAXED) == 0 || dest < 0 || count < 0
        || type == MPI_DATATYPE_NULL || !ftm_comm_of(comm)
        || PMPI_Type_size_x(type, &each) != MPI_SUCCESS || each < 0)
        return false;
    *size = each > 0 && count > INT_MAX / each ? SIZE_MAX : (size_t) (count * each);
    return true;
}

static struct piece *find_room(size_t size)
{
    struct piece *piece;

    look(LOOKS);
    piece = reserve(size);
    if (piece)
        return piece;
    look(INT_MAX);
    return reserve(size);
}

/* A message that has no room must not even be tried: Open MPI counts it, and the receiver would
 * wait for it before it takes any that follows. */
static int send_piece(const void *buf, int count, MPI_Datatype type, size_t size, int dest, int tag,
                      MPI_Comm comm)
{
    struct piece *piece = find_room(size);
    int at = 0, rc;

    if (!piece)
        return ftm_raise(comm, MPI_ERR_BUFFER);
    rc = PMPI_Pack(buf, count, type, piece->bytes, (int) size, &at, comm);
    if (rc == MPI_SUCCESS)
        rc = ftm_own_Isend(piece->bytes, at, MPI_PACKED, dest, tag, comm, &piece->request);
    else
        rc = ftm_raise(comm, rc);
    leave(piece, rc != MPI_SUCCESS);
    return rc;
}

int ftm_own_Bsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm)
{
    size_t size;

    if (!is_ours(count, type, dest, comm, &size))
        return ftm_plain_bsend(buf, count, type, dest, tag, comm);
    return send_piece(buf, count, type, size, dest, tag, comm);
}

/* The request is over at once: what can be awaited of it is that the message is buffered. */
int ftm_own_Ibsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                   MPI_Request *request)
{
    size_t size;
    int rc;

    if (!request || !is_ours(count, type, dest, comm, &size))
        return ftm_plain_ibsend(buf, count, type, dest, tag, comm, request);
    rc = send_piece(buf, count, type, size, dest, tag, comm);
    if (rc == MPI_SUCCESS)
        rc = PMPI_Isend(NULL, 0, MPI_BYTE, MPI_PROC_NULL, tag, ftm_comms_self(), request);
    return rc;
}

/* ---------------------------------------------------------------- the application's buffer */

int ftm_own_Buffer_attach(void *buffer, int size)
{
    int rc = PMPI_Buffer_attach(buffer, size);

    if (rc != MPI_SUCCESS)
        return ftm_raise(MPI_COMM_WORLD, rc);
    pthread_mutex_lock(&lock);
    room = (size_t) size;
    pthread_mutex_unlock(&lock);
    return MPI_SUCCESS;
}

int ftm_own_Buffer_detach(void *buffer, int *size)
{
    int rc;

    ftm_buffered_wait();
    rc = PMPI_Buffer_detach(buffer, size);
    if (rc != MPI_SUCCESS)
        return ftm_raise(MPI_COMM_WORLD, rc);
    pthread_mutex_lock(&lock);
    room = 0;
    pthread_mutex_unlock(&lock);
    return MPI_SUCCESS;
}
