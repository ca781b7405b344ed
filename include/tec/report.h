/* Module report, public. Runs as one HTML page that needs no network and no script, and a run's log as CSV. Local.
 *
 * What is written depends on the files of the runs alone: the same files give the same bytes. */
#ifndef TEC_REPORT_H
#define TEC_REPORT_H

#include "tec/augment.h"
#include "tec/error.h"
#include "tec/frozen.h"
#include "tec/model.h"
#include "tec/store.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A setting of a run, as settings.yaml prints it. All texts are owned. */
typedef struct tec_report_setting {
    char *key; /* "pretrain.blr" */
    char *value, *otherwise /* the default */;
} tec_report_setting;

/* A picture, as PNG. */
typedef struct tec_report_picture {
    unsigned char *png; /* owned */
    size_t bytes;
    int width, height;
    char *caption; /* owned, as `file`; NULL: none */
    char *file;    /* what it shows; NULL: the image of its row */
} tec_report_picture;

/* One way of looking at images. */
typedef struct tec_report_column {
    char *title;                 /* "attention, head 1" */
    tec_report_picture *picture; /* [images] */
} tec_report_column;

/* What a run's model makes of some images: a row for each, a column for each way of looking at it. */
typedef struct tec_report_pictures {
    int images;
    char **name; /* [images] owned, as the rest */
    tec_report_column *column;
    int column_count;
    size_t column_capacity;
    char *hint; /* how to read them; NULL: nothing to say */
} tec_report_pictures;

/* What is in a run directory. */
typedef struct tec_report_run {
    char *dir, *name;       /* as given; its last part, made different from that of other runs */
    bool done;              /* are all epochs done? */
    bool evaluations_only;  /* no run, but results of `tec knn` or `tec probe` */
    json_t *log;            /* the lines of log.jsonl; an array, empty if there is none */
    json_t *environment;    /* environment.json; NULL: there is none, as below */
    json_t *finetune;       /* finetune.json */
    json_t *evaluations;    /* knn_1.json, ..., knn.json, probe_1.json, ..., each with its name as `file`; an array */
    char *settings;         /* settings.yaml */
    bool has_model;         /* is there a checkpoint? */
    tec_model_config model; /* its architecture */
    tec_report_setting *setting; /* all settings, in their order: by tec_report_add_setting; NULL: not known */
    int setting_count;
    size_t setting_capacity;
    tec_report_pictures pictures;  /* by the functions below */
    tec_report_pictures predicted; /* by tec_report_show_features */
    tec_report_pictures nearest;   /* by tec_report_show_nearest */
    char **note;                   /* what is missing or damaged, a sentence each; owned */
    int note_count;
    size_t note_capacity;
} tec_report_run;

/* Reads what is there; what is missing or damaged becomes a note, and a warning. TEC_USER_ERROR: the directory does not
 * exist, or has nothing of a run. Free it also after a failure. */
tec_status tec_report_read(tec_report_run *out, const char *dir);
void tec_report_free(tec_report_run *run);

/* Adds a note, which is also a warning; a setting (texts are copied). */
void tec_report_note(tec_report_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tec_report_add_setting(tec_report_run *run, const char *key, const char *value, const char *otherwise);

/* -- pictures; S image size, c channels, L patches. They give signs of life, and end early once tec_stop_asked -- */

/* Some images as a model sees them. All pointers are borrowed. */
typedef struct tec_report_images {
    int count, channels;
    tec_size size;
    const uint8_t *square;     /* [count, H, W, c] */
    char *const *name;         /* [count] */
    const int *const *shuffle; /* [count][L] of pretraining: as in tec_example; NULL: no masks */
    int visible;               /* patches that stay visible */
} tec_report_images;

/* The images themselves: the first column. */
void tec_report_show_images(tec_report_run *run, const tec_report_images *images);

/* Any ViT, created for one image: its patch tokens as colours and, where it has a class token, what each head of its
 * last block attends to. */
void tec_report_show_encoder(tec_report_run *run, const tec_report_images *images, tec_frozen *frozen,
                             const tec_normalisation *normalisation);

/* MAE, created for one image: mask, and reconstruction. */
void tec_report_show_pixels(tec_report_run *run, const tec_report_images *images, tec_model *model,
                            const tec_normalisation *normalisation);

/* The base of a TEC model. All pointers are borrowed. */
typedef struct tec_report_base {
    tec_frozen *frozen;                     /* created for one image */
    const tec_normalisation *normalisation; /* of its images */
    int last_layers;                        /* whose mean output is the feature */
    bool standardised;                      /* the features, over the patches */
} tec_report_base;

/* TEC, created for one image and `queries` patch queries: mask, what is predicted of features and attention (this if
 * there are queries), and the base model's, which must have the model's base_width, base_heads and patches. */
void tec_report_show_features(tec_report_run *run, const tec_report_images *images, tec_model *model,
                              const tec_normalisation *normalisation, const tec_report_base *base, int queries);

/* Images, and for each the ones that are nearest to it by their features. All pointers are borrowed. */
typedef struct tec_report_nearest {
    int images, k; /* k nearest of each */
    tec_size size;
    int channels;
    const uint8_t *const *square; /* [images, 1 + k]: the image, then the nearest first; each [height, width, c];
                                   * NULL, as name: there are fewer */
    const char *const *name;      /* [images, 1 + k] */
    const char *const *label;     /* [images, 1 + k] names of classes; NULL: not known */
    const double *similarity;     /* [images, k] cosine */
    const char *among, *by;       /* for the hint: "300 of the 60000 images of PATH", "the class token" */
} tec_report_nearest;

void tec_report_show_nearest(tec_report_run *run, const tec_report_nearest *nearest);

/* Gives runs whose directories have the same name longer ones: "a/base" and "b/base". */
void tec_report_tell_apart(tec_report_run *run, int count);

/* -- target stores -- */

typedef enum tec_report_shard_state {
    TEC_SHARD_WHOLE,
    TEC_SHARD_UNFINISHED, /* a part of it is there */
    TEC_SHARD_MISSING,
    TEC_SHARD_DAMAGED, /* its size or a row that was read is not as it should be */
    TEC_SHARD_STATES
} tec_report_shard_state;

typedef struct tec_report_shard {
    tec_report_shard_state state;
    int64_t rows, bytes, void_rows;        /* bytes -1, void_rows -1: not known */
    double feature_error, attention_error; /* of the storage type, relative; NAN: not known */
} tec_report_shard;

enum { TEC_REPORT_BINS = 40 };

typedef struct tec_report_store {
    char *dir;
    bool finished;  /* is there a manifest? */
    char *software; /* that wrote it; "" if that is not known */
    tec_store_spec spec;
    tec_report_shard *shard; /* [shards] */
    int64_t shards;
    int64_t bytes;                         /* of all shards that are there */
    double feature_error, attention_error; /* of all of it, as above */
    int rows_read;                         /* of which the distribution is */
    double low, high;                      /* of the bins */
    double share[TEC_REPORT_BINS];         /* % of the numbers of features */
    double outside;                        /* likewise, beyond the bins */
    char **note;                           /* what is wrong; owned */
    int note_count;
    size_t note_capacity;
} tec_report_store;

/* Does the directory hold a target store, finished or not? */
bool tec_report_is_store(const char *dir);

/* Reads what manifest, files and some rows say, evenly spaced over a finished store. What is wrong is noted, and a warning.
 * TEC_USER_ERROR: it is not a store, or nothing of it can be read. Free it also after a failure. */
tec_status tec_report_read_store(tec_report_store *out, const char *dir);
void tec_report_free_store(tec_report_store *store);

/* -- the page -- */

/* What `tec bench --json` has written: tec_bench_json_read. */
typedef struct tec_report_bench {
    const char *path;
    json_t *json;
} tec_report_bench;

/* What `tec plan --json` has written: tec_plan_json_read. */
typedef struct tec_report_plan {
    const char *path;
    json_t *json;
    char *note; /* what is damaged; NULL: nothing; owned */
} tec_report_plan;

/* Sets the note, which is also a warning. */
void tec_report_check_plan(tec_report_plan *plan);

typedef struct tec_report_page {
    const tec_report_run *run; /* [runs] */
    int runs;
    const tec_report_store *store; /* [stores] */
    int stores;
    const tec_report_bench *bench; /* [benches] */
    int benches;
    const tec_report_plan *plan; /* [plans] */
    int plans;
} tec_report_page;

/* Writes the page as tec_file_write does. */
tec_status tec_report_write(const char *path, const tec_report_page *page);

/* Writes log.jsonl as CSV: a row for each line, a column for each member that occurs. */
tec_status tec_report_write_csv(const char *path, const tec_report_run *run);

#endif
