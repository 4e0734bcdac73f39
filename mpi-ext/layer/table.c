/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * table.c - which process is which rank.
 *
 * Owned by world.c. Read by every thread that sends or receives once something has been lost,
 * without a lock; written by one at a time (retarget.c, under its lock). A reader that comes in the
 * middle of a change gets the old process or the new one: the old one is lost, which it then
 * notices and asks again.
 */
#include "config.h"

#include "table.h"

#include <stdatomic.h>
#include <stdlib.h>

struct place {
    atomic_int real;
    _Atomic uint32_t epoch;
    int origin;
};

struct process {
    atomic_int v;
    atomic_bool lost;
};

struct ftm_table {
    int n, total;
    struct place *places;      /* n */
    struct process *processes; /* total */
};

struct ftm_table *ftm_table_create(int n, int total)
{
    struct ftm_table *table = n < 0 || total < n ? NULL : calloc(1, sizeof *table);

    if (!table)
        return NULL;
    table->n = n;
    table->total = total;
    table->places = calloc((size_t) n + 1, sizeof *table->places); /* + 1: none is no error */
    table->processes = calloc((size_t) total + 1, sizeof *table->processes);
    if (!table->places || !table->processes) {
        ftm_table_destroy(table);
        return NULL;
    }
    for (int v = 0; v < n; v++) {
        atomic_init(&table->places[v].real, v);
        table->places[v].origin = v;
    }
    for (int real = 0; real < total; real++)
        atomic_init(&table->processes[real].v, real < n ? real : -1);
    return table;
}

struct ftm_table *ftm_table_create_of(int n, int total, const int reals[], const uint32_t epochs[])
{
    struct ftm_table *table = ftm_table_create(n, total);

    for (int real = 0; table && real < total; real++)
        atomic_init(&table->processes[real].v, -1);
    for (int v = 0; table && v < n; v++) {
        if (reals[v] < 0 || reals[v] >= total) {
            ftm_table_destroy(table);
            return NULL;
        }
        atomic_init(&table->places[v].real, reals[v]);
        atomic_init(&table->places[v].epoch, epochs[v]);
        atomic_init(&table->processes[reals[v]].v, v);
    }
    return table;
}

void ftm_table_destroy(struct ftm_table *table)
{
    if (!table)
        return;
    free(table->places);
    free(table->processes);
    free(table);
}

int ftm_table_n(const struct ftm_table *table)
{
    return table->n;
}

int ftm_table_total(const struct ftm_table *table)
{
    return table->total;
}

int ftm_table_real(const struct ftm_table *table, int v)
{
    if (v < 0 || v >= table->n)
        return -1;
    return atomic_load_explicit(&table->places[v].real, memory_order_acquire);
}

int ftm_table_virtual(const struct ftm_table *table, int real)
{
    if (real < 0 || real >= table->total)
        return -1;
    return atomic_load_explicit(&table->processes[real].v, memory_order_acquire);
}

uint32_t ftm_table_epoch(const struct ftm_table *table, int v)
{
    return v < 0 || v >= table->n ? 0 : atomic_load(&table->places[v].epoch);
}

void ftm_table_set_origin(struct ftm_table *table, int v, int origin)
{
    if (v >= 0 && v < table->n)
        table->places[v].origin = origin;
}

int ftm_table_origin(const struct ftm_table *table, int v)
{
    return v < 0 || v >= table->n ? -1 : table->places[v].origin;
}

int ftm_table_of_origin(const struct ftm_table *table, int origin)
{
    for (int v = 0; v < table->n; v++)
        if (table->places[v].origin == origin)
            return v;
    return -1;
}

bool ftm_table_put(struct ftm_table *table, int v, int real, uint32_t epoch)
{
    int has, before;

    if (v < 0 || v >= table->n || real < 0 || real >= table->total
        || epoch <= ftm_table_epoch(table, v))
        return false;
    has = ftm_table_virtual(table, real);
    if (has >= 0 && has != v)
        return false;
    before = ftm_table_real(table, v);
    if (before != real)
        atomic_store(&table->processes[before].v, -1);
    atomic_store(&table->processes[real].v, v);
    atomic_store(&table->places[v].epoch, epoch);
    atomic_store_explicit(&table->places[v].real, real, memory_order_release);
    return true;
}

bool ftm_table_lose(struct ftm_table *table, int real)
{
    return real >= 0 && real < table->total && !atomic_exchange(&table->processes[real].lost, true);
}

bool ftm_table_is_lost(const struct ftm_table *table, int real)
{
    return real >= 0 && real < table->total
           && atomic_load_explicit(&table->processes[real].lost, memory_order_relaxed);
}
