/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet_plans.c - ft.conf of the made-up machine, and how it changes.
 *
 * struct meant says what is meant; a plan is made of it each time. Plans live as long as the
 * history: a leader that was deposed goes on with its own.
 */
#include "fleet_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hostlist.h"

#define POLICY_BURST 3

void plans_meant(struct world *world)
{
    for (int i = 0; i < MODULES; i++) {
        struct meant *meant = &world->meant[i];

        meant->in_plan = meant->enabled = true;
        meant->single = world_chance(world, 80);
        meant->once = world_chance(world, 10);
        meant->program = 1;
        meant->home = world_chance(world, 60) ? (int) world_random(world, NODES) : -1;
        /* Only on those before it: no circles. */
        meant->after = i > 0 && world_chance(world, 35) ? (int) world_random(world, (unsigned) i)
                                                        : -1;
        meant->priority = (int) world_random(world, 3);
        meant->cores = world_chance(world, 20) ? 4 : 1;
        if (world_chance(world, 20))
            meant->allowed = 1u + (unsigned) world_random(world, (1u << NODES) - 1);
    }
}

void plans_change(struct world *world)
{
    struct meant *meant = &world->meant[world_random(world, MODULES)];

    switch (world_random(world, 6)) {
    case 0:
    case 1:
        meant->program++;
        break;
    case 2:
        meant->policy++;
        break;
    case 3:
        meant->enabled = !meant->enabled;
        break;
    case 4:
        meant->in_plan = !meant->in_plan;
        break;
    default:
        meant->allowed = world_chance(world, 50)
                             ? 0 : 1u + (unsigned) world_random(world, (1u << NODES) - 1);
    }
}

static void make_nodes(struct world *world, struct sim_plan *plan)
{
    for (int i = 0; i < NODES; i++) {
        plan->nodes[i].name = world->nodes[i].name;
        plan->nodes[i].address = plan->nodes[i].location = (char *) "";
        plan->nodes[i].spare = i == NODES - 1;
        plan->nodes[i].priority = i == 0;
    }
    plan->plan.nodes = plan->nodes;
    plan->plan.nodes_n = NODES;
}

static void make_module(struct world *world, struct sim_plan *plan, int index)
{
    const struct meant *meant = &world->meant[index];
    size_t at = plan->plan.modules_n++;
    struct ft_plan_module *module = &plan->modules[at];

    plan->index[at] = index;
    snprintf(plan->names[at], sizeof plan->names[at], "m%d", index);
    snprintf(plan->programs[at], sizeof plan->programs[at], "%u", meant->program);
    plan->argv[at][0] = (char *) "/bin/module";
    plan->argv[at][1] = plan->programs[at];
    module->name = plan->names[at];
    module->argv = plan->argv[at];
    module->home = meant->home >= 0 ? world->nodes[meant->home].name : (char *) "";
    module->user = module->dir = module->checksum = (char *) "";
    if (meant->after >= 0) {
        static char *const names[MODULES] = {(char *) "m0", (char *) "m1", (char *) "m2",
                                             (char *) "m3", (char *) "m4", (char *) "m5"};

        plan->after[at][0] = names[meant->after];
    }
    module->after = plan->after[at];
    if (meant->allowed != 0) {
        plan->hosts[at] = ft_hostlist_create();
        for (int i = 0; i < NODES; i++) {
            if (meant->allowed & 1u << i)
                ft_hostlist_add(plan->hosts[at], world->nodes[i].name);
        }
    }
    module->nodes = plan->hosts[at];
    module->priority = meant->priority;
    module->enabled = meant->enabled;
    module->single = meant->single;
    module->burst = POLICY_BURST + meant->policy;
    module->window_ms = 60000;
    module->start_timeout_ms = module->stop_timeout_ms = 1000;
    module->cores_min = meant->cores;
}

struct sim_plan *plans_make(struct world *world)
{
    struct sim_plan *plan = &world->plans[world->plans_n++];

    memset(plan, 0, sizeof *plan);
    make_nodes(world, plan);
    plan->plan.modules = plan->modules;
    plan->plan.unfit_ms = UNFIT_MS;
    for (int i = 0; i < MODULES; i++) {
        if (world->meant[i].in_plan)
            make_module(world, plan, i);
    }
    return plan;
}

void plans_free(struct world *world)
{
    for (int i = 0; i < world->plans_n; i++) {
        for (int at = 0; at < MODULES; at++)
            ft_hostlist_destroy(world->plans[i].hosts[at]);
    }
    world->plans_n = 0;
}
