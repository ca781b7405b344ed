/* Module setup, public. Every setting of every command, as resolved from defaults, YAML file and key=value overrides
 * (in this order).
 *
 * The struct is the result; the one table in src/setup/settings_table.c says of each member its key, type, range,
 * default and help, and drives YAML reading, overrides, validation, --help and the resolved file. */
#ifndef TEC_SETTINGS_H
#define TEC_SETTINGS_H

#include "tec/dataset.h"
#include "tec/error.h"
#include "tec/frozen.h"
#include "tec/model_config.h"
#include "tec/reducer.h"
#include "tec/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum tec_on_bad_image { TEC_BAD_IMAGE_STOP, TEC_BAD_IMAGE_SKIP } tec_on_bad_image;
typedef enum tec_objective { TEC_OBJECTIVE_TEC, TEC_OBJECTIVE_MAE } tec_objective;
typedef enum tec_preset {
    TEC_PRESET_NONE,
    TEC_PRESET_VIT_TINY,
    TEC_PRESET_VIT_SMALL,
    TEC_PRESET_VIT_BASE,
    TEC_PRESET_VIT_LARGE,
    TEC_PRESET_VIT_HUGE
} tec_preset;

typedef struct tec_settings {
    struct {
        char *train, *val; /* paths; "" when not given */
        int labels;        /* tec_label_mode: auto | folders | none */
        int on_bad_image;  /* tec_on_bad_image: stop | skip */
        int image_size, channels;
        double mean[3], std[3]; /* one number stands for every channel; default: ImageNet's, 0.5 for 1 channel */
        double crop_scale[2], crop_ratio[2];
        bool flip;
        int64_t max_train, max_val; /* 0: all */
        int workers, prefetch;      /* decoding threads per rank; micro-batches ahead */
    } data;
    struct {
        int preset;                     /* tec_preset: fills what is 0 below */
        int patch, width, depth, heads; /* patch 0 without a preset: 16 */
        double mlp_ratio;
        int adaptor_groups; /* 0: tec_settings_model_config chooses */
        int decoder_width, decoder_depth, decoder_heads;
    } model;
    struct {
        char *model;            /* a model file */
        int heads;              /* what the file of base.model or eval.model does not say; 0: as it says */
        double norm_eps;        /* 0: as it says */
        double mean[3], std[3]; /* of its images; std 0: as it says */
    } base;
    struct {
        char *dir;
        int type; /* tec_target_type: float32 | float16 | int8 */
        int topk, last_layers, views;
        int shard_mb;
        int batch;
        bool store_images;
        int verify_samples; /* rows that --verify recomputes */
    } targets;
    struct {
        int objective; /* tec_objective: tec | mae */
        int epochs;
        int batch;       /* global, in images per step (times masks_per_image model inputs) */
        int micro_batch; /* model inputs a rank computes at once; 0: chosen from the model's size */
        double mask_ratio;
        int masks_per_image;
        double attention_tau, feature_weight, attention_weight;
        bool norm_pix;
        double blr, lr, min_lr; /* lr 0: blr * batch * masks_per_image / 256 */
        double warmup_epochs, weight_decay, beta1, beta2;
        double clip_norm; /* 0: off */
        int log_steps;    /* steps per line of log.jsonl */
        double progress_seconds;
        int checkpoint_epochs;     /* every so many epochs, and at the end */
        double checkpoint_minutes; /* and every so many minutes; 0: off */
        int64_t stop_after_steps;  /* 0: off; ends the run after a checkpoint at this step, as a time limit would */
    } pretrain;
    struct {
        char *model;
        int pooling; /* tec_pooling: cls | mean */
        int batch;
    } eval;
    struct {
        int k[2];
        double temperature;
    } knn;
    struct {
        int epochs, batch;
        double blr, lr, min_lr; /* lr 0: blr * batch / 256 */
        double warmup_epochs, weight_decay, momentum;
    } probe;
    struct {
        char *dir;
        uint64_t seed;
        int threads;             /* compute threads per rank; 0: OMP_NUM_THREADS, or 1 */
        double max_minutes;      /* 0: as long as it takes, or until SLURM_JOB_END_TIME */
        double watchdog_minutes; /* 0: off */
        char *stage;             /* "": files are read where they are */
        int overlap;             /* tec_overlap: off | thread */
        int bucket_mb;
    } run;
} tec_settings;

/* Where an override or a YAML text came from, for messages. */
typedef struct tec_settings_source {
    const char *yaml_name, *yaml; /* file name and whole text; NULL: none */
    size_t yaml_bytes;
    const char *const *overrides; /* "section.key=value" */
    int override_count;
} tec_settings_source;

/* Local and pure (reads no file): defaults, then the YAML text, then the overrides, then the checks of ranges. Strings
 * are owned by *out; free with tec_settings_free also after a failure. TEC_USER_ERROR with one line:
 * "configs/a.yaml:7:3: unknown key `mask_ration` in pretrain; did you mean `mask_ratio`?". */
tec_status tec_settings_resolve(tec_settings *out, const tec_settings_source *source);
void tec_settings_free(tec_settings *settings);

/* The architecture that the settings ask for: kind from pretrain.objective, what is 0 in the model section from the
 * preset (with objective mae: 8 decoder blocks), groups 0 -> as many of one size as have at least 3 blocks each (of 12
 * blocks 4, of 24 and of 32 8). base_width and base_heads stay 0: they are the base model's. predict_attention:
 * pretrain.attention_weight > 0. TEC_USER_ERROR names a key that neither gives; divisibility is left to
 * tec_model_config_check. Local. */
tec_status tec_settings_model_config(const tec_settings *settings, tec_model_config *out);

bool tec_settings_has_section(const char *section);

/* The whole as YAML with one line of help per key, in the order of the table; can be fed back by -c and gives the same.
 */
tec_status tec_settings_print(const tec_settings *settings, FILE *out);

/* The value of "section.key" and a line end; a text without quotes. TEC_USER_ERROR: there is no such setting. */
tec_status tec_settings_print_value(const tec_settings *settings, const char *name, FILE *out);

/* What tec_settings_print prints, as text; the caller frees it, also after a failure. TEC_SYSTEM_ERROR: no memory. */
tec_status tec_settings_text(const tec_settings *settings, char **text, size_t *bytes);

/* run.threads, or where that is 0 what OMP_NUM_THREADS says, or 1. */
int tec_settings_threads(const tec_settings *settings);

/* A setting in words. */
typedef struct tec_setting_row {
    const char *section, *key;
    char type[192];        /* "number, 0 < x < 1" */
    const char *choices;   /* "cls|mean"; NULL: it is no choice */
    const char *otherwise; /* the default, as on the command line */
    const char *help;
} tec_setting_row;

/* The index-th setting, section by section; false: there are no more. */
bool tec_settings_row(int index, tec_setting_row *out);

/* The keys of the named sections with type, range, default and help, for --help. */
void tec_settings_help(const char *const *sections, FILE *out);

#endif
