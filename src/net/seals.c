/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * seals.c - datagrams of identification through MUNGE without stopping the loop.
 *
 * Called by the two discovery parts. With a key sealing and opening are a microsecond's work and
 * done at once. With MUNGE each is a piece of work for libuv's pool: it holds copies of all that it
 * needs. At most FT_SEALS_MAX are under way; a flood of forged credentials costs MUNGE's time, not
 * the loop's, and no more memory than that.
 */
#include "config.h"

#include "net/seals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "net/address.h"

struct ft_seals {
    uv_loop_t *loop;
    const struct ft_identity *identity;
    unsigned under_way;
    bool stopped;
};

struct work {
    uv_work_t request;
    struct ft_seals *seals;
    ft_opened_fn opened; /* NULL: it is to be sealed */
    ft_sealed_fn sealed;
    void *arg;
    bool has_peer;
    struct sockaddr_storage peer;
    struct ft_datagram datagram;
    size_t n;
    int error;
    char why[256];
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
};

struct ft_seals *ft_seals_create(uv_loop_t *loop, const struct ft_identity *identity)
{
    struct ft_seals *seals = calloc(1, sizeof *seals);

    if (seals == NULL)
        return NULL;
    seals->loop = loop;
    seals->identity = identity;
    return seals;
}

static void do_open(struct work *work)
{
    work->error = ft_identity_open(work->seals->identity, work->bytes, work->n, &work->datagram,
                                   work->why, sizeof work->why) == 0 ? 0 : errno;
}

static void do_seal(struct work *work)
{
    work->n = ft_identity_seal(work->seals->identity, &work->datagram, work->bytes,
                               sizeof work->bytes, work->why, sizeof work->why);
    work->error = work->n > 0 ? 0 : errno;
}

static void tell(const struct work *work)
{
    const struct sockaddr *peer = work->has_peer ? (const struct sockaddr *) &work->peer : NULL;

    if (work->seals->stopped)
        return;
    if (work->opened != NULL)
        work->opened(work->arg, work->error, &work->datagram, peer, work->why);
    else
        work->sealed(work->arg, work->error, work->bytes, work->n, peer, work->why);
}

static void on_work(uv_work_t *request)
{
    struct work *work = request->data;

    if (work->opened != NULL)
        do_open(work);
    else
        do_seal(work);
}

static void on_worked(uv_work_t *request, int status)
{
    struct work *work = request->data;

    (void) status;
    work->seals->under_way--;
    tell(work);
    free(work);
}

/* Does it: now, or by a thread, which needs a copy. */
static void begin(struct ft_seals *seals, struct work *work)
{
    struct work *copy = NULL;

    if (seals->identity->mode == FT_IDENTITY_KEY) {
        on_work(&work->request);
        tell(work);
        return;
    }
    if (seals->under_way < FT_SEALS_MAX)
        copy = malloc(sizeof *copy);
    if (copy == NULL) {
        work->error = seals->under_way < FT_SEALS_MAX ? ENOMEM : EBUSY;
        ft_text_copy(work->why, sizeof work->why, strerror(work->error));
        tell(work);
        return;
    }
    *copy = *work;
    copy->request.data = copy;
    seals->under_way++;
    uv_queue_work(seals->loop, &copy->request, on_work, on_worked); /* fails without on_work only */
}

static void set_peer(struct work *work, const struct sockaddr *peer)
{
    work->has_peer = peer != NULL;
    if (peer != NULL)
        memcpy(&work->peer, peer, ft_address_length(peer));
}

void ft_seals_open(struct ft_seals *seals, const uint8_t *bytes, size_t n,
                   const struct sockaddr *from, ft_opened_fn done, void *arg)
{
    struct work work = {.seals = seals, .opened = done, .arg = arg, .n = n};

    if (seals->stopped)
        return;
    work.request.data = &work;
    set_peer(&work, from);
    if (n > sizeof work.bytes) {
        work.error = EPROTO;
        tell(&work);
        return;
    }
    memcpy(work.bytes, bytes, n);
    begin(seals, &work);
}

void ft_seals_seal(struct ft_seals *seals, const struct ft_datagram *datagram,
                   const struct sockaddr *to, ft_sealed_fn done, void *arg)
{
    struct work work = {.seals = seals, .sealed = done, .arg = arg, .datagram = *datagram};

    if (seals->stopped)
        return;
    work.request.data = &work;
    set_peer(&work, to);
    begin(seals, &work);
}

void ft_seals_stop(struct ft_seals *seals)
{
    seals->stopped = true;
}

bool ft_seals_are_idle(const struct ft_seals *seals)
{
    return seals->under_way == 0;
}

void ft_seals_destroy(struct ft_seals *seals)
{
    free(seals);
}
