/* Module eval, public. Features of a data set written to a file (tec/feature_file.h), in parts that a run which was killed
 * leaves to the next one. */
#ifndef TEC_FEATURES_JOB_H
#define TEC_FEATURES_JOB_H

#include "tec/feature_file.h"
#include "tec/features.h"

/* All pointers are borrowed. */
typedef struct tec_features_job {
    const tec_comm *comm;
    const char *path;               /* the file; parts are in the directory PATH.parts until it is whole */
    const char *model, *data;       /* the paths that were given */
    tec_features_settings settings; /* its preprocessing leaves nothing open */
    const tec_dataset *set;
    tec_frozen *frozen;  /* created for settings.batch images */
    tec_trained trained; /* the model; used on rank 0 */
    bool strict;         /* data.strict_images */
    tec_feature_type type;
} tec_features_job;

typedef struct tec_features_made {
    int64_t rows, left_out;
} tec_features_made;

/* Collective; the same status everywhere. Computes the parts that are missing, puts all of them together and removes them.
 * The file has the same bytes for any number of ranks. Memory: a batch on each rank; on rank 0 also a part's names. Images
 * that cannot be decoded have no row; they are listed as warnings and in the file. TEC_USER_ERROR: an image that cannot be
 * decoded, unless they are skipped; parts that were begun with other settings, model or images, or that another process
 * is making; no image at all could be decoded. TEC_SYSTEM_ERROR: also if there is no room, before anything is computed. */
tec_status tec_features_write(const tec_features_job *job, tec_features_made *out);

#endif
