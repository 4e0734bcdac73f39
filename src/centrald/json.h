/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * json.h - writes a JSON object. Every call may run out of memory; only the last one says so.
 */
#ifndef FT_CENTRALD_JSON_H
#define FT_CENTRALD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

typedef yyjson_mut_val *ft_json_at; /* an object or a list in it; NULL: there was no memory */

struct ft_json {
    yyjson_mut_doc *doc;
    ft_json_at root;
    bool failed;
};

void ft_json_begin(struct ft_json *json);
/* The text, to be freed; NULL: out of memory. Nothing else is left. */
char *ft_json_end(struct ft_json *json);

/* In an object `to`, under a key (which is borrowed until the end). A text of NULL is null; what is
 * no UTF-8 in it becomes '?'. */
void ft_json_text(struct ft_json *json, ft_json_at to, const char *key, const char *text);
void ft_json_number(struct ft_json *json, ft_json_at to, const char *key, int64_t number);
void ft_json_real(struct ft_json *json, ft_json_at to, const char *key, double number); /* .001 */
void ft_json_truth(struct ft_json *json, ft_json_at to, const char *key, bool truth);
void ft_json_null(struct ft_json *json, ft_json_at to, const char *key);
ft_json_at ft_json_object(struct ft_json *json, ft_json_at to, const char *key);
ft_json_at ft_json_list(struct ft_json *json, ft_json_at to, const char *key);

/* At the end of a list. raw: JSON already. */
ft_json_at ft_json_item(struct ft_json *json, ft_json_at list);
void ft_json_item_raw(struct ft_json *json, ft_json_at list, const char *raw);

#endif
