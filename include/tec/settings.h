/* Module setup, public. All settings of all commands, resolved from defaults, YAML file and key=value overrides, in
 * this order.
 *
 * The struct is the result. A table, src/setup/settings_table.c, has key, type, range, default and help of each member;
 * it drives YAML reading, overrides, validation, --help and the resolved file. */
#ifndef TEC_SETTINGS_H
#define TEC_SETTINGS_H

#include "tec/dataset.h"
#include "tec/error.h"
#include "tec/feature_file.h"
#include "tec/frozen.h"
#include "tec/label_file.h"
#include "tec/model_config.h"
#include "tec/reducer.h"
#include "tec/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TEC_TUNING_WORDS "none|mae_base|mae_large|mae_huge|small_data" /* of finetune.recipe */
#define TEC_SETTINGS_MOST 192                                          /* most rows in the table */

typedef enum tec_on_bad_image { TEC_BAD_IMAGE_STOP, TEC_BAD_IMAGE_SKIP } tec_on_bad_image;
typedef enum tec_exif_orientation { TEC_EXIF_IGNORE, TEC_EXIF_APPLY } tec_exif_orientation;
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
        char *labels;      /* auto | folders | none, or a file: tec_setup_label_mode */
        char *val_labels;  /* a file with the labels of val; "": none */
        char *val_classes; /* a file that says which class a number in it means; "": none */
        int val_numbers;   /* tec_numbering: ask | from_0 | from_1 */
        int on_bad_image;  /* tec_on_bad_image: stop | skip */
        bool strict_images;
        int exif_orientation; /* tec_exif_orientation: ignore | apply */
        tec_size image_size;
        int channels;
        char *bands, *range; /* texts of tec_bands_parse_chosen and tec_bands_parse_range */
        double mean[TEC_BANDS_MOST], std[TEC_BANDS_MOST]; /* default: ImageNet's, or 0.5 unless there are 3 channels */
        double crop_scale[2], crop_ratio[2];
        bool flip;
        int64_t max_train, max_val; /* 0: all */
        int workers, prefetch;      /* decoding threads per rank; micro-batches read ahead */
    } data;
    struct {
        int preset;                     /* tec_preset: gives what is 0 below */
        int patch, width, depth, heads; /* patch 0 without a preset: 16 */
        double mlp_ratio;
        int adaptor_groups; /* 0: tec_settings_model_config chooses */
        bool adaptors;
        int decoder_width, decoder_depth, decoder_heads;
    } model;
    struct {
        char *model;         /* a model file */
        int heads;           /* of base.model or eval.model, if its file does not say; 0: it does */
        double norm_eps;     /* likewise */
        int activation;      /* likewise: 0, or 1 + tec_activation */
        int interpolation;   /* of its positions; 0: as the family's own code, or 1 + tec_interpolation */
        tec_size image_size; /* of its positions; 0: as its file, or a file beside it, says */
        char *architecture;  /* its name in timm; "": as a file beside it says */
        double mean[TEC_BANDS_MOST], std[TEC_BANDS_MOST]; /* normalisation of its images; std 0: likewise */
    } base;
    struct {
        char *dir;
        int type; /* tec_target_type: float32 | float16 | int8 */
        int topk, last_layers, views;
        bool standardise; /* the features, over the patches */
        bool online;      /* computed in the training step; there is no store */
        int shard_mb;
        int batch;
        bool store_images;
        int verify_samples; /* rows that --verify recomputes */
    } targets;
    struct {
        int objective; /* tec_objective: tec | mae */
        int epochs;
        int batch;       /* global: images per step, each as masks_per_image model inputs */
        int micro_batch; /* model inputs that a rank computes at once; 0: chosen by the model's size */
        double mask_ratio;
        int masks_per_image;
        double attention_tau, feature_weight, attention_weight;
        char *more_targets; /* directories with commas between them; "": none */
        double base_weights[TEC_MAX_BASES];
        bool norm_pix;
        double blr, lr, min_lr; /* lr 0: blr * batch * masks_per_image / 256 */
        double warmup_epochs, weight_decay, beta1, beta2;
        double clip_norm;  /* 0: off */
        int log_steps;     /* steps per line of log.jsonl */
        int compare_steps; /* steps between comparisons of the ranks' weights; 0: only before checkpoints */
        double progress_seconds;
        int checkpoint_epochs;     /* epochs between checkpoints; there is one at the end in any case */
        double checkpoint_minutes; /* minutes between further checkpoints; 0: none */
        int64_t stop_after_steps;  /* write a checkpoint at this step and stop, as at a time limit; 0: off */
    } pretrain;
    struct {
        char *model;              /* "scratch": none */
        int recipe;               /* by TEC_TUNING_WORDS: has supplied the rest of this section */
        int pooling;              /* tec_pooling: cls | mean */
        int64_t labels_per_class; /* 0: label_fraction */
        double label_fraction;
        int epochs, batch, repeats, micro_batch;
        double blr, lr, min_lr; /* lr 0: blr * batch / 256 */
        double warmup_epochs, weight_decay, layer_decay, beta1, beta2, clip_norm;
        double ema; /* 0: off */
        double drop_path, label_smoothing;
        double mixup, cutmix, mix_probability, cutmix_probability;
        double crop_scale[2];
        char *rand_augment; /* timm's words; "": none */
        double color_jitter, erase;
        int validate_epochs;
        int log_steps, compare_steps, checkpoint_epochs; /* as in pretrain, with what follows */
        double progress_seconds, checkpoint_minutes;
        int64_t stop_after_steps;
    } finetune;
    struct {
        char *model;
        int pooling; /* tec_pooling: cls | mean */
        int batch;
        int resize;                    /* tec_resize: auto | shorter | squash | whole */
        double crop_pct;               /* 0: not given */
        int interpolation;             /* tec_filter: auto | bicubic | bilinear | lanczos */
        char *features, *val_features; /* files; "": none */
    } eval;
    struct {
        int layer;  /* 1 .. depth, or from the last one -1 .. -depth; 0: the last */
        int tokens; /* tec_pooling: cls | mean | patches */
        bool norm;
        int type; /* tec_feature_type: float32 | float16 */
    } features;
    struct {
        int k[2];
        double temperature;
    } knn;
    struct {
        int epochs, batch;
        double blr, lr, min_lr; /* lr 0: blr * batch / 256; batch 0, blr 0: by the size of the set */
        double warmup_epochs, weight_decay, momentum;
    } probe;
    struct {
        char *images; /* "": those of the run */
        int pictures;
        int among; /* nearest images are looked for among so many of data.train; 0: none */
    } report;
    struct {
        char *dir;
        uint64_t seed;
        int threads;             /* compute threads per rank; 0: OMP_NUM_THREADS, or 1 */
        double max_minutes;      /* 0: no limit but SLURM_JOB_END_TIME */
        double watchdog_minutes; /* 0: off */
        double lock_minutes;     /* a restarted job waits so long for the lock of dir */
        char *stage;             /* "": files are read where they are */
        int overlap;             /* tec_overlap: off | thread */
        int gradient_type;       /* tec_gradient_type: float32 | bfloat16 */
        bool exact_sums;
        int node_memory; /* tec_node_memory: private | shared */
        int bucket_mb;
        bool tensorboard; /* numbers of the log go to event files, too */
        int pictures;     /* images of which pictures go there after every epoch; 0: none */
    } run;
    int numbers[TEC_SETTINGS_MOST]; /* by row: of a list with fewer or more, how many there are */
    bool given[TEC_SETTINGS_MOST];  /* by row: in the YAML file or as an override; see tec_settings_given */
} tec_settings;

/* Where settings come from; names are for messages. */
typedef struct tec_settings_source {
    const char *yaml_name, *yaml; /* name and contents of a file; NULL: none */
    size_t yaml_bytes;
    const char *const *overrides; /* "section.key=value" */
    int override_count;
} tec_settings_source;

/* Local; reads no file. Applies defaults, the YAML text and the overrides, and checks ranges. *out owns its strings;
 * free it with tec_settings_free, also after a failure. TEC_USER_ERROR, in one line: "configs/a.yaml:7:3: unknown key
 * `mask_ration` in pretrain; did you mean `mask_ratio`?". */
tec_status tec_settings_resolve(tec_settings *out, const tec_settings_source *source);
void tec_settings_free(tec_settings *settings);

/* "finetune.recipe mae_base: epochs 100, ...; given otherwise: batch 64 (not 1024)"; NULL: there is no recipe. The caller
 * frees it. */
char *tec_settings_recipe_text(const tec_settings *settings);

/* Local. Directory `index` of pretrain.more_targets, which the caller frees; NULL: there are not so many. */
char *tec_settings_more_targets(const tec_settings *settings, int index);

/* Local. The architecture that the settings describe:
 *
 *   kind                     by pretrain.objective
 *   what is 0 in `model`     from the preset (with objective mae: 8 decoder blocks)
 *   groups, if 0             as many of equal size as have at least 3 blocks each: 4 of 12 blocks, 8 of 24 and of 32
 *   predict_attention        pretrain.attention_weight > 0
 *   base_width, base_heads   0: they depend on the base model
 *
 * TEC_USER_ERROR: neither the settings nor the preset give a value; the message names its key. Divisibility is left to
 * tec_model_config_check. */
tec_status tec_settings_model_config(const tec_settings *settings, tec_model_config *out);

/* Local. The same for a classifier that begins with nothing: kind CLASSIFIER, no decoder; `classes` is left to the
 * caller. */
tec_status tec_settings_classifier_config(const tec_settings *settings, tec_model_config *out);

/* Local. What data.bands and data.range say. TEC_USER_ERROR: something else than they may; tec_settings_resolve has found
 * it already. */
tec_status tec_settings_bands(const tec_settings *settings, tec_bands *out);

/* Local. The same as texts that are alike for what is the same (tec_bands_range_words, tec_bands_chosen_words). */
void tec_settings_bands_words(const tec_settings *settings, char range[TEC_BANDS_RANGE_TEXT],
                              char chosen[TEC_BANDS_CHOSEN_TEXT]);

bool tec_settings_has_section(const char *section);

/* Local. Is section.key given, or is it the default? */
bool tec_settings_given(const tec_settings *settings, const char *section, const char *key);

/* Prints all settings as YAML, with a line of help per key. With -c the text gives the same settings again. */
tec_status tec_settings_print(const tec_settings *settings, FILE *out);

/* Prints the value of "section.key" and a newline; texts without quotes. TEC_USER_ERROR: no such setting. */
tec_status tec_settings_print_value(const tec_settings *settings, const char *name, FILE *out);

/* What tec_settings_print prints, as a text; the caller frees it, also after a failure. TEC_SYSTEM_ERROR: no memory. */
tec_status tec_settings_text(const tec_settings *settings, char **text, size_t *bytes);

/* run.threads; if that is 0, OMP_NUM_THREADS; if that is not set, 1. */
int tec_settings_threads(const tec_settings *settings);

/* A setting as texts. */
typedef struct tec_setting_row {
    const char *section, *key;
    char type[192];        /* "number, 0 < x < 1" */
    const char *choices;   /* "cls|mean"; NULL: not a choice */
    const char *otherwise; /* the default, as on the command line */
    const char *help;
} tec_setting_row;

/* The index-th setting, section by section; false: there are no more. */
bool tec_settings_row(int index, tec_setting_row *out);

/* Prints the keys of these sections, and single keys such as "data.labels" (NULL-terminated), with type, range, default and help, for --help. */
void tec_settings_help(const char *const *sections, FILE *out);

#endif
