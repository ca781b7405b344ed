/* Module train, public. What a training run reads: a data set and, with objective tec, a target store, where they are
 * or copied to the node, or the base model in its place. */
#ifndef TEC_INPUTS_H
#define TEC_INPUTS_H

#include "tec/dataset.h"
#include "tec/model_config.h"
#include "tec/online.h"
#include "tec/stage.h"
#include "tec/store.h"

typedef struct tec_inputs {
    tec_dataset *set;
    tec_store *store;                   /* NULL: objective mae, or */
    tec_online *online;                 /* what computes targets in the step; else NULL */
    tec_store *more[TEC_MAX_BASES - 1]; /* of further base models; NULL: there are no more */
    tec_stage *stage;                   /* NULL: files are read where they are */
} tec_inputs;

/* Collective. Copies the shards of store and pack to `dir` on each node; from then on they are read there. If that is
 * not possible, or if the node reads less than that in so many epochs, a warning says why, and files are read where they
 * are. */
void tec_inputs_stage(const tec_comm *comm, const char *dir, int epochs, tec_inputs *inputs);

/* Stands for what is learnt from, the targets of all stores; of one store tec_store_identity, 0: there is none. */
uint64_t tec_inputs_identity(const tec_inputs *inputs);

/* Of the targets, stored or computed; NULL: there are none. Local. */
const tec_store_spec *tec_inputs_targets(const tec_inputs *inputs);

void tec_inputs_close(tec_inputs *inputs); /* collective */

#endif
