/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * disk.c - a folder of the real file system as a voter's store wants it.
 *
 * Each change is followed by fdatasync, and by fsync of the folder where a name came, went or
 * changed: it has to survive that power is lost right after the call. Whole files are written
 * beside the old one (NAME.new) and renamed over it.
 *
 * A failed fsync is never tried again on the same bytes: the kernel may have dropped them and say
 * that all is well the second time. The caller is told EIO and gives up.
 */
#include "centrald/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/clock.h"

#define NAME_MAX_BYTES 128
#define FILE_MAX_BYTES (160u << 20) /* a larger one is none of ours */
#define LOST_KEPT 2

struct folder {
    struct ft_disk table;
    int fd, lock;
};

static int close_keeping_errno(int fd)
{
    int saved = errno;

    close(fd);
    errno = saved;
    return -1;
}

static int list(void *arg, void (*visit)(void *to, const char *name), void *to)
{
    struct folder *folder = arg;
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *one;

    if (dir == NULL)
        return fd >= 0 ? close_keeping_errno(fd) : -1;
    errno = 0;
    while ((one = readdir(dir)) != NULL) {
        size_t n = strlen(one->d_name);
        bool is_new = n > 4 && strcmp(one->d_name + n - 4, ".new") == 0;

        if (is_new) /* power was lost before it became the file that it was to be */
            unlinkat(folder->fd, one->d_name, 0);
        else if (one->d_name[0] != '.' && strcmp(one->d_name, "lock") != 0 &&
                 strncmp(one->d_name, "lost-", 5) != 0)
            visit(to, one->d_name);
        errno = 0;
    }
    if (errno != 0) {
        int saved = errno;

        closedir(dir);
        errno = saved;
        return -1;
    }
    closedir(dir);
    return 0;
}

static int read_all(int fd, uint8_t *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = read(fd, bytes + done, n - done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (got == 0)
                errno = EIO; /* it became shorter under our hands */
            return -1;
        }
        done += (size_t)got;
    }
    return 0;
}

static int read_file(void *arg, const char *name, uint8_t **bytes, size_t *n)
{
    struct folder *folder = arg;
    int fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat about;

    if (fd < 0)
        return -1;
    if (fstat(fd, &about) != 0)
        return close_keeping_errno(fd);
    if (!S_ISREG(about.st_mode) || (uint64_t)about.st_size > FILE_MAX_BYTES) {
        errno = EFBIG;
        return close_keeping_errno(fd);
    }
    *n = (size_t)about.st_size;
    *bytes = malloc(*n > 0 ? *n : 1);
    if (*bytes == NULL)
        return close_keeping_errno(fd);
    if (read_all(fd, *bytes, *n) != 0) {
        free(*bytes);
        *bytes = NULL;
        return close_keeping_errno(fd);
    }
    close(fd);
    return 0;
}

static int write_at(int fd, uint64_t offset, const void *bytes, size_t n)
{
    const uint8_t *at = bytes;

    for (size_t done = 0; done < n;) {
        ssize_t put = pwrite(fd, at + done, n - done, (off_t)(offset + done));

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        if (put == 0) {
            errno = ENOSPC;
            return -1;
        }
        done += (size_t)put;
    }
    return 0;
}

/* What fdatasync fails with, a full disk and quota aside, is not to be tried again. */
static int sync_file(int fd)
{
    if (fdatasync(fd) == 0)
        return 0;
    if (errno != ENOSPC && errno != EDQUOT)
        errno = EIO;
    return -1;
}

static int sync_folder(struct folder *folder)
{
    if (fsync(folder->fd) == 0)
        return 0;
    errno = EIO;
    return -1;
}

static int replace(void *arg, const char *name, const void *bytes, size_t n)
{
    struct folder *folder = arg;
    char beside[NAME_MAX_BYTES];
    int fd;

    if (snprintf(beside, sizeof beside, "%s.new", name) >= (int)sizeof beside) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = openat(folder->fd, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    if (write_at(fd, 0, bytes, n) != 0 || sync_file(fd) != 0) {
        close_keeping_errno(fd);
        goto failed;
    }
    if (close(fd) != 0 || renameat(folder->fd, beside, folder->fd, name) != 0)
        goto failed;
    return sync_folder(folder);

failed:
    fd = errno;
    unlinkat(folder->fd, beside, 0);
    errno = fd;
    return -1;
}

static int append(void *arg, const char *name, uint64_t size, const void *bytes, size_t n)
{
    struct folder *folder = arg;
    int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int saved;

    if (fd < 0)
        return -1;
    if (write_at(fd, size, bytes, n) != 0 || sync_file(fd) != 0)
        goto failed;
    if (close(fd) != 0)
        return -1;
    return size == 0 ? sync_folder(folder) : 0;

failed:
    saved = errno;
    if (ftruncate(fd, (off_t)size) != 0)
        saved = EIO;
    close(fd);
    errno = saved;
    return -1;
}

static int overwrite(void *arg, const char *name, const void *bytes, size_t n)
{
    struct folder *folder = arg;
    int fd = openat(folder->fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return -1;
    if (write_at(fd, 0, bytes, n) != 0 || sync_file(fd) != 0)
        return close_keeping_errno(fd);
    return close(fd);
}

static int cut(void *arg, const char *name, uint64_t size)
{
    struct folder *folder = arg;
    int fd = openat(folder->fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return -1;
    if (ftruncate(fd, (off_t)size) != 0 || fsync(fd) != 0)
        return close_keeping_errno(fd);
    return close(fd);
}

static int remove_file(void *arg, const char *name)
{
    struct folder *folder = arg;

    if (unlinkat(folder->fd, name, 0) != 0)
        return errno == ENOENT ? 0 : -1;
    return sync_folder(folder);
}

static uint64_t room(void *arg)
{
    struct folder *folder = arg;
    struct statvfs about;

    if (fstatvfs(folder->fd, &about) != 0)
        return UINT64_MAX;
    return (uint64_t)about.f_bavail * about.f_frsize;
}

/* ---------------------------------------------------------------- setting aside */

struct moving {
    struct folder *folder;
    bool (*ours)(const char *name);
    int to, error;
};

static void move_one(void *to, const char *name)
{
    struct moving *moving = to;

    if (moving->ours(name) && renameat(moving->folder->fd, name, moving->to, name) != 0 &&
        moving->error == 0)
        moving->error = errno;
}

static void remove_lost(struct folder *folder, const char *name)
{
    int fd = openat(folder->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *one;

    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((one = readdir(dir)) != NULL)
        if (one->d_name[0] != '.')
            unlinkat(dirfd(dir), one->d_name, 0);
    closedir(dir);
    unlinkat(folder->fd, name, AT_REMOVEDIR);
}

/* Removes the oldest of the folders set aside, so that LOST_KEPT stay. Names sort by time. */
static void thin_lost(struct folder *folder)
{
    for (;;) {
        int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), count = 0;
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        char oldest[NAME_MAX_BYTES] = "";
        struct dirent *one;

        if (dir == NULL) {
            if (fd >= 0)
                close(fd);
            return;
        }
        while ((one = readdir(dir)) != NULL) {
            if (strncmp(one->d_name, "lost-", 5) != 0 || strlen(one->d_name) >= sizeof oldest)
                continue;
            if (count++ == 0 || strcmp(one->d_name, oldest) < 0)
                strcpy(oldest, one->d_name);
        }
        closedir(dir);
        if (count <= LOST_KEPT)
            return;
        remove_lost(folder, oldest);
        if (faccessat(folder->fd, oldest, F_OK, 0) == 0)
            return; /* it will not go: leave it */
    }
}

static int set_aside(void *arg, bool (*ours)(const char *name))
{
    struct folder *folder = arg;
    struct moving moving = {.folder = folder, .ours = ours};
    char name[NAME_MAX_BYTES];

    snprintf(name, sizeof name, "lost-%013lld", (long long)ft_clock_unix_ms());
    if (mkdirat(folder->fd, name, 0700) != 0 && errno != EEXIST)
        return -1;
    moving.to = openat(folder->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (moving.to < 0)
        return -1;
    if (list(folder, move_one, &moving) != 0)
        return close_keeping_errno(moving.to);
    close(moving.to);
    if (moving.error != 0) {
        errno = moving.error;
        return -1;
    }
    thin_lost(folder);
    return sync_folder(folder);
}

/* ---------------------------------------------------------------- opening */

static int make_folder(const char *path)
{
    char part[4096];
    size_t n = strlen(path);

    if (n >= sizeof part) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, i == n ? 0700 : 0755) != 0 && errno != EEXIST)
            return -1;
        part[i] = path[i];
    }
    return 0;
}

static void fill_table(struct folder *folder)
{
    folder->table = (struct ft_disk){
        .arg = folder, .list = list, .read = read_file, .replace = replace, .append = append,
        .overwrite = overwrite, .cut = cut, .remove = remove_file, .set_aside = set_aside,
        .room = room,
    };
}

struct ft_disk *ft_disk_open(const char *path, char *why, size_t size)
{
    struct folder *folder = calloc(1, sizeof *folder);
    const char *doing = "making";

    if (folder == NULL) {
        snprintf(why, size, "no memory");
        return NULL;
    }
    folder->lock = folder->fd = -1;
    fill_table(folder);
    if (make_folder(path) != 0)
        goto failed;
    doing = "opening";
    folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0)
        goto failed;
    doing = "locking";
    folder->lock = openat(folder->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (folder->lock < 0)
        goto failed;
    if (flock(folder->lock, LOCK_EX | LOCK_NB) == 0)
        return &folder->table;
    if (errno == EWOULDBLOCK) {
        snprintf(why, size, "the central unit's folder %s is in use by another ft-centrald; stop "
                 "that one first", path);
        errno = EBUSY;
        goto closed;
    }
failed:
    snprintf(why, size, "%s the central unit's folder %s: %s", doing, path, strerror(errno));
closed:
    ft_disk_close(&folder->table);
    return NULL;
}

void ft_disk_close(struct ft_disk *disk)
{
    struct folder *folder;
    int saved = errno;

    if (disk == NULL)
        return;
    folder = disk->arg;
    if (folder->lock >= 0)
        close(folder->lock);
    if (folder->fd >= 0)
        close(folder->fd);
    free(folder);
    errno = saved;
}
