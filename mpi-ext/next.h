/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * next.h - the function that would have been called without libftmpi.so (next.c). Needs libc only.
 */
#ifndef FTM_NEXT_H
#define FTM_NEXT_H

/* Of the library loaded behind us that has it: a tool's, Open MPI's or PMIx's. NULL: nobody has it.
 * Costs a search; keep the answer. */
void *ftm_next_function(const char *symbol);

#endif
