/* The commands of the program, and what several of them do in the same way. */
#ifndef TEC_JOBS_H
#define TEC_JOBS_H

#include "command.h"
#include "tec/dataset.h"
#include "tec/features.h"
#include "tec/setup.h"
#include "tec/store.h"

#include <jansson.h>

extern const tec_command tec_command_pretrain, tec_command_targets, tec_command_knn, tec_command_probe,
    tec_command_export, tec_command_pack, tec_command_inspect, tec_command_settings, tec_command_selftest,
    tec_command_bench, tec_command_plan;

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
