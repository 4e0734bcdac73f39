/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmix_alloc - a PMIx client that asks for nodes the standard way, for the system tests: no MPI,
 * and nothing of this project.
 *
 *   pmix_alloc [on=RANK] WORD...
 *
 * Rank RANK (0; all: each of them) does the words one after the other, and says what came of each;
 * then all ranks end. A word is VERB[:KEY=VALUE]...; in values, $id and $node are the latest
 * allocation and its first node.
 *   new, extend, release, cancel   PMIx_Allocation_request. Keys: nodes, req, id, list, exclude,
 *                                  cpus, timeout (s), strange (an attribute nobody knows,
 *                                  required), retry (as long as it is busy). Says "VERB STATUS
 *                                  id=ID nodes=LIST n=N req=REQ why=TEXT"
 *   later                          as new, but nobody waits for the answer, which is said as it comes
 *   status:req=ID, allocation[:id=ID], time    queries. Say "QUERY STATUS ANSWER"
 *   spawn:host=NODE[:until=NAME]   PMIx_Spawn with PMIX_ADD_HOST and PMIX_HOST of a process that says
 *                                  "child on NODE", and waits for /shared/NAME. Says "spawn STATUS"
 *   wait:for=NAME                  until the file /shared/NAME is there
 */
#include <pmix.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INFOS_MAX 16

static pmix_proc_t self;
static char last_id[128], last_node[256];
static volatile int later;

static void say(const char *text)
{
    char line[2048];
    int n = snprintf(line, sizeof line, "%s\n", text);

    if (n > 0 && write(STDOUT_FILENO, line, (size_t) n) < 0)
        exit(98);
}

static void nap(void)
{
    struct timespec t = {.tv_nsec = 20000000};

    nanosleep(&t, NULL);
}

/* The value of a key in a word, "" if it is not there; with $id and $node put in. */
static const char *value_of(const char *word, const char *key)
{
    static char values[8][512];
    static unsigned next;
    char *value = values[next++ % 8], wanted[64];
    const char *at;

    snprintf(wanted, sizeof wanted, ":%s=", key);
    at = strstr(word, wanted);
    if (at == NULL)
        return "";
    at += strlen(wanted);
    snprintf(value, sizeof values[0], "%.*s", (int) strcspn(at, ":"), at);
    if (strcmp(value, "$id") == 0)
        snprintf(value, sizeof values[0], "%s", last_id);
    if (strcmp(value, "$node") == 0)
        snprintf(value, sizeof values[0], "%s", last_node);
    return value;
}

static size_t add_text(pmix_info_t *info, size_t n, const char *key, const char *text)
{
    if (text[0] == '\0')
        return n;
    PMIX_INFO_LOAD(&info[n], key, text, PMIX_STRING);
    return n + 1;
}

static size_t add_number(pmix_info_t *info, size_t n, const char *key, const char *text)
{
    uint64_t number = strtoull(text, NULL, 10);

    if (text[0] == '\0')
        return n;
    PMIX_INFO_LOAD(&info[n], key, &number, PMIX_UINT64);
    return n + 1;
}

static size_t infos_of(const char *word, pmix_info_t *info)
{
    size_t n = add_number(info, 0, PMIX_ALLOC_NUM_NODES, value_of(word, "nodes"));
    int seconds = atoi(value_of(word, "timeout"));
    bool yes = true;

    n = add_text(info, n, PMIX_ALLOC_REQ_ID, value_of(word, "req"));
    n = add_text(info, n, PMIX_ALLOC_ID, value_of(word, "id"));
    n = add_text(info, n, PMIX_ALLOC_NODE_LIST, value_of(word, "list"));
    n = add_text(info, n, PMIX_ALLOC_EXCLUDE, value_of(word, "exclude"));
    n = add_number(info, n, PMIX_ALLOC_NUM_CPUS, value_of(word, "cpus"));
    if (seconds > 0)
        PMIX_INFO_LOAD(&info[n++], PMIX_TIMEOUT, &seconds, PMIX_INT);
    if (value_of(word, "strange")[0] != '\0') {
        PMIX_INFO_LOAD(&info[n], "test.strange", &yes, PMIX_BOOL);
        PMIX_INFO_REQUIRED(&info[n]);
        n++;
    }
    return n;
}

static void say_answer(const char *verb, pmix_status_t status, pmix_info_t *info, size_t n)
{
    const char *id = "", *nodes = "", *req = "", *why = "";
    unsigned long count = 0;
    char line[1500];

    for (size_t i = 0; i < n; i++) {
        if (PMIX_CHECK_KEY(&info[i], PMIX_ALLOC_ID))
            id = info[i].value.data.string;
        else if (PMIX_CHECK_KEY(&info[i], PMIX_ALLOC_NODE_LIST))
            nodes = info[i].value.data.string;
        else if (PMIX_CHECK_KEY(&info[i], PMIX_ALLOC_REQ_ID))
            req = info[i].value.data.string;
        else if (PMIX_CHECK_KEY(&info[i], PMIX_ALLOC_NUM_NODES))
            count = info[i].value.data.uint64;
        else if (PMIX_CHECK_KEY(&info[i], PMIX_EVENT_TEXT_MESSAGE))
            why = info[i].value.data.string;
    }
    if (id[0] != '\0')
        snprintf(last_id, sizeof last_id, "%s", id);
    if (nodes[0] != '\0')
        snprintf(last_node, sizeof last_node, "%.*s", (int) strcspn(nodes, ","), nodes);
    snprintf(line, sizeof line, "%s %s id=%.100s nodes=%.400s n=%lu req=%.100s why=%.400s", verb,
             PMIx_Error_string(status), id, nodes, count, req, why);
    say(line);
}

static void on_later(pmix_status_t status, pmix_info_t *info, size_t n, void *cbdata,
                     pmix_release_cbfunc_t release, void *release_cbdata)
{
    (void) cbdata;
    say_answer("later", status, info, n);
    if (release != NULL)
        release(release_cbdata);
    later--;
}

static void request(const char *verb, const char *word, pmix_alloc_directive_t directive)
{
    static pmix_info_t info[INFOS_MAX]; /* PMIx reads those of `later` after the call */
    pmix_info_t *result = NULL;
    size_t n, n_result = 0;
    pmix_status_t rc;

    n = infos_of(word, info);
    if (strcmp(verb, "later") == 0) {
        later++;
        rc = PMIx_Allocation_request_nb(directive, info, n, on_later, NULL);
        if (rc != PMIX_SUCCESS) {
            later--;
            say_answer("later", rc, NULL, 0);
        }
        return;
    }
    rc = PMIx_Allocation_request(directive, info, n, &result, &n_result);
    for (int i = 0; i < 1500 && rc == PMIX_ERR_RESOURCE_BUSY && value_of(word, "retry")[0] != '\0';
         i++) {
        nap();
        rc = PMIx_Allocation_request(directive, info, n, &result, &n_result);
    }
    say_answer(verb, rc, result, n_result);
    if (result != NULL)
        PMIX_INFO_FREE(result, n_result);
}

/* ---- queries */

static void append_nodes(char *line, size_t size, const pmix_data_array_t *array)
{
    const pmix_info_t *nodes = array->array;

    for (size_t i = 0; i < array->size; i++) {
        const pmix_data_array_t *node = nodes[i].value.data.darray;
        const pmix_info_t *part = node->array;

        for (size_t j = 0; j < node->size; j++) {
            size_t n = strlen(line);

            snprintf(line + n, size - n, "%s%s", j == 0 ? " " : "/", part[j].value.data.string);
        }
    }
}

static void query(const char *verb, const char *word, const char *key)
{
    pmix_query_t query;
    pmix_info_t qualifiers[2], *result = NULL;
    size_t n_result = 0;
    pmix_status_t rc;
    char line[1500];

    PMIX_QUERY_CONSTRUCT(&query);
    PMIX_ARGV_APPEND(rc, query.keys, key);
    if (strcmp(value_of(word, "with"), "") != 0)
        PMIX_ARGV_APPEND(rc, query.keys, PMIX_QUERY_NAMESPACES);
    query.nqual = add_text(qualifiers, 0, PMIX_ALLOC_REQ_ID, value_of(word, "req"));
    query.nqual = add_text(qualifiers, query.nqual, PMIX_ALLOC_ID, value_of(word, "id"));
    query.qualifiers = query.nqual > 0 ? qualifiers : NULL;
    rc = PMIx_Query_info(&query, 1, &result, &n_result);
    snprintf(line, sizeof line, "%s %s", verb, PMIx_Error_string(rc));
    for (size_t i = 0; i < n_result; i++) {
        size_t n = strlen(line);

        if (result[i].value.type == PMIX_STRING)
            snprintf(line + n, sizeof line - n, " %s", result[i].value.data.string);
        else if (result[i].value.type == PMIX_UINT32)
            snprintf(line + n, sizeof line - n, " %u", result[i].value.data.uint32);
        else if (result[i].value.type == PMIX_DATA_ARRAY)
            append_nodes(line, sizeof line, result[i].value.data.darray);
    }
    say(line);
    if (result != NULL)
        PMIX_INFO_FREE(result, n_result);
}

/* ---- the rest */

static void spawn(const char *word)
{
    const char *host = value_of(word, "host"), *until = value_of(word, "until");
    char command[512], line[128];
    char *argv[] = {(char *) "/bin/sh", (char *) "-c", command, NULL};
    pmix_info_t info[2], job;
    pmix_app_t app;
    pmix_nspace_t child;
    pmix_status_t rc;

    snprintf(command, sizeof command, "echo child on $(hostname)");
    if (until[0] != '\0')
        snprintf(command, sizeof command,
                 "echo child on $(hostname); until [ -e /shared/%s ]; do sleep 0.1; done", until);
    PMIX_APP_CONSTRUCT(&app);
    app.cmd = argv[0];
    app.argv = argv;
    app.maxprocs = 1;
    PMIX_INFO_LOAD(&info[0], PMIX_ADD_HOST, host, PMIX_STRING);
    PMIX_INFO_LOAD(&info[1], PMIX_HOST, host, PMIX_STRING);
    app.info = info;
    app.ninfo = 2;
    PMIX_INFO_LOAD(&job, PMIX_MAPBY, ":OVERSUBSCRIBE", PMIX_STRING);
    rc = PMIx_Spawn(&job, 1, &app, 1, child);
    snprintf(line, sizeof line, "spawn %s", PMIx_Error_string(rc));
    say(line);
}

static void wait_for(const char *name)
{
    char path[300];

    snprintf(path, sizeof path, "/shared/%s", name);
    while (access(path, F_OK) != 0)
        nap();
}

static void act(const char *word)
{
    static const struct {
        const char *verb;
        pmix_alloc_directive_t directive;
        const char *key;
    } verbs[] = {{"new", PMIX_ALLOC_NEW, NULL}, {"later", PMIX_ALLOC_NEW, NULL},
                 {"extend", PMIX_ALLOC_EXTEND, NULL}, {"release", PMIX_ALLOC_RELEASE, NULL},
                 {"cancel", PMIX_ALLOC_REQ_CANCEL, NULL}, {"lend", PMIX_ALLOC_REAQUIRE, NULL},
                 {"status", 0, PMIX_QUERY_ALLOC_STATUS}, {"allocation", 0, PMIX_QUERY_ALLOCATION},
                 {"time", 0, PMIX_TIME_REMAINING}};
    size_t n = strcspn(word, ":");

    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strlen(verbs[i].verb) != n || strncmp(verbs[i].verb, word, n) != 0)
            continue;
        if (verbs[i].key != NULL)
            query(verbs[i].verb, word, verbs[i].key);
        else
            request(verbs[i].verb, word, verbs[i].directive);
        return;
    }
    if (strncmp(word, "spawn:", 6) == 0)
        spawn(word);
    else if (strncmp(word, "wait:", 5) == 0)
        wait_for(value_of(word, "for"));
    else
        exit(96);
}

int main(int argc, char **argv)
{
    unsigned rank = argc > 1 && strncmp(argv[1], "on=", 3) == 0 ? (unsigned) atoi(argv[1] + 3) : 0;

    bool all = argc > 1 && strcmp(argv[1], "on=all") == 0;

    if (PMIx_Init(&self, NULL, 0) != PMIX_SUCCESS)
        return 97;
    for (int i = 1; (all || self.rank == rank) && i < argc; i++)
        if (strncmp(argv[i], "on=", 3) != 0)
            act(argv[i]);
    while (later > 0)
        nap();
    PMIx_Fence(NULL, 0, NULL, 0);
    PMIx_Finalize(NULL, 0);
    return 0;
}
