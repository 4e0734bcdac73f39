/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * locations.h - where the nodes are, for the library in the ranks.
 */
#ifndef FT_CLI_LOCATIONS_H
#define FT_CLI_LOCATIONS_H

#define LOCATIONS_MAX 65536 /* bytes of the text: an environment has to hold it */

/* What an ft.conf says of where its nodes are: "n0=row1/rack1 n1=row1/rack2".
 *   conf   path of the file
 * Returns a text to be freed. NULL: no location is told, the text would be longer than
 * LOCATIONS_MAX, or the file cannot be used, which the central unit tells. */
char *locations_of(const char *conf);

#endif
