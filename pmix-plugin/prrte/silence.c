/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * silence.c - a peer that says nothing any more is noticed in seconds.
 *
 * A node that loses its power or its network closes no connection. TCP by itself finds out after
 * many minutes: keepalive, as PRRTE sets it, after 300 s, and not at all while sent data waits for
 * its acknowledgement; then it is the retransmissions that give up, after a quarter of an hour. So
 * both are limited on every TCP connection of this process, which are PRRTE's: probes each second,
 * and an end when nothing was acknowledged for errmgr_ft_silence_ms. It is the peer's kernel that
 * acknowledges, so a daemon that is busy or stopped is not silent.
 *
 * The master calls it when daemons have come, the daemons when the master tells them which others
 * are lost (it does so each time daemons have come). When a connection ends by this, it is
 * COMM_FAILED on the master (survive.c), and the lifeline on a daemon that was cut off: it ends,
 * and its processes with it.
 *
 * With the units running, the central unit declares a silent node sooner (news.c), and the node's
 * unit ends its processes; this is what is left where they are not.
 */
#include "ft_prrte.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static bool is_tcp_connection(int fd)
{
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;
    int protocol;
    socklen_t protocol_n = sizeof protocol;

    return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &protocol_n) == 0
           && protocol == IPPROTO_TCP && getpeername(fd, (struct sockaddr *) &peer, &n) == 0;
}

static int limit(int fd)
{
    int yes = 1, second = 1;
    unsigned silence_ms = (unsigned) ftp_params.silence_ms;
    int probes = ftp_params.silence_ms / 1000 > 0 ? ftp_params.silence_ms / 1000 : 1;

    if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes) < 0
        || setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &second, sizeof second) < 0
        || setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &second, sizeof second) < 0
        || setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes) < 0
        || setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence_ms, sizeof silence_ms) < 0)
        return errno;
    return 0;
}

int ftp_silence_connection(void)
{
    DIR *open_ones = opendir("/proc/self/fd");
    struct dirent *entry;
    int found = -1;

    while (open_ones != NULL && found < 0 && (entry = readdir(open_ones)) != NULL) {
        int fd = atoi(entry->d_name);
        if (fd > 0 && is_tcp_connection(fd))
            found = fd;
    }
    if (open_ones != NULL)
        closedir(open_ones);
    return found;
}

void ftp_silence_limit(void)
{
    struct dirent *entry;
    DIR *open_ones;

    if (ftp_params.silence_ms <= 0)
        return;
    open_ones = opendir("/proc/self/fd");
    if (open_ones == NULL) {
        ftp_say(1, "a silent peer may go unnoticed: /proc/self/fd: %s", strerror(errno));
        return;
    }
    while ((entry = readdir(open_ones)) != NULL) {
        int fd = atoi(entry->d_name); /* 0 for "." and "..", which is looked at anyway */
        int rc = is_tcp_connection(fd) ? limit(fd) : 0;

        if (rc != 0)
            ftp_say(1, "descriptor %d: a silent peer may go unnoticed: %s", fd, strerror(rc));
    }
    closedir(open_ones);
}
