/* Module h5, public. The little of HDF5 that the file formats need, with messages of our own: files, attributes, and
 * writing that survives a full disk.
 *
 * Local. HDF5 may be built without thread safety: one thread at a time, see TEC_H5_ALONE. Every function says on
 * failure what, where and why. HDF5's own error stack is silenced, and its file locks are off unless HDF5_USE_FILE_LOCKING says otherwise:
 * files are renamed into place when whole, and locks do not work on every file system. */
#ifndef TEC_H5_H
#define TEC_H5_H

#include "tec/error.h"
#include "tec/size.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Initialises the library without file locks and silences its error stack for this thread. The functions below call it;
 * call it before any HDF5 call that none of them precedes. Cheap when repeated. */
void tec_h5_start(void);

/* Keeps other threads of this process from calling HDF5 until the block is left: `TEC_H5_ALONE;`, a declaration. Threads
 * of the loader read HDF5 data sets while the main thread writes checkpoints and shards; so each public function of any
 * module that calls HDF5 while a loader may be at work begins with it. May be nested. */
#define TEC_H5_ALONE __attribute__((cleanup(tec_h5_unlock), unused)) int tec_h5_alone = tec_h5_lock()
int tec_h5_lock(void);
void tec_h5_unlock(const int *unused);

/* -- reading -- */

/* Opens a file for reading; close it with H5Fclose. TEC_USER_ERROR: missing, unreadable, not HDF5, truncated. */
tec_status tec_h5_open(const char *path, hid_t *file);

/* tec_fail with "PATH: WHAT: HDF5's reason", for the HDF5 call that has just failed. */
tec_status tec_h5_fail(tec_status status, const char *path, const char *what);

/* Is there a link, or an attribute, of that name? */
bool tec_h5_has(hid_t object, const char *name);
bool tec_h5_has_attribute(hid_t object, const char *name);

/* The name of member `index` of a group, in the order of names; NULL: there are no more. The caller frees it. */
char *tec_h5_member(hid_t group, int index);

/* Is it an integer or floating-point type of at most 16 bytes all of whose fields lie within it? HDF5 crashes when it
 * converts any other type, read from a damaged file. */
bool tec_h5_is_number(hid_t type);

/* Reads an attribute of exactly `count` numbers as `type` (H5T_NATIVE_INT, INT64, UINT64, DOUBLE, ...). Accepts what
 * h5py, PyTorch scripts and C programs write: any integer, float or bool (an enumeration), scalar or array. `path` is
 * for messages.
 *   out   [count] of `type`
 * TEC_USER_ERROR: missing, not a number, another count, or a value that `type` cannot hold. */
tec_status tec_h5_get_numbers(hid_t object, const char *path, const char *name, hid_t type, int count, void *out);

/* How many numbers, or texts, the attribute has; 0: it is missing or damaged. */
int tec_h5_attribute_numbers(hid_t object, const char *name);

/* Reads a string attribute of fixed or variable length, truncated to size - 1 bytes. TEC_USER_ERROR: missing, or not a
 * string. */
tec_status tec_h5_get_text(hid_t object, const char *path, const char *name, char *text, size_t size);

/* -- members of a struct as attributes -- */

typedef enum tec_h5_kind {
    TEC_H5_INT,
    TEC_H5_INT64,
    TEC_H5_UINT64,
    TEC_H5_DOUBLE,
    TEC_H5_BOOL,
    TEC_H5_SIZE, /* tec_size: a number, the side of a square, or two, height and width */
    TEC_H5_TEXT  /* of `count` bytes with the 0 at its end */
} tec_h5_kind;

typedef struct tec_h5_field {
    const char *name;
    size_t offset; /* of the member in the struct */
    tec_h5_kind kind;
    int count;                /* elements of the member */
    unsigned use;             /* whatever the table's owner needs */
    const char *const *words; /* of an int written as a word, ending with NULL; NULL: a number */
    const char *empty;        /* of a text: what "" is called in messages */
} tec_h5_field;

/* Reads one member from the attribute of that name. TEC_USER_ERROR: as tec_h5_get_numbers, or an unknown word. */
tec_status tec_h5_get_field(hid_t object, const char *path, const tec_h5_field *field, void *structure);

/* The member as text for messages: hashes (UINT64) in hexadecimal, arrays of numbers in brackets. Written to `text`, which
 * is returned. */
char *tec_h5_field_text(const tec_h5_field *field, const void *structure, char *text, size_t size);

/* -- writing --
 *
 * HDF5 crashes at exit when the disk fills up while it writes its own metadata. So here it never writes to the disk: a
 * draft is a file in memory, which holds the metadata but, being sparse, not the data. Saved, it becomes a file of full
 * size, whose datasets are then filled by pwrite. */
typedef struct tec_h5_draft {
    hid_t file;
    int memory; /* file descriptor of the file in memory */
} tec_h5_draft;

tec_status tec_h5_draft_open(tec_h5_draft *draft);
void tec_h5_draft_close(tec_h5_draft *draft); /* discards it; harmless after tec_h5_draft_save */

tec_status tec_h5_draft_group(tec_h5_draft *draft, const char *name);

/* Adds a contiguous dataset and the groups on its path; no dimension may be 0.
 *   dim      [dims]
 *   crc      its attribute crc32c; NULL: none
 *   *offset  where its bytes go in the saved file */
tec_status tec_h5_draft_dataset(tec_h5_draft *draft, const char *name, hid_t type, int dims, const hsize_t *dim,
                                const uint32_t *crc, int64_t *offset);

/* Adds a string as a scalar dataset. */
tec_status tec_h5_draft_text(tec_h5_draft *draft, const char *name, const char *text);

/* Add an attribute to the group or dataset `object` ("/" is the root).
 *   value   [count] of `type` */
tec_status tec_h5_draft_put_numbers(tec_h5_draft *draft, const char *object, const char *name, hid_t type, int count,
                                    const void *value);
tec_status tec_h5_draft_put_text(tec_h5_draft *draft, const char *object, const char *name, const char *text);

/* Adds the attribute of one member. */
tec_status tec_h5_draft_put_field(tec_h5_draft *draft, const char *object, const tec_h5_field *field,
                                  const void *structure);

/* Ends the draft: writes it to `path`, reserves the space of the whole file, *bytes, on the disk and leaves it open as
 * *fd for tec_file_put. TEC_SYSTEM_ERROR: the disk; no file is left. */
tec_status tec_h5_draft_save(tec_h5_draft *draft, const char *path, int *fd, int64_t *bytes);

/* Little-endian IEEE float16, as NumPy and h5py write it; -1 on failure. Close it with H5Tclose. */
hid_t tec_h5_half_type(void);

#endif
