/* Module train, private. What a run learns - weights, moments, a running mean - and where its ranks keep it: each for
 * itself, or once per node, where every rank updates the slice that it owns. */
#ifndef TEC_TRAIN_TRAIN_STATE_H
#define TEC_TRAIN_TRAIN_STATE_H

#include "tec/adamw.h"
#include "tec/comm.h"
#include "tec/node.h"
#include "tec/recipe.h"

typedef struct train_state {
    const tec_comm *comm;
    tec_params *params; /* the model's */
    tec_adamw adamw;
    real *average;  /* [params->total] running mean of the weights; NULL: none */
    tec_node *node; /* whose ranks have one copy; NULL: every rank has its own */
    real **
        each; /* with node: [node->ranks.size] the gradients of its ranks, summed there; NULL: each is summed by messages */
    tec_slice mine; /* of [0, params->trained): what this rank updates */
} train_state;

/* Local. The weights are there; the running mean begins with them. */
void tec_train_state_create(train_state *state, const tec_comm *comm, tec_params *params, const tec_recipe *recipe);

/* Collective. Moves it to memory that the ranks of a node share, and gradients with `gradients`, too. Where that is not
 * possible everything stays as it is, and a warning says why. */
void tec_train_state_share(train_state *state, bool gradients);

/* Collective. */
void tec_train_state_free(train_state *state);

/* Collective. Gives rank 0's weights and moments to all, and the running mean if it is `averaged`: else it begins with the
 * weights. */
void tec_train_state_spread(train_state *state, bool averaged);

/* Collective. AdamW's step where all of the gradient has been taken; returns this rank's share of the squared norm. */
double tec_train_state_step(train_state *state, double lr, double scale);

/* Collective over a node. The sum of its ranks' shares, of the whole gradient; all ranks' updates have then been made. */
double tec_train_state_sum(const train_state *state, double share);

/* Collective over a node. The squared norm of the gradient, all of which has been taken. */
double tec_train_state_square(const train_state *state);

/* Collective over a node. The running mean takes the weights in, or changes places with them. */
void tec_train_state_average(train_state *state, double decay);
void tec_train_state_swap(train_state *state);

#endif
