/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * places.c - the tree of places, and who is where.
 *
 * Owned by the detector. A cluster has some hundreds of places and members move about once in a
 * lifetime, so places are found by walking their list and members by walking the place's; what the
 * detector does all day, picking members of a place, is an index into an array.
 */
#include "core/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ft_places {
    struct ft_timers *timers;
    struct ft_detector_place everywhere;
    struct ft_detector_place *last;
};

struct ft_places *ft_places_create(struct ft_timers *timers)
{
    struct ft_places *places = calloc(1, sizeof *places);

    if (places == NULL)
        return NULL;
    places->everywhere.name = strdup("");
    if (places->everywhere.name == NULL || ft_timers_reserve(timers) < 0) {
        free(places->everywhere.name);
        free(places);
        return NULL;
    }
    places->timers = timers;
    places->last = &places->everywhere;
    return places;
}

void ft_places_destroy(struct ft_places *places)
{
    struct ft_detector_place *place, *next;

    if (places == NULL)
        return;
    for (place = places->everywhere.next; place != NULL; place = next) {
        next = place->next;
        free(place->members);
        free(place->name);
        free(place);
    }
    free(places->everywhere.members);
    free(places->everywhere.name);
    free(places);
}

struct ft_detector_place *ft_places_everywhere(struct ft_places *places)
{
    return &places->everywhere;
}

static struct ft_detector_place *find(struct ft_places *places, const char *name, size_t n)
{
    struct ft_detector_place *place = &places->everywhere;

    while (place != NULL && (strncmp(place->name, name, n) != 0 || place->name[n] != '\0'))
        place = place->next;
    return place;
}

static struct ft_detector_place *make(struct ft_places *places, struct ft_detector_place *parent,
                                      const char *name, size_t n)
{
    struct ft_detector_place *place = calloc(1, sizeof *place);

    if (place == NULL)
        return NULL;
    place->name = strndup(name, n);
    if (place->name == NULL || ft_timers_reserve(places->timers) < 0) {
        free(place->name);
        free(place);
        errno = ENOMEM;
        return NULL;
    }
    place->parent = parent;
    places->last->next = place;
    places->last = place;
    return place;
}

struct ft_detector_place *ft_places_get(struct ft_places *places, const char *name)
{
    struct ft_detector_place *place = &places->everywhere;
    size_t n = 0;

    for (int depth = 0; depth < FT_PLACE_DEPTH_MAX && place != NULL; depth++) {
        struct ft_detector_place *parent = place;

        n += strspn(name + n, "/");
        if (name[n] == '\0')
            break;
        n += strcspn(name + n, "/");
        place = find(places, name, n);
        if (place == NULL)
            place = make(places, parent, name, n);
    }
    return place;
}

static int make_room(struct ft_detector_place *place)
{
    size_t room = place->members_room > 0 ? 2 * place->members_room : 16;
    uint32_t *members;

    if (place->members_n < place->members_room)
        return 0;
    members = realloc(place->members, room * sizeof *members);
    if (members == NULL) {
        errno = ENOMEM;
        return -1;
    }
    place->members = members;
    place->members_room = room;
    return 0;
}

int ft_places_add(struct ft_detector_place *place, uint32_t member)
{
    for (struct ft_detector_place *at = place; at != NULL; at = at->parent) {
        if (make_room(at) < 0)
            return -1;
    }
    for (struct ft_detector_place *at = place; at != NULL; at = at->parent)
        at->members[at->members_n++] = member;
    return 0;
}

void ft_places_drop(struct ft_detector_place *place, uint32_t member)
{
    for (; place != NULL; place = place->parent) {
        for (size_t i = 0; i < place->members_n; i++) {
            if (place->members[i] != member)
                continue;
            place->members[i] = place->members[--place->members_n];
            break;
        }
    }
}
