/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clean.c - every text of a message that came in is made valid UTF-8.
 *
 * Called by channel.c between unpacking a message and handing it out. Texts travel on into event
 * logs and replies as JSON, whose writers refuse a text that is no UTF-8; one client with a path in
 * some old encoding could so make an event vanish. Cleaned here once, no receiver has to think of
 * it.
 *
 * Walks the message by protobuf-c's own descriptors, so that fields that are added need no line
 * here. The depth is that of ft.proto, in which no message contains itself.
 */
#include "config.h"

#include "wire/clean.h"

#include "common/text.h"

static void clean(ProtobufCMessage *message);

static void clean_value(ProtobufCType type, void *value)
{
    if (value == NULL)
        return;
    if (type == PROTOBUF_C_TYPE_STRING)
        ft_text_make_utf8(value); /* the default "" is a constant, but has no byte to be changed */
    else
        clean(value);
}

static void clean_field(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const char *base = (const char *) message;
    const void *member = base + field->offset;

    if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
        return;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t n = *(const size_t *) (const void *) (base + field->quantifier_offset);
        void **list = *(void **const *) member;

        for (size_t i = 0; i < n; i++)
            clean_value(field->type, list[i]);
        return;
    }
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
        *(const uint32_t *) (const void *) (base + field->quantifier_offset) != field->id)
        return;
    clean_value(field->type, *(void *const *) member);
}

static void clean(ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        clean_field(message, &message->descriptor->fields[i]);
}

void ft_clean_message(Ft__Message *message)
{
    clean(&message->base);
}
