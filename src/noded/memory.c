/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory.c - reads /proc/meminfo and the limits of control groups (both versions).
 *
 * Called by measure.c for a probe. A limit of the group in which the unit runs is not always that
 * of the job, but where both were started by the same resource manager it is; and a number that is
 * too small sends the job to another node, while one too large sends it into the out-of-memory
 * killer. File cache that could be dropped counts as available, as MemAvailable does it.
 */
#include "config.h"

#include "noded/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096
#define GROUPS_MAX 64 /* levels of groups looked at */

/* Finds "NAME<sep>NUMBER" at the start of a line. */
static bool read_field(const char *path, const char *name, uint64_t *value)
{
    FILE *file = fopen(path, "re");
    char line[512];
    size_t n = strlen(name);
    bool found = false;

    if (!file)
        return false;
    while (!found && fgets(line, sizeof line, file))
        found = strncmp(line, name, n) == 0 && sscanf(line + n, " %" SCNu64, value) == 1;
    fclose(file);
    if (!found)
        errno = EPROTO;
    return found;
}

/* A file with one number; false if there is none ("max", or no file). */
static bool read_number(const char *folder, const char *name, uint64_t *value)
{
    char path[PATH_BYTES + 64];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return read_field(path, "", value);
}

/* What a group, by its folder, leaves. */
static void apply_group(const char *folder, const char *limit_name, const char *usage_name,
                        const char *cache_name, uint64_t *bytes)
{
    char stat[PATH_BYTES + 64];
    uint64_t limit, usage, cache = 0, left;

    if (!read_number(folder, limit_name, &limit) || !read_number(folder, usage_name, &usage))
        return;
    snprintf(stat, sizeof stat, "%s/memory.stat", folder);
    if (!read_field(stat, cache_name, &cache))
        cache = 0;
    usage = usage > cache ? usage - cache : 0;
    left = limit > usage ? limit - usage : 0;
    if (left < *bytes)
        *bytes = left;
}

/* The group and all above it, up to the mount point's own folder. */
static void apply_groups(const char *mount, const char *group, bool v2, uint64_t *bytes)
{
    char folder[PATH_BYTES];
    size_t least = strlen(mount);
    int n = snprintf(folder, sizeof folder, "%s%s", mount, group);

    if (n < 0 || (size_t)n >= sizeof folder)
        return;
    for (int level = 0; level < GROUPS_MAX; level++) {
        char *slash;
        if (v2)
            apply_group(folder, "memory.max", "memory.current", "inactive_file ", bytes);
        else
            apply_group(folder, "memory.limit_in_bytes", "memory.usage_in_bytes",
                        "total_inactive_file ", bytes);
        slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < least)
            return;
        *slash = '\0';
    }
}

/* A line of /proc/self/cgroup: "ID:CONTROLLERS:/group"; version 2 has no controllers there. */
static void apply_line(const char *root, char *line, uint64_t *bytes)
{
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    char mount[PATH_BYTES / 2];

    if (!group)
        return;
    *group++ = '\0';
    controllers++;
    group[strcspn(group, "\n")] = '\0';
    if (strcmp(group, "/") == 0)
        group = line + strlen(line); /* "" */
    if (!*controllers) {
        snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", root);
        apply_groups(mount, group, true, bytes);
        snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/unified", root);
        apply_groups(mount, group, true, bytes);
    } else if (strcmp(controllers, "memory") == 0) {
        snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/memory", root);
        apply_groups(mount, group, false, bytes);
    }
}

static void apply_cgroups(const char *root, uint64_t *bytes)
{
    char path[PATH_BYTES], line[PATH_BYTES];
    FILE *file;

    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        apply_line(root, line, bytes);
    if (file)
        fclose(file);
}

int ft_memory_free(const char *root, uint64_t *bytes)
{
    char path[PATH_BYTES];
    uint64_t kib;

    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    if (!read_field(path, "MemAvailable:", &kib) && !read_field(path, "MemFree:", &kib))
        return -1;
    *bytes = kib > UINT64_MAX / 1024 ? UINT64_MAX : kib * 1024;
    apply_cgroups(root, bytes);
    return 0;
}

int64_t ft_boot_time_s(const char *root)
{
    char path[PATH_BYTES];
    uint64_t seconds;

    snprintf(path, sizeof path, "%s/proc/stat", root);
    return read_field(path, "btime ", &seconds) && seconds < INT64_MAX ? (int64_t)seconds : 0;
}
