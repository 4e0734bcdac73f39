/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe.c - owns the probes under way: for each, a measuring child and the site's check program.
 *
 * unit.c starts one when the central unit sends Probe, or NeedTopology, and one for itself at its
 * own start. Both children run side by side; the probe is answered when both have ended, or their
 * time has. Nothing on this node can hold up the answer: what hangs is killed, or given up if the
 * kernel does not let it die (child.c), and too many of those are an answer of their own.
 *
 *     Probe{run_check, timeout_ms} -> measure.c in a child -> facts, memory, scratch, load
 *                                  -> check program        -> check_code, check_text
 *                                  -> ProbeResult
 */
#include "config.h"

#include "noded/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "noded/child.h"
#include "noded/measure.h"

#define TIMEOUT_MIN_MS 50
#define TIMEOUT_MAX_MS 60000
#define DESCRIBE_TIMEOUT_MS 10000
#define STUCK_MAX 4
#define CHECK_OUTPUT_MAX 4096
#define CHECK_TEXT_MAX 256
#define SELF "/proc/self/exe"
#define PATH_VARIABLE "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct probe {
    struct ft_probes *probes;
    bool used;
    uint64_t id;
    uint64_t start_ns;
    struct ft_child *measure; /* NULL: ended, or never started */
    struct ft_child *check;
    Ft__ProbeResult *measured; /* NULL: it failed, see error */
    char error[512];
    bool check_ran;
    int check_code;
    char check_text[CHECK_TEXT_MAX];
    ft_probe_fn done;
    ft_describe_fn described;
    void *arg;
};

struct ft_probes {
    uv_loop_t *loop;
    const struct ft_noded_config *config;
    const char *node;
    const char *session;
    struct probe slots[FT_PROBES_MAX];
};

struct ft_probes *ft_probes_create(uv_loop_t *loop, const struct ft_noded_config *config,
                                   const char *node, const char *session)
{
    struct ft_probes *probes = calloc(1, sizeof *probes);

    if (!probes)
        return NULL;
    probes->loop = loop;
    probes->config = config;
    probes->node = node;
    probes->session = session;
    return probes;
}

void ft_probes_destroy(struct ft_probes *probes)
{
    free(probes);
}

static struct probe *probe_new(struct ft_probes *probes, uint64_t id, void *arg, const char **why)
{
    if (ft_child_stuck() >= STUCK_MAX) {
        *why = "earlier measurements of this node hang in the kernel: look for a file server or a "
               "device that does not answer";
        return NULL;
    }
    for (size_t i = 0; i < FT_PROBES_MAX; i++)
        if (!probes->slots[i].used) {
            probes->slots[i] = (struct probe){
                .probes = probes, .used = true, .id = id, .arg = arg, .start_ns = ft_clock_ns(),
            };
            return &probes->slots[i];
        }
    *why = "as many probes as allowed are under way on this node: try again later";
    return NULL;
}

static void probe_free(struct probe *probe)
{
    if (probe->measured)
        ft__probe_result__free_unpacked(probe->measured, NULL);
    memset(probe, 0, sizeof *probe);
}

void ft_probes_stop(struct ft_probes *probes)
{
    for (size_t i = 0; i < FT_PROBES_MAX; i++) {
        struct probe *probe = &probes->slots[i];
        if (probe->measure)
            ft_child_cancel(probe->measure);
        if (probe->check)
            ft_child_cancel(probe->check);
        if (probe->used)
            probe_free(probe);
    }
}

/* ---------------------------------------------------------------- the answer */

static void answer(struct probe *probe)
{
    Ft__ProbeResult result = FT__PROBE_RESULT__INIT;
    struct probe copy;

    if (probe->measure || probe->check)
        return;
    /* The slot is free before the owner is told: it may start another probe. */
    copy = *probe;
    memset(probe, 0, sizeof *probe);
    if (copy.measured)
        result = *copy.measured;
    else
        result.error = copy.error;
    result.check_ran = copy.check_ran;
    result.check_code = copy.check_code;
    result.check_text = copy.check_text;
    result.took_ms = (double)(ft_clock_ns() - copy.start_ns) / 1e6;
    copy.done(copy.arg, copy.id, &result);
    if (copy.measured)
        ft__probe_result__free_unpacked(copy.measured, NULL);
}

/* How a measuring child failed, in words; NULL if it did not. */
static const char *failure(const struct ft_child_end *end, char *text, size_t size)
{
    if (end->timed_out)
        snprintf(text, size, "measuring this node took more than %.0f ms: a device or a file "
                 "system does not answer", end->took_ms);
    else if (end->signal)
        snprintf(text, size, "measuring this node ended by signal %d", end->signal);
    else if (end->code || end->cut)
        snprintf(text, size, "measuring this node failed with exit code %d: run \"ft-noded "
                 "--show\" there", end->code);
    else
        return NULL;
    return text;
}

static void on_measured(void *arg, const struct ft_child_end *end)
{
    struct probe *probe = arg;

    probe->measure = NULL;
    if (!failure(end, probe->error, sizeof probe->error)) {
        probe->measured = ft__probe_result__unpack(NULL, end->n, end->output);
        if (!probe->measured)
            snprintf(probe->error, sizeof probe->error, "measuring this node gave no result");
    }
    answer(probe);
}

/* ---------------------------------------------------------------- the check program */

static void first_line(char *text, size_t size, const struct ft_child_end *end)
{
    size_t n = 0;

    while (n < end->n && n + 1 < size && end->output[n] != '\n' && end->output[n] != '\0')
        n++;
    memcpy(text, end->output, n);
    text[n] = '\0';
    ft_text_one_line(text);
}

static void on_checked(void *arg, const struct ft_child_end *end)
{
    struct probe *probe = arg;
    char *text = probe->check_text;

    probe->check = NULL;
    probe->check_ran = true;
    first_line(text, sizeof probe->check_text, end);
    if (end->timed_out) {
        probe->check_code = FT_CHECK_CODE_TIMEOUT;
        snprintf(text, sizeof probe->check_text, "the site's check gave no result within %.0f ms",
                 end->took_ms);
    } else if (end->signal) {
        probe->check_code = FT_CHECK_CODE_SIGNAL + end->signal;
        if (!*text)
            snprintf(text, sizeof probe->check_text, "the site's check was ended by signal %d",
                     end->signal);
    } else {
        probe->check_code = end->code;
    }
    answer(probe);
}

/* "NAME=value of the unit's own environment"; an empty value if it has none. */
static void pass(char *text, size_t size, const char *name)
{
    const char *value = getenv(name);

    snprintf(text, size, "%s=%s", name, value ? value : "");
}

static void start_check(struct probe *probe, unsigned timeout_ms)
{
    const struct ft_noded_config *config = probe->probes->config;
    char home[1024], user[300], node[300], job[300], tmpdir[1024];
    const char *const environment[] = {PATH_VARIABLE, "LANG=C.UTF-8", home, user, node, job,
                                       tmpdir, NULL};
    const char *const argv[] = {config->check, NULL};
    struct ft_child_wish wish = {
        .file = config->check,
        .argv = argv,
        .environment = environment,
        .timeout_ms = timeout_ms < config->check_timeout_ms ? timeout_ms : config->check_timeout_ms,
        .output_max = CHECK_OUTPUT_MAX,
        .with_stderr = true,
    };
    pass(home, sizeof home, "HOME");
    pass(user, sizeof user, "USER");
    snprintf(node, sizeof node, "FT_NODE=%s", probe->probes->node);
    snprintf(job, sizeof job, "FT_JOB=%s", probe->probes->session);
    snprintf(tmpdir, sizeof tmpdir, "TMPDIR=%s", config->scratch);
    probe->check = ft_child_start(probe->probes->loop, &wish, on_checked, probe);
    if (probe->check)
        return;
    probe->check_code = FT_CHECK_CODE_NOT_RUN;
    snprintf(probe->check_text, sizeof probe->check_text,
             "the site's check %.150s cannot be run: %s", config->check, strerror(errno));
}

/* ---------------------------------------------------------------- measuring */

static struct ft_child *start_measure(struct probe *probe, const char *what, unsigned timeout_ms,
                                      ft_child_fn ended)
{
    const struct ft_noded_config *config = probe->probes->config;
    const char *const argv[] = {"ft-noded", "--measure", what, "--topology", config->topology,
                                "--scratch", config->scratch, NULL};
    const char *const environment[] = {PATH_VARIABLE, "LANG=C.UTF-8", NULL};
    struct ft_child_wish wish = {
        .file = SELF,
        .argv = argv,
        .environment = environment,
        .timeout_ms = timeout_ms,
        .output_max = FT_MEASURE_OUTPUT_MAX,
    };
    struct ft_child *child = ft_child_start(probe->probes->loop, &wish, ended, probe);

    if (!child)
        snprintf(probe->error, sizeof probe->error, "no process could be started to measure this "
                 "node: %s", strerror(errno));
    return child;
}

/* Keeps a little of the time for the way back. */
static unsigned children_ms(unsigned timeout_ms)
{
    unsigned reserve_ms;

    if (timeout_ms == 0)
        timeout_ms = FT_PROBE_TIMEOUT_DEFAULT_MS;
    if (timeout_ms < TIMEOUT_MIN_MS)
        timeout_ms = TIMEOUT_MIN_MS;
    if (timeout_ms > TIMEOUT_MAX_MS)
        timeout_ms = TIMEOUT_MAX_MS;
    reserve_ms = timeout_ms / 10 < 100 ? timeout_ms / 10 : 100;
    return timeout_ms - reserve_ms;
}

void ft_probes_start(struct ft_probes *probes, uint64_t id, bool run_check, unsigned timeout_ms,
                     ft_probe_fn done, void *arg)
{
    const char *why = "";
    struct probe *probe = probe_new(probes, id, arg, &why);
    unsigned limit_ms = children_ms(timeout_ms);

    if (!probe) {
        Ft__ProbeResult refused = FT__PROBE_RESULT__INIT;
        refused.error = (char *)(uintptr_t)why;
        ft_log(FT_LOG_WARNING, "probe %llu refused: %s", (unsigned long long)id, why);
        done(arg, id, &refused);
        return;
    }
    probe->done = done;
    probe->measure = start_measure(probe, FT_MEASURE_FACTS, limit_ms, on_measured);
    if (run_check && *probes->config->check)
        start_check(probe, limit_ms);
    answer(probe);
}

static void on_described(void *arg, const struct ft_child_end *end)
{
    struct probe *probe = arg;
    ft_describe_fn described = probe->described;
    void *owner = probe->arg;
    uint64_t id = probe->id;
    char why[512];
    Ft__Topology *topology = NULL;

    probe_free(probe);
    if (!failure(end, why, sizeof why)) {
        topology = ft__topology__unpack(NULL, end->n, end->output);
        snprintf(why, sizeof why, "describing this node gave no result");
    }
    described(owner, id, topology, topology ? "" : why);
    if (topology)
        ft__topology__free_unpacked(topology, NULL);
}

void ft_probes_describe(struct ft_probes *probes, uint64_t id, ft_describe_fn done, void *arg)
{
    const char *why = "";
    struct probe *probe = probe_new(probes, id, arg, &why);
    char error[512];

    if (!probe) {
        done(arg, id, NULL, why);
        return;
    }
    probe->described = done;
    probe->measure = start_measure(probe, FT_MEASURE_TOPOLOGY, DESCRIBE_TIMEOUT_MS, on_described);
    if (probe->measure)
        return;
    snprintf(error, sizeof error, "%s", probe->error);
    probe_free(probe);
    done(arg, id, NULL, error);
}
