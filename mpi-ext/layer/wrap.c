/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wrap.c - puts the layer's wrappers (wrappers.c, generated, and those written by hand) in the
 * place of Open MPI's functions: into the two tables through which libftmpi.so's MPI_X and PMPI_X
 * jump.
 *
 * The wrapper always stands behind PMPI_X. Behind MPI_X too, unless a profiling tool has an MPI_X
 * of its own between us and Open MPI: then MPI_X leads to the tool as ever, and the tool's call of
 * PMPI_X to the wrapper. So each call passes the wrapper once, and the tool sees the world that the
 * application sees.
 */
#include "config.h"

#include "wrap.h"

#include <stdio.h>
#include <string.h>

#include "fast.h"

static const struct ftm_preload *preload;

bool ftm_wrap_begin(const struct ftm_preload *from)
{
    preload = from;
    return ftm_real_find(preload->next);
}

static void *entry_of(const struct ftm_functions *table, size_t i)
{
    void *entry;

    memcpy(&entry, (const char *) table + i * sizeof entry, sizeof entry);
    return entry;
}

static void set_entry(struct ftm_functions *table, size_t i, void *entry)
{
    memcpy((char *) table + i * sizeof entry, &entry, sizeof entry);
}

/* Is the MPI_X that would have been called without us another function than PMPI_X? */
static bool tool_between(size_t i)
{
    return preload->next(ftm_names[i]) != entry_of(&ftm_real, i);
}

void ftm_wrap(const struct ftm_functions *wrappers)
{
    for (size_t i = 0; i < FTM_FUNCTIONS; i++) {
        void *wrapper = entry_of(wrappers, i);

        if (!wrapper)
            continue;
        set_entry(preload->profiling, i, wrapper);
        if (!tool_between(i))
            set_entry(preload->entries, i, wrapper);
    }
}

void ftm_wrap_all(void)
{
    ftm_fast_begin();
    ftm_wrap(&ftm_wrappers);
}
