/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rebuild.c - the communicators that were made from the world are made again, after a repair of it.
 *
 * A round of a repair calls ftm_rebuild in every process of the new active communicator:
 *
 *   1. each says which communicators it has (their ids), and how many have been made from each;
 *   2. the least rank of those that have one describes it (birth.h): members, topology, rules. What
 *      has been freed since is described too, to those who take a place just now: they will make it
 *      once more, and free it;
 *   3. all make them, by one MPI_Comm_split of the active communicator for each wave of disjoint
 *      ones, and agree that all has gone well;
 *   4. the members of those with a topology put it on top, without reordering: they all have the
 *      communicator by now, so that one who fails can interrupt the others on it.
 *
 * What is agreed on then goes under the application's handles (ftm_rebuild_commit): ftm_comm's
 * `collective`, and `direct` if messages go there too. The application's handle itself stays what
 * it is: its attributes, its name, its info and its topology are those that it always had. A
 * process without a handle keeps the new communicator ready for the creating call that will ask for
 * it, by the parent's id and the call's number there.
 *
 * Which communicators are made again, and in whom:
 *
 *   all members were lost       nobody knows of it. Those who make the creating call late, and are
 *                               in no part that anybody knows of, make it among themselves
 *                               (part.h).
 *   freed                       in all: only a stand-in in a replacement. In some: those that have
 *                               not freed it yet have it again, the others take part, and free it.
 *   half made                   the creating call had come to its end in some ranks, and was
 *                               interrupted in others. It is made again with all its members. Those
 *                               that were interrupted find it, if they do the call again (or make
 *                               it, as above, if all in it were interrupted); if their
 *                               programs go back instead (FTMPI_Loop), the call is counted as done
 *                               in all ranks (ftm_rebuild_caught_up), so that the next one has the
 *                               same number everywhere, and the ranks that have the handle may free
 *                               it or leave it.
 *   shrunk                      the members that are left, in their order. A topology is lost then.
 *   a distributed graph         comes back without its topology: what a lost rank has said of its
 *                               neighbours, and in which order, went with it. Messages and
 *                               collectives go on, neighbourhood collectives give MPI_ERR_TOPOLOGY.
 *   connections (intercommunicators), windows, files: not at all.
 *
 * Old real communicators are not freed before the end: ftm_comms_retire (comms.h) says why.
 *
 * The steps are rooms of their own: rebuild_describe.c (what this process has), rebuild_claims.c (1
 * and 2), rebuild_make.c (3 and 4), rebuild_ready.c (handles), rebuild_progress.c (how far each
 * rank has come in its creating calls), departed.c (groups from before).
 */
#include "config.h"

#include "rebuild.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <stdlib.h>

#include "departed.h"
#include "derived.h"
#include "posting.h"
#include "rebuild_claims.h"
#include "rebuild_describe.h"
#include "rebuild_make.h"
#include "rebuild_progress.h"
#include "rebuild_ready.h"
#include "rebuilding.h"
#include "replay.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

int ftm_rebuilt;

static MPI_Comm first_active = MPI_COMM_NULL; /* as it was before the first repair */

/* Between ftm_rebuild and commit or abandon. */
static struct {
    struct ftm_rebuilding for_whom;
    struct ftm_remades remades;
    struct ftm_progress progress;
} draft;

/* Which rank of the new world each one of before is. */
static bool renumber(struct ftm_rebuilding *rebuilding)
{
    const struct ftm_seat *seats = rebuilding->seats;
    int before_n = ftm_world_n, *now_of = malloc((size_t) before_n * sizeof *now_of + 1);

    rebuilding->before_n = before_n;
    rebuilding->now_of = now_of;
    for (int v = 0; now_of && v < before_n; v++)
        now_of[v] = -1;
    for (int rank = 0; now_of && rank < rebuilding->n; rank++)
        if (seats[rank].before >= 0 && seats[rank].before < before_n)
            now_of[seats[rank].before] = rank;
    return now_of != NULL;
}

/* Steps 1 to 3. */
static int make_all(struct ftm_rebuilding *rebuilding)
{
    struct ftm_births mine = {0}, all = {0};
    struct ftm_claims claims = {0};
    int rc = MPI_ERR_NO_MEM;

    if (renumber(rebuilding) && ftm_departed_note(rebuilding)
        && ftm_describe_all(rebuilding, &mine))
        rc = ftm_claims_exchange(rebuilding, &mine, &claims, &draft.progress);
    if (rc == MPI_SUCCESS)
        rc = ftm_claims_describe(rebuilding, &mine, &claims, &all);
    if (rc == MPI_SUCCESS && !ftm_progress_know(&draft.progress, all.births, all.n))
        rc = MPI_ERR_NO_MEM;
    if (rc == MPI_SUCCESS)
        rc = ftm_make_all(rebuilding, &all, &claims, &draft.remades);
    ftm_describe_clear(&mine);
    ftm_describe_clear(&all);
    ftm_claims_clear(&claims);
    return rc;
}

int ftm_rebuild(MPI_Comm active, const struct ftm_seat *seats, int n)
{
    int ok, agreed, rc;

    ftm_rebuild_abandon();
    if (!ftm_rebuilt)
        first_active = ftm_active;
    draft.for_whom = (struct ftm_rebuilding) {.active = active, .seats = seats, .n = n};
    rc = PMPI_Comm_rank(active, &draft.for_whom.me);
    if (rc == MPI_SUCCESS)
        rc = make_all(&draft.for_whom);
    if (rc != MPI_SUCCESS)
        PMPIX_Comm_revoke(active);
    ok = rc == MPI_SUCCESS;
    agreed = PMPIX_Comm_agree(active, &ok);
    if (rc == MPI_SUCCESS)
        rc = agreed;
    if (rc == MPI_SUCCESS && !ok)
        rc = MPIX_ERR_PROC_FAILED; /* of somebody else's */
    if (rc == MPI_SUCCESS)
        rc = ftm_make_topologies(&draft.remades);
    if (rc != MPI_SUCCESS) { /* nobody is left waiting for this process */
        PMPIX_Comm_revoke(active);
        ftm_make_revoke(&draft.remades);
    }
    return rc;
}

void ftm_rebuild_abandon(void)
{
    ftm_make_undo(&draft.remades);
    ftm_progress_clear(&draft.progress);
    ftm_departed_abandon();
    free(draft.for_whom.now_of);
    draft.for_whom = (struct ftm_rebuilding) {.active = MPI_COMM_NULL};
}

void ftm_rebuild_commit(bool messages)
{
    const struct ftm_rebuilding *for_whom = &draft.for_whom;
    struct ftm_comm *world;

    if (!draft.remades.remades)
        return;
    if (for_whom->before_n != ftm_world_n)
        ftm_replay_renumber(for_whom->now_of, for_whom->before_n);
    ftm_departed_commit();
    world = ftm_comm_of(MPI_COMM_WORLD);
    if (world)
        world->since = ftm_requests_noted.last_number;
    ftm_rebuilt = 1;
    ftm_ready_commit(&draft.remades, &draft.progress, messages);
    ftm_rebuild_abandon(); /* what is left of the draft */
}

MPI_Comm ftm_rebuild_first_active(void)
{
    return ftm_rebuilt ? first_active : ftm_active;
}

/* What is left goes down with MPI. */
void ftm_rebuild_end(void)
{
    for (size_t i = 0; i < draft.remades.n; i++)
        ftm_birth_clear(&draft.remades.remades[i].birth);
    free(draft.remades.remades);
    draft.remades = (struct ftm_remades) {0};
    ftm_departed_end();
    ftm_rebuild_abandon();
    ftm_ready_end();
    ftm_rebuilt = 0;
}
