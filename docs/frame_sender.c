/* Sends frames to a payload: cc -O2 -o frame_sender frame_sender.c
 * frame_sender HOST PORT WIDTH HEIGHT COUNT PERIOD_MS T_START_TAI_NS < pixels
 * reads COUNT frames of WIDTH x HEIGHT little-endian uint16 from standard input, one every PERIOD_MS. */
#include "frame_link.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint32_t crc32_of(uint32_t crc, const void *data, size_t n) { /* the same as zlib's crc32() */
    const uint8_t *p = data;
    for (crc = ~crc; n--; p++) {
        crc ^= *p;
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (0xEDB88320u & -(crc & 1));
    }
    return ~crc;
}

static void send_all(int fd, const void *data, size_t n) {
    for (const char *p = data; n;) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0) { perror("send"); exit(1); }
        p += sent, n -= sent;
    }
}

static void send_message(int fd, enum spfl_kind kind, uint64_t block, const void *content, uint32_t length) {
    struct spfl_head head = {SPFL_MAGIC, SPFL_VERSION, kind, 0, 0, block, length, 0};
    head.crc = crc32_of(0, &head, offsetof(struct spfl_head, crc));
    send_all(fd, &head, sizeof head);
    send_all(fd, content, length);
}

int main(int argc, char **argv) {
    if (argc != 8) { fprintf(stderr, "want HOST PORT WIDTH HEIGHT COUNT PERIOD_MS T_START_TAI_NS\n"); return 2; }
    int width = atoi(argv[3]), height = atoi(argv[4]), count = atoi(argv[5]), period_ms = atoi(argv[6]);
    size_t n_bytes = (size_t)width * height * 2;
    uint16_t *pixels = malloc(n_bytes);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (!inet_pton(AF_INET, argv[1], &to.sin_addr) || connect(fd, (void *)&to, sizeof to)) { perror("connect"); return 1; }
    for (int k = 0; k < count && fread(pixels, n_bytes, 1, stdin) == 1; k++) {
        struct spfl_leader leader = {.width = width, .height = height, .pixels = SPFL_MONO16, .slew_arcsec_s = 0.0};
        leader.t_start_tai_ns = atoll(argv[7]) + (int64_t)k * period_ms * 1000000;
        leader.t_end_tai_ns = leader.t_start_tai_ns + (int64_t)period_ms * 500000;
        struct spfl_trailer trailer = {crc32_of(crc32_of(0, &leader, sizeof leader), pixels, n_bytes), n_bytes};
        send_message(fd, SPFL_LEADER, k, &leader, sizeof leader);
        send_message(fd, SPFL_DATA, k, pixels, n_bytes);
        send_message(fd, SPFL_TRAILER, k, &trailer, sizeof trailer);
        nanosleep(&(struct timespec){period_ms / 1000, period_ms % 1000 * 1000000L}, NULL);
    }
    shutdown(fd, SHUT_WR); /* and read the answers, until the payload hangs up or a second is over */
    struct timeval patience = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    struct { struct spfl_head head; char content[24]; } answer;
    while (recv(fd, &answer.head, sizeof answer.head, MSG_WAITALL) == sizeof answer.head) {
        if (recv(fd, answer.content, answer.head.length, MSG_WAITALL) != (ssize_t)answer.head.length) break;
        if (answer.head.kind == SPFL_RECEIPT)
            printf("frame %llu: verdict %u\n", (unsigned long long)answer.head.block, ((struct spfl_receipt *)answer.content)->verdict);
    }
    return close(fd);
}
