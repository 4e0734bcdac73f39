/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * boot.c - what Hello.boot and Hello.start say.
 *
 * Called by unit.c. The kernel's boot id alone would not do: containers and virtual nodes share
 * it with their host and are restarted without it changing. Process 1 of such a one is its own.
 */
#include "config.h"

#include "noded/boot.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/text.h"

#define STARTED_FIELD 22 /* of /proc/PID/stat: see proc(5) */

static bool read_line(const char *root, const char *name, char *line, size_t size)
{
    char path[4096];
    FILE *file;
    bool got;

    line[0] = '\0';
    if (snprintf(path, sizeof path, "%s/proc/%s", root, name) >= (int)sizeof path)
        return false;
    file = fopen(path, "re");
    if (!file)
        return false;
    got = fgets(line, (int)size, file) != NULL;
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return got;
}

/* In clock ticks since the boot; 0: not told. */
static uint64_t first_process_started(const char *root)
{
    char line[1024], *at;

    if (!read_line(root, "1/stat", line, sizeof line))
        return 0;
    at = strrchr(line, ')'); /* a process's name may have anything in it */
    for (int field = 2; at && field < STARTED_FIELD; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

const char *ft_boot_text(const char *root, char text[FT_BOOT_TEXT_MAX])
{
    char id[64];
    uint64_t started = first_process_started(root);

    read_line(root, "sys/kernel/random/boot_id", id, sizeof id);
    text[0] = '\0';
    if (id[0] || started)
        ft_text_appendf(text, FT_BOOT_TEXT_MAX, "%s/%" PRIu64, id, started);
    return text;
}

uint64_t ft_boot_run(void)
{
    static uint64_t run;
    struct timespec now;

    if (run == 0) {
        clock_gettime(CLOCK_REALTIME, &now);
        run = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    }
    return run;
}
