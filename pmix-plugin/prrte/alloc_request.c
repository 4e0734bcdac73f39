/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * alloc_request.c - what the infos of a PMIx_Allocation_request say, and whether that can be served.
 *
 * Owns nothing; called by alloc.c. What an attribute demands that is not known here is refused if it
 * is PMIX_INFO_REQD, and left out if not. Of several mistakes the first one is told.
 */
#include "alloc_impl.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "src/util/pmix_argv.h"

#define FROM_FT "ft.rms" /* a central unit's own request, by its helper for PMIx */

void ftp_request_refuse(request_t *request, pmix_status_t status, const char *format, const char *what)
{
    if (request->refused != PMIX_SUCCESS)
        return;
    request->refused = status;
    snprintf(request->why, sizeof request->why, format, what);
}

static const char *text_in(request_t *request, const pmix_info_t *info)
{
    if (info->value.type == PMIX_STRING && info->value.data.string != NULL
        && info->value.data.string[0] != '\0')
        return info->value.data.string;
    ftp_request_refuse(request, PMIX_ERR_BAD_PARAM, "%.120s is not a text", info->key);
    return NULL;
}

static uint64_t number_in(request_t *request, const pmix_info_t *info)
{
    uint64_t number = 0;
    pmix_status_t rc;

    PMIX_VALUE_GET_NUMBER(rc, &info->value, number, uint64_t);
    if (rc != PMIX_SUCCESS)
        ftp_request_refuse(request, PMIX_ERR_BAD_PARAM, "%.120s is not a number", info->key);
    return number;
}

/* "n1,n2" and nothing shorter. */
static const char *names_in(request_t *request, const pmix_info_t *info)
{
    const char *names = text_in(request, info);

    if (names != NULL && strpbrk(names, "[]:;* ") != NULL)
        ftp_request_refuse(request, PMIX_ERR_NOT_SUPPORTED, "%.120s has to be names with commas between them",
               info->key);
    return names;
}

static void read_info(request_t *request, const pmix_info_t *info)
{
    if (PMIX_CHECK_KEY(info, PMIX_ALLOC_REQ_ID)) {
        request->request_id = text_in(request, info);
    } else if (PMIX_CHECK_KEY(info, PMIX_ALLOC_ID)) {
        request->id = text_in(request, info);
    } else if (PMIX_CHECK_KEY(info, PMIX_ALLOC_NUM_NODES)) {
        request->nodes = number_in(request, info);
        request->sized = true;
    } else if (PMIX_CHECK_KEY(info, PMIX_ALLOC_NODE_LIST)) {
        request->list = names_in(request, info);
    } else if (PMIX_CHECK_KEY(info, PMIX_ALLOC_EXCLUDE)) {
        request->exclude = names_in(request, info);
    } else if (PMIX_CHECK_KEY(info, PMIX_ALLOC_NUM_CPUS)) {
        request->cpus = number_in(request, info);
    } else if (PMIX_CHECK_KEY(info, PMIX_ALLOC_MEM_SIZE)) {
        request->memory_mb = info->value.type == PMIX_FLOAT ? info->value.data.fval
                                                            : (float) number_in(request, info);
    } else if (PMIX_CHECK_KEY(info, PMIX_TIMEOUT)) {
        request->timeout_s = (int) number_in(request, info);
    } else if (PMIX_CHECK_KEY(info, PMIX_ALLOC_TIME)) {
        request->timed = true;
        if (PMIX_INFO_IS_REQUIRED(info))
            ftp_request_refuse(request, PMIX_ERR_NOT_SUPPORTED,
                   "%.120s: nodes last as long as the launcher's job", info->key);
    } else if (PMIX_CHECK_KEY(info, FROM_FT)) {
        ftp_request_refuse(request, PMIX_ERR_NOT_SUPPORTED, "%.120s: the central unit that would be asked asks",
               info->key);
    } else if (PMIX_INFO_IS_REQUIRED(info)) {
        ftp_request_refuse(request, PMIX_ERR_NOT_SUPPORTED, "%.120s is not supported here", info->key);
    }
}

request_t ftp_request_read(const pmix_info_t *info, size_t n)
{
    request_t request = {.nodes = 1, .timeout_s = FTP_REQUEST_TIMEOUT_S, .refused = PMIX_SUCCESS};

    for (size_t i = 0; i < n; i++)
        read_info(&request, &info[i]);
    if (request.nodes == 0 || request.nodes > FTP_REQUEST_NODES_MAX)
        ftp_request_refuse(&request, PMIX_ERR_BAD_PARAM, "%.120s is out of its range", PMIX_ALLOC_NUM_NODES);
    if (request.timeout_s < 0)
        ftp_request_refuse(&request, PMIX_ERR_BAD_PARAM, "%.120s is out of its range", PMIX_TIMEOUT);
    return request;
}

ftConstraint_t ftp_request_like(const request_t *request)
{
    ftConstraint_t like = ftAny();
    uint64_t cpus = (request->cpus + request->nodes - 1) / request->nodes;
    char **names;

    if (cpus > 0)
        like = ftNeedCores(like, cpus < INT32_MAX ? (int) cpus : INT32_MAX);
    if (request->memory_mb > 0)
        like = ftNeedMemory(like, (uint64_t) ((double) request->memory_mb * 1048576.0));
    names = request->exclude != NULL ? PMIX_ARGV_SPLIT_COMPAT(request->exclude, ',') : NULL;
    for (int i = 0; names != NULL && names[i] != NULL; i++)
        like = ftExclude(like, names[i]);
    PMIX_ARGV_FREE_COMPAT(names);
    return like;
}
