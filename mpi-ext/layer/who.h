/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * who.h - what a stand-in finds in its environment about whom it stands in for, and tells of
 * itself.
 */
#ifndef FTM_WHO_H
#define FTM_WHO_H

#include <pmix.h>
#include <stdbool.h>

#include "ftmpi.h"

#define FTM_WHO_ENV "FT_STANDIN"
#define FTM_WHO_MAX (FT_NAME_MAX + 64)

/* The variable's text, from and to all of *who but its communicator, which is neither read nor set.
 * A `text` that is NULL or not of the form: false, and *who stands in for nobody. */
void ftm_who_write(char text[FTM_WHO_MAX], const FTMPI_Standin_t *who);
bool ftm_who_read(const char *text, FTMPI_Standin_t *who);

#define FTM_PORT_MAX 1024

/* A port whose name says whose it is, from and to the process. False: too long; not such a port.
 * What follows the name in `text` is not looked at. */
bool ftm_port_write(char text[FTM_PORT_MAX], const pmix_proc_t *owner, const char *opened);
bool ftm_port_owner(const char *text, pmix_proc_t *owner);

#endif
