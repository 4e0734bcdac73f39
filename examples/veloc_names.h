/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * veloc_names.h - VeloC's names over FTMPI_Keep: a program that was written for VeloC's in-memory
 * way includes this in the place of veloc.h, and keeps its state in a partner's memory.
 *
 * A header and no library, because it is a page of renaming, and a program that has moved had
 * better use ftmpi.h itself: what VeloC has no words for (where state is kept, another rank's
 * state, how a commit failed) is there. What differs from VeloC:
 *
 *     - regions are numbers there and names here: region 7 is "7"
 *     - one checkpoint's name at a time: FTMPI_Commit takes all regions, whatever it is called
 *     - nothing is written to a file; two versions are kept, as long as a rank or its partner lives
 *     - VELOC_Checkpoint returns after a copy in memory, VELOC_Checkpoint_wait when it is safe
 */
#ifndef VELOC_NAMES_H
#define VELOC_NAMES_H

#include <stdio.h>

#include "ftmpi.h"

#define VELOC_SUCCESS (0)
#define VELOC_FAILURE (-1)

#define VELOC_NAMES_FETCH_MS 60000

static inline int VELOC_Init(MPI_Comm comm, const char *cfg_file)
{
    (void) comm;
    (void) cfg_file;
    return FTMPI_Keep(NULL, NULL, 0) == MPI_SUCCESS ? VELOC_SUCCESS : VELOC_FAILURE;
}

static inline int VELOC_Mem_protect(int id, void *ptr, size_t count, size_t base_size)
{
    char name[FTMPI_KEEP_NAME_MAX];

    snprintf(name, sizeof name, "%d", id);
    return FTMPI_Keep(name, ptr, count * base_size) == MPI_SUCCESS ? VELOC_SUCCESS : VELOC_FAILURE;
}

static inline int VELOC_Mem_unprotect(int id)
{
    char name[FTMPI_KEEP_NAME_MAX];

    snprintf(name, sizeof name, "%d", id);
    return FTMPI_Keep(name, NULL, 0) == MPI_SUCCESS ? VELOC_SUCCESS : VELOC_FAILURE;
}

static inline int VELOC_Checkpoint(const char *name, int version)
{
    (void) name;
    return FTMPI_Commit(version) == MPI_SUCCESS ? VELOC_SUCCESS : VELOC_FAILURE;
}

static inline int VELOC_Checkpoint_wait(void)
{
    return FTMPI_Commit_wait(FT_FOREVER) == MPI_SUCCESS ? VELOC_SUCCESS : VELOC_FAILURE;
}

/* The newest version that is kept of this rank and is not above max_ver (0: any); VELOC_FAILURE:
 * none, so start from the beginning. */
static inline int VELOC_Restart_test(const char *name, int max_ver)
{
    FTMPI_Kept_t kept;

    (void) name;
    if (FTMPI_Kept(-1, VELOC_NAMES_FETCH_MS, &kept) != MPI_SUCCESS)
        return VELOC_FAILURE;
    for (int i = 0; i < kept.versions_n; i++)
        if (max_ver <= 0 || kept.versions[i] <= max_ver)
            return kept.versions[i];
    return VELOC_FAILURE;
}

static inline int VELOC_Restart(const char *name, int version)
{
    (void) name;
    return FTMPI_Fetch(version, VELOC_NAMES_FETCH_MS, NULL) == MPI_SUCCESS ? VELOC_SUCCESS
                                                                          : VELOC_FAILURE;
}

/* MPI_Finalize gives everything back. */
static inline int VELOC_Finalize(int drain)
{
    return drain ? VELOC_Checkpoint_wait() : VELOC_SUCCESS;
}

#endif
