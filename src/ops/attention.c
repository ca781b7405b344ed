/* Attention, head by head, over sequences of which only some queries may be needed; softmax. */
#include "tec/ops.h"

#include "tec/gemm.h"
#include "tec/measure.h"
#include "tec/threads.h"
#include "tec/vector.h"

#include <assert.h>

TEC_CLONES static void softmax_row(real *restrict x, int n)
{
    real top = x[0], sum = 0;
#pragma omp simd reduction(max : top)
    for (int i = 0; i < n; i++)
        top = x[i] > top ? x[i] : top;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++) {
        x[i] = real_exp(x[i] - top);
        sum += x[i];
    }
    real scale = 1 / sum;
    for (int i = 0; i < n; i++)
        x[i] *= scale;
}

/* d becomes prob * (d - sum(d * prob)): from the gradient of a softmax row's output to that of its input. */
TEC_CLONES static void softmax_row_backward(real *restrict d, const real *restrict prob, int n)
{
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++)
        sum += d[i] * prob[i];
    for (int i = 0; i < n; i++)
        d[i] = prob[i] * (d[i] - sum);
}

void tec_softmax_rows(real *x, int R, int n)
{
    TEC_MEASURE(TEC_OPERATOR_SOFTMAX);
    for (long i = 0; i < R; i++)
        softmax_row(x + i * n, n);
}

/* One head of one sequence: its number of queries, and the offset of its first element in q, in k and v, in out and in
 * prob. */
typedef struct head {
    int queries;
    long query, key, out, prob;
} head;

static head head_at(const tec_sequences *seq, int s, int h, int ldq, int ldkv, int D, int H)
{
    int width = D / H, queries = seq->N - seq->first[s];
    return (head){queries, (long)seq->row[s] * ldq + h * width, (long)s * seq->N * ldkv + h * width,
                  (long)seq->row[s] * D + h * width, (long)H * seq->N * seq->row[s] + (long)h * queries * seq->N};
}

static real head_scale(int D, int H)
{
    return 1 / real_sqrt((real)D / (real)H);
}

/* The bias of one head, of all its queries. */
static void gather_bias(const tec_relative *relative, int h, int H, int N, real *out)
{
    for (long i = 0; i < (long)N * N; i++)
        out[i] = relative->table[(long)relative->index[i] * H + h];
}

static void add_bias_gradient(const tec_relative *relative, int h, int H, int N, const real *d)
{
    for (long i = 0; i < (long)N * N; i++)
        relative->dtable[(long)relative->index[i] * H + h] += d[i];
}

void tec_attention_forward(const tec_sequences *seq, const real *q, int ldq, const real *k, const real *v, int ldkv,
                           int D, int H, const tec_relative *relative, real *out, real *prob, real *scratch)
{
    TEC_MEASURE(TEC_OPERATOR_ATTENTION);
    int N = seq->N, width = D / H;
#pragma omp parallel for collapse(2) schedule(static)
    for (int s = 0; s < seq->count; s++)
        for (int h = 0; h < H; h++) {
            head at = head_at(seq, s, h, ldq, ldkv, D, H);
            real *p = prob ? prob + at.prob : scratch + (long)omp_get_thread_num() * N * N;
            assert(!relative || at.queries == N);
            if (relative)
                gather_bias(relative, h, H, N, p);
            tec_gemm(at.queries, N, width, head_scale(D, H), tec_plain(q + at.query, ldq),
                     tec_transposed(k + at.key, ldkv), relative ? 1 : 0, p, N);
            tec_softmax_rows(p, at.queries, N);
            tec_gemm(at.queries, width, N, 1, tec_plain(p, N), tec_plain(v + at.key, ldkv), 0, out + at.out, D);
        }
}

/* What backward has for every head of every sequence. */
typedef struct backward_of {
    int N, D, H, ldq, ldkv;
    const real *dout, *q, *k, *v, *prob;
    real *dq, *dk, *dv;
} backward_of;

/* d [queries, N]: scratch, in which the gradient of the logits stays. */
static void head_backward(const backward_of *b, head at, real *d)
{
    const int N = b->N, D = b->D, width = D / b->H;
    const real *p = b->prob + at.prob;
    tec_gemm(N, width, at.queries, 1, tec_transposed(p, N), tec_plain(b->dout + at.out, D), 0, b->dv + at.key, b->ldkv);
    tec_gemm(at.queries, N, width, 1, tec_plain(b->dout + at.out, D), tec_transposed(b->v + at.key, b->ldkv), 0, d, N);
    for (int i = 0; i < at.queries; i++)
        softmax_row_backward(d + (long)i * N, p + (long)i * N, N);
    tec_gemm(at.queries, width, N, head_scale(D, b->H), tec_plain(d, N), tec_plain(b->k + at.key, b->ldkv), 0,
             b->dq + at.query, b->ldq);
    tec_gemm(N, width, at.queries, head_scale(D, b->H), tec_transposed(d, N), tec_plain(b->q + at.query, b->ldq), 0,
             b->dk + at.key, b->ldkv);
}

void tec_attention_backward(const tec_sequences *seq, const real *dout, const real *q, int ldq, const real *k,
                            const real *v, int ldkv, const real *prob, int D, int H, const tec_relative *relative,
                            real *dq, real *dk, real *dv, real *scratch)
{
    TEC_MEASURE(TEC_OPERATOR_ATTENTION);
    const backward_of b = {seq->N, D, H, ldq, ldkv, dout, q, k, v, prob, dq, dk, dv};
    const long size = (long)seq->N * seq->N;
    if (!relative) {
#pragma omp parallel for collapse(2) schedule(static)
        for (int s = 0; s < seq->count; s++)
            for (int h = 0; h < H; h++)
                head_backward(&b, head_at(seq, s, h, ldq, ldkv, D, H), scratch + omp_get_thread_num() * size);
        return;
    }
    /* A head has its column of the table, in which the sequences are summed in their order. */
#pragma omp parallel for schedule(static)
    for (int h = 0; h < H; h++)
        for (int s = 0; s < seq->count; s++) {
            const head at = head_at(seq, s, h, ldq, ldkv, D, H);
            real *d = scratch + omp_get_thread_num() * size;
            assert(at.queries == seq->N);
            head_backward(&b, at, d);
            add_bias_gradient(relative, h, H, seq->N, d);
        }
}
