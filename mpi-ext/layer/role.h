/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * role.h - which rank of the application's world this process is: an active one, or a warm spare
 * that waits in MPI_Init until it is given one; and which process is to take a lost rank's place.
 */
#ifndef FTM_ROLE_H
#define FTM_ROLE_H

#include <stdbool.h>
#include <stdint.h>

#include "ft.h"

/* The number of spares, in the environment of all ranks of the job; set by `ft run`. */
#define FTM_SPARES_ENV "FT_SPARE_RANKS"
/* report (or unset), retarget, repair. */
#define FTM_MODE_ENV "FT_MODE"

struct ftm_role {
    int world_n;       /* N: ranks of the application's world */
    int spares_n;      /* S: the last S ranks of the real MPI_COMM_WORLD; 0 without spares */
    int real_rank;     /* in the real MPI_COMM_WORLD */
    int virtual_rank;  /* in the application's world; -1: an unused spare */
    int origin;        /* the number that its rank had when the job began, by which the runtime and
                        * keep know it: another one than virtual_rank in a world that was shrunk */
    uint64_t decision; /* that gave a spare its rank; 0 in a rank of the first hour */
    uint32_t epoch;    /* how many replacements its rank has had, this one included; 0 as above */
};

/* Reads the environment and the real world, after Open MPI's MPI_Init and before anything else here
 * is called. False: there is nothing to do (MPI was brought up by sessions only, this is a spawned
 * job, or the numbers do not fit the world): the role is then that of a world without spares. */
bool ftm_role_begin(void);

/* With spares: collective over the real world, spares included. The communicator on which ranks and
 * spares have words with each other. Returns MPI_SUCCESS, or Open MPI's error. */
int ftm_role_open(void);

/* Never NULL; all zero before ftm_role_begin. Not changed after MPI_Init has returned. */
const struct ftm_role *ftm_role(void);

/* In place of ftm_role_begin, in a process that was started into a repair (refill.h): it has this
 * role in that job. Its own real MPI_COMM_WORLD is no part of the application's. */
void ftm_role_join(const char *job, const struct ftm_role *as);

/* The name of the job whose rank this process is, "" if it is not known. */
const char *ftm_role_job(void);
/* Is that another one than its own? (ftm_role_join) The real MPI_COMM_WORLD, and the process's name
 * in PMIx, are none of that job's then. */
bool ftm_role_has_joined(void);

/* In MPI_Init, after Open MPI's and after ftm_world_begin (collective, spares included): returns at
 * once in an active rank. In a spare it waits, asleep, until the spare is given a rank (returns 0),
 * or the job is over or cannot use it any more: then it finalizes MPI and ends the process with
 * exit code 0. */
int ftm_role_wait(void);

/* After a repair: this process has virtual rank v now, which was `origin` when the job began. */
void ftm_role_take(int v, int origin, uint32_t epoch, uint64_t decision);

/* Before MPI goes down, in every rank: says that this one has come to the end of its program. */
void ftm_role_end(void);

/* The process that is in the place of a lost one. */
struct ftm_replacement {
    int real;            /* its rank in the real world */
    uint32_t epoch;      /* how many replacements the virtual rank has had, this one included */
    uint64_t decision;
    char reason[512];    /* after an error: what happened and what to do, for people */
    bool fresh;          /* after MPIX_ERR_PROC_FAILED: */
    ftReply_t reply;     /* what findAlternative said: a node for a new process */
};

/* Which process takes the place of the rank that was `origin` when the job began, and whose present
 * process (real rank dead_real, its dead_epoch-th replacement) is lost? Everybody who asks gets the
 * same answer, also one who asks about a process that has long been replaced: the present one then.
 * Returns MPI_SUCCESS and *now; or an MPI error class and *now with .real -1 and its reason:
 *   MPIX_ERR_PROC_FAILED   no spare is left. If .fresh, .reply names a node to start this program
 *                          on (FTMPI_Reach); else there is nothing
 *   MPI_ERR_OTHER          the runtime did not answer, or does not take the process for lost
 * Waits until deadline_ns (gone.h's clock) at the most; may be called from any thread. */
int ftm_role_replacement(int origin, int dead_real, uint32_t dead_epoch, int64_t deadline_ns,
                         struct ftm_replacement *now);

/* Which virtual rank a process of the real world has: its own number for one of the first hour,
 * that which it was given for a spare in use (asks the runtime if it is not known, 2 s at the
 * most); -1 if it has none. */
int ftm_role_virtual(int real);

/* Which process of the real world has virtual rank v, as far as the runtime knows? Asks it, 2 s at
 * the most; -1 if it does not say. */
int ftm_role_process(int v);

#endif
