/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wrap.h - what the generated wrappers (wrappers.c) are made with, and how they are put in force.
 *
 * A wrapper is in the place of Open MPI's function for whoever calls MPI_X or PMPI_X: the
 * application, Open MPI's Fortran bindings, a profiling tool. Not for the layer itself: its PMPI_X
 * are Open MPI's own (real.h).
 */
#ifndef FTM_WRAP_H
#define FTM_WRAP_H

#include "real.h"

#include "alone.h"
#include "attributes.h"
#include "compare.h"
#include "derived.h"
#include "handlers.h"
#include "own.h"
#include "passed.h"
#include "repair.h"
#include "requests.h"
#include "ulfm.h"
#include "windows.h"
#include "world.h"

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* The wrapper of each function that has one (wrappers.c, generated); NULL for the others. */
extern const struct ftm_functions ftm_wrappers;

/* When the layer is loaded. False: this is not the MPI that FT was built for. */
bool ftm_wrap_begin(const struct ftm_preload *preload);

/* Puts the wrappers in force; to be called where no other thread can be in an MPI function: in
 * MPI_Init. They stay: after MPI_Finalize no function of theirs may be called any more. */
void ftm_wrap_all(void);
/* The same of these only, and the others stay as they are. */
void ftm_wrap(const struct ftm_functions *wrappers);

#endif
