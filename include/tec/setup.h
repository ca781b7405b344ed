/* From settings to what modules take: data sets, models, stores and training inputs that the settings name, opened and
 * checked. */
#ifndef TEC_SETUP_H
#define TEC_SETUP_H

#include "tec/comm.h"
#include "tec/dataset.h"
#include "tec/frozen.h"
#include "tec/import.h"
#include "tec/inputs.h"
#include "tec/settings.h"
#include "tec/store.h"

/* Collective. Rank 0 lists data.train (`training`) or data.val, all ranks open it. */
tec_status tec_setup_dataset(const tec_comm *comm, const tec_settings *settings, bool training, tec_dataset **out);

/* How the pixels / 255 of a model's images are normalised. */
typedef struct tec_normalisation {
    double mean[3], std[3];
} tec_normalisation;

/* Local. Opens and recognises a model file in any format, with what base.* says of it. Errors as tec_import_open. */
tec_status tec_setup_import(const tec_settings *settings, const char *path, tec_import **out);

/* Collective. Rank 0 reads the encoder of a model file in any format for images of data.image_size pixels and says what
 * it found, all ranks get it; the same status everywhere. `normalisation` (NULL: not wanted) is base.mean and base.std,
 * or the file's own, or known of the model, or data.mean and data.std. */
tec_status tec_setup_frozen(const tec_comm *comm, const tec_settings *settings, const char *path, int batch,
                            tec_frozen **out, tec_normalisation *normalisation);

/* Collective. Creates the run directory (and its parents) on rank 0; TEC_USER_ERROR when it is not writable. */
tec_status tec_setup_directory(const tec_comm *comm, const char *dir);

/* The target store that these settings, this base and this data set call for. */
tec_store_spec tec_setup_store_spec(const tec_settings *settings, const tec_model_config *base, uint64_t base_hash,
                                    const tec_normalisation *normalisation, const tec_dataset *set);

/* Collective. Rank 0 reads the manifest of targets.dir, all ranks open the store. */
tec_status tec_setup_store(const tec_comm *comm, const tec_settings *settings, tec_store **out);

/* Collective; the same status everywhere. Completes *config by what the base model decides. A store that holds the
 * images stands in for data.train, which is then not looked at. Refuses a store that the settings do not call for. Free
 * with tec_inputs_close, also after a failure. */
tec_status tec_setup_inputs(const tec_comm *comm, const tec_settings *settings, tec_model_config *config,
                            tec_inputs *out);

#endif
