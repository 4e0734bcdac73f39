/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * address.c - addresses of IP with their ports: read, written, compared.
 *
 * Called by udp.c and by the daemons, for what datagrams come from and go to. A socket of both
 * families gives the addresses of IPv4 peers in IPv6's clothes and wants them so; everybody above
 * udp.c sees plain IPv4.
 */
#include "config.h"

#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* ------------------------------------------------------------ the two families */

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

socklen_t ft_address_length(const struct sockaddr *address)
{
    return address->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                         : sizeof(struct sockaddr_in6);
}

void ft_address_unmap(struct sockaddr_storage *address)
{
    struct sockaddr_in plain = {.sin_family = AF_INET};
    struct sockaddr_in6 mapped;

    if (address->ss_family != AF_INET6)
        return;
    memcpy(&mapped, address, sizeof mapped);
    if (memcmp(mapped.sin6_addr.s6_addr, mapped_prefix, sizeof mapped_prefix) != 0)
        return;
    memcpy(&plain.sin_addr, mapped.sin6_addr.s6_addr + sizeof mapped_prefix, sizeof plain.sin_addr);
    plain.sin_port = mapped.sin6_port;
    memset(address, 0, sizeof *address);
    memcpy(address, &plain, sizeof plain);
}

void ft_address_map(struct sockaddr_storage *address)
{
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6};
    struct sockaddr_in plain;

    if (address->ss_family != AF_INET)
        return;
    memcpy(&plain, address, sizeof plain);
    memcpy(mapped.sin6_addr.s6_addr, mapped_prefix, sizeof mapped_prefix);
    memcpy(mapped.sin6_addr.s6_addr + sizeof mapped_prefix, &plain.sin_addr,
           sizeof plain.sin_addr);
    mapped.sin6_port = plain.sin_port;
    memset(address, 0, sizeof *address);
    memcpy(address, &mapped, sizeof mapped);
}

bool ft_address_pack(const struct sockaddr *address, uint8_t bytes[16])
{
    struct sockaddr_storage mapped;
    const struct in6_addr *host = &((struct sockaddr_in6 *) &mapped)->sin6_addr;

    if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
        return false;
    memcpy(&mapped, address, ft_address_length(address));
    ft_address_map(&mapped);
    if (IN6_IS_ADDR_LINKLOCAL(host))
        return false;
    memcpy(bytes, host->s6_addr, 16);
    return true;
}

void ft_address_unpack(const uint8_t bytes[16], uint16_t port, struct sockaddr_storage *address)
{
    struct sockaddr_in6 plain = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    memcpy(plain.sin6_addr.s6_addr, bytes, 16);
    memset(address, 0, sizeof *address);
    memcpy(address, &plain, sizeof plain);
    ft_address_unmap(address);
}

/* A copy in one family, so that two can be compared. False for what is no address of IP. */
static bool copy_unmapped(struct sockaddr_storage *to, const struct sockaddr *from)
{
    if (from->sa_family != AF_INET && from->sa_family != AF_INET6)
        return false;
    memset(to, 0, sizeof *to);
    memcpy(to, from, ft_address_length(from));
    ft_address_unmap(to);
    return true;
}

bool ft_address_same_host(const struct sockaddr *a, const struct sockaddr *b)
{
    struct sockaddr_storage x, y;

    if (!copy_unmapped(&x, a) || !copy_unmapped(&y, b) || x.ss_family != y.ss_family)
        return false;
    if (x.ss_family == AF_INET)
        return ((struct sockaddr_in *) &x)->sin_addr.s_addr ==
               ((struct sockaddr_in *) &y)->sin_addr.s_addr;
    return memcmp(&((struct sockaddr_in6 *) &x)->sin6_addr,
                  &((struct sockaddr_in6 *) &y)->sin6_addr, sizeof(struct in6_addr)) == 0 &&
           ((struct sockaddr_in6 *) &x)->sin6_scope_id ==
               ((struct sockaddr_in6 *) &y)->sin6_scope_id;
}

/* ------------------------------------------------------------ ports */

uint16_t ft_address_port(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohs(((const struct sockaddr_in *) address)->sin_port);
    if (address->sa_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *) address)->sin6_port);
    return 0;
}

void ft_address_set_port(struct sockaddr *address, uint16_t port)
{
    if (address->sa_family == AF_INET)
        ((struct sockaddr_in *) address)->sin_port = htons(port);
    else if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *) address)->sin6_port = htons(port);
}

/* ------------------------------------------------------------ texts */

/* A port's number: 1 to 5 digits, at most 65535. 0 for none. */
static uint16_t read_port(const char *text)
{
    unsigned long port = 0;
    size_t n = strspn(text, "0123456789");

    if (n == 0 || n > 5 || text[n] != '\0')
        return 0;
    port = strtoul(text, NULL, 10);
    return port <= 65535 ? (uint16_t) port : 0;
}

static bool read_host(const char *host, uint16_t port, struct sockaddr_storage *address)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM,
                                   .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;

    /* inet_aton's short forms ("10.1") are nobody's intention. */
    if (strchr(host, ':') == NULL && inet_pton(AF_INET, host, &(struct in_addr){0}) != 1)
        return false;
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    memset(address, 0, sizeof *address);
    memcpy(address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    ft_address_unmap(address);
    ft_address_set_port((struct sockaddr *) address, port);
    return true;
}

bool ft_address_parse(const char *text, uint16_t default_port, struct sockaddr_storage *address)
{
    char host[FT_ADDRESS_TEXT_MAX];
    uint16_t port = default_port;
    char *end;

    if (text == NULL || !ft_text_copy(host, sizeof host, text))
        return false;
    if (host[0] == '[') {
        end = strchr(host, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return false;
        if (end[1] == ':')
            port = read_port(end + 2);
        *end = '\0';
        return port != 0 && strchr(host + 1, ':') != NULL && read_host(host + 1, port, address);
    }
    end = strchr(host, ':');
    if (end != NULL && strchr(end + 1, ':') == NULL) { /* one colon: IPv4 and a port */
        port = read_port(end + 1);
        *end = '\0';
    }
    return port != 0 && read_host(host, port, address);
}

const char *ft_address_text(const struct sockaddr *address, char text[FT_ADDRESS_TEXT_MAX])
{
    struct sockaddr_storage plain;
    char host[NI_MAXHOST];

    text[0] = '\0';
    if (!copy_unmapped(&plain, address) ||
        getnameinfo((struct sockaddr *) &plain, ft_address_length((struct sockaddr *) &plain), host,
                    sizeof host, NULL, 0, NI_NUMERICHOST) != 0) {
        ft_text_copy(text, FT_ADDRESS_TEXT_MAX, "?");
        return text;
    }
    ft_text_appendf(text, FT_ADDRESS_TEXT_MAX, plain.ss_family == AF_INET ? "%s:%u" : "[%s]:%u",
                    host, (unsigned) ft_address_port(address));
    return text;
}
