/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_app.c - a program that keeps its state, for t0721-keep.sh. All its ranks do the same; what
 * is done to them from outside is in the test.
 *
 *     keep_app FOLDER [BYTES [STEPS]]
 *
 * Each rank has a counter and a field, both of which follow from the step, so that whoever gets
 * them can tell whether they belong together. Each step: the field is computed, committed, and, in
 * steps named by FOLDER/hold.RANK's content, not gone on from until that file is gone. Each
 * rank says what it does, a line a step, in FOLDER/log.RANK:
 *
 *     commit STEP RC WAIT_RC PARTNER NODE DISTANCE
 *
 * A file FOLDER/ask.RANK with "kept R" or "fetch R" is answered in FOLDER/answer.RANK: what is kept
 * of rank R, or its field, held against what it must be; "latest R": of its newest commit that is
 * undamaged. "mine V" has the rank itself go back to its version V.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ftmpi.h"

#define END_S 90
#define FETCH_MS 20000

static const char *folder;
static int rank;
static struct {
    long step;
    long rank;
} head;
static unsigned char *field;
static size_t field_bytes = 1 << 20;

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static void path_of(char path[512], const char *what)
{
    snprintf(path, 512, "%s/%s.%d", folder, what, rank);
}

/* The first line of a file; 0 if it is not there. */
static int read_line(const char *what, char line[128])
{
    char path[512];
    FILE *file;
    int is_there;

    path_of(path, what);
    file = fopen(path, "r");
    is_there = file && fgets(line, 128, file);
    if (file)
        fclose(file);
    return is_there != 0;
}

static unsigned char value(long step, long of, size_t i)
{
    return (unsigned char) (step * 31 + of * 7 + (long) (i >> 3));
}

static void compute(long step)
{
    head.step = step;
    head.rank = rank;
    for (size_t i = 0; i < field_bytes; i++)
        field[i] = value(step, rank, i);
}

static size_t wrong_bytes(const unsigned char *bytes, size_t n, long step, long of)
{
    size_t wrong = 0;

    for (size_t i = 0; i < n; i++)
        wrong += bytes[i] != value(step, of, i);
    return wrong;
}

static void answer_kept(FILE *out, int of)
{
    FTMPI_Kept_t kept;
    int rc = FTMPI_Kept(of, FETCH_MS, &kept);

    fprintf(out, "kept %d rc %d versions %d %d partner %d node %s: %s\n", of, rc, kept.versions[0],
            kept.versions[1], kept.partner, kept.node, rc ? FTMPI_Last_error() : "");
}

static void answer_fetch(FILE *out, int of)
{
    unsigned char *bytes = malloc(field_bytes);
    size_t n = sizeof head, m = field_bytes;
    FTMPI_Kept_t kept;
    int rc = FTMPI_Kept(of, FETCH_MS, &kept);

    if (rc == MPI_SUCCESS)
        rc = FTMPI_Fetch_buffer(of, "head", kept.versions[0], &head, &n, FETCH_MS);
    if (rc == MPI_SUCCESS)
        rc = FTMPI_Fetch_buffer(of, "field", kept.versions[0], bytes, &m, FETCH_MS);
    if (rc == MPI_SUCCESS)
        fprintf(out, "fetch %d rc 0 version %d step %ld wrong %zu\n", of, kept.versions[0],
                head.step, wrong_bytes(bytes, m, head.step, of));
    else
        fprintf(out, "fetch %d rc %d version %d: %s\n", of, rc, kept.versions[0],
                FTMPI_Last_error());
    free(bytes);
}

/* The newest that is undamaged. */
static void answer_latest(FILE *out, int of)
{
    unsigned char *bytes = malloc(field_bytes);
    size_t n = sizeof head, m = field_bytes;
    int rc = FTMPI_Fetch_buffer(of, "head", FTMPI_LATEST, &head, &n, FETCH_MS);

    if (rc == MPI_SUCCESS)
        rc = FTMPI_Fetch_buffer(of, "field", FTMPI_LATEST, bytes, &m, FETCH_MS);
    fprintf(out, "latest %d rc %d step %ld wrong %zu\n", of, rc, head.step,
            wrong_bytes(bytes, m, head.step, of));
    free(bytes);
}

static void answer_mine(FILE *out, int version)
{
    int rc, fetched = -1;

    memset(field, 0, field_bytes);
    head.step = -1;
    rc = FTMPI_Fetch(version, FETCH_MS, &fetched);
    fprintf(out, "mine rc %d version %d step %ld wrong %zu: %s\n", rc, fetched, head.step,
            wrong_bytes(field, field_bytes, head.step, rank), rc ? FTMPI_Last_error() : "");
}

static void answer(void)
{
    char line[128], path[512], fresh[512];
    int of = 0;
    FILE *out;

    if (!read_line("ask", line))
        return;
    path_of(fresh, "answering");
    out = fopen(fresh, "w");
    if (!out)
        exit(3);
    if (sscanf(line, "kept %d", &of) == 1)
        answer_kept(out, of);
    else if (sscanf(line, "fetch %d", &of) == 1)
        answer_fetch(out, of);
    else if (sscanf(line, "latest %d", &of) == 1)
        answer_latest(out, of);
    else if (sscanf(line, "mine %d", &of) == 1)
        answer_mine(out, of);
    fclose(out);
    path_of(path, "ask");
    unlink(path);
    path_of(path, "answer");
    rename(fresh, path);
}

/* Questions are answered here only: between them the program is as deaf as any that computes. */
static void serve_while_held(long step)
{
    char line[128];

    while (read_line("hold", line) && atol(line) <= step)  {
        answer();
        nap();
    }
}

int main(int argc, char **argv)
{
    char path[512];
    long steps = 20;
    FILE *log;

    MPI_Init(&argc, &argv);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    folder = argc > 1 ? argv[1] : ".";
    if (argc > 2)
        field_bytes = strtoull(argv[2], NULL, 10);
    if (argc > 3)
        steps = atol(argv[3]);
    field = malloc(field_bytes);
    path_of(path, "log");
    log = fopen(path, "w");
    if (!field || !log)
        return 3;
    setvbuf(log, NULL, _IOLBF, 0);
    fprintf(log, "pid %ld\n", (long) getpid());
    if (FTMPI_Keep("head", &head, sizeof head) != MPI_SUCCESS
        || FTMPI_Keep("field", field, field_bytes) != MPI_SUCCESS) {
        fprintf(log, "keep: %s\n", FTMPI_Last_error());
        return 3;
    }
    alarm(END_S); /* a test that goes wrong ends, too */
    for (long step = 1; step <= steps; step++) {
        FTMPI_Kept_t kept = {.partner = -1};
        int rc, wait_rc;

        compute(step);
        rc = FTMPI_Commit((int) step);
        wait_rc = FTMPI_Commit_wait(step % 2 ? FETCH_MS : FT_FOREVER);
        FTMPI_Kept(-1, 0, &kept);
        fprintf(log, "commit %ld %d %d %d %s %d%s%s\n", step, rc, wait_rc, kept.partner, kept.node,
                kept.distance, rc || wait_rc ? ": " : "",
                rc || wait_rc ? FTMPI_Last_error() : "");
        serve_while_held(step);
        nap();
    }
    fprintf(log, "end\n");
    fclose(log);
    MPI_Finalize();
    free(field);
    return 0;
}
