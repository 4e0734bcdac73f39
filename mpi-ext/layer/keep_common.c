/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_common.c - FTMPI_Fetch_common: all ranks go back together, to the newest commit that each of
 * them can really have.
 *
 * A rank that lives has its last two commits in its own memory, a replacement finds those of the
 * process before it at the partner. Ranks may be one commit apart, or two if they do not wait for
 * each other; what is kept may turn out to be damaged, or its keeper die meanwhile. So:
 *
 *     1  each rank names its newest commit that is not above the limit (at first there is none);
 *        the least of all becomes the limit, until all name the same one
 *     2  each rank gets that commit, whole and held against its checksums, but changes nothing
 *     3  if all have it, each copies it into its buffers. Else the limit is one less: again from 1
 *     4  there is none: all hear which ranks lack one (a rank was lost together with who kept its
 *        state, say), and end with the same error
 *
 * The limit falls in each turn below a commit that some rank has, so TURNS_MAX is more than there
 * can be. After a rank was lost in the middle of this the world is repaired, or the call fails, as
 * with any collective. If it is to be done again it is begun anew, since a replacement begins it,
 * too; a rank may have gone back already then, which does no harm: what was agreed on is still the
 * newest that all have.
 *
 * Called by the application's thread. No lock of keep.c is held over a call of MPI, since a repair
 * may leave it for good (FTMPI_Loop).
 */
#include "config.h"

#include "keep_common.h"

#include <limits.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "comms.h"
#include "gone.h"
#include "keep.h"
#include "repair.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define TURNS_MAX 16
#define NAMED_MAX 8 /* ranks that an error names */

/* What the ranks tell each other: the least of each. */
struct word {
    int64_t least;
    int64_t most; /* negated */
};

#define AGAIN (-1) /* as an error: the world was repaired, and the call is to be done again */

static int agree(struct word *word)
{
    const struct word mine = *word;
    int error, rc;

    rc = PMPI_Allreduce(&mine, word, 2, MPI_INT64_T, MPI_MIN, ftm_uncounted(MPI_COMM_WORLD));
    if (rc == MPI_SUCCESS)
        return rc;
    if (!ftm_repair_is_on() || !ftm_repair_is_for(rc))
        return ftm_failed(MPI_COMM_WORLD, rc);
    return ftm_repair(MPI_COMM_WORLD, rc, NULL, &error) == FTM_REPAIR_REPEAT ? AGAIN : error;
}

static struct word word_of(int version)
{
    return (struct word){.least = version, .most = -(int64_t) version};
}

static int least_of(const struct word *word)
{
    return (int) word->least;
}

/* The newest commit that every rank says it can have, not above the limit. *version -1: none.
 *   lacks   gets whether it is this one that has none */
static int find_common(int limit, int64_t deadline_ns, int *version, bool *lacks)
{
    *version = -1;
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        struct word word;
        int newest = -1, rc;

        ftm_keep_newest(limit, deadline_ns, &newest); /* why not is in FTMPI_Last_error */
        word = word_of(newest);
        rc = agree(&word);
        if (rc != MPI_SUCCESS)
            return rc;
        limit = least_of(&word);
        *lacks = newest < 0;
        if (limit < 0 || -word.most == limit) {
            *version = limit;
            return MPI_SUCCESS;
        }
    }
    return MPI_SUCCESS;
}

/* Has every rank got it? */
static int get_everywhere(int version, int64_t deadline_ns, bool *got, bool *lacks)
{
    struct word word;
    int rc;

    *lacks = ftm_keep_get(version, deadline_ns) != MPI_SUCCESS;
    word = word_of(*lacks ? 0 : 1);
    rc = agree(&word);
    *got = least_of(&word) == 1;
    return rc;
}

/* The ranks that lack one, as a list for people: the same in all. */
static int list_lacking(bool lacks, char *list, size_t size)
{
    int64_t rank = -1;

    *list = '\0';
    for (int n = 0; n <= NAMED_MAX; n++) {
        bool is_next = lacks && ftm_world_rank() > rank;
        struct word word = {.least = is_next ? ftm_world_rank() : INT_MAX};
        size_t used = strlen(list);
        int rc = agree(&word);

        if (rc != MPI_SUCCESS || word.least == INT_MAX)
            return rc;
        rank = word.least;
        if (n < NAMED_MAX)
            snprintf(list + used, size - used, "%s%d", n > 0 ? ", " : "", (int) rank);
        else
            snprintf(list + used, size - used, ", ...");
    }
    return MPI_SUCCESS;
}

/* In a rank that lacks one there are words already: what it has found. */
static int none(bool lacks)
{
    char list[128], why[512], words[1024];
    int rc;

    snprintf(why, sizeof why, "%s", lacks ? ftm_keep_hooks.last_error() : "");
    rc = list_lacking(lacks, list, sizeof list);
    if (rc != MPI_SUCCESS)
        return rc;
    snprintf(words, sizeof words,
             "there is no version that all ranks can go back to: of rank %s nobody who lives has "
             "one that the others have, too. No rank's buffers were changed: begin anew, or from what "
             "is on disk%s%s",
             list, lacks ? ". Here: " : "", why);
    return ftm_keep_fail(MPI_ERR_OTHER, words);
}

static int fetch_common(int64_t deadline_ns, int *version)
{
    int limit = INT_MAX;
    bool lacks = false;

    for (int turn = 0; turn < TURNS_MAX; turn++) {
        bool got = false;
        int rc = find_common(limit, deadline_ns, version, &lacks);

        if (rc == MPI_SUCCESS && *version >= 0)
            rc = get_everywhere(*version, deadline_ns, &got, &lacks);
        if (rc != MPI_SUCCESS)
            return rc;
        if (*version < 0)
            break;
        if (got)
            return ftm_keep_take();
        limit = *version - 1;
    }
    return none(lacks);
}

int ftm_keep_fetch_common(ftTimeout_t T, int *version)
{
    int found = -1, rc;

    if (version)
        *version = -1;
    if (T < 0 && T != FT_FOREVER) /* the same in all ranks, as any argument of a collective */
        return ftm_keep_fail(MPI_ERR_ARG, "a negative time");
    if (!ftm_comms_mpi_is_up())
        return ftm_keep_fail(MPI_ERR_OTHER, "MPI is not up: call MPI_Init first");
    do {
        rc = fetch_common(ftm_deadline_ns(T), &found);
    } while (rc == AGAIN);
    if (rc == MPI_SUCCESS && version)
        *version = found;
    return rc;
}
