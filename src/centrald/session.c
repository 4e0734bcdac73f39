/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * session.c - owns the central unit's part of the session's folder: central.sock and central.log.
 *
 * The folder is in /tmp, where everybody may write: what somebody else has put there under our
 * name, be it a folder, a link or anything else, is refused with its name and never followed. The
 * node's unit, which has its own part in the same folder, comes and goes by itself; whoever is last
 * removes the folder.
 */
#include "centrald/session.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VANISHED_MAX 100
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static bool is_name(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && name[strspn(name, NAME_CHARACTERS)] == '\0';
}

static int make_private(const char *path, char *why, size_t size)
{
    struct stat info;

    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        snprintf(why, size, "folder %s cannot be made: %s", path, strerror(errno));
        return -1;
    }
    if (lstat(path, &info) < 0) {
        snprintf(why, size, "folder %s: %s", path, strerror(errno));
        return -1;
    }
    if (S_ISDIR(info.st_mode) && info.st_uid == geteuid() && (info.st_mode & 0077) == 0)
        return 0;
    snprintf(why, size, "%s is not a folder of this user alone (mode 0700): remove it, or have its "
             "owner remove it", path);
    errno = EPERM;
    return -1;
}

int ft_session_open(struct ft_session *session, const char *base, const char *name, char *why,
                    size_t size)
{
    char user[FT_SESSION_PATH_MAX];
    int n;

    if (!is_name(name)) {
        snprintf(why, size, "\"%.100s\" cannot be a session's name: letters, digits, '.', '_' and "
                 "'-', and no '.' first", name);
        return -1;
    }
    n = snprintf(user, sizeof user, "%s/ft-%u", base, (unsigned) geteuid());
    if (n > 0 && (size_t) n < sizeof user)
        n = snprintf(session->folder, sizeof session->folder, "%s/%s", user, name);
    if (n < 0 || (size_t) n + sizeof "/central.sock" > sizeof session->socket) {
        snprintf(why, size, "the session's name \"%.100s\" is too long for the path of a socket",
                 name);
        return -1;
    }
    memcpy(session->socket, session->folder, (size_t) n + 1);
    strcat(session->socket, "/central.sock");
    memcpy(session->log, session->folder, (size_t) n + 1);
    strcat(session->log, "/central.log");
    /* Whoever ends as the last of this user's sessions takes the parent away, maybe just now. */
    for (int i = 0; i < VANISHED_MAX; i++) {
        if (make_private(user, why, size) == 0 && make_private(session->folder, why, size) == 0)
            return 0;
        if (errno != ENOENT)
            break;
    }
    return -1;
}

void ft_session_close(const struct ft_session *session)
{
    char user[FT_SESSION_PATH_MAX];
    char *slash;

    unlink(session->log);
    if (rmdir(session->folder) < 0)
        return;
    memcpy(user, session->folder, sizeof user);
    slash = strrchr(user, '/');
    if (slash != NULL) {
        *slash = '\0';
        rmdir(user); /* other sessions may be in it */
    }
}
