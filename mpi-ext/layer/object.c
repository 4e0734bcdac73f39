/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * object.c - what lies in Open MPI's own request.
 *
 * Called by requests.c. Two things are to be known that MPI has no function for: the error of a
 * request that is complete, without its being freed; and whether a handle that was noted once still
 * is that request. Open MPI takes its requests from pools that it keeps until MPI_Finalize, so an
 * object that was given back can be looked at, and says so (req_state, or req_free_called while
 * Open MPI itself is not through with it), until it is taken for another request. That one is not
 * the application's, or the note would have been written over: and what Open MPI sends and receives
 * for itself has negative tags, or other communicators.
 *
 *   ompi_request_t             status | complete (pointer) | state, persistent ...
 *   mca_pml_base_request_t     ... free_called ... communicator ... address, count, peer, tag
 *
 * Where the status is is looked for with a receive from ourselves, and whether the rest is where
 * Open MPI 5.0 has it on 64-bit machines is tried with two, one that is completed and one that is
 * freed before. If not, ftm_object_tells says no, and the layer marks what is completed.
 */
#include "config.h"

#include "object.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "records.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define TAG 0x3A7C91E
#define BYTES 3
#define STATUS_BELOW 256
#define TRIES 1000
#define ACTIVE 2 /* of ompi_request_state_t; 0: given back */

struct status {
    int source, tag, error, cancelled;
    size_t bytes;
};

struct asked {
    const void *buf;
    size_t count;
    int peer, tag;
};

/* After the status. */
struct state {
    void *complete; /* NULL, 1, or who waits for it */
    int state;
};

/* From the status. */
#define STATE_AT ((ptrdiff_t) sizeof(struct status))
#define FREE_CALLED_AT 100
#define COMM_AT 112
#define ASKED_AT 408

static ptrdiff_t status_at; /* 0: not known */
static bool tells;

static const char *object(MPI_Request request)
{
    return (const char *) request;
}

static struct state state_of(MPI_Request request)
{
    struct state state;

    memcpy(&state, object(request) + status_at + STATE_AT, sizeof state);
    return state;
}

static int free_called(MPI_Request request)
{
    int called;

    memcpy(&called, object(request) + status_at + FREE_CALLED_AT, sizeof called);
    return called;
}

static bool was_asked(MPI_Request request, const struct asked *asked, MPI_Comm comm)
{
    return memcmp(object(request) + status_at + COMM_AT, &comm, sizeof comm) == 0
           && memcmp(object(request) + status_at + ASKED_AT, asked, sizeof *asked) == 0;
}

/* ---------------------------------------------------------------- the two receives */

static bool post(char got[BYTES], MPI_Request *request)
{
    return PMPI_Irecv(got, BYTES, MPI_BYTE, 0, TAG, MPI_COMM_SELF, request) == MPI_SUCCESS;
}

static bool arrive(void)
{
    static const char sent[BYTES];

    return PMPI_Send(sent, BYTES, MPI_BYTE, 0, TAG, MPI_COMM_SELF) == MPI_SUCCESS;
}

static bool is_active(MPI_Request request, uintptr_t complete)
{
    return state_of(request).state == ACTIVE
           && state_of(request).complete == (void *) complete;
}

/* Waits for a receive. Finds the status. */
static void look_for_status(void)
{
    struct status status = {0, TAG, MPI_SUCCESS, 0, BYTES};
    MPI_Request request;
    char got[BYTES];
    int flag = 0;

    if (!post(got, &request))
        return;
    if (arrive())
        for (int tries = 0; tries < TRIES && !flag; tries++)
            PMPI_Request_get_status(request, &flag, MPI_STATUS_IGNORE);
    for (ptrdiff_t at = 0; flag && at < STATUS_BELOW && !status_at; at += (ptrdiff_t) sizeof(int))
        if (memcmp(object(request) + at, &status, sizeof status) == 0)
            status_at = at;
    PMPI_Wait(&request, MPI_STATUS_IGNORE);
}

static bool try_one_completed(void)
{
    char got[BYTES];
    struct asked asked = {got, BYTES, 0, TAG};
    MPI_Request request, was;
    bool ok;
    int flag = 0;

    if (!post(got, &request))
        return false;
    was = request;
    ok = is_active(was, 0) && was_asked(was, &asked, MPI_COMM_SELF) && free_called(was) == 0;
    if (arrive())
        for (int tries = 0; tries < TRIES && !flag; tries++)
            PMPI_Request_get_status(request, &flag, MPI_STATUS_IGNORE);
    ok = ok && flag && is_active(was, 1) && free_called(was) == 0;
    PMPI_Wait(&request, MPI_STATUS_IGNORE);
    return ok && state_of(was).state == 0;
}

static bool try_one_freed(void)
{
    static char got[BYTES]; /* should it never come */
    MPI_Request request, was;
    bool ok;

    if (!post(got, &request))
        return false;
    was = request;
    ok = free_called(was) == 0;
    PMPI_Request_free(&request);
    ok = ok && is_active(was, 0) && free_called(was) == 1;
    return arrive() && ok;
}

void ftm_object_begin(void)
{
    look_for_status();
    tells = status_at != 0 && sizeof(void *) == 8 && try_one_completed() && try_one_freed();
}

bool ftm_object_tells(void)
{
    return tells;
}

/* ---------------------------------------------------------------- later */

int *ftm_object_error(MPI_Request request)
{
    return status_at ? (int *) ((char *) request + status_at + offsetof(struct status, error))
                     : NULL;
}

bool ftm_object_is_it(const struct ftm_noted *noted)
{
    struct asked asked = {noted->buf, (size_t) noted->count, noted->peer, noted->tag};

    return state_of(noted->key).state == ACTIVE && free_called(noted->key) == 0
           && was_asked(noted->key, &asked, noted->comm);
}
