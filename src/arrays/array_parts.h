/* Module arrays, private. What array_file.c and the formats agree on. A new format is a file with an array_format and
 * a line in array_file.c's table. */
#ifndef TEC_ARRAYS_ARRAY_PARTS_H
#define TEC_ARRAYS_ARRAY_PARTS_H

#include "tec/array_file.h"

#define MOST_UNPACKED ((int64_t)2 << 30) /* bytes, of what can only be unpacked as a whole */

/* A file on the disk: of CIFAR there are several, and of HDF5 where external links lead to others. */
typedef struct array_part {
    char *path;
    int fd;
    int64_t bytes;
    struct stat info; /* of when it was opened */
} array_part;

typedef enum array_storage { ARRAY_PLAIN, ARRAY_DEFLATED, ARRAY_H5 } array_storage;

typedef struct array_entry {
    tec_array about; /* name and classes are owned */
    array_storage storage;
    int64_t offset;    /* ARRAY_PLAIN, DEFLATED: of the elements, or of what unpacks to them, in each part */
    int64_t stride;    /* ARRAY_PLAIN: bytes from a row to the next; 0: of a row */
    int part, parts;   /* the files that hold it, on end */
    int64_t part_rows; /* of each but the last, where there are several */
    int64_t packed;    /* ARRAY_DEFLATED: bytes in the file */
    int64_t unpacked;  /* ... and of what they unpack to, the header included */
    int64_t header;    /* ... bytes before the elements */
    uint32_t crc;      /* ... of what they unpack to, as zip computes it */
} array_entry;

typedef struct array_format {
    const char *name;
    bool (*matches)(const char *path, const struct stat *info, const uint8_t *start, size_t bytes);
    tec_status (*list)(tec_array_file *file);
    /* Makes rows->memory or rows->chunks, or fills rows->offset and rows->stride. NULL: as the entry says. */
    tec_status (*prepare)(tec_array_rows *rows);
    void (*close)(void *data);
} array_format;

extern const array_format tec_array_npy, tec_array_npz, tec_array_h5, tec_array_cifar, tec_array_pickled_cifar,
    tec_array_parquet;

struct tec_array_file {
    char *path;
    const array_format *format;
    void *data; /* of the format */
    array_part *part;
    size_t parts, part_room;
    array_entry *entry;
    size_t count, room;
};

/* Rows of chunks, unpacked; array_h5.c. */
typedef struct array_chunks array_chunks;

struct tec_array_rows {
    const tec_array_file *file;
    const array_entry *entry;
    int64_t total, row_bytes, offset, stride;
    char *memory; /* all rows; NULL: not in memory */
    char *block;  /* of malloc, that memory points into */
    array_chunks *chunks;
};

/* Opens another file of the set. Rows are read from such files only: lists that are kept are compared with them.
 * TEC_USER_ERROR: it cannot be opened. */
tec_status tec_array_add_part(tec_array_file *file, const char *path);

/* Adds an array, taking over `name`. */
array_entry *tec_array_add(tec_array_file *file, char *name);

/* Fills type_name, by kind, bytes and big_endian, but of others. */
void tec_array_name_type(tec_array *array);

/* The header of a .npy, of which the first `bytes` bytes are given; fills all of *out but its name. *header: its
 * bytes. TEC_USER_ERROR: damaged. `where` is for messages. */
enum { NPY_HEADER_MOST = 65536 + 12 };
tec_status tec_npy_header(const uint8_t *data, size_t bytes, const char *where, tec_array *out, int64_t *header);

/* Bytes that the array has; false: more than there can be. */
bool tec_array_size(const tec_array *array, int64_t *row_bytes, int64_t *bytes);

/* A file that is shorter than `needed` bytes. */
tec_status tec_array_truncated(const char *place, const char *what, int64_t needed, int64_t has);

/* Is a regular file of that name there? */
bool tec_array_folder_has(const char *folder, const char *name);

tec_status tec_array_chunks_read(const tec_array_rows *rows, int64_t first, int64_t count, char *out);
int64_t tec_array_chunks_rows(const array_chunks *chunks);
int64_t tec_array_chunks_bytes(const array_chunks *chunks);
void tec_array_chunks_trust(array_chunks *chunks);
void tec_array_chunks_close(array_chunks *chunks);

#endif
