/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host.c - understands the name of an FT host.
 *
 * Called once by openFT. A name is a socket on this node (unix:PATH) or a unit elsewhere
 * (HOST:PORT); the latter needs the key, from the file that FT_KEY_FILE names. The key is never
 * taken from the environment or an argument, and a file that others could read is refused: whoever
 * read it could speak for the runtime. Names are resolved here and not when a lost connection is
 * made again, so that no later call hangs in the system's resolver.
 */
#include "config.h"

#include "libft/host.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/text.h"

#define UNIX_PREFIX "unix:"
#define SESSION_PREFIX "/tmp/ft-"

/* ---------------------------------------------------------------- sockets of this node */

static ftRetVal_t read_unix(struct ft_host *host, const char *path, struct ft_why *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (path[0] == '\0')
        return ft_why_set(why, FT_ERR_HOST, NULL, "FT host \"%s\" names no socket", host->text);
    if (!ft_text_copy(address.sun_path, sizeof address.sun_path, path))
        return ft_why_set(why, FT_ERR_HOST, "use a shorter path",
                          "FT host \"%s\": a socket's path has at most %zu bytes", host->text,
                          sizeof address.sun_path - 1);
    memcpy(&host->addresses[0].address, &address, sizeof address);
    host->addresses[0].size = sizeof address;
    host->n = 1;
    host->is_unix = true;
    host->is_session = strncmp(path, SESSION_PREFIX, sizeof SESSION_PREFIX - 1) == 0;
    return FT_OK;
}

/* ---------------------------------------------------------------- the key */

static ftRetVal_t refuse_key(struct ft_why *why, const char *path, const char *problem)
{
    return ft_why_set(why, FT_ERR_AUTH,
                      "make it a file of this user's own, mode 0600, with the unit's key in it: "
                      "64 hexadecimal digits",
                      "the key file %s (FT_KEY_FILE) %s", path, problem);
}

/* Reads what the open file holds. A byte more than a key and a line's end shows that it is none. */
static ftRetVal_t read_key_from(int file, const char *path, uint8_t key[FT_KEY_BYTES],
                                struct ft_why *why)
{
    char digits[2 * FT_KEY_BYTES + 4];
    size_t n = 0;
    ssize_t got;
    int bad;

    while (n < sizeof digits - 1) {
        got = read(file, digits + n, sizeof digits - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += (size_t) got;
    }
    while (n > 0 && (digits[n - 1] == '\n' || digits[n - 1] == '\r'))
        n--;
    digits[n] = '\0';
    bad = ft_text_unhex(key, FT_KEY_BYTES, digits);
    explicit_bzero(digits, sizeof digits);
    return bad ? refuse_key(why, path, "does not hold a key") : FT_OK;
}

static ftRetVal_t read_key(uint8_t key[FT_KEY_BYTES], struct ft_why *why)
{
    const char *path = secure_getenv("FT_KEY_FILE");
    char problem[160], text[96];
    struct stat is;
    ftRetVal_t status;
    int file;

    if (path == NULL || path[0] == '\0')
        return ft_why_set(why, FT_ERR_AUTH, "set FT_KEY_FILE to the file with the unit's key",
                          "an FT host of the form HOST:PORT needs a key, and FT_KEY_FILE is not "
                          "set");
    /* Not to wait should it be a named pipe. */
    file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) {
        snprintf(problem, sizeof problem, "cannot be opened: %s",
                 strerror_r(errno, text, sizeof text));
        return refuse_key(why, path, problem);
    }
    if (fstat(file, &is) != 0 || !S_ISREG(is.st_mode))
        status = refuse_key(why, path, "is no regular file");
    else if (is.st_uid != geteuid() && is.st_uid != 0)
        status = refuse_key(why, path, "belongs to another user");
    else if ((is.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        status = refuse_key(why, path, "can be read or changed by others than its owner");
    else
        status = read_key_from(file, path, key, why);
    close(file);
    return status;
}

/* ---------------------------------------------------------------- units elsewhere */

/* Splits "HOST:PORT" or "[ADDRESS]:PORT"; the port is digits only, as a service's name would make
 * the meaning depend on the node. */
static int split(const char *name, char host[FT_NAME_MAX], char port[8])
{
    const char *colon = strrchr(name, ':');
    const char *from = name;
    size_t n;
    long number;
    char *end;

    if (colon == NULL)
        return -1;
    n = (size_t) (colon - name);
    if (name[0] == '[') {
        if (n < 3 || colon[-1] != ']')
            return -1;
        from++;
        n -= 2;
    } else if (memchr(name, ':', n) != NULL) {
        return -1; /* an IPv6 address without brackets: which of its parts is the port? */
    }
    if (n == 0 || n >= FT_NAME_MAX || colon[1] < '0' || colon[1] > '9')
        return -1;
    errno = 0;
    number = strtol(colon + 1, &end, 10);
    if (errno != 0 || *end != '\0' || number < 1 || number > 65535)
        return -1;
    memcpy(host, from, n);
    host[n] = '\0';
    snprintf(port, 8, "%ld", number);
    return 0;
}

static ftRetVal_t read_tcp(struct ft_host *host, const char *name, struct ft_why *why)
{
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char node[FT_NAME_MAX], port[8];
    int error;

    if (split(name, node, port) != 0)
        return ft_why_set(why, FT_ERR_HOST, NULL,
                          "FT host \"%s\" is neither unix:PATH nor HOST:PORT", host->text);
    error = getaddrinfo(node, port, &wanted, &found);
    if (error == EAI_MEMORY || error == EAI_SYSTEM)
        return ft_why_system(why, error == EAI_MEMORY ? ENOMEM : errno,
                             "resolving the FT host's name");
    if (error != 0)
        return ft_why_set(why, FT_ERR_HOST,
                          "correct the name, or see why this node cannot resolve it",
                          "FT host \"%s\" cannot be resolved: %s", host->text,
                          gai_strerror(error));
    for (struct addrinfo *a = found; a != NULL && host->n < FT_HOST_ADDRESSES_MAX; a = a->ai_next) {
        if (a->ai_addrlen > sizeof host->addresses[0].address)
            continue;
        memcpy(&host->addresses[host->n].address, a->ai_addr, a->ai_addrlen);
        host->addresses[host->n++].size = a->ai_addrlen;
    }
    freeaddrinfo(found);
    if (host->n == 0)
        return ft_why_set(why, FT_ERR_HOST, NULL, "FT host \"%s\" has no address", host->text);
    return read_key(host->key, why);
}

ftRetVal_t ft_host_read(struct ft_host *host, const char *name, struct ft_why *why)
{
    memset(host, 0, sizeof *host);
    if (name == NULL) {
        name = secure_getenv("FT_HOST");
        if (name == NULL || name[0] == '\0')
            name = FT_HOST_SYSTEM_UNIT;
    }
    if (!ft_text_copy(host->text, sizeof host->text, name))
        return ft_why_set(why, FT_ERR_HOST, NULL, "the FT host's name is too long: %.100s...",
                          name);
    ft_text_one_line(host->text);
    if (strncmp(name, UNIX_PREFIX, sizeof UNIX_PREFIX - 1) == 0)
        return read_unix(host, name + sizeof UNIX_PREFIX - 1, why);
    return read_tcp(host, name, why);
}

void ft_host_clear(struct ft_host *host)
{
    explicit_bzero(host->key, sizeof host->key);
}
