/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watch.c - looks again and again at modules until an order is carried out: for drain, move and
 * restart. A central unit that is replaced in the meantime, or cannot be reached for a while, is
 * no reason to give up: the order is kept.
 */
#include "config.h"

#include "cli/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "common/clock.h"
#include "common/text.h"

#define LOOK_EACH_MS 150

static int64_t deadline_ms(const struct admin *admin)
{
    return ft_clock_ms() + 1000 * (admin->timeout_s > 0 ? admin->timeout_s
                                                        : WATCH_TIMEOUT_DEFAULT_S);
}

static void pause_a_while(void)
{
    struct timespec time = {.tv_nsec = LOOK_EACH_MS * 1000000L};

    nanosleep(&time, NULL);
}

/* A failure that may be over soon. */
static bool may_pass(int code)
{
    return code == CLI_UNREACHABLE;
}

/* Asks for one module. NULL with *code; a module that is gone is CLI_FAILED. */
static yyjson_doc *look(struct admin *admin, const char *name, int *code, yyjson_val **module)
{
    yyjson_doc *doc = admin_ask_quietly(admin, code, "do", "modules", "module", name, ADMIN_END);

    *module = yyjson_arr_get_first(yyjson_obj_get(yyjson_doc_get_root(doc), "modules"));
    return doc;
}

/* "runs on n3 (epoch 7, pid 4711)", "waits: no node has 8 cores" */
static void say_where(const char *name, yyjson_val *module)
{
    const char *node = admin_text(module, "node"), *waits = admin_text(module, "waits");
    const char *state = admin_text(module, "state");

    if (node[0] == '\0')
        printf("module %s is %s%s%s\n", name, state, waits[0] != '\0' ? ": " : "", waits);
    else
        printf("module %s %s on %s (epoch %.0f, pid %.0f)\n", name, state, node,
               admin_number(module, "epoch"), admin_number(module, "pid"));
    fflush(stdout);
}

int watch_module(struct admin *admin, const char *name, double epoch, yyjson_doc **module)
{
    int64_t until_ms = deadline_ms(admin);
    char last[FT_TEXT_MAX] = "nothing is known of it";
    yyjson_val *found;
    int code;

    for (;;) {
        const char *state;

        *module = look(admin, name, &code, &found);
        if (*module == NULL && !may_pass(code))
            break;
        state = admin_text(found, "state");
        if (*module != NULL && admin_number(found, "epoch") > epoch &&
            (strcmp(state, "runs") == 0 || strcmp(state, "done") == 0)) {
            if (!admin->json)
                say_where(name, found);
            return CLI_OK;
        }
        if (*module != NULL)
            snprintf(last, sizeof last, "%.60s%s%.300s", state,
                     admin_text(found, "waits")[0] != '\0' ? ": " : "",
                     admin_text(found, "waits"));
        yyjson_doc_free(*module);
        *module = NULL;
        if (ft_clock_ms() >= until_ms) {
            cli_error(admin->command->name, "the order is given, but module %s does not run yet "
                      "(%s); ft modules %s tells more", name, last, name);
            return CLI_FAILED;
        }
        pause_a_while();
    }
    cli_error(admin->command->name, "%s", admin_why());
    return code;
}

/* ---------------------------------------------------------------- a node */

struct names {
    char (*at)[FT_NAME_MAX];
    size_t n;
    bool failed;
};

struct watch_node {
    struct names names; /* modules that were there, or still are */
};

static bool is_named(const struct names *names, const char *name)
{
    size_t i = 0;

    while (i < names->n && strcmp(names->at[i], name) != 0)
        i++;
    return i < names->n;
}

static void add_name(void *arg, yyjson_val *module)
{
    struct names *names = arg;
    void *more;

    if (is_named(names, admin_text(module, "name")))
        return;
    more = realloc(names->at, (names->n + 1) * sizeof *names->at);
    if (more == NULL) {
        names->failed = true;
        return;
    }
    names->at = more;
    ft_text_copy(names->at[names->n++], FT_NAME_MAX, admin_text(module, "name"));
}

/* Whether a module is gone from the node: said once, then. */
static bool has_left(struct admin *admin, const char *name, const char *node, int *code)
{
    yyjson_val *module;
    yyjson_doc *doc = look(admin, name, code, &module);
    bool left = doc == NULL ? *code == CLI_FAILED : strcmp(admin_text(module, "node"), node) != 0;
    const char *state = admin_text(module, "state");

    /* It is worth waiting a moment for it to run elsewhere; where it cannot, that is the answer. */
    if (left && doc != NULL && strcmp(state, "runs") != 0 && strcmp(state, "done") != 0 &&
        strcmp(state, "waiting") != 0 && strcmp(state, "stopped") != 0)
        left = false;
    if (left && doc != NULL && !admin->json)
        say_where(name, module);
    yyjson_doc_free(doc);
    return left;
}

static int watch_names(struct admin *admin, const char *node, struct names *names)
{
    int64_t until_ms = deadline_ms(admin);
    int code = CLI_OK;

    while (names->n > 0) {
        for (size_t i = 0; i < names->n;) {
            bool left = has_left(admin, names->at[i], node, &code);

            if (!left && code != CLI_OK && !may_pass(code)) {
                cli_error(admin->command->name, "%s", admin_why());
                return code;
            }
            if (left)
                memmove(&names->at[i], &names->at[--names->n], sizeof *names->at);
            else
                i++;
        }
        if (names->n > 0 && ft_clock_ms() >= until_ms) {
            cli_error(admin->command->name, "node %s is drained, but %zu of its modules are still "
                      "there or on their way, the first is %s; ft modules tells more", node,
                      names->n, names->at[0]);
            return CLI_FAILED;
        }
        if (names->n > 0)
            pause_a_while();
    }
    return CLI_OK;
}

struct watch_node *watch_node_create(struct admin *admin, const char *node)
{
    struct watch_node *watch = calloc(1, sizeof *watch);
    int code = CLI_OK;
    yyjson_doc *doc;

    if (watch == NULL)
        return NULL;
    /* What is wrong with the node, if anything is, the order itself will be told. */
    doc = admin_ask_quietly(admin, &code, "do", "modules", "node", node, ADMIN_END);
    if (doc != NULL) {
        yyjson_val *modules = yyjson_obj_get(yyjson_doc_get_root(doc), "modules"), *module;
        size_t i, n;

        yyjson_arr_foreach(modules, i, n, module)
            add_name(&watch->names, module);
        yyjson_doc_free(doc);
    }
    return watch;
}

void watch_node_destroy(struct watch_node *watch)
{
    if (watch == NULL)
        return;
    free(watch->names.at);
    free(watch);
}

int watch_node_empties(struct admin *admin, const char *node, struct watch_node *watch)
{
    int code = admin_each(admin, "modules", node, add_name, &watch->names);

    if (code == CLI_OK && watch->names.failed) {
        cli_error(admin->command->name, "out of memory");
        code = CLI_FAILED;
    }
    return code == CLI_OK ? watch_names(admin, node, &watch->names) : code;
}
