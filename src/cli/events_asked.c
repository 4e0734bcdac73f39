/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events_asked.c - `ft events` of a system: asks its central unit for the events that it has in
 * memory, and, with -f, again and again for those that came since. A central unit that cannot be
 * reached, or is replaced by another one, is waited for; that is said once.
 */
#include "config.h"

#include "cli/events_asked.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/admin.h"
#include "cli/cli.h"
#include "cli/event_line.h"

#define NAME "events"
#define LOOK_EACH_MS 250
#define LIMIT "500"

struct following {
    const struct events_asked *asked;
    struct admin admin;
    char after[24];  /* number of the last event that was printed */
    bool ended;      /* the session's last event has been seen */
    bool said;       /* that the central unit cannot be reached */
};

static void print_event(struct following *following, yyjson_val *event)
{
    char *line = yyjson_val_write(event, 0, NULL);
    char text[4096];

    if (line == NULL)
        return;
    if (following->asked->json) {
        puts(line);
    } else {
        event_line_format(line, text, sizeof text, &following->ended);
        puts(text);
    }
    free(line);
}

/* Prints what there is now. Returns the exit code; *more: there is more at once. */
static int take_page(struct following *following, bool first, bool *more)
{
    const char *tail = first ? following->asked->tail : NULL;
    size_t i, n;
    yyjson_val *event, *root;
    int code;
    yyjson_doc *doc = admin_ask_quietly(&following->admin, &code, "do", "events", "#after",
                                        following->after, "#limit", LIMIT, "#tail", tail,
                                        ADMIN_END);

    *more = false;
    if (doc == NULL)
        return code;
    root = yyjson_doc_get_root(doc);
    if (admin_truth(root, "missed") && !first)
        cli_error(NAME, "some events were so many at once that they are only in the log's file");
    yyjson_arr_foreach(yyjson_obj_get(root, "events"), i, n, event)
        print_event(following, event);
    snprintf(following->after, sizeof following->after, "%.0f", admin_number(root, "next"));
    *more = admin_truth(root, "more");
    yyjson_doc_free(doc);
    return CLI_OK;
}

/* Waits until it is time to look again; false if nobody reads any more. */
static bool wait_a_while(void)
{
    struct pollfd reader = {.fd = STDOUT_FILENO};

    return poll(&reader, 1, LOOK_EACH_MS) <= 0 ||
           !(reader.revents & (POLLERR | POLLHUP | POLLNVAL));
}

static int go_on(struct following *following)
{
    bool more = false;

    while (!following->ended && fflush(stdout) == 0 && (more || wait_a_while())) {
        int code = take_page(following, false, &more);

        if (code != CLI_OK && code != CLI_UNREACHABLE) {
            cli_error(NAME, "%s", admin_why());
            return code;
        }
        if (code != CLI_OK && !following->said)
            cli_error(NAME, "%s; waiting for it", admin_why());
        following->said = code != CLI_OK;
    }
    return CLI_OK;
}

int events_ask(const struct events_asked *asked)
{
    static const struct admin_command command = {NAME, "", NULL, 0, 0, false};
    struct following following = {.asked = asked, .after = "0",
                                  .admin = {.command = &command, .host = asked->host}};
    bool more = true;
    int code = CLI_OK;

    for (bool first = true; code == CLI_OK && more; first = false)
        code = take_page(&following, first, &more);
    if (code != CLI_OK)
        cli_error(NAME, "%s", admin_why());
    else if (asked->following)
        code = go_on(&following);
    admin_end(&following.admin);
    return code;
}
