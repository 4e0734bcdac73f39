/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * records.c - owns the nodes of one text of records, sorted by name.
 *
 * Used by the sources `file` and `slurm`. A text is read whole or not at all, so that a file that
 * was half written leaves what was known before. A later record of the same node counts; the node
 * DEFAULT gives what the records after it do not say, as in slurm.conf.
 */
#include "cms/records.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hostlist.h"
#include "common/text.h"

#define MIB (UINT64_C(1) << 20)
#define LINE_MAX_BYTES 65536

struct record {
    char *name;
    unsigned number; /* in the order of the text */
    struct ft_facts facts;
};

struct ft_records {
    struct record *list;
    size_t n, room;
};

/* A record under way. */
struct draft {
    char *names;
    struct ft_facts facts;
    uint32_t per_socket, threads, total_pus;
};

struct parser {
    struct ft_records *records;
    const char *name;
    unsigned line;
    struct draft standard; /* of the node DEFAULT */
    char *why;
    size_t size;
};

static int fail(struct parser *parser, const char *what, const char *value)
{
    snprintf(parser->why, parser->size, "%s:%u: %s: \"%.100s\"", parser->name, parser->line, what,
             value);
    return -1;
}

/* ---------------------------------------------------------------- values */

static bool read_number(const char *text, uint64_t max, uint64_t *value)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *value <= max;
}

static const char *type_of_gres(const char *name)
{
    static const char *const types[][2] = {{"gpu", "gpu"}, {"mic", "coproc"}, {"nic", "network"},
                                           {"hca", "openfabrics"}, {"nvme", "storage"}};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i][0], name) == 0)
            return types[i][1];
    }
    return name;
}

static void add_devices(struct ft_facts *facts, const char *type, uint32_t count)
{
    for (int i = 0; i < FT_FACTS_DEVICES_MAX; i++) {
        if (facts->devices[i].type[0] != '\0' && strcmp(facts->devices[i].type, type) != 0)
            continue;
        ft_text_copy(facts->devices[i].type, sizeof facts->devices[i].type, type);
        facts->devices[i].count += count;
        return;
    }
}

/* "gpu:4", "gpu:a100:4(S:0-1)", "gpu": separated by commas; what is no count is a model. */
static void read_gres(struct ft_facts *facts, char *text)
{
    char *save = NULL;

    memset(facts->devices, 0, sizeof facts->devices);
    for (char *item = strtok_r(text, ",", &save); item != NULL; item = strtok_r(NULL, ",", &save)) {
        char *colon;
        uint64_t count = 1;

        item[strcspn(item, "(")] = '\0';
        colon = strrchr(item, ':');
        if (colon != NULL && !read_number(colon + 1, 4096, &count))
            count = 1;
        item[strcspn(item, ":")] = '\0';
        if (item[0] != '\0')
            add_devices(facts, type_of_gres(item), (uint32_t) count);
    }
}

/* ---------------------------------------------------------------- records */

static int take_number(struct parser *parser, struct draft *draft, const char *key,
                       const char *value)
{
    const struct {
        const char *key;
        uint32_t *at;
    } numbers[] = {{"Sockets", &draft->facts.packages},  {"SocketsPerBoard", &draft->facts.packages},
                   {"CoresPerSocket", &draft->per_socket}, {"ThreadsPerCore", &draft->threads},
                   {"CPUs", &draft->total_pus},          {"CPUTot", &draft->total_pus}};
    uint64_t number;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(numbers[i].key, key) != 0)
            continue;
        if (!read_number(value, 1 << 20, &number))
            return fail(parser, "not a number of processors", value);
        *numbers[i].at = (uint32_t) number;
        return 0;
    }
    if (strcmp(key, "RealMemory") != 0)
        return 0;
    if (!read_number(value, UINT64_MAX / MIB, &number))
        return fail(parser, "not a number of MiB", value);
    draft->facts.memory_bytes = number * MIB;
    return 0;
}

static int take_word(struct parser *parser, struct draft *draft, char *word)
{
    char *value = strchr(word, '=');

    if (value == NULL)
        return 0; /* part of a value with spaces, as in Reason=... */
    *value++ = '\0';
    if (strcmp(word, "NodeName") == 0)
        draft->names = value;
    else if (strcmp(word, "Arch") == 0)
        ft_text_copy(draft->facts.arch, sizeof draft->facts.arch, value);
    else if (strcmp(word, "Gres") == 0)
        read_gres(&draft->facts, value);
    else
        return take_number(parser, draft, word, value);
    return 0;
}

static void complete(struct draft *draft)
{
    struct ft_facts *facts = &draft->facts;
    uint32_t threads = draft->threads > 0 ? draft->threads : 1;

    facts->pus = draft->total_pus;
    if (draft->per_socket > 0)
        facts->cores = draft->per_socket * (facts->packages > 0 ? facts->packages : 1);
    else if (draft->total_pus > 0)
        facts->cores = draft->total_pus / threads;
    if (facts->pus == 0)
        facts->pus = facts->cores * threads;
    facts->shown = true;
}

static int add(struct parser *parser, const char *name, const struct ft_facts *facts)
{
    struct ft_records *records = parser->records;
    char *copy = strdup(name);

    if (records->n == records->room) {
        size_t room = records->room * 2 + 64;
        struct record *list = realloc(records->list, room * sizeof *list);

        if (list != NULL) {
            records->list = list;
            records->room = room;
        }
    }
    if (copy == NULL || records->n == records->room) {
        free(copy);
        snprintf(parser->why, parser->size, "out of memory");
        return -1;
    }
    records->list[records->n].name = copy;
    records->list[records->n].number = (unsigned) records->n;
    records->list[records->n].facts = *facts;
    records->n++;
    return 0;
}

static int add_all(struct parser *parser, struct draft *draft)
{
    char problem[200] = "out of memory";
    struct ft_hostlist *names;
    int result = 0;

    complete(draft);
    names = ft_hostlist_parse(draft->names, problem, sizeof problem);
    if (names == NULL)
        return fail(parser, problem, draft->names);
    if (ft_hostlist_count(names) == 0)
        result = fail(parser, "a record without a node", "NodeName=");
    for (size_t i = 0; result == 0 && i < ft_hostlist_count(names); i++)
        result = add(parser, ft_hostlist_at(names, i), &draft->facts);
    ft_hostlist_destroy(names);
    return result;
}

static int take_line(struct parser *parser, char *line)
{
    struct draft draft = parser->standard;
    char *save = NULL;

    line[strcspn(line, "#")] = '\0';
    draft.names = NULL;
    for (char *word = strtok_r(line, " \t\r", &save); word != NULL;
         word = strtok_r(NULL, " \t\r", &save)) {
        if (take_word(parser, &draft, word) < 0)
            return -1;
    }
    if (draft.names == NULL)
        return 0; /* another line of slurm.conf */
    if (strcmp(draft.names, "DEFAULT") == 0) {
        parser->standard = draft;
        return 0;
    }
    return add_all(parser, &draft);
}

/* Joins what goes on in the next line into `line`; returns where the next one begins. */
static const char *next_line(struct parser *parser, const char *text, char *line, bool *fits)
{
    size_t n = 0;

    *fits = true;
    for (;;) {
        size_t part = strcspn(text, "\n");

        parser->line++;
        if (n + part + 1 > LINE_MAX_BYTES) {
            *fits = false;
            return text;
        }
        memcpy(line + n, text, part);
        n += part;
        text += part + (text[part] == '\n');
        if (n == 0 || line[n - 1] != '\\' || *text == '\0')
            break;
        line[n - 1] = ' ';
    }
    line[n] = '\0';
    return text;
}

static int by_name(const void *a, const void *b)
{
    const struct record *one = a, *other = b;
    int order = strcmp(one->name, other->name);

    return order != 0 ? order : (one->number > other->number) - (one->number < other->number);
}

struct ft_records *ft_records_parse(const char *text, const char *name, char *why, size_t size)
{
    struct parser parser = {.records = calloc(1, sizeof *parser.records), .name = name, .why = why,
                            .size = size};
    char *line = malloc(LINE_MAX_BYTES);
    int result = 0;

    if (parser.records == NULL || line == NULL) {
        snprintf(why, size, "out of memory");
        result = -1;
    }
    while (result == 0 && *text != '\0') {
        bool fits;

        text = next_line(&parser, text, line, &fits);
        result = fits ? take_line(&parser, line) : fail(&parser, "the line is too long", "");
    }
    free(line);
    if (result < 0) {
        ft_records_destroy(parser.records);
        return NULL;
    }
    if (parser.records->n > 0)
        qsort(parser.records->list, parser.records->n, sizeof *parser.records->list, by_name);
    return parser.records;
}

void ft_records_destroy(struct ft_records *records)
{
    if (records == NULL)
        return;
    for (size_t i = 0; i < records->n; i++)
        free(records->list[i].name);
    free(records->list);
    free(records);
}

bool ft_records_facts(const struct ft_records *records, const char *node, struct ft_facts *facts)
{
    size_t low = 0, high = records->n;

    /* The last one of that name: the first one that is greater, and one back. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(records->list[middle].name, node) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || strcmp(records->list[low - 1].name, node) != 0)
        return false;
    *facts = records->list[low - 1].facts;
    return true;
}

size_t ft_records_count(const struct ft_records *records)
{
    return records->n;
}
