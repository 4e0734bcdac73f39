/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmix_host - a host whose PMIx server gives nodes, made for test_rms_pmix.
 *
 *   pmix_host NODE...
 *
 * Says "ready", then what it was asked, a line each: "new ID NODE exclude=... cpus=N", "none",
 * "wait REQ", "release ID", "cancel REQ". NEW gives the first free NODE that is not excluded; a
 * NODE "-" is none to give: who would get it waits until it is cancelled. Ends with its standard
 * input.
 */
#include <pmix.h>
#include <pmix_server.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NODES_MAX 16

static char **nodes;
static int n_nodes;
static int given[NODES_MAX]; /* 0: free; else the number of its allocation */
static int last;

static struct {
    char request[128];
    pmix_info_cbfunc_t answer;
    void *cbdata;
} waiting;

static void say(const char *line)
{
    printf("%s\n", line);
    fflush(stdout);
}

static const char *text_of(const pmix_info_t *info, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (PMIX_CHECK_KEY(&info[i], key) && info[i].value.type == PMIX_STRING)
            return info[i].value.data.string;
    return "";
}

static unsigned long number_of(const pmix_info_t *info, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (PMIX_CHECK_KEY(&info[i], key) && info[i].value.type == PMIX_UINT64)
            return (unsigned long) info[i].value.data.uint64;
    return 0;
}

static void on_done(void *cbdata)
{
    pmix_info_t *info = cbdata;

    PMIX_INFO_FREE(info, 2);
}

static void give_one(const pmix_info_t *asked, size_t n, pmix_info_cbfunc_t answer, void *cbdata)
{
    const char *exclude = text_of(asked, n, PMIX_ALLOC_EXCLUDE);
    pmix_info_t *info;
    char id[32], line[600];
    int i = 0;

    while (i < n_nodes && (given[i] != 0 || strstr(exclude, nodes[i]) != NULL))
        i++;
    if (i == n_nodes) {
        say("none");
        answer(PMIX_ERR_OUT_OF_RESOURCE, NULL, 0, cbdata, NULL, NULL);
        return;
    }
    if (strcmp(nodes[i], "-") == 0) {
        snprintf(waiting.request, sizeof waiting.request, "%s", text_of(asked, n, PMIX_ALLOC_REQ_ID));
        waiting.answer = answer;
        waiting.cbdata = cbdata;
        snprintf(line, sizeof line, "wait %s", waiting.request);
        say(line);
        return;
    }
    given[i] = ++last;
    snprintf(id, sizeof id, "host.%d", last);
    PMIX_INFO_CREATE(info, 2);
    PMIX_INFO_LOAD(&info[0], PMIX_ALLOC_ID, id, PMIX_STRING);
    PMIX_INFO_LOAD(&info[1], PMIX_ALLOC_NODE_LIST, nodes[i], PMIX_STRING);
    snprintf(line, sizeof line, "new %s %s exclude=%s cpus=%lu", id, nodes[i], exclude,
             number_of(asked, n, PMIX_ALLOC_NUM_CPUS));
    say(line);
    answer(PMIX_SUCCESS, info, 2, cbdata, on_done, info);
}

static pmix_status_t release_one(const char *id)
{
    char line[300];

    snprintf(line, sizeof line, "release %s", id);
    say(line);
    for (int i = 0; i < n_nodes; i++) {
        if (given[i] == 0 || strncmp(id, "host.", 5) != 0 || given[i] != atoi(id + 5))
            continue;
        given[i] = 0;
        return PMIX_SUCCESS;
    }
    return PMIX_ERR_NOT_FOUND;
}

static pmix_status_t cancel_one(const char *request)
{
    char line[300];

    snprintf(line, sizeof line, "cancel %s", request);
    say(line);
    if (waiting.answer == NULL || strcmp(waiting.request, request) != 0)
        return PMIX_ERR_NOT_FOUND;
    waiting.answer(PMIX_ERR_JOB_CANCELED, NULL, 0, waiting.cbdata, NULL, NULL);
    waiting.answer = NULL;
    return PMIX_SUCCESS;
}

static pmix_status_t on_allocate(const pmix_proc_t *client, pmix_alloc_directive_t directive,
                                 const pmix_info_t info[], size_t n, pmix_info_cbfunc_t answer,
                                 void *cbdata)
{
    (void) client;
    switch (directive) {
    case PMIX_ALLOC_NEW:
        give_one(info, n, answer, cbdata);
        return PMIX_SUCCESS;
    case PMIX_ALLOC_RELEASE:
        answer(release_one(text_of(info, n, PMIX_ALLOC_ID)), NULL, 0, cbdata, NULL, NULL);
        return PMIX_SUCCESS;
    case PMIX_ALLOC_REQ_CANCEL:
        answer(cancel_one(text_of(info, n, PMIX_ALLOC_REQ_ID)), NULL, 0, cbdata, NULL, NULL);
        return PMIX_SUCCESS;
    default:
        return PMIX_ERR_NOT_SUPPORTED;
    }
}

static void on_tool(pmix_info_t *info, size_t n, pmix_tool_connection_cbfunc_t answer, void *cbdata)
{
    static int tools;
    pmix_proc_t name;
    char space[64];

    (void) info;
    (void) n;
    snprintf(space, sizeof space, "tool-%d", ++tools);
    PMIX_LOAD_PROCID(&name, space, 0);
    answer(PMIX_SUCCESS, &name, cbdata);
}

int main(int argc, char **argv)
{
    static pmix_server_module_t module = {.allocate = on_allocate, .tool_connected = on_tool};
    pmix_info_t info[2];
    pmix_proc_t self;
    bool yes = true;
    char bytes[64];
    pmix_status_t rc;

    nodes = argv + 1;
    n_nodes = argc - 1 < NODES_MAX ? argc - 1 : NODES_MAX;
    PMIX_LOAD_PROCID(&self, "host", 0);
    PMIX_INFO_LOAD(&info[0], PMIX_SERVER_TOOL_SUPPORT, &yes, PMIX_BOOL);
    PMIX_INFO_LOAD(&info[1], PMIX_SERVER_NSPACE, self.nspace, PMIX_STRING);
    rc = PMIx_server_init(&module, info, 2);
    if (rc != PMIX_SUCCESS) {
        fprintf(stderr, "pmix_host: %s\n", PMIx_Error_string(rc));
        return 1;
    }
    say("ready");
    while (read(STDIN_FILENO, bytes, sizeof bytes) > 0)
        continue;
    PMIx_server_finalize();
    return 0;
}
