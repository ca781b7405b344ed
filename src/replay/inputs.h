/* A fixture's inputs in memory, checked so far that a model may be run on them. */
#ifndef TEC_TRAIN_REPLAY_INPUTS_H
#define TEC_TRAIN_REPLAY_INPUTS_H

#include "tec/fixture.h"
#include "tec/model.h"

typedef struct replay_inputs {
    int B, K, keep;       /* images, top-k, visible patches (0 for a plain encoder) */
    real *images;         /* [B, c, S, S] */
    real *feature;        /* TEC: [B, L, C] standardised, as the target store has it */
    real *attention;      /* TEC: [B, 1+K, H, L] */
    int *shuffle, *topk;  /* [B, L]; TEC: [B, K] */
    tec_example *example; /* [B], pointers into the above; NULL for a plain encoder */
    int last_layers;      /* a plain encoder's: how many blocks the feature is the mean of */
} replay_inputs;

/* TEC_USER_ERROR names the dataset or attribute that is missing, has another size than `config` asks for, or holds what
 * no model can be given. To be freed also after a failure; *in starts zeroed. */
tec_status tec_replay_inputs_read(const tec_fixture *fixture, const tec_model_config *config, replay_inputs *in);
void tec_replay_inputs_free(replay_inputs *in);

#endif
