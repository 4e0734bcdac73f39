/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * admin.c - the commands' way to the central unit: options that all of them have, one connection
 * through libft, commands made and answers read as JSON (ft_admin(3)).
 *
 * Which unit is asked does not matter: a node's unit hands the command to the central unit that
 * leads. Where no node unit runs, the central unit on this node is asked itself.
 */
#include "config.h"

#include "cli/admin.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/clock.h"
#include "common/text.h"

#define UNIT_SOCKET "/run/ft/noded.sock"
#define CENTRAL_SOCKET "/run/ft/central.sock"
#define KEY_FILE "/etc/ft/key"
#define PORT_DEFAULT 7311
#define TIMEOUT_DEFAULT_S 10
#define PAGE "500"
#define PAGES_MAX 4096
#define HOST_MAX 300
#define ONCE_BYTES 33 /* of a name that an order gets: 128 random bits in hex */
#define AGAIN_MS 200  /* from a lost connection to the next try */
#define WHY_MAX 8192 /* the mistakes in an ft.conf are many lines */

const char admin_help[] =
    "  --host HOST[:PORT] | unix:PATH\n"
    "                 ask this unit; default: $FT_HOST, else this node's. HOST needs the key\n"
    "                 file ($FT_KEY_FILE, else /etc/ft/key)\n"
    "  --timeout S    give up after so many seconds\n"
    "  --json         print JSON; its keys are in ft_admin(3)\n"
    "  -h, --help     this text\n";

static const char once_help[] =
    "  --once NAME    names this order: given again with the same name it is not carried out\n"
    "                 again, but answered as before\n";

static char why[WHY_MAX];

const char *admin_why(void)
{
    return why;
}

/* ---------------------------------------------------------------- the command line */

int admin_begin(struct admin *admin, const struct admin_command *command, int argc, char **argv)
{
    static const struct arguments_option none[] = {{NULL, NULL, NULL, NULL}};
    const char *timeout = NULL;
    bool help = false;
    const struct arguments_option common[] = {
        {"--host", NULL, &admin->host, NULL},
        {"--timeout", NULL, &timeout, NULL},
        {"--json", NULL, NULL, &admin->json},
        {"--help", "-h", NULL, &help},
        {NULL, NULL, NULL, NULL},
    };
    const struct arguments_option order[] = {{"--once", NULL, &admin->once, NULL},
                                             {NULL, NULL, NULL, NULL}};
    const struct arguments_option *const tables[] = {
        common, command->options != NULL ? command->options : none,
        command->orders ? order : none, NULL};

    memset(admin, 0, sizeof *admin);
    admin->command = command;
    admin->words = calloc((size_t) argc + 1, sizeof *admin->words);
    if (admin->words == NULL) {
        cli_error(command->name, "out of memory");
        return CLI_FAILED;
    }
    admin->words_n = arguments_parse(argc, argv, tables, admin->words, why, sizeof why);
    if (admin->words_n >= 0 && help) {
        printf("%s%s%s", command->usage, command->orders ? once_help : "", admin_help);
        return cli_flush(command->name, CLI_OK);
    }
    if (admin->words_n >= 0 && timeout != NULL &&
        arguments_number("--timeout", timeout, 1, 86400, &admin->timeout_s, why, sizeof why) < 0)
        admin->words_n = -1;
    if (admin->words_n >= 0 && admin->words_n < command->words_min) {
        snprintf(why, sizeof why, "something is missing");
        admin->words_n = -1;
    }
    if (admin->words_n >= 0 && command->words_max >= 0 && admin->words_n > command->words_max) {
        snprintf(why, sizeof why, "'%s' is too much", admin->words[command->words_max]);
        admin->words_n = -1;
    }
    if (admin->words_n >= 0)
        return ADMIN_GO_ON;
    cli_error(command->name, "%s; see ft %s --help", why, command->name);
    return CLI_USAGE;
}

void admin_end(struct admin *admin)
{
    if (admin->is_open)
        closeFT(admin->handle);
    admin->is_open = false;
    free(admin->words);
    admin->words = NULL;
}

/* ---------------------------------------------------------------- the connection */

static int code_of(ftRetVal_t status)
{
    switch (status) {
    case FT_OK: return CLI_OK;
    case FT_ERR_ACTION: case FT_ERR_ARG: return CLI_USAGE;
    case FT_ERR_HOST: case FT_ERR_CONNECT: case FT_ERR_AUTH: case FT_ERR_VERSION:
    case FT_ERR_TIMEOUT: case FT_ERR_LOST: case FT_ERR_BUSY: case FT_ERR_PROTOCOL:
        return CLI_UNREACHABLE;
    case FT_ERR_DENIED: return CLI_DENIED;
    default: return CLI_FAILED;
    }
}

bool admin_has_system(void)
{
    return access(UNIT_SOCKET, F_OK) == 0 || access(CENTRAL_SOCKET, F_OK) == 0;
}

/* --host as libft wants it: HOST alone gets the central units' port. */
static const char *whole_host(const char *host, char text[HOST_MAX])
{
    size_t n = strlen(host);
    bool is_v6 = strchr(host, ':') != strrchr(host, ':');

    if (strncmp(host, "unix:", 5) == 0 || (strchr(host, ':') != NULL && !is_v6) ||
        (host[0] == '[' && strstr(host, "]:") != NULL) || n + 16 > HOST_MAX)
        return host;
    snprintf(text, HOST_MAX, is_v6 && host[0] != '[' ? "[%s]:%d" : "%s:%d", host, PORT_DEFAULT);
    return text;
}

static ftRetVal_t open_default(ftHandle_t *handle)
{
    const char *set = getenv("FT_HOST");
    ftRetVal_t status;

    if ((set == NULL || set[0] == '\0') && access(UNIT_SOCKET, F_OK) != 0 &&
        access(CENTRAL_SOCKET, F_OK) == 0)
        return openFT("unix:" CENTRAL_SOCKET, handle);
    status = openFT(NULL, handle);
    if (status == FT_ERR_CONNECT && (set == NULL || set[0] == '\0') &&
        access(CENTRAL_SOCKET, F_OK) == 0)
        status = openFT("unix:" CENTRAL_SOCKET, handle);
    return status;
}

static int open_handle(struct admin *admin)
{
    char text[HOST_MAX];
    ftRetVal_t status;

    if (admin->is_open)
        return CLI_OK;
    if (admin->host != NULL) {
        if (getenv("FT_KEY_FILE") == NULL && access(KEY_FILE, F_OK) == 0)
            setenv("FT_KEY_FILE", KEY_FILE, 0);
        status = openFT(whole_host(admin->host, text), &admin->handle);
    } else {
        status = open_default(&admin->handle);
    }
    admin->is_open = status == FT_OK;
    if (status == FT_OK)
        return CLI_OK;
    snprintf(why, sizeof why, "%s", ftLastError());
    return code_of(status);
}

/* ---------------------------------------------------------------- asking */

/* The command as JSON, to be freed; NULL: out of memory. once: its name; NULL: it is no order. */
static char *make_command(const char *once, va_list pairs)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *object = doc != NULL ? yyjson_mut_obj(doc) : NULL;
    bool good = object != NULL;
    char *text = NULL;

    for (const char *key; good && (key = va_arg(pairs, const char *)) != NULL;) {
        const char *value = va_arg(pairs, const char *);

        if (value == NULL)
            continue;
        if (key[0] == '#')
            good = yyjson_mut_obj_add_uint(doc, object, key + 1, strtoull(value, NULL, 10));
        else
            good = yyjson_mut_obj_add_strcpy(doc, object, key, value);
    }
    if (good && once != NULL)
        good = yyjson_mut_obj_add_strcpy(doc, object, "once", once);
    if (good) {
        yyjson_mut_doc_set_root(doc, object);
        text = yyjson_mut_write(doc, 0, NULL);
    }
    yyjson_mut_doc_free(doc);
    return text;
}

/* Why it failed, into `why`: as the answer says, maybe in several lines, else as libft does. */
static void keep_why(const char *answer)
{
    yyjson_doc *doc = answer != NULL ? yyjson_read(answer, strlen(answer), 0) : NULL;
    const char *error = admin_text(yyjson_doc_get_root(doc), "error");
    const char *hint = admin_text(yyjson_doc_get_root(doc), "hint");

    if (error[0] != '\0')
        snprintf(why, sizeof why, "%s%s%s", error,
                 hint[0] == '\0' ? "" : strchr(error, '\n') != NULL ? "\n" : "; ", hint);
    else
        snprintf(why, sizeof why, "%s", ftLastError());
    yyjson_doc_free(doc);
}

/* The name of an order that was given none; "" if the system has no random numbers to give. */
static const char *make_once(char once[ONCE_BYTES])
{
    uint64_t number[2];

    once[0] = '\0';
    if (getrandom(number, sizeof number, 0) == (ssize_t) sizeof number)
        snprintf(once, ONCE_BYTES, "%016" PRIx64 "%016" PRIx64, number[0], number[1]);
    return once;
}

/* An order whose answer was lost with the connection is given again until its time is over: to the
 * same unit, or to the one that is started in its place. */
static ftRetVal_t give(struct admin *admin, const char *command, bool again, long timeout_ms,
                       char **answer)
{
    const struct timespec pause = {.tv_nsec = AGAIN_MS * 1000000L};
    int64_t end_ms = ft_clock_ms() + timeout_ms;
    ftRetVal_t status = adminFT(admin->handle, command, answer, timeout_ms);

    again = again && status == FT_ERR_LOST;
    while (again && (status == FT_ERR_LOST || status == FT_ERR_CONNECT) &&
           ft_clock_ms() + 2 * AGAIN_MS < end_ms) {
        nanosleep(&pause, NULL);
        free(*answer);
        status = adminFT(admin->handle, command, answer, end_ms - ft_clock_ms());
    }
    return status;
}

static yyjson_doc *ask(struct admin *admin, int *code, char **answer, const char *once,
                       va_list pairs)
{
    long timeout_s = admin->timeout_s > 0 ? admin->timeout_s : TIMEOUT_DEFAULT_S;
    char *command = make_command(once, pairs);
    yyjson_doc *doc = NULL;
    ftRetVal_t status;

    *answer = NULL;
    *code = command == NULL ? CLI_FAILED : open_handle(admin);
    if (command == NULL)
        snprintf(why, sizeof why, "out of memory");
    if (*code == CLI_OK) {
        status = give(admin, command, once != NULL, timeout_s * 1000, answer);
        *code = code_of(status);
        if (status != FT_OK)
            keep_why(*answer);
        else if (*answer == NULL || (doc = yyjson_read(*answer, strlen(*answer), 0)) == NULL)
            snprintf(why, sizeof why, "the answer of the central unit is no JSON: is it of another "
                     "version?");
        if (status == FT_OK && doc == NULL)
            *code = CLI_FAILED;
    }
    free(command);
    return doc;
}

/* What is wrong, as JSON: the answer's own, or ours. */
static void print_error(const char *answer)
{
    yyjson_mut_doc *doc;

    if (answer != NULL && answer[0] != '\0') {
        puts(answer);
        return;
    }
    doc = yyjson_mut_doc_new(NULL);
    if (doc != NULL) {
        yyjson_mut_val *object = yyjson_mut_obj(doc);
        char *text;

        yyjson_mut_doc_set_root(doc, object);
        yyjson_mut_obj_add_str(doc, object, "error", why);
        text = yyjson_mut_write(doc, YYJSON_WRITE_ALLOW_INVALID_UNICODE, NULL);
        if (text != NULL)
            puts(text);
        free(text);
    }
    yyjson_mut_doc_free(doc);
}

/* A message, if there is no answer. */
static void complain(const struct admin *admin, const yyjson_doc *doc, const char *answer)
{
    if (doc != NULL)
        return;
    cli_error(admin->command->name, "%s", why);
    if (admin->json)
        print_error(answer);
}

yyjson_doc *admin_ask(struct admin *admin, int *code, ...)
{
    char *answer;
    yyjson_doc *doc;
    va_list pairs;

    va_start(pairs, code);
    doc = ask(admin, code, &answer, NULL, pairs);
    va_end(pairs);
    complain(admin, doc, answer);
    free(answer);
    return doc;
}

yyjson_doc *admin_order(struct admin *admin, int *code, ...)
{
    char made[ONCE_BYTES], *answer;
    const char *once = admin->once != NULL ? admin->once : make_once(made);
    yyjson_doc *doc;
    va_list pairs;

    va_start(pairs, code);
    doc = ask(admin, code, &answer, once == made && made[0] == '\0' ? NULL : once, pairs);
    va_end(pairs);
    complain(admin, doc, answer);
    free(answer);
    return doc;
}

yyjson_doc *admin_ask_quietly(struct admin *admin, int *code, ...)
{
    char *answer;
    yyjson_doc *doc;
    va_list pairs;

    va_start(pairs, code);
    doc = ask(admin, code, &answer, NULL, pairs);
    va_end(pairs);
    free(answer);
    return doc;
}

int admin_each(struct admin *admin, const char *list, const char *node,
               void (*visit)(void *arg, yyjson_val *item), void *arg)
{
    char after[FT_NAME_MAX] = "";
    int code = CLI_OK;

    for (int page = 0; page < PAGES_MAX; page++) {
        yyjson_doc *doc = admin_ask(admin, &code, "do", list, "node", node, "after",
                                    after[0] != '\0' ? after : NULL, "#limit", PAGE, ADMIN_END);
        yyjson_val *root = yyjson_doc_get_root(doc), *item;
        size_t i, n;

        if (doc == NULL)
            return code;
        yyjson_arr_foreach(yyjson_obj_get(root, list), i, n, item)
            visit(arg, item);
        ft_text_copy(after, sizeof after, admin_text(root, "next"));
        yyjson_doc_free(doc);
        if (after[0] == '\0')
            break;
    }
    return code;
}

/* ---------------------------------------------------------------- showing */

int admin_print(yyjson_val *answer)
{
    char *text = yyjson_val_write(answer, YYJSON_WRITE_PRETTY_TWO_SPACES, NULL);

    if (text == NULL)
        return CLI_FAILED;
    puts(text);
    free(text);
    return CLI_OK;
}

const char *admin_text(yyjson_val *object, const char *key)
{
    const char *text = yyjson_get_str(yyjson_obj_get(object, key));

    return text != NULL ? text : "";
}

double admin_number(yyjson_val *object, const char *key)
{
    return yyjson_get_num(yyjson_obj_get(object, key));
}

bool admin_truth(yyjson_val *object, const char *key)
{
    return yyjson_get_bool(yyjson_obj_get(object, key));
}

char *admin_bytes(double bytes, char *text, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;

    while (bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, size, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

char *admin_time(double seconds, char *text, size_t size)
{
    long long s = seconds > 0 && seconds < 1e15 ? (long long) seconds : 0;

    if (s < 120)
        snprintf(text, size, "%lld s", s);
    else if (s < 7200)
        snprintf(text, size, "%lld min", s / 60);
    else if (s < 172800)
        snprintf(text, size, "%lld h %lld min", s / 3600, s / 60 % 60);
    else
        snprintf(text, size, "%lld d %lld h", s / 86400, s / 3600 % 24);
    return text;
}

char *admin_ago(double ms, char *text, size_t size)
{
    if (ms < 1000)
        snprintf(text, size, "%.0f ms", ms);
    else if (ms < 10000)
        snprintf(text, size, "%.1f s", ms / 1000);
    else
        admin_time(ms / 1000, text, size);
    return text;
}
