/* Where `tec plan` has the figures of a machine from. */
#ifndef TEC_JOBS_PLAN_H
#define TEC_JOBS_PLAN_H

#include "tec/comm.h"
#include "tec/dataset.h"
#include "tec/plan.h"

/* Measures this machine with the job's own model: steps of one micro-batch, targets of a few images, AdamW, memcpy on
 * all cores, and decoding where `set` is not NULL. A few seconds; takes the memory that the job takes. */
tec_status plan_machine_measure(const tec_comm *comm, const tec_plan_job *job, const tec_dataset *set,
                                tec_plan_machine *out);

/* From a file that `tec bench --json` wrote: of the runs with as many ranks as a node has (or the nearest number), the
 * one whose image takes the most similar number of operations. *used: its size, owned by the caller. TEC_USER_ERROR: no
 * such file, or without training steps. */
tec_status plan_machine_read(const char *path, const tec_plan_job *job, tec_plan_machine *out, char **used);

#endif
