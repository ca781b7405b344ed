/* Module store, private. What the parts of the target store share. */
#ifndef TEC_STORE_PARTS_H
#define TEC_STORE_PARTS_H

#include "tec/h5.h"
#include "tec/store.h"

#include <jansson.h>

#define STORE_FORMAT "tec-targets"
#define STORE_VERSION 2 /* the latest; see tec_store_version */
#define STORE_MANIFEST "manifest.json"

/* -- specification (spec.c) -- */

typedef struct spec_field {
    tec_h5_field h5;
    int64_t min, max; /* of an integer; 0, 0: any */
    bool storage;     /* says how it is stored, not what: a run does not care */
    bool
        exception; /* a switch, number or text, written only where it is on, or not 0 or "": files without it have that */
    const char *setting; /* the key of the settings that decides it */
} spec_field;

/* Ends with name NULL. */
extern const spec_field tec_store_spec_fields[];

/* Is the member one that this store's files do not have? */
tec_h5_field tec_store_stored_field(const spec_field *field, const tec_store_spec *spec);
bool tec_store_field_left_out(const spec_field *field, const tec_store_spec *spec);

/* Formats the value of a member for messages. Returns `text`. */
char *tec_store_field_text(const spec_field *field, const tec_store_spec *spec, char *text, size_t size);

/* TEC_USER_ERROR: a member out of range. `where` leads the message. */
tec_status tec_store_spec_check(const tec_store_spec *spec, const char *where);

/* TEC_USER_ERROR: names the first member in which `have`, of the store `where`, differs from `want`. */
tec_status tec_store_spec_compare(const tec_store_spec *have, const tec_store_spec *want, bool storage_too,
                                  const char *where);

/* The format version of stores of this type: 2 for int8, whose attention was float16 in version 1; 1 for the others,
 * which have not changed. */
int tec_store_version(tec_target_type type);

/* TEC_USER_ERROR: a version that this program does not know; not the version of stores of this type. */
tec_status tec_store_version_known(int64_t version, const char *where);
tec_status tec_store_version_check(int64_t version, const tec_store_spec *spec, const char *where);

int64_t tec_store_rows(const tec_store_spec *spec);

/* -- layout of a row (layout.c) -- */

/* The datasets, in the order in which the checksum covers them; the checksum itself is last. */
enum {
    PART_FEATURE,
    PART_FEATURE_SCALE,
    PART_ATTENTION,
    PART_ATTENTION_SCALE,
    PART_TOPK,
    PART_VIEW,
    PART_SAMPLE,
    PART_IMAGE,
    PART_CRC,
    PARTS
};

typedef enum store_element {
    ELEMENT_F32,
    ELEMENT_F64,
    ELEMENT_F16,
    ELEMENT_I8,
    ELEMENT_U8,
    ELEMENT_U16,
    ELEMENT_I32,
    ELEMENT_U32,
    ELEMENT_I64
} store_element;

typedef struct store_part {
    const char *name; /* of the dataset */
    store_element element;
    int dims; /* of a row: those of the dataset less one */
    int64_t dim[3];
    size_t bytes; /* of a row; 0: the store has no such dataset */
    size_t at;    /* offset in a buffer that holds a row, a multiple of 64 */
} store_part;

typedef struct store_layout {
    store_part part[PARTS];
    size_t buffer; /* bytes that hold a row */
} store_layout;

store_layout tec_store_layout_of(const tec_store_spec *spec);

/* The HDF5 type of an element in the file. Close it with H5Tclose. */
hid_t tec_store_element_type(store_element element);

/* Checksum of the row in `buffer`. */
uint32_t tec_store_row_crc(const store_layout *layout, const char *buffer);

/* -- a row as it is stored (codec.c) -- */

/* Encodes a row, checksum included, and adds the error made to *error. False: a value is not finite.
 *   buffer    [layout->buffer]
 *   scratch   [L * C + (1 + K) * H * L] */
bool tec_store_row_encode(const tec_store_spec *spec, const store_layout *layout, const tec_store_row *row,
                          char *buffer, float *scratch, tec_store_error *error);

/* Is each of the values a finite number? */
bool tec_store_are_finite(const float *value, size_t count);

/* The failure of one that is not. */
tec_status tec_store_not_finite(int64_t sample);

/* Decodes a row; buffers of `row` that are NULL are skipped. */
void tec_store_row_decode(const tec_store_spec *spec, const store_layout *layout, const char *buffer,
                          tec_store_row *row);

/* -- shards (shard.c) -- */

/* "DIR/shard-00017.h5", and without DIR; the caller frees them. */
char *tec_store_shard_path(const char *dir, int64_t shard);
char *tec_store_shard_name(int64_t shard);

/* Reads the specification from the attributes of an open shard. TEC_USER_ERROR: it is not a shard, or attributes are
 * missing. */
tec_status tec_store_shard_read_spec(hid_t file, const char *path, tec_store_spec *spec);

/* What the manifest says about a shard. */
typedef struct store_shard {
    int64_t rows, bytes;
    int64_t offset[PARTS]; /* bytes, of the datasets in the file; -1: none */
    uint32_t crc;          /* checksum of the dataset crc32c */
    tec_store_error error;
    int64_t *void_row; /* [void_rows] within the shard, owned */
    int64_t void_rows;
} store_shard;

/* Reads it from the shard through HDF5 and checks attributes, shapes and types. The caller frees out->void_row, also
 * after a failure. */
tec_status tec_store_shard_describe(const char *dir, const tec_store_spec *spec, int64_t shard, store_shard *out);

/* Where the datasets of the file `path` are, which is to become that shard, and where storage_error is. An offset of a
 * dataset that the store does not have is not set. TEC_USER_ERROR: it is not of this store, or not such a file. */
tec_status tec_store_shard_locate(const char *path, const tec_store_spec *spec, int64_t shard, int64_t offset[PARTS],
                                  int64_t *error_offset);

/* The store is complete: nobody needs to be told any more how large its shards are to be (sizes.c). */
void tec_store_settled(const char *dir, const tec_store_spec *spec);

/* -- the journal of a shard that is being written (journal.c) --
 *
 * It lies behind the end of the HDF5 file, with a record for every row, and is cut off when the shard is whole. */

/* Bytes of the journal of a shard with so many rows. */
int64_t tec_store_journal_bytes(int64_t rows);

/* Notes that the first row + 1 rows are written, the last with this checksum, and what the error of all of them is. */
tec_status tec_store_journal_note(int fd, const char *path, int64_t journal, int64_t row, uint32_t row_crc,
                                  const tec_store_error *error);

/* False: there is no such note, or a damaged one. */
bool tec_store_journal_read(int fd, const char *path, int64_t journal, int64_t row, uint32_t *row_crc,
                            tec_store_error *error);

/* -- manifest as JSON (json.c) -- */

json_t *tec_store_spec_to_json(const tec_store_spec *spec);
json_t *tec_store_shard_to_json(const tec_store_spec *spec, int64_t index, const store_shard *shard);

/* `where` leads the messages. TEC_USER_ERROR: a member is missing, of another type or out of range. */
tec_status tec_store_spec_from_json(const json_t *json, const char *where, tec_store_spec *spec);
tec_status tec_store_shard_from_json(const json_t *json, const char *where, const tec_store_spec *spec, int64_t index,
                                     store_shard *shard);

/* -- an open store (reader.c) -- */

struct tec_store {
    char *dir;
    tec_store_spec spec;
    store_layout layout;
    int64_t shards;
    store_shard *shard; /* [shards] */
    tec_store_error error;
    int64_t bytes, void_rows, *void_row; /* void_row [void_rows] */
    struct store_cache *cache;           /* open files and buffers of the readers */
};

#endif
