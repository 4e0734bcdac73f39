/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * windows.c - windows and files after a failure: an error that says who is lost, in the place of a
 * wait for him (windows.h).
 *
 * The generated wrappers call here once something has failed, before each operation on a window and
 * each collective operation on a file. Programs make many of these calls: a window or file that was
 * found whole is not looked at again until another process is lost. Their error handlers are Open
 * MPI's, untouched.
 */
#include "config.h"

#include "windows.h"

#include <mpi-ext.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "gone.h"
#include "real.h"
#include "retarget.h"
#include "world.h"

#define WORDS_MAX 256

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const void *whole;   /* the window or file that was found whole last, ... */
static size_t whole_lost_n; /* ... when this many processes were lost */

static size_t count_lost(void)
{
    size_t n;

    ftm_lock();
    n = ftm_gone_count();
    ftm_unlock();
    return n;
}

static bool known_whole(const void *handle, size_t lost_n)
{
    bool known;

    pthread_mutex_lock(&lock);
    known = whole == handle && whole_lost_n == lost_n;
    pthread_mutex_unlock(&lock);
    return known;
}

static void note_whole(const void *handle, size_t lost_n)
{
    pthread_mutex_lock(&lock);
    whole = handle;
    whole_lost_n = lost_n;
    pthread_mutex_unlock(&lock);
}

/* The first rank of the group whose process is lost; -1 if all live, -2 without memory. */
static int lost_rank(MPI_Group group)
{
    MPI_Group world = MPI_GROUP_NULL;
    int n = 0, lost = -2;
    int *ranks, *real;

    PMPI_Group_size(group, &n);
    ranks = malloc(2 * (size_t) n * sizeof *ranks);
    if (!ranks)
        return lost;
    real = ranks + n;
    for (int i = 0; i < n; i++)
        ranks[i] = i;
    if (PMPI_Comm_group(MPI_COMM_WORLD, &world) == MPI_SUCCESS
        && PMPI_Group_translate_ranks(group, n, ranks, world, real) == MPI_SUCCESS) {
        lost = -1;
        for (int i = 0; i < n && lost < 0; i++)
            if (real[i] != MPI_UNDEFINED && ftm_world_is_lost(real[i]))
                lost = i;
    }
    if (world != MPI_GROUP_NULL)
        PMPI_Group_free(&world);
    free(ranks);
    return lost;
}

/* Takes the group over. */
static int error_of(MPI_Group group, const char *what, const void *handle, size_t lost_n)
{
    char words[WORDS_MAX];
    int lost = lost_rank(group);

    PMPI_Group_free(&group);
    if (lost == -1)
        note_whole(handle, lost_n);
    if (lost < 0)
        return MPI_SUCCESS; /* not known: Open MPI shall say */
    snprintf(words, sizeof words,
             "rank %d of this %s is lost, and a %s cannot be recovered: make a new one, on a "
             "communicator without that process",
             lost, what, what);
    return ftm_error_with_words(MPIX_ERR_PROC_FAILED, words);
}

int ftm_window_lost(MPI_Win win)
{
    size_t lost_n = count_lost();
    MPI_Group group;
    int error;

    if (known_whole(win, lost_n) || PMPI_Win_get_group(win, &group) != MPI_SUCCESS)
        return MPI_SUCCESS;
    error = error_of(group, "window", win, lost_n);
    if (error != MPI_SUCCESS)
        PMPI_Win_call_errhandler(win, error);
    return error;
}

int ftm_file_lost(MPI_File file)
{
    size_t lost_n = count_lost();
    MPI_Group group;
    int error;

    if (known_whole(file, lost_n) || PMPI_File_get_group(file, &group) != MPI_SUCCESS)
        return MPI_SUCCESS;
    error = error_of(group, "file", file, lost_n);
    if (error != MPI_SUCCESS)
        PMPI_File_call_errhandler(file, error);
    return error;
}
