/* The target store: what a base model says of every view of every sample, in a directory of HDF5 shards.
 *
 * shard-NNNNN.h5 holds the rows [NNNNN * shard_rows, ...) of the store; row = sample * views + view. A shard is written
 * by one process under a temporary name, flushed and renamed, so that a shard that is there is whole. `manifest.json`,
 * written last, names every shard with its rows, size, checksum and the byte offset of each dataset, and repeats the
 * specification; a reader needs it alone and reads rows by pread. h5py reads every shard as it is:
 *   feature   [rows, L, C]       float32, float16, or int8 with feature_scale [rows, C] float32 (value = int8 * scale)
 *   attention [rows, 1+K, H, L]  logits: float16, or (where feature is int8) int8 with attention_scale
 *             [rows, 1+K, H, 2] float32, the step and the middle of each of these rows of L logits
 *             (logit = int8 * step + middle)
 *   topk      [rows, K] uint16
 *   view      [rows, 5] int32    top, left, height, width, flip
 *   sample    [rows] int64 (-1: the image could not be decoded, the row is void)
 *   image     [rows, S, S, c] uint8, optional       crc32c [rows] uint32 over the row's bytes in this order
 *             (a scale stands behind what it scales)
 *   storage_error [4] float64, a tec_store_error
 * Root attributes: format = "tec-targets", version = 1 (of int8: 2, as version 1 had attention in float16), software,
 * shard, first_row and the members of tec_store_spec. Local functions. */
#ifndef TEC_STORE_H
#define TEC_STORE_H

#include "tec/augment.h"
#include "tec/error.h"
#include "tec/real.h"
#include "tec/settings.h"

#include <stdbool.h>
#include <stdint.h>

/* What a store is made of and for: two stores with equal specs hold the same numbers. Its members are listed with name,
 * type and range in the one table of src/store/spec.c, which drives attributes, manifest, comparison and
 * messages. */
typedef struct tec_store_spec {
    int64_t samples;
    int views, patches, width, heads, topk; /* V, L, C, H, K */
    int last_layers;
    tec_target_type type;
    bool images;
    int image_size, patch, channels;
    double mean[3], std[3]; /* that the base model's images were normalised with */
    double crop_scale[2], crop_ratio[2];
    bool flip;
    uint64_t seed;
    uint64_t base;      /* tec_params_hash of the base model */
    uint64_t dataset;   /* tec_dataset_fingerprint */
    int64_t shard_rows; /* a multiple of views */
} tec_store_spec;

/* One row in memory, buffers owned by the caller. */
typedef struct tec_store_row {
    float *feature;   /* [L, C], standardised over the patches */
    float *attention; /* [1+K, H, L] logits */
    int32_t *topk;    /* [K] */
    uint8_t *image;   /* [S, S, c], NULL: not wanted */
    tec_view view;
    int64_t sample; /* -1: void */
} tec_store_row;

/* Rows per shard: a multiple of views, such that a shard holds at most about `megabytes`, and a small store still has
 * some 64 shards to be shared among ranks. Does not depend on the number of ranks. */
int64_t tec_store_shard_rows(const tec_store_spec *spec, int megabytes);
int64_t tec_store_row_bytes(const tec_store_spec *spec);
int64_t tec_store_shards(const tec_store_spec *spec);

/* -- writing -- */
typedef struct tec_store_writer tec_store_writer;

/* *done: shard `shard` is there and whole. TEC_USER_ERROR when it is there but of another spec (naming the field),
 * damaged or no shard at all. */
tec_status tec_store_shard_done(const char *dir, const tec_store_spec *spec, int64_t shard, bool *done);

/* *done is set when shard `shard` is already there and whole (then *out is NULL). TEC_USER_ERROR when it is there but
 * of another spec, naming the field. Several writers of one shard at once do no harm: the first to commit wins. */
tec_status tec_store_writer_open(tec_store_writer **out, const char *dir, const tec_store_spec *spec, int64_t shard,
                                 bool *done);
/* The row within the shard; a void row (sample -1) needs no buffers. float16 and int8 rounding happens here; the error
 * made is added to the writer's statistics. TEC_USER_ERROR: a value that is not finite. */
tec_status tec_store_writer_put(tec_store_writer *writer, int64_t row_in_shard, const tec_store_row *row);
/* Flushes and renames; every row was put. A shard that another writer has finished meanwhile stays as it is. The writer
 * is gone afterwards, whatever the status. */
tec_status tec_store_writer_commit(tec_store_writer *writer);
void tec_store_writer_abandon(tec_store_writer *writer); /* removes the temporary file; NULL is fine */

/* Error of the storage type: sqrt(difference / square), the sums of (stored - given)^2 and of given^2. */
typedef struct tec_store_error {
    double feature_difference, feature_square, attention_difference, attention_square;
} tec_store_error;
const tec_store_error *tec_store_writer_error(const tec_store_writer *writer); /* since opening */

/* Writes the manifest when all shards are there, by rename; *missing: how many are not (then nothing is written). Safe
 * to be called by several workers at once. */
tec_status tec_store_finish(const char *dir, const tec_store_spec *spec, int64_t *missing);

/* -- reading -- */
typedef struct tec_store tec_store;

/* Local, meant for one rank: the text of the manifest (free()), ready to be broadcast. TEC_USER_ERROR: no store, not
 * finished (says so and how to finish it), not a store of ours. */
tec_status tec_store_manifest(const char *dir, char **text, size_t *bytes);
/* Opens from the manifest's text. Files are opened at the first read of each. */
tec_status tec_store_open(tec_store **out, const char *dir, const char *manifest, size_t bytes);
void tec_store_close(tec_store *store);
const tec_store_spec *tec_store_get_spec(const tec_store *store);
const tec_store_error *tec_store_get_error(const tec_store *store); /* of the whole store */
int64_t tec_store_bytes(const tec_store *store);                    /* of all shards */
/* Path (the caller frees it) and size of a shard's file. */
char *tec_store_shard_file(const tec_store *store, int64_t shard, int64_t *bytes);
/* Shards are read from a copy in `dir` from now on; before the first read. */
void tec_store_read_from(tec_store *store, const char *dir);
/* How many rows are void; *rows: their numbers, rising, owned by the store. */
int64_t tec_store_void_rows(const tec_store *store, const int64_t **rows);

/* Is this file a shard, by what its attributes say? */
bool tec_store_is_shard(const char *path);
/* The specification that a shard carries, and its number. TEC_USER_ERROR: no shard, attributes missing or out of range.
 */
tec_status tec_store_read_shard_spec(const char *path, tec_store_spec *spec, int64_t *shard);
/* Every member of the specification and every dataset of a shard, a line each; the caller frees it. */
char *tec_store_describe(const tec_store_spec *spec);

/* TEC_USER_ERROR naming the first field in which the store differs from what a run wants, with both values. Fields that
 * are only storage (type, images, shard_rows) are not compared. */
tec_status tec_store_match(const tec_store *store, const tec_store_spec *wanted, const char *dir);

/* Reads and checks a row (pread; thread-safe). TEC_SYSTEM_ERROR: cannot be read; TEC_USER_ERROR: checksum or size
 * wrong: names shard, row and remedy. */
tec_status tec_store_read(tec_store *store, int64_t row, tec_store_row *out);

/* Re-reads shard `shard` whole through HDF5 and pread: attributes, shapes, checksums, finiteness, manifest entry.
 * TEC_CHECK_FAILED with the first thing found wrong. */
tec_status tec_store_verify_shard(tec_store *store, int64_t shard);

#endif
