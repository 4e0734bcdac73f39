/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_memory.c - how much memory this process may still take.
 *
 * Linux promises more memory than there is, and takes it back by ending somebody. Who keeps
 * another's state has to refuse it instead, so that it is offered to the next one. Two things end a
 * process for that: the node has no memory left (MemAvailable), or the job has used up what its
 * resource manager has given it there, which is far less where nodes are shared: the limit of a
 * memory group of the process, or of one above it.
 *
 *     /proc/self/cgroup    0::/slurm/job_7/step_0        version 2, below /sys/fs/cgroup
 *                          4:memory:/slurm/uid_1/job_7   version 1, below /sys/fs/cgroup/memory
 *
 * What files have in memory counts as used there, but is given back first: it is added to what is
 * left. Called by keep_server.c, once for each image that comes.
 */
#include "config.h"

#include "keep_memory.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What the files of a memory group are called. */
struct names {
    const char *folder, *limit, *used, *cached;
};

static const struct names version_1 = {
    "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
    "total_inactive_file"};
static const struct names version_2 = {
    "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The number behind `word` in a file of "word number" lines, or with "" that which the file is.
 * False: it is not there, as where the limit is "max". */
static bool read_number(const char *path, const char *word, uint64_t *number)
{
    FILE *file = fopen(path, "re");
    size_t n = strlen(word);
    char line[256];
    bool found = false;

    while (file && !found && fgets(line, sizeof line, file))
        if (strncmp(line, word, n) == 0 && (n == 0 || line[n] == ' ' || line[n] == ':'))
            found = sscanf(line + n + (line[n] == ':'), "%" SCNu64, number) == 1;
    if (file)
        fclose(file);
    return found;
}

static uint64_t left_on_node(const char *root)
{
    char path[PATH_MAX];
    uint64_t available_kib;
    int n = snprintf(path, sizeof path, "%s/proc/meminfo", root);

    return n < (int) sizeof path && read_number(path, "MemAvailable", &available_kib)
        ? 1024 * available_kib
        : UINT64_MAX;
}

static bool read_in(const char *root, const struct names *names, const char *group,
                    const char *file, const char *word, uint64_t *number)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s%s%s/%s", root, names->folder, group, file);

    return n < (int) sizeof path && read_number(path, word, number);
}

static uint64_t left_in(const char *root, const struct names *names, const char *group)
{
    uint64_t limit, used, cached = 0;

    if (!read_in(root, names, group, names->limit, "", &limit)
        || !read_in(root, names, group, names->used, "", &used))
        return UINT64_MAX;
    read_in(root, names, group, "memory.stat", names->cached, &cached);
    used = used > cached ? used - cached : 0;
    return limit > used ? limit - used : 0;
}

/* The least of the group and of all above it. */
static uint64_t left_below(const char *root, const struct names *names, char *group)
{
    uint64_t left = UINT64_MAX;
    char *slash = group + strlen(group);

    while (slash) {
        *slash = '\0';
        left = least(left, left_in(root, names, group));
        slash = strrchr(group, '/');
    }
    return left;
}

/* In a line "4:cpu,memory:/path": is "memory" one of those in the middle? */
static bool names_memory(const char *from, const char *end)
{
    static const char word[] = "memory";
    size_t n;

    for (; from < end; from += n + 1) {
        n = strcspn(from, ",:");
        if (n == sizeof word - 1 && strncmp(from, word, n) == 0)
            return true;
    }
    return false;
}

static uint64_t left_by_line(const char *root, char *line)
{
    char *middle = strchr(line, ':'), *group = middle ? strchr(middle + 1, ':') : NULL;

    line[strcspn(line, "\n")] = '\0';
    if (!group || group[1] != '/')
        return UINT64_MAX;
    if (group == middle + 1)
        return left_below(root, &version_2, group + 1);
    return names_memory(middle + 1, group) ? left_below(root, &version_1, group + 1) : UINT64_MAX;
}

uint64_t ftm_keep_memory_left(const char *root)
{
    uint64_t left = left_on_node(root);
    char line[PATH_MAX];
    int n = snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *file = n < (int) sizeof line ? fopen(line, "re") : NULL;

    while (file && fgets(line, sizeof line, file))
        left = least(left, left_by_line(root, line));
    if (file)
        fclose(file);
    return left;
}
