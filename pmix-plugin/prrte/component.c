/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * component.c - the MCA component errmgr/ft.
 *
 * PRRTE selects one error manager: `dvm` in prterun and prte, `prted` in the daemons. This
 * component outranks both, lets the stock one set itself up, and then takes over those callbacks
 * of the state machines that decide what becomes of a job when a daemon is lost. What the stock
 * component did for everything else it still does; without a job that asked for fault tolerance it
 * does all of it.
 *
 * It reaches into PRRTE's internal structures, so it enters only versions that it was compiled for
 * and that were tried (known_versions); on any other it says so once, in the launcher, and the
 * stock component is selected.
 */
#include "ft_prrte.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "ranks.h"
#include "report.h"
#include "slurm.h"
#include "src/mca/errmgr/base/errmgr_private.h"
#include "src/runtime/runtime.h"
#include "units.h"

#ifndef FT_NODED_PATH
#define FT_NODED_PATH "/usr/sbin/ft-noded"
#endif
#ifndef FT_CENTRALD_PATH
#define FT_CENTRALD_PATH "/usr/sbin/ft-centrald"
#endif

#define PRIORITY 2000 /* the stock components have 1000 */

/* To add one: look through its changes for everything included above and used here, run the system
 * tests on it, then name it. */
static const char *const known_versions[] = {"3.0.8"};

extern prte_errmgr_base_module_t prte_errmgr_dvm_module;
extern prte_errmgr_base_module_t prte_errmgr_prted_module;

struct ftp_params ftp_params;
static char *preload;
static int output = -1;

static int component_register(void);
static int component_open(void);
static int component_close(void);
static int component_query(pmix_mca_base_module_t **module, int *priority);

/* What PRRTE looks up in the file; the only symbol that is visible. */
extern prte_errmgr_base_component_t prte_mca_errmgr_ft_component;

__attribute__((visibility("default"))) prte_errmgr_base_component_t prte_mca_errmgr_ft_component = {
    .base_version =
        {
            PRTE_ERRMGR_BASE_VERSION_3_0_0,
            .pmix_mca_component_name = "ft",
            PMIX_MCA_BASE_MAKE_VERSION(component, PRTE_MAJOR_VERSION, PRTE_MINOR_VERSION,
                                       PRTE_RELEASE_VERSION),
            .pmix_mca_open_component = component_open,
            .pmix_mca_close_component = component_close,
            .pmix_mca_query_component = component_query,
            .pmix_mca_register_component_params = component_register,
        },
};

static int master_init(void);
static int master_finalize(void);
static int daemon_init(void);
static int daemon_finalize(void);

static prte_errmgr_base_module_t master_module = {
    .init = master_init, .finalize = master_finalize, .logfn = prte_errmgr_base_log};
static prte_errmgr_base_module_t daemon_module = {
    .init = daemon_init, .finalize = daemon_finalize, .logfn = prte_errmgr_base_log};

void ftp_say(int level, const char *format, ...)
{
    char text[1024];
    va_list args;

    if (output < 0 || ftp_params.verbose < level)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pmix_output(output, "%s ft: %s", PRTE_NAME_PRINT(PRTE_PROC_MY_NAME), text);
}

void ftp_warn(const char *format, ...)
{
    static const char rule[] = "--------------------------------------------------------------"
                               "------------";
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pmix_output(prte_clean_output, "%s\n%s\n%s", rule, text, rule);
}

static void register_string(const char *name, const char *help, const char *value, char **storage)
{
    *storage = (char *) value; /* the MCA system copies it */
    pmix_mca_base_component_var_register(&prte_mca_errmgr_ft_component.base_version, name, help,
                                         PMIX_MCA_BASE_VAR_TYPE_STRING, storage);
}

static int component_register(void)
{
    const pmix_mca_base_component_t *c = &prte_mca_errmgr_ft_component.base_version;

    ftp_params.runtime = false;
    pmix_mca_base_component_var_register(
        c, "runtime", "Start the fault tolerance units (ft-centrald, ft-noded) for the jobs",
        PMIX_MCA_BASE_VAR_TYPE_BOOL, &ftp_params.runtime);
    ftp_params.always = false;
    pmix_mca_base_component_var_register(
        c, "always", "Every job is fault tolerant, as with --with-ft ulfm",
        PMIX_MCA_BASE_VAR_TYPE_BOOL, &ftp_params.always);
    register_string("noded", "Program to start on every node", FT_NODED_PATH, &ftp_params.noded);
    register_string("centrald", "Program to start beside the launcher", FT_CENTRALD_PATH,
                    &ftp_params.centrald);
    register_string("system",
                    "The system's fault tolerance units: auto (used if this node has one), none, "
                    "or the unit to use (unix:PATH)", "auto", &ftp_params.system);
    register_string("preload",
                    "Library to load into every process of a fault tolerant job, or none",
                    "none", &preload);
    ftp_params.start_timeout_s = 10;
    pmix_mca_base_component_var_register(
        c, "start_timeout",
        "Seconds that a daemon may take to report when a fault tolerant job spawns processes on a "
        "new node (0: no limit)",
        PMIX_MCA_BASE_VAR_TYPE_INT, &ftp_params.start_timeout_s);
    ftp_params.spare_ranks = -1;
    pmix_mca_base_component_var_register(
        c, "spare_ranks",
        "Ranks that are started beside those asked for, and wait to replace one (-1: on nodes that "
        "the resource manager's job has as spares, as many as another node has ranks)",
        PMIX_MCA_BASE_VAR_TYPE_INT, &ftp_params.spare_ranks);
    ftp_params.silence_ms = 3000;
    pmix_mca_base_component_var_register(
        c, "silence", "After how many milliseconds of silence a daemon is lost; 0: PRRTE's own way",
        PMIX_MCA_BASE_VAR_TYPE_INT, &ftp_params.silence_ms);
    ftp_params.verbose = 0;
    pmix_mca_base_component_var_register(c, "verbose", "How much the component tells on stderr",
                                         PMIX_MCA_BASE_VAR_TYPE_INT, &ftp_params.verbose);
    return PRTE_SUCCESS;
}

static int component_open(void)
{
    ftp_params.preload = preload != NULL && strcmp(preload, "none") != 0 ? preload : "";
    if (ftp_params.verbose > 0)
        output = pmix_output_open(NULL);
    return PRTE_SUCCESS;
}

static int component_close(void)
{
    if (output >= 0)
        pmix_output_close(output);
    output = -1;
    return PRTE_SUCCESS;
}

static bool version_is_known(void)
{
    if (strcmp(prte_version_string, PRTE_VERSION) != 0)
        return false;
    for (size_t i = 0; i < sizeof known_versions / sizeof known_versions[0]; i++)
        if (strcmp(prte_version_string, known_versions[i]) == 0)
            return true;
    return false;
}

static int component_query(pmix_mca_base_module_t **module, int *priority)
{
    *module = NULL;
    *priority = -1;
    if (!PRTE_PROC_IS_MASTER && !PRTE_PROC_IS_DAEMON)
        return PRTE_ERROR;
    if (!version_is_known()) {
        if (PRTE_PROC_IS_MASTER)
            ftp_warn("The fault tolerance component (errmgr/ft) knows PRRTE %s, not %s, and steps\n"
                     "aside: jobs run, but are not protected against the loss of a node. Install\n"
                     "the component that was built for this PRRTE, or remove it.",
                     PRTE_VERSION, prte_version_string);
        return PRTE_ERROR;
    }
    *module = (pmix_mca_base_module_t *) (PRTE_PROC_IS_MASTER ? &master_module : &daemon_module);
    *priority = PRIORITY;
    return PRTE_SUCCESS;
}

static int master_init(void)
{
    int rc = prte_errmgr_dvm_module.init();

    if (rc != PRTE_SUCCESS)
        return rc;
    ftp_repair_init();
    ftp_modex_init();
    ftp_orphan_init();
    ftp_serve_init();
    rc = ftp_collective_init();
    if (rc == PRTE_SUCCESS)
        rc = ftp_survive_init();
    if (rc == PRTE_SUCCESS) /* before survive.c hears of it: after it here */
        rc = ftp_exited_init();
    if (rc == PRTE_SUCCESS)
        rc = ftp_job_init();
    return rc;
}

static int master_finalize(void)
{
    ftp_ranks_close();
    ftp_serve_fini();
    ftp_alloc_fini();
    ftp_report_close();
    ftp_slurm_fini();
    ftp_spares_fini();
    ftp_units_fini();
    ftp_collective_fini();
    ftp_orphan_fini();
    ftp_modex_fini();
    ftp_repair_fini();
    return prte_errmgr_dvm_module.finalize();
}

static int daemon_init(void)
{
    int rc = prte_errmgr_prted_module.init();

    if (rc != PRTE_SUCCESS)
        return rc;
    ftp_repair_init();
    ftp_modex_init();
    ftp_orphan_init();
    ftp_serve_init();
    rc = ftp_exited_init();
    if (rc == PRTE_SUCCESS)
        rc = ftp_keep_init();
    return rc == PRTE_SUCCESS ? ftp_daemon_init() : rc;
}

static int daemon_finalize(void)
{
    ftp_daemon_fini();
    ftp_serve_fini();
    ftp_orphan_fini();
    ftp_modex_fini();
    ftp_repair_fini();
    return prte_errmgr_prted_module.finalize();
}

/* All return the callback that stood there, NULL if there was none: then nothing was replaced. */
prte_state_cbfunc_t ftp_hook_job_state(prte_job_state_t state, prte_state_cbfunc_t ours)
{
    prte_state_t *s;

    PMIX_LIST_FOREACH(s, &prte_job_states, prte_state_t) {
        if (s->job_state == state && s->cbfunc != NULL) {
            prte_state_cbfunc_t stock = s->cbfunc;
            s->cbfunc = ours;
            return stock;
        }
    }
    return NULL;
}

prte_state_cbfunc_t ftp_hook_proc_state(prte_proc_state_t state, prte_state_cbfunc_t ours)
{
    prte_state_t *s;

    PMIX_LIST_FOREACH(s, &prte_proc_states, prte_state_t) {
        if (s->proc_state == state && s->cbfunc != NULL) {
            prte_state_cbfunc_t stock = s->cbfunc;
            s->cbfunc = ours;
            return stock;
        }
    }
    return NULL;
}

prte_rml_buffer_callback_fn_t ftp_hook_receive(prte_rml_tag_t tag,
                                               prte_rml_buffer_callback_fn_t ours)
{
    prte_rml_posted_recv_t *post;

    PMIX_LIST_FOREACH(post, &prte_rml_base.posted_recvs, prte_rml_posted_recv_t) {
        if (post->tag == tag) {
            prte_rml_buffer_callback_fn_t stock = post->cbfunc;
            post->cbfunc = ours;
            return stock;
        }
    }
    return NULL;
}
