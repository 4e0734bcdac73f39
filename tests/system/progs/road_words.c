/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * road_words.c - requests from words, replies to JSON, for road_client.c.
 */
#include "road_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ft_runtime.h"

#define TIMEOUT_DEFAULT_MS 10000

/* ---------------------------------------------------------------- requests */

/* "kind:first:second"; a text without the second has NULL there. */
static int read_resource(char *text, ftResource_t *R)
{
    char *kind = text, *first = strchr(text, ':'), *second, *job;

    if (!first)
        return -1;
    *first++ = '\0';
    second = strchr(first, ':');
    if (second)
        *second++ = '\0';
    if (strcmp(kind, "rank") == 0) {
        job = strchr(first, '@');
        if (second && job) { /* a job's name may have a colon */
            second[-1] = ':';
            second = NULL;
        }
        if (job)
            *job++ = '\0';
        *R = job ? ftRankOf(job, atoi(first)) : ftRank(atoi(first));
        return second ? -1 : 0;
    }
    if (strcmp(kind, "node") == 0)
        *R = ftNode(first);
    else if (!second)
        return -1;
    else if (strcmp(kind, "process") == 0)
        *R = ftProcess(first, atoll(second));
    else if (strcmp(kind, "device") == 0)
        *R = ftDevice(first, second);
    else if (strcmp(kind, "link") == 0)
        *R = ftLink(first, second);
    else if (strcmp(kind, "storage") == 0)
        *R = ftStorage(first, second);
    else
        return -1;
    return 0;
}

static int narrow(ftConstraint_t *C, char *word)
{
    char *value = strchr(word, '='), *count;
    ftResource_t R;

    if (strcmp(word, "atleast") == 0)
        *C = ftNeedAtLeast(*C);
    else if (strcmp(word, "samekind") == 0)
        *C = ftNeedSameKind(*C);
    else if (!value)
        return -1;
    if (!value)
        return 0;
    *value++ = '\0';
    if (strcmp(word, "cores") == 0) {
        *C = ftNeedCores(*C, atoi(value));
    } else if (strcmp(word, "memory") == 0) {
        *C = ftNeedMemory(*C, strtoull(value, NULL, 10));
    } else if (strcmp(word, "arch") == 0) {
        *C = ftNeedArch(*C, value);
    } else if (strcmp(word, "exclude") == 0) {
        *C = ftExclude(*C, value);
    } else if (strcmp(word, "devices") == 0 && (count = strchr(value, ':')) != NULL) {
        *count++ = '\0';
        *C = ftNeedDevices(*C, value, atoi(count));
    } else if (strcmp(word, "near") == 0 && read_resource(value, &R) == 0) {
        *C = ftNear(*C, R);
    } else if (strcmp(word, "far") == 0 && read_resource(value, &R) == 0) {
        *C = ftFar(*C, R);
    } else {
        return -1;
    }
    return 0;
}

static int read_usage(const char *word, ftUsage_t *U)
{
    static const char *const usages[] = {
        [FT_SEND] = "send",   [FT_RECEIVE] = "receive", [FT_READ] = "read",
        [FT_WRITE] = "write", [FT_COMPUTE] = "compute", [FT_RELEASE] = "release"};

    for (int usage = FT_SEND; usage <= FT_RELEASE; usage++)
        if (strcmp(word, usages[usage]) == 0) {
            *U = (ftUsage_t) usage;
            return 0;
        }
    return -1;
}

/* Takes "timeout=MS" at the end off. */
static void take_timeout(char *words, ftTimeout_t *timeout_ms)
{
    char *at = strstr(words, " timeout=");

    *timeout_ms = TIMEOUT_DEFAULT_MS;
    if (!at)
        return;
    *timeout_ms = atoll(at + strlen(" timeout="));
    *at = '\0';
}

int words_read(char *words, ftAction_t *action, ftTimeout_t *timeout_ms)
{
    char *state = NULL, *verb, *word;
    ftConstraint_t C = ftAny();
    ftUsage_t U = FT_SEND;
    ftResource_t R;

    take_timeout(words, timeout_ms);
    verb = strtok_r(words, " ", &state);
    word = strtok_r(NULL, " ", &state);
    if (!verb || !word)
        return -1;
    if (strcmp(verb, "claim") == 0) {
        *action = ftClaim(strtoull(word, NULL, 10));
        return 0;
    }
    if (strcmp(verb, "failed") == 0) {
        *action = ftStartFailed(strtoull(word, NULL, 10), "the test says so");
        return 0;
    }
    if (read_resource(word, &R) < 0)
        return -1;
    while ((word = strtok_r(NULL, " ", &state)) != NULL)
        if (strcmp(verb, "error") == 0 ? read_usage(word, &U) < 0 : narrow(&C, word) < 0)
            return -1;
    if (strcmp(verb, "error") == 0)
        *action = resourceError(R, U);
    else if (strcmp(verb, "find") == 0)
        *action = findAlternative(R, C);
    else if (strcmp(verb, "place") == 0)
        *action = ftPlaceOf(R);
    else
        return -1;
    return 0;
}

/* ---------------------------------------------------------------- replies */

struct line {
    char *text;
    size_t size, n;
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *line, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line->text + line->n, line->size - line->n, format, args);
    va_end(args);
    if (n > 0 && line->n + (size_t) n < line->size)
        line->n += (size_t) n;
}

static void put_text(struct line *line, const char *name, const char *text)
{
    put(line, ",\"%s\":\"", name);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            put(line, "\\%c", *text);
        else if ((unsigned char) *text < ' ')
            put(line, "\\u%04x", (unsigned) *text);
        else
            put(line, "%c", *text);
    }
    put(line, "\"");
}

static const char *status_name(ftRetVal_t status)
{
    static const char *const names[] = {
        "OK", "ARG", "HANDLE", "ACTION", "HOST", "CONNECT", "AUTH", "VERSION", "TIMEOUT", "LOST",
        "NONE", "UNKNOWN", "DENIED", "BUSY", "MEMORY", "FORKED", "CANCELED", "PROTOCOL", "SYSTEM",
        "UNFIT"};

    return status <= 0 && -status < (int) (sizeof names / sizeof names[0]) ? names[-status] : "?";
}

size_t words_write(const ftReply_t *reply, double took_ms, char *text, size_t size)
{
    static const char *const rungs[] = {"nothing", "repair", "spare rank", "idle node", "new node",
                                        "sharing"};
    static const char *const reaches[] = {"nothing", "start", "port", "rank"};
    struct line line = {.text = text, .size = size - 2}; /* the end always fits */
    char resource[FT_TEXT_MAX] = "";

    if (reply->resource.kind)
        ftResourceText(&reply->resource, resource, sizeof resource);
    put(&line, "{\"status\":\"%s\",\"took_ms\":%.1f,\"event\":%llu,\"decision\":%llu,\"epoch\":%u",
        status_name(reply->status), took_ms, (unsigned long long) reply->event,
        (unsigned long long) reply->decision, reply->epoch);
    put_text(&line, "resource", resource);
    put_text(&line, "lost_node", reply->lost_node);
    put_text(&line, "alternative", reply->alternative.node);
    put_text(&line, "rung", rungs[reply->rung]);
    put_text(&line, "reach", reaches[reply->reach]);
    put(&line, ",\"reach_rank\":%d", reply->reach_rank);
    put_text(&line, "repair", reply->repair);
    put_text(&line, "match", reply->match);
    put_text(&line, "reason", reply->reason);
    put_text(&line, "hint", reply->hint);
    put(&line, ",\"repairable\":%d,\"in_job\":%d,\"probed\":%u,\"total_ms\":%.1f",
        reply->repairable, reply->in_job, reply->probed, reply->steps.total_ms);
    memcpy(text + line.n, "}\n", 3);
    return line.n + 2;
}
