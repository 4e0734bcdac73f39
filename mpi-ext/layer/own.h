/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * own.h - the MPI functions that the layer does itself while it is in force (mode retarget or
 * repair): ftm_own_X stands for MPI_X, with the same arguments and results.
 *
 * Each is a whole wrapper: it calls Open MPI at once while nothing has changed, and has its own
 * slow path. The table of mpi-ext/preload.c leads here; the generator reads this file: a function
 * that is declared here needs no generated wrapper.
 *
 * They live in the files that the sections name: messages, requests, the world's rank, size and
 * group, and those that make a communicator.
 */
#ifndef FTM_OWN_H
#define FTM_OWN_H

#include <mpi.h>

/* ---------------------------------------------------------------- pt2pt.c */
int ftm_own_Send(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm);
int ftm_own_Buffer_attach(void *buffer, int size);
int ftm_own_Buffer_detach(void *buffer, int *size);
int ftm_own_Bsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm);
int ftm_own_Ssend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm);
int ftm_own_Rsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm);
int ftm_own_Recv(void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
                 MPI_Status *status);
int ftm_own_Sendrecv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, int dest,
                     int sendtag, void *recvbuf, int recvcount, MPI_Datatype recvtype, int source,
                     int recvtag, MPI_Comm comm, MPI_Status *status);
int ftm_own_Sendrecv_replace(void *buf, int count, MPI_Datatype type, int dest, int sendtag,
                             int source, int recvtag, MPI_Comm comm, MPI_Status *status);
int ftm_own_Probe(int source, int tag, MPI_Comm comm, MPI_Status *status);
int ftm_own_Iprobe(int source, int tag, MPI_Comm comm, int *flag, MPI_Status *status);
int ftm_own_Mprobe(int source, int tag, MPI_Comm comm, MPI_Message *message, MPI_Status *status);
int ftm_own_Improbe(int source, int tag, MPI_Comm comm, int *flag, MPI_Message *message,
                    MPI_Status *status);

/* ---------------------------------------------------------------- requests.c */
int ftm_own_Mrecv(void *buf, int count, MPI_Datatype type, MPI_Message *message,
                  MPI_Status *status);
int ftm_own_Isend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                  MPI_Request *request);
int ftm_own_Ibsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                   MPI_Request *request);
int ftm_own_Issend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                   MPI_Request *request);
int ftm_own_Irsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                   MPI_Request *request);
int ftm_own_Irecv(void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
                  MPI_Request *request);
int ftm_own_Imrecv(void *buf, int count, MPI_Datatype type, MPI_Message *message,
                   MPI_Request *request);
int ftm_own_Wait(MPI_Request *request, MPI_Status *status);
int ftm_own_Waitany(int count, MPI_Request requests[], int *index, MPI_Status *status);
int ftm_own_Waitsome(int incount, MPI_Request requests[], int *outcount, int indices[],
                     MPI_Status statuses[]);
int ftm_own_Waitall(int count, MPI_Request requests[], MPI_Status statuses[]);
int ftm_own_Test(MPI_Request *request, int *flag, MPI_Status *status);
int ftm_own_Testany(int count, MPI_Request requests[], int *index, int *flag, MPI_Status *status);
int ftm_own_Testsome(int incount, MPI_Request requests[], int *outcount, int indices[],
                     MPI_Status statuses[]);
int ftm_own_Testall(int count, MPI_Request requests[], int *flag, MPI_Status statuses[]);
int ftm_own_Cancel(MPI_Request *request);
int ftm_own_Request_free(MPI_Request *request);
int ftm_own_Request_get_status(MPI_Request request, int *flag, MPI_Status *status);
int ftm_own_Type_free(MPI_Datatype *type);

/* ---------------------------------------------------------------- persistent.c */
int ftm_own_Send_init(const void *buf, int count, MPI_Datatype type, int dest, int tag,
                      MPI_Comm comm, MPI_Request *request);
int ftm_own_Bsend_init(const void *buf, int count, MPI_Datatype type, int dest, int tag,
                       MPI_Comm comm, MPI_Request *request);
int ftm_own_Ssend_init(const void *buf, int count, MPI_Datatype type, int dest, int tag,
                       MPI_Comm comm, MPI_Request *request);
int ftm_own_Rsend_init(const void *buf, int count, MPI_Datatype type, int dest, int tag,
                       MPI_Comm comm, MPI_Request *request);
int ftm_own_Recv_init(void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
                      MPI_Request *request);
int ftm_own_Start(MPI_Request *request);
int ftm_own_Startall(int count, MPI_Request requests[]);
int ftm_own_Psend_init(const void *buf, int partitions, MPI_Count count, MPI_Datatype type,
                       int dest, int tag, MPI_Comm comm, MPI_Info info, MPI_Request *request);
int ftm_own_Precv_init(void *buf, int partitions, MPI_Count count, MPI_Datatype type, int source,
                       int tag, MPI_Comm comm, MPI_Info info, MPI_Request *request);

/* ---------------------------------------------------------------- world.c */
int ftm_own_Comm_rank(MPI_Comm comm, int *rank);
int ftm_own_Comm_size(MPI_Comm comm, int *size);
int ftm_own_Comm_group(MPI_Comm comm, MPI_Group *group);

/* ---------------------------------------------------------------- cart.c */
int ftm_own_Topo_test(MPI_Comm comm, int *status);
int ftm_own_Cartdim_get(MPI_Comm comm, int *ndims);
int ftm_own_Cart_get(MPI_Comm comm, int maxdims, int dims[], int periods[], int coords[]);
int ftm_own_Cart_rank(MPI_Comm comm, const int coords[], int *rank);
int ftm_own_Cart_coords(MPI_Comm comm, int rank, int maxdims, int coords[]);
int ftm_own_Cart_shift(MPI_Comm comm, int direction, int disp, int *source, int *dest);

/* ---------------------------------------------------------------- create_comm.c */
int ftm_own_Comm_dup(MPI_Comm comm, MPI_Comm *newcomm);
int ftm_own_Comm_dup_with_info(MPI_Comm comm, MPI_Info info, MPI_Comm *newcomm);
int ftm_own_Comm_idup(MPI_Comm comm, MPI_Comm *newcomm, MPI_Request *request);
int ftm_own_Comm_idup_with_info(MPI_Comm comm, MPI_Info info, MPI_Comm *newcomm,
                                MPI_Request *request);
int ftm_own_Comm_set_info(MPI_Comm comm, MPI_Info info);
int ftm_own_Comm_split(MPI_Comm comm, int color, int key, MPI_Comm *newcomm);
int ftm_own_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *newcomm);
int ftm_own_Comm_free(MPI_Comm *comm);

/* ---------------------------------------------------------------- create_inter.c */
int ftm_own_Intercomm_create(MPI_Comm local_comm, int local_leader, MPI_Comm bridge_comm,
                             int remote_leader, int tag, MPI_Comm *newintercomm);
int ftm_own_Intercomm_merge(MPI_Comm intercomm, int high, MPI_Comm *newintracomm);

/* ---------------------------------------------------------------- create_group.c */
int ftm_own_Comm_create(MPI_Comm comm, MPI_Group group, MPI_Comm *newcomm);
int ftm_own_Comm_create_group(MPI_Comm comm, MPI_Group group, int tag, MPI_Comm *newcomm);

/* ---------------------------------------------------------------- create_topology.c */
int ftm_own_Cart_create(MPI_Comm comm, int ndims, const int dims[], const int periods[],
                        int reorder, MPI_Comm *newcomm);
int ftm_own_Cart_sub(MPI_Comm comm, const int remain_dims[], MPI_Comm *newcomm);
int ftm_own_Graph_create(MPI_Comm comm, int nnodes, const int index[], const int edges[],
                         int reorder, MPI_Comm *newcomm);
int ftm_own_Dist_graph_create(MPI_Comm comm, int n, const int nodes[], const int degrees[],
                              const int targets[], const int weights[], MPI_Info info, int reorder,
                              MPI_Comm *newcomm);
int ftm_own_Dist_graph_create_adjacent(MPI_Comm comm, int indegree, const int sources[],
                                       const int sourceweights[], int outdegree,
                                       const int destinations[], const int destweights[],
                                       MPI_Info info, int reorder, MPI_Comm *newcomm);

#endif
