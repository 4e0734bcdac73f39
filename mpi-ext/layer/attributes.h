/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * attributes.h - the application's attributes of MPI_COMM_WORLD, and of duplicates.
 */
#ifndef FTM_ATTRIBUTES_H
#define FTM_ATTRIBUTES_H

#include <mpi.h>

int ftm_own_Comm_set_attr(MPI_Comm comm, int comm_keyval, void *attribute_val);
int ftm_own_Comm_get_attr(MPI_Comm comm, int comm_keyval, void *attribute_val, int *flag);
int ftm_own_Comm_delete_attr(MPI_Comm comm, int comm_keyval);
int ftm_own_Attr_put(MPI_Comm comm, int keyval, void *attribute_val);
int ftm_own_Attr_get(MPI_Comm comm, int keyval, void *attribute_val, int *flag);
int ftm_own_Attr_delete(MPI_Comm comm, int keyval);
int ftm_own_Comm_create_keyval(MPI_Comm_copy_attr_function *copy,
                               MPI_Comm_delete_attr_function *delete, int *keyval, void *extra);
int ftm_own_Comm_free_keyval(int *keyval);
int ftm_own_Keyval_create(MPI_Copy_function *copy, MPI_Delete_function *delete, int *keyval,
                          void *extra);
int ftm_own_Keyval_free(int *keyval);

/* A duplicate that Open MPI has not made from the communicator that the attributes hang on: gives
 * it those that it has not, as MPI_Comm_dup does. */
int ftm_attributes_copy(MPI_Comm from, MPI_Comm to);

/* At the end. */
void ftm_attributes_end(void);

#endif
