/* Module data, private. The blocks of a tar file, which packs are written in and archives are read from: IEEE Std 1003.1,
 * "ustar Interchange Format". */
#ifndef TEC_DATA_TAR_FORMAT_H
#define TEC_DATA_TAR_FORMAT_H

#include <stdint.h>

enum { TAR_BLOCK = 512, TAR_NAME_BYTES = 100 };

typedef struct tar_header {
    char name[TAR_NAME_BYTES], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[TAR_NAME_BYTES],
        magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], unused[12];
} tar_header;
_Static_assert(sizeof(tar_header) == TAR_BLOCK, "a tar header is one block");

/* So many bytes, and those that fill the last block. */
static inline int64_t tec_tar_padded(int64_t bytes)
{
    return (bytes + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

/* The checksum that belongs into this header, whose own eight bytes count as blanks. */
unsigned tec_tar_checksum(const char *block);

#endif
