/* Module store, public. The target store: what a base model says about every view of every sample, in a directory of
 * HDF5 shards.
 *
 * shard-NNNNN.h5 holds the rows [NNNNN * shard_rows, ...) of the store; row = sample * views + view. A shard is written
 * by one process under a temporary name, flushed and renamed, so that an existing shard is whole. If the process ends
 * before that, another one goes on with its file. `manifest.json`,
 * written last, repeats the specification and lists every shard with its rows, size, checksum and the byte offset of
 * each dataset; it is all that a reader needs in order to read rows by pread. h5py reads a shard as it is. Its
 * datasets:
 *
 *   feature           [rows, L, C]        float32, float16 or int8
 *   feature_scale     [rows, C]           float32, only if feature is int8: value = int8 * scale
 *   attention         [rows, 1+K, H, L]   logits: float16, or int8 if feature is int8
 *   attention_scale   [rows, 1+K, H, 2]   float32, only if feature is int8: step and middle of each row of L logits,
 *                                         logit = int8 * step + middle
 *   topk              [rows, K]           uint16, patches
 *   view              [rows, 5]           int32: top, left, height, width, flip
 *   sample            [rows]              int64; -1: the image could not be decoded, the row is void
 *   image             [rows, height, width, c]     uint8, optional
 *   crc32c            [rows]              uint32, over the row's bytes of all datasets above in this order
 *   storage_error     [4]                 float64, a tec_store_error
 *
 * V views, L patches, C width, H heads, K topk, height x width image_size, c channels of tec_store_spec. Root attributes: format =
 * "tec-targets", version = 1 (2 if feature is int8, since version 1 had attention in float16), software, shard,
 * first_row, and the members of tec_store_spec.
 *
 * All functions are local. */
#ifndef TEC_STORE_H
#define TEC_STORE_H

#include "tec/augment.h"
#include "tec/bands.h"
#include "tec/error.h"
#include "tec/real.h"
#include "tec/temporary.h"

#include <stdbool.h>
#include <stdint.h>

/* How features are stored; attention is float16, or int8 beside an int8 feature. */
typedef enum tec_target_type { TEC_TARGET_FLOAT32, TEC_TARGET_FLOAT16, TEC_TARGET_INT8 } tec_target_type;

/* The words for the types, in the order of the enum, and the same as the choices of a setting. */
#define TEC_TARGET_TYPE_LIST(BETWEEN) "float32" BETWEEN "float16" BETWEEN "int8"
#define TEC_TARGET_TYPE_WORDS TEC_TARGET_TYPE_LIST("|")

const char *tec_target_type_name(tec_target_type type); /* static */

/* What a store is made from and how: two stores with equal specs hold the same numbers. One table in src/store/spec.c
 * lists the members with name, type and range; it drives attributes, manifest, comparison and messages. */
typedef struct tec_store_spec {
    int64_t samples;
    int views, patches, width, heads, topk; /* V, L, C, H, K */
    int last_layers;                        /* of the base model, whose mean is the feature */
    bool plain_features;                    /* not standardised over the patches: an ablation */
    bool mean_query; /* the base has no class token: the mean of the patches' queries stands for its query */
    tec_target_type type;
    bool images;
    tec_size image_size;                              /* in pixels */
    int patch, channels;                              /* side of a patch in pixels, c */
    char range[TEC_BANDS_RANGE_TEXT];                 /* tec_bands_range_words */
    char bands[TEC_BANDS_CHOSEN_TEXT];                /* tec_bands_chosen_words */
    double mean[TEC_BANDS_MOST], std[TEC_BANDS_MOST]; /* normalisation of the base model's images */
    double norm_eps; /* of its norms, where the settings say it and not its file; 0: they do not */
    double crop_scale[2], crop_ratio[2];
    bool flip;
    uint64_t seed;
    uint64_t base;      /* tec_params_hash of the base model */
    uint64_t dataset;   /* tec_dataset_fingerprint */
    int64_t shard_rows; /* a multiple of views */
} tec_store_spec;

/* A hash of everything in a spec that decides which numbers a store holds: all but images and shard_rows. Local. */
uint64_t tec_store_identity(const tec_store_spec *spec);

/* One row in memory. The caller owns the buffers. */
typedef struct tec_store_row {
    float *feature;   /* [L, C], standardised over the patches unless plain_features */
    float *attention; /* [1+K, H, L] logits */
    int32_t *topk;    /* [K] */
    uint8_t *image;   /* [height, width, c]; NULL: not wanted */
    tec_view view;
    int64_t sample; /* -1: void */
} tec_store_row;

/* Numbers in a row: L * C features, and (1+K) * H * L logits. */
size_t tec_store_row_features(const tec_store_spec *spec);
size_t tec_store_row_logits(const tec_store_spec *spec);

/* Rows per shard: a multiple of views, such that a shard has at most about `megabytes` MB and a small store still has
 * some 64 shards to divide among ranks. */
int64_t tec_store_shard_rows(const tec_store_spec *spec, int megabytes);

/* Rows of one shard: spec->shard_rows, of the last one fewer. */
int64_t tec_store_shard_row_count(const tec_store_spec *spec, int64_t shard);

/* The same for `makers` ranks that make the store together: fewer rows than spec->shard_rows where there would be fewer
 * shards than makers, or so few more that some makers wait for the others for long. They are a multiple of `batch`, so
 * that batches, whose rows can depend on each other in the last bit, stay the same. */
int64_t tec_store_spread_rows(const tec_store_spec *spec, int64_t makers, int batch);

/* Sets spec->shard_rows, for `makers`, to what this store was begun with: by another worker, with other ranks or another
 * targets.shard_mb (which a line says); if it is new, to tec_store_spread_rows, for all who come later. */
tec_status tec_store_settle_rows(const char *dir, tec_store_spec *spec, int64_t makers, int batch);

/* The targets.batch that the store was begun or made with; 0: not known, or there is none. */
int64_t tec_store_batch(const char *dir, const tec_store_spec *spec);

/* TEC_USER_ERROR: the store was begun with another batch (which tec_store_settle_rows notes), on which its rows depend in
 * the last bit. */
tec_status tec_store_check_batch(const char *dir, const tec_store_spec *spec, int batch);

int64_t tec_store_row_bytes(const tec_store_spec *spec); /* as stored */
int64_t tec_store_shards(const tec_store_spec *spec);    /* their number */

/* -- writing -- */

typedef struct tec_store_writer tec_store_writer;

/* *done: does shard `shard` exist, whole? TEC_USER_ERROR: there is a file, but of another spec (names the field),
 * damaged, or not a shard. */
tec_status tec_store_shard_done(const char *dir, const tec_store_spec *spec, int64_t shard, bool *done);

/* Begins shard `shard` unless it exists (then *done is true and *out NULL). TEC_USER_ERROR: as tec_store_shard_done.
 * Several writers of one shard at the same time do no harm: the first to commit wins. */
tec_status tec_store_writer_open(tec_store_writer **out, const char *dir, const tec_store_spec *spec, int64_t shard,
                                 bool *done);

/* Writes a row, counted within the shard; a void row (sample -1) needs no buffers. Rounds to float16 or int8 and adds
 * the error made to the writer's statistics. TEC_USER_ERROR: a value that is not finite. */
tec_status tec_store_writer_put(tec_store_writer *writer, int64_t row_in_shard, const tec_store_row *row);

/* Flushes and renames, after every row was put. A shard that another writer has finished meanwhile is kept; one whose
 * file another process has taken over is left to that. The writer is freed, whatever the status. */
tec_status tec_store_writer_commit(tec_store_writer *writer);

void tec_store_writer_abandon(tec_store_writer *writer); /* removes the temporary file; NULL is fine */

/* Keeps the rows that were put in order, under the temporary name with .part instead of .tmp, for another process to go
 * on with; nothing is kept if there are none. The writer is freed. NULL is fine. */
void tec_store_writer_set_aside(tec_store_writer *writer);

/* Goes on with the file dir/NAME, of tec_store_parts, whose owner is gone. *out NULL: another process was faster, no row
 * of it can be used (it is removed then), it was whole, and has become the shard, or it is of another store (a warning says so). The shard comes to be the same
 * as if it had been made at once, as long as rows depend on nothing but the other rows of their batch: rows are taken
 * over in whole batches. */
void tec_store_writer_take_up(tec_store_writer **out, const char *dir, const tec_store_spec *spec, int64_t shard,
                              const char *name, int batch);

/* How many rows, from the first on, have been put or were taken over: less than there are after take_up. */
int64_t tec_store_writer_rows(const tec_store_writer *writer);

/* The error of the storage type, relative: sqrt(difference / square), sums of (stored - given)^2 and of given^2. */
typedef struct tec_store_error {
    double feature_difference, feature_square, attention_difference, attention_square;
} tec_store_error;
const tec_store_error *tec_store_writer_error(const tec_store_writer *writer); /* since it was opened */

/* Files of shards that are not finished, as a row of names, each ended by a 0 byte, which the caller frees: temporary
 * ones, of processes that may have ended, and those set aside. None if there is no such directory. */
void tec_store_parts(const char *dir, char **names, size_t *bytes);

int64_t tec_store_part_shard(const char *name); /* of such a name, or of a finished shard's; -1: of neither */

/* As tec_temporary_owner_by_name and tec_temporary_owner. What was set aside has no owner: GONE. */
tec_owner tec_store_part_owner_by_name(const char *name);
tec_owner tec_store_part_owner(const char *dir, const char *name);

/* Removes the unfinished files, whose owners are gone, of shards that are finished, and says how many. */
void tec_store_parts_remove(const char *dir);

/* How many bytes the shards need that do not exist, less what unfinished files have. */
int64_t tec_store_room(const char *dir, const tec_store_spec *spec);

/* Writes the manifest, by rename, if all shards exist; *missing: how many do not (then nothing is written). Several
 * workers may call it at the same time. */
tec_status tec_store_finish(const char *dir, const tec_store_spec *spec, int64_t *missing);

/* -- rounding -- */

/* Rounds targets of sample `sample` in place to what they are once they have been stored and read again. `buffer` is
 * scratch of tec_store_round_bytes. TEC_USER_ERROR: a value is not finite, as for tec_store_writer_put.
 *
 *   feature    [L, C]
 *   attention  [1+K, H, L] */
size_t tec_store_round_bytes(const tec_store_spec *spec);
tec_status tec_store_round(const tec_store_spec *spec, int64_t sample, float *feature, float *attention, void *buffer);

/* -- reading -- */

typedef struct tec_store tec_store;

/* The text of the manifest, which the caller frees: one rank reads it and broadcasts it. TEC_USER_ERROR: no store, or
 * one that is not finished (says how to finish it). */
tec_status tec_store_manifest(const char *dir, char **text, size_t *bytes);

/* Opens a store with the text of its manifest; each file is opened at its first read. TEC_USER_ERROR: not the manifest
 * of a store, of an unknown version, damaged. */
tec_status tec_store_open(tec_store **out, const char *dir, const char *manifest, size_t bytes);
void tec_store_close(tec_store *store); /* NULL is fine */

const tec_store_spec *tec_store_get_spec(const tec_store *store);
const tec_store_error *tec_store_get_error(const tec_store *store); /* of the whole store */
int64_t tec_store_bytes(const tec_store *store);                    /* of all shards */

/* Path (the caller frees it) and size of a shard's file. */
char *tec_store_shard_file(const tec_store *store, int64_t shard, int64_t *bytes);

/* From now on shards are read from a copy in `dir`. Call it before the first read. */
void tec_store_read_from(tec_store *store, const char *dir);

/* The number of void rows; *rows: which they are, ascending, owned by the store. */
int64_t tec_store_void_rows(const tec_store *store, const int64_t **rows);

/* Is this file a shard, by its attributes? */
bool tec_store_is_shard(const char *path);

/* Specification and number of a shard, from its attributes. TEC_USER_ERROR: not a shard, or attributes missing or out
 * of range. */
tec_status tec_store_read_shard_spec(const char *path, tec_store_spec *spec, int64_t *shard);

/* Every member of the specification and every dataset of a shard, one per line; the caller frees it. */
char *tec_store_describe(const tec_store_spec *spec);

/* TEC_USER_ERROR: names the first field in which the store differs from what a run wants, with both values. Fields that
 * concern storage alone (type, images, shard_rows) are not compared. `dir` is for the message. */
tec_status tec_store_match(const tec_store *store, const tec_store_spec *wanted, const char *dir);

/* Reads a row by pread and checks it; buffers of `out` that are NULL are skipped. Thread-safe. TEC_SYSTEM_ERROR: it
 * cannot be read; TEC_USER_ERROR: wrong checksum or size (names shard, row and remedy). */
tec_status tec_store_read(tec_store *store, int64_t row, tec_store_row *out);

/* Re-reads all of shard `shard` through HDF5 and pread: attributes, shapes, checksums, finiteness, manifest entry.
 * TEC_CHECK_FAILED: names the first thing that is wrong. */
tec_status tec_store_verify_shard(tec_store *store, int64_t shard);

#endif
