/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - ft-noded: the order in which things are made, and unmade.
 *
 *     options, configuration                   nothing made yet; whatever is wrong is told at once
 *     a job's: orders (stdin)                  where its central unit is, and its key
 *     the node's own: identity                 key file or MUNGE
 *     folder                                   ours alone, or another unit is there
 *     daemon (a job's; the node's if told)     the parent waits for the child's word and ends
 *     log, unit                                then the child says that it is ready
 *     run                                      until told to end, or forsaken
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/daemonize.h"
#include "common/log.h"
#include "common/text.h"
#include "net/munge.h"
#include "noded/conf.h"
#include "noded/folder.h"
#include "noded/measure.h"
#include "noded/modules.h"
#include "noded/options.h"
#include "noded/orders.h"
#include "noded/show.h"
#include "noded/unit.h"

#define BASE "/tmp"
#define LOGS "/var/log/ft"
#define CONF FT_SYSCONFDIR "/ft/noded.conf"
#define ORDERS_MAX_MS 10000
#define READY_MAX_MS 10000
#define STOP_MODULES_MAX_MS 60000
#define WHY_MAX 1024

static int fail(const char *why)
{
    fprintf(stderr, "ft-noded: %s\n", why);
    return 1;
}

/* As the launcher names its nodes: without domain, unless it is an address. */
static void find_node_name(const struct ft_options *options, const struct ft_noded_config *config,
                           char *name, size_t size)
{
    const char *given = options->node ? options->node : config->node;

    ft_text_copy(name, size, given);
    if (*name)
        return;
    if (gethostname(name, size) != 0)
        ft_text_copy(name, size, "localhost");
    name[size - 1] = '\0';
    if (name[strspn(name, "0123456789.")] != '\0' && name[0] != '.')
        name[strcspn(name, ".")] = '\0';
}

/* A job's unit in the foreground: its starter, who cannot wait for a parent to return, reads it. */
static void say_ready(void)
{
    puts("ready");
    fflush(stdout);
}

/* Of the node's own unit as a daemon, beside its socket. */
static bool find_pid_file(const struct ft_unit_wish *wish, char *path, size_t size)
{
    const char *slash = strrchr(wish->socket, '/');

    return wish->session == NULL && slash != NULL &&
           snprintf(path, size, "%.*s/noded.pid", (int)(slash - wish->socket), wish->socket) <
               (int)size;
}

/* What both the daemon and the foreground unit do between having a folder and letting go of it. */
static int live(const struct ft_unit_wish *wish, struct ft_folder *folder, int ready)
{
    char pid_file[FT_FOLDER_PATH_MAX];
    bool has_pid_file = find_pid_file(wish, pid_file, sizeof pid_file);
    enum ft_unit_end end = FT_UNIT_FORSAKEN;
    char why[WHY_MAX];
    struct ft_unit *unit = ft_unit_create(wish, why, sizeof why);

    if (has_pid_file)
        unlink(pid_file); /* of one that was killed: the folder's lock is this one's now */
    if (unit && has_pid_file && ready >= 0 && ft_daemon_write_pid(pid_file) != 0)
        ft_log(FT_LOG_WARNING, "%s cannot be written: %s", pid_file, strerror(errno));
    if (ready >= 0)
        ft_daemon_tell(ready, unit ? NULL : why);
    else if (unit && wish->session)
        say_ready();
    if (unit)
        end = ft_unit_run(unit);
    else
        ft_log(FT_LOG_ERROR, "%s", why);
    ft_unit_destroy(unit);
    if (has_pid_file)
        ft_daemon_remove_pid(pid_file);
    ft_folder_close(folder, end == FT_UNIT_FORSAKEN); /* then the log may be asked for */
    ft_log_close();
    return unit ? 0 : 1;
}

/* A daemon without its log works as well; the node's own says so, as long as somebody can hear. */
static void open_log(const struct ft_folder *folder, bool is_own)
{
    if (is_own && mkdir(LOGS, 0755) != 0 && errno != EEXIST)
        ft_log(FT_LOG_WARNING, "folder %s: %s", LOGS, strerror(errno));
    ft_log_open("ft-noded", ft_folder_log(folder));
}

static int daemonize(const struct ft_unit_wish *wish, struct ft_folder *folder)
{
    char why[WHY_MAX];
    int ready = -1;

    switch (ft_daemonize(&ready, 077)) {
    case FT_SIDE_PARENT:
        ft_folder_forget(folder);
        return ft_daemon_wait(ready, READY_MAX_MS, why, sizeof why) == 0 ? 0 : fail(why);
    case FT_SIDE_CHILD:
        open_log(folder, wish->session == NULL);
        return live(wish, folder, ready);
    case FT_SIDE_FAILED:
        break;
    }
    ft_folder_close(folder, false);
    return fail("no process can be made for the unit: too many processes, or no memory");
}

/* A job's unit: another one of the session is as good. */
static int serve(const struct ft_options *options, struct ft_unit_wish *wish)
{
    struct ft_folder *folder;
    char why[WHY_MAX];

    switch (ft_folder_open(BASE, wish->session, &folder, why, sizeof why)) {
    case FT_FOLDER_TAKEN:
        return 0;
    case FT_FOLDER_REFUSED:
        return fail(why);
    case FT_FOLDER_OURS:
        break;
    }
    wish->socket = ft_folder_socket(folder);
    return options->foreground ? live(wish, folder, -1) : daemonize(wish, folder);
}

static int serve_job(const struct ft_options *options, const struct ft_unit_wish *common)
{
    struct ft_unit_wish wish = *common;
    struct ft_orders orders;
    struct ft_identity identity;
    char why[WHY_MAX];
    int result;

    if (ft_orders_read(STDIN_FILENO, ORDERS_MAX_MS, &orders, why, sizeof why) != 0)
        return fail(why);
    ft_identity_set_key(&identity, orders.key);
    wish.session = options->session;
    wish.orders = &orders;
    wish.identity = &identity;
    result = serve(options, &wish);
    ft_identity_wipe(&identity);
    ft_orders_forget(&orders);
    return result;
}

/* The folders of the modules, beside the unit's own if that is not the usual one. */
struct module_folders {
    char modules[FT_FOLDER_PATH_MAX], logs[FT_FOLDER_PATH_MAX];
};

static bool make_module_folders(const char *run, struct module_folders *folders)
{
    return snprintf(folders->modules, sizeof folders->modules, "%s/modules", run) <
               (int)sizeof folders->modules &&
           snprintf(folders->logs, sizeof folders->logs, "%s/logs", run) <
               (int)sizeof folders->logs;
}

static int stop_modules(const struct ft_options *options)
{
    struct module_folders folders;
    char why[WHY_MAX];

    if (options->run && !make_module_folders(options->run, &folders))
        return fail("--run FOLDER is too long");
    if (ft_modules_stop_all(options->run ? folders.modules : NULL, STOP_MODULES_MAX_MS, why,
                            sizeof why) == 0)
        return 0;
    return fail(why);
}

/* The node's own unit: a second one is a mistake that somebody should hear of. */
static int serve_node(const struct ft_options *options, const struct ft_unit_wish *common)
{
    struct ft_unit_wish wish = *common;
    const char *path = options->run ? options->run : FT_FOLDER_SYSTEM;
    struct ft_identity identity;
    struct ft_folder *folder;
    struct module_folders folders;
    char why[WHY_MAX];
    int result = 1;

    if (options->run && !make_module_folders(path, &folders))
        return fail("--run FOLDER is too long");
    wish.modules = options->run ? folders.modules : NULL;
    wish.logs = options->run ? folders.logs : NULL;
    if (strcmp(wish.config->auth, "key") != 0)
        (void) ft_munge_await(FT_MUNGE_WAIT_MS); /* in vain: the next line says what that means */
    if (ft_identity_load(&identity, wish.config->auth, wish.config->key, ft_munge_system(), why,
                         sizeof why) != 0)
        return fail(why);
    switch (ft_folder_open_system(path, &folder, why, sizeof why)) {
    case FT_FOLDER_TAKEN:
        fprintf(stderr, "ft-noded: the unit of this node runs already: it answers at %s/noded.sock"
                "\n", path);
        break;
    case FT_FOLDER_REFUSED:
        fail(why);
        break;
    case FT_FOLDER_OURS:
        wish.identity = &identity;
        wish.socket = ft_folder_socket(folder);
        result = options->daemonize ? daemonize(&wish, folder) : live(&wish, folder, -1);
    }
    ft_identity_wipe(&identity);
    return result;
}

int main(int argc, char **argv)
{
    struct ft_options options;
    struct ft_noded_config *config;
    struct ft_unit_wish wish = {.version = FT_VERSION};
    char why[WHY_MAX], node[256];
    int result = ft_options_read(&options, argc, argv);

    if (result >= 0)
        return result;
    if (options.measure)
        return ft_measure_main(options.measure, options.topology,
                               options.scratch ? options.scratch : "/tmp");
    if (options.stop_modules)
        return stop_modules(&options);
    if (options.daemonize || (options.session && !options.foreground))
        ft_daemon_let_go();
    config = ft_noded_config_load(options.conf ? options.conf : CONF, options.conf != NULL, why,
                                  sizeof why);
    if (!config)
        return fail(why);
    find_node_name(&options, config, node, sizeof node);
    wish.node = node;
    wish.config = config;
    ft_log_open("ft-noded", NULL);
    if (options.show)
        result = ft_show_main(config, node);
    else
        result = options.session ? serve_job(&options, &wish) : serve_node(&options, &wish);
    ft_noded_config_destroy(config);
    return result;
}
