/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * units.c - the units of one launcher, from its first job to its end.
 *
 *   master                                            ft-centrald
 *     spawn, key on its standard input ---------------> listens
 *                                     <--- "ready PORT PATH" on its standard output
 *     report.c connects to PATH
 *     FTP_TAG_UNITS to each daemon: addresses, port, key
 *   daemon (and the master for its own node)          ft-noded
 *     spawn, addresses and key on its standard input -> connects to PORT
 *
 * The central unit ends when its standard input does, that is with the launcher, however that ends;
 * it then sends the node units away. A node unit is no child of anyone's fate: it outlives a daemon
 * that is killed, so that its node can still be asked.
 *
 * The key travels on pipes and on PRRTE's own connections, never in arguments or environments. What
 * fails here never fails the job: it runs without the runtime, and the user is told once.
 *
 * FTP_TAG_UNITS: the node's name as the launcher knows it, the central unit's addresses, its port
 * (uint32), the key (64 hexadecimal digits).
 */
#include "units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "report.h"
#include "spawn.h"
#include "src/util/pmix_environ.h"
#include "src/util/pmix_show_help.h"

#define READY_TIMEOUT_S 5
#define KEY_BYTES 32
#define SAID_MAX 512
#define SESSION_MAX 128

static struct {
    enum { IDLE, STARTING, READY, FAILED } state;
    ftp_spawned_t child;
    prte_event_t heard;     /* the central unit said something, or did not in time */
    char said[SAID_MAX];
    size_t said_n;
    char key[2 * KEY_BYTES + 1];
    char *hosts;            /* addresses of this node, as PRRTE's daemons use them */
    uint32_t port;
    pmix_rank_t told_n;     /* daemons below this rank were told */
} central;
static bool vm_is_ready, listening;

/* ---- names */

static void session_name(char name[SESSION_MAX])
{
    const char *nspace = PRTE_PROC_MY_NAME->nspace;
    size_t n = strcspn(nspace, "@");

    if (n >= SESSION_MAX)
        n = SESSION_MAX - 1;
    for (size_t i = 0; i < n; i++) {
        char c = nspace[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                     || c == '.' || c == '_' || c == '-';
        name[i] = plain ? c : '_';
    }
    name[n] = '\0';
}

/* "ns@0.0;tcp://10.0.0.1,10.1.0.1:4711:24,24;..." -> "10.0.0.1,10.1.0.1" */
static char *hosts_of(const char *uri)
{
    const char *start = uri != NULL ? strstr(uri, "tcp://") : NULL;
    size_t n;

    if (start == NULL)
        return NULL;
    start += strlen("tcp://");
    n = strcspn(start, ":;");
    return n > 0 ? strndup(start, n) : NULL;
}

static void without_runtime(const char *what, const char *why)
{
    central.state = FAILED;
    ftp_warn("The fault tolerance runtime did not start: %s%s%s\n"
             "The job runs, and survives the loss of a node, but findAlternative has nobody to ask.",
             what, why[0] != '\0' ? ": " : "", why);
}

/* ---- this node's unit */

static void start_noded(char *node, const char *hosts, uint32_t port, const char *key)
{
    char session[SESSION_MAX], orders[2048];
    char *argv[] = {ftp_params.noded, (char *) "--job", session, (char *) "--node", node, NULL};
    ftp_spawned_t child;
    int n, rc;

    session_name(session);
    n = snprintf(orders, sizeof orders, "central %s:%u\nkey %s\n", hosts, port, key);
    rc = n < (int) sizeof orders ? ftp_spawn(&child, argv) : E2BIG;
    if (rc == 0) {
        rc = ftp_spawn_tell(&child, orders);
        close(child.to);
        close(child.from);
    }
    explicit_bzero(orders, sizeof orders);
    if (rc != 0)
        ftp_warn("Node %s has no fault tolerance unit: cannot start %s: %s",
                 prte_process_info.nodename, ftp_params.noded, strerror(rc));
}

/* ---- the daemons' units */

static char *node_of(pmix_rank_t rank)
{
    prte_proc_t *daemon = ftp_daemon_of(rank);

    return daemon != NULL && daemon->node != NULL && daemon->node->name != NULL
               ? daemon->node->name
               : NULL;
}

static void tell_daemon(pmix_rank_t rank)
{
    pmix_data_buffer_t *orders;
    char *node = node_of(rank);
    char *key = central.key;
    int rc;

    if (node == NULL)
        return;
    PMIX_DATA_BUFFER_CREATE(orders);
    rc = PMIx_Data_pack(NULL, orders, &node, 1, PMIX_STRING);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, orders, &central.hosts, 1, PMIX_STRING);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, orders, &central.port, 1, PMIX_UINT32);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, orders, &key, 1, PMIX_STRING);
    if (rc == PMIX_SUCCESS)
        PRTE_RML_SEND(rc, rank, orders, FTP_TAG_UNITS);
    if (rc != PRTE_SUCCESS) {
        PRTE_ERROR_LOG(rc);
        PMIX_DATA_BUFFER_RELEASE(orders);
    }
}

static void tell_daemons(void)
{
    prte_job_t *daemons = prte_get_job_data_object(PRTE_PROC_MY_NAME->nspace);

    if (central.state != READY || !vm_is_ready || central.hosts == NULL || daemons == NULL)
        return;
    for (; central.told_n < daemons->num_procs; central.told_n++)
        if (central.told_n != PRTE_PROC_MY_NAME->rank && !ftp_routing_is_lost(central.told_n))
            tell_daemon(central.told_n);
}

void ftp_units_vm_ready(void)
{
    vm_is_ready = true;
    tell_daemons();
}

static void on_orders(int status, pmix_proc_t *sender, pmix_data_buffer_t *buffer,
                      prte_rml_tag_t tag, void *cbdata)
{
    char *node = NULL, *hosts = NULL, *key = NULL;
    uint32_t port = 0;
    int32_t one = 1;

    (void) status;
    (void) tag;
    (void) cbdata;
    if (sender->rank != PRTE_PROC_MY_HNP->rank)
        return;
    if (PMIx_Data_unpack(NULL, buffer, &node, &one, PMIX_STRING) == PMIX_SUCCESS
        && PMIx_Data_unpack(NULL, buffer, &hosts, &one, PMIX_STRING) == PMIX_SUCCESS
        && PMIx_Data_unpack(NULL, buffer, &port, &one, PMIX_UINT32) == PMIX_SUCCESS
        && PMIx_Data_unpack(NULL, buffer, &key, &one, PMIX_STRING) == PMIX_SUCCESS
        && node != NULL && hosts != NULL && key != NULL)
        start_noded(node, hosts, port, key);
    else
        ftp_say(1, "the orders to start a unit cannot be read");
    if (key != NULL)
        explicit_bzero(key, strlen(key));
    free(key);
    free(hosts);
    free(node);
}

int ftp_units_daemon_init(void)
{
    PRTE_RML_RECV(PRTE_NAME_WILDCARD, FTP_TAG_UNITS, PRTE_RML_PERSISTENT, on_orders, NULL);
    listening = true;
    return PRTE_SUCCESS;
}

/* ---- the central unit */

static void on_ready(char *line)
{
    char path[108];
    unsigned port;

    if (sscanf(line, "ready %u %107s", &port, path) != 2 || port == 0 || port > 65535) {
        without_runtime(ftp_params.centrald, line);
        return;
    }
    central.state = READY;
    central.port = port;
    central.hosts = hosts_of(prte_process_info.my_hnp_uri);
    if (central.hosts == NULL)
        ftp_warn("Only this node has a fault tolerance unit: PRRTE's own address cannot be read\n"
                 "from \"%s\".", prte_process_info.my_hnp_uri);
    ftp_say(1, "%s is ready: port %u, %s", ftp_params.centrald, port, path);
    ftp_report_open(path);
    start_noded(node_of(PRTE_PROC_MY_NAME->rank) != NULL ? node_of(PRTE_PROC_MY_NAME->rank)
                                                         : prte_process_info.nodename,
                "127.0.0.1", central.port, central.key);
    tell_daemons();
}

/* What it said before it ended; its name is said already. */
static const char *last_words(void)
{
    static const char name[] = "ft-centrald: ";

    while (central.said_n > 0 && central.said[central.said_n - 1] == '\n')
        central.said[--central.said_n] = '\0';
    return strncmp(central.said, name, sizeof name - 1) == 0 ? central.said + sizeof name - 1
                                                             : central.said;
}

/* Its first line, or its last words, have come, or neither came in time. */
static void on_said(int fd, short what, void *cbdata)
{
    ssize_t n = 0;
    char *end;

    (void) cbdata;
    if (what & PRTE_EV_READ)
        n = read(fd, central.said + central.said_n, SAID_MAX - 1 - central.said_n);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        n = 0, what = 0;
    if (n > 0) {
        central.said_n += (size_t) n;
        central.said[central.said_n] = '\0';
    }
    end = strchr(central.said, '\n');
    if ((n > 0 || what == 0) && (end == NULL || strncmp(central.said, "ready ", 6) != 0)
        && central.said_n < SAID_MAX - 1)
        return;
    prte_event_del(&central.heard);
    close(central.child.from);
    if (end != NULL && strncmp(central.said, "ready ", 6) == 0) {
        *end = '\0';
        on_ready(central.said);
        return;
    }
    close(central.child.to); /* it ends, if it has not yet */
    if (what & PRTE_EV_TIMEOUT)
        without_runtime(ftp_params.centrald, "it was not ready within 5 s");
    else
        without_runtime(ftp_params.centrald, last_words());
}

static int make_key(void)
{
    unsigned char bytes[KEY_BYTES];

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t) sizeof bytes)
        return errno;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(central.key + 2 * i, 3, "%02x", bytes[i]);
    explicit_bzero(bytes, sizeof bytes);
    return 0;
}

void ftp_units_start(void)
{
    char session[SESSION_MAX], orders[128];
    char *argv[] = {ftp_params.centrald, (char *) "--job", session, NULL};
    struct timeval limit = {.tv_sec = READY_TIMEOUT_S};
    int rc;

    if (!ftp_params.runtime || central.state != IDLE)
        return;
    session_name(session);
    rc = make_key();
    if (rc == 0)
        rc = ftp_spawn(&central.child, argv);
    if (rc != 0) {
        without_runtime(ftp_params.centrald, strerror(rc));
        return;
    }
    central.state = STARTING;
    snprintf(orders, sizeof orders, "key %s\nlauncher-pid %d\n", central.key, (int) getpid());
    rc = ftp_spawn_tell(&central.child, orders);
    explicit_bzero(orders, sizeof orders);
    if (rc != 0)
        ftp_say(1, "cannot give %s its key: %s", ftp_params.centrald, strerror(rc));
    prte_event_set(prte_event_base, &central.heard, central.child.from,
                   PRTE_EV_READ | PRTE_EV_PERSIST, on_said, NULL);
    prte_event_add(&central.heard, &limit);
}

void ftp_units_fini(void)
{
    if (listening)
        PRTE_RML_CANCEL(PRTE_NAME_WILDCARD, FTP_TAG_UNITS);
    listening = false;
    if (central.state == STARTING) {
        prte_event_del(&central.heard);
        close(central.child.from);
    }
    if (central.state == STARTING || central.state == READY)
        close(central.child.to);
    central.state = FAILED;
    explicit_bzero(central.key, sizeof central.key);
    free(central.hosts);
    central.hosts = NULL;
}

/* ---- the environment of the processes */

static const char *value_in(char **environment, const char *name)
{
    size_t n = strlen(name);

    for (; environment != NULL && *environment != NULL; environment++)
        if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=')
            return *environment + n + 1;
    return NULL;
}

static void set_preload(prte_app_context_t *app)
{
    const char *already = value_in(app->env, "LD_PRELOAD");
    char *both = NULL;

    if (ftp_params.preload[0] == '\0'
        || (already != NULL && strstr(already, ftp_params.preload) != NULL))
        return;
    if (already == NULL || already[0] == '\0') {
        PMIx_Setenv("LD_PRELOAD", ftp_params.preload, true, &app->env);
        return;
    }
    pmix_asprintf(&both, "%s:%s", ftp_params.preload, already);
    if (both != NULL)
        PMIx_Setenv("LD_PRELOAD", both, true, &app->env);
    free(both);
}

void ftp_units_set_environment(prte_job_t *job)
{
    char session[SESSION_MAX], host[SESSION_MAX + 64];

    if (!ftp_params.runtime)
        return;
    session_name(session);
    snprintf(host, sizeof host, "unix:/tmp/ft-%u/%s/noded.sock", (unsigned) geteuid(), session);
    for (int i = 0; i < job->apps->size; i++) {
        prte_app_context_t *app = (prte_app_context_t *) pmix_pointer_array_get_item(job->apps, i);
        if (app == NULL)
            continue;
        if (central.state != FAILED) /* or openFT would wait for a unit that never comes */
            PMIx_Setenv("FT_HOST", host, true, &app->env);
        /* what the user set stays */
        PMIx_Setenv("OMPI_MCA_async_mpi_finalize", "1", false, &app->env);
        PMIx_Setenv("OMPI_MCA_mpi_add_procs_cutoff", "1024", false, &app->env); /* see the layer */
        PMIx_Setenv("OMPI_MCA_coll", "^han", false, &app->env);
        set_preload(app);
    }
}
