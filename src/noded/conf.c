/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conf.c - reads noded.conf, by libconfuse, once, at the unit's start.
 *
 * Every value is checked here, so that a mistake is told to who starts the unit, with file and
 * line, rather than found out when a node is lost. doc/noded.conf.5.scd describes the file.
 */
#include "config.h"

#include "noded/conf.h"

#include <confuse.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conftext.h"
#include "topology/topology.h"

#define CHECK_TIMEOUT_MIN_MS 10
#define TEXT_MAX_BYTES 255
#define FILE_MAX_BYTES (1 << 20)
#define WORDS_MAX 64

/* libconfuse's callbacks have no argument of ours; the file is read before there are threads. */
static struct {
    const char *path;
    char *why;
    size_t size;
} report;

static void on_error(cfg_t *cfg, const char *format, va_list args)
{
    size_t n;

    if (report.why[0]) /* the first error is the cause */
        return;
    snprintf(report.why, report.size, "%s:%d: ", report.path, cfg ? cfg->line : 0);
    n = strlen(report.why);
    vsnprintf(report.why + n, report.size - n, format, args);
}

static int check_topology(cfg_t *cfg, cfg_opt_t *option)
{
    char why[FT_TOPOLOGY_WHY_MAX];

    if (ft_topology_check_source(cfg_opt_getstr(option), why, sizeof why) == 0)
        return 0;
    cfg_error(cfg, "%s", why);
    return -1;
}

static int check_path(cfg_t *cfg, cfg_opt_t *option)
{
    const char *path = cfg_opt_getstr(option);

    if (path && (path[0] == '\0' || path[0] == '/'))
        return 0;
    cfg_error(cfg, "%s = \"%s\" is not an absolute path (beginning with /)",
              cfg_opt_name(option), path ? path : "");
    return -1;
}

static int check_text(cfg_t *cfg, cfg_opt_t *option)
{
    const char *text = cfg_opt_getstr(option);
    size_t n = text ? strlen(text) : 0;

    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] > '~') {
            cfg_error(cfg, "%s has a space or a character that is not ASCII", cfg_opt_name(option));
            return -1;
        }
    if (n <= TEXT_MAX_BYTES)
        return 0;
    cfg_error(cfg, "%s has more than %d characters", cfg_opt_name(option), TEXT_MAX_BYTES);
    return -1;
}

static int check_timeout(cfg_t *cfg, cfg_opt_t *option)
{
    long value = cfg_opt_getnint(option, 0);

    if (value >= CHECK_TIMEOUT_MIN_MS && value <= FT_CHECK_TIMEOUT_MAX_MS)
        return 0;
    cfg_error(cfg, "%s = %ld is not between %d and %d", cfg_opt_name(option), value,
              CHECK_TIMEOUT_MIN_MS, FT_CHECK_TIMEOUT_MAX_MS);
    return -1;
}

static int check_port(cfg_t *cfg, cfg_opt_t *option)
{
    long value = cfg_opt_getnint(option, 0);

    if (value >= 1 && value <= 65535)
        return 0;
    cfg_error(cfg, "%s = %ld is not between 1 and 65535", cfg_opt_name(option), value);
    return -1;
}

static int check_auth(cfg_t *cfg, cfg_opt_t *option)
{
    const char *auth = cfg_opt_getstr(option);

    if (auth && (strcmp(auth, "auto") == 0 || strcmp(auth, "munge") == 0 ||
                 strcmp(auth, "key") == 0))
        return 0;
    cfg_error(cfg, "auth = \"%s\" is none of auto, munge and key", auth ? auth : "");
    return -1;
}

/* A name or an address, and maybe a port: no list, no space. */
static bool is_central(const char *text)
{
    const char *colon = strrchr(text, ':');
    size_t n = strlen(text);
    bool has_port = colon && (strchr(text, ':') == colon || colon[-1] == ']');

    if (n == 0 || n > TEXT_MAX_BYTES || text[0] == ':' || text[strcspn(text, ", \t")] != '\0')
        return false;
    return !has_port || (colon[1] != '\0' && colon[1 + strspn(colon + 1, "0123456789")] == '\0' &&
                         strlen(colon + 1) <= 5 && atol(colon + 1) >= 1 &&
                         atol(colon + 1) <= 65535);
}

static int check_centrals(cfg_t *cfg, cfg_opt_t *option)
{
    unsigned n = cfg_opt_size(option);

    if (n > FT_CENTRALS_MAX) {
        cfg_error(cfg, "centrals has %u entries, %d are the most", n, FT_CENTRALS_MAX);
        return -1;
    }
    for (unsigned i = 0; i < n; i++)
        if (!is_central(cfg_opt_getnstr(option, i))) {
            cfg_error(cfg, "centrals: \"%s\" is not HOST or HOST:PORT", cfg_opt_getnstr(option, i));
            return -1;
        }
    return 0;
}

static int check_program(cfg_t *cfg, cfg_opt_t *option)
{
    const char *path = cfg_opt_getstr(option);
    size_t n = path ? strlen(path) : 0;

    if (n > 1 && n < PATH_MAX - 32 && path[0] == '/' && path[n - 1] != '/')
        return 0;
    cfg_error(cfg, "%s = \"%.100s\" is not an absolute path of a file (beginning with /)",
              cfg_opt_name(option), path ? path : "");
    return -1;
}

static int check_start(cfg_t *cfg, cfg_opt_t *option)
{
    unsigned n = cfg_opt_size(option);
    const char *path = n > 0 ? cfg_opt_getnstr(option, 0) : "/";

    if (n <= WORDS_MAX && path && path[0] == '/')
        return 0;
    if (n > WORDS_MAX)
        cfg_error(cfg, "%s has %u words, %d are the most", cfg_opt_name(option), n, WORDS_MAX);
    else
        cfg_error(cfg, "%s: \"%.100s\" is not an absolute path (beginning with /)",
                  cfg_opt_name(option), path ? path : "");
    return -1;
}

/* Octal digits. Never writable for everybody, nor with another one's rights. */
static bool read_mode(const char *text, unsigned *mode)
{
    size_t n = text ? strspn(text, "01234567") : 0;

    if (n < 3 || n > 4 || text[n] != '\0')
        return false;
    *mode = (unsigned)strtoul(text, NULL, 8);
    return *mode <= 0777 && (*mode & 0022) == 0 && (*mode & 0500) == 0500;
}

static int check_mode(cfg_t *cfg, cfg_opt_t *option)
{
    const char *text = cfg_opt_getstr(option);
    unsigned mode;

    if (read_mode(text, &mode))
        return 0;
    cfg_error(cfg, "%s = \"%.20s\" is not octal permissions like 0755: for its owner to read and "
              "execute, and for nobody else to write", cfg_opt_name(option), text ? text : "");
    return -1;
}

static void free_list(char **list)
{
    for (char **word = list; word && *word; word++)
        free(*word);
    free(list);
}

static cfg_t *cfg_make(cfg_opt_t *options)
{
    cfg_t *cfg = cfg_init(options, CFGF_NONE);

    if (!cfg)
        return NULL;
    cfg_set_error_function(cfg, on_error);
    cfg_set_validate_func(cfg, "topology", check_topology);
    cfg_set_validate_func(cfg, "check", check_path);
    cfg_set_validate_func(cfg, "scratch", check_path);
    cfg_set_validate_func(cfg, "check_timeout_ms", check_timeout);
    cfg_set_validate_func(cfg, "node", check_text);
    cfg_set_validate_func(cfg, "location", check_text);
    cfg_set_validate_func(cfg, "centrals", check_centrals);
    cfg_set_validate_func(cfg, "port", check_port);
    cfg_set_validate_func(cfg, "auth", check_auth);
    cfg_set_validate_func(cfg, "key", check_path);
    cfg_set_validate_func(cfg, "central_program", check_program);
    cfg_set_validate_func(cfg, "central_conf", check_program);
    cfg_set_validate_func(cfg, "central_start", check_start);
    cfg_set_validate_func(cfg, "central_owner", check_text);
    cfg_set_validate_func(cfg, "central_mode", check_mode);
    return cfg;
}

static char **copy_list(cfg_t *cfg, const char *name)
{
    unsigned n = cfg_size(cfg, name);
    char **list = calloc(n + 1, sizeof *list);

    for (unsigned i = 0; list && i < n; i++) {
        list[i] = strdup(cfg_getnstr(cfg, name, i));
        if (!list[i]) {
            free_list(list);
            return NULL;
        }
    }
    return list;
}

static bool copy_central(cfg_t *cfg, struct ft_noded_config *config)
{
    config->redeploy = cfg_getbool(cfg, "redeploy") == cfg_true;
    config->central_program = strdup(cfg_getstr(cfg, "central_program"));
    config->central_conf = strdup(cfg_getstr(cfg, "central_conf"));
    config->central_owner = strdup(cfg_getstr(cfg, "central_owner"));
    config->central_start = copy_list(cfg, "central_start");
    return config->central_program && config->central_conf && config->central_owner && config->central_start &&
           read_mode(cfg_getstr(cfg, "central_mode"), &config->central_mode);
}

static struct ft_noded_config *config_from(cfg_t *cfg)
{
    struct ft_noded_config *config = calloc(1, sizeof *config);

    if (!config)
        return NULL;
    config->node = strdup(cfg_getstr(cfg, "node"));
    config->topology = strdup(cfg_getstr(cfg, "topology"));
    config->check = strdup(cfg_getstr(cfg, "check"));
    config->check_timeout_ms = (unsigned)cfg_getint(cfg, "check_timeout_ms");
    config->scratch = strdup(cfg_getstr(cfg, "scratch"));
    config->location = strdup(cfg_getstr(cfg, "location"));
    config->port = (unsigned)cfg_getint(cfg, "port");
    config->auth = strdup(cfg_getstr(cfg, "auth"));
    config->key = strdup(cfg_getstr(cfg, "key"));
    config->centrals = copy_list(cfg, "centrals");
    if (config->node && config->topology && config->check && config->scratch &&
        config->location && config->auth && config->key && config->centrals &&
        copy_central(cfg, config))
        return config;
    ft_noded_config_destroy(config);
    return NULL;
}

/* True if the values can be used, whether the file is there or not. */
static bool parse(cfg_t *cfg, const char *path, bool must_exist)
{
    char *text;
    bool good;

    if (!must_exist && access(path, F_OK) != 0 && errno == ENOENT)
        return true;
    text = ft_conftext_read(path, FILE_MAX_BYTES, report.why, report.size);
    if (!text)
        return false;
    good = cfg_parse_buf(cfg, text) == CFG_SUCCESS;
    if (!good && !report.why[0])
        snprintf(report.why, report.size, "%s: it is not a configuration file", path);
    free(text);
    return good;
}

struct ft_noded_config *ft_noded_config_load(const char *path, bool must_exist, char *why,
                                             size_t why_size)
{
    cfg_opt_t options[] = {
        CFG_STR("node", "", CFGF_NONE),
        CFG_STR("topology", "", CFGF_NONE),
        CFG_STR("check", "", CFGF_NONE),
        CFG_INT("check_timeout_ms", FT_CHECK_TIMEOUT_DEFAULT_MS, CFGF_NONE),
        CFG_STR("scratch", "/tmp", CFGF_NONE),
        CFG_STR("location", "", CFGF_NONE),
        CFG_STR_LIST("centrals", NULL, CFGF_NONE),
        CFG_INT("port", FT_UNIT_PORT_DEFAULT, CFGF_NONE),
        CFG_STR("auth", "auto", CFGF_NONE),
        CFG_STR("key", FT_SYSCONFDIR "/ft/key", CFGF_NONE),
        CFG_BOOL("redeploy", cfg_true, CFGF_NONE),
        CFG_STR("central_program", FT_SBINDIR "/ft-centrald", CFGF_NONE),
        CFG_STR("central_conf", FT_SYSCONFDIR "/ft/ft.conf", CFGF_NONE),
        CFG_STR_LIST("central_start", NULL, CFGF_NONE),
        CFG_STR("central_owner", "", CFGF_NONE),
        CFG_STR("central_mode", "0755", CFGF_NONE),
        CFG_END()
    };
    struct ft_noded_config *config = NULL;
    cfg_t *cfg;

    why[0] = '\0';
    report.path = path;
    report.why = why;
    report.size = why_size;
    cfg = cfg_make(options);
    if (cfg && parse(cfg, path, must_exist))
        config = config_from(cfg);
    if (!config && !why[0])
        snprintf(why, why_size, "out of memory while reading %s", path);
    if (cfg)
        cfg_free(cfg);
    return config;
}

void ft_noded_config_destroy(struct ft_noded_config *config)
{
    if (!config)
        return;
    free(config->node);
    free(config->topology);
    free(config->check);
    free(config->scratch);
    free(config->location);
    free(config->auth);
    free(config->key);
    free_list(config->centrals);
    free(config->central_program);
    free(config->central_conf);
    free_list(config->central_start);
    free(config->central_owner);
    free(config);
}
