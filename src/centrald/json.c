/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * json.c - writes a JSON object, through yyjson: for telling.c and admin.c. Texts come from other
 * programs and files, so each is made UTF-8 first.
 */
#include "centrald/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

void ft_json_begin(struct ft_json *json)
{
    json->doc = yyjson_mut_doc_new(NULL);
    json->root = json->doc != NULL ? yyjson_mut_obj(json->doc) : NULL;
    json->failed = json->root == NULL;
    if (!json->failed)
        yyjson_mut_doc_set_root(json->doc, json->root);
}

char *ft_json_end(struct ft_json *json)
{
    char *text = json->failed ? NULL : yyjson_mut_write(json->doc, 0, NULL);

    yyjson_mut_doc_free(json->doc);
    json->doc = NULL;
    json->root = NULL;
    return text;
}

/* A text as a value; NULL: out of memory. */
static yyjson_mut_val *value_of(struct ft_json *json, const char *text)
{
    char *copy;
    yyjson_mut_val *value;

    if (json->failed)
        return NULL;
    if (text == NULL)
        return yyjson_mut_null(json->doc);
    copy = strdup(text);
    if (copy == NULL)
        return NULL;
    ft_text_make_utf8(copy);
    value = yyjson_mut_strcpy(json->doc, copy);
    free(copy);
    return value;
}

static void add(struct ft_json *json, ft_json_at to, const char *key, yyjson_mut_val *value)
{
    if (json->failed || to == NULL || value == NULL ||
        !yyjson_mut_obj_add(to, yyjson_mut_str(json->doc, key), value))
        json->failed = true;
}

static void append(struct ft_json *json, ft_json_at list, yyjson_mut_val *value)
{
    if (json->failed || list == NULL || value == NULL || !yyjson_mut_arr_append(list, value))
        json->failed = true;
}

void ft_json_text(struct ft_json *json, ft_json_at to, const char *key, const char *text)
{
    add(json, to, key, value_of(json, text));
}

void ft_json_number(struct ft_json *json, ft_json_at to, const char *key, int64_t number)
{
    add(json, to, key, json->failed ? NULL : yyjson_mut_sint(json->doc, number));
}

void ft_json_real(struct ft_json *json, ft_json_at to, const char *key, double number)
{
    if (isfinite(number))
        add(json, to, key,
            json->failed ? NULL : yyjson_mut_real(json->doc, round(number * 1000) / 1000));
    else
        ft_json_null(json, to, key);
}

void ft_json_truth(struct ft_json *json, ft_json_at to, const char *key, bool truth)
{
    add(json, to, key, json->failed ? NULL : yyjson_mut_bool(json->doc, truth));
}

void ft_json_null(struct ft_json *json, ft_json_at to, const char *key)
{
    add(json, to, key, json->failed ? NULL : yyjson_mut_null(json->doc));
}

ft_json_at ft_json_object(struct ft_json *json, ft_json_at to, const char *key)
{
    ft_json_at object = json->failed ? NULL : yyjson_mut_obj(json->doc);

    add(json, to, key, object);
    return object;
}

ft_json_at ft_json_list(struct ft_json *json, ft_json_at to, const char *key)
{
    ft_json_at list = json->failed ? NULL : yyjson_mut_arr(json->doc);

    add(json, to, key, list);
    return list;
}

ft_json_at ft_json_item(struct ft_json *json, ft_json_at list)
{
    ft_json_at object = json->failed ? NULL : yyjson_mut_obj(json->doc);

    append(json, list, object);
    return object;
}

void ft_json_item_raw(struct ft_json *json, ft_json_at list, const char *raw)
{
    append(json, list, json->failed ? NULL : yyjson_mut_rawcpy(json->doc, raw));
}
