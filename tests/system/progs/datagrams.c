/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * datagrams.c - what somebody on the network can do with datagrams: record, repeat, forge.
 *
 *   datagrams record FILE PORT SECONDS      waits at a UDP port for one, and writes it to FILE
 *   datagrams send FILE ADDRESS PORT N ANSWER
 *                                           sends it n times from one port; prints how many answers
 *                                           came until none did for a second; the last is in ANSWER
 *   datagrams listen FILE TYPE PORT SECONDS waits for one of that type to that port, as it passes
 *   on this
 *                                           node, and writes it to FILE
 *   datagrams cut FILE ADDRESS PORT         sends all that it begins with, byte by byte shorter,
 *                                           and it with bytes behind it
 *   datagrams frames ADDRESS|PATH PORT      connects again and again, and says what is too long,
 *                                           cut off, or nothing at all; 200 such connections are
 *                                           left open until a line comes in
 *   datagrams forge ADDRESS PORT TYPE N     sends n that are well made but for their proof
 *
 * Exit code 0, or 1 with a sentence. IPv4 only. It knows nothing of FT but the header's layout.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PACKET_BYTES 2048
#define HEADER_BYTES 72
#define PROOF_BYTES 16

static int fail(const char *what)
{
    fprintf(stderr, "datagrams: %s: %s\n", what, strerror(errno));
    return 1;
}

static int write_file(const char *path, const uint8_t *bytes, size_t n)
{
    FILE *file = fopen(path, "w");

    if (file == NULL || fwrite(bytes, 1, n, file) != n || fclose(file) != 0)
        return fail(path);
    return 0;
}

static ssize_t read_file(const char *path, uint8_t bytes[PACKET_BYTES])
{
    FILE *file = fopen(path, "r");
    size_t n;

    if (file == NULL) {
        fail(path);
        return -1;
    }
    n = fread(bytes, 1, PACKET_BYTES, file);
    fclose(file);
    return (ssize_t) n;
}

/* A packet, or -1 after so long without one. */
static ssize_t receive(int fd, int timeout_ms, uint8_t bytes[PACKET_BYTES])
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    if (poll(&poll_fd, 1, timeout_ms) <= 0) {
        errno = ETIMEDOUT;
        return -1;
    }
    return recv(fd, bytes, PACKET_BYTES, 0);
}

static int do_record(char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t) atoi(argv[1]))};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    uint8_t bytes[PACKET_BYTES];
    ssize_t n;

    if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) != 0)
        return fail("port");
    n = receive(fd, atoi(argv[2]) * 1000, bytes);
    close(fd);
    return n < 0 ? fail("nothing came") : write_file(argv[0], bytes, (size_t) n);
}

static int connect_to(const char *host, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t) atoi(port))};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (fd < 0 || inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *) &address, sizeof address) != 0) {
        fail(host);
        return -1;
    }
    return fd;
}

static int do_send(char **argv)
{
    uint8_t bytes[PACKET_BYTES], answer[PACKET_BYTES];
    ssize_t n = read_file(argv[0], bytes), k;
    int fd = n >= 0 ? connect_to(argv[1], argv[2]) : -1, answers = 0;

    if (fd < 0)
        return 1;
    for (int i = atoi(argv[3]); i > 0; i--)
        if (send(fd, bytes, (size_t) n, 0) != n)
            return fail("send");
    while ((k = receive(fd, 1000, answer)) >= 0) {
        answers++;
        if (write_file(argv[4], answer, (size_t) k) != 0)
            return 1;
    }
    printf("%d\n", answers);
    return 0;
}

/* Whether an IPv4 packet is such a datagram: then where it begins. */
static const uint8_t *datagram_in(const uint8_t *packet, size_t n, int type, int port, size_t *size)
{
    size_t head = (size_t) (packet[0] & 15) * 4 + 8;

    if (n < head + 5 || packet[0] >> 4 != 4 || packet[9] != IPPROTO_UDP ||
        (packet[head - 6] << 8 | packet[head - 5]) != port || packet[head] != 0xf7 ||
        packet[head + 4] != type)
        return NULL;
    *size = n - head;
    return packet + head;
}

static int do_listen(char **argv)
{
    int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL)); /* also what leaves this node */
    uint8_t packet[PACKET_BYTES];
    const uint8_t *found = NULL;
    size_t size = 0;
    ssize_t n = 0;

    if (fd < 0)
        return fail("listening");
    for (time_t until = time(NULL) + atoi(argv[3]); found == NULL && time(NULL) < until;) {
        n = receive(fd, 1000, packet);
        if (n > 28)
            found = datagram_in(packet, (size_t) n, atoi(argv[1]), atoi(argv[2]), &size);
    }
    close(fd);
    errno = ETIMEDOUT;
    return found == NULL ? fail("none passed") : write_file(argv[0], found, size);
}

static int do_cut(char **argv)
{
    uint8_t bytes[PACKET_BYTES] = {0};
    ssize_t n = read_file(argv[0], bytes);
    int fd = n >= 0 ? connect_to(argv[1], argv[2]) : -1;

    if (fd < 0)
        return 1;
    for (ssize_t k = 0; k <= PACKET_BYTES; k = k < n - 1 ? k + 1 : k < n ? n + 1 : k + 100)
        if (send(fd, bytes, (size_t) k, 0) != k && errno != ECONNREFUSED)
            return fail("send");
    return 0;
}

/* A connection that has said so much. */
static int say(char **argv, const uint8_t *bytes, size_t n)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t) atoi(argv[1]))};
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    bool is_path = argv[0][0] == '/';
    int fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM, 0);

    snprintf(path.sun_path, sizeof path.sun_path, "%s", argv[0]);
    if (fd < 0 || (!is_path && inet_pton(AF_INET, argv[0], &address.sin_addr) != 1) ||
        (is_path ? connect(fd, (struct sockaddr *) &path, sizeof path)
                 : connect(fd, (struct sockaddr *) &address, sizeof address)) != 0) {
        fail(argv[0]);
        exit(1);
    }
    (void) send(fd, bytes, n, MSG_NOSIGNAL); /* it may have hung up already */
    return fd;
}

static int do_frames(char **argv)
{
    static const uint8_t greetings[][8] = {
        {0xf7, 'F', 'T', 'C', 0, 1, 0, 1},    {0xf7, 'F', 'T', 'P', 0, 1, 0, 1},
        {0xf7, 'F', 'T', 'M', 0, 1, 0, 1},    {0xf7, 'F', 'T', 'C', 0, 9, 0, 1},
        {0xf7, 'F', 'T', 'C', 0, 99, 0, 100}, {'G', 'E', 'T', ' ', '/', ' ', 'H', 'T'},
    };
    uint8_t bytes[4096];

    for (size_t i = 0; i < sizeof greetings / sizeof greetings[0]; i++)
        for (size_t n = 1; n <= sizeof bytes; n *= 2) {
            memset(bytes, 0xff, sizeof bytes); /* a length, too, if it is taken for one */
            memcpy(bytes, greetings[i], sizeof greetings[i]);
            close(say(argv, bytes, n));
        }
    for (int i = 0; i < 200; i++)
        (void) say(argv, greetings[0], (size_t) i % 9);
    (void) !read(STDIN_FILENO, bytes, 1);
    return 0;
}

static int do_forge(char **argv)
{
    uint8_t bytes[HEADER_BYTES + PROOF_BYTES] = {0xf7, 'F', 'D', 1, (uint8_t) atoi(argv[2]), 0, 0,
                                                 HEADER_BYTES};
    int fd = connect_to(argv[0], argv[1]);

    if (fd < 0)
        return 1;
    memset(bytes + 8, 'x', 58); /* all but the lengths of the texts */
    memset(bytes + HEADER_BYTES, 'x', PROOF_BYTES);
    for (int i = atoi(argv[3]); i > 0; i--)
        if (send(fd, bytes, sizeof bytes, 0) != (ssize_t) sizeof bytes && errno != ECONNREFUSED)
            return fail("send");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "record") == 0)
        return do_record(argv + 2);
    if (argc == 7 && strcmp(argv[1], "send") == 0)
        return do_send(argv + 2);
    if (argc == 6 && strcmp(argv[1], "listen") == 0)
        return do_listen(argv + 2);
    if (argc == 5 && strcmp(argv[1], "cut") == 0)
        return do_cut(argv + 2);
    if (argc == 4 && strcmp(argv[1], "frames") == 0)
        return do_frames(argv + 2);
    if (argc == 6 && strcmp(argv[1], "forge") == 0)
        return do_forge(argv + 2);
    fprintf(stderr, "datagrams: see the head of datagrams.c\n");
    return 2;
}
