/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * moving.h - what is in flight with a lost process is asked again of the one in its place.
 */
#ifndef FTM_MOVING_H
#define FTM_MOVING_H

#include <mpi.h>
#include <stdbool.h>

/* Asks again what this request was asked, if it can be stopped. */
void ftm_request_again(MPI_Request key);

/* Is anything in flight to or from virtual rank v's process `real`? */
bool ftm_requests_are_with(int v, int real);

/* Virtual rank v is about to have another process than `real`, which nobody knows as v then: what
 * receives from anybody have got of it stays v's, although the application takes it later. */
void ftm_requests_name(int v, int real);

/* Virtual rank v has another process than `real` now: what is in flight to or from it is asked
 * again (or ends with an error, by the rule of requests.h), in the order in which it was first asked. */
void ftm_requests_move(int v, int real);

#endif
