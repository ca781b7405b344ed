/* Model files of our own: HDF5, tensors under public names, optimiser state, position in the run, resolved settings.
 *
 *   /            attrs format = "tec-checkpoint", version = 1, kind = "tec" | "mae" | "vit"
 *   /config      attrs img patch chans dim depth heads mlp_ratio and, by kind, dec_dim dec_depth dec_heads norm_pix
 * groups base_dim base_heads att_tau pred_att (the names of the golden fixtures) /weights/NAME          as in PyTorch;
 * float32, or float64 from a program built with REAL=double, so that a resumed run equals an uninterrupted one; every
 * dataset carries an attribute crc32c /optimizer/m/NAME, /optimizer/v/NAME, attrs step /run         attrs (see
 * tec_run_state), /run/settings the resolved YAML, /run/software a line
 *
 * Golden fixtures (format "tec-fixture") have the same /config and /weights and are read by the same functions.
 * All functions are local and use HDF5: call them on one rank. */
#ifndef TEC_CHECKPOINT_H
#define TEC_CHECKPOINT_H

#include "tec/error.h"
#include "tec/model_config.h"
#include "tec/params.h"

#include <stdint.h>

/* Where a run stands. Everything a resumed run needs beside the tensors. */
typedef struct tec_run_state {
    int64_t step;       /* optimiser steps done */
    int64_t epoch;      /* the epoch that the next step belongs to */
    int64_t epoch_step; /* steps of that epoch done */
    double seconds;     /* compute time of the run so far */
    int32_t ranks, threads;
    int32_t batch;    /* images per step */
    uint64_t dataset; /* fingerprint */
    uint64_t seed;
    double loss_sum[2]; /* of the current epoch so far, per loss: sum over steps */
    int64_t images;     /* images seen since the start of the run */
} tec_run_state;

/* Reads the architecture. TEC_USER_ERROR: not there, not HDF5, not ours, members missing. `kind` "pretrain" of a
 * fixture is TEC_MODEL_TEC, "targets" is TEC_MODEL_VIT. */
tec_status tec_checkpoint_read_config(const char *path, tec_model_config *config);

/* Fills every tensor of `params` by name from /weights; TEC_USER_ERROR names a tensor that is missing, has another
 * shape, another checksum or a value that is not finite. Further tensors in the file are passed over. Any
 * floating-point type is read. */
tec_status tec_checkpoint_read_weights(const char *path, tec_params *params);

/* The resolved settings of the run that wrote the file, as YAML; the caller frees it. NULL: there are none. */
char *tec_checkpoint_read_settings(const char *path);

/* Reads the optimiser moments (flat buffers laid out as params->grad) and the run state. */
tec_status tec_checkpoint_read_run(const char *path, const tec_params *params, real *m, real *v, tec_run_state *state);

/* Writes `path`.tmp, flushes it to the disk, keeps an existing `path` under its name with _prev before the ending,
 * renames the new file to `path`, flushes the directory: at any moment there is a whole checkpoint, and where the file
 * system has hard links it is always at `path`. m, v, state NULL: weights only. TEC_SYSTEM_ERROR: the disk (the message
 * says which call and why; nothing that was there is lost). */
tec_status tec_checkpoint_write(const char *path, const tec_model_config *config, const tec_params *params,
                                const real *m, const real *v, const tec_run_state *state, const char *settings_yaml);

/* "runs/a/checkpoint.h5" -> "runs/a/checkpoint_prev.h5"; the caller frees it. */
char *tec_checkpoint_previous(const char *path);

#endif
