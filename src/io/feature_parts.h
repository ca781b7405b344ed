/* Module io, private. What the writer and the reader of feature files share. */
#ifndef TEC_FEATURE_PARTS_H
#define TEC_FEATURE_PARTS_H

#include "tec/feature_file.h"
#include "tec/h5.h"

#include <stdio.h>

#define FEATURE_FORMAT "tec features"
#define FEATURE_VERSION 1

typedef struct feature_field {
    tec_h5_field h5;
    bool alike;          /* rows can be compared only if it is the same */
    bool exception;      /* a text that is written only where it is not "": files without it have that */
    const char *setting; /* that decides it */
} feature_field;

/* The members of tec_feature_spec; the last one has no name. */
extern const feature_field tec_feature_fields[];

/* Their attributes of the root, and those of the format. */
tec_status tec_feature_put_spec(tec_h5_draft *draft, const tec_feature_spec *spec);
tec_status tec_feature_get_spec(hid_t file, const char *path, tec_feature_spec *spec);

/* -- columns of a table -- */

typedef enum feature_column {
    COLUMN_FEATURES,
    COLUMN_PATH,
    COLUMN_LABEL,
    COLUMN_SAMPLE,
    COLUMN_CONTENT,
    COLUMNS
} feature_column;

extern const char *const tec_feature_column_names[COLUMNS];

/* Bytes of a row; `path_bytes` of a name. */
size_t tec_feature_column_bytes(feature_column column, const tec_feature_spec *spec, int path_bytes);

/* Its type in HDF5, closed by H5Tclose; -1: failure. */
hid_t tec_feature_column_type(feature_column column, const tec_feature_spec *spec, int path_bytes);

/* Strings of `bytes` bytes, padded with 0, UTF-8; likewise. */
hid_t tec_feature_text_type(int bytes);

/* -- kinds of files that are written -- */

typedef struct feature_kind {
    tec_status (*open)(tec_feature_writer *w);
    tec_status (*rows)(tec_feature_writer *w, const void *rows, int64_t count);
    tec_status (*names)(tec_feature_writer *w, const tec_feature_names *names);
    tec_status (*commit)(tec_feature_writer *w); /* closes and publishes what is open */
    void (*discard)(tec_feature_writer *w);      /* closes and removes what is open */
} feature_kind;

extern const feature_kind tec_feature_kind_h5, tec_feature_kind_npy;

/* The CSV file beside a .npy; the caller frees it. */
char *tec_feature_path_beside(const char *path);

struct tec_feature_writer {
    const feature_kind *kind;
    char *path, *temporary;
    tec_feature_spec spec;
    tec_feature_table table; /* its texts are borrowed until it is open */
    int64_t rows, names;     /* written so far */
    int fd;                  /* -1: closed */
    int64_t place[COLUMNS];  /* of HDF5: where each column begins */
    int64_t header;          /* of .npy: its bytes */
    char *beside;            /* of .npy: the CSV file, its temporary name, and the file */
    char *beside_temporary;
    FILE *lines;       /* NULL: closed */
    char **class_name; /* [classes], owned */
};

#endif
