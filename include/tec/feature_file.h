/* Module io, public. Files of features: what a model says of the images of a data set, one row after the other in the order
 * of the images, with what they were made by (docs/formats.md). Local.
 *
 *   N  rows: images that could be decoded
 *   D  width
 *   L  patches of an image, where all of them are kept */
#ifndef TEC_FEATURE_FILE_H
#define TEC_FEATURE_FILE_H

#include "tec/bands.h"
#include "tec/checkpoint.h"
#include "tec/error.h"
#include "tec/real.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tec_feature_type { TEC_FEATURE_FLOAT32, TEC_FEATURE_FLOAT16 } tec_feature_type;
#define TEC_FEATURE_TYPE_LIST(BETWEEN) "float32" BETWEEN "float16" /* in the order of tec_feature_type */
#define TEC_FEATURE_TYPE_WORDS TEC_FEATURE_TYPE_LIST("|")
const char *tec_feature_type_name(tec_feature_type type);

/* What features depend on, and how they are stored: the attributes of a file. */
typedef struct tec_feature_spec {
    uint64_t model_hash; /* tec_frozen_hash */
    uint64_t data_hash;  /* tec_dataset_fingerprint */
    int64_t images;      /* of the data set, those that cannot be decoded too */
    int batch;           /* that they were computed in; how a matrix product rounds depends on it */
    int width;           /* D */
    int heads;           /* of the model's attention */
    double norm_eps;     /* of its norms */
    int patches;         /* L; 0: a row is [D] instead of [L, D] */
    int tokens;          /* tec_pooling */
    int layer;           /* 1 .. depth */
    bool norm;           /* after the model's final norm */
    int type;            /* tec_feature_type */
    tec_size image_size;
    int channels;
    char range[TEC_BANDS_RANGE_TEXT];  /* tec_bands_range_words */
    char bands[TEC_BANDS_CHOSEN_TEXT]; /* tec_bands_chosen_words */
    double mean[TEC_BANDS_MOST], std[TEC_BANDS_MOST];
    int resize; /* tec_resize, not AUTO; and so are the next two */
    double crop_pct;
    int interpolation;  /* tec_filter */
    bool strict_images; /* data.strict_images */
} tec_feature_spec;

/* A member in which two of them differ. */
typedef struct tec_feature_difference {
    const char *name, *setting; /* its attribute; the setting that decides */
    char a[1200], b[1200];      /* both values */
} tec_feature_difference;

/* Do they differ, and in what first? `alike`: only in what makes rows comparable, which data set, batch and storage type
 * do not. */
bool tec_feature_spec_differ(const tec_feature_spec *a, const tec_feature_spec *b, bool alike,
                             tec_feature_difference *out);

/* "  NAME: VALUE\n" of every member; the caller frees it. */
char *tec_feature_spec_describe(const tec_feature_spec *spec);

/* Fails with TEC_USER_ERROR: the features of two files cannot be compared, because of this difference. */
tec_status tec_feature_files_refuse(const tec_feature_difference *difference, const char *a_path, const char *b_path);

size_t tec_feature_row_numbers(const tec_feature_spec *spec); /* D or L D */
size_t tec_feature_row_bytes(const tec_feature_spec *spec);   /* as they are stored */

/* Rows to and from their storage type.
 *
 *   value   [count]
 *   stored  [count] of the type */
void tec_feature_encode(tec_feature_type type, const real *value, size_t count, void *stored);
void tec_feature_decode(tec_feature_type type, const void *stored, size_t count, real *value);

/* A file that holds a specification alone, and a number with it: of work that has been begun. Writing: as tec_file_write.
 * TEC_USER_ERROR: there is no such file, or it is damaged. */
tec_status tec_feature_spec_write(const char *path, const tec_feature_spec *spec, int64_t number);
tec_status tec_feature_spec_read(const char *path, tec_feature_spec *spec, int64_t *number);

/* -- writing -- */

/* What is known of a table before its rows are written. All of it is borrowed. */
typedef struct tec_feature_table {
    const tec_feature_spec *spec;
    const char *model, *data; /* the paths that were given */
    tec_trained trained;      /* the model */
    int64_t rows;             /* N */
    int path_bytes;           /* the longest name of an image, at least 1 */
    int classes;              /* 0: no labels */
    const char *const *class_name;
    int64_t left_out; /* images that could not be decoded */
    const char *const *left_out_name;
} tec_feature_table;

/* Some rows of a table.
 *
 *   path     [count, path_bytes]  padded with 0
 *   label    [count]              NULL: there are none
 *   sample   [count]              numbers in the data set, from 0
 *   content  [count]              hashes of the images as the model saw them */
typedef struct tec_feature_names {
    int count;
    const char *path;
    const int32_t *label;
    const int64_t *sample;
    const uint64_t *content;
} tec_feature_names;

typedef struct tec_feature_writer tec_feature_writer;

/* Can a table be written at `path`? TEC_USER_ERROR: its name ends neither in .h5 or .hdf5 nor in .npy. */
tec_status tec_feature_path_check(const char *path);

/* The .csv that is written beside a table at `path`, or NULL: none is. The caller frees it. */
char *tec_feature_path_beside(const char *path);

/* Begins a file: HDF5 or, by its name, .npy with a .csv beside it, which hold features and names, but not by what they were
 * made. TEC_SYSTEM_ERROR: the disk. */
tec_status tec_feature_writer_open(tec_feature_writer **out, const char *path, const tec_feature_table *table);

/* Add rows and names behind those there are, in pieces of any size.
 *
 *   rows  [count] of tec_feature_row_bytes each */
tec_status tec_feature_writer_rows(tec_feature_writer *writer, const void *rows, int64_t count);
tec_status tec_feature_writer_names(tec_feature_writer *writer, const tec_feature_names *names);

/* Flushes the file and gives it its name: it is there as a whole, or not at all. Frees the writer, also after a failure. */
tec_status tec_feature_writer_commit(tec_feature_writer *writer);
void tec_feature_writer_discard(tec_feature_writer *writer); /* NULL is fine */

/* -- reading -- */

typedef struct tec_feature_file tec_feature_file;

/* Opens an HDF5 file of features. TEC_USER_ERROR: it is none, is damaged, or was written by something else. */
tec_status tec_feature_file_open(tec_feature_file **out, const char *path);

/* The same for one of several ranks: which images rows are of, a column as long as the file, is checked by each for its share
 * of the rows only. The status may differ between ranks. */
tec_status tec_feature_file_open_share(tec_feature_file **out, const char *path, int rank, int ranks);
void tec_feature_file_close(tec_feature_file *file); /* NULL is fine */

/* Is it an HDF5 file of features, whole or not? */
bool tec_feature_file_is(const char *path);

const tec_feature_spec *tec_feature_file_spec(const tec_feature_file *file);
const char *tec_feature_file_path(const tec_feature_file *file);
const char *tec_feature_file_model(const tec_feature_file *file);   /* as it was given */
const char *tec_feature_file_data(const tec_feature_file *file);    /* likewise */
tec_trained tec_feature_file_trained(const tec_feature_file *file); /* the model */
int64_t tec_feature_file_rows(const tec_feature_file *file);        /* N */
int tec_feature_file_classes(const tec_feature_file *file);         /* 0: no labels */
const char *tec_feature_file_class(const tec_feature_file *file, int label);
int tec_feature_file_name_bytes(const tec_feature_file *file); /* room for a name and a 0 behind it */

/* Read rows first .. first + count - 1. TEC_SYSTEM_ERROR: the disk. TEC_USER_ERROR: a label that is none,
 * a feature that is not finite.
 *
 *   value    [count, D] or [count, L, D]
 *   label    [count]
 *   sample   [count]
 *   content  [count]
 *   name     [count, name_bytes]  each ended by a 0 */
tec_status tec_feature_file_read(const tec_feature_file *file, int64_t first, int64_t count, real *value);
tec_status tec_feature_file_labels(const tec_feature_file *file, int64_t first, int64_t count, int32_t *label);
tec_status tec_feature_file_samples(const tec_feature_file *file, int64_t first, int64_t count, int64_t *sample);
tec_status tec_feature_file_contents(const tec_feature_file *file, int64_t first, int64_t count, uint64_t *content);
tec_status tec_feature_file_names(const tec_feature_file *file, int64_t first, int64_t count, char *name);

#endif
