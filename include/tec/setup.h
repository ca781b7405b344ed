/* Module setup, public. From settings to what modules take: small structs of their own, and the data sets, models,
 * stores and inputs that the settings name, opened and checked. */
#ifndef TEC_SETUP_H
#define TEC_SETUP_H

#include "tec/comm.h"
#include "tec/evaluation.h"
#include "tec/import.h"
#include "tec/inputs.h"
#include "tec/plan.h"
#include "tec/run.h"
#include "tec/settings.h"

/* -- what modules take. Local -- */

tec_reading tec_setup_reading(const tec_settings *settings);
tec_normalisation tec_setup_normalisation(const tec_settings *settings); /* data.mean, data.std */
tec_reduction tec_setup_reduction(const tec_settings *settings);
tec_feed_view tec_setup_view(const tec_settings *settings); /* random crops, as they are trained on */
tec_recipe tec_setup_recipe(const tec_settings *settings);  /* of pretraining */

/* `model` as it is after tec_setup_inputs. */
tec_pretraining tec_setup_pretraining(const tec_settings *settings, const tec_model_config *model);

/* Of the models alone: images, dataset_bytes and nodes are the caller's. */
tec_plan_job tec_setup_plan_job(const tec_settings *settings, const tec_model_config *model,
                                const tec_model_config *base);

/* The target store that these settings, this base and this data set call for. */
tec_store_spec tec_setup_store_spec(const tec_settings *settings, const tec_model_config *base, uint64_t base_hash,
                                    const tec_normalisation *normalisation, const tec_dataset *set);

/* -- what settings name, opened -- */

/* Collective. Rank 0 lists data.train (`training`) or data.val, all ranks open it. */
tec_status tec_setup_dataset(const tec_comm *comm, const tec_settings *settings, bool training, tec_dataset **out);

/* Local. Opens and recognises a model file in any format, with what base.* says of it. Errors as tec_import_open. */
tec_status tec_setup_import(const tec_settings *settings, const char *path, tec_import **out);

/* Collective. Rank 0 reads the encoder of a model file in any format for images of data.image_size pixels and says what
 * it found, all ranks get it; the same status everywhere. `normalisation` (NULL: not wanted) is base.mean and base.std,
 * or the file's own, or known of the model, or data.mean and data.std. */
tec_status tec_setup_frozen(const tec_comm *comm, const tec_settings *settings, const char *path, int batch,
                            tec_frozen **out, tec_normalisation *normalisation);

/* Collective. Creates the run directory (and its parents) on rank 0; TEC_USER_ERROR when it is not writable. */
tec_status tec_setup_directory(const tec_comm *comm, const char *dir);

/* Collective. Rank 0 reads the manifest of targets.dir, all ranks open the store. */
tec_status tec_setup_store(const tec_comm *comm, const tec_settings *settings, tec_store **out);

/* Collective; the same status everywhere. Completes *config by what the base model decides. A store that holds the
 * images stands in for data.train, which is then not looked at. Refuses a store that the settings do not call for. Free
 * with tec_inputs_close, also after a failure. */
tec_status tec_setup_inputs(const tec_comm *comm, const tec_settings *settings, tec_model_config *config,
                            tec_inputs *out);

/* Collective. Opens data.train and data.val and eval.model ("pixels": no model), checks that they go together, makes
 * the run directory and computes the features; *normalisation: of the model's images. TEC_USER_ERROR: no labels, other
 * classes in data.val than in data.train, channels or image size other than the model's. Free with
 * tec_evaluation_free, also after a failure. */
tec_status tec_setup_evaluation(const tec_comm *comm, const tec_settings *settings, tec_evaluation *out,
                                tec_normalisation *normalisation);

#endif
