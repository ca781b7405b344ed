/* Module data, private. Walks through the members of a tar archive, or of one inside another: ustar, the older format
 * without that word, long names and links of GNU tar, and pax headers (path, linkpath, size). Local.
 *
 *     tec_tar tar;
 *     tec_tar_start(&tar, fd, "set.tar", 0, bytes);
 *     while ((status = tec_tar_next(&tar, &found)) == TEC_OK && found)
 *         ... tar.member ...
 *     tec_tar_free(&tar); */
#ifndef TEC_DATA_TAR_READ_H
#define TEC_DATA_TAR_READ_H

#include "tar_format.h"
#include "tec/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEC_TAR_WINDOW = 8192, TEC_TAR_HEAD = TAR_BLOCK };

typedef enum tec_tar_type {
    TEC_TAR_FILE,
    TEC_TAR_HARD_LINK, /* to an earlier member */
    TEC_TAR_LINK,
    TEC_TAR_FOLDER,
    TEC_TAR_OTHER /* a device, a label of the volume */
} tec_tar_type;

typedef struct tec_tar_member {
    tec_tar_type type;
    char *path, *link;     /* as the archive has them; until the next call */
    int64_t offset, bytes; /* of its contents in the file; a header block precedes them */
    uint32_t crc;          /* CRC-32C of that block */
    const uint8_t *head;   /* the first bytes of the contents */
    size_t head_bytes;     /* up to TEC_TAR_HEAD */
} tec_tar_member;

typedef struct tec_tar {
    int fd;
    const char *name; /* for messages */
    int64_t begin, at, end;
    bool ended;   /* the mark at the end has been seen */
    int64_t rest; /* where behind that mark there are further bytes; 0: nowhere */
    tec_tar_member member;
    char *last;   /* the path of the member before */
    int64_t size; /* of a pax header; -1: none */
    bool sparse;
    char *data; /* [TEC_TAR_WINDOW] of the file, from `data_at` on */
    int64_t data_at, data_bytes;
} tec_tar;

/* The archive is in the bytes from `begin` to `end` of the file. Nothing is read yet; the arguments are borrowed. */
void tec_tar_start(tec_tar *tar, int fd, const char *name, int64_t begin, int64_t end);
void tec_tar_free(tec_tar *tar);

/* The next member; *found false: there are no more. TEC_USER_ERROR: no tar archive, a compressed one, truncated, damaged,
 * or a sparse member; the message names archive, member and byte. TEC_SYSTEM_ERROR: the disk. */
tec_status tec_tar_next(tec_tar *tar, bool *found);

/* Does a file that begins with these bytes look like a tar archive? */
bool tec_tar_starts(const uint8_t *data, size_t bytes);

/* Which program unpacks a file of that name ("gunzip"), if it is a compressed archive, and which kind it is ("gzip"); NULL: it is none. */
const char *tec_tar_unpacker(const char *name, const char **kind);

/* Fails with TEC_USER_ERROR: the archive is compressed. `within`: the archive that it is a member of; NULL: none. */
tec_status tec_tar_refuse_compressed(const char *name, const char *kind, const char *unpacker, const char *within);

#endif
