/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * road_client.c - a job whose every rank does what a test tells it, one line at a time.
 *
 *     ft run -n 3 --host n0,n1,n2 road_client /shared/job
 *
 * Rank R reads lines from the FIFO DIR/ask.R and appends a line of JSON for each to DIR/answer.R;
 * its first line there, {"rank":R,...}, says that it listens. Lines are requests (road_words.h), or
 *
 *     end CODE     MPI_Finalize, exit code CODE
 *     abort CODE   MPI_Abort
 *
 * A rank that is told nothing waits; one that nobody has told anything for WAIT_MAX_S ends with 9.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mpi.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ft.h"
#include "road_words.h"

#define LINE_MAX_BYTES 2048 /* below PIPE_BUF: a line arrives whole */
#define WAIT_MAX_S 120
#define GIVEN_UP 9

static int asks, answers;

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double) now.tv_sec + 1e-6 * (double) now.tv_nsec;
}

static void open_files(const char *folder, int rank)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/answer.%d", folder, rank);
    answers = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    snprintf(path, sizeof path, "%s/ask.%d", folder, rank);
    if (mkfifo(path, 0666) != 0 && errno != EEXIST)
        answers = -1;
    asks = open(path, O_RDWR); /* no end of file when a writer goes */
    if (asks < 0 || answers < 0) {
        fprintf(stderr, "road_client: %s: %s\n", path, strerror(errno));
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
}

static void say(const char *line, size_t n)
{
    if (write(answers, line, n) != (ssize_t) n) {
        fprintf(stderr, "road_client: an answer could not be written: %s\n", strerror(errno));
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
}

/* Returns 0, or -1 if no line came. */
static int next_line(char line[LINE_MAX_BYTES])
{
    struct pollfd poll_asks = {.fd = asks, .events = POLLIN};
    size_t n = 0;

    while (n + 1 < LINE_MAX_BYTES) {
        if (poll(&poll_asks, 1, WAIT_MAX_S * 1000) != 1 || read(asks, line + n, 1) != 1)
            return -1;
        if (line[n] == '\n')
            break;
        n++;
    }
    line[n] = '\0';
    return 0;
}

static void request(ftHandle_t ft, char *line)
{
    char text[8 * FT_TEXT_MAX];
    double begin_ms = now_ms();
    ftReply_t reply = {.status = FT_ERR_ARG};
    ftTimeout_t timeout_ms;
    ftAction_t action;
    size_t n;

    if (words_read(line, &action, &timeout_ms) == 0)
        requestFT(ft, action, &reply, timeout_ms);
    else
        snprintf(reply.reason, sizeof reply.reason, "road_client does not understand it");
    n = words_write(&reply, now_ms() - begin_ms, text, sizeof text);
    say(text, n);
}

static void listen_at(const char *folder, int rank, ftRetVal_t opened)
{
    char text[128];
    const char *job = getenv("PMIX_NAMESPACE");

    open_files(folder, rank);
    snprintf(text, sizeof text, "{\"rank\":%d,\"pid\":%d,\"open\":%d,\"job\":\"%.60s\"}\n", rank,
             (int) getpid(), (int) opened, job ? job : "");
    say(text, strlen(text));
}

int main(int argc, char **argv)
{
    char line[LINE_MAX_BYTES];
    int rank, code = GIVEN_UP;
    ftRetVal_t opened;
    ftHandle_t ft;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    opened = openFT(NULL, &ft);
    listen_at(argc > 1 ? argv[1] : ".", rank, opened);
    while (next_line(line) == 0) {
        if (sscanf(line, "abort %d", &code) == 1)
            MPI_Abort(MPI_COMM_WORLD, code);
        if (sscanf(line, "end %d", &code) == 1)
            break;
        request(ft, line);
    }
    closeFT(ft);
    MPI_Finalize();
    return code;
}
