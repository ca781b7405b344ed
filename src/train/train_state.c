/* Weights, moments and running mean: created, moved to a node's memory, given to all, updated. */
#include "train_state.h"

#include "tec/average.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/range.h"

#include <stdlib.h>
#include <string.h>

void tec_train_state_create(train_state *s, const tec_comm *comm, tec_params *params, const tec_recipe *recipe)
{
    *s = (train_state){.comm = comm, .params = params, .mine = {0, params->trained}};
    tec_adamw_create(&s->adamw, params, recipe->beta1, recipe->beta2, recipe->weight_decay);
    if (recipe->ema > 0) {
        s->average = tec_allocate(params->total * sizeof *s->average);
        memcpy(s->average, params->weight, params->total * sizeof *s->average);
    }
}

/* In the memory of a node. */
typedef struct places {
    real *weight, *m, *v, *average;
} places;

static tec_status allocate(train_state *s, bool gradients, places *to)
{
    const size_t trained = s->params->trained, total = s->params->total;
    TEC_TRY(tec_node_allocate(s->node, total, &to->weight));
    TEC_TRY(tec_node_allocate(s->node, trained, &to->m));
    TEC_TRY(tec_node_allocate(s->node, trained, &to->v));
    if (s->average)
        TEC_TRY(tec_node_allocate(s->node, total, &to->average));
    if (!gradients)
        return TEC_OK;
    s->each = tec_allocate((size_t)s->node->ranks.size * sizeof *s->each);
    return tec_node_allocate_each(s->node, trained, s->each);
}

static void stop_sharing(train_state *s)
{
    tec_node_close(s->node);
    free(s->each);
    s->node = NULL;
    s->each = NULL;
}

/* All ranks of a node have come here: none reads what is written next, and all see what was written before. */
static void wait_for_node(const train_state *s)
{
    if (s->node)
        tec_comm_barrier(&s->node->ranks);
}

/* The first rank's copy becomes the node's. Moments and gradients are zero. */
static void move(train_state *s, const places *to)
{
    const size_t bytes = s->params->total * sizeof(real);
    if (s->node->ranks.rank == 0) {
        memcpy(to->weight, s->params->weight, bytes);
        if (s->average)
            memcpy(to->average, s->average, bytes);
    }
    wait_for_node(s);
    tec_params_move(s->params, to->weight, s->each ? s->each[s->node->ranks.rank] : NULL);
    tec_adamw_move(&s->adamw, to->m, to->v);
    free(s->average);
    s->average = to->average;
    s->mine = tec_node_slice(s->node, s->params->trained);
}

void tec_train_state_share(train_state *s, bool gradients)
{
    places to = {0};
    s->node = tec_node_open(s->comm);
    if (!s->node)
        return;
    if (allocate(s, gradients, &to) == TEC_OK) {
        move(s, &to);
        return;
    }
    tec_warn("%s: every rank keeps weights and moments for itself, as with run.node_memory=private",
             tec_error_message());
    stop_sharing(s);
}

void tec_train_state_free(train_state *s)
{
    if (!s->node)
        free(s->average);
    tec_adamw_free(&s->adamw);
    stop_sharing(s);
}

void tec_train_state_spread(train_state *s, bool averaged)
{
    const tec_params *p = s->params;
    const tec_comm *to = s->node ? &s->node->peers : s->comm;
    if (!s->node || s->node->ranks.rank == 0) {
        tec_comm_broadcast(to, p->weight, p->total * sizeof(real), 0);
        tec_comm_broadcast(to, s->adamw.m, p->trained * sizeof(real), 0);
        tec_comm_broadcast(to, s->adamw.v, p->trained * sizeof(real), 0);
        if (s->average && averaged)
            tec_comm_broadcast(to, s->average, p->total * sizeof(real), 0);
        else if (s->average)
            memcpy(s->average, p->weight, p->total * sizeof(real));
    }
    wait_for_node(s);
}

double tec_train_state_step(train_state *s, double lr, double scale)
{
    real *grad = s->params->grad;
    const size_t end = s->mine.first + s->mine.count;
    wait_for_node(s);
    tec_adamw_begin(&s->adamw);
    double square = tec_adamw_update(&s->adamw, s->params, s->mine.first, s->mine.count, lr, scale);
    if (s->node && !s->each) { /* of slices that the others update, this rank has the sum, too */
        memset(grad, 0, s->mine.first * sizeof *grad);
        memset(grad + end, 0, (s->params->trained - end) * sizeof *grad);
    }
    return square;
}

double tec_train_state_sum(const train_state *s, double share)
{
    if (s->node)
        tec_comm_sum_double(&s->node->ranks, &share, 1);
    return share;
}

double tec_train_state_square(const train_state *s)
{
    if (!s->each)
        return tec_gradient_square(s->params, 0, s->params->trained);
    return tec_train_state_sum(s, tec_gradient_square(s->params, s->mine.first, s->mine.count));
}

void tec_train_state_average(train_state *s, double decay)
{
    const tec_slice mine = s->mine;
    if (!s->average)
        return;
    tec_average_update(s->average + mine.first, s->params->weight + mine.first, mine.count, decay);
    wait_for_node(s);
}

void tec_train_state_swap(train_state *s)
{
    const size_t total = s->params->total;
    const tec_slice mine = s->node ? tec_node_slice(s->node, total) : (tec_slice){0, total};
    if (!s->average)
        return;
    wait_for_node(s);
    tec_average_swap(s->average + mine.first, s->params->weight + mine.first, mine.count);
    wait_for_node(s);
}
