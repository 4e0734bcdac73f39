/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * alloc_impl.h - what the files of PMIx's requests for nodes share; nobody else includes it.
 *
 *     alloc_request.c   what a request says
 *     alloc.c           what is done about it: allocations, and requests that wait
 *     alloc_query.c     questions about both
 */
#ifndef FTP_ALLOC_IMPL_H
#define FTP_ALLOC_IMPL_H

#include "alloc.h"

/* ---- alloc_request.c */

#define FTP_REQUEST_TIMEOUT_S 60
#define FTP_REQUEST_NODES_MAX 1024

/* What a request says. Strings are borrowed from its infos. */
typedef struct {
    const char *request_id, *id, *list, *exclude;
    uint64_t nodes, cpus;
    float memory_mb;
    int timeout_s;
    bool sized, timed;     /* it says how many nodes; for how long */
    pmix_status_t refused; /* PMIX_SUCCESS, or why it cannot be served */
    char why[256];
} request_t;

request_t ftp_request_read(const pmix_info_t *info, size_t n);

/* It cannot be served: the first reason counts. `format` has one %s, for `what`. */
void ftp_request_refuse(request_t *request, pmix_status_t status, const char *format,
                        const char *what);

/* What each of the nodes has to be like. Its error is to be looked at. */
ftConstraint_t ftp_request_like(const request_t *request);

/* ---- alloc.c */

typedef struct allocation {
    char id[32];
    char *request_id; /* PMIX_ALLOC_REQ_ID; NULL */
    char **nodes;     /* NULL: all of it was released */
    struct allocation *next;
} allocation_t;

const allocation_t *ftp_alloc_first(void); /* then ->next; the oldest first */
allocation_t *ftp_alloc_find(const char *id);
bool ftp_alloc_waits(const char *request_id); /* a request of that PMIX_ALLOC_REQ_ID */

/* Where a name is in a list that ends with NULL (which may be NULL itself), -1: nowhere. */
int ftp_alloc_place(char **names, const char *name);

/* ---- alloc_query.c */

/* Seconds until the end of the resource manager's job, -1 if that is not known. */
long ftp_alloc_remaining_s(void);

#endif
