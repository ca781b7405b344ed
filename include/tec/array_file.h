/* Module arrays, public. Files that hold arrays, as lists of named arrays whose rows are read: NumPy's .npy and .npz,
 * HDF5, and the binary form of CIFAR, which is images and labels in turn. A row is what an index of the first
 * dimension selects. Local. */
#ifndef TEC_ARRAY_FILE_H
#define TEC_ARRAY_FILE_H

#include "tec/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { TEC_ARRAY_DIMS = 8 };

typedef enum tec_array_kind {
    TEC_ARRAY_UNSIGNED,
    TEC_ARRAY_SIGNED,
    TEC_ARRAY_FLOAT,
    TEC_ARRAY_BOOL,
    TEC_ARRAY_OTHER /* texts, objects, structures, numbers with gaps in them */
} tec_array_kind;

typedef struct tec_array {
    const char *name;   /* "train_images", "/group/images"; "": the only one of a .npy */
    char type_name[24]; /* "uint8", "big-endian int32"; of others what the file says */
    tec_array_kind kind;
    int bytes; /* of an element */
    bool big_endian;
    bool by_columns; /* Fortran's order: the first dimension is the fastest */
    int dims;        /* 0: a single number */
    int64_t dim[TEC_ARRAY_DIMS];
    const char *classes; /* names of the classes that these numbers are, a line each; NULL: not known */
} tec_array;

typedef struct tec_array_file tec_array_file;
typedef struct tec_array_rows tec_array_rows;

/* Parts of "FILE", "FILE:ARRAY" and "FILE:ARRAY:LABELS". */
typedef struct tec_array_path {
    char *file;
    char *array, *labels; /* NULL: not named */
} tec_array_path;

/* The longest beginning of `text` that is there is the file, if a colon follows; the whole where none is. The caller
 * frees it by tec_array_path_free. */
void tec_array_path_split(const char *text, tec_array_path *out);
void tec_array_path_free(tec_array_path *path);

/* Is it a file (or folder) that tec_array_file_open takes, or refuses by name, as Python's pickles of CIFAR and
 * Parquet? By its first bytes; CIFAR by names of files. info: of stat. */
bool tec_array_file_is(const char *path, const struct stat *info);

/* Opens a file and reads the headers of its arrays. TEC_USER_ERROR: not such a file, damaged or cut short where headers
 * are, or a form that is not read, with a remedy. */
tec_status tec_array_file_open(tec_array_file **out, const char *path);
void tec_array_file_close(tec_array_file *file); /* NULL is fine; after its rows */

const char *tec_array_file_format(const tec_array_file *file); /* "NumPy (.npz)" */
const char *tec_array_file_path(const tec_array_file *file);

/* The files on the disk that it consists of, and what fstat said of each when it was opened: several of CIFAR, and of HDF5
 * with external links. Borrowed. */
int tec_array_file_parts(const tec_array_file *file);
const char *tec_array_file_part(const tec_array_file *file, int part, const struct stat **info);

int tec_array_file_count(const tec_array_file *file);
const tec_array *tec_array_file_get(const tec_array_file *file, int index); /* borrowed */
int tec_array_file_find(const tec_array_file *file,
                        const char *name); /* of HDF5 also without the first /; -1: not there */

/* "FILE:ARRAY", or "FILE" of the only one, for messages; the caller frees it. */
char *tec_array_file_place(const tec_array_file *file, int index);

/* "[100, 28, 28] of uint8"; the caller frees it. */
char *tec_array_describe(const tec_array *array);

/* Makes an array ready to be read. What is deflated in an .npz is unpacked into memory, what is chunked in HDF5 is
 * unpacked by rows of chunks, of which up to 256 MB are kept. TEC_USER_ERROR: the file is shorter than the array,
 * damaged, or packed in a way that is not read; more than 2 GiB to unpack at once. */
tec_status tec_array_rows_open(tec_array_rows **out, const tec_array_file *file, int index);
void tec_array_rows_close(tec_array_rows *rows); /* NULL is fine */

/* All rows have been read once, in this process or another: chunks are unpacked without a look at how much comes out of them. */
void tec_array_rows_trust(tec_array_rows *rows);

int64_t tec_array_rows_bytes(const tec_array_rows *rows); /* of a row */
int64_t
tec_array_rows_piece(const tec_array_rows *rows); /* rows that are unpacked together; 1 where each can be read */
int64_t tec_array_rows_memory(const tec_array_rows *rows); /* bytes that it takes at most */

/* Reads rows as they are stored, elements in C's order. Thread-safe. TEC_USER_ERROR: damaged; TEC_SYSTEM_ERROR: the
 * disk, or a file that has become shorter. */
tec_status tec_array_rows_read(const tec_array_rows *rows, int64_t first, int64_t count, void *out);

#endif
