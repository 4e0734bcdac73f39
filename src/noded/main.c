/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - ft-noded: the order in which things are made, and unmade.
 *
 *     options, configuration, orders (stdin)   nothing made yet; whatever is wrong is told at once
 *     folder                                   ours alone, or another unit is there: done
 *     daemon                                   the parent waits for the child's word and ends
 *     log, unit                                then the child says that it is ready
 *     run                                      until told to end, or forsaken
 */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text.h"
#include "noded/conf.h"
#include "noded/daemonize.h"
#include "noded/folder.h"
#include "noded/measure.h"
#include "noded/options.h"
#include "noded/orders.h"
#include "noded/show.h"
#include "noded/unit.h"

#define BASE "/tmp"
#define CONF FT_SYSCONFDIR "/ft/noded.conf"
#define ORDERS_MAX_MS 10000
#define READY_MAX_MS 10000
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

/* What both the daemon and the foreground unit do between having a folder and letting go of it. */
static int live(const struct ft_unit_wish *wish, struct ft_folder *folder, int ready)
{
    enum ft_unit_end end = FT_UNIT_FORSAKEN;
    char why[WHY_MAX];
    struct ft_unit *unit = ft_unit_create(wish, why, sizeof why);

    if (ready >= 0)
        ft_daemon_tell(ready, unit ? NULL : why);
    if (unit)
        end = ft_unit_run(unit);
    else
        ft_log(FT_LOG_ERROR, "%s", why);
    ft_unit_destroy(unit);
    ft_folder_close(folder, end == FT_UNIT_FORSAKEN); /* then the log may be asked for */
    ft_log_close();
    return unit ? 0 : 1;
}

static int daemonize(const struct ft_unit_wish *wish, struct ft_folder *folder)
{
    char why[WHY_MAX];
    int ready = -1;

    switch (ft_daemonize(&ready)) {
    case FT_SIDE_PARENT:
        ft_folder_forget(folder);
        return ft_daemon_wait(ready, READY_MAX_MS, why, sizeof why) == 0 ? 0 : fail(why);
    case FT_SIDE_CHILD:
        ft_log_open("ft-noded", ft_folder_log(folder)); /* without a log it works as well */
        return live(wish, folder, ready);
    case FT_SIDE_FAILED:
        break;
    }
    ft_folder_close(folder, false);
    return fail("no process can be made for the unit: too many processes, or no memory");
}

static int serve(const struct ft_options *options, const struct ft_noded_config *config,
                 const struct ft_orders *orders, const char *node)
{
    struct ft_folder *folder;
    struct ft_unit_wish wish = {
        .session = options->session, .node = node, .version = FT_VERSION,
        .config = config, .orders = orders,
    };
    char why[WHY_MAX];

    switch (ft_folder_open(BASE, options->session, &folder, why, sizeof why)) {
    case FT_FOLDER_TAKEN:
        return 0;
    case FT_FOLDER_REFUSED:
        return fail(why);
    case FT_FOLDER_OURS:
        break;
    }
    wish.socket = ft_folder_socket(folder);
    return options->foreground ? live(&wish, folder, -1) : daemonize(&wish, folder);
}

int main(int argc, char **argv)
{
    struct ft_options options;
    struct ft_noded_config *config;
    struct ft_orders orders;
    char why[WHY_MAX], node[256];
    int result = ft_options_read(&options, argc, argv);

    if (result >= 0)
        return result;
    if (options.measure)
        return ft_measure_main(options.measure, options.topology,
                               options.scratch ? options.scratch : "/tmp");
    config = ft_noded_config_load(options.conf ? options.conf : CONF, options.conf != NULL, why,
                                  sizeof why);
    if (!config)
        return fail(why);
    find_node_name(&options, config, node, sizeof node);
    if (options.show)
        result = ft_show_main(config, node);
    else if (ft_orders_read(STDIN_FILENO, ORDERS_MAX_MS, &orders, why, sizeof why) != 0)
        result = fail(why);
    else
        result = serve(&options, config, &orders, node);
    ft_orders_forget(&orders);
    ft_noded_config_destroy(config);
    return result;
}
