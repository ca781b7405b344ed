/* Module eval, private. Parts of features put together to the file that was asked for. */
#ifndef TEC_FEATURES_ASSEMBLE_H
#define TEC_FEATURES_ASSEMBLE_H

#include "row_part.h"

#include "tec/features_job.h"

/* Rank 0, local: reads parts 0 .. parts - 1 of `all`, notes what they say of images left out in *skipped, and writes
 * job->path. *rows: in all of them; if there are none, nothing is written. */
tec_status tec_features_assemble(const tec_features_job *job, const tec_feature_spec *spec, const row_parts *all,
                                 int64_t parts, tec_skipped *skipped, int64_t *rows);

#endif
