/* The transformer block, forward and backward, on all rows of its sequences or only on those that are needed. */
#include "block.h"

#include "matrix.h"

#include "tec/minmax.h"
#include "tec/ops.h"
#include "tec/threads.h"

#include <assert.h>
#include <omp.h>
#include <stdio.h>

void tec_scratch_need(scratch *s, int R, int U, int width, int hidden, int N)
{
    s->hidden_size = tec_max_size(s->hidden_size, reals(R, hidden));
    s->qkv_size = tec_max_size(s->qkv_size, reals(R, 3 * width));
    s->distinct_size = tec_max_size(s->distinct_size, reals(U, 3 * width));
    s->row_size = tec_max_size(s->row_size, tec_max_size(reals(R, width), reals(U, width)));
    s->attention_size = tec_max_size(s->attention_size, reals(omp_get_max_threads() * N, N));
}

void tec_scratch_lay_out(scratch *s, tec_arena *arena)
{
    s->hidden = tec_arena_take(arena, s->hidden_size * sizeof(real));
    s->qkv = tec_arena_take(arena, s->qkv_size * sizeof(real));
    s->distinct = tec_arena_take(arena, s->distinct_size * sizeof(real));
    s->row = tec_arena_take(arena, s->row_size * sizeof(real));
    s->query_row = tec_arena_take(arena, s->row_size * sizeof(real));
    s->attention = tec_arena_take(arena, s->attention_size * sizeof(real));
}

block tec_block_register(tec_params *params, const block_shape *shape, const char *prefix)
{
    char name[64];
    int width = shape->width;
    block b = {.params = params, .width = width, .heads = shape->heads, .form = shape->form};
    snprintf(name, sizeof name, "%s.norm1", prefix);
    b.norm1 = tec_norm_register(params, width, shape->norm_eps, name);
    b.qkv_weight = tec_params_add(params, TEC_INIT_XAVIER, (int[4]){3 * width, width}, "%s.attn.qkv.weight", prefix);
    b.qkv_bias = tec_params_add(params, TEC_INIT_ZERO, (int[4]){3 * width}, "%s.attn.qkv.bias", prefix);
    if (shape->relative_rows) {
        b.relative = tec_params_add(params, TEC_INIT_ZERO, (int[4]){shape->relative_rows, shape->heads},
                                    "%s.attn.relative_position_bias_table", prefix);
        params->param[b.relative].decayed = false;
    }
    if (shape->attn_norm) {
        snprintf(name, sizeof name, "%s.attn.norm", prefix);
        b.attn_norm = tec_norm_register(params, width, shape->norm_eps, name);
    }
    b.proj_weight = tec_params_add(params, TEC_INIT_XAVIER, (int[4]){width, width}, "%s.attn.proj.weight", prefix);
    b.proj_bias = tec_params_add(params, TEC_INIT_ZERO, (int[4]){width}, "%s.attn.proj.bias", prefix);
    if (shape->form != TEC_BLOCK_PARALLEL) {
        snprintf(name, sizeof name, "%s.norm2", prefix);
        b.norm2 = tec_norm_register(params, width, shape->norm_eps, name);
    }
    snprintf(name, sizeof name, "%s.mlp", prefix);
    b.mlp = tec_mlp_register(params, width, shape->hidden, shape->swiglu, shape->activation,
                             shape->mlp_norm ? shape->norm_eps : 0, name);
    return b;
}

void tec_block_lay_out(const block *b, int R, int U, int M, int N, block_cache *c, tec_arena *arena)
{
    int D = b->width;
    assert(b->form == TEC_BLOCK_PRE_NORM); /* of the others there is no backward */
    c->h1 = take_reals(arena, U, D);
    c->h1_query = M < R && U == R ? take_reals(arena, M, D) : NULL;
    c->qkv = take_reals(arena, R, 3 * D);
    c->prob = take_reals(arena, M, N * b->heads);
    c->mixed = take_reals(arena, M, D);
    c->mixed_norm = b->attn_norm.width ? take_reals(arena, M, D) : NULL;
    c->middle = take_reals(arena, M, D);
    c->h2 = take_reals(arena, M, D);
    tec_norm_lay_out(U, &c->norm1, arena);
    if (b->attn_norm.width)
        tec_norm_lay_out(M, &c->attn_norm, arena);
    tec_norm_lay_out(M, &c->norm2, arena);
    tec_mlp_lay_out(&b->mlp, M, true, &c->mlp, arena);
    c->out = take_reals(arena, M, D);
}

void tec_block_lay_out_inference(const block *b, int R, block_cache *c, tec_arena *arena)
{
    int D = b->width;
    *c = (block_cache){0};
    c->h1 = c->h2 = take_reals(arena, R, D);
    c->qkv = take_reals(arena, R, 3 * D);
    c->mixed = take_reals(arena, R, D);
    c->mixed_norm = b->attn_norm.width ? c->h1 : NULL;
    c->middle = c->out = take_reals(arena, R, D);
    tec_norm_lay_out(R, &c->norm1, arena);
    c->norm2 = c->attn_norm = c->norm1;
    tec_mlp_lay_out(&b->mlp, R, false, &c->mlp, arena);
}

/* Queries, keys and values in a buffer laid out as block_cache.qkv. */
typedef struct qkv_view {
    real *q, *k, *v;
    int ldq, ldkv;
} qkv_view;

static bool all_rows_have_query(const tec_sequences *seq)
{
    return seq->row[seq->count] == seq->count * seq->N;
}

static qkv_view view_of(const tec_sequences *seq, real *qkv, int D)
{
    if (all_rows_have_query(seq))
        return (qkv_view){qkv, qkv + D, qkv + 2 * D, 3 * D, 3 * D};
    real *kv = qkv + reals(seq->row[seq->count], D);
    return (qkv_view){qkv, kv, kv + D, D, 2 * D};
}

static long distinct_row(const block_input *in, long row)
{
    return in->of ? in->of[row] : row;
}

/* Which rows of the sequences are copied: all [R], or those with a query [M]. */
typedef enum which_rows { ALL_ROWS, QUERY_ROWS } which_rows;

static int first_of(const tec_sequences *seq, int s, which_rows which)
{
    return which == QUERY_ROWS ? seq->first[s] : 0;
}

/* Where these rows of sequence s begin among those of all sequences. */
static long begin_of(const tec_sequences *seq, int s, which_rows which)
{
    return which == QUERY_ROWS ? seq->row[s] : (long)s * seq->N;
}

/* Copies to each row of the sequences the distinct row that it is.
 *
 *   x    [U, width]       row stride ldx
 *   out  [R or M, width]  row stride ldout */
static void rows_gather(const tec_sequences *seq, const block_input *in, which_rows which, const real *x, int ldx,
                        int width, real *out, int ldout)
{
    size_t n = (size_t)width;
#pragma omp parallel for schedule(static)
    for (int s = 0; s < seq->count; s++) {
        real *to = out + begin_of(seq, s, which) * ldout;
        for (int i = first_of(seq, s, which); i < seq->N; i++, to += ldout)
            copy_reals(x + distinct_row(in, (long)s * seq->N + i) * ldx, n, to);
    }
}

/* The reverse: adds each row of the sequences to the distinct row that it is. Every thread has columns of its own, so
 * that the order of summation is always the same.
 *
 *   d   [R or M, width]  row stride ldd
 *   dx  [U, width]       row stride lddx, added to */
static void rows_scatter_add(const tec_sequences *seq, const block_input *in, which_rows which, const real *d, int ldd,
                             int width, real *dx, int lddx)
{
#pragma omp parallel
    {
        tec_rows columns = tec_thread_rows(width);
        int n = columns.end - columns.begin;
        for (int s = 0; s < seq->count; s++) {
            const real *from = d + begin_of(seq, s, which) * ldd + columns.begin;
            for (int i = first_of(seq, s, which); i < seq->N; i++, from += ldd) {
                real *to = dx + distinct_row(in, (long)s * seq->N + i) * lddx + columns.begin;
                tec_add(to, from, n, to);
            }
        }
    }
}

/* From the queries, keys and values of the distinct rows [U, 3 D] to those of the sequences; v is right of k. */
static void spread_qkv(const tec_sequences *seq, const block_input *in, const real *distinct, int D, qkv_view view)
{
    rows_gather(seq, in, QUERY_ROWS, distinct, 3 * D, D, view.q, view.ldq);
    rows_gather(seq, in, ALL_ROWS, distinct + D, 3 * D, 2 * D, view.k, view.ldkv);
}

/* From the gradients of the sequences' queries, keys and values to those of the distinct rows [U, 3 D]. */
static void collect_qkv(const tec_sequences *seq, const block_input *in, qkv_view d, int D, real *distinct)
{
    zero_reals(distinct, reals(in->distinct, 3 * D));
    rows_scatter_add(seq, in, QUERY_ROWS, d.q, d.ldq, D, distinct, 3 * D);
    rows_scatter_add(seq, in, ALL_ROWS, d.k, d.ldkv, 2 * D, distinct + D, 3 * D);
}

static void project_qkv(const block *b, const tec_sequences *seq, block_cache *c, qkv_view view, const scratch *s)
{
    int D = b->width, R = seq->count * seq->N, M = seq->row[seq->count];
    const real *weight = tec_params_weight(b->params, b->qkv_weight), *bias = tec_params_weight(b->params, b->qkv_bias);
    if (c->input.of) {
        tec_linear_forward(c->h1, D, weight, bias, c->input.distinct, D, 3 * D, s->distinct, 3 * D);
        spread_qkv(seq, &c->input, s->distinct, D, view);
    } else if (all_rows_have_query(seq)) {
        tec_linear_forward(c->h1, D, weight, bias, R, D, 3 * D, c->qkv, 3 * D);
    } else {
        rows_gather(seq, &c->input, QUERY_ROWS, c->h1, D, D, c->h1_query, D);
        tec_linear_forward(c->h1_query, D, weight, bias, M, D, D, view.q, D);
        tec_linear_forward(c->h1, D, weight + reals(D, D), bias + D, R, D, 2 * D, view.k, 2 * D);
    }
}

/* Are the rows of the input those of the output, one to one? */
static bool rows_correspond(const tec_sequences *seq, const block_input *in)
{
    return all_rows_have_query(seq) && !in->of;
}

/* The two residual branches, in the order of block_input.keep. */
enum { ATTENTION_BRANCH, MLP_BRANCH };

static const real *keep_of(const tec_sequences *seq, const block_input *in, int branch)
{
    return in->keep + (long)branch * seq->count;
}

/* The sequences that a branch is computed of: with stochastic depth, those of which it is kept. What it computes has the
 * rows of these on end. */
static tec_sequences kept_of(const tec_sequences *seq, const block_input *in, int branch)
{
    tec_sequences kept = *seq;
    for (int s = 0; in->keep && s < seq->count; s++)
        kept.count -= keep_of(seq, in, branch)[s] == 0;
    return kept;
}

/* A run of sequences of which a branch is kept: begin .. end - 1. False: there is none from `end` on. */
static bool next_run(const tec_sequences *seq, const real *keep, int *begin, int *end)
{
    for (*begin = *end; *begin < seq->count && keep[*begin] == 0;)
        ++*begin;
    for (*end = *begin; *end < seq->count && keep[*end] != 0;)
        ++*end;
    return *begin < seq->count;
}

static norm_cache norm_rows(const norm_cache *c, int row)
{
    return (norm_cache){c->mean + row, c->rstd + row};
}

/* The norm that a branch begins with, of the rows [R, D] that it is computed of. */
static void branch_norm(const norm *n, const tec_sequences *seq, const block_input *in, int branch, const real *x,
                        int R, norm_cache *cache, real *y)
{
    if (!in->keep) {
        tec_norm_forward(n, x, R, cache, y);
        return;
    }
    for (int begin, end = 0; next_run(seq, keep_of(seq, in, branch), &begin, &end);) {
        const int row = begin * seq->N, rows = (end - begin) * seq->N;
        norm_cache part = norm_rows(cache, row);
        tec_norm_forward(n, x + reals(row, n->width), rows, &part, y);
        y += reals(rows, n->width);
    }
}

/* What the attention is computed of -> cache->h1. */
static void begin_attention(const block *b, const tec_sequences *seq, block_cache *c)
{
    const block_input *in = &c->input;
    if (b->form == TEC_BLOCK_POST_NORM)
        copy_reals(in->x, reals(in->distinct, b->width), c->h1);
    else
        branch_norm(&b->norm1, seq, in, ATTENTION_BRANCH, in->x, in->distinct, &c->norm1, c->h1);
}

/* What the MLP is computed of -> cache->h2. Parallel branches find it there: in inference it is h1. */
static void begin_mlp(const block *b, const tec_sequences *seq, block_cache *c)
{
    const int M = seq->row[seq->count];
    if (b->form == TEC_BLOCK_POST_NORM)
        copy_reals(c->middle, reals(M, b->width), c->h2);
    else if (b->form == TEC_BLOCK_PRE_NORM)
        branch_norm(&b->norm2, seq, &c->input, MLP_BRANCH, c->middle, M, &c->norm2, c->h2);
}

/* y = residual + norm(branch), which is how branches end whose norms stand behind them.
 *
 *   branch, residual, y  [R, D]
 *   normed               [R, D]  scratch */
static void add_normed(const norm *n, const real *branch, const real *residual, int R, norm_cache *cache, real *normed,
                       real *y)
{
    tec_norm_forward(n, branch, R, cache, normed);
    tec_add(residual, normed, R * n->width, y);
}

/* dy: of the rows that the branch is computed of, dx: of all. */
static void branch_norm_backward(const norm *n, const tec_sequences *seq, const block_input *in, int branch,
                                 const real *dy, const real *x, int R, const norm_cache *cache, real *dx, bool add)
{
    if (!in->keep) {
        tec_norm_backward(n, dy, x, R, cache, dx, add);
        return;
    }
    assert(add);
    for (int begin, end = 0; next_run(seq, keep_of(seq, in, branch), &begin, &end);) {
        const int row = begin * seq->N, rows = (end - begin) * seq->N;
        const size_t at = reals(row, n->width);
        const norm_cache part = norm_rows(cache, row);
        tec_norm_backward(n, dy, x + at, rows, &part, dx + at, true);
        dy += reals(rows, n->width);
    }
}

/* What the projection is applied to. */
static const real *projected(const block *b, const block_cache *c)
{
    return b->attn_norm.width ? c->mixed_norm : c->mixed;
}

/* -> cache->middle */
static void attention_residual(const block *b, const tec_sequences *seq, const tec_sequences *kept, block_cache *c,
                               const real *residual, const scratch *s)
{
    int D = b->width, M = seq->row[seq->count];
    const real *weight = tec_params_weight(b->params, b->proj_weight),
               *bias = tec_params_weight(b->params, b->proj_bias);
    if (b->attn_norm.width && kept->count > 0)
        tec_norm_forward(&b->attn_norm, c->mixed, kept->row[kept->count], &c->attn_norm, c->mixed_norm);
    if (b->form == TEC_BLOCK_POST_NORM) {
        tec_linear_forward(projected(b, c), D, weight, bias, M, D, D, s->row, D);
        add_normed(&b->norm1, s->row, residual, M, &c->norm1, c->h1, c->middle);
        return;
    }
    if (!c->input.keep) {
        tec_linear_residual(projected(b, c), weight, bias, residual, M, D, D, c->middle);
        return;
    }
    if (kept->count > 0)
        tec_linear_forward(projected(b, c), D, weight, bias, kept->row[kept->count], D, D, s->row, D);
    tec_branch_forward(s->row, keep_of(seq, &c->input, ATTENTION_BRANCH), residual, M, seq->N, D, c->middle);
}

/* -> cache->out */
static void mlp_residual(const block *b, const tec_sequences *seq, const tec_sequences *kept, block_cache *c,
                         const scratch *s)
{
    int M = seq->row[seq->count];
    if (b->form == TEC_BLOCK_POST_NORM) {
        tec_mlp_forward(&b->mlp, c->h2, NULL, M, &c->mlp, s->row);
        add_normed(&b->norm2, s->row, c->middle, M, &c->norm2, c->h2, c->out);
        return;
    }
    if (!c->input.keep) {
        tec_mlp_forward(&b->mlp, c->h2, c->middle, M, &c->mlp, c->out);
        return;
    }
    if (kept->count > 0)
        tec_mlp_forward(&b->mlp, c->h2, NULL, kept->row[kept->count], &c->mlp, s->row);
    tec_branch_forward(s->row, keep_of(seq, &c->input, MLP_BRANCH), c->middle, M, seq->N, b->width, c->out);
}

/* The gradient of a branch's output, given that of its sum with the residual: d itself, or in scratch memory that of the
 * rows that it is computed of. */
static const real *branch_gradient(const block *b, const tec_sequences *seq, const block_input *in, int branch,
                                   const real *d, const scratch *s)
{
    if (!in->keep)
        return d;
    tec_branch_backward(d, keep_of(seq, in, branch), seq->row[seq->count], seq->N, b->width, s->query_row);
    return s->query_row;
}

/* Queries and keys, or their gradients, which are turned back. */
static void turn(const block *b, const tec_sequences *seq, const block_input *in, qkv_view view, bool back)
{
    if (!in->rotary)
        return;
    tec_rotary_turn(in->rotary, view.q, view.ldq, seq->count, b->heads, back);
    tec_rotary_turn(in->rotary, view.k, view.ldkv, seq->count, b->heads, back);
}

/* NULL: there is none. */
static const tec_relative *relative_of(const block *b, const block_input *in, tec_relative *out)
{
    if (!in->relative)
        return NULL;
    *out = (tec_relative){in->relative, tec_params_weight(b->params, b->relative),
                          tec_params_grad(b->params, b->relative)};
    return out;
}

void tec_block_forward(const block *b, const tec_sequences *seq, block_input in, block_cache *c, const scratch *s)
{
    int D = b->width;
    const tec_sequences attended = kept_of(seq, &in, ATTENTION_BRANCH), enriched = kept_of(seq, &in, MLP_BRANCH);
    qkv_view view = view_of(&attended, c->qkv, D);
    assert(!in.keep || rows_correspond(seq, &in));
    c->input = in;
    begin_attention(b, seq, c);
    if (attended.count > 0) {
        project_qkv(b, &attended, c, view, s);
        tec_relative relative;
        turn(b, &attended, &in, view, false);
        tec_attention_forward(&attended, view.q, view.ldq, view.k, view.v, view.ldkv, D, b->heads,
                              relative_of(b, &in, &relative), c->mixed, c->prob, s->attention);
    }

    const real *residual = in.x;
    if (!rows_correspond(seq, &in)) {
        rows_gather(seq, &in, QUERY_ROWS, in.x, D, D, c->middle, D);
        residual = c->middle;
    }
    attention_residual(b, seq, &attended, c, residual, s);

    begin_mlp(b, seq, c);
    mlp_residual(b, seq, &enriched, c, s);
}

/* From the gradients of queries, keys and values (in scratch.qkv) to that of norm1's output, dh1 [U, D]. */
static void qkv_backward(const block *b, const tec_sequences *seq, const block_cache *c, qkv_view d, const scratch *s,
                         real *dh1)
{
    int D = b->width, R = seq->count * seq->N, M = seq->row[seq->count];
    size_t kv = reals(D, D);
    const real *weight = tec_params_weight(b->params, b->qkv_weight);
    real *dweight = tec_params_grad(b->params, b->qkv_weight), *dbias = tec_params_grad(b->params, b->qkv_bias);
    if (c->input.of) {
        collect_qkv(seq, &c->input, d, D, s->distinct);
        tec_linear_backward(s->distinct, 3 * D, c->h1, D, weight, c->input.distinct, D, 3 * D, dh1, D, 0, dweight,
                            dbias);
    } else if (all_rows_have_query(seq)) {
        tec_linear_backward(d.q, 3 * D, c->h1, D, weight, R, D, 3 * D, dh1, D, 0, dweight, dbias);
    } else {
        tec_linear_backward(d.k, 2 * D, c->h1, D, weight + kv, R, D, 2 * D, dh1, D, 0, dweight + kv, dbias + D);
        tec_linear_backward(d.q, D, c->h1_query, D, weight, M, D, D, s->query_row, D, 0, dweight, dbias);
        rows_scatter_add(seq, &c->input, QUERY_ROWS, s->query_row, D, D, dh1, D);
    }
}

/* d [M, D] -> s->row, the gradient of norm1's output */
static void attention_backward(const block *b, const tec_sequences *seq, const real *d, const block_cache *c,
                               const scratch *s)
{
    int D = b->width;
    const tec_params *p = b->params;
    const tec_sequences kept = kept_of(seq, &c->input, ATTENTION_BRANCH);
    const real *dbranch = branch_gradient(b, seq, &c->input, ATTENTION_BRANCH, d, s);
    if (kept.count == 0)
        return;
    const real *dmixed = s->row;
    const int M = kept.row[kept.count];
    tec_linear_backward(dbranch, D, projected(b, c), D, tec_params_weight(p, b->proj_weight), M, D, D, s->row, D, 0,
                        tec_params_grad(p, b->proj_weight), tec_params_grad(p, b->proj_bias));
    if (b->attn_norm.width) {
        tec_norm_backward(&b->attn_norm, s->row, c->mixed, M, &c->attn_norm, s->query_row, false);
        dmixed = s->query_row;
    }
    tec_relative relative;
    qkv_view view = view_of(&kept, c->qkv, D), dview = view_of(&kept, s->qkv, D);
    tec_attention_backward(&kept, dmixed, view.q, view.ldq, view.k, view.v, view.ldkv, c->prob, D, b->heads,
                           relative_of(b, &c->input, &relative), dview.q, dview.k, dview.v, s->attention);
    turn(b, &kept, &c->input, dview, true);
    qkv_backward(b, &kept, c, dview, s, s->row);
}

void tec_block_backward(const block *b, const tec_sequences *seq, real *d, const block_cache *c, const scratch *s,
                        real *dx)
{
    int D = b->width, U = c->input.distinct, M = seq->row[seq->count];
    const block_input *in = &c->input;
    const tec_sequences enriched = kept_of(seq, in, MLP_BRANCH);
    const real *dbranch = branch_gradient(b, seq, in, MLP_BRANCH, d, s);
    if (enriched.count > 0)
        tec_mlp_backward(&b->mlp, dbranch, c->h2, enriched.row[enriched.count], &c->mlp, s->hidden, s->row, 0);
    branch_norm_backward(&b->norm2, seq, in, MLP_BRANCH, s->row, c->middle, M, &c->norm2, d, true);

    attention_backward(b, seq, d, c, s);
    bool in_place = rows_correspond(seq, in);
    assert((dx == d) == in_place);
    branch_norm_backward(&b->norm1, seq, in, ATTENTION_BRANCH, s->row, in->x, U, &c->norm1, dx, in_place);
    if (!in_place)
        rows_scatter_add(seq, &c->input, QUERY_ROWS, d, D, D, dx, D);
}
