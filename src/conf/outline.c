/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * outline.c - owns the outline of one file's text: see outline.h. Called by plan.c only.
 *
 * The text is cut into words and signs as libconfuse's own scanner does: a word is quoted, or ends
 * at a blank or a sign. What counts here is only how they follow each other:
 *
 *     NAME = VALUE        NAME = { VALUE, ... }        KIND { ... }        KIND TITLE { ... }
 *
 * Where they follow each other in another way the outline ends: it is not its matter to complain.
 */
#include "conf/outline.h"

#include <stdlib.h>
#include <string.h>

#define SIGNS "={}()+,"
#define BLANKS " \t\r\n"

enum kind { END, WORD, SIGN };

struct token {
    enum kind kind;
    char *at;       /* in the text, quotes included */
    size_t n;
    char *word;     /* without them */
    size_t word_n;
    int line;       /* of its beginning */
};

struct section {
    char *kind, *title;
    int line;
    size_t first, n; /* its options: they stand together */
};

struct option {
    size_t section;
    char *name;
    int line;
};

struct ft_outline {
    struct section *sections;
    size_t sections_n;
    struct option *options;
    size_t options_n;
    bool no_memory;
    int broken; /* the line */
    /* While it is being made: */
    char *at;
    int line;
    ft_outline_known_t known;
    struct ft_mistakes *mistakes;
};

/* ---------------------------------------------------------------- words and signs */

static void skip_blanks(struct ft_outline *outline)
{
    for (; *outline->at != '\0' && strchr(BLANKS, *outline->at) != NULL; outline->at++)
        outline->line += *outline->at == '\n';
}

static void take_quoted(struct ft_outline *outline, struct token *token)
{
    char quote = *outline->at++;

    token->word = outline->at;
    while (*outline->at != '\0' && *outline->at != quote) {
        size_t n = outline->at[0] == '\\' && outline->at[1] != '\0' ? 2 : 1;

        for (size_t i = 0; i < n; i++)
            outline->line += outline->at[i] == '\n';
        outline->at += n;
    }
    token->word_n = (size_t) (outline->at - token->word);
    outline->at += *outline->at == quote;
}

static struct token next(struct ft_outline *outline)
{
    struct token token = {.kind = END};

    skip_blanks(outline);
    token.at = token.word = outline->at;
    token.line = outline->line;
    if (*outline->at == '\0')
        return token;
    token.kind = WORD;
    if (*outline->at == '"' || *outline->at == '\'') {
        take_quoted(outline, &token);
    } else if (strchr(SIGNS, *outline->at) != NULL) {
        token.kind = SIGN;
        outline->at++;
    } else {
        token.word_n = strcspn(outline->at, BLANKS SIGNS "\"'");
        outline->at += token.word_n;
    }
    token.n = (size_t) (outline->at - token.at);
    return token;
}

static bool is_sign(const struct token *token, char sign)
{
    return token->kind == SIGN && *token->at == sign;
}

/* Goes on behind the brace that closes the one just read. False: there is none. */
static bool skip_braces(struct ft_outline *outline)
{
    for (unsigned depth = 1; depth > 0;) {
        struct token token = next(outline);

        if (token.kind == END)
            return false;
        depth += is_sign(&token, '{');
        depth -= is_sign(&token, '}');
    }
    return true;
}

static void blank(char *from, const char *to)
{
    for (; from < to; from++)
        *from = *from == '\n' ? '\n' : ' ';
}

/* ---------------------------------------------------------------- what there is */

static char *word_of(struct ft_outline *outline, const struct token *token)
{
    char *word = strndup(token->word, token->word_n);

    outline->no_memory |= word == NULL;
    return word;
}

static const struct option *find_option(const struct ft_outline *outline, size_t section,
                                        const char *name)
{
    bool top = section == FT_OUTLINE_TOP;
    size_t first = top ? 0 : outline->sections[section].first;
    size_t end = top ? outline->options_n : first + outline->sections[section].n;

    for (size_t i = first; i < end; i++) {
        if (outline->options[i].section == section && strcmp(outline->options[i].name, name) == 0)
            return &outline->options[i];
    }
    return NULL;
}

static const struct section *find_section(const struct ft_outline *outline, const char *kind,
                                          const char *title)
{
    for (size_t i = 0; i < outline->sections_n; i++) {
        const struct section *section = &outline->sections[i];

        if (strcmp(section->kind, kind) == 0 &&
            (title == NULL || section->title == NULL || strcmp(section->title, title) == 0))
            return section;
    }
    return NULL;
}

/* Both grow in steps of a power of two. NULL: out of memory. */
static void *grown(void *array, size_t n, size_t item_bytes)
{
    if (n > 0 && (n & (n - 1)) != 0)
        return array;
    return realloc(array, (n > 0 ? 2 * n : 1) * item_bytes);
}

static void add_option(struct ft_outline *outline, size_t section, char *name, int line)
{
    struct option *options = grown(outline->options, outline->options_n, sizeof *options);

    if (options == NULL) {
        outline->no_memory = true;
        free(name);
        return;
    }
    outline->options = options;
    options[outline->options_n++] = (struct option){.section = section, .name = name, .line = line};
    if (section != FT_OUTLINE_TOP)
        outline->sections[section].n++;
}

static bool add_section(struct ft_outline *outline, char *kind, char *title, int line)
{
    struct section *sections = grown(outline->sections, outline->sections_n, sizeof *sections);

    if (sections == NULL) {
        outline->no_memory = true;
        return false;
    }
    outline->sections = sections;
    sections[outline->sections_n++] =
        (struct section){.kind = kind, .title = title, .line = line, .first = outline->options_n};
    return true;
}

/* ---------------------------------------------------------------- going through */

static const char *kind_of(const struct ft_outline *outline, size_t section)
{
    return section == FT_OUTLINE_TOP ? "" : outline->sections[section].kind;
}

/* Behind "NAME": a value or a list of them. False: it is not well formed. */
static bool skip_value(struct ft_outline *outline)
{
    struct token token = next(outline);

    if (is_sign(&token, '+'))
        token = next(outline);
    if (!is_sign(&token, '='))
        return false;
    token = next(outline);
    return is_sign(&token, '{') ? skip_braces(outline) : token.kind == WORD;
}

/* Goes over an option and remembers it, or complains and blanks it. */
static bool take_option(struct ft_outline *outline, size_t section, const struct token *name,
                        bool known)
{
    char *word = word_of(outline, name);
    const struct option *before;
    const char *kind = kind_of(outline, section);

    if (word == NULL || !skip_value(outline)) {
        free(word);
        return false;
    }
    before = known ? find_option(outline, section, word) : NULL;
    if (!known)
        ft_mistake(outline->mistakes, name->line, "there is no option '%s'%s%s%s", word,
                   kind[0] != '\0' ? " in a " : "", kind, kind[0] != '\0' ? " section" : "");
    else if (before != NULL)
        ft_mistake(outline->mistakes, name->line, "%s is there twice, first in line %d", word,
                   before->line);
    if (known && before == NULL) {
        add_option(outline, section, word, name->line);
        return !outline->no_memory;
    }
    blank(name->at, outline->at);
    free(word);
    return true;
}

static bool take_options(struct ft_outline *outline, size_t section);

/* Behind "KIND {" or "KIND TITLE {". kind, title (may be NULL): taken. */
static bool take_section(struct ft_outline *outline, char *begin, int line, char *kind, char *title,
                         bool known)
{
    const struct section *before = known ? find_section(outline, kind, title) : NULL;

    if (known && before == NULL && add_section(outline, kind, title, line))
        return take_options(outline, outline->sections_n - 1);
    if (!known)
        ft_mistake(outline->mistakes, line, "there is no section '%s'", kind);
    else if (before != NULL)
        ft_mistake(outline->mistakes, line, "%s%s%s%s is there twice, first in line %d", kind,
                   title != NULL ? " \"" : "", title != NULL ? title : "",
                   title != NULL ? "\"" : "", before->line);
    free(kind);
    free(title);
    if (!skip_braces(outline))
        return false;
    blank(begin, outline->at);
    return true;
}

/* Something that begins with a name, at the top. What it is the next sign tells. */
static bool take_top(struct ft_outline *outline, const struct token *name)
{
    char *at = outline->at, *kind, *title = NULL;
    int line = outline->line;
    struct token token = next(outline);
    char known;

    if (is_sign(&token, '=') || is_sign(&token, '+')) {
        outline->at = at;
        outline->line = line;
        kind = word_of(outline, name);
        known = kind != NULL ? outline->known("", kind) : 0;
        free(kind);
        /* A section's name used as an option's: libconfuse says what is missing. */
        return known != 's' && known != 't' && take_option(outline, FT_OUTLINE_TOP, name,
                                                           known == 'o');
    }
    kind = word_of(outline, name);
    if (token.kind == WORD) {
        title = word_of(outline, &token);
        token = next(outline);
    }
    known = kind != NULL ? outline->known("", kind) : 0;
    if (!is_sign(&token, '{') || outline->no_memory || known == 'o' ||
        (known != 0 && (known == 't') != (title != NULL))) {
        free(kind);
        free(title);
        return false;
    }
    return take_section(outline, name->at, name->line, kind, title, known != 0);
}

/* Up to the brace that closes the section. */
static bool take_options(struct ft_outline *outline, size_t section)
{
    for (;;) {
        struct token name = next(outline);
        char word[64];
        bool known;

        if (is_sign(&name, '}'))
            return true;
        if (name.kind != WORD)
            return false;
        /* A name that does not fit is none that is known. */
        memcpy(word, name.word, name.word_n < sizeof word ? name.word_n : 0);
        word[name.word_n < sizeof word ? name.word_n : 0] = '\0';
        known = outline->known(kind_of(outline, section), word) == 'o';
        if (!take_option(outline, section, &name, known))
            return false;
    }
}

struct ft_outline *ft_outline_create(char *text, ft_outline_known_t known,
                                     struct ft_mistakes *mistakes)
{
    struct ft_outline *outline = calloc(1, sizeof *outline);
    struct token name;

    if (outline == NULL)
        return NULL;
    outline->at = text;
    outline->line = 1;
    outline->known = known;
    outline->mistakes = mistakes;
    do
        name = next(outline);
    while (name.kind == WORD && take_top(outline, &name));
    if (name.kind != END)
        outline->broken = outline->line;
    if (!outline->no_memory)
        return outline;
    ft_outline_destroy(outline);
    return NULL;
}

void ft_outline_destroy(struct ft_outline *outline)
{
    if (outline == NULL)
        return;
    for (size_t i = 0; i < outline->sections_n; i++) {
        free(outline->sections[i].kind);
        free(outline->sections[i].title);
    }
    for (size_t i = 0; i < outline->options_n; i++)
        free(outline->options[i].name);
    free(outline->sections);
    free(outline->options);
    free(outline);
}

/* ---------------------------------------------------------------- looking in */

size_t ft_outline_section(const struct ft_outline *outline, const char *kind, size_t from)
{
    for (size_t i = from; i < outline->sections_n; i++) {
        if (strcmp(outline->sections[i].kind, kind) == 0)
            return i;
    }
    return FT_OUTLINE_TOP;
}

int ft_outline_line(const struct ft_outline *outline, size_t section, const char *option)
{
    const struct option *found =
        option != NULL ? find_option(outline, section, option) : NULL;

    if (found != NULL)
        return found->line;
    return section == FT_OUTLINE_TOP ? 0 : outline->sections[section].line;
}

int ft_outline_broken(const struct ft_outline *outline)
{
    return outline->broken;
}

bool ft_outline_has(const struct ft_outline *outline, size_t section, const char *option)
{
    return find_option(outline, section, option) != NULL;
}
