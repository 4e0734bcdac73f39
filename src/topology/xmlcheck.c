/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * xmlcheck.c - reads XML from end to end, once, and refuses what is cut off, malformed or absurd.
 *
 * ft_topology_parse calls it before hwloc. hwloc's own small reader is meant for what hwloc wrote;
 * it stops early and says little. This one makes sure that what hwloc gets is one <topology>
 * element with properly nested elements in quotes and brackets that close, of bounded depth,
 * number and length, and says at which line it is not. It gives no meaning to names: that is
 * hwloc's part.
 */
#include "config.h"

#include "topology/xmlcheck.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "topology/topology.h"

#define DEPTH_MAX 64         /* real ones have about 15 levels */
#define ELEMENTS_MAX 200000u
#define ATTRIBUTES_MAX 64u
#define VALUE_MAX_BYTES 65536u

struct name {
    const char *at;
    size_t n;
};

struct reader {
    const char *at;
    const char *end;
    unsigned line;
    unsigned elements;
    unsigned depth;
    struct name open[DEPTH_MAX];
    const char *problem; /* NULL: none so far */
};

static bool fail(struct reader *r, const char *problem)
{
    if (!r->problem)
        r->problem = problem;
    return false;
}

static bool more(const struct reader *r)
{
    return r->at < r->end;
}

static void step(struct reader *r)
{
    if (*r->at++ == '\n')
        r->line++;
}

static void skip_spaces(struct reader *r)
{
    while (more(r) && strchr(" \t\r\n", *r->at))
        step(r);
}

/* Moves behind the next `text`. */
static bool skip_past(struct reader *r, const char *text)
{
    size_t n = strlen(text);

    for (; (size_t)(r->end - r->at) >= n; step(r))
        if (memcmp(r->at, text, n) == 0) {
            r->at += n;
            return true;
        }
    r->at = r->end;
    return fail(r, "it is cut off");
}

static bool read_name(struct reader *r, struct name *name)
{
    name->at = r->at;
    while (more(r) && ((*r->at >= 'a' && *r->at <= 'z') || (*r->at >= 'A' && *r->at <= 'Z') ||
                       (*r->at >= '0' && *r->at <= '9') || *r->at == '_'))
        r->at++;
    name->n = (size_t)(r->at - name->at);
    if (!more(r))
        return fail(r, "it is cut off");
    return name->n > 0 || fail(r, "a name is missing");
}

static bool ends_with(struct name name, const char *text)
{
    size_t n = strlen(text);

    return name.n >= n && memcmp(name.at + name.n - n, text, n) == 0;
}

/* Sets of processors and memories as hwloc writes them, "0x0000000f,0xffffffff": its reader ends
 * the process if there is a digit too many or none. */
static bool is_set(const char *at, const char *end)
{
    for (;;) {
        size_t digits;
        if (end - at < 3 || at[0] != '0' || at[1] != 'x')
            return false;
        at += 2;
        for (digits = 0; at < end && *at && strchr("0123456789abcdefABCDEF", *at); digits++)
            at++;
        if (digits < 1 || digits > 8)
            return false;
        if (at == end)
            return true;
        if (*at++ != ',')
            return false;
    }
}

static bool read_attribute(struct reader *r)
{
    struct name name;
    const char *start;

    if (!read_name(r, &name))
        return false;
    if (r->end - r->at < 2)
        return fail(r, "it is cut off");
    if (r->at[0] != '=' || r->at[1] != '"')
        return fail(r, "an attribute has no value in double quotes");
    start = r->at += 2;
    for (; more(r) && *r->at != '"'; step(r))
        if (*r->at == '<' || (size_t)(r->at - start) > VALUE_MAX_BYTES)
            return fail(r, "an attribute's value does not end");
    if (!more(r))
        return fail(r, "it is cut off");
    if ((ends_with(name, "cpuset") || ends_with(name, "nodeset")) && !is_set(start, r->at))
        return fail(r, "a set of processors or memories is malformed");
    r->at++;
    return true;
}

static bool read_open(struct reader *r)
{
    struct name name;
    unsigned attributes = 0;

    if (!read_name(r, &name))
        return false;
    if (++r->elements > ELEMENTS_MAX)
        return fail(r, "it has too many elements");
    for (skip_spaces(r); more(r) && *r->at != '>' && *r->at != '/'; skip_spaces(r))
        if (++attributes > ATTRIBUTES_MAX || !read_attribute(r))
            return fail(r, "an element has too many attributes");
    if (!more(r))
        return fail(r, "it is cut off");
    if (r->depth == 0 && (name.n != 8 || memcmp(name.at, "topology", 8) != 0 || r->elements > 1))
        return fail(r, "its one outermost element should be <topology>");
    if (*r->at == '/') {
        r->at++;
        return skip_past(r, ">") && (r->at[-2] == '/' || fail(r, "\"/\" without \">\""));
    }
    r->at++;
    if (r->depth == DEPTH_MAX)
        return fail(r, "its elements are nested too deep");
    r->open[r->depth++] = name;
    return true;
}

static bool read_close(struct reader *r)
{
    struct name name;

    if (!read_name(r, &name))
        return false;
    skip_spaces(r);
    if (!more(r) || *r->at != '>')
        return fail(r, "a closing tag does not end");
    r->at++;
    if (r->depth == 0)
        return fail(r, "an element is closed that was not opened");
    r->depth--;
    if (name.n != r->open[r->depth].n || memcmp(name.at, r->open[r->depth].at, name.n) != 0)
        return fail(r, "elements are not closed in the order they were opened");
    return true;
}

/* One tag; the reader stands behind its "<". */
static bool read_tag(struct reader *r)
{
    if (!more(r))
        return fail(r, "it is cut off");
    if (*r->at == '?')
        return r->elements == 0 ? skip_past(r, "?>") : fail(r, "<? where none may be");
    if (*r->at == '!')
        return r->elements == 0 ? skip_past(r, ">") : fail(r, "<! where none may be");
    if (*r->at == '/') {
        r->at++;
        return read_close(r);
    }
    return read_open(r);
}

static bool read_all(struct reader *r)
{
    while (more(r)) {
        if (*r->at == '<') {
            r->at++;
            if (!read_tag(r))
                return false;
        } else if ((unsigned char)*r->at < ' ' && !strchr("\t\r\n", *r->at)) {
            return fail(r, "it has control characters");
        } else {
            if (r->depth == 0 && !strchr(" \t\r\n", *r->at))
                return fail(r, "it has text outside of its elements");
            step(r);
        }
    }
    if (r->elements == 0)
        return fail(r, "it has no element");
    return r->depth == 0 || fail(r, "it is cut off");
}

int ft_xml_check(const char *xml, size_t n, char *why, size_t why_size)
{
    struct reader r = {.at = xml, .end = xml + n, .line = 1};

    if (n > FT_TOPOLOGY_XML_MAX_BYTES) {
        snprintf(why, why_size, "the XML has %zu bytes, more than the %u that are read", n,
                 FT_TOPOLOGY_XML_MAX_BYTES);
        return -1;
    }
    if (n > 0 && memchr(xml, '\0', n)) /* none from here on: strchr finds what it is asked for */
        fail(&r, "it has zero bytes");
    else if (read_all(&r))
        return 0;
    snprintf(why, why_size, "the XML is not a topology: line %u: %s", r.line, r.problem);
    return -1;
}
