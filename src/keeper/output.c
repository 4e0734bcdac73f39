/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * output.c - owns a module's log file and its stream into the journal.
 *
 * The keeper reads the pipe and hands in the bytes. The log is bounded: at 4 MiB it becomes LOG.1,
 * over the one before. A full disk, or a journal that does not read, loses output and nothing else:
 * neither the module nor the keeper ever waits for them.
 */
#include "config.h"

#include "keeper/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/text.h"

#define JOURNAL "/run/systemd/journal/stdout"
#define PATH_BYTES 4096

static void open_file(struct ft_output *output)
{
    struct stat is;

    output->written = 0;
    output->file = open(output->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (output->file >= 0 && fstat(output->file, &is) == 0)
        output->written = (size_t)is.st_size;
}

static void rotate(struct ft_output *output)
{
    char old[PATH_BYTES];

    close(output->file);
    if ((size_t)snprintf(old, sizeof old, "%s.1", output->path) >= sizeof old ||
        rename(output->path, old) != 0)
        unlink(output->path); /* bounded before all */
    open_file(output);
}

/* The journal's own protocol for standard output: seven lines about the stream, then lines. */
static int open_journal(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = JOURNAL};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    char head[160];
    int n = snprintf(head, sizeof head, "ft-%.64s\n\n6\n1\n0\n0\n0\n", name);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, head, (size_t)n, MSG_NOSIGNAL) == n)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

void ft_output_open(struct ft_output *output, const char *path, const char *name)
{
    memset(output, 0, sizeof *output);
    output->path = path;
    output->file = -1;
    if (*path)
        open_file(output);
    output->journal = open_journal(name);
}

static void to_file(struct ft_output *output, const char *bytes, size_t n)
{
    ssize_t k;

    if (output->file >= 0 && output->written >= FT_OUTPUT_LOG_MAX)
        rotate(output);
    if (output->file < 0)
        return;
    k = write(output->file, bytes, n);
    if (k > 0)
        output->written += (size_t)k;
}

void ft_output_take(struct ft_output *output, const char *bytes, size_t n)
{
    to_file(output, bytes, n);
    if (output->journal >= 0 &&
        send(output->journal, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) {
        close(output->journal); /* it was restarted: the file has it all */
        output->journal = -1;
    }
    for (size_t i = n > sizeof output->ring ? n - sizeof output->ring : 0; i < n; i++)
        output->ring[(output->n + i) % sizeof output->ring] = bytes[i];
    output->n += n;
}

void ft_output_tail(const struct ft_output *output, char *text, size_t size)
{
    size_t n = output->n < sizeof output->ring ? output->n : sizeof output->ring;
    size_t k = 0, from = output->n - n;
    char *line;

    if (n > size - 1) {
        from += n - (size - 1);
        n = size - 1;
    }
    for (size_t i = 0; i < n; i++) {
        char c = output->ring[(from + i) % sizeof output->ring];
        text[k++] = c ? c : ' ';
    }
    text[k] = '\0';
    line = from > 0 ? strchr(text, '\n') : NULL;
    if (line && line[1])
        memmove(text, line + 1, strlen(line + 1) + 1);
    ft_text_make_utf8(text);
}

void ft_output_close(struct ft_output *output)
{
    if (output->file >= 0)
        close(output->file);
    if (output->journal >= 0)
        close(output->journal);
    output->file = output->journal = -1;
}
