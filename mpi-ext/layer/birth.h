/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * birth.h - how a communicator was made: a description that travels between processes, and in which
 * order many of them are made again. No MPI in here.
 */
#ifndef FTM_BIRTH_H
#define FTM_BIRTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ftm_topology {
    FTM_PLAIN,
    FTM_CART,
    FTM_GRAPH,
    FTM_SHAPELESS, /* it had a topology that cannot be made again */
};

struct ftm_birth {
    uint64_t id;     /* the same in all its members */
    uint64_t parent; /* of the communicator that it was made from */
    uint32_t k;      /* it was that one's k-th */
    int slot;        /* of its hidden duplicate; -1 */
    bool in_flight_error;
    bool is_freed; /* it was there once */
    int n;
    int *members; /* rank -> rank in the world */
    enum ftm_topology topology;
    int n_dims;  /* of a Cartesian one */
    int n_edges; /* of a graph */
    int *shape;  /* Cartesian: n_dims sizes, n_dims periods; graph: n indices, n_edges edges */
};

/* Frees what it has, not itself. */
void ftm_birth_clear(struct ftm_birth *birth);
void ftm_births_free(struct ftm_birth *births, size_t n);

bool ftm_birth_copy(const struct ftm_birth *birth, struct ftm_birth *copy);
int ftm_birth_rank_of(const struct ftm_birth *birth, int v); /* -1: no member */

/* The numbers of a world of before_n ranks are those of the present one from here on: now_of[v], or
 * -1 for a rank that is no more. Members that are no more are left out, and then a topology cannot
 * be kept. */
void ftm_birth_renumber(struct ftm_birth *birth, const int now_of[], int before_n);

/* Words that grow. */
struct ftm_words {
    int32_t *words;
    size_t n, room;
    bool failed; /* out of memory, or too many */
};
void ftm_words_add(struct ftm_words *words, int32_t word);
void ftm_words_add_long(struct ftm_words *words, uint64_t two);
uint64_t ftm_words_long(const int32_t *words);
void ftm_words_clear(struct ftm_words *words);

/* Describes one, at the end of the words. */
void ftm_birth_write(struct ftm_words *words, const struct ftm_birth *birth);

/* Reads all that such words describe, in a world of world_n ranks. False: they are damaged, or out
 * of memory. */
bool ftm_births_read(const int32_t *words, size_t n_words, int world_n, struct ftm_birth **births,
                     size_t *n);

/* Puts them into the order in which all processes make them; of those with the same id the first
 * is kept, the others are cleared. Returns how many are left. */
size_t ftm_births_sort(struct ftm_birth *births, size_t n);

/* Which of them are made at once, by one MPI_Comm_split, as they have no member in common: wave_of
 * gets a number from 0 for each, -1 for one that is freed. Returns the number of waves; -1: out of
 * memory. */
int ftm_births_waves(const struct ftm_birth *births, size_t n, int world_n, int wave_of[]);

#endif
