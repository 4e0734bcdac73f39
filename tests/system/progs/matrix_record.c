/* SPDX-License-Identifier: BSD-3-Clause */
/* matrix_record.c - what the programs of t075* tell the test: see matrix_record.h. */
#include "matrix_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIVES_MAX 64
#define STEP_NS 2000000L

static const char *folder = ".";
static FILE *life;
static int my_rank = -1;

/* The first number that no process of this rank has: nobody else makes its file. */
static int make_file(int rank)
{
    for (int k = 0; k < LIVES_MAX; k++) {
        char path[512];
        int fd;

        snprintf(path, sizeof path, "%s/life.%d.%d", folder, rank, k);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
        if (fd >= 0) {
            life = fdopen(fd, "w");
            return k;
        }
        if (errno != EEXIST)
            break;
    }
    record_fail("its record cannot be made", rank, errno);
}

int record_begin(const char *where, int rank)
{
    char node[256] = "";
    int k;

    folder = where;
    my_rank = rank;
    alarm(RECORD_END_S);
    k = make_file(rank);
    if (!life)
        record_fail("no memory", 0, 0);
    setvbuf(life, NULL, _IOLBF, 0);
    gethostname(node, sizeof node - 1);
    fprintf(life, "%s %ld\n", node, (long) getpid());
    return k;
}

void record_step(int step)
{
    fprintf(life, "%d\n", step);
}

bool record_end_wanted(void)
{
    char path[512];

    snprintf(path, sizeof path, "%s/end", folder);
    return access(path, F_OK) == 0;
}

void record_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = STEP_NS}, NULL);
}

void record_fail(const char *what, int a, int b)
{
    fprintf(stderr, "rank %d: %s (%d, %d)\n", my_rank, what, a, b);
    _exit(3);
}
