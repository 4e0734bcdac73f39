/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * group.c - makes, reads and removes a module's memory control group, of version 2 or 1.
 *
 * Version 2: in the folder that systemd delegated to the unit (Delegate=yes and
 * DelegateSubgroup=unit in ft-noded.service), or below our own group if we may write there.
 * Version 1: below our own group of the memory controller. A group of one run only: its count of
 * kills begins with it. Called by the keeper alone; everything here may fail, and then the limit is
 * RLIMIT_DATA (run.c).
 */
#include "config.h"

#include "keeper/group.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_BYTES 4096

static bool read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static bool write_text(const char *folder, const char *name, const char *text)
{
    char path[640];
    int fd;
    bool good;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return good;
}

/* "NAME NUMBER" at the start of a line of the file; 0 if it is not there. */
static uint64_t read_count(const char *path, const char *name)
{
    char text[TEXT_BYTES], wanted[64];
    const char *at;

    if (!read_text(path, text, sizeof text))
        return 0;
    snprintf(wanted, sizeof wanted, "\n%s ", name);
    if (strncmp(text, wanted + 1, strlen(wanted + 1)) == 0)
        return strtoull(text + strlen(wanted + 1), NULL, 10);
    at = strstr(text, wanted);
    return at ? strtoull(at + strlen(wanted), NULL, 10) : 0;
}

static uint64_t group_kills(const struct ft_group *group)
{
    char path[640];

    snprintf(path, sizeof path, "%s/%s", group->folder,
             group->v2 ? "memory.events" : "memory.oom_control");
    return read_count(path, "oom_kill");
}

/* /proc/vmstat is longer than what a keeper wants to hold at once. */
static uint64_t node_kills(const char *root)
{
    char path[512], line[128];
    uint64_t kills = 0;
    FILE *file;

    snprintf(path, sizeof path, "%s/proc/vmstat", root);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "oom_kill %" SCNu64, &kills) == 1)
            break;
    if (file)
        fclose(file);
    return kills;
}

/* Our own group, by the line of /proc/self/cgroup that has these controllers. */
static bool own_group(const char *root, const char *controllers, char *folder, size_t size)
{
    char path[512], text[TEXT_BYTES], *rest = NULL;

    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (!read_text(path, text, sizeof text))
        return false;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *names = strchr(line, ':'), *group = names ? strchr(names + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        if (strcmp(names + 1, controllers) == 0) {
            snprintf(folder, size, "%s", strcmp(group, "/") == 0 ? "" : group);
            return true;
        }
    }
    return false;
}

static bool make_below(struct ft_group *group, const char *parent, const char *name,
                       uint64_t max_bytes)
{
    char max[32];
    int n = snprintf(group->folder, sizeof group->folder, "%s/ft-%s", parent, name);

    if (n < 0 || (size_t)n >= sizeof group->folder)
        goto none;
    if (mkdir(group->folder, 0755) != 0 && errno != EEXIST)
        goto none;
    snprintf(max, sizeof max, "%" PRIu64, max_bytes);
    if (write_text(group->folder, group->v2 ? "memory.max" : "memory.limit_in_bytes", max)) {
        /* Swapping would only put off the end; not every kernel has this one. */
        write_text(group->folder, group->v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
                   group->v2 ? "0" : max);
        group->kills = group_kills(group);
        return true;
    }
    rmdir(group->folder);
none:
    group->folder[0] = '\0';
    return false;
}

/* A group with processes cannot have groups with limits below it: systemd puts ours into a group
 * "unit" of its own (DelegateSubgroup=unit), and those of the modules go beside that one. */
static bool make_beside_unit(struct ft_group *group, const char *own, const char *name,
                             uint64_t max_bytes)
{
    static const char unit[] = "/unit";
    char above[512];
    size_t n = strlen(own), k = sizeof unit - 1;

    if (n <= k || n - k >= sizeof above || strcmp(own + n - k, unit) != 0)
        return false;
    memcpy(above, own, n - k);
    above[n - k] = '\0';
    write_text(above, "cgroup.subtree_control", "+memory"); /* if not: there is no memory.max */
    return make_below(group, above, name, max_bytes);
}

bool ft_group_make(struct ft_group *group, const char *root, const char *parent, const char *name,
                   uint64_t max_bytes)
{
    char own[512], path[1024];

    memset(group, 0, sizeof *group);
    group->all_kills = node_kills(root);
    if (max_bytes == 0)
        return false;
    group->v2 = true;
    if (*parent && make_below(group, parent, name, max_bytes))
        return true;
    if (own_group(root, "", own, sizeof own)) {
        snprintf(path, sizeof path, "%s/sys/fs/cgroup%s", root, own);
        if (make_beside_unit(group, path, name, max_bytes) ||
            make_below(group, path, name, max_bytes))
            return true;
    }
    group->v2 = false;
    if (!own_group(root, "memory", own, sizeof own))
        return false;
    snprintf(path, sizeof path, "%s/sys/fs/cgroup/memory%s", root, own);
    return make_below(group, path, name, max_bytes);
}

bool ft_group_enter(const struct ft_group *group)
{
    return !*group->folder || write_text(group->folder, "cgroup.procs", "0");
}

bool ft_group_was_short(const struct ft_group *group, const char *root)
{
    if (*group->folder)
        return group_kills(group) > group->kills;
    return node_kills(root) > group->all_kills;
}

void ft_group_kill(const struct ft_group *group)
{
    if (*group->folder && group->v2)
        write_text(group->folder, "cgroup.kill", "1");
}

bool ft_group_remove(struct ft_group *group)
{
    if (*group->folder && rmdir(group->folder) != 0 && errno == EBUSY)
        return false;
    group->folder[0] = '\0';
    return true;
}
