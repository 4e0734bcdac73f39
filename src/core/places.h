/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * places.h - where nodes are, as a tree: "row1/rack2" is within "row1" is within "" (everywhere).
 *
 * For judging what is silent together. A place lists all members within it, those of inner places
 * too; a member is a number, its owner's own.
 */
#ifndef FT_CORE_PLACES_H
#define FT_CORE_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "core/timers.h"

#define FT_PLACE_DEPTH_MAX 8 /* a location with more steps is cut off there */

/* Silence of a place's members, as one event. Kept here, judged by the detector. */
enum ft_silence {
    FT_SILENCE_NONE,
    FT_SILENCE_ON,     /* many at once: verdicts are held back */
    FT_SILENCE_EXPIRED /* it lasted too long: each is judged alone; till most are heard again */
};

struct ft_detector_place {
    char *name;                        /* "" for everywhere */
    struct ft_detector_place *parent;  /* NULL of everywhere */
    uint32_t *members;
    size_t members_n, members_room;
    enum ft_silence silence;
    int64_t silence_ns;                /* when it began */
    struct ft_timer timer;             /* while there is silence */
    struct ft_detector_place *next;    /* in the order they came to be known */
};

struct ft_places;

/* timers: room is reserved there for each place's. NULL: out of memory. */
struct ft_places *ft_places_create(struct ft_timers *timers);
void ft_places_destroy(struct ft_places *places); /* takes NULL */

struct ft_detector_place *ft_places_everywhere(struct ft_places *places);

/* Finds or makes the place of that name, and those around it. NULL with errno ENOMEM. */
struct ft_detector_place *ft_places_get(struct ft_places *places, const char *name);

/* A member comes to a place (and those around it) or leaves. -1 with errno ENOMEM and nothing
 * changed. */
int ft_places_add(struct ft_detector_place *place, uint32_t member);
void ft_places_drop(struct ft_detector_place *place, uint32_t member);

#endif
