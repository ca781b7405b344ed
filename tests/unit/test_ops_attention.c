/* Attention against a reference in double precision, its gradients against finite differences; sequences of which only
 * some queries are computed. */
#include "tec/ops.h"

#include "gradient.h"
#include "tec/gemm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { Q, K, V, TABLE, INPUTS, MOST = 4, THREADS = 2, ROWS = 6 };

static const char *const operand[INPUTS] = {"q", "k", "v", "the table of the bias"};

/* Attention over `seq`, its dense operands, and the loss whose gradient by out is dout. */
typedef struct attention {
    tec_sequences seq;
    int D, H, row[MOST + 1];
    const int *index; /* [N, N] rows of the table [ROWS, H]; NULL: no bias */
    const double *input[INPUTS], *dout;
    double *out, *prob, *logit;
    int moved;
} attention;

static void softmax(const double *x, int n, double *out)
{
    double top = x[0], sum = 0;
    for (int i = 0; i < n; i++)
        top = fmax(top, x[i]);
    for (int i = 0; i < n; i++)
        sum += exp(x[i] - top);
    for (int i = 0; i < n; i++)
        out[i] = exp(x[i] - top) / sum;
}

/* Query i (row of q) of sequence s, one head: its weights into prob [N], its mix of the values into out. */
static void mix(const attention *a, int s, int h, int i, double *prob, double *out)
{
    int D = a->D, width = D / a->H, N = a->seq.N;
    const double *q = a->input[Q] + i * D + h * width, *k = a->input[K] + (s * N) * D + h * width,
                 *v = a->input[V] + (s * N) * D + h * width;
    for (int j = 0; j < N; j++)
        a->logit[j] = dot(q, k + j * D, width) / sqrt(width) +
                      (a->index ? a->input[TABLE][a->index[(i - a->row[s]) * N + j] * a->H + h] : 0);
    softmax(a->logit, N, prob);
    for (int d = 0; d < width; d++) {
        out[d] = 0;
        for (int j = 0; j < N; j++)
            out[d] += prob[j] * v[j * D + d];
    }
}

static void reference(const attention *a)
{
    int N = a->seq.N;
    for (int s = 0; s < a->seq.count; s++)
        for (int h = 0; h < a->H; h++)
            for (int i = a->row[s]; i < a->row[s + 1]; i++) {
                int queries = a->row[s + 1] - a->row[s];
                double *prob = a->prob + a->H * N * a->row[s] + (h * queries + i - a->row[s]) * N;
                mix(a, s, h, i, prob, a->out + i * a->D + h * (a->D / a->H));
            }
}

static double loss(const double *moved, void *context)
{
    attention a = *(attention *)context;
    a.input[a.moved] = moved;
    reference(&a);
    return dot(a.dout, a.out, a.row[a.seq.count] * a.D);
}

static void make(attention *a, int count, int N, const int *first, int D, int H)
{
    *a = (attention){.seq = {count, N, first, a->row}, .D = D, .H = H};
    for (int s = 0; s < count; s++)
        a->row[s + 1] = a->row[s] + N - first[s];
    int M = a->row[count], R = count * N;
    a->input[Q] = random_values(M * D, 1.5);
    a->input[K] = random_values(R * D, 1.5);
    a->input[V] = random_values(R * D, 1);
    a->input[TABLE] = random_values(ROWS * H, 1);
    a->dout = random_values(M * D, 1);
    a->out = doubles(M * D);
    a->prob = doubles(M * N * H);
    a->logit = doubles(N);
}

static real *dense(const real *x, int R, int D, int ld)
{
    real *out = reals(R * D);
    for (int r = 0; r < R; r++) {
        memcpy(out + r * D, x + r * ld, (size_t)D * sizeof *out);
        for (int d = D; d < ld && r + 1 < R; d++)
            assert_true(isnan(x[r * ld + d]));
    }
    return out;
}

static void check_biased(int count, int N, const int *first, int D, int H, int ldq, int ldkv, const int *index)
{
    attention a;
    make(&a, count, N, first, D, H);
    a.index = index;
    const double *before = random_values(ROWS * H, 1);
    real *dtable = copy_of(before, ROWS * H);
    const tec_relative bias = {index, copy_of(a.input[TABLE], ROWS * H), dtable}, *relative = index ? &bias : NULL;
    int M = a.row[count], R = count * N;
    real *q = rows_of(a.input[Q], M, D, ldq), *k = rows_of(a.input[K], R, D, ldkv),
         *v = rows_of(a.input[V], R, D, ldkv), *out = reals(M * D), *prob = reals(M * N * H),
         *scratch = reals(THREADS * N * N), *again = reals(M * D);
    reference(&a);
    tec_attention_forward(&a.seq, q, ldq, k, v, ldkv, D, H, relative, out, prob, NULL);
    assert_values("out", out, a.out, M * D, VALUE_TOLERANCE);
    assert_values("prob", prob, a.prob, M * N * H, VALUE_TOLERANCE);
    tec_attention_forward(&a.seq, q, ldq, k, v, ldkv, D, H, relative, again, NULL, scratch);
    assert_values("out without prob", again, a.out, M * D, VALUE_TOLERANCE);

    real *dq = reals((M - 1) * ldq + D), *dk = reals((R - 1) * ldkv + D), *dv = reals((R - 1) * ldkv + D);
    tec_attention_backward(&a.seq, copy_of(a.dout, M * D), q, ldq, k, v, ldkv, prob, D, H, relative, dq, dk, dv,
                           scratch);
    const real *gradient[INPUTS] = {dense(dq, M, D, ldq), dense(dk, R, D, ldkv), dense(dv, R, D, ldkv),
                                    added(dtable, before, ROWS * H)};
    const int size[INPUTS] = {M * D, R * D, R * D, ROWS * H};
    for (a.moved = Q; a.moved < (index ? INPUTS : TABLE); a.moved++)
        assert_gradient(operand[a.moved], loss, &a, a.input[a.moved], gradient[a.moved], size[a.moved]);
}

static void check(int count, int N, const int *first, int D, int H, int ldq, int ldkv)
{
    check_biased(count, N, first, D, H, ldq, ldkv, NULL);
}

static void test_relative_bias(void **state)
{
    enum { N = 5 };
    static const int none[MOST];
    int index[N * N];
    for (int i = 0; i < N * N; i++)
        index[i] = i * 7 % 11 % ROWS; /* none of them as often as another */
    check_biased(1, N, none, 4, 1, 4, 4, index);
    check_biased(3, N, none, 12, 3, 36, 36, index);
    numbers_free(state);
}

static void test_every_token_asks(void **state)
{
    static const int none[MOST];
    check(1, 1, none, 4, 2, 4, 4);
    check(1, 7, none, 8, 1, 8, 8);
    check(3, 5, none, 12, 4, 36, 36);
    check(2, 9, none, 15, 3, 17, 19);
    numbers_free(state);
}

static void test_some_tokens_ask(void **state)
{
    check(1, 6, (int[]){5}, 6, 2, 6, 12);
    check(3, 6, (int[]){2, 2, 2}, 12, 3, 12, 24);
    check(4, 7, (int[]){4, 4, 0, 0}, 10, 2, 11, 23);
    check(4, 5, (int[]){0, 3, 4, 1}, 8, 2, 8, 16);
    numbers_free(state);
}

/* The three operands of a block's qkv buffer: interleaved columns of one matrix, and gradients likewise. */
static void test_interleaved_operands(void **state)
{
    (void)state;
    enum { N = 5, D = 8, H = 2, R = 2 * N };
    attention a;
    make(&a, 2, N, (int[2]){0, 0}, D, H);
    real *qkv = reals(R * 3 * D), *dqkv = reals(R * 3 * D), *out = reals(R * D), *prob = reals(R * N * H),
         *scratch = reals(THREADS * N * N);
    for (int i = 0; i < R * 3 * D; i++)
        qkv[i] = (real)a.input[i / D % 3][i / (3 * D) * D + i % D];
    tec_attention_forward(&a.seq, qkv, 3 * D, qkv + D, qkv + 2 * D, 3 * D, D, H, NULL, out, prob, scratch);
    tec_attention_backward(&a.seq, copy_of(a.dout, R * D), qkv, 3 * D, qkv + D, qkv + 2 * D, 3 * D, prob, D, H, NULL,
                           dqkv, dqkv + D, dqkv + 2 * D, scratch);
    for (a.moved = Q; a.moved < TABLE; a.moved++) {
        real *gradient = reals(R * D);
        for (int i = 0; i < R * D; i++)
            gradient[i] = dqkv[i / D * 3 * D + a.moved * D + i % D];
        assert_gradient(operand[a.moved], loss, &a, a.input[a.moved], gradient, R * D);
    }
}

static void check_softmax(int R, int n, double size)
{
    const double *x = random_values(R * n, size);
    double *want = doubles(R * n);
    real *got = copy_of(x, R * n);
    tec_softmax_rows(got, R, n);
    for (int r = 0; r < R; r++)
        softmax(x + r * n, n, want + r * n);
    for (int i = 0; i < R * n; i++)
        assert_true(isfinite(got[i]) && got[i] >= 0);
    assert_values("softmax", got, want, R * n, VALUE_TOLERANCE);
}

static void test_softmax(void **state)
{
    static const int widths[] = {1, 2, 8, 29};
    for (int w = 0; w < 4; w++) {
        check_softmax(1, widths[w], 1);
        check_softmax(7, widths[w], 3);
        check_softmax(7, widths[w], 1e4);
        numbers_free(state);
    }
}

/* exp of these would overflow or leave nothing to divide by. */
static void test_softmax_of_extremes(void **state)
{
    (void)state;
    static const double x[12] = {1e4, -1e4, 0, 1e4, -1e4, -1e4, -1e4, -1e4, 1e4, 1e4, 1e4, 1e4},
                        want[12] = {0.5, 0, 0, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25};
    real *got = copy_of(x, 12);
    tec_softmax_rows(got, 3, 4);
    assert_values("softmax", got, want, 12, VALUE_TOLERANCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_every_token_asks, numbers_free),
        cmocka_unit_test_teardown(test_some_tokens_ask, numbers_free),
        cmocka_unit_test_teardown(test_relative_bias, numbers_free),
        cmocka_unit_test_teardown(test_interleaved_operands, numbers_free),
        cmocka_unit_test_teardown(test_softmax, numbers_free),
        cmocka_unit_test_teardown(test_softmax_of_extremes, numbers_free),
    };
    int failed = 0;
    for (int threads = 1; threads <= THREADS; threads++) {
        tec_threads_set(threads);
        failed += cmocka_run_group_tests_name(threads == 1 ? "ops_attention, 1 thread" : "ops_attention, 2 threads",
                                              tests, NULL, NULL);
    }
    return failed;
}
