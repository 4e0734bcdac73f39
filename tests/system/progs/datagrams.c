/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * datagrams.c - what somebody on the network can do with datagrams: record, repeat, forge.
 *
 *   datagrams record FILE PORT SECONDS      waits at a UDP port for one, and writes it to FILE
 *   datagrams send FILE ADDRESS PORT N ANSWER
 *                                           sends it n times from one port; prints how many answers
 *                                           came until none did for a second; the last is in ANSWER
 *   datagrams forge ADDRESS PORT TYPE N     sends n that are well made but for their proof
 *
 * Exit code 0, or 1 with a sentence. IPv4 only. It knows nothing of FT but the header's layout.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
    if (argc == 6 && strcmp(argv[1], "forge") == 0)
        return do_forge(argv + 2);
    fprintf(stderr, "datagrams: see the head of datagrams.c\n");
    return 2;
}
