/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * admin.c - takes commands of people and tools: reads them, looks whether the asker may, has
 * telling.c tell or the fleet, the book or the reign act, and makes the answer.
 *
 *     {"do": "drain", "node": "n7", "reason": "new disks"}  ->  {"node": "n7", ...}
 *                                                               {"error": ..., "hint": ...}
 *
 * Called by orders.c for each request of verb ADMIN. Nothing here waits: an order is answered once
 * it is kept, and done after that; who gave it looks on by asking for the modules. An order that
 * comes again is answered again, and not done twice (carried.c).
 */
#include "centrald/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yyjson.h>

#include "centrald/carried.h"
#include "centrald/json.h"
#include "centrald/telling.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "core/inventory.h"

#define LIMIT_DEFAULT 500
#define DENIED_EACH_NS INT64_C(1000000000) /* a refused asker in a loop must not fill the log */

struct ft_admin {
    struct ft_admin_config config;
    struct ft_carried *carried;
    int64_t denied_ns; /* when the last refusal was written down; 0: never */
};

/* One command under way. */
struct order {
    struct ft_admin *admin;
    const struct ft_asker *asker;
    yyjson_val *command;
    struct ft_json json;
    struct ft_admin_answer *answer;
    const char *text; /* of the command */
    char by[FT_NAME_MAX + 32];
    char id[FT_CARRIED_ID_BYTES]; /* what names it; "": nothing */
    const char *repeated;         /* the answer that it got before; NULL: it is new */
};

/* ---------------------------------------------------------------- errors */

static ftRetVal_t refuse(struct order *order, ftRetVal_t status, const char *hint,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));

static ftRetVal_t refuse(struct order *order, ftRetVal_t status, const char *hint,
                         const char *format, ...)
{
    struct ft_admin_answer *answer = order->answer;
    va_list arguments;

    va_start(arguments, format);
    ft_text_vappendf(answer->reason, sizeof answer->reason, format, arguments);
    va_end(arguments);
    ft_text_copy(answer->hint, sizeof answer->hint, hint);
    return status;
}

static ftRetVal_t has_no_modules(struct order *order)
{
    return refuse(order, FT_ERR_NONE, "ask the system's unit: ft --host unix:/run/ft/noded.sock",
                  "the central unit of job session %s has no modules",
                  order->admin->config.session != NULL ? order->admin->config.session : "?");
}

/* ---------------------------------------------------------------- what a command says */

/* A text, NULL if it is not there (or is empty). */
static const char *text_of(const struct order *order, const char *key)
{
    const char *text = yyjson_get_str(yyjson_obj_get(order->command, key));

    return text != NULL && text[0] != '\0' ? text : NULL;
}

static uint64_t number_of(const struct order *order, const char *key, uint64_t otherwise)
{
    yyjson_val *value = yyjson_obj_get(order->command, key);

    return yyjson_is_uint(value) ? yyjson_get_uint(value) : otherwise;
}

static const char *name_of(struct order *order, const char *key)
{
    const char *name = text_of(order, key);

    if (name == NULL)
        refuse(order, FT_ERR_ACTION, NULL, "the command does not say which %s", key);
    return name;
}

/* Who may order, and see what is other users'. */
static bool may_change(const struct ft_admin *admin, uint32_t uid)
{
    const struct ft_plan *plan = admin->config.plan(admin->config.arg);

    if (uid == 0 || uid == geteuid())
        return true;
    for (size_t i = 0; i < plan->admins_n; i++) {
        if (plan->admins[i] == uid)
            return true;
    }
    return false;
}

static struct ft_telling telling_of(const struct order *order)
{
    uint64_t limit = number_of(order, "limit", LIMIT_DEFAULT);
    uint64_t tail = number_of(order, "tail", 0);

    return (struct ft_telling){
        .node = text_of(order, "node"),
        .module = text_of(order, "module"),
        .after = text_of(order, "after"),
        .after_seq = number_of(order, "after", 0),
        .limit = limit < 1 ? 1 : limit > FT_TELLING_LIMIT_MAX ? FT_TELLING_LIMIT_MAX
                                                              : (unsigned) limit,
        .tail = tail > UINT32_MAX ? UINT32_MAX : (unsigned) tail,
        .uid = order->asker->uid,
        .sees_all = may_change(order->admin, order->asker->uid),
    };
}

/* ---------------------------------------------------------------- telling */

static ftRetVal_t do_status(struct order *order)
{
    ft_tell_status(&order->admin->config, &order->json);
    return FT_OK;
}

static ftRetVal_t do_central(struct order *order)
{
    ft_tell_central(&order->admin->config, &order->json);
    return FT_OK;
}

static ftRetVal_t do_nodes(struct order *order)
{
    struct ft_telling telling = telling_of(order);

    if (ft_tell_nodes(&order->admin->config, &telling, &order->json) == FT_OK)
        return FT_OK;
    return refuse(order, FT_ERR_UNKNOWN, "ft nodes lists them", "there is no node %.200s",
                  telling.node != NULL ? telling.node : telling.after);
}

static ftRetVal_t do_modules(struct order *order)
{
    struct ft_telling telling = telling_of(order);

    if (ft_tell_modules(&order->admin->config, &telling, &order->json) == FT_OK)
        return FT_OK;
    return refuse(order, FT_ERR_UNKNOWN, "ft modules lists them", "there is no module %.200s",
                  telling.module != NULL ? telling.module
                                         : telling.after != NULL ? telling.after : "");
}

static ftRetVal_t do_events(struct order *order)
{
    struct ft_telling telling = telling_of(order);

    if (order->admin->config.events == NULL)
        return refuse(order, FT_ERR_NONE, NULL, "there is no event log");
    ft_tell_events(&order->admin->config, &telling, &order->json);
    return FT_OK;
}

/* ---------------------------------------------------------------- acting */

static const char *known_node(struct order *order)
{
    const char *name = name_of(order, "node");
    struct ft_inventory *inventory = ft_central_inventory(order->admin->config.central);
    struct ft_node *node = name != NULL ? ft_inventory_find(inventory, name) : NULL;

    if (name == NULL)
        return NULL;
    if (node != NULL)
        return node->name;
    if (order->admin->config.fleet != NULL &&
        ft_fleet_node(order->admin->config.fleet, name) != NULL)
        return name;
    refuse(order, FT_ERR_UNKNOWN, "ft nodes lists them", "there is no node %.200s", name);
    return NULL;
}

/* What was missing in the command, or is not known. */
static ftRetVal_t missing(const struct order *order, const char *key)
{
    return text_of(order, key) == NULL ? FT_ERR_ACTION : FT_ERR_UNKNOWN;
}

static void hint_by_status(struct order *order, ftRetVal_t status, const char *reason)
{
    refuse(order, status,
           status == FT_ERR_UNKNOWN ? "ft nodes and ft modules list what there is"
           : status == FT_ERR_MEMORY ? "free memory on the central unit's node" : NULL,
           "%s", reason[0] != '\0' ? reason : "it cannot be done now");
}

static ftRetVal_t do_drain(struct order *order)
{
    const struct ft_admin_config *config = &order->admin->config;
    const char *node = known_node(order);
    const char *why = text_of(order, "reason");
    char reason[FT_TEXT_MAX] = "", text[FT_TEXT_MAX];
    ftRetVal_t status = FT_OK;

    if (node == NULL)
        return missing(order, "node");
    if (config->fleet == NULL && config->drained == NULL)
        return has_no_modules(order);
    if (config->fleet != NULL)
        status = ft_fleet_drain(config->fleet, node, order->by, why != NULL ? why : "", reason,
                                sizeof reason);
    if (status != FT_OK) {
        hint_by_status(order, status, reason);
        return status;
    }
    snprintf(text, sizeof text, "drained by %s%s%.200s", order->by, why != NULL ? ": " : "",
             why != NULL ? why : "");
    if (config->drained != NULL)
        config->drained(config->arg, node, text);
    ft_json_text(&order->json, order->json.root, "node", node);
    ft_json_text(&order->json, order->json.root, "drained", text);
    return FT_OK;
}

static ftRetVal_t do_undrain(struct order *order)
{
    const struct ft_admin_config *config = &order->admin->config;
    const char *node = known_node(order);
    char reason[FT_TEXT_MAX] = "";
    ftRetVal_t status = FT_OK;

    if (node == NULL)
        return missing(order, "node");
    if (config->fleet == NULL && config->drained == NULL)
        return has_no_modules(order);
    if (config->fleet != NULL)
        status = ft_fleet_undrain(config->fleet, node, order->by, reason, sizeof reason);
    if (status != FT_OK) {
        hint_by_status(order, status, reason);
        return status;
    }
    if (config->drained != NULL)
        config->drained(config->arg, node, NULL);
    ft_json_text(&order->json, order->json.root, "node", node);
    ft_json_null(&order->json, order->json.root, "drained");
    return FT_OK;
}

/* The answer to an order about a module: where it is now, as who gave the order will compare. */
static ftRetVal_t tell_module(struct order *order, const char *module, ftRetVal_t status,
                              const char *reason, uint64_t epoch)
{
    if (status != FT_OK) {
        hint_by_status(order, status, reason);
        return status;
    }
    ft_json_text(&order->json, order->json.root, "module", module);
    ft_json_number(&order->json, order->json.root, "epoch_before", (int64_t) epoch);
    return FT_OK;
}

static ftRetVal_t do_move(struct order *order)
{
    struct ft_fleet *fleet = order->admin->config.fleet;
    const char *module = name_of(order, "module");
    const char *to = text_of(order, "node");
    char reason[FT_TEXT_MAX] = "";
    struct ft_fleet_view view;
    ftRetVal_t status;
    uint64_t epoch;

    if (module == NULL)
        return FT_ERR_ACTION;
    if (fleet == NULL)
        return has_no_modules(order);
    epoch = ft_fleet_find(fleet, module, &view) ? view.epoch : 0;
    status = ft_fleet_move(fleet, module, to != NULL ? to : "", order->by, reason, sizeof reason);
    return tell_module(order, module, status, reason, epoch);
}

static ftRetVal_t do_restart(struct order *order)
{
    struct ft_fleet *fleet = order->admin->config.fleet;
    const char *module = name_of(order, "module");
    char reason[FT_TEXT_MAX] = "";
    struct ft_fleet_view view;
    ftRetVal_t status;
    uint64_t epoch;

    if (module == NULL)
        return FT_ERR_ACTION;
    if (fleet == NULL)
        return has_no_modules(order);
    epoch = ft_fleet_find(fleet, module, &view) ? view.epoch : 0;
    status = ft_fleet_restart(fleet, module, order->by, reason, sizeof reason);
    return tell_module(order, module, status, reason, epoch);
}

static ftRetVal_t do_reload(struct order *order)
{
    const struct ft_admin_config *config = &order->admin->config;
    char *text = NULL;
    ftRetVal_t status;

    if (config->reload == NULL)
        return refuse(order, FT_ERR_NONE, "the job's next run reads it",
                      "a job's own central unit reads ft.conf once, at its start");
    status = config->reload(config->arg, order->by, &text);
    if (status == FT_OK) {
        ft_json_truth(&order->json, order->json.root, "changed", text != NULL && text[0] != '\0');
        ft_json_text(&order->json, order->json.root, "changes", text != NULL ? text : "");
    } else {
        /* All that is wrong, which may be more than a reason holds. */
        ft_json_text(&order->json, order->json.root, "error",
                     text != NULL ? text : "out of memory");
        refuse(order, status, "nothing has changed; ft config check FILE tells what is wrong", "%s",
               text != NULL ? text : "out of memory");
        if (status == FT_ERR_ARG || status == FT_ERR_ACTION)
            status = FT_ERR_NONE; /* it is the file that is wrong, not the command */
    }
    free(text);
    return status;
}

static ftRetVal_t do_hand_over(struct order *order)
{
    const struct ft_admin_config *config = &order->admin->config;
    const char *voter = text_of(order, "voter");
    char why[FT_TEXT_MAX] = "";

    if (config->hand_over == NULL)
        return refuse(order, FT_ERR_NONE, NULL, "there is no other voter: this central unit has "
                      "no backup");
    if (config->hand_over(config->arg, voter != NULL ? voter : "", why, sizeof why) < 0)
        return refuse(order, FT_ERR_NONE, "ft central tells how the voters are", "%s", why);
    ft_json_text(&order->json, order->json.root, "voter", voter);
    return FT_OK;
}

/* ---------------------------------------------------------------- the table */

#define KEYS_MAX 6

static const struct command {
    const char *name;
    ftRetVal_t (*run)(struct order *order);
    bool changes; /* not for everybody */
    const char *keys[KEYS_MAX];
} commands[] = {
    {"status", do_status, false, {NULL}},
    {"central", do_central, false, {NULL}},
    {"nodes", do_nodes, false, {"node", "after", "limit", NULL}},
    {"modules", do_modules, false, {"module", "node", "after", "limit", NULL}},
    {"events", do_events, false, {"after", "limit", "tail", NULL}},
    {"drain", do_drain, true, {"node", "reason", NULL}},
    {"undrain", do_undrain, true, {"node", NULL}},
    {"move", do_move, true, {"module", "node", NULL}},
    {"restart", do_restart, true, {"module", NULL}},
    {"reload", do_reload, true, {NULL}},
    {"hand-over", do_hand_over, true, {"voter", NULL}},
};
#define COMMANDS_N (sizeof commands / sizeof commands[0])

static bool has_key(const struct command *command, const char *key)
{
    for (size_t i = 0; i < KEYS_MAX && command->keys[i] != NULL; i++) {
        if (strcmp(command->keys[i], key) == 0)
            return true;
    }
    return strcmp(key, "do") == 0 || (command->changes && strcmp(key, "once") == 0);
}

/* The command that is asked for, well made; NULL, and the answer has the reason. */
static const struct command *find(struct order *order)
{
    const char *name = yyjson_get_str(yyjson_obj_get(order->command, "do"));
    const struct command *command = NULL;
    size_t i, n;
    yyjson_val *key, *value;

    for (size_t j = 0; name != NULL && j < COMMANDS_N; j++) {
        if (strcmp(name, commands[j].name) == 0)
            command = &commands[j];
    }
    if (command == NULL) {
        refuse(order, FT_ERR_ACTION, "ft_admin(3) lists them", "there is no command \"%.100s\"",
               name != NULL ? name : "");
        return NULL;
    }
    yyjson_obj_foreach(order->command, i, n, key, value) {
        if (has_key(command, yyjson_get_str(key)) &&
            (yyjson_is_str(value) || yyjson_is_uint(value)))
            continue;
        refuse(order, FT_ERR_ACTION, "ft_admin(3) lists what a command can say",
               "%s: \"%.100s\" is not of this command, or is neither a text nor a number", name,
               yyjson_get_str(key));
        return NULL;
    }
    return command;
}

/* ---------------------------------------------------------------- who may */

static ftRetVal_t deny(struct order *order, const struct command *command)
{
    struct ft_admin *admin = order->admin;
    int64_t now_ns = (int64_t) ft_clock_ns();
    char text[FT_TEXT_MAX];
    struct ft_event event = {.name = "order_denied", .node = order->asker->node, .rank = -1,
                             .fields = {{.key = "order", .text = command->name},
                                        {.key = "uid", .number = order->asker->uid}},
                             .text = text};

    snprintf(text, sizeof text, "%s wanted to %s, which only root and the admins of ft.conf may",
             order->by, command->name);
    if (admin->config.log != NULL &&
        (admin->denied_ns == 0 || now_ns - admin->denied_ns >= DENIED_EACH_NS)) {
        admin->denied_ns = now_ns;
        admin->config.log(admin->config.arg, &event);
    }
    return refuse(order, FT_ERR_DENIED,
                  "ask root, or have root add this user to `admins` in ft.conf",
                  "%s may not %s: only root and the admins of ft.conf may", order->by,
                  command->name);
}

/* ---------------------------------------------------------------- once */

/* An order, which is carried out unless it was before. */
static ftRetVal_t carry_out(struct order *order, const struct command *command)
{
    const char *once = text_of(order, "once");
    bool is_named = yyjson_obj_get(order->command, "once") != NULL;
    bool same = true;

    if (!may_change(order->admin, order->asker->uid))
        return deny(order, command);
    if (!ft_carried_id(order->asker, is_named && once == NULL ? "" : once, order->id)) {
        order->id[0] = '\0';
        if (is_named)
            return refuse(order, FT_ERR_ACTION, "1 to 64 letters, digits, '.', '_', '-'",
                          "\"once\" does not name an order");
        return command->run(order);
    }
    order->repeated = ft_carried_find(order->admin->carried, order->id, order->text, &same);
    if (order->repeated == NULL)
        return command->run(order);
    if (same)
        return FT_OK;
    order->repeated = NULL;
    return refuse(order, FT_ERR_ACTION, "each order needs a name of its own",
                  "another order was given the name \"%.*s\"", FT_CARRIED_ONCE_MAX,
                  once != NULL ? once : "?");
}

static void remember(struct order *order)
{
    const char *json = order->answer->json != NULL ? order->answer->json : "{}";

    if (order->id[0] != '\0' && order->repeated == NULL &&
        ft_carried_add(order->admin->carried, order->id, order->text, json) < 0)
        ft_log_error("out of memory: an order of %s would be carried out twice if it came again",
                     order->by);
}

/* ---------------------------------------------------------------- from the reign */

struct ft_admin *ft_admin_create(const struct ft_admin_config *config)
{
    struct ft_admin *admin = calloc(1, sizeof *admin);

    if (admin == NULL)
        return NULL;
    admin->config = *config;
    admin->carried = ft_carried_create(config->keep, config->arg);
    if (admin->carried != NULL)
        return admin;
    free(admin);
    return NULL;
}

void ft_admin_destroy(struct ft_admin *admin)
{
    if (admin == NULL)
        return;
    ft_carried_destroy(admin->carried);
    free(admin);
}

int ft_admin_restore(struct ft_admin *admin, const void *data, size_t n)
{
    return ft_carried_restore(admin->carried, data, n);
}

static void name_asker(struct order *order)
{
    const struct ft_asker *asker = order->asker;
    const char *node = asker->node != NULL && asker->node[0] != '\0' ? asker->node : "?";

    if (asker->uid == 0)
        snprintf(order->by, sizeof order->by, "root on %.255s", node);
    else
        snprintf(order->by, sizeof order->by, "user %u on %.255s", (unsigned) asker->uid, node);
}

static ftRetVal_t run(struct order *order, const char *text)
{
    yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
    const struct command *command;
    ftRetVal_t status = FT_ERR_ACTION;

    order->command = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(order->command))
        refuse(order, FT_ERR_ACTION, "ft_admin(3) tells how one looks",
               "the command is no JSON object");
    else if ((command = find(order)) != NULL)
        status = command->changes ? carry_out(order, command) : command->run(order);
    order->command = NULL;
    yyjson_doc_free(doc);
    return status;
}

/* The object of an error, whatever the answer had before. */
static char *error_object(const struct ft_admin_answer *answer)
{
    struct ft_json json;

    ft_json_begin(&json);
    ft_json_text(&json, json.root, "error", answer->reason);
    ft_json_text(&json, json.root, "hint", answer->hint);
    return ft_json_end(&json);
}

void ft_admin_take(struct ft_admin *admin, const struct ft_asker *asker, const char *command,
                   struct ft_admin_answer *answer)
{
    struct order order = {.admin = admin, .asker = asker, .answer = answer, .text = command};
    bool has_error;

    memset(answer, 0, sizeof *answer);
    name_asker(&order);
    ft_json_begin(&order.json);
    answer->status = run(&order, command);
    has_error = !order.json.failed && yyjson_mut_obj_get(order.json.root, "error") != NULL;
    if (answer->status != FT_OK && has_error)
        ft_json_text(&order.json, order.json.root, "hint", answer->hint);
    answer->json = ft_json_end(&order.json);
    if (order.repeated != NULL || (answer->status != FT_OK && !has_error)) {
        free(answer->json);
        answer->json = order.repeated != NULL ? strdup(order.repeated) : error_object(answer);
    }
    if (answer->status == FT_OK)
        remember(&order);
    if (answer->json == NULL && answer->status == FT_OK) {
        /* An order may have been carried out all the same; that is what the events tell. */
        answer->status = FT_ERR_MEMORY;
        ft_text_copy(answer->reason, sizeof answer->reason,
                     "the central unit is out of memory for its answer");
    }
}

void ft_admin_answer_clear(struct ft_admin_answer *answer)
{
    free(answer->json);
    answer->json = NULL;
}
