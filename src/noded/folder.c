/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * folder.c - owns BASE/ft-UID/SESSION/noded.lock, and checks the folders above it. Who leaves them
 * empty removes them. For the node's own unit: owns /run/ft/noded.lock; that folder stays.
 *
 * BASE is /tmp, where everybody may write: somebody else may have made ft-UID first, as a folder, a
 * link or anything, to read what passes or to have files of ours removed. So nothing is followed,
 * and what is not ours and ours alone is refused with its name.
 *
 * The lock (flock on an open file) makes a session's unit the only one: it cannot be left behind
 * by a unit that was killed. A second unit that finds the lock taken looks whether the first one
 * answers on its socket, and steps back; while the first is on its way up or down it looks again,
 * for at most TAKEN_WAIT_MS.
 */
#include "config.h"

#include "noded/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#define TAKEN_WAIT_MS 3000
#define TAKEN_STEP_MS 20
#define VANISHED_MAX 100

struct ft_folder {
    int lock;
    bool stays; /* when the unit ends: the node's own */
    char path[FT_FOLDER_PATH_MAX];
    char socket[FT_FOLDER_PATH_MAX];
    char log[FT_FOLDER_PATH_MAX];
    char lock_path[FT_FOLDER_PATH_MAX];
};

static int refuse(char *why, size_t why_size, const char *path, const char *problem)
{
    snprintf(why, why_size, "folder %s %s: remove it, or have its owner remove it", path, problem);
    errno = EPERM;
    return -1;
}

/* A folder in which others may write must keep them from touching what is not theirs. */
static int check_base(const char *path, char *why, size_t why_size)
{
    struct stat info;

    if (stat(path, &info) != 0) {
        snprintf(why, why_size, "folder %s: %s", path, strerror(errno));
        return -1;
    }
    if ((info.st_mode & 0022) && !(info.st_mode & S_ISVTX)) {
        snprintf(why, why_size, "others may write in %s and it is not sticky: chmod +t %s", path,
                 path);
        return -1;
    }
    return 0;
}

static int make_private(const char *path, char *why, size_t why_size)
{
    struct stat info;

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        snprintf(why, why_size, "folder %s cannot be made: %s", path, strerror(errno));
        return -1;
    }
    if (lstat(path, &info) != 0) {
        snprintf(why, why_size, "folder %s: %s", path, strerror(errno));
        return -1;
    }
    if (!S_ISDIR(info.st_mode))
        return refuse(why, why_size, path, "is something else");
    if (info.st_uid != geteuid())
        return refuse(why, why_size, path, "belongs to another user");
    if (info.st_mode & 0022)
        return refuse(why, why_size, path, "can be written by other users");
    if ((info.st_mode & 0777) != 0700 && chmod(path, 0700) != 0) {
        snprintf(why, why_size, "folder %s: mode 0700: %s", path, strerror(errno));
        return -1;
    }
    return 0;
}

static bool is_session(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    return n > 0 && name[n] == '\0' && name[0] != '.';
}

static int make_path(char path[FT_FOLDER_PATH_MAX], const char *folder, const char *name)
{
    int n = snprintf(path, FT_FOLDER_PATH_MAX, "%s/%s", folder, name);

    return n > 0 && n < FT_FOLDER_PATH_MAX ? 0 : -1;
}

static int make_paths(struct ft_folder *folder, const char *parent, const char *session)
{
    if (make_path(folder->path, parent, session) != 0 ||
        make_path(folder->socket, folder->path, "noded.sock") != 0 ||
        make_path(folder->log, folder->path, "noded.log") != 0)
        return -1;
    return make_path(folder->lock_path, folder->path, "noded.lock");
}

static int make_all(struct ft_folder *folder, const char *base, const char *session, char *why,
                    size_t why_size)
{
    char parent[FT_FOLDER_PATH_MAX];
    int n = snprintf(parent, sizeof parent, "%s/ft-%lu", base, (unsigned long)geteuid());

    if (!is_session(session)) {
        snprintf(why, why_size, "session \"%.100s\" is not a name of letters, digits, '.', '_' "
                 "and '-'", session);
        return -1;
    }
    if (n < 0 || (size_t)n >= sizeof parent || make_paths(folder, parent, session) != 0) {
        snprintf(why, why_size, "session \"%.100s\" is too long: %s/ft-UID/SESSION/noded.sock may "
                 "have %d bytes", session, base, FT_FOLDER_PATH_MAX - 1);
        return -1;
    }
    if (check_base(base, why, why_size) != 0)
        return -1;
    /* Whoever ends as the last of this user's sessions takes the parent away, maybe just now. */
    for (int i = 0; i < VANISHED_MAX; i++) {
        if (make_private(parent, why, why_size) == 0 &&
            make_private(folder->path, why, why_size) == 0)
            return 0;
        if (errno != ENOENT)
            break;
    }
    return -1;
}

/* Is the file that we locked still the one that others would lock? A unit that ends removes it. */
static bool is_current(int fd, const char *path)
{
    struct stat ours, theirs;

    return fstat(fd, &ours) == 0 && lstat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino &&
           ours.st_dev == theirs.st_dev;
}

/* The lock's descriptor, or -1 with errno: EWOULDBLOCK taken, ENOENT the folder just went away. */
static int take_lock(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error;

    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (is_current(fd, path))
            return fd;
        errno = ENOENT;
    }
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static bool answers(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool connected;

    if (fd < 0)
        return false;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN;
    close(fd);
    return connected;
}

/* A folder for everybody's eyes that only this user writes in. */
static int make_public(const char *path, char *why, size_t why_size)
{
    struct stat info;

    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        snprintf(why, why_size, "folder %s cannot be made: %s%s", path, strerror(errno),
                 errno == EACCES ? "; the node's own unit is started by root" : "");
        return -1;
    }
    if (lstat(path, &info) != 0) {
        snprintf(why, why_size, "folder %s: %s", path, strerror(errno));
        return -1;
    }
    if (!S_ISDIR(info.st_mode))
        return refuse(why, why_size, path, "is something else");
    if (info.st_uid != geteuid())
        return refuse(why, why_size, path, "belongs to another user");
    if (info.st_mode & 0022)
        return refuse(why, why_size, path, "can be written by other users");
    return chmod(path, 0755) == 0 ? 0 : refuse(why, why_size, path, "cannot be made readable");
}

/* Makes the folders, again if they vanish meanwhile. */
struct place {
    const char *base, *session; /* of a session */
    const char *path;           /* of the node; NULL: a session's */
};

static int make(struct ft_folder *folder, const struct place *place, char *why, size_t why_size)
{
    if (!place->path)
        return make_all(folder, place->base, place->session, why, why_size);
    folder->stays = true;
    if (snprintf(folder->path, sizeof folder->path, "%s", place->path) >=
            (int)sizeof folder->path ||
        make_path(folder->socket, place->path, "noded.sock") != 0 ||
        make_path(folder->lock_path, place->path, "noded.lock") != 0 ||
        snprintf(folder->log, sizeof folder->log, "%s", FT_FOLDER_SYSTEM_LOG) < 0) {
        snprintf(why, why_size, "folder %.100s: its name is too long", place->path);
        return -1;
    }
    return make_public(place->path, why, why_size);
}

static enum ft_folder_result take(const struct place *place, struct ft_folder **result, char *why,
                                  size_t why_size)
{
    const struct timespec step = {.tv_nsec = TAKEN_STEP_MS * 1000000L};
    int64_t end_ms = ft_clock_ms() + TAKEN_WAIT_MS;
    struct ft_folder *folder = calloc(1, sizeof *folder);

    *result = NULL;
    why[0] = '\0';
    if (!folder)
        snprintf(why, why_size, "out of memory");
    while (folder && make(folder, place, why, why_size) == 0) {
        folder->lock = take_lock(folder->lock_path);
        if (folder->lock >= 0) {
            *result = folder;
            return FT_FOLDER_OURS;
        }
        if (errno != EWOULDBLOCK && errno != ENOENT) {
            snprintf(why, why_size, "file %s: %s", folder->lock_path, strerror(errno));
            break;
        }
        if (answers(folder->socket)) {
            free(folder);
            return FT_FOLDER_TAKEN;
        }
        if (ft_clock_ms() >= end_ms) {
            snprintf(why, why_size, "another ft-noded of %s%s holds %s but has not answered "
                     "on its socket for %d ms: look at its log, end it",
                     place->path ? "this node" : "session ", place->path ? "" : place->session,
                     folder->lock_path, TAKEN_WAIT_MS);
            break;
        }
        nanosleep(&step, NULL);
    }
    free(folder);
    return FT_FOLDER_REFUSED;
}

enum ft_folder_result ft_folder_open(const char *base, const char *session,
                                     struct ft_folder **result, char *why, size_t why_size)
{
    const struct place place = {.base = base, .session = session};

    return take(&place, result, why, why_size);
}

enum ft_folder_result ft_folder_open_system(const char *path, struct ft_folder **result, char *why,
                                            size_t why_size)
{
    const struct place place = {.path = path};

    return take(&place, result, why, why_size);
}

const char *ft_folder_socket(const struct ft_folder *folder)
{
    return folder->socket;
}

const char *ft_folder_log(const struct ft_folder *folder)
{
    return folder->log;
}

void ft_folder_close(struct ft_folder *folder, bool keep_log)
{
    char old_log[FT_FOLDER_PATH_MAX + 2];
    char *slash;

    if (!folder)
        return;
    if (!keep_log && !folder->stays) {
        snprintf(old_log, sizeof old_log, "%s.1", folder->log);
        unlink(folder->log);
        unlink(old_log);
    }
    unlink(folder->lock_path); /* while we hold it: see is_current */
    /* Both fail, as they should, if something else is in them. */
    if (!folder->stays && rmdir(folder->path) == 0 && (slash = strrchr(folder->path, '/')) != NULL) {
        *slash = '\0';
        rmdir(folder->path);
    }
    ft_folder_forget(folder);
}

void ft_folder_forget(struct ft_folder *folder)
{
    close(folder->lock); /* the lock stays with whoever else has it open */
    free(folder);
}
