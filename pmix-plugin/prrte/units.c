/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * units.c - the units of one launcher, from its first job to its end.
 *
 * Attached, where the system's units run (errmgr_ft_system, see README.md): this node's unit
 * answers, and every node's is used as it stands; nothing is started.
 *
 * Private, else:
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
 * that is killed, so that its node can still be asked. When it is up (it lets go of its output
 * then), its daemon tells it which processes are there (ranks.c); what it said if it did not come
 * up goes to the master (FTP_TAG_NO_UNIT), and into the event log.
 *
 * The key travels on pipes and on PRRTE's own connections, never in arguments or environments. What
 * fails here never fails the job: it runs without the runtime, and the user is told once.
 *
 * FTP_TAG_UNITS: the node's name as the launcher knows it, the central unit's addresses, its port
 * (uint32), the key (64 hexadecimal digits); attached: port 0, and the unit to use for addresses.
 * FTP_TAG_NO_UNIT: the node's name, why.
 */
#include "units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "ranks.h"
#include "report.h"
#include "spawn.h"
#include "src/util/pmix_environ.h"
#include "src/util/pmix_show_help.h"
#include "words.h"

#define READY_TIMEOUT_S 5
#define NODED_TIMEOUT_S 30 /* it measures its node first */
#define KEY_BYTES 32
#define SESSION_MAX 128
#define HOST_MAX 256
#define SYSTEM_UNIT "unix:/run/ft/noded.sock"

static struct {
    enum { IDLE, STARTING, READY, ATTACHED, FAILED } state;
    ftp_spawned_t child;
    ftp_words_t *words;     /* the central unit's, while it is starting */
    char key[2 * KEY_BYTES + 1];
    char *hosts;            /* addresses of this node, as PRRTE's daemons use them */
    uint32_t port;
    pmix_rank_t told_n;     /* daemons below this rank were told */
    char system[HOST_MAX];  /* ATTACHED: each node's unit */
} central;
static bool vm_is_ready, listening;
static ftp_words_t *noded_words; /* of this node's unit, while it is starting */
static char *noded_name;         /* its node */

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

/* "unix:/tmp/ft-0/prterun-n0-71/noded.sock": this session's unit of any node. */
static void private_unit(char host[HOST_MAX])
{
    char session[SESSION_MAX];

    session_name(session);
    snprintf(host, HOST_MAX, "unix:/tmp/ft-%u/%s/noded.sock", (unsigned) geteuid(), session);
}

/* ---- this node's unit */

/* On the master; daemons send it there. */
static void no_unit(const char *node, const char *why)
{
    pmix_data_buffer_t *message;
    char *texts[] = {(char *) node, (char *) why};
    int rc;

    ftp_say(1, "node %s has no unit: %s", node, why);
    if (PRTE_PROC_IS_MASTER) {
        ftp_report_no_unit(node, why);
        return;
    }
    PMIX_DATA_BUFFER_CREATE(message);
    rc = PMIx_Data_pack(NULL, message, texts, 2, PMIX_STRING);
    if (rc == PMIX_SUCCESS)
        PRTE_RML_SEND(rc, PRTE_PROC_MY_HNP->rank, message, FTP_TAG_NO_UNIT);
    if (rc != PRTE_SUCCESS) {
        PRTE_ERROR_LOG(rc);
        PMIX_DATA_BUFFER_RELEASE(message);
    }
}

static void on_no_unit(int status, pmix_proc_t *sender, pmix_data_buffer_t *buffer,
                       prte_rml_tag_t tag, void *cbdata)
{
    char *texts[2] = {NULL, NULL};
    int32_t two = 2;

    (void) status;
    (void) tag;
    (void) cbdata;
    if (!ftp_routing_is_lost(sender->rank)
        && PMIx_Data_unpack(NULL, buffer, texts, &two, PMIX_STRING) == PMIX_SUCCESS
        && texts[0] != NULL && texts[1] != NULL)
        no_unit(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
}

/* The unit says why it is not there better than a connection to it does. */
static void use_unit(const char *node, const char *host, const char *said)
{
    char session[SESSION_MAX], why[600];

    session_name(session);
    if (ftp_ranks_open(host, session, why, sizeof why)) {
        if (said != NULL && said[0] != '\0')
            ftp_say(1, "the unit of node %s says: %s", node, said);
        return;
    }
    no_unit(node, said != NULL && said[0] != '\0' ? said : why);
}

/* It has let go of its output: it is up, or it has ended. */
static void on_noded_said(void *arg, ftp_words_end_t how, char *text)
{
    char host[HOST_MAX];

    (void) arg;
    noded_words = NULL;
    private_unit(host);
    if (how == FTP_WORDS_LATE && text[0] == '\0')
        no_unit(noded_name, "it was not up in time");
    else
        use_unit(noded_name, host, text);
}

static void start_noded(const char *node, const char *hosts, uint32_t port, const char *key)
{
    char session[SESSION_MAX], orders[2048], why[600];
    char *argv[] = {ftp_params.noded, (char *) "--job", session, (char *) "--node", (char *) node,
                    NULL};
    ftp_spawned_t child;
    int n, rc;

    if (noded_name != NULL)
        return; /* it was told before */
    noded_name = strdup(node);
    session_name(session);
    n = snprintf(orders, sizeof orders, "central %s:%u\nkey %s\n", hosts, port, key);
    rc = noded_name == NULL ? ENOMEM : n < (int) sizeof orders ? ftp_spawn(&child, argv) : E2BIG;
    if (rc == 0) {
        if (ftp_spawn_tell(&child, orders) != 0) /* it has ended already; what it said tells why */
            ftp_say(1, "%s does not read its orders", ftp_params.noded);
        close(child.to);
        noded_words = ftp_words_listen(child.from, NULL, NODED_TIMEOUT_S, on_noded_said, NULL);
        rc = noded_words != NULL ? 0 : ENOMEM;
    }
    explicit_bzero(orders, sizeof orders);
    if (rc == 0)
        return;
    snprintf(why, sizeof why, "cannot start %s: %s", ftp_params.noded, strerror(rc));
    no_unit(node, why);
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

    if ((central.state != READY && central.state != ATTACHED) || !vm_is_ready
        || central.hosts == NULL || daemons == NULL)
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
        && node != NULL && hosts != NULL && key != NULL && port != 0)
        start_noded(node, hosts, port, key);
    else if (node != NULL && hosts != NULL && port == 0)
        use_unit(node, hosts, NULL);
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

static const char *my_node(void)
{
    const char *name = node_of(PRTE_PROC_MY_NAME->rank);

    return name != NULL ? name : prte_process_info.nodename;
}

static void on_ready(const char *line)
{
    char path[108], host[HOST_MAX], session[SESSION_MAX], why[600];
    unsigned port;

    if (sscanf(line, "ready %u %107s", &port, path) != 2 || port == 0 || port > 65535) {
        close(central.child.to); /* it ends */
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
    session_name(session);
    snprintf(host, sizeof host, "unix:%s", path);
    if (!ftp_report_open(host, session, false, why, sizeof why))
        ftp_warn("The fault tolerance runtime hears nothing of this job: cannot connect to the\n"
                 "central unit at %s: %s.", path, why);
    start_noded(my_node(), "127.0.0.1", central.port, central.key);
    tell_daemons();
}

/* The central unit has said that it is ready, or what it said last, or neither came in time. */
static void on_centrald_said(void *arg, ftp_words_end_t how, char *text)
{
    (void) arg;
    central.words = NULL;
    if (how == FTP_WORDS_LINE) {
        on_ready(text);
        return;
    }
    close(central.child.to); /* it ends, if it has not yet */
    if (how == FTP_WORDS_END)
        without_runtime(ftp_params.centrald, text[0] != '\0' ? text : "it ended without a word");
    else
        without_runtime(ftp_params.centrald,
                        text[0] != '\0' ? text : "it was not ready within 5 s");
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

static void start_private(void)
{
    char session[SESSION_MAX], orders[128];
    char *argv[] = {ftp_params.centrald, (char *) "--job", session, NULL};
    int rc;

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
    central.words = ftp_words_listen(central.child.from, "ready ", READY_TIMEOUT_S,
                                     on_centrald_said, NULL);
    if (central.words == NULL) {
        close(central.child.to);
        without_runtime(ftp_params.centrald, strerror(ENOMEM));
    }
}

/* ---- the system's units */

/* Whether somebody listens at a unix socket. */
static bool is_listened_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool yes = false;

    if (fd < 0)
        return false;
    if (strlen(path) < sizeof address.sun_path) {
        strcpy(address.sun_path, path);
        yes = connect(fd, (struct sockaddr *) &address, sizeof address) == 0 || errno == EAGAIN;
    }
    close(fd);
    return yes;
}

/* The unit to attach to: what the user named, or the system's, if there is one. */
static const char *system_unit(void)
{
    const char *named = getenv("FT_HOST");

    if (strcmp(ftp_params.system, "none") == 0)
        return NULL;
    if (strcmp(ftp_params.system, "auto") != 0)
        return ftp_params.system;
    if (named != NULL && named[0] != '\0')
        return named;
    return is_listened_at(SYSTEM_UNIT + strlen("unix:")) ? SYSTEM_UNIT : NULL;
}

static bool attach(const char *host)
{
    char session[SESSION_MAX], why[600];

    session_name(session);
    if (snprintf(central.system, sizeof central.system, "%s", host) >= (int) sizeof central.system
        || (central.hosts = strdup(host)) == NULL)
        return false;
    if (!ftp_report_open(host, session, true, why, sizeof why)) {
        ftp_warn("The system's fault tolerance unit at %s cannot be used: %s\n"
                 "This launcher starts units of its own.", host, why);
        free(central.hosts);
        central.hosts = NULL;
        return false;
    }
    central.state = ATTACHED;
    ftp_say(1, "attached to the system's unit at %s", host);
    use_unit(my_node(), host, NULL);
    tell_daemons();
    return true;
}

void ftp_units_start(void)
{
    const char *system;

    if (!ftp_params.runtime || central.state != IDLE)
        return;
    if (!listening)
        PRTE_RML_RECV(PRTE_NAME_WILDCARD, FTP_TAG_NO_UNIT, PRTE_RML_PERSISTENT, on_no_unit, NULL);
    listening = true;
    system = system_unit();
    if (system == NULL || !attach(system))
        start_private();
}

void ftp_units_fini(void)
{
    if (listening)
        PRTE_RML_CANCEL(PRTE_NAME_WILDCARD,
                        PRTE_PROC_IS_MASTER ? FTP_TAG_NO_UNIT : FTP_TAG_UNITS);
    listening = false;
    ftp_words_stop(noded_words);
    ftp_words_stop(central.words);
    noded_words = central.words = NULL;
    free(noded_name);
    noded_name = NULL;
    ftp_ranks_close();
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

/* What --with-ft ulfm puts into mpirun's environment. */
static void enable_ulfm(prte_job_t *job)
{
    prte_app_context_t *app;

    for (int i = 0; i < job->apps->size; i++)
        if ((app = (prte_app_context_t *) pmix_pointer_array_get_item(job->apps, i)) != NULL)
            PMIx_Setenv("OMPI_MCA_mpi_ft_enable", "1", false, &app->env);
}

/* What the MPI layer is to do about losses, and where the nodes are. How many of the ranks are spares
 * was said when they were mapped (waiting.c). */
static void set_world(prte_app_context_t *app)
{
    static const char *const names[] = {"FT_MODE", "FT_REPAIR_SHRINK", "FT_LOCATIONS"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);

        if (value != NULL && value[0] != '\0')
            PMIx_Setenv(names[i], value, true, &app->env);
    }
}

void ftp_units_set_environment(prte_job_t *job)
{
    char host[HOST_MAX];

    if (ftp_params.always)
        enable_ulfm(job);
    if (!ftp_params.runtime)
        return;
    private_unit(host);
    if (central.state == ATTACHED)
        snprintf(host, sizeof host, "%s", central.system);
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
        set_world(app);
    }
}
