/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * table.c - rows and columns for people: keeps all cells, then prints each column as wide as its
 * widest cell. The last column ends where its text does.
 */
#include "cli/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define CELL_MAX_BYTES 1024
#define GAP "  "

struct table {
    const char *headers[TABLE_COLUMNS_MAX];
    bool right[TABLE_COLUMNS_MAX];
    size_t header_n[TABLE_COLUMNS_MAX];
    size_t columns;
    char **cells;
    size_t n;
    bool failed;
};

struct table *table_create(const char *const headers[])
{
    struct table *table = calloc(1, sizeof *table);

    for (; table != NULL && headers[table->columns] != NULL; table->columns++) {
        const char *header = headers[table->columns];
        size_t n = strlen(header);

        table->headers[table->columns] = header;
        table->right[table->columns] = n > 0 && header[n - 1] == '>';
        table->header_n[table->columns] = n - table->right[table->columns];
    }
    return table;
}

void table_destroy(struct table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->n; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table);
}

void table_cell(struct table *table, const char *text)
{
    char **cells = table->cells;
    bool last = table->n % table->columns + 1 == table->columns;
    char *copy;

    if (text == NULL || text[0] == '\0')
        text = last ? "" : "-";
    copy = strdup(text);
    if ((table->n & (table->n - 1)) == 0)
        cells = realloc(cells, (table->n > 0 ? 2 * table->n : 1) * sizeof *cells);
    if (cells != NULL)
        table->cells = cells;
    if (cells == NULL || copy == NULL) {
        table->failed = true;
        free(copy);
        return;
    }
    ft_text_one_line(copy);
    cells[table->n++] = copy;
}

void table_cellf(struct table *table, const char *format, ...)
{
    char text[CELL_MAX_BYTES] = "";
    va_list args;

    va_start(args, format);
    ft_text_vappendf(text, sizeof text, format, args);
    va_end(args);
    table_cell(table, text);
}

/* How many characters; bytes that go on a character of UTF-8 do not count. */
static size_t width_of(const char *text, size_t n)
{
    size_t width = 0;

    for (size_t i = 0; i < n && text[i] != '\0'; i++)
        width += ((unsigned char) text[i] & 0xc0) != 0x80;
    return width;
}

static void print_cell(FILE *to, const char *text, size_t n, size_t width, bool right, bool last)
{
    size_t pad = width - width_of(text, n);

    if (right)
        fprintf(to, "%*s", (int) pad, "");
    fprintf(to, "%.*s", (int) n, text);
    if (!last && !right)
        fprintf(to, "%*s", (int) pad, "");
    fputs(last ? "\n" : GAP, to);
}

static size_t column_width(const struct table *table, size_t column)
{
    size_t width = width_of(table->headers[column], table->header_n[column]);

    for (size_t i = column; i < table->n; i += table->columns) {
        size_t n = width_of(table->cells[i], SIZE_MAX);

        width = n > width ? n : width;
    }
    return width;
}

int table_print(const struct table *table, FILE *to)
{
    size_t widths[TABLE_COLUMNS_MAX];

    if (table->failed)
        return -1;
    if (table->n == 0)
        return 0;
    for (size_t i = 0; i < table->columns; i++)
        widths[i] = column_width(table, i);
    for (size_t i = 0; i < table->columns; i++)
        print_cell(to, table->headers[i], table->header_n[i], widths[i], table->right[i],
                   i + 1 == table->columns);
    for (size_t i = 0; i < table->n; i++) {
        size_t column = i % table->columns;

        print_cell(to, table->cells[i], strlen(table->cells[i]), widths[column],
                   table->right[column], column + 1 == table->columns);
    }
    return 0;
}

size_t table_rows(const struct table *table)
{
    return table->n / table->columns;
}
