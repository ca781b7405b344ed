/* Module io, public. Our own model files: HDF5 with the tensors under public names, the optimiser state, the position
 * in the run and the resolved settings.
 *
 *   /                   attributes format = "tec-checkpoint", kind = "tec" | "mae" | "vit" | "classifier", version = 1, 2 where
 *                       /weights has the running mean of the weights, or 3 where there are several base models
 *   /config             attributes img patch chans dim depth heads mlp_ratio;
 *                       kinds tec and mae: dec_dim dec_depth dec_heads; kind mae: norm_pix;
 *                       kind tec: groups base_dim base_heads att_tau pred_att, with several base models more_bases;
 *                       kind classifier: classes pool_mean no_class_token distillation_token registers unplaced
 *                       pre_norm swiglu norm_eps
 *   /weights/NAME       the tensors, with PyTorch's names and shapes
 *   /optimizer          attribute step
 *   /optimizer/m/NAME   first moments of the trained tensors
 *   /optimizer/v/NAME   second moments
 *   /optimizer/w/NAME   the trained tensors themselves, in version 2 (finetune.ema)
 *   /run                attributes: the members of tec_run_state
 *   /run/settings       the resolved settings, YAML as one string
 *   /run/classes        the names of a classifier's classes, one a line
 *   /run/software       which program wrote the file, one line
 *
 * Tensors are float32, or float64 from a program built with REAL=double, so that a resumed run equals an uninterrupted
 * one; each has an attribute crc32c over its bytes in the file. Without a run (weights only), /optimizer and /run are
 * missing. Golden fixtures (format "tec-fixture") have the same /config and /weights, without checksums, and are read
 * by the same functions.
 *
 * All functions are local and use HDF5: call them on one rank. */
#ifndef TEC_CHECKPOINT_H
#define TEC_CHECKPOINT_H

#include "tec/error.h"
#include "tec/model_config.h"
#include "tec/params.h"

#include <stdint.h>

/* Where a run stands: everything that a resumed run needs besides the tensors. */
typedef struct tec_run_state {
    int64_t step;       /* optimiser steps done */
    int64_t epoch;      /* that the next step belongs to */
    int64_t epoch_step; /* steps done in that epoch */
    double seconds;     /* compute time of the run so far */
    int32_t ranks, threads;
    int32_t batch;    /* images per step */
    uint64_t dataset; /* tec_dataset_fingerprint */
    uint64_t seed;
    double loss_sum[TEC_MAX_LOSSES]; /* of each loss over the steps of the current epoch so far */
    int64_t images;                  /* images seen since the start of the run */
    /* Files of version 0.1 do not have these, which are then 0. */
    uint64_t base, store;              /* tec_store_spec.base and tec_store_identity; 0: objective mae */
    int64_t finish_from, finish_steps; /* --finish: from which step on, over how many; 0: not given */
    double finish_lr;                  /* the learning rate at finish_from */
    int64_t validated;                 /* the step after which there last was a validation; 0: there was none */
    double unclipped;                  /* tec_adamw.unclipped; 0: not known, as if nothing was clipped */
} tec_run_state;

/* Reads the architecture. The kinds "pretrain", "targets" and "finetune" of fixtures are TEC_MODEL_TEC,
 * TEC_MODEL_VIT and TEC_MODEL_CLASSIFIER.
 * TEC_USER_ERROR: missing, not HDF5, not one of our files, or with attributes missing or out of range. */
tec_status tec_checkpoint_read_config(const char *path, tec_model_config *config);

/* Fills every tensor of `params` by name from /weights, whatever its floating-point type in the file; further tensors
 * there are ignored. TEC_USER_ERROR names a tensor that is missing, has another shape, does not match its checksum or
 * holds a value that is not finite. */
tec_status tec_checkpoint_read_weights(const char *path, tec_params *params);

/* The resolved settings of the run that wrote the file, as YAML; the caller frees them. NULL: it has none. */
char *tec_checkpoint_read_settings(const char *path);

/* The names of a classifier's classes, one a line; the caller frees them. NULL: the file has none. */
char *tec_checkpoint_read_classes(const char *path);

/* What a checkpoint says in words; NULL: nothing. */
typedef struct tec_checkpoint_texts {
    const char *settings; /* resolved, YAML */
    const char *classes;  /* of a classifier: their names, each ended by a line feed */
} tec_checkpoint_texts;

/* Reads the weights, the optimiser's moments and the state of the run.
 *   m, v      flat, laid out as params->grad
 *   average   as params->weight: the running mean of the weights or, in a file without, the weights; NULL: not wanted
 * TEC_USER_ERROR: the file holds weights only; else as above. */
tec_status tec_checkpoint_read_run(const char *path, tec_params *params, real *m, real *v, real *average,
                                   tec_run_state *state);

/* What a run needs besides the weights. */
typedef struct tec_checkpoint_run {
    const real *m, *v;   /* moments, laid out as params->grad */
    const real *average; /* running mean of the weights, laid out as params->weight; NULL: there is none */
    const tec_run_state *state;
} tec_checkpoint_run;

/* The state of the run alone. TEC_USER_ERROR: as tec_checkpoint_read_run. */
tec_status tec_checkpoint_read_state(const char *path, tec_run_state *state);

/* How long a model has been trained, where that is known. */
typedef struct tec_trained {
    int64_t steps; /* -1: not known */
    double epochs; /* likewise; not whole within an epoch, and not known within the first */
} tec_trained;

/* The same of a model's file of whatever kind: only checkpoints of runs tell it. */
tec_trained tec_checkpoint_trained(const char *model);

/* Asked when the temporary file is whole: may it become the checkpoint? */
typedef tec_status tec_checkpoint_confirm(const void *context);

/* Writes a temporary file (tec_file_temporary), flushes it to the disk, keeps an existing `path` as
 * tec_checkpoint_previous(path), renames the new file to `path` and flushes the directory: at any moment there is a whole
 * checkpoint, and where the file system has hard links there is always one at `path`.
 *   run            NULL: weights only
 *   texts          of the run; NULL: none
 *   confirm        NULL: nobody is asked; a status but TEC_OK is returned, and nothing is left
 * TEC_SYSTEM_ERROR: the disk (the message says which call and why; no existing file is lost). */
tec_status tec_checkpoint_write(const char *path, const tec_model_config *config, const tec_params *params,
                                const tec_checkpoint_run *run, const tec_checkpoint_texts *texts,
                                tec_checkpoint_confirm *confirm, const void *context);

/* About how many bytes such a file of a run has; `averaged`: with a running mean of the weights. */
int64_t tec_checkpoint_bytes(const tec_params *params, bool averaged);

/* "runs/a/checkpoint.h5" -> "runs/a/checkpoint_prev.h5"; the caller frees it. */
char *tec_checkpoint_previous(const char *path);

/* The version of the HDF5 library that writes them, "1.10.8", written to `text`. */
void tec_checkpoint_library(char *text, size_t size);

#endif
