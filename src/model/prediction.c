/* Predictions and their losses: patch values, and attention maps. */
#include "prediction.h"

#include "matrix.h"

#include "tec/gemm.h"
#include "tec/ops.h"

#include <math.h>
#include <stdio.h>

patch_prediction tec_patch_prediction_register(tec_params *params, int width, int outputs, const char *name)
{
    patch_prediction p = {.params = params, .width = width, .outputs = outputs};
    p.weight = tec_params_add(params, TEC_INIT_XAVIER, (int[4]){outputs, width}, "%s.weight", name);
    p.bias = tec_params_add(params, TEC_INIT_ZERO, (int[4]){outputs}, "%s.bias", name);
    return p;
}

void tec_patch_prediction_forward(const patch_prediction *p, const real *normed, int rows, real *pred)
{
    tec_linear_forward(normed, p->width, tec_params_weight(p->params, p->weight), tec_params_weight(p->params, p->bias),
                       rows, p->width, p->outputs, pred, p->outputs);
}

void tec_patch_prediction_backward(const patch_prediction *p, const real *dpred, const real *normed, int rows,
                                   real *dnormed)
{
    tec_linear_backward(dpred, p->outputs, normed, p->width, tec_params_weight(p->params, p->weight), rows, p->width,
                        p->outputs, dnormed, p->width, 0, tec_params_grad(p->params, p->weight),
                        tec_params_grad(p->params, p->bias));
}

attention_prediction tec_attention_prediction_register(tec_params *params, const tec_model_config *c, int base,
                                                       int topk, const char *name)
{
    const tec_base_shape shape = tec_model_base(c, base);
    attention_prediction a = {.params = params,
                              .width = c->decoder_width,
                              .base = base,
                              .base_width = shape.width,
                              .base_heads = shape.heads,
                              .patches = tec_model_patches(c),
                              .topk = topk,
                              .tau = (real)c->attention_tau};
    a.weight = tec_params_add(params, TEC_INIT_XAVIER, (int[4]){2 * a.base_width, a.width}, "%s.weight", name);
    a.bias = tec_params_add(params, TEC_INIT_ZERO, (int[4]){2 * a.base_width}, "%s.bias", name);
    return a;
}

void tec_attention_prediction_lay_out(const attention_prediction *a, int B, attention_prediction_cache *c,
                                      tec_arena *arena)
{
    int queries = B * (1 + a->topk), tokens = B * (1 + a->patches), W = a->width, C = a->base_width;
    c->query = take_array(arena, queries, sizeof(int));
    c->place = take_array(arena, a->patches, sizeof(int));
    c->query_row = take_reals(arena, queries, W);
    c->dquery_row = take_reals(arena, queries, W);
    c->q = take_reals(arena, queries, C);
    c->dq = take_reals(arena, queries, C);
    c->k = take_reals(arena, tokens, C);
    c->dk = take_reals(arena, tokens, C);
    c->logit = take_reals(arena, 1 + a->topk, a->patches);
    c->softmax = take_reals(arena, 1, a->patches);
}

/* Which tokens are queries: the class token, then the top-k patches at their places in the shuffled order. An image whose
 * targets are not known has its class token as every query; nothing is asked of it. */
static void find_queries(const attention_prediction *a, const tec_example *example, int B,
                         attention_prediction_cache *c)
{
    int *query = c->query;
    for (int b = 0; b < B; b++) {
        int base = b * (1 + a->patches);
        const int *topk = tec_example_targets(&example[b], a->base).topk;
        for (int l = 0; l < a->patches; l++)
            c->place[example[b].shuffle[l]] = l;
        *query++ = base;
        for (int i = 0; i < a->topk; i++)
            *query++ = topk ? base + 1 + c->place[topk[i]] : base;
    }
}

static void project(const attention_prediction *a, int B, const real *normed, attention_prediction_cache *c)
{
    int W = a->width, C = a->base_width, queries = B * (1 + a->topk);
    const real *weight = tec_params_weight(a->params, a->weight), *bias = tec_params_weight(a->params, a->bias);
    for (int i = 0; i < queries; i++)
        copy_reals(normed + reals(c->query[i], W), reals(1, W), c->query_row + reals(i, W));
    tec_linear_forward(c->query_row, W, weight, bias, queries, W, C, c->q, C);
    tec_linear_forward(normed, W, weight + reals(C, W), bias + C, B * (1 + a->patches), W, C, c->k, C);
}

double tec_attention_prediction_forward(const attention_prediction *a, const tec_example *example, int B,
                                        const real *normed, double scale, attention_prediction_cache *c)
{
    int C = a->base_width, H = a->base_heads, width = C / H, L = a->patches, n = 1 + a->topk;
    real root = 1 / (real)sqrt(C);
    double mean = 1.0 / ((double)n * H), total = 0;
    find_queries(a, example, B, c);
    project(a, B, normed, c);
    for (int b = 0; b < B; b++) {
        const real *wanted = tec_example_targets(&example[b], a->base).attention;
        if (!wanted) {
            zero_reals(c->dq + reals(b * n, C), reals(n, C));
            zero_reals(c->dk + reals(b * (1 + L) + 1, C), reals(L, C));
        }
        for (int h = 0; wanted && h < H; h++) {
            real *q = c->q + reals(b * n, C) + h * width, *dq = c->dq + reals(b * n, C) + h * width;
            real *k = c->k + reals(b * (1 + L) + 1, C) + h * width, *dk = c->dk + reals(b * (1 + L) + 1, C) + h * width;
            tec_gemm(n, L, width, root, tec_plain(q, C), tec_transposed(k, C), 0, c->logit, L);
            total += tec_cross_entropy_rows(c->logit, wanted + reals(h, L), H * L, example[b].shuffle, n, L, a->tau,
                                            (real)(scale * mean), c->softmax);
            tec_gemm(n, width, L, root, tec_plain(c->logit, L), tec_plain(k, C), 0, dq, C);
            tec_gemm(L, width, n, root, tec_transposed(c->logit, L), tec_plain(q, C), 0, dk, C);
        }
    }
    return total * mean;
}

void tec_attention_prediction_infer(const attention_prediction *a, const tec_example *example, int B,
                                    const real *normed, attention_prediction_cache *c, real *out)
{
    int C = a->base_width, H = a->base_heads, width = C / H, L = a->patches, n = 1 + a->topk;
    find_queries(a, example, B, c);
    project(a, B, normed, c);
    for (int b = 0; b < B; b++)
        for (int h = 0; h < H; h++) {
            const real *q = c->q + reals(b * n, C) + h * width, *k = c->k + reals(b * (1 + L) + 1, C) + h * width;
            tec_gemm(n, L, width, 1 / (real)sqrt(C), tec_plain(q, C), tec_transposed(k, C), 0, c->logit, L);
            for (int i = 0; i < n; i++)
                for (int l = 0; l < L; l++)
                    out[reals((b * n + i) * H + h, L) + (size_t)example[b].shuffle[l]] =
                        c->logit[reals(i, L) + (size_t)l];
        }
}

void tec_attention_prediction_backward(const attention_prediction *a, int B, const real *normed,
                                       attention_prediction_cache *c, real *dnormed)
{
    int W = a->width, C = a->base_width, queries = B * (1 + a->topk);
    size_t keys = reals(C, W);
    const real *weight = tec_params_weight(a->params, a->weight);
    real *dweight = tec_params_grad(a->params, a->weight), *dbias = tec_params_grad(a->params, a->bias);
    tec_linear_backward(c->dk, C, normed, W, weight + keys, B * (1 + a->patches), W, C, dnormed, W, 0, dweight + keys,
                        dbias + C);
    tec_linear_backward(c->dq, C, c->query_row, W, weight, queries, W, C, c->dquery_row, W, 0, dweight, dbias);
    for (int i = 0; i < queries; i++) {
        real *row = dnormed + reals(c->query[i], W);
        tec_add(row, c->dquery_row + reals(i, W), W, row);
    }
}
