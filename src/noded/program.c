/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * program.c - looks at a program's file, and puts another one in its place.
 *
 * Called by redeploy.c in threads of libuv's pool: all of this may wait for a disk. A program is
 * never run to find out what it is: a damaged one could do anything. It bears a mark, and its
 * version behind that. The new one is gathered beside the old one, in a file that only its owner
 * can read, and is moved over it when it is whole and on the disk: whoever starts the program finds
 * the old one or the new one, never half of it, also after a loss of power.
 */
#include "config.h"

#include "noded/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES 65536
#define NEW_SUFFIX ".sent"
#define OLD_SUFFIX ".replaced"
#define NAMES_BYTES 16384

/* ---------------------------------------------------------------- looking */

static ssize_t read_some(int fd, void *to, size_t n)
{
    ssize_t k;

    do {
        k = read(fd, to, n);
    } while (k < 0 && errno == EINTR);
    return k;
}

/* The text behind the mark, up to its NUL, in n bytes; false if there is none that is whole. */
static bool find_mark(const char *bytes, size_t n, const char *mark, char *says)
{
    size_t mark_n = strlen(mark);
    const char *at = memmem(bytes, n, mark, mark_n);
    size_t left, length;

    if (at == NULL)
        return false;
    left = n - (size_t)(at - bytes) - mark_n;
    length = strnlen(at + mark_n, left);
    if (length == left || length == 0 || length >= FT_PROGRAM_SAYS_MAX)
        return false;
    memcpy(says, at + mark_n, length + 1);
    return true;
}

/* Pieces overlap by as much as a mark and a version have. */
static void read_mark(int fd, const char *mark, char *says)
{
    size_t overlap = strlen(mark) + FT_PROGRAM_SAYS_MAX, held = 0;
    char *bytes = malloc(overlap + PIECE_BYTES);
    ssize_t n = 1;

    while (bytes != NULL && (n = read_some(fd, bytes + held, PIECE_BYTES)) > 0) {
        held += (size_t)n;
        if (find_mark(bytes, held, mark, says))
            break;
        if (held > overlap) {
            memmove(bytes, bytes + held - overlap, overlap);
            held = overlap;
        }
    }
    free(bytes);
}

void ft_program_look(const char *path, const char *mark, struct ft_program_state *state)
{
    struct stat is;
    char magic[4] = "";
    int fd;

    memset(state, 0, sizeof *state);
    state->there = stat(path, &is) == 0;
    if (!state->there || !S_ISREG(is.st_mode) || ft_checksum_file(path, state->checksum) != 0)
        return;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return;
    /* What cannot be executed is no program, whatever it bears. */
    if (read_some(fd, magic, sizeof magic) == sizeof magic && memcmp(magic, "\177ELF", 4) == 0 &&
        (is.st_mode & 0111) != 0)
        read_mark(fd, mark, state->says);
    close(fd);
}

/* ---------------------------------------------------------------- does it run? */

static ssize_t read_proc(const char *pid, const char *name, char *to, size_t size)
{
    char path[64];
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/%.20s/%s", pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    n = read_some(fd, to, size - 1);
    close(fd);
    to[n > 0 ? n : 0] = '\0';
    return n;
}

static bool has_argument(const char *words, size_t n, const char *word)
{
    for (size_t at = 0; at < n; at += strlen(words + at) + 1)
        if (strcmp(words + at, word) == 0)
            return true;
    return false;
}

/* Others' processes may bear any name. A zombie has no arguments any more. */
static bool is_it(const char *pid, const char *name, const char *not)
{
    char path[64], comm[32], words[4096];
    struct stat is;
    ssize_t n = read_proc(pid, "comm", comm, sizeof comm);

    if (n <= 0)
        return false;
    comm[strcspn(comm, "\n")] = '\0';
    snprintf(path, sizeof path, "/proc/%.20s", pid);
    if (strncmp(comm, name, 15) != 0 || stat(path, &is) != 0 ||
        (is.st_uid != 0 && is.st_uid != geteuid()))
        return false;
    n = read_proc(pid, "cmdline", words, sizeof words);
    return n > 0 && !has_argument(words, (size_t)n, not);
}

pid_t ft_program_runs(const char *name, const char *not)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    pid_t pid = 0;

    while (dir != NULL && pid == 0 && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[strspn(entry->d_name, "0123456789")] == '\0' &&
            is_it(entry->d_name, name, not))
            pid = (pid_t)atol(entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    return pid;
}

/* ---------------------------------------------------------------- another one in its place */

static int beside(char to[PATH_MAX], const char *path, const char *suffix)
{
    if (snprintf(to, PATH_MAX, "%s%s", path, suffix) < PATH_MAX)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

int ft_program_open_new(const char *path)
{
    char new[PATH_MAX];

    if (beside(new, path, NEW_SUFFIX) != 0 || (unlink(new) != 0 && errno != ENOENT))
        return -1;
    return open(new, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

void ft_program_drop_new(const char *path)
{
    char new[PATH_MAX];

    if (beside(new, path, NEW_SUFFIX) == 0)
        unlink(new); /* what stays is removed before the next one */
}

static int problem(char *why, size_t size, const char *what, const char *path)
{
    snprintf(why, size, "%s %.300s: %s", what, path, strerror(errno));
    return -1;
}

static int find_user(const char *name, uid_t *uid, gid_t *gid)
{
    char names[NAMES_BYTES];
    struct passwd entry, *found = NULL;

    if (getpwnam_r(name, &entry, names, sizeof names, &found) != 0 || found == NULL)
        return -1;
    *uid = found->pw_uid;
    *gid = found->pw_gid;
    return 0;
}

static int find_group(const char *name, gid_t *gid)
{
    char names[NAMES_BYTES];
    struct group entry, *found = NULL;

    if (getgrnam_r(name, &entry, names, sizeof names, &found) != 0 || found == NULL)
        return -1;
    *gid = found->gr_gid;
    return 0;
}

static int set_owner(int fd, const char *owner, char *why, size_t size)
{
    const char *colon = strchr(owner, ':');
    char *user = strndup(owner, colon ? (size_t)(colon - owner) : strlen(owner));
    uid_t uid = (uid_t)-1;
    gid_t gid = (gid_t)-1;
    bool known = user != NULL && (*user == '\0' || find_user(user, &uid, &gid) == 0) &&
                 (colon == NULL || find_group(colon + 1, &gid) == 0);

    free(user);
    if (!known) {
        snprintf(why, size, "central_owner = \"%.100s\" of noded.conf: there is no such user or "
                 "group", owner);
        return -1;
    }
    return fchown(fd, uid, gid) == 0 ? 0 : problem(why, size, "its owner cannot be", owner);
}

/* What was gathered is what was meant, as it is read back. */
static int check_new(const char *new, const struct ft_program_put *put, char *why, size_t size)
{
    struct ft_program_state is;

    ft_program_look(new, put->mark, &is);
    if (!ft_checksum_equal(is.checksum, put->checksum))
        snprintf(why, size, "what arrived has the checksum %s, and not %.80s",
                 is.checksum[0] ? is.checksum : "(unreadable)", put->checksum);
    else if (strcmp(is.says, put->version) != 0)
        snprintf(why, size, "what arrived is not version %.40s of the program", put->version);
    else
        return 0;
    return -1;
}

static int sync_folder(const char *path)
{
    char folder[PATH_MAX];
    char *slash;
    int fd, result;

    snprintf(folder, sizeof folder, "%s", path);
    slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder ? 1 : 0] = '\0';
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    result = fsync(fd);
    close(fd);
    return result;
}

int ft_program_put(int fd, const struct ft_program_put *put, char *why, size_t size)
{
    char new[PATH_MAX], old[PATH_MAX];

    if (beside(new, put->path, NEW_SUFFIX) != 0 || beside(old, put->path, OLD_SUFFIX) != 0)
        return problem(why, size, "no file can be made beside", put->path);
    if (put->owner[0] != '\0' && set_owner(fd, put->owner, why, size) != 0)
        return -1;
    if (fchmod(fd, put->mode) != 0 || fsync(fd) != 0)
        return problem(why, size, "it cannot be written:", new);
    if (check_new(new, put, why, size) != 0)
        return -1;
    /* For whoever wants to know what had happened to it; if it cannot be kept it is not. */
    if (access(put->path, F_OK) == 0 && (unlink(old) == 0 || errno == ENOENT))
        (void)!link(put->path, old);
    if (rename(new, put->path) != 0)
        return problem(why, size, "it cannot be put in place:", put->path);
    if (sync_folder(put->path) != 0)
        return problem(why, size, "it is in place, and may not be after a loss of power:", put->path);
    return 0;
}

/* ---------------------------------------------------------------- a file that is missing */

static int write_whole(int fd, const char *text)
{
    size_t n = strlen(text);

    while (n > 0) {
        ssize_t k = write(fd, text, n);

        if (k < 0 && errno != EINTR)
            return -1;
        text += k > 0 ? k : 0;
        n -= k > 0 ? (size_t)k : 0;
    }
    return 0;
}

/* A text that was parsed may have lost the end of its last line. */
static int finish(int fd, const char *text)
{
    size_t n = strlen(text);

    if (n > 0 && text[n - 1] != '\n' && write_whole(fd, "\n") != 0)
        return -1;
    return fchmod(fd, 0644) == 0 && fsync(fd) == 0 ? 0 : -1;
}

/* Only the last one: what is above it belongs to the system. */
static void make_folder(const char *path)
{
    char folder[PATH_MAX];
    char *slash;

    snprintf(folder, sizeof folder, "%s", path);
    slash = strrchr(folder, '/');
    if (slash == NULL || slash == folder)
        return;
    *slash = '\0';
    (void)mkdir(folder, 0755); /* if not, opening the file tells why */
}

int ft_program_write_missing(const char *path, const char *text)
{
    char new[PATH_MAX];
    int fd, error;

    if (access(path, F_OK) == 0)
        return 0;
    make_folder(path);
    fd = ft_program_open_new(path);
    if (fd < 0 || beside(new, path, NEW_SUFFIX) != 0)
        return -1;
    /* link, not rename: what somebody else puts there meanwhile counts. */
    if (write_whole(fd, text) == 0 && finish(fd, text) == 0 && link(new, path) == 0) {
        close(fd);
        unlink(new);
        return sync_folder(path) == 0 ? 1 : -1;
    }
    error = errno;
    close(fd);
    unlink(new);
    errno = error;
    return error == EEXIST ? 0 : -1;
}
