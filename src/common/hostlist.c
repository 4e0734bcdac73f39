/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hostlist.c - an ordered set of node names.
 *
 * Read from --pool, ft.conf and environment variables, so from people's hands: everything is
 * checked and bounded, and errors quote the place. Names stand in the order in which they came,
 * which for a pool is the order of preference; a hash index beside them (open addressing, at most
 * half full) keeps lookups and additions of 100,000 names quick.
 */
#include "config.h"

#include "common/hash.h"
#include "common/hostlist.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

struct ft_hostlist {
    char **names;
    size_t n, room;
    uint32_t *index; /* number of a name plus 1; 0 is free */
    size_t slots;    /* a power of two, or 0 */
};

struct ft_hostlist *ft_hostlist_create(void)
{
    return calloc(1, sizeof(struct ft_hostlist));
}

void ft_hostlist_destroy(struct ft_hostlist *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->n; i++)
        free(list->names[i]);
    free(list->names);
    free(list->index);
    free(list);
}

static uint64_t hash(const char *name)
{
    uint64_t h = ft_hash(name, strlen(name));

    return h ^ h >> 32;
}

/* The slot that holds the name, or the free one where it belongs. */
static size_t slot_of(const struct ft_hostlist *list, const char *name)
{
    size_t slot = (size_t) hash(name) & (list->slots - 1);

    while (list->index[slot] != 0 && strcmp(list->names[list->index[slot] - 1], name) != 0)
        slot = (slot + 1) & (list->slots - 1);
    return slot;
}

bool ft_hostlist_contains(const struct ft_hostlist *list, const char *name)
{
    return list->slots > 0 && list->index[slot_of(list, name)] != 0;
}

size_t ft_hostlist_count(const struct ft_hostlist *list)
{
    return list->n;
}

const char *ft_hostlist_at(const struct ft_hostlist *list, size_t i)
{
    return i < list->n ? list->names[i] : NULL;
}

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '-' || c == '_';
}

/* A leading '-' is refused: such a "host" would be an option to ssh. */
static bool is_name(const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n >= FT_HOST_NAME_MAX || name[0] == '-')
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!is_name_character(name[i]))
            return false;
    }
    return true;
}

/* Makes room for one more name; both tables grow by doubling. */
static int grow(struct ft_hostlist *list)
{
    size_t room = list->room > 0 ? 2 * list->room : 16;
    uint32_t *index, *old_index = list->index;
    char **names;

    if (list->n < list->room)
        return 0;
    names = reallocarray(list->names, room, sizeof *names);
    if (names == NULL)
        return -1;
    list->names = names;
    index = calloc(2 * room, sizeof *index);
    if (index == NULL)
        return -1;
    list->index = index;
    list->slots = 2 * room;
    list->room = room;
    for (size_t i = 0; i < list->n; i++)
        index[slot_of(list, names[i])] = (uint32_t) i + 1;
    free(old_index);
    return 0;
}

int ft_hostlist_add(struct ft_hostlist *list, const char *name)
{
    char *copy;

    if (name == NULL || !is_name(name)) {
        errno = EINVAL;
        return -1;
    }
    if (ft_hostlist_contains(list, name))
        return 0;
    if (list->n >= FT_HOSTLIST_MAX) {
        errno = E2BIG;
        return -1;
    }
    if (grow(list) != 0)
        return -1;
    copy = strdup(name);
    if (copy == NULL)
        return -1;
    list->index[slot_of(list, copy)] = (uint32_t) list->n + 1;
    list->names[list->n++] = copy;
    return 1;
}

char *ft_hostlist_text(const struct ft_hostlist *list)
{
    size_t size = 1;
    char *text, *at;

    for (size_t i = 0; i < list->n; i++)
        size += strlen(list->names[i]) + 1;
    text = malloc(size);
    if (text == NULL)
        return NULL;
    at = text;
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0)
            *at++ = ',';
        at = stpcpy(at, list->names[i]);
    }
    *at = '\0';
    return text;
}

/* ------------------------------------------------------------ reading patterns */

struct reader {
    struct ft_hostlist *list;
    char *error;
    size_t error_size;
    unsigned left; /* names that may still be made: bounds the work, not only the result */
};

static int refuse(struct reader *reader, int code, const char *what, const char *where, size_t n)
{
    if (reader->error_size > 0) {
        reader->error[0] = '\0';
        ft_text_appendf(reader->error, reader->error_size, "%s in \"%.*s\"", what,
                        n < 128 ? (int) n : 128, where);
    }
    errno = code;
    return -1;
}

/* Reads digits at *at: their value (at most 9 digits) and how many they are. */
static int read_number(const char **at, uint32_t *value, int *digits)
{
    *value = 0;
    for (*digits = 0; **at >= '0' && **at <= '9' && *digits < 9; ++*at, ++*digits)
        *value = *value * 10 + (uint32_t) (**at - '0');
    return *digits > 0 && !(**at >= '0' && **at <= '9') ? 0 : -1;
}

static int expand(struct reader *reader, const char *prefix, size_t prefix_n, const char *rest,
                  const char *item, size_t item_n);

/* prefix with a number behind it, then what follows the bracket. */
static int expand_number(struct reader *reader, const char *prefix, size_t prefix_n,
                         uint32_t number, int width, const char *after, const char *item,
                         size_t item_n)
{
    char name[FT_HOST_NAME_MAX];
    int n = snprintf(name, sizeof name, "%.*s%0*u", (int) prefix_n, prefix, width, number);

    if (n < 0 || (size_t) n >= sizeof name)
        return refuse(reader, EINVAL, "a name is too long", item, item_n);
    return expand(reader, name, (size_t) n, after, item, item_n);
}

/* rest starts behind a '['. */
static int expand_bracket(struct reader *reader, const char *prefix, size_t prefix_n,
                          const char *rest, const char *item, size_t item_n)
{
    const char *end = memchr(rest, ']', (size_t) (item + item_n - rest));
    uint32_t low, high;
    int digits, high_digits;

    if (end == NULL)
        return refuse(reader, EINVAL, "a bracket is not closed", item, item_n);
    do {
        if (read_number(&rest, &low, &digits) != 0)
            return refuse(reader, EINVAL, "a number is expected in the brackets", item, item_n);
        high = low;
        if (*rest == '-') {
            rest++;
            if (read_number(&rest, &high, &high_digits) != 0 || high < low)
                return refuse(reader, EINVAL, "a range is wrong", item, item_n);
        }
        for (uint32_t number = low; number <= high; number++) {
            if (expand_number(reader, prefix, prefix_n, number, digits, end + 1, item, item_n) != 0)
                return -1;
        }
    } while (rest < end && *rest++ == ',');
    if (rest != end)
        return refuse(reader, EINVAL, "only numbers, '-' and ',' may stand in brackets", item,
                      item_n);
    return 0;
}

/* Adds all names that begin with prefix and go on as `rest`, up to the end of the item, says. */
static int expand(struct reader *reader, const char *prefix, size_t prefix_n, const char *rest,
                  const char *item, size_t item_n)
{
    size_t rest_n = (size_t) (item + item_n - rest);
    const char *bracket = memchr(rest, '[', rest_n);
    size_t plain_n = bracket != NULL ? (size_t) (bracket - rest) : rest_n;
    char name[FT_HOST_NAME_MAX];

    if (prefix_n + plain_n >= sizeof name)
        return refuse(reader, EINVAL, "a name is too long", item, item_n);
    memcpy(name, prefix, prefix_n);
    memcpy(name + prefix_n, rest, plain_n);
    name[prefix_n + plain_n] = '\0';
    if (bracket != NULL)
        return expand_bracket(reader, name, prefix_n + plain_n, bracket + 1, item, item_n);
    if (reader->left-- == 0)
        return refuse(reader, E2BIG, "there are too many names", item, item_n);
    if (ft_hostlist_add(reader->list, name) >= 0)
        return 0;
    if (errno == EINVAL)
        return refuse(reader, EINVAL, "a name has other characters than letters, digits, '.', '-' "
                      "and '_', or begins with '-',", item, item_n);
    return refuse(reader, errno, errno == E2BIG ? "there are too many names" : "out of memory",
                  item, item_n);
}

/* The length of the item at text: up to a comma outside of brackets. */
static size_t item_length(const char *text)
{
    bool inside = false;
    size_t n;

    for (n = 0; text[n] != '\0' && (inside || text[n] != ','); n++) {
        if (text[n] == '[')
            inside = true;
        else if (text[n] == ']')
            inside = false;
    }
    return n;
}

static int read_items(struct reader *reader, const char *text)
{
    size_t n;

    for (;; text += n + 1) {
        n = item_length(text);
        const char *item = text;
        size_t item_n = n;

        for (; item_n > 0 && isspace((unsigned char) item[0]); item_n--)
            item++;
        for (; item_n > 0 && isspace((unsigned char) item[item_n - 1]);)
            item_n--;
        if (item_n > 0 && expand(reader, "", 0, item, item, item_n) != 0)
            return -1;
        if (text[n] == '\0')
            return 0;
    }
}

struct ft_hostlist *ft_hostlist_parse(const char *text, char *error, size_t error_size)
{
    struct reader reader = {ft_hostlist_create(), error, error_size, FT_HOSTLIST_MAX};

    if (error_size > 0)
        error[0] = '\0';
    if (reader.list == NULL) {
        refuse(&reader, ENOMEM, "out of memory", text, strlen(text));
        return NULL;
    }
    if (read_items(&reader, text) != 0) {
        int code = errno;

        ft_hostlist_destroy(reader.list);
        errno = code;
        return NULL;
    }
    return reader.list;
}
