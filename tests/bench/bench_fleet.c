/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_fleet.c - how long the fleet takes for a big machine: 10,000 nodes, 1,000 modules.
 *
 *     bench_fleet [NODES [MODULES]]
 *
 * Prints what each took: all nodes come, all modules are placed, a node with its modules is lost, a
 * plan is read again, a node cannot take any of the modules that wait.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/fleet.h"

static int64_t now_ns = 1;
static uint64_t orders, events, kept;

static int64_t do_now_ns(void *arg)
{
    (void) arg;
    return now_ns;
}

static void do_log(void *arg, const struct ft_event *event)
{
    (void) arg;
    (void) event;
    events++;
}

static void do_keep(void *arg, const char *key, const void *data, size_t n)
{
    (void) arg;
    (void) key;
    (void) data;
    kept += n;
}

static void do_order(void *arg, const char *node, const Ft__ModuleOrder *order)
{
    (void) arg;
    (void) node;
    (void) order;
    orders++;
}

static double wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

static void line(const char *what, double since_ms, unsigned times)
{
    double took_ms = wall_ms() - since_ms;

    printf("%-44s %10.3f ms in all %10.3f us each %8llu orders\n", what, took_ms,
           took_ms * 1000 / times, (unsigned long long) orders);
    orders = 0;
}

static void *need(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "bench_fleet: out of memory\n");
        exit(1);
    }
    return memory;
}

static void make_plan(struct ft_plan *plan, unsigned nodes_n, unsigned modules_n)
{
    static char *argv[] = {(char *) "/bin/true", NULL};

    memset(plan, 0, sizeof *plan);
    plan->nodes = need(calloc(nodes_n, sizeof *plan->nodes));
    plan->nodes_n = nodes_n;
    plan->modules = need(calloc(modules_n, sizeof *plan->modules));
    plan->modules_n = modules_n;
    plan->unfit_ms = 300000;
    for (unsigned i = 0; i < nodes_n; i++) {
        struct ft_plan_node *node = &plan->nodes[i];

        node->name = need(malloc(16));
        snprintf(node->name, 16, "n%05u", i);
        node->address = (char *) "";
        node->location = need(malloc(32));
        snprintf(node->location, 32, "row%u/rack%u", i / 1000, i / 50);
        node->spare = i % 100 == 99;
        node->priority = (int) i % 3;
    }
    for (unsigned i = 0; i < modules_n; i++) {
        struct ft_plan_module *module = &plan->modules[i];

        module->name = need(malloc(16));
        snprintf(module->name, 16, "m%04u", i);
        module->argv = argv;
        module->user = module->dir = module->checksum = module->home = (char *) "";
        module->enabled = module->single = true;
        module->priority = (int) i % 5;
        module->memory_min_bytes = (uint64_t) (i % 4) << 30;
        module->cores_min = i % 8;
    }
}

int main(int argc, char *argv[])
{
    unsigned nodes_n = argc > 1 ? (unsigned) atoi(argv[1]) : 10000;
    unsigned modules_n = argc > 2 ? (unsigned) atoi(argv[2]) : 1000;
    struct ft_fleet_env env = {.now_ns = do_now_ns, .log = do_log, .keep = do_keep,
                               .order = do_order};
    struct ft_fleet_config config = {.term = 1, .lease_ms = 2000, .margin_ms = 300};
    struct ft_fleet *fleet = need(ft_fleet_create(&env, &config));
    Ft__ModuleList empty;
    struct ft_plan plan, again;
    struct ft_fleet_view view;
    double begun_ms;

    ft__module_list__init(&empty);
    make_plan(&plan, nodes_n, modules_n);
    make_plan(&again, nodes_n, modules_n);
    begun_ms = wall_ms();
    if (ft_fleet_plan(fleet, &plan) < 0)
        return 1;
    line("the first plan", begun_ms, modules_n);
    begun_ms = wall_ms();
    for (unsigned i = 0; i < nodes_n; i++) {
        if (ft_fleet_node_up(fleet, plan.nodes[i].name, 1) < 0 ||
            ft_fleet_node_facts(fleet, plan.nodes[i].name, 16, UINT64_C(64) << 30) < 0 ||
            ft_fleet_node_list(fleet, plan.nodes[i].name, &empty) < 0)
            return 1;
    }
    line("all nodes come; all modules placed", begun_ms, nodes_n);
    now_ns += INT64_C(3000000000);
    ft_fleet_tick(fleet);
    begun_ms = wall_ms();
    for (unsigned i = 0; i < modules_n; i++) {
        Ft__ModuleState state;

        ft_fleet_at(fleet, i, &view);
        ft__module_state__init(&state);
        state.name = (char *) view.name;
        state.epoch = view.epoch;
        state.state = FT_MODULE_RUNS;
        if (ft_fleet_module_state(fleet, view.node, &state) < 0)
            return 1;
    }
    line("they say that they run", begun_ms, modules_n);
    begun_ms = wall_ms();
    for (unsigned i = 0; i < nodes_n; i++) {
        struct ft_berth_readings readings = {(int64_t) (60 - i % 7) << 30, 50, i % 9};

        if (ft_fleet_node_readings(fleet, plan.nodes[i].name, &readings) < 0)
            return 1;
    }
    line("readings of all nodes", begun_ms, nodes_n);
    begun_ms = wall_ms();
    if (ft_fleet_plan(fleet, &again) < 0)
        return 1;
    line("the same plan again", begun_ms, modules_n);
    begun_ms = wall_ms();
    for (unsigned i = 0; i < modules_n; i++) {
        ft_fleet_at(fleet, i, &view);
        if (ft_fleet_node_lost(fleet, view.node, now_ns) < 0)
            return 1;
    }
    line("node after node is lost, with its modules", begun_ms, modules_n);
    begun_ms = wall_ms();
    for (unsigned i = 0; i < nodes_n; i++) {
        if (ft_fleet_node_lost(fleet, plan.nodes[i].name, now_ns) < 0)
            return 1;
    }
    line("all nodes are lost", begun_ms, nodes_n);
    for (unsigned i = 0; i < modules_n; i++)
        again.modules[i].cores_min = 1000;
    if (ft_fleet_plan(fleet, &again) < 0)
        return 1;
    begun_ms = wall_ms();
    for (unsigned i = 0; i < nodes_n; i++) {
        if (ft_fleet_node_up(fleet, plan.nodes[i].name, 2) < 0 ||
            ft_fleet_node_list(fleet, plan.nodes[i].name, &empty) < 0)
            return 1;
    }
    line("all come back, all modules wait in vain", begun_ms, nodes_n);
    begun_ms = wall_ms();
    if (ft_fleet_plan(fleet, &again) < 0)
        return 1;
    while (ft_fleet_next_deadline_ns(fleet) <= now_ns)
        ft_fleet_tick(fleet);
    line("a plan that no node satisfies", begun_ms, modules_n);
    ft_fleet_destroy(fleet);
    return 0;
}
