/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * attributes.c - the application's attributes of MPI_COMM_WORLD.
 *
 * They are hung on the communicator that is in use for the world's collectives: from that one the
 * world's duplicates are made, and Open MPI copies them there as MPI demands. MPI's own (MPI_TAG_UB
 * and its like) are on the real world alone, and so are those that Fortran's MPI_Comm_set_attr has
 * set: Open MPI's Fortran calls no function of C for that. So what is not found on the first is
 * looked for on the second. All other communicators have theirs themselves.
 *
 * The application's copy and delete functions get the communicator in use, not MPI_COMM_WORLD.
 *
 * After a repair (rebuild.h) the attributes stay where they were: on the first of the communicators
 * that were in use for the world, on the application's own handles of the others. A duplicate is
 * made from another one then, which has none: so they are copied by hand, by the functions that
 * were named when their keys were made. (Not those that were made in Fortran, as said above.)
 */
#include "config.h"

#include "attributes.h"

#include <pthread.h>
#include <stdlib.h>

#include "handlers.h"
#include "real.h"
#include "rebuild.h"
#include "world.h"

#define KEYS_MAX 4096

struct key {
    int keyval;
    MPI_Comm_copy_attr_function *copy;
    void *extra;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct key *keys;
static size_t n_keys, keys_room;

static int result(MPI_Comm comm, int rc)
{
    return rc == MPI_SUCCESS ? rc : ftm_raise(comm, rc);
}

static MPI_Comm holder_of(MPI_Comm comm)
{
    return comm == MPI_COMM_WORLD ? ftm_rebuild_first_active() : comm;
}

static bool has(MPI_Comm comm, int keyval)
{
    void *value;
    int flag = 0;

    return PMPI_Comm_get_attr(comm, keyval, &value, &flag) == MPI_SUCCESS && flag;
}

int ftm_own_Comm_set_attr(MPI_Comm comm, int comm_keyval, void *attribute_val)
{
    return result(comm, PMPI_Comm_set_attr(holder_of(comm), comm_keyval, attribute_val));
}

int ftm_own_Comm_get_attr(MPI_Comm comm, int comm_keyval, void *attribute_val, int *flag)
{
    MPI_Comm in_use = holder_of(comm);
    int rc = PMPI_Comm_get_attr(in_use, comm_keyval, attribute_val, flag);

    if (in_use != comm && rc == MPI_SUCCESS && !*flag)
        rc = PMPI_Comm_get_attr(comm, comm_keyval, attribute_val, flag);
    return result(comm, rc);
}

int ftm_own_Comm_delete_attr(MPI_Comm comm, int comm_keyval)
{
    MPI_Comm in_use = holder_of(comm);

    if (in_use != comm && !has(in_use, comm_keyval) && has(comm, comm_keyval))
        in_use = comm;
    return result(comm, PMPI_Comm_delete_attr(in_use, comm_keyval));
}

/* ---------------------------------------------------------------- keys */

static bool make_room(void)
{
    size_t room = keys_room ? 2 * keys_room : 16;
    struct key *more;

    if (n_keys < keys_room)
        return true;
    more = room <= KEYS_MAX ? realloc(keys, room * sizeof *more) : NULL;
    if (!more)
        return false; /* then it is not copied after a repair */
    keys = more;
    keys_room = room;
    return true;
}

static void note_key(int keyval, MPI_Comm_copy_attr_function *copy, void *extra)
{
    pthread_mutex_lock(&mutex);
    if (make_room())
        keys[n_keys++] = (struct key) {keyval, copy, extra};
    pthread_mutex_unlock(&mutex);
}

static void forget_key(int keyval)
{
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < n_keys; i++)
        if (keys[i].keyval == keyval) {
            keys[i] = keys[--n_keys];
            break;
        }
    pthread_mutex_unlock(&mutex);
}

int ftm_own_Comm_create_keyval(MPI_Comm_copy_attr_function *copy,
                               MPI_Comm_delete_attr_function *delete, int *keyval, void *extra)
{
    int rc = PMPI_Comm_create_keyval(copy, delete, keyval, extra);

    if (rc == MPI_SUCCESS && copy)
        note_key(*keyval, copy, extra);
    return result(MPI_COMM_WORLD, rc);
}

int ftm_own_Comm_free_keyval(int *keyval)
{
    int before = keyval ? *keyval : MPI_KEYVAL_INVALID, rc = PMPI_Comm_free_keyval(keyval);

    if (rc == MPI_SUCCESS)
        forget_key(before);
    return result(MPI_COMM_WORLD, rc);
}

/* The next key from *i on; false: there is none. The application's function is called unlocked. */
static bool next_key(size_t *i, struct key *key)
{
    bool is_there;

    pthread_mutex_lock(&mutex);
    is_there = *i < n_keys;
    if (is_there)
        *key = keys[(*i)++];
    pthread_mutex_unlock(&mutex);
    return is_there;
}

int ftm_attributes_copy(MPI_Comm from, MPI_Comm to)
{
    MPI_Comm holder = holder_of(from);
    struct key key;
    void *value, *copied;
    int rc = MPI_SUCCESS, flag;

    for (size_t i = 0; rc == MPI_SUCCESS && next_key(&i, &key);) {
        flag = 0;
        if (has(to, key.keyval)
            || PMPI_Comm_get_attr(holder, key.keyval, &value, &flag) != MPI_SUCCESS || !flag)
            continue;
        copied = NULL;
        rc = key.copy(from, key.keyval, key.extra, value, &copied, &flag);
        if (rc == MPI_SUCCESS && flag)
            rc = PMPI_Comm_set_attr(to, key.keyval, copied);
    }
    return rc;
}

void ftm_attributes_end(void)
{
    pthread_mutex_lock(&mutex);
    free(keys);
    keys = NULL;
    n_keys = keys_room = 0;
    pthread_mutex_unlock(&mutex);
}

/* The names that these had in MPI-1; old programs call them. */

int ftm_own_Attr_put(MPI_Comm comm, int keyval, void *attribute_val)
{
    return ftm_own_Comm_set_attr(comm, keyval, attribute_val);
}

int ftm_own_Attr_get(MPI_Comm comm, int keyval, void *attribute_val, int *flag)
{
    return ftm_own_Comm_get_attr(comm, keyval, attribute_val, flag);
}

int ftm_own_Attr_delete(MPI_Comm comm, int keyval)
{
    return ftm_own_Comm_delete_attr(comm, keyval);
}

int ftm_own_Keyval_create(MPI_Copy_function *copy, MPI_Delete_function *delete, int *keyval,
                          void *extra)
{
    return ftm_own_Comm_create_keyval(copy, delete, keyval, extra);
}

int ftm_own_Keyval_free(int *keyval)
{
    return ftm_own_Comm_free_keyval(keyval);
}
