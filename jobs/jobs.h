/* The commands of the program, and what several of them do in the same way. */
#ifndef TEC_JOBS_H
#define TEC_JOBS_H

#include "tec/command.h"
#include "tec/dataset.h"
#include "tec/features.h"
#include "tec/frozen.h"
#include "tec/import.h"
#include "tec/store.h"

#include <jansson.h>

extern const tec_command tec_command_pretrain, tec_command_targets, tec_command_knn, tec_command_probe,
    tec_command_export, tec_command_pack, tec_command_inspect, tec_command_settings, tec_command_selftest,
    tec_command_bench, tec_command_plan;

/* Collective. Rank 0 lists data.train (`training`) or data.val, all ranks open it. */
tec_status tec_job_open_dataset(const tec_comm *comm, const tec_settings *settings, bool training, tec_dataset **out);

/* How the pixels / 255 of a model's images are normalised. */
typedef struct tec_normalisation {
    double mean[3], std[3];
} tec_normalisation;

/* Local. Opens and recognises a model file in any format, with what base.* says of it. Errors as tec_import_open. */
tec_status tec_job_open_model(const tec_settings *settings, const char *path, tec_import **out);

/* Collective. Rank 0 reads the encoder of a model file in any format for images of data.image_size pixels and says what
 * it found, all ranks get it; the same status everywhere. `normalisation` (NULL: not wanted) is base.mean and base.std,
 * or the file's own, or known of the model, or data.mean and data.std. */
tec_status tec_job_open_frozen(const tec_comm *comm, const tec_settings *settings, const char *path, int batch,
                               tec_frozen **out, tec_normalisation *normalisation);

/* Collective. Creates the run directory (and its parents) on rank 0; TEC_USER_ERROR when it is not writable. */
tec_status tec_job_make_directory(const tec_comm *comm, const char *dir);

/* The target store that these settings, this base and this data set call for. */
tec_store_spec tec_job_store_spec(const tec_settings *settings, const tec_model_config *base, uint64_t base_hash,
                                  const tec_normalisation *normalisation, const tec_dataset *set);

/* Collective. Rank 0 writes `object` to DIR/NAME, whole or not at all; the directory is there. Borrows `object`, which
 * only rank 0 needs to have. */
tec_status tec_job_write_json(const tec_comm *comm, const char *dir, const char *name, const json_t *object);

/* Collective. Rank 0 writes the resolved settings to NAME in run.dir, as YAML that `-c` takes. */
tec_status tec_job_write_settings(const tec_comm *comm, const tec_settings *settings, const char *name);

/* What `knn` and `probe` start from: the features of both data sets under one model. */
typedef struct tec_job_evaluation {
    tec_features train, val;
    tec_normalisation normalisation; /* of the images */
} tec_job_evaluation;

/* Collective. Opens data.train and data.val and eval.model ("pixels": no model), checks that they go together, makes
 * the run directory and computes the features. TEC_USER_ERROR: no labels, other classes in data.val than in data.train,
 * channels or image size other than the model's. Free with tec_job_evaluation_free, also after a failure. */
tec_status tec_job_evaluate(const tec_comm *comm, const tec_settings *settings, tec_job_evaluation *out);
void tec_job_evaluation_free(tec_job_evaluation *evaluation);

/* The settings that features depend on and the sizes that came of them, as a new JSON object for knn.json or
 * probe.json. */
json_t *tec_job_evaluation_json(const tec_settings *settings, const tec_job_evaluation *evaluation);

#endif
