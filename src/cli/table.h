/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * table.h - rows and columns for people, aligned.
 */
#ifndef FT_CLI_TABLE_H
#define FT_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

struct table;

/* headers: "NODE", "MODULES>" (numbers: to the right), ...; NULL ends. NULL: out of memory. */
struct table *table_create(const char *const headers[]);
void table_destroy(struct table *table); /* takes NULL */

/* A row is as many cells as there are headers, one after the other. A cell is copied; control
 * characters in it become spaces; NULL and "" show as "-", but for the last column. */
void table_cell(struct table *table, const char *text);
void table_cellf(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints all rows under their headers, if there is any. Returns 0, or -1: memory ran out. */
int table_print(const struct table *table, FILE *to);

size_t table_rows(const struct table *table);

#endif
