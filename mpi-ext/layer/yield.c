/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * yield.c - whether a process that waits in Open MPI lets others have its core.
 *
 * Open MPI's processes wait by looking, and never let go of their cores unless mpirun has found
 * more processes than slots. A repair is a few dozen short messages between all of them, the spares
 * included, which sleep otherwise and have been counted for little: where two of them share a core,
 * each message costs a turn of the scheduler's (4 ms) while its receiver is not allowed to run. So
 * the rounds of a repair (repair.c) let go; the application's own waiting is as it was.
 *
 * The switch is Open MPI's (mpi_yield_when_idle), set by the function that its MPI_Init sets it by.
 */
#include "config.h"

#include "yield.h"

#include <dlfcn.h>
#include <stddef.h>

typedef bool set_fn(bool while_idle);

bool ftm_yield(bool while_idle)
{
    set_fn *set;

    *(void **) &set = dlsym(RTLD_DEFAULT, "opal_progress_set_yield_when_idle");
    return set != NULL && set(while_idle);
}
