/* What a training run reads: a data set and, for objective tec, a target store; or copies of them on the node. */
#ifndef TEC_JOBS_INPUTS_H
#define TEC_JOBS_INPUTS_H

#include "jobs/jobs.h"
#include "tec/stage.h"

typedef struct training_inputs {
    tec_dataset *set;
    tec_store *store; /* NULL: objective mae */
    tec_stage *stage; /* NULL: files are read where they are */
} training_inputs;

/* Collective; the same status everywhere. Completes *config by what the base model decides. A store that holds the
 * images stands in for data.train, which is then not looked at. Refuses a store that the settings do not call for. Free
 * with training_inputs_close, also after a failure. */
tec_status training_inputs_open(const tec_comm *comm, const tec_settings *settings, tec_model_config *config,
                                training_inputs *out);
void training_inputs_close(training_inputs *inputs); /* collective */

#endif
