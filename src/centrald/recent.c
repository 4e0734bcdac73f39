/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * recent.c - owns the latest lines of the event log, in a ring: bounded by number and by bytes.
 * Filled by events.c, read by admin.c for those who follow the log.
 */
#include "centrald/recent.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    uint64_t seq;
    size_t n;
    char *line;
};

struct ft_recent {
    struct entry *entries; /* FT_RECENT_ENTRIES_MAX of them, from the first line on */
    size_t first, n;
    size_t bytes;
};

struct ft_recent *ft_recent_create(void)
{
    return calloc(1, sizeof(struct ft_recent));
}

static struct entry *at(const struct ft_recent *recent, size_t i)
{
    return &recent->entries[(recent->first + i) % FT_RECENT_ENTRIES_MAX];
}

static void drop_first(struct ft_recent *recent)
{
    struct entry *entry = at(recent, 0);

    recent->bytes -= entry->n;
    free(entry->line);
    entry->line = NULL;
    recent->first = (recent->first + 1) % FT_RECENT_ENTRIES_MAX;
    recent->n--;
}

void ft_recent_destroy(struct ft_recent *recent)
{
    if (recent == NULL)
        return;
    while (recent->n > 0)
        drop_first(recent);
    free(recent->entries);
    free(recent);
}

void ft_recent_add(struct ft_recent *recent, uint64_t seq, const char *line, size_t n)
{
    struct entry *entry;
    char *copy;

    if (n > 0 && line[n - 1] == '\n')
        n--;
    if (recent->entries == NULL)
        recent->entries = calloc(FT_RECENT_ENTRIES_MAX, sizeof *recent->entries);
    copy = recent->entries != NULL && n <= FT_RECENT_BYTES_MAX / 2 ? strndup(line, n) : NULL;
    if (copy == NULL)
        return;
    while (recent->n == FT_RECENT_ENTRIES_MAX ||
           (recent->n > 0 && recent->bytes + n > FT_RECENT_BYTES_MAX))
        drop_first(recent);
    entry = at(recent, recent->n++);
    *entry = (struct entry){.seq = seq, .n = n, .line = copy};
    recent->bytes += n;
}

void ft_recent_after(const struct ft_recent *recent, uint64_t seq,
                     bool (*visit)(void *arg, uint64_t seq, const char *line), void *arg)
{
    size_t i = recent->n;

    /* From the end: whoever follows is near to it. */
    while (i > 0 && at(recent, i - 1)->seq > seq)
        i--;
    for (; i < recent->n; i++) {
        if (!visit(arg, at(recent, i)->seq, at(recent, i)->line))
            return;
    }
}

uint64_t ft_recent_first(const struct ft_recent *recent)
{
    return recent->n > 0 ? at(recent, 0)->seq : 0;
}

uint64_t ft_recent_last(const struct ft_recent *recent)
{
    return recent->n > 0 ? at(recent, recent->n - 1)->seq : 0;
}
