/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * socket.c - listening sockets and what is to be asked of, or told to, a socket.
 *
 * Called by listener.c and link.c. The one thing here that needs care is the unix socket's file: a
 * daemon that was killed leaves it behind, and two daemons may start at the same moment (a unit is
 * started once by the system and once by hand, say). Whether a listener lives behind a file is
 * asked by connecting to it; asking, removing and binding are one step, under a lock on the folder
 * that is held for no longer than that. So no lock file stays behind, and of two that start exactly
 * one wins.
 */
#include "config.h"

#include "net/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
#include "common/text.h"
#include "net/address.h"

#define LOCK_TIMEOUT_MS 2000
#define LOCK_RETRY_MS 10
#define BACKLOG 511
#define KEEPALIVE_IDLE_S 2
#define KEEPALIVE_INTERVAL_S 1
#define KEEPALIVE_PROBES 3
#define UNACKNOWLEDGED_MS 5000

/* Closes without losing errno. Returns -1. */
static int close_failed(int fd)
{
    int error = errno;

    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

/* ------------------------------------------------------------ unix sockets */

/* Locks the folder of a path; bounded, for whoever holds it might be stopped. */
static int lock_folder(const char *path)
{
    int64_t deadline_ms = ft_clock_ms() + LOCK_TIMEOUT_MS;
    const struct timespec pause = {0, LOCK_RETRY_MS * 1000000L};
    char *copy = strdup(path);
    int fd;

    if (copy == NULL)
        return -1;
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    if (fd < 0)
        return -1;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return close_failed(fd);
        if (ft_clock_ms() >= deadline_ms) {
            errno = ETIMEDOUT;
            return close_failed(fd);
        }
        nanosleep(&pause, NULL);
    }
    return fd;
}

static int unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Removes the file of a listener that is gone. EADDRINUSE if it lives, or if the path is no socket:
 * somebody's file is not ours to delete. */
static int remove_stale(const struct sockaddr_un *address)
{
    struct stat status;
    bool refused;
    int fd;

    if (lstat(address->sun_path, &status) != 0)
        return errno == ENOENT ? 0 : -1;
    fd = unix_socket();
    if (fd < 0)
        return -1;
    refused = S_ISSOCK(status.st_mode) &&
              connect(fd, (const struct sockaddr *) address, sizeof *address) != 0 &&
              errno == ECONNREFUSED;
    close(fd);
    if (!refused) {
        errno = EADDRINUSE;
        return -1;
    }
    return unlink(address->sun_path) == 0 || errno == ENOENT ? 0 : -1;
}

/* Between bind and listen nobody can connect, so the mode is right before it matters. */
static int bind_unix(const struct sockaddr_un *address)
{
    int fd = unix_socket();

    if (fd < 0)
        return -1;
    if (bind(fd, (const struct sockaddr *) address, sizeof *address) != 0)
        return close_failed(fd);
    if (chmod(address->sun_path, 0600) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;

        unlink(address->sun_path);
        errno = error;
        return close_failed(fd);
    }
    return fd;
}

int ft_socket_listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = -1, lock_fd;

    if (path[0] == '\0') {
        errno = EINVAL;
        return -1;
    }
    if (!ft_text_copy(address.sun_path, sizeof address.sun_path, path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    lock_fd = lock_folder(path);
    if (lock_fd < 0)
        return -1;
    if (remove_stale(&address) == 0)
        fd = bind_unix(&address);
    close_failed(lock_fd); /* and unlocked by that */
    return fd;
}

bool ft_socket_unix_peer(int fd, pid_t *pid, uid_t *uid)
{
    struct ucred who;
    socklen_t size = sizeof who;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 || size != sizeof who)
        return false;
    *pid = who.pid;
    *uid = who.uid;
    return true;
}

/* ------------------------------------------------------------ TCP and UDP */

/* SO_REUSEADDR lets TCP have a port again whose old connections still linger; for UDP it would let
 * two daemons have the same port at once. */
static int bind_at(const struct addrinfo *address)
{
    const int on = 1, off = 0;
    bool tcp = address->ai_socktype == SOCK_STREAM;
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    if (tcp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return close_failed(fd);
    if (address->ai_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0)
        return close_failed(fd);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || (tcp && listen(fd, BACKLOG) != 0))
        return close_failed(fd);
    return fd;
}

static int errno_of_lookup(int error)
{
    switch (error) {
    case EAI_SYSTEM:
        return errno;
    case EAI_MEMORY:
        return ENOMEM;
    case EAI_AGAIN:
        return EAGAIN;
    default:
        return EADDRNOTAVAIL;
    }
}

/* The addresses of one family are tried in turn; a first one that works is enough. */
static int bind_family(const char *host, const char *port, int family, int type)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = type,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int fd = -1, error;

    error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        errno = errno_of_lookup(error);
        return -1;
    }
    for (struct addrinfo *address = found; address != NULL && fd < 0; address = address->ai_next)
        fd = bind_at(address);
    error = errno;
    freeaddrinfo(found);
    errno = error;
    return fd;
}

static int bind_port(const char *host, uint16_t port, int type)
{
    char port_text[8];
    int fd;

    snprintf(port_text, sizeof port_text, "%u", (unsigned) port);
    if (host != NULL && host[0] != '\0')
        return bind_family(host, port_text, AF_UNSPEC, type);
    /* IPv6's "all" includes IPv4's; but a kernel may have no IPv6. */
    fd = bind_family(NULL, port_text, AF_INET6, type);
    return fd >= 0 || errno == EADDRINUSE || errno == EACCES
               ? fd
               : bind_family(NULL, port_text, AF_INET, type);
}

int ft_socket_listen_tcp(const char *host, uint16_t port)
{
    return bind_port(host, port, SOCK_STREAM);
}

int ft_socket_bind_udp(const char *host, uint16_t port)
{
    return bind_port(host, port, SOCK_DGRAM);
}

uint16_t ft_socket_port(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;

    if (getsockname(fd, (struct sockaddr *) &address, &size) != 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *) &address)->sin_port);
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *) &address)->sin6_port);
    return 0;
}

/* Improvements, all of them: a socket that refuses one works still, so failures do not matter. */
void ft_socket_tune_tcp(int fd)
{
    static const struct {
        int level, option, value;
    } tuning[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS},
    };

    for (size_t i = 0; i < sizeof tuning / sizeof tuning[0]; i++)
        (void) setsockopt(fd, tuning[i].level, tuning[i].option, &tuning[i].value,
                          sizeof tuning[i].value);
}

void ft_socket_tcp_peer(int fd, char *text, size_t size)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    const char *v4;

    text[0] = '\0';
    if (getpeername(fd, (struct sockaddr *) &address, &length) != 0 ||
        getnameinfo((struct sockaddr *) &address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        ft_text_copy(text, size, "unknown address");
        return;
    }
    v4 = strncmp(host, "::ffff:", 7) == 0 && strchr(host, '.') != NULL ? host + 7 : NULL;
    if (v4 != NULL || address.ss_family == AF_INET)
        ft_text_appendf(text, size, "%s:%s", v4 != NULL ? v4 : host, port);
    else
        ft_text_appendf(text, size, "[%s]:%s", host, port);
}

bool ft_socket_peer_address(int fd, struct sockaddr_storage *address)
{
    socklen_t size = sizeof *address;

    memset(address, 0, sizeof *address);
    if (getpeername(fd, (struct sockaddr *) address, &size) != 0)
        return false;
    ft_address_unmap(address);
    return address->ss_family == AF_INET || address->ss_family == AF_INET6;
}

int ft_socket_unacked_ms(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return -1;
    return info.tcpi_unacked > 0 ? (int) info.tcpi_last_ack_recv : 0;
}
