/* Module eval, private. The directory of parts of features that are being computed: whose it is, what it is for, which parts
 * are missing. Rank 0, local. */
#ifndef TEC_FEATURES_BEGIN_H
#define TEC_FEATURES_BEGIN_H

#include "row_part.h"

#include "tec/features_job.h"

typedef struct features_begun {
    char *dir;            /* owned */
    int lock;             /* file descriptor; -1: none */
    int64_t part_batches; /* batches in a part; the last part may have fewer */
    int64_t parts;
    int64_t *missing; /* [missing_count], owned */
    int64_t missing_count;
} features_begun;

/* Makes the directory or finds one, for `ranks` ranks. TEC_USER_ERROR: it was begun with other settings, model or images,
 * or another process works in it. TEC_SYSTEM_ERROR: the disk, or too little room on it. */
tec_status tec_features_begin(const tec_features_job *job, const tec_feature_spec *spec, int ranks,
                              features_begun *out);

/* What its parts hold; borrows begun->dir. */
row_parts tec_features_parts(const features_begun *begun, const tec_feature_spec *spec);

/* The directory and all parts are removed (`done`), or left to the next run. Also after a failure. */
void tec_features_end(features_begun *begun, bool done);

#endif
