/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * records.c - what each outstanding request was asked to do: a table by handle, with open
 * addressing.
 *
 * Owned by requests.c, which has the lock. Calls nothing of MPI's.
 */
#include "config.h"

#include "records.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_AT_FIRST 256

static struct ftm_noted *new_places(size_t size)
{
    struct ftm_noted *places = aligned_alloc(sizeof *places, size * sizeof *places);

    if (places)
        memset(places, 0, size * sizeof *places);
    return places;
}

bool ftm_records_begin(struct ftm_records *records)
{
    *records = (struct ftm_records) {.places = new_places(SIZE_AT_FIRST), .size = SIZE_AT_FIRST};
    return records->places != NULL;
}

void ftm_records_end(struct ftm_records *records)
{
    free(records->places);
    free(records->wholes);
    *records = (struct ftm_records) {0};
}

static size_t free_place(const struct ftm_records *records, MPI_Request key)
{
    size_t i = ftm_records_hash(records, key);

    while (records->places[i].key)
        i = (i + 1) & (records->size - 1);
    return i;
}

static bool grow(struct ftm_records *records)
{
    struct ftm_records bigger = *records;

    bigger.size = 2 * records->size;
    bigger.places = new_places(bigger.size);
    bigger.wholes = records->wholes ? calloc(bigger.size, sizeof *bigger.wholes) : NULL;
    if (!bigger.places || (records->wholes && !bigger.wholes)) {
        free(bigger.places);
        free(bigger.wholes);
        return false;
    }
    for (size_t i = 0; i < records->size; i++)
        if (records->places[i].key) {
            size_t to = free_place(&bigger, records->places[i].key);

            bigger.places[to] = records->places[i];
            if (records->wholes)
                bigger.wholes[to] = records->wholes[i];
        }
    free(records->places);
    free(records->wholes);
    *records = bigger;
    return true;
}

struct ftm_noted *ftm_records_place(struct ftm_records *records, MPI_Request key)
{
    struct ftm_noted *noted = ftm_records_find(records, key);

    if (noted)
        return noted;
    if (2 * records->used >= records->size && !grow(records))
        return NULL;
    noted = &records->places[free_place(records, key)];
    noted->key = key;
    records->used++;
    return noted;
}

static void write_whole(struct ftm_records *records, struct ftm_noted *noted,
                        const struct ftm_record *record)
{
    MPI_Request key = noted->key;

    *noted = (struct ftm_noted) {.key = key,
                                 .buf = record->buf,
                                 .type = record->type,
                                 .comm = record->comm,
                                 .number = record->number,
                                 .count = record->count,
                                 .peer = record->peer,
                                 .tag = record->tag,
                                 .kind = (uint16_t) record->kind,
                                 .active = record->active,
                                 .whole = true};
    records->wholes[noted - records->places] = *record;
}

static bool need_wholes(struct ftm_records *records)
{
    if (!records->wholes)
        records->wholes = calloc(records->size, sizeof *records->wholes);
    return records->wholes != NULL;
}

bool ftm_records_write(struct ftm_records *records, const struct ftm_record *record)
{
    struct ftm_noted *noted = ftm_records_place(records, record->key);
    struct ftm_record fresh = *record;

    if (!noted)
        return false;
    if (!need_wholes(records)) {
        noted->active = false; /* what stood there is over */
        return false;
    }
    fresh.number = ++records->last_number;
    fresh.next = MPI_REQUEST_NULL;
    write_whole(records, noted, &fresh);
    return true;
}

void ftm_records_change(struct ftm_records *records, MPI_Request key,
                        const struct ftm_record *record)
{
    struct ftm_noted *noted = ftm_records_find(records, key);

    if (noted && need_wholes(records))
        write_whole(records, noted, record);
}

struct ftm_record ftm_records_read(const struct ftm_records *records, const struct ftm_noted *noted)
{
    struct ftm_record record = {.kind = (enum ftm_kind) noted->kind,
                                .buf = noted->buf,
                                .comm = noted->comm,
                                .on = noted->kind == FTM_COLLECTIVE ? NULL : noted->comm,
                                .next = MPI_REQUEST_NULL,
                                .count = noted->count,
                                .peer = noted->peer,
                                .tag = noted->tag,
                                .real = noted->kind == FTM_COLLECTIVE || noted->peer < 0
                                            ? FTM_ANYBODY
                                            : FTM_FIRST_HOUR,
                                .from = -1};

    if (noted->whole)
        record = records->wholes[noted - records->places];
    record.key = noted->key;
    record.type = noted->type;
    record.number = noted->number;
    record.active = noted->active;
    return record;
}

static int by_number(const void *a, const void *b)
{
    const struct ftm_record *x = a, *y = b;

    return x->number < y->number ? -1 : x->number > y->number;
}

size_t ftm_records_list(const struct ftm_records *records,
                        bool (*wanted)(const struct ftm_record *record, const void *data),
                        const void *data, struct ftm_record **found)
{
    size_t n = 0, most = 0;

    *found = NULL;
    for (size_t i = 0; i < records->size; i++)
        most += records->places[i].active;
    *found = most ? malloc(most * sizeof **found) : NULL;
    if (!*found)
        return 0;
    for (size_t i = 0; i < records->size; i++) {
        if (!records->places[i].active)
            continue;
        (*found)[n] = ftm_records_read(records, &records->places[i]);
        n += wanted(&(*found)[n], data);
    }
    if (n == 0) {
        free(*found);
        *found = NULL;
        return 0;
    }
    qsort(*found, n, sizeof **found, by_number);
    return n;
}
