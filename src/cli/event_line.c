/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * event_line.c - one line of an event log, for people.
 *
 * Called by events.c. The line is data from a file: whatever is in it, one printable line comes out
 * (no escape sequence reaches the terminal), and the local time of day stands in front, since the
 * log itself is in UTC.
 */
#include "config.h"

#include "cli/event_line.h"

#include "common/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <yyjson.h>

#define LAST_EVENT "central_ended"

/* "2026-03-01T12:34:56.789Z" as local time of day; what else it is, as it is. */
static void format_time(const char *time, char *text, size_t size)
{
    struct tm utc = {0}, local;
    char fraction[5] = ".000";
    const char *rest = strptime(time, "%Y-%m-%dT%H:%M:%S", &utc);
    time_t at;

    if (!rest) {
        ft_text_copy(text, size, time);
        return;
    }
    if (*rest == '.')
        snprintf(fraction, sizeof fraction, "%.4s", rest);
    at = timegm(&utc);
    localtime_r(&at, &local);
    snprintf(text, size, "%02d:%02d:%02d%s", local.tm_hour, local.tm_min, local.tm_sec, fraction);
}

static const char *string_of(yyjson_val *event, const char *key, const char *otherwise)
{
    const char *text = yyjson_get_str(yyjson_obj_get(event, key));

    return text ? text : otherwise;
}

int event_line_format(const char *json, char *text, size_t size, bool *ended)
{
    yyjson_doc *doc = yyjson_read(json, strlen(json), 0);
    yyjson_val *event = yyjson_doc_get_root(doc);
    const char *name = string_of(event, "event", NULL);
    char time[32];

    if (!name) {
        snprintf(text, size, "? %s", json);
        ft_text_one_line(text);
        yyjson_doc_free(doc);
        return -1;
    }
    format_time(string_of(event, "time", "-"), time, sizeof time);
    snprintf(text, size, "%-12s %+9.0f ms  %-20s %s", time,
             yyjson_get_num(yyjson_obj_get(event, "ms")), name, string_of(event, "text", ""));
    ft_text_one_line(text);
    if (strcmp(name, LAST_EVENT) == 0)
        *ended = true;
    yyjson_doc_free(doc);
    return 0;
}
