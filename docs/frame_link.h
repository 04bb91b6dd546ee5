/* The frame link, version 1: messages from a camera to the payload over TCP, and its answers. See hardware.md.
 *
 * A frame is one LEADER, DATA in any number of parts, one TRAILER. Everything is little-endian.
 * A TICK tells that an exposure was made; its pixels may come later, or never.
 */
#ifndef SENSORPROC_FRAME_LINK_H
#define SENSORPROC_FRAME_LINK_H

#include <stddef.h>
#include <stdint.h>

#define SPFL_MAGIC "SPFL"
#define SPFL_VERSION 1
#define SPFL_MOST_DATA_BYTES (1u << 26) /* in one message */

enum spfl_kind { SPFL_LEADER = 1, SPFL_DATA = 2, SPFL_TRAILER = 3, SPFL_TICK = 4, /* from the camera */
                 SPFL_RECEIPT = 16, SPFL_PREPARED = 17, SPFL_SEARCHED = 18 };     /* from the payload */

/* One little-endian uint16 a pixel, whatever its bits: codes of the Pixel Format Naming Convention. */
enum spfl_pixels { SPFL_MONO10 = 0x01100003, SPFL_MONO12 = 0x01100005, SPFL_MONO14 = 0x01100025, SPFL_MONO16 = 0x01100007 };

enum spfl_verdict { SPFL_TAKEN = 0, SPFL_TORN = 1, SPFL_WRONG_SIZE = 2, SPFL_LATE = 3, SPFL_DUPLICATED = 4,
                    SPFL_NO_MEMORY = 5, SPFL_NOT_WANTED = 6 };

enum spfl_known { SPFL_ATTITUDE = 1, SPFL_OBSERVER = 2 };

#pragma pack(push, 1)
struct spfl_head {        /* before every message */
    char magic[4];
    uint16_t version, kind;
    uint16_t detector;    /* from 0 */
    uint16_t spare;       /* 0 */
    uint64_t block;       /* number of the frame, one more with every exposure; below 2^32 */
    uint32_t length;      /* bytes that follow this header */
    uint32_t crc;         /* CRC-32 (zlib's) of the 24 bytes before it */
};
struct spfl_leader {
    int64_t t_start_tai_ns, t_end_tai_ns; /* of the exposure: nanoseconds of TAI since 1958-01-01 */
    uint32_t width, height;               /* pixels, rows */
    uint32_t pixels;                      /* enum spfl_pixels */
    uint32_t known;                       /* bits: which of the following are known */
    double attitude[4];                   /* unit quaternion (w, x, y, z), camera axes to ICRS, mid-exposure */
    double slew_arcsec_s;                 /* rate of the line of sight; NaN where it is not known */
    double spare;                         /* 0 */
    double position_km[3], velocity_km_s[3]; /* of the observer, GCRF, mid-exposure */
};
struct spfl_trailer {
    uint32_t crc;         /* CRC-32 of the leader's content and all data */
    uint64_t size;        /* bytes of data in all */
};
struct spfl_tick { int64_t t_start_tai_ns, t_end_tai_ns; };
struct spfl_receipt { uint32_t verdict; int64_t t_tai_ns; };          /* of every frame */
struct spfl_work { int64_t came_ns, begun_ns, ended_ns; };            /* block: frame prepared, or set searched */
#pragma pack(pop)

_Static_assert(sizeof(struct spfl_head) == 28 && sizeof(struct spfl_leader) == 128, "a compiler that packs structures");
_Static_assert(sizeof(struct spfl_trailer) == 12 && sizeof(struct spfl_work) == 24, "a compiler that packs structures");

#endif
