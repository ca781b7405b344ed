/* Attention, head by head, over sequences of which only some queries may be needed; softmax. */
#include "tec/ops.h"

#include "tec/gemm.h"
#include "tec/measure.h"
#include "tec/threads.h"
#include "tec/vector.h"

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

void tec_attention_forward(const tec_sequences *seq, const real *q, int ldq, const real *k, const real *v, int ldkv,
                           int D, int H, real *out, real *prob, real *scratch)
{
    TEC_MEASURE(TEC_OPERATOR_ATTENTION);
    int N = seq->N, width = D / H;
#pragma omp parallel for collapse(2) schedule(static)
    for (int s = 0; s < seq->count; s++)
        for (int h = 0; h < H; h++) {
            head at = head_at(seq, s, h, ldq, ldkv, D, H);
            real *p = prob ? prob + at.prob : scratch + (long)omp_get_thread_num() * N * N;
            tec_gemm(at.queries, N, width, head_scale(D, H), tec_plain(q + at.query, ldq),
                     tec_transposed(k + at.key, ldkv), 0, p, N);
            tec_softmax_rows(p, at.queries, N);
            tec_gemm(at.queries, width, N, 1, tec_plain(p, N), tec_plain(v + at.key, ldkv), 0, out + at.out, D);
        }
}

void tec_attention_backward(const tec_sequences *seq, const real *dout, const real *q, int ldq, const real *k,
                            const real *v, int ldkv, const real *prob, int D, int H, real *dq, real *dk, real *dv,
                            real *scratch)
{
    TEC_MEASURE(TEC_OPERATOR_ATTENTION);
    int N = seq->N, width = D / H;
#pragma omp parallel for collapse(2) schedule(static)
    for (int s = 0; s < seq->count; s++)
        for (int h = 0; h < H; h++) {
            head at = head_at(seq, s, h, ldq, ldkv, D, H);
            const real *p = prob + at.prob;
            real *d = scratch + (long)omp_get_thread_num() * N * N;
            tec_gemm(N, width, at.queries, 1, tec_transposed(p, N), tec_plain(dout + at.out, D), 0, dv + at.key, ldkv);
            tec_gemm(at.queries, N, width, 1, tec_plain(dout + at.out, D), tec_transposed(v + at.key, ldkv), 0, d, N);
            for (int i = 0; i < at.queries; i++)
                softmax_row_backward(d + (long)i * N, p + (long)i * N, N);
            tec_gemm(at.queries, width, N, head_scale(D, H), tec_plain(d, N), tec_plain(k + at.key, ldkv), 0,
                     dq + at.query, ldq);
            tec_gemm(N, width, at.queries, head_scale(D, H), tec_transposed(d, N), tec_plain(q + at.query, ldq), 0,
                     dk + at.key, ldkv);
        }
}
