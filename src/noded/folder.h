/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * folder.h - the folder of a session, or of the node itself, and the right to be its only unit.
 */
#ifndef FT_NODED_FOLDER_H
#define FT_NODED_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#define FT_FOLDER_SYSTEM "/run/ft"
#define FT_FOLDER_SYSTEM_LOG "/var/log/ft/noded.log"
#define FT_FOLDER_PATH_MAX 108 /* a unix socket's path may not be longer */

enum ft_folder_result {
    FT_FOLDER_OURS,   /* *folder is set */
    FT_FOLDER_TAKEN,  /* a unit of this session lives here already */
    FT_FOLDER_REFUSED /* see `why` */
};

struct ft_folder;

/* Makes BASE/ft-UID/SESSION (mode 0700) if need be, makes sure that it is this user's and nobody
 * else can write in it, and takes its lock. The lock lasts until ft_folder_close, or the end of the
 * last process that has it: it passes on to a child by fork. */
enum ft_folder_result ft_folder_open(const char *base, const char *session,
                                     struct ft_folder **folder, char *why, size_t why_size);

/* The same for the node's own unit: PATH (mode 0755, root's or this user's), which stays when the
 * unit ends. Its log is FT_FOLDER_SYSTEM_LOG. */
enum ft_folder_result ft_folder_open_system(const char *path, struct ft_folder **folder, char *why,
                                            size_t why_size);

const char *ft_folder_socket(const struct ft_folder *folder);
const char *ft_folder_log(const struct ft_folder *folder);

/* Gives the lock up and removes what is the unit's: lock, log unless it is to be kept, and the
 * folder if nothing is left in it. Takes NULL. */
void ft_folder_close(struct ft_folder *folder, bool keep_log);

/* Frees the object alone, in the parent of a process that goes on with the folder. */
void ft_folder_forget(struct ft_folder *folder);

#endif
