/* Module replay, private. A fixture's inputs in memory, checked so that a model can be run on them. */
#ifndef TEC_REPLAY_INPUTS_H
#define TEC_REPLAY_INPUTS_H

#include "tec/fixture.h"
#include "tec/model.h"

/* Dimensions as in tec/model.h; B images. */
typedef struct replay_inputs {
    int B, K, keep;  /* keep: V; 0: a plain encoder */
    real *keep_path; /* classifier: [B, depth, 2] */
    real *wanted;    /* classifier: [B, classes] */
    real *images;    /* [B, c, H, W] */
    int *shuffle;    /* [B, L] */
    struct {
        real *feature;     /* [B, L, C] standardised, as in the target store */
        real *attention;   /* [B, 1 + K, H, L] */
        int *topk;         /* [B, K] */
    } base[TEC_MAX_BASES]; /* TEC */
    tec_example *example;  /* [B] pointers into the above; NULL: a plain encoder */
    int last_layers;       /* plain encoder: the feature is the mean of so many blocks */
} replay_inputs;

/* *in starts zeroed, and is to be freed also after a failure. TEC_USER_ERROR names the dataset or attribute that is
 * missing, has another size than `config` requires, or holds values that no model can work with. */
tec_status tec_replay_inputs_read(const tec_fixture *fixture, const tec_model_config *config, replay_inputs *in);
void tec_replay_inputs_free(replay_inputs *in);

#endif
