/* The HDF5 side of our model files: what their readers and writers share. */
#ifndef TEC_CHECKPOINT_H5_H
#define TEC_CHECKPOINT_H5_H

#include "tec/checkpoint.h"
#include "tec/h5.h"

#define TEC_CHECKPOINT_FORMAT "tec-checkpoint"
#define TEC_CHECKPOINT_VERSION 1

/* Indexed by tec_model_kind. */
extern const char *const tec_checkpoint_kinds[];

/* Members of tec_model_config; `use` is a set of 1 << tec_model_kind. The table ends with an empty name. */
extern const tec_h5_field tec_checkpoint_config_fields[];

/* Members of tec_run_state. */
extern const tec_h5_field tec_checkpoint_run_fields[];

/* Opens the file if it says that it is one of ours; close with H5Fclose. TEC_USER_ERROR. */
tec_status tec_checkpoint_open(const char *path, hid_t *file, tec_model_kind *kind);

/* TEC_USER_ERROR when the dataset has a checksum and the bytes of the file, `raw`, have another. */
tec_status tec_checkpoint_check_crc(hid_t dataset, const char *path, const char *group, const char *name,
                                    const void *raw, size_t bytes);

#endif
