/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli_filter_ft.c - makes the request of a job with --ft one that survives: CliFilterPlugins=ft.
 *
 * Loaded by sbatch, salloc and srun. After these have read all options (command line, #SBATCH
 * lines, environment), and before they check and submit them, Slurm calls cli_filter_p_pre_submit.
 * For a job that asked for --ft it sets --no-kill and adds the nodes of --ft-spares; any other is
 * left as it is. SPANK (spank_ft.c) knows what was asked for, and could not change the request.
 *
 * Slurm installs no header for such plugins. What is needed of its inside are four functions, by
 * name, on an options struct that is never looked into; lua scripts change options through the same
 * four. They are looked up when the plugin is loaded.
 *
 * A cli_filter plugin that cannot be loaded ends every sbatch of the site, and Slurm compares
 * versions to the last digit before it loads one: the next update of Slurm would stop all work.
 * This one therefore bears the version of the Slurm that loads it. On another (major or minor) than
 * it was built for, or where one of the functions is missing, it does nothing but refuse jobs that
 * ask for --ft, and says why.
 */
#include "config.h"

#include "plugins.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <slurm/spank.h>

#include "common/jobrequest.h"

typedef struct slurm_options slurm_opt_t; /* Slurm's own name; incomplete */

#pragma GCC visibility push(default)
const char plugin_name[] = "fault tolerance for jobs with --ft";
const char plugin_type[] = "cli_filter/ft";
uint32_t plugin_version = SLURM_VERSION_NUMBER;

int cli_filter_p_setup_defaults(slurm_opt_t *options, bool early);
int cli_filter_p_pre_submit(slurm_opt_t *options, int component);
void cli_filter_p_post_submit(int component, uint32_t job, uint32_t step);
#pragma GCC visibility pop

static struct {
    char *(*option_get)(slurm_opt_t *options, const char *name);
    bool (*option_isset)(slurm_opt_t *options, const char *name);
    int (*option_set)(slurm_opt_t *options, const char *name, const char *value, bool early);
    char *(*spank_option_get)(char *name);
    void (*xfree)(void **memory);
} slurm;
/* Volatile: it stays a number in the file, where a test can make another Slurm's of it. */
static const volatile uint32_t built_for = SLURM_VERSION_NUMBER;
static char unusable[160]; /* why nothing can be done here; "": it can */

static void *find(const char *name)
{
    void *symbol = dlsym(RTLD_DEFAULT, name);

    if (!symbol && !unusable[0])
        snprintf(unusable, sizeof unusable, "this Slurm has no %s", name);
    return symbol;
}

/* dlsym gives an object's pointer for a function's. */
#define FIND(member, name)                                   \
    do {                                                     \
        void *symbol_ = find(name);                          \
        memcpy(&slurm.member, &symbol_, sizeof symbol_);     \
    } while (0)

/* The version of the Slurm that this is loaded into; 0 if it cannot be told. No function of Slurm's
 * says it (slurm_api_version counts otherwise), but each of its own plugins bears it, and these are
 * in the same folder. */
static uint32_t running_version(void)
{
    static const char *const siblings[] = {"cli_filter_syslog.so", "cli_filter_user_defaults.so",
                                           "auth_munge.so", "hash_k12.so"};
    const uint32_t *version = NULL;
    uint32_t result = 0;
    char path[1024];
    Dl_info self;
    int folder;

    if (!dladdr(plugin_type, &self) || !strrchr(self.dli_fname, '/'))
        return 0;
    folder = (int) (strrchr(self.dli_fname, '/') - self.dli_fname);
    for (size_t i = 0; !result && i < sizeof siblings / sizeof siblings[0]; i++) {
        void *sibling = NULL;

        if (snprintf(path, sizeof path, "%.*s/%s", folder, self.dli_fname, siblings[i])
            < (int) sizeof path)
            sibling = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
        if (sibling && (version = dlsym(sibling, "plugin_version")))
            result = *version;
        if (sibling)
            dlclose(sibling);
    }
    return result;
}

/* Runs when the file is opened: before Slurm looks at plugin_version. */
__attribute__((constructor)) static void meet_slurm(void)
{
    uint32_t running = running_version(), built = built_for;

    FIND(spank_option_get, "spank_option_get");
    FIND(xfree, "slurm_xfree");
    if (running && !FT_SLURM_SAME(running, built)) {
        snprintf(unusable, sizeof unusable,
                 "FT's plugins were built for Slurm %u.%02u, this is %u.%02u",
                 SLURM_VERSION_MAJOR(built), SLURM_VERSION_MINOR(built),
                 SLURM_VERSION_MAJOR(running), SLURM_VERSION_MINOR(running));
    } else {
        FIND(option_get, "slurm_option_get");
        FIND(option_isset, "slurm_option_isset");
        FIND(option_set, "slurm_option_set");
    }
    if (running)
        plugin_version = running;
}

/* The value that an option was given, in `text`; NULL if it was not given. */
static const char *given(slurm_opt_t *options, const char *name, char *text, size_t size)
{
    char *value = slurm.option_isset(options, name) ? slurm.option_get(options, name) : NULL;

    if (!value)
        return NULL;
    snprintf(text, size, "%s", value);
    slurm.xfree((void **) &value);
    return text;
}

static bool is_set(slurm_opt_t *options, const char *name, const char *value)
{
    if (!value[0] || slurm.option_set(options, name, value, false) == SLURM_SUCCESS)
        return true;
    slurm_error("--ft: Slurm does not take --%s=%s", name, value);
    return false;
}

/* Whether `no_kill` is in order; a user who wants the opposite is told rather than overruled. */
static bool set_no_kill(slurm_opt_t *options)
{
    char text[16];
    const char *before = given(options, "no-kill", text, sizeof text);

    if (before && strcmp(before, "unset") == 0) {
        slurm_error("--ft and --no-kill=off: Slurm would end the job with its first lost node");
        return false;
    }
    return is_set(options, "no-kill", "set");
}

static bool tell(const char *name, unsigned number)
{
    char text[16];

    snprintf(text, sizeof text, "%u", number);
    if (setenv(name, text, 1) == 0)
        return true;
    slurm_error("--ft: %s", strerror(errno));
    return false;
}

/* Why this kind of request cannot have spares; NULL if it can. */
static const char *no_spares_here(int component)
{
    if (strcmp(program_invocation_short_name, "srun") == 0)
        return getenv("SLURM_JOB_ID") ? "this is a step of a job; spares are asked for with the job"
                                      : "srun starts the ranks itself and can start none on a "
                                        "spare; use sbatch or salloc, and mpirun";
    if (component > 0)
        return "a heterogeneous job cannot have spares";
    return NULL;
}

static bool add_spares(slurm_opt_t *options, int component, unsigned spares)
{
    char nodes[64], ntasks[32], per_node[32], gpus[128], why[320];
    struct ft_job_request asked = {
        .nodes = given(options, "nodes", nodes, sizeof nodes),
        .ntasks = given(options, "ntasks", ntasks, sizeof ntasks),
        .ntasks_per_node = given(options, "ntasks-per-node", per_node, sizeof per_node),
        .gpus = given(options, "gpus", gpus, sizeof gpus)};
    struct ft_job_grown grown;
    const char *reason = no_spares_here(component);
    size_t n = asked.nodes ? strlen(asked.nodes) : 0;

    if (n > 2 && strcmp(nodes + n - 2, "-0") == 0)
        nodes[n - 1] = '\0'; /* how Slurm writes MIN- */
    if (reason) {
        slurm_error("--ft-spares=%u: %s", spares, reason);
        return false;
    }
    if (ft_job_grow(&asked, spares, &grown, why, sizeof why) < 0) {
        slurm_error("%s", why);
        return false;
    }
    return is_set(options, "nodes", grown.nodes) && is_set(options, "ntasks", grown.ntasks)
           && is_set(options, "ntasks-per-node", grown.ntasks_per_node)
           && (grown.tasks == 0 || tell(FT_REQUEST_TASKS, grown.tasks));
}

/* An option of SPANK's; false if it was not given. */
static bool asked(const char *name, char *text, size_t size)
{
    char option[32], *value;

    snprintf(option, sizeof option, "%s", name);
    value = slurm.spank_option_get ? slurm.spank_option_get(option) : NULL;
    if (!value)
        return false;
    snprintf(text, size, "%s", value);
    if (slurm.xfree)
        slurm.xfree((void **) &value);
    return true;
}

int cli_filter_p_pre_submit(slurm_opt_t *options, int component)
{
    char text[64];
    unsigned spares = 0;
    bool with_spares = asked(FT_OPTION_SPARES, text, sizeof text);

    if (with_spares && ft_spares_parse(text, &spares) < 0)
        return SLURM_ERROR; /* SPANK has said so */
    if (!with_spares && !asked(FT_OPTION, text, sizeof text))
        return SLURM_SUCCESS;
    if (unusable[0]) {
        slurm_error("--ft: not available here: %s", unusable);
        return SLURM_ERROR;
    }
    if (!set_no_kill(options) || (spares > 0 && !add_spares(options, component, spares))
        || !tell(FT_REQUEST_SPARES, spares))
        return SLURM_ERROR;
    return SLURM_SUCCESS;
}

int cli_filter_p_setup_defaults(slurm_opt_t *options, bool early)
{
    (void) options;
    (void) early;
    return SLURM_SUCCESS;
}

void cli_filter_p_post_submit(int component, uint32_t job, uint32_t step)
{
    (void) component;
    (void) job;
    (void) step;
}
