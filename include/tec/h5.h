/* The little of HDF5 that the file formats need, with messages of our own: files, attributes, and writing that survives
 * a full disk. Local. HDF5 may be built without threads: one thread at a time.
 *
 * Every function says on failure what, where and why; HDF5's own error stack is kept silent, and its file locks are off
 * unless HDF5_USE_FILE_LOCKING says otherwise (files are renamed into place when whole, and locks do not work
 * everywhere). */
#ifndef TEC_H5_H
#define TEC_H5_H

#include "tec/error.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens the library without file locks and silences its error stack for this thread: before any HDF5 call that does not
 * come after one of the functions below. Cheap when done before. */
void tec_h5_start(void);

/* -- reading -- */

/* TEC_USER_ERROR: not there, not readable, not HDF5, truncated. Close with H5Fclose. */
tec_status tec_h5_open(const char *path, hid_t *file);

/* tec_fail with "`path`: `what`: HDF5's reason" for the HDF5 call that failed just now. */
tec_status tec_h5_fail(tec_status status, const char *path, const char *what);

/* A link or an attribute of that name? */
bool tec_h5_has(hid_t object, const char *name);
bool tec_h5_has_attribute(hid_t object, const char *name);

/* An integer or floating-point type of at most 16 bytes whose bits lie within it? HDF5 crashes in converting a type,
 * read from a damaged file, of which that is not so. */
bool tec_h5_is_number(hid_t type);

/* Reads an attribute of exactly `count` numbers as `type`, one of H5T_NATIVE_INT, INT64, UINT64, DOUBLE ... Takes what
 * h5py, PyTorch scripts and C programs write for a number: any integer, float or bool (an enumeration), a scalar or an
 * array. TEC_USER_ERROR: missing, no number, another count, a value that `type` cannot hold. `path` is for the message.
 */
tec_status tec_h5_get_numbers(hid_t object, const char *path, const char *name, hid_t type, int count, void *out);

/* Reads a text attribute of fixed or variable length; cut to size - 1 bytes. TEC_USER_ERROR: missing or no text. */
tec_status tec_h5_get_text(hid_t object, const char *path, const char *name, char *text, size_t size);

/* -- members of a struct as attributes -- */
typedef enum tec_h5_kind { TEC_H5_INT, TEC_H5_INT64, TEC_H5_UINT64, TEC_H5_DOUBLE, TEC_H5_BOOL } tec_h5_kind;

typedef struct tec_h5_field {
    const char *name;
    size_t offset; /* of the member */
    tec_h5_kind kind;
    int count;                /* of its elements */
    unsigned use;             /* for the owner of the table */
    const char *const *words; /* an int that is written as one of these words (NULL ends the list); NULL: as a number */
} tec_h5_field;

/* Reads one member from the attribute of that name. TEC_USER_ERROR as tec_h5_get_numbers. */
tec_status tec_h5_get_field(hid_t object, const char *path, const tec_h5_field *field, void *structure);

/* Index of `word` in `words`; -1: none of them. */
int tec_h5_word(const char *const *words, const char *word);

/* -- writing --
 * HDF5 crashes at exit when the disk fills up while it writes its own tables. So it never writes to the disk here: a
 * draft is a file in memory, which holds the tables but, being sparse, not the data; saved, it becomes a file of full
 * size whose datasets are then written by pwrite. */
typedef struct tec_h5_draft {
    hid_t file;
    int memory; /* file descriptor */
} tec_h5_draft;

tec_status tec_h5_draft_open(tec_h5_draft *draft);
void tec_h5_draft_close(tec_h5_draft *draft); /* gives the draft up; fine after tec_h5_draft_save */

tec_status tec_h5_draft_group(tec_h5_draft *draft, const char *name);

/* A contiguous dataset, groups on its way included, no dimension 0; *offset: where its bytes go in the saved file.
 * Attributes of `crc` NULL or one number crc32c. */
tec_status tec_h5_draft_dataset(tec_h5_draft *draft, const char *name, hid_t type, int dims, const hsize_t *dim,
                                const uint32_t *crc, int64_t *offset);

/* A text as scalar dataset. */
tec_status tec_h5_draft_text(tec_h5_draft *draft, const char *name, const char *text);

/* Attributes of the group or dataset `object` ("/" is the root). */
tec_status tec_h5_draft_put_numbers(tec_h5_draft *draft, const char *object, const char *name, hid_t type, int count,
                                    const void *value);
tec_status tec_h5_draft_put_text(tec_h5_draft *draft, const char *object, const char *name, const char *text);

tec_status tec_h5_draft_put_field(tec_h5_draft *draft, const char *object, const tec_h5_field *field,
                                  const void *structure);

/* Ends the draft: writes it to `path`, reserves the space of the whole file on the disk and leaves it open for
 * tec_file_put. TEC_SYSTEM_ERROR: the disk; then `path` is removed. */
tec_status tec_h5_draft_save(tec_h5_draft *draft, const char *path, int *fd, int64_t *bytes);

/* IEEE float16, little-endian, as NumPy's and h5py's float16. Close with H5Tclose. */
hid_t tec_h5_half_type(void);

#endif
