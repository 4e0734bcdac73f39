/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * modules.c - owns the modules of this node, and stands between them and the central unit.
 *
 *     unit.c --ModuleOrder--> the order's (term, epoch) is looked at --> module.c
 *     unit.c --Welcome------> ModuleList: all that is here
 *     heart.c --lease-------> all leased modules, and, through their keepers, beyond this process
 *     module.c --changed----> ModuleState
 *
 * An order that is older than what is known, by its term or by the module's epoch, is refused: a
 * central unit that leads no more must not start anything. What could not be sent is no loss: the
 * list after the next Welcome tells it.
 *
 * A unit that ends leaves the modules alone (KillMode=process in ft-noded.service). The next one
 * finds their folders, and takes them over before it serves anyone.
 */
#include "config.h"

#include "noded/modules.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "ft.h"
#include "noded/keeper.h"
#include "noded/module.h"
#include "noded/spec.h"

#define KEEPER_PROGRAM FT_PKGLIBEXECDIR "/ft-keeper"
#define MS INT64_C(1000000)
#define FOLDER_MAX_BYTES 200
#define PATH_BYTES 320

struct ft_modules {
    uv_loop_t *loop;
    struct ft_modules_wish wish;
    struct ft_module_home home;
    char group[512];
    struct ft_module *all[FT_MODULES_MAX];
    size_t n;
    uint64_t term;
    uv_timer_t lease; /* when it is over, if nobody says anything */
    bool held;
    bool stopped;
};

int64_t ft_modules_clock_ns(void)
{
    return ft_module_boot_ns();
}

/* ---------------------------------------------------------------- to the central unit */

static void send_state(struct ft_modules *modules, Ft__ModuleState *state)
{
    Ft__Message message = FT__MESSAGE__INIT;

    message.body_case = FT__MESSAGE__BODY_MODULE_STATE;
    message.module_state = state;
    if (modules->home.central && modules->wish.send(modules->wish.arg, &message) != 0)
        ft_log(FT_LOG_WARNING, "the central unit cannot be told of module %s now: %s; the next "
               "list will", state->name, strerror(errno));
}

static void on_report(void *arg, struct ft_module *module)
{
    struct ft_modules *modules = arg;
    Ft__ModuleState state;

    if (modules->stopped || !modules->home.central)
        return;
    ft_module_fill(module, &state);
    send_state(modules, &state);
}

static void send_list(struct ft_modules *modules)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__ModuleList list = FT__MODULE_LIST__INIT;
    Ft__ModuleState *states = calloc(modules->n + 1, sizeof *states);
    Ft__ModuleState **pointers = calloc(modules->n + 1, sizeof *pointers);

    for (size_t i = 0; states && pointers && i < modules->n; i++) {
        ft_module_fill(modules->all[i], &states[i]);
        pointers[i] = &states[i];
    }
    list.term = modules->term;
    list.modules = pointers;
    list.n_modules = modules->n;
    message.body_case = FT__MESSAGE__BODY_MODULE_LIST;
    message.module_list = &list;
    if (!states || !pointers || modules->wish.send(modules->wish.arg, &message) != 0)
        ft_log(FT_LOG_ERROR, "the central unit cannot be told what runs here: %s",
               states && pointers ? strerror(errno) : "out of memory");
    free(states);
    free(pointers);
}

void ft_modules_welcome(struct ft_modules *modules, uint64_t term)
{
    if (term > modules->term)
        modules->term = term;
    modules->home.central = true;
    send_list(modules); /* before anything else that is said on this connection */
    for (size_t i = 0; i < modules->n; i++)
        ft_module_central(modules->all[i], true);
}

void ft_modules_central_down(struct ft_modules *modules)
{
    modules->home.central = false;
    for (size_t i = 0; i < modules->n; i++)
        ft_module_central(modules->all[i], false);
}

/* ---------------------------------------------------------------- orders */

static struct ft_module *find(struct ft_modules *modules, const char *name)
{
    for (size_t i = 0; i < modules->n; i++)
        if (strcmp(ft_module_name(modules->all[i]), name) == 0)
            return modules->all[i];
    return NULL;
}

/* What is not run, and why; as if it had been tried. */
static void refuse(struct ft_modules *modules, const Ft__ModuleOrder *order, const char *why)
{
    Ft__ModuleState state = FT__MODULE_STATE__INIT;

    ft_log(FT_LOG_WARNING, "module %.64s: %s", order->name, why);
    state.name = order->name;
    state.epoch = order->epoch;
    state.state = FT_MODULE_FAILED;
    state.end = FT_END_NO_START;
    state.given_up = true;
    state.text = (char *)(uintptr_t)why;
    send_state(modules, &state);
}

/* Nothing of that name is here: that is what the central unit wants to hear. */
static void say_stopped(struct ft_modules *modules, const Ft__ModuleOrder *order)
{
    Ft__ModuleState state = FT__MODULE_STATE__INIT;

    state.name = order->name;
    state.epoch = order->epoch;
    state.state = FT_MODULE_STOPPED;
    state.text = (char *)(uintptr_t)"it is not here";
    send_state(modules, &state);
}

/* Makes room by forgetting what was stopped first. */
static bool make_room(struct ft_modules *modules)
{
    if (modules->n < FT_MODULES_MAX)
        return true;
    for (size_t i = 0; i < modules->n; i++)
        if (ft_module_state(modules->all[i]) == FT_MODULE_STOPPED) {
            ft_module_remove(modules->all[i]);
            modules->n--;
            memmove(&modules->all[i], &modules->all[i + 1],
                    (modules->n - i) * sizeof modules->all[0]);
            return true;
        }
    return false;
}

static struct ft_module *add(struct ft_modules *modules, const Ft__ModuleOrder *order, char *why,
                             size_t why_size)
{
    struct ft_module *module = NULL;

    if (!make_room(modules))
        snprintf(why, why_size, "%d modules are on this node already", FT_MODULES_MAX);
    else if (!(module = ft_module_create(&modules->home, order->name)))
        snprintf(why, why_size, "its folder in %s cannot be made: %s", modules->home.folder,
                 strerror(errno));
    else
        modules->all[modules->n++] = module;
    return module;
}

static bool is_old(const struct ft_modules *modules, const struct ft_module *module,
                   const Ft__ModuleOrder *order)
{
    uint64_t epoch = module ? ft_module_epoch(module) : 0;

    if (order->term >= modules->term && order->epoch >= epoch)
        return false;
    ft_log(FT_LOG_WARNING, "module %.64s: an order of term %" PRIu64 ", epoch %" PRIu64
           " is older than what is known here (%" PRIu64 ", %" PRIu64 "): refused", order->name,
           order->term, order->epoch, modules->term, epoch);
    return true;
}

/* The module that an order is for; NULL if it was answered already. */
static struct ft_module *addressee(struct ft_modules *modules, const Ft__ModuleOrder *order)
{
    bool starts = order->action == FT_ORDER_START || order->action == FT_ORDER_RESTART;
    struct ft_module *module;
    char why[FT_TEXT_MAX];

    if (!ft_spec_name_is_good(order->name)) {
        ft_log(FT_LOG_ERROR, "an order for a module without a usable name is ignored");
        return NULL;
    }
    module = find(modules, order->name);
    if (is_old(modules, module, order))
        return NULL;
    if (order->term > modules->term)
        modules->term = order->term;
    if ((starts || (order->action == FT_ORDER_UPDATE && module)) &&
        (starts || order->spec) && !ft_spec_check(order->spec, why, sizeof why)) {
        refuse(modules, order, why);
        return NULL;
    }
    if (!module && !starts) {
        say_stopped(modules, order);
        return NULL;
    }
    if (!module && !(module = add(modules, order, why, sizeof why)))
        refuse(modules, order, why);
    return module;
}

void ft_modules_order(struct ft_modules *modules, const Ft__ModuleOrder *order)
{
    struct ft_module *module;

    if (modules->stopped)
        return;
    module = addressee(modules, order);
    if (module && !ft_module_obey(module, order))
        refuse(modules, order, "out of memory");
    else if (module)
        on_report(modules, module); /* that it was taken, if nothing else */
}

/* ---------------------------------------------------------------- the lease */

static void tell_lease(struct ft_modules *modules)
{
    for (size_t i = 0; i < modules->n; i++)
        ft_module_lease(modules->all[i], modules->held);
}

static void on_lease_time(uv_timer_t *timer);

static void arm_lease(struct ft_modules *modules)
{
    int64_t left_ns = modules->home.lease_until_ns - ft_module_boot_ns();

    uv_update_time(modules->loop);
    uv_timer_start(&modules->lease, on_lease_time,
                   left_ns > 0 ? (uint64_t)((left_ns + MS - 1) / MS) : 0, 0);
}

static void on_lease_time(uv_timer_t *timer)
{
    struct ft_modules *modules = timer->data;

    if (modules->home.lease_until_ns > ft_module_boot_ns())
        arm_lease(modules);
    else
        ft_modules_lease_lost(modules);
}

void ft_modules_lease(struct ft_modules *modules, int64_t until_boot_ns)
{
    if (modules->stopped || until_boot_ns <= modules->home.lease_until_ns)
        return;
    modules->home.lease_until_ns = until_boot_ns;
    modules->held = until_boot_ns > ft_module_boot_ns();
    tell_lease(modules);
    if (!uv_is_active((uv_handle_t *)&modules->lease))
        arm_lease(modules);
}

void ft_modules_lease_lost(struct ft_modules *modules)
{
    int64_t now_ns = ft_module_boot_ns();

    if (modules->stopped)
        return;
    if (modules->held && modules->n > 0)
        ft_log(FT_LOG_WARNING, "this node's lease is over: its leased modules end");
    modules->held = false;
    if (modules->home.lease_until_ns > now_ns)
        modules->home.lease_until_ns = now_ns;
    uv_timer_stop(&modules->lease);
    tell_lease(modules);
}

/* ---------------------------------------------------------------- life */

unsigned ft_modules_alive(const struct ft_modules *modules)
{
    unsigned n = 0;

    for (size_t i = 0; i < modules->n; i++) {
        enum ft_module_state state = ft_module_state(modules->all[i]);
        n += state == FT_MODULE_STARTING || state == FT_MODULE_RUNS || state == FT_MODULE_STOPPING;
    }
    return n;
}

/* mkdir -p; others may pass through, and see nothing. */
static int make_folder(const char *path)
{
    char part[PATH_BYTES];

    for (size_t n = 1; n < sizeof part && path[n - 1]; n++)
        if (path[n] == '/' || path[n] == '\0') {
            memcpy(part, path, n);
            part[n] = '\0';
            if (mkdir(part, 0755) != 0 && errno != EEXIST)
                return -1;
        }
    return 0;
}

static void load_all(struct ft_modules *modules)
{
    DIR *dir = opendir(modules->home.folder);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) && modules->n < FT_MODULES_MAX) {
        struct ft_module *module;
        if (!ft_spec_name_is_good(entry->d_name))
            continue;
        module = ft_module_load(&modules->home, entry->d_name);
        if (!module)
            continue;
        modules->all[modules->n++] = module;
        if (ft_module_term(module) > modules->term)
            modules->term = ft_module_term(module);
    }
    if (dir)
        closedir(dir);
    modules->held = modules->home.lease_until_ns > ft_module_boot_ns();
    if (modules->held)
        arm_lease(modules);
}

struct ft_modules *ft_modules_create(uv_loop_t *loop, const struct ft_modules_wish *wish,
                                     char *why, size_t why_size)
{
    struct ft_modules *modules;
    const char *folder = wish->folder ? wish->folder : FT_MODULES_FOLDER;
    const char *logs = wish->logs ? wish->logs : FT_MODULES_LOGS;

    if (strlen(folder) > FOLDER_MAX_BYTES || strlen(logs) > FOLDER_MAX_BYTES) {
        snprintf(why, why_size, "the folders for modules have too long names");
        return NULL;
    }
    if (make_folder(folder) != 0) {
        snprintf(why, why_size, "the folder for modules, %s, cannot be made: %s", folder,
                 strerror(errno));
        return NULL;
    }
    if (make_folder(logs) != 0)
        ft_log(FT_LOG_ERROR, "modules will have no logs: %s cannot be made: %s", logs,
               strerror(errno));
    modules = calloc(1, sizeof *modules);
    if (!modules) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    modules->loop = loop;
    modules->wish = *wish;
    modules->home = (struct ft_module_home){
        .loop = loop, .node = wish->node, .folder = folder, .logs = logs,
        .keeper = wish->keeper ? wish->keeper : KEEPER_PROGRAM, .group = modules->group,
        .report = on_report, .arg = modules,
    };
    uv_timer_init(loop, &modules->lease);
    modules->lease.data = modules;
    load_all(modules);
    return modules;
}

void ft_modules_stop(struct ft_modules *modules)
{
    if (!modules || modules->stopped)
        return;
    modules->stopped = true;
    for (size_t i = 0; i < modules->n; i++)
        ft_module_close(modules->all[i]);
    modules->n = 0;
    uv_close((uv_handle_t *)&modules->lease, NULL);
}

void ft_modules_destroy(struct ft_modules *modules)
{
    free(modules);
}

/* ---------------------------------------------------------------- --stop-modules */

struct ending {
    char name[FT_MODULE_NAME_MAX];
    int fd;
};

/* Asks all keepers; their connections end when they do. */
static size_t ask_all(const char *folder, struct ending *endings, size_t max)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char path[PATH_BYTES];
    size_t n = 0;

    while (dir && n < max && (entry = readdir(dir))) {
        if (!ft_spec_name_is_good(entry->d_name))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        endings[n].fd = ft_keeper_connect(path);
        if (endings[n].fd < 0)
            continue;
        ft_text_copy(endings[n].name, sizeof endings[n].name, entry->d_name);
        if (send(endings[n].fd, "stop", 4, MSG_NOSIGNAL) == 4)
            n++;
        else
            close(endings[n].fd);
    }
    if (dir)
        closedir(dir);
    return n;
}

/* True once the keeper is gone. */
static bool wait_for(int fd, int64_t end_ms)
{
    char packet[FT_KEEP_PACKET_MAX];

    for (;;) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        int64_t left_ms = end_ms - ft_clock_ms();
        ssize_t n;

        if (poll(&one, 1, left_ms > 0 ? (int)left_ms : 0) == 0)
            return false;
        n = recv(fd, packet, sizeof packet, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return true;
    }
}

int ft_modules_stop_all(const char *folder, unsigned timeout_ms, char *why, size_t why_size)
{
    struct ending *endings = calloc(FT_MODULES_MAX, sizeof *endings);
    int64_t end_ms = ft_clock_ms() + timeout_ms;
    int result = 0;
    size_t n;

    if (!endings) {
        snprintf(why, why_size, "out of memory");
        return -1;
    }
    snprintf(why, why_size, "modules that have not ended within %u ms:", timeout_ms);
    n = ask_all(folder ? folder : FT_MODULES_FOLDER, endings, FT_MODULES_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!wait_for(endings[i].fd, end_ms)) {
            ft_text_appendf(why, why_size, " %s", endings[i].name);
            result = -1;
        }
        close(endings[i].fd);
    }
    free(endings);
    return result;
}
