/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loop.h - how a program takes part in repairs: what ftmpi.h's section "a world made whole" calls.
 */
#ifndef FTM_LOOP_H
#define FTM_LOOP_H

#include <stdbool.h>

#include "ftmpi.h"

/* The functions of ftmpi.h, for libftmpi.so's entries. */
struct ftm_loop_hooks {
    int (*set_callback)(FTMPI_Callback_t *callback, void *arg);
    int (*loop)(FTMPI_Body_t *body, void *arg);
    int (*settle)(void);
    int (*last_repair)(FTMPI_Repair_t *repair);
};

extern const struct ftm_loop_hooks ftm_loop_hooks;

/* What the program is told of the last repair, from here on; also of the world before any. */
void ftm_loop_note(const FTMPI_Repair_t *repair);

/* Is the program one that expects to be interrupted: has it a callback, is it in FTMPI_Loop, or has
 * MPI_COMM_WORLD the error handler MPI_ERRORS_RETURN? */
bool ftm_loop_is_aware(void);

/* Has the program come out of FTMPI_Loop, and expects nothing any more? */
bool ftm_loop_is_over(void);

/* Is this thread in FTMPI_Loop's body? */
bool ftm_loop_is_here(void);

/* Was there a repair, met by another thread, since this thread's body was called? Then
 * ftm_loop_tell is to be called. */
bool ftm_loop_is_late(void);

/* After a repair, with no lock held: does not return if this thread is in FTMPI_Loop's body; else
 * calls the callback, if there is one. True: it wants the interrupted call to be done again. */
bool ftm_loop_tell(void);

#endif
