/* Module io, public. The HDF5 side of our model files, shared by everything that reads or writes them. Local. */
#ifndef TEC_CHECKPOINT_H5_H
#define TEC_CHECKPOINT_H5_H

#include "tec/checkpoint.h"
#include "tec/h5.h"

#define TEC_CHECKPOINT_FORMAT "tec-checkpoint"
#define TEC_CHECKPOINT_VERSION 1
#define TEC_CHECKPOINT_AVERAGED 2 /* the version where /weights has a running mean: it means something else then */
#define TEC_CHECKPOINT_SEVERAL 3  /* the version of a model with several base models, which has tensors for each */

/* Indexed by tec_model_kind. */
extern const char *const tec_checkpoint_kinds[];

/* In `use`: a file may lack it, it is then 0. */
#define TEC_CHECKPOINT_OPTIONAL (1u << 31)

/* In `use`, besides: only files of a model with several base models have it. */
#define TEC_CHECKPOINT_OF_SEVERAL (1u << 30)

/* Members of tec_model_config; `use` is a set of 1 << tec_model_kind. Fixtures lack what is optional, since their models
 * are no variants. Ends with name NULL. */
extern const tec_h5_field tec_checkpoint_config_fields[];

/* Members of tec_run_state; files of older versions lack what is optional. Ends with name NULL. */
extern const tec_h5_field tec_checkpoint_run_fields[];

/* Opens a checkpoint or a fixture; close it with H5Fclose. TEC_USER_ERROR: not readable, or neither of them. */
tec_status tec_checkpoint_open(const char *path, hid_t *file, tec_model_kind *kind);

/* TEC_USER_ERROR: the dataset has a checksum, and `raw`, its bytes in the file, do not match it. */
tec_status tec_checkpoint_check_crc(hid_t dataset, const char *path, const char *group, const char *name,
                                    const void *raw, size_t bytes);

#endif
