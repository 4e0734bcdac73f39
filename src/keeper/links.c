/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * links.c - owns the keeper's sockets, all non-blocking.
 *
 * `keeper.sock` (SOCK_SEQPACKET, mode 0600): a unit connects, gets the state at once and whenever
 * it changed, and sends commands. One that does not read is not waited for: it gets the last state
 * when it reads again, and can always read the file `status`.
 *
 * `notify.sock` (datagrams, for sd_notify): the kernel tells who sends. Descriptors that come along
 * are closed: that is what sd_notify_barrier() waits for, and stores are not kept here.
 */
#include "config.h"

#include "keeper/links.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4
#define COMMAND_BYTES 256
#define NOTICE_BYTES 4096
#define NOTICES_AT_ONCE 256
#define PASSED_MAX 16 /* descriptors with a datagram */

static int bind_here(int type, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

    if (fd < 0)
        return -1;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", name);
    if ((unlink(name) == 0 || errno == ENOENT) &&
        bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && chmod(name, 0600) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

int ft_links_open(struct ft_links *links, int first)
{
    int on = 1;

    memset(links, 0, sizeof *links);
    for (size_t i = 0; i < FT_LINKS_MAX; i++)
        links->fds[i] = -1;
    links->notify = -1;
    links->listener = bind_here(SOCK_SEQPACKET, FT_KEEP_SOCKET);
    if (first >= 0) {
        fcntl(first, F_SETFD, FD_CLOEXEC);
        fcntl(first, F_SETFL, O_NONBLOCK);
        links->fds[0] = first;
    }
    if (links->listener < 0 || listen(links->listener, BACKLOG) != 0)
        return -1;
    links->notify = bind_here(SOCK_DGRAM, FT_KEEP_NOTIFY);
    if (links->notify < 0)
        return -1;
    return setsockopt(links->notify, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
}

void ft_links_polls(const struct ft_links *links, struct pollfd *polls)
{
    polls[0] = (struct pollfd){.fd = links->listener, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = links->notify, .events = POLLIN};
    for (size_t i = 0; i < FT_LINKS_MAX; i++)
        polls[i + 2] = (struct pollfd){
            .fd = links->fds[i],
            .events = (short)(POLLIN | (links->behind[i] ? POLLOUT : 0)),
        };
}

static void drop(struct ft_links *links, size_t i)
{
    close(links->fds[i]);
    links->fds[i] = -1;
    links->behind[i] = false;
}

static void say_to(struct ft_links *links, size_t i)
{
    ssize_t n = send(links->fds[i], links->state, links->n, MSG_NOSIGNAL | MSG_DONTWAIT);

    links->behind[i] = n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS);
    if (n < 0 && !links->behind[i])
        drop(links, i);
}

/* The eldest makes room: it is a unit that is no more, or hangs. */
static size_t free_place(struct ft_links *links)
{
    for (size_t i = 0; i < FT_LINKS_MAX; i++)
        if (links->fds[i] < 0)
            return i;
    drop(links, 0);
    for (size_t i = 1; i < FT_LINKS_MAX; i++) {
        links->fds[i - 1] = links->fds[i];
        links->behind[i - 1] = links->behind[i];
    }
    links->fds[FT_LINKS_MAX - 1] = -1;
    return FT_LINKS_MAX - 1;
}

static void take_new(struct ft_links *links)
{
    int fd = accept4(links->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    size_t i;

    if (fd < 0)
        return;
    i = free_place(links);
    links->fds[i] = fd;
    if (links->n > 0)
        say_to(links, i);
}

static void take_commands(struct ft_links *links, int fd, ft_links_command_fn command, void *arg)
{
    char text[COMMAND_BYTES];
    ssize_t n;

    while ((n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT)) > 0) {
        text[n] = '\0';
        command(arg, text);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    for (size_t i = 0; i < FT_LINKS_MAX; i++)
        if (links->fds[i] == fd)
            drop(links, i);
}

void ft_links_serve(struct ft_links *links, const struct pollfd *polls,
                    ft_links_command_fn command, void *arg)
{
    for (size_t i = 0; i < FT_LINKS_MAX; i++) {
        int fd = polls[i + 2].fd;
        if (fd < 0 || links->fds[i] != fd)
            continue;
        if (polls[i + 2].revents & POLLOUT)
            say_to(links, i);
        if (polls[i + 2].revents & (POLLIN | POLLHUP | POLLERR))
            take_commands(links, fd, command, arg);
    }
    if (polls[0].revents & POLLIN)
        take_new(links);
}

/* ---------------------------------------------------------------- notices */

/* Who sent it; false if the kernel does not say. Passed descriptors are closed. */
static bool read_control(struct msghdr *message, struct ucred *sender)
{
    bool known = false;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(sender, CMSG_DATA(c), sizeof *sender);
            known = true;
        } else if (c->cmsg_type == SCM_RIGHTS) {
            size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < n; i++) {
                int fd;
                memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
                close(fd);
            }
        }
    }
    return known;
}

void ft_links_notices(struct ft_links *links, ft_links_notice_fn notice, void *arg)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(PASSED_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    char text[NOTICE_BYTES];

    for (int i = 0; i < NOTICES_AT_ONCE; i++) {
        struct iovec part = {.iov_base = text, .iov_len = sizeof text};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                                 .msg_controllen = sizeof control};
        struct ucred sender;
        ssize_t n = recvmsg(links->notify, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (n < 0)
            return;
        if (read_control(&message, &sender) && !(message.msg_flags & MSG_TRUNC))
            notice(arg, text, (size_t)n, sender.pid, sender.uid);
    }
}

/* ---------------------------------------------------------------- saying */

void ft_links_say(struct ft_links *links, const struct ft_keep_state *state)
{
    links->n = ft_keep_state_write(state, links->state, sizeof links->state);
    for (size_t i = 0; i < FT_LINKS_MAX; i++)
        if (links->fds[i] >= 0 && !links->behind[i])
            say_to(links, i);
}

void ft_links_flush(struct ft_links *links, int timeout_ms)
{
    for (size_t i = 0; i < FT_LINKS_MAX; i++) {
        struct pollfd one = {.fd = links->fds[i], .events = POLLOUT};
        if (links->fds[i] >= 0 && links->behind[i] && poll(&one, 1, timeout_ms) == 1)
            say_to(links, i);
    }
}

void ft_links_close_names(struct ft_links *links)
{
    if (links->listener >= 0)
        close(links->listener);
    if (links->notify >= 0)
        close(links->notify);
    links->listener = links->notify = -1;
}
