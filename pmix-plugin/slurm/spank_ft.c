/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spank_ft.c - sbatch, salloc, srun --ft[=MODE] --ft-spares=N: the SPANK plugin.
 *
 *   sbatch, salloc, srun              slurmstepd on the job's first node
 *     init           options            init           options
 *     (options)      checked            (options)      as they were given
 *     [cli_filter_ft.c changes the request]
 *     init_post_opt  what is missing?   init_post_opt  the job's variables (variables.c)
 *
 * salloc's shell is started by salloc itself, so it gets the variables there. SPANK neither sees
 * nor changes what is asked of Slurm: without the cli_filter plugin the job is submitted as it
 * stands, and the user is told first what that means.
 *
 * A job that did not ask costs two getenv and hears nothing. Nothing here ends another's program:
 * what goes wrong for a job with --ft is said to that job (slurm_error), which runs without FT
 * then. Options that a surrounding job left in the environment are not this one's: Slurm would take
 * them for given (SLURM_SPANK_..., _SLURM_SPANK_OPTION_...), so they are taken out first.
 */
#include "config.h"

#include "plugins.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slurm/slurm.h>
#include <slurm/spank.h>

#include "common/jobrequest.h"
#include "variables.h"

#pragma GCC visibility push(default)
/* Slurm looks these up by name; the version has to be its own, major and minor. */
const char plugin_name[] = FT_SPANK_NAME;
const char plugin_type[] = "spank";
const unsigned int plugin_version = SLURM_VERSION_NUMBER;
const unsigned int spank_plugin_version = 1;
spank_f slurm_spank_init;
spank_f slurm_spank_init_post_opt;
#pragma GCC visibility pop

/* How Slurm writes our options into environments; _ for what is no letter or digit. */
#define OPTION_VARIABLE "_SLURM_SPANK_OPTION_ft_"
static const char *const option_variables[] = {
    OPTION_VARIABLE "ft", OPTION_VARIABLE "ft_spares", "SLURM_SPANK_" OPTION_VARIABLE "ft",
    "SLURM_SPANK_" OPTION_VARIABLE "ft_spares", FT_REQUEST_SPARES, FT_REQUEST_TASKS};
#define OPTION_VARIABLES_N (sizeof option_variables / sizeof option_variables[0])

enum { MODE, SPARES };
static struct {
    const char *mode; /* NULL: not asked for; "": --ft without a value, or --ft-spares alone */
    unsigned spares;
} asked;

/* ---- options */

/* Slurm calls it with NULL, "" or "(null)" where there is no value, by the way it came. */
static int take(int which, const char *value, int remote)
{
    bool none = !value || !*value || strcmp(value, "(null)") == 0;
    const char *mode = ft_mode_parse(none ? NULL : value);

    (void) remote;
    if (which == MODE && !mode) {
        slurm_error("--ft=%s: there is no such mode; it is %s", value, FT_MODES);
        return -1;
    }
    if (which == MODE) {
        asked.mode = mode;
        return 0;
    }
    if (none || ft_spares_parse(value, &asked.spares) < 0) {
        slurm_error("--ft-spares=%s: it takes a number of nodes from 0 to %d", none ? "" : value,
                    FT_SPARES_MAX);
        return -1;
    }
    if (!asked.mode)
        asked.mode = "";
    return 0;
}

static int register_options(spank_t spank)
{
    struct spank_option options[] = {
        {.name = (char[]){FT_OPTION},
         .arginfo = (char[]){"MODE"},
         .usage = (char[]){"the job goes on when it loses a node; MODE is " FT_MODES
                           " (default report, with --ft-spares retarget)"},
         .has_arg = 2, /* as in getopt_long: it may have one */
         .val = MODE,
         .cb = take},
        {.name = (char[]){FT_OPTION_SPARES},
         .arginfo = (char[]){"N"},
         .usage = (char[]){"ask for N nodes more to take lost nodes' places; but for --ft=report, "
                           "spare ranks wait on them"},
         .has_arg = 1,
         .val = SPARES,
         .cb = take}};

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (spank_option_register(spank, &options[i]) != ESPANK_SUCCESS) {
            slurm_debug("ft: --%s cannot be registered", options[i].name);
            return -1;
        }
    return 0;
}

int slurm_spank_init(spank_t spank, int argc, char *argv[])
{
    spank_context_t context = spank_context();
    bool submits = context == S_CTX_ALLOCATOR || context == S_CTX_LOCAL;

    (void) argc;
    (void) argv;
    if (!submits && context != S_CTX_REMOTE)
        return 0;
    if (submits && getenv("SLURM_JOB_ID"))
        for (size_t i = 0; i < OPTION_VARIABLES_N; i++)
            unsetenv(option_variables[i]);
    return register_options(spank);
}

/* ---- in sbatch, salloc and srun */

static int put_here(void *arg, const char *name, const char *value, int overwrite)
{
    (void) arg;
    return setenv(name, value, overwrite);
}

/* plugstack.conf's line: prefix=DIR, where FT is if not where configure said. */
static const char *prefix_of(int argc, char *argv[])
{
    static const char key[] = "prefix=";

    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], key, sizeof key - 1) == 0)
            return argv[i] + sizeof key - 1;
    return NULL;
}

static void say_what_is_missing(void)
{
    slurm_info("--ft: the cli_filter plugin is not set up here (CliFilterPlugins=ft in "
               "slurm.conf), so this request goes out as it stands:");
    slurm_info("  without --no-kill, unless you gave it: Slurm ends the job when it loses a node");
    if (asked.spares > 0)
        slurm_info("  without the %u nodes of --ft-spares: nothing is kept idle", asked.spares);
    slurm_info("`ft sbatch` and `ft salloc` add what is missing.");
}

static int submitting(int argc, char *argv[])
{
    const char *granted = getenv(FT_REQUEST_SPARES);
    struct variables_asked variables = {ft_mode_of(asked.mode, asked.spares), granted,
                                        prefix_of(argc, argv)};
    char why[1300];

    if (!asked.mode) {
        if (spank_context() == S_CTX_ALLOCATOR && getenv("SLURM_JOB_ID"))
            variables_forget();
        return 0;
    }
    if (!granted && !(spank_context() == S_CTX_LOCAL && getenv("SLURM_JOB_ID")))
        say_what_is_missing();
    if (strcmp(program_invocation_short_name, "salloc") != 0)
        return 0;
    if (variables_set(&variables, put_here, NULL, why, sizeof why) < 0)
        slurm_error("--ft: %s; jobs started from here run without it", why);
    return 0;
}

/* ---- in slurmstepd */

static int put_there(void *arg, const char *name, const char *value, int overwrite)
{
    spank_err_t result = spank_setenv(arg, name, value, overwrite);

    return result == ESPANK_SUCCESS || result == ESPANK_ENV_EXISTS ? 0 : -1;
}

static void set_if_there(spank_t spank, const char *name, unsigned long number)
{
    char text[24];

    if (spank_getenv(spank, name, text, sizeof text) != ESPANK_SUCCESS)
        return;
    snprintf(text, sizeof text, "%lu", number);
    spank_setenv(spank, name, text, 1);
}

/* The job's script finds the numbers that its user asked for, also where it runs srun: that goes by
 * them. The lists of nodes are what they are; mpirun leaves the spares alone by itself. */
static void count_without_spares(spank_t spank, const char *granted)
{
    unsigned long spares = strtoul(granted, NULL, 10), nodes;
    char text[24];

    if (spares == 0)
        return;
    if (spank_getenv(spank, "SLURM_JOB_NUM_NODES", text, sizeof text) == ESPANK_SUCCESS
        && (nodes = strtoul(text, NULL, 10)) > spares) {
        set_if_there(spank, "SLURM_JOB_NUM_NODES", nodes - spares);
        set_if_there(spank, "SLURM_NNODES", nodes - spares);
    }
    if (spank_getenv(spank, FT_REQUEST_TASKS, text, sizeof text) == ESPANK_SUCCESS) {
        set_if_there(spank, "SLURM_NTASKS", strtoul(text, NULL, 10));
        set_if_there(spank, "SLURM_NPROCS", strtoul(text, NULL, 10));
    }
}

static int starting(spank_t spank, int argc, char *argv[])
{
    char granted[16] = "", why[1300];
    struct variables_asked variables = {ft_mode_of(asked.mode, asked.spares), granted,
                                        prefix_of(argc, argv)};
    uint32_t step = 0;

    if (!asked.mode || spank_get_item(spank, S_JOB_STEPID, &step) != ESPANK_SUCCESS
        || step == SLURM_EXTERN_CONT)
        return 0;
    spank_getenv(spank, FT_REQUEST_SPARES, granted, sizeof granted);
    if (variables_set(&variables, put_there, spank, why, sizeof why) < 0)
        slurm_error("--ft: %s; the job runs without it", why);
    else if (step == SLURM_BATCH_SCRIPT)
        count_without_spares(spank, granted);
    for (size_t i = 0; i < OPTION_VARIABLES_N; i++)
        spank_unsetenv(spank, option_variables[i]);
    return 0;
}

int slurm_spank_init_post_opt(spank_t spank, int argc, char *argv[])
{
    return spank_context() == S_CTX_REMOTE ? starting(spank, argc, argv) : submitting(argc, argv);
}
