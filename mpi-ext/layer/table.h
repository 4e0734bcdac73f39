/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * table.h - which process is which rank: virtual rank (the application's) to real rank (in the real
 * MPI_COMM_WORLD) and back.
 */
#ifndef FTM_TABLE_H
#define FTM_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct ftm_table;

/* A world of n ranks, out of `total` processes, total >= n >= 0: rank and process are the same
 * number at first. NULL: out of memory. */
struct ftm_table *ftm_table_create(int n, int total);
/* A world of n ranks as it is after a repair: rank v is the process reals[v], which has taken its
 * place as the epochs[v]-th replacement; nobody of them is lost. */
struct ftm_table *ftm_table_create_of(int n, int total, const int reals[], const uint32_t epochs[]);
void ftm_table_destroy(struct ftm_table *table);

int ftm_table_n(const struct ftm_table *table);
int ftm_table_total(const struct ftm_table *table);

/* The process that is virtual rank v now; -1 if there is no such rank. Any thread. */
int ftm_table_real(const struct ftm_table *table, int v);
/* The virtual rank of a process; -1 if it has none (any more). Any thread. */
int ftm_table_virtual(const struct ftm_table *table, int real);
uint32_t ftm_table_epoch(const struct ftm_table *table, int v);

/* Which number rank v had when the job began: v, but in a world that was shrunk. To be set before
 * others read the table. */
void ftm_table_set_origin(struct ftm_table *table, int v, int origin);
int ftm_table_origin(const struct ftm_table *table, int v);
/* The rank that had that number; -1 if the world was shrunk by it, or never had it. */
int ftm_table_of_origin(const struct ftm_table *table, int origin);

/* From now on virtual rank v is the process `real`; the one before it has none any more. An epoch
 * that is not newer than the one there changes nothing, nor does a process that has another rank.
 * True if it was news. One thread at a time; the others may read meanwhile. */
bool ftm_table_put(struct ftm_table *table, int v, int real, uint32_t epoch);

/* A process was lost. True if that was news. Any thread. */
bool ftm_table_lose(struct ftm_table *table, int real);
bool ftm_table_is_lost(const struct ftm_table *table, int real);

#endif
