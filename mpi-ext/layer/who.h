/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * who.h - what a stand-in finds in its environment about whom it stands in for.
 */
#ifndef FTM_WHO_H
#define FTM_WHO_H

#include <stdbool.h>

#include "ftmpi.h"

#define FTM_WHO_ENV "FT_STANDIN"
#define FTM_WHO_MAX (FT_NAME_MAX + 64)

/* The variable's text, from and to all of *who but its communicator, which is neither read nor set.
 * A `text` that is NULL or not of the form: false, and *who stands in for nobody. */
void ftm_who_write(char text[FTM_WHO_MAX], const FTMPI_Standin_t *who);
bool ftm_who_read(const char *text, FTMPI_Standin_t *who);

#endif
