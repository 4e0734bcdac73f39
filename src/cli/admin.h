/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * admin.h - what the commands that look after the system have in common: their options, the
 * connection to a unit, asking it, and how its answers are shown.
 */
#ifndef FT_CLI_ADMIN_H
#define FT_CLI_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

#include "cli/arguments.h"
#include "ft_admin.h"

/* How a command is called. */
struct admin_command {
    const char *name;
    const char *usage;                      /* its --help; admin_help is printed behind it */
    const struct arguments_option *options; /* its own, besides those of all; NULL: none */
    int words_min, words_max;               /* -1: any number */
    bool orders;                            /* changes something: has --once, too */
};

struct admin {
    const struct admin_command *command;
    const char **words; /* of the command line; words_n of them */
    int words_n;
    const char *host;   /* --host; NULL: not given */
    const char *once;   /* --once; NULL: not given */
    bool json;
    long timeout_s;     /* --timeout; 0: not given */
    ftHandle_t handle;
    bool is_open;
};

#define ADMIN_GO_ON (-1)
#define ADMIN_END ((const char *) NULL)

/* Reads the command line. Returns ADMIN_GO_ON, or the exit code of a command that is through: it
 * was called wrongly, or for its help. admin_end is to be called in any case. */
int admin_begin(struct admin *admin, const struct admin_command *command, int argc, char **argv);
void admin_end(struct admin *admin);

/* Whether a system's unit is on this node at all. */
bool admin_has_system(void);

/* Asks: texts in pairs, key and value, ended by ADMIN_END; a pair whose value is NULL is left out;
 * a key that begins with '#' has a number as its value ("#limit", "10").
 * Returns the answer, for yyjson_doc_free; NULL after a message, and *code is the exit code. With
 * _quietly there is no message: admin_why has it. */
yyjson_doc *admin_ask(struct admin *admin, int *code, ...) __attribute__((sentinel));
yyjson_doc *admin_ask_quietly(struct admin *admin, int *code, ...) __attribute__((sentinel));
const char *admin_why(void);

/* The same for an order: it is given a name ("once" of ft_admin(3)), and is given again, under the
 * same name, if the connection is lost before the answer is there. It is carried out once. */
yyjson_doc *admin_order(struct admin *admin, int *code, ...) __attribute__((sentinel));

/* All pages of nodes or modules: calls visit for each item of the list. Returns the exit code,
 * after a message if it is not CLI_OK. node: only those of it; may be NULL. */
int admin_each(struct admin *admin, const char *list, const char *node,
               void (*visit)(void *arg, yyjson_val *item), void *arg);

/* Prints an answer as JSON, for --json. Returns CLI_OK or CLI_FAILED. */
int admin_print(yyjson_val *answer);

/* Members of an answer: "" (0, false) where there is none. */
const char *admin_text(yyjson_val *object, const char *key);
double admin_number(yyjson_val *object, const char *key);
bool admin_truth(yyjson_val *object, const char *key);

/* For people: "7.8 GiB", "2 d 3 h", "1 node", "3 nodes". Returns text. */
char *admin_bytes(double bytes, char *text, size_t size);
char *admin_time(double seconds, char *text, size_t size);
char *admin_ago(double ms, char *text, size_t size);

extern const char admin_help[];

#endif
