/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * matrix_record.h - what the programs of t075* tell the test, in the job's folder:
 *
 *   FOLDER/life.RANK.K   of RANK's K-th process: a first line "NODE PID", then one line a step
 *   FOLDER/end           made by the test: it has seen enough, the job is to come to its end
 *
 * The programs in Fortran and Python write the same.
 */
#ifndef MATRIX_RECORD_H
#define MATRIX_RECORD_H

#include <stdbool.h>

#define RECORD_RANKS_MAX 16
#define RECORD_END_S 150 /* a test that goes wrong ends, too */

/* Begins the record of the next process of that rank; returns the how-manieth it is, from 0. */
int record_begin(const char *folder, int rank);

void record_step(int step);
bool record_end_wanted(void);
void record_pause(void); /* 2 ms */

/* Says what is wrong, and ends the process with 3. */
void record_fail(const char *what, int a, int b) __attribute__((noreturn));

#endif
