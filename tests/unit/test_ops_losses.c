/* Targets and losses against references in double precision, their gradients against finite differences. */
#include "tec/ops.h"

#include "gradient.h"
#include "tec/gemm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* -- patch-relation enhancement -- */

static void standardize_reference(const double *feature, int L, int C, double *out)
{
    for (int c = 0; c < C; c++) {
        double mean = 0, variance = 0;
        for (int l = 0; l < L; l++)
            mean += feature[l * C + c] / L;
        for (int l = 0; l < L; l++)
            variance += (feature[l * C + c] - mean) * (feature[l * C + c] - mean) / (L - 1);
        for (int l = 0; l < L; l++)
            out[l * C + c] = (feature[l * C + c] - mean) / sqrt(variance + 1e-6);
    }
}

static void test_standardize_patches(void **state)
{
    (void)state;
    for (int L = 2; L <= 17; L += 5)
        for (int C = 1; C <= 25; C += 8) {
            double *feature = random_values(L * C, 1), *want = doubles(L * C);
            for (int l = 0; l < L; l++)
                feature[l * C] = (real)0.3; /* a channel that says nothing becomes zero */
            standardize_reference(feature, L, C, want);
            real *out = reals(L * C), *in_place = copy_of(feature, L * C);
            tec_standardize_patches(in_place, L, C, out);
            tec_standardize_patches(in_place, L, C, in_place);
            for (int i = 0; i < L * C; i++) {
                assert_true(fabs(out[i] - want[i]) < 50 * VALUE_TOLERANCE);
                assert_true(fabs(in_place[i] - want[i]) < 50 * VALUE_TOLERANCE);
            }
        }
}

/* -- mean squared error -- */

typedef struct mse {
    const double *target;
    const int *index;
    int n, C;
    double scale;
} mse;

static double mse_loss(const double *pred, void *context)
{
    const mse *m = context;
    double sum = 0;
    for (int i = 0; i < m->n; i++)
        for (int c = 0; c < m->C; c++) {
            double difference = pred[i * m->C + c] - m->target[(m->index ? m->index[i] : i) * m->C + c];
            sum += m->scale * difference * difference;
        }
    return sum;
}

static void test_mse_rows(void **state)
{
    (void)state;
    enum { L = 9 };
    for (int with_index = 0; with_index < 2; with_index++)
        for (int n = 1; n <= L; n += 4)
            for (int C = 1; C <= 37; C += 9) {
                mse m = {random_values(L * C, 1), with_index ? random_order(L) : NULL, n, C, 1};
                const double *pred = random_values(n * C, 1);
                real *p = copy_of(pred, n * C);
                double sum = tec_mse_rows(p, copy_of(m.target, L * C), m.index, n, C, (real)0.375);
                assert_number("sum of squares", sum, mse_loss(pred, &m), VALUE_TOLERANCE);
                m.scale = 0.375;
                assert_gradient("pred", mse_loss, &m, pred, p, n * C);
                numbers_free(state);
            }
}

/* -- cross-entropy -- */

typedef struct cross_entropy {
    const double *target;
    const int *order;
    int n, L, stride;
    double tau, scale;
} cross_entropy;

static double log_sum(const double *x, const int *order, double tau, int L)
{
    double top = -INFINITY, sum = 0;
    for (int l = 0; l < L; l++)
        top = fmax(top, x[order ? order[l] : l] / tau);
    for (int l = 0; l < L; l++)
        sum += exp(x[order ? order[l] : l] / tau - top);
    return top + log(sum);
}

static double cross_entropy_loss(const double *logit, void *context)
{
    const cross_entropy *e = context;
    double sum = 0;
    for (int i = 0; i < e->n; i++) {
        const double *target = e->target + i * e->stride, *x = logit + i * e->L;
        double target_norm = log_sum(target, e->order, e->tau, e->L), norm = log_sum(x, NULL, 1, e->L);
        for (int l = 0; l < e->L; l++)
            sum -= e->scale * exp(target[e->order[l]] / e->tau - target_norm) * (x[l] - norm);
    }
    return sum;
}

static void check_cross_entropy(int n, int L, int stride, double tau)
{
    cross_entropy e = {random_values((n - 1) * stride + L, 2), random_order(L), n, L, stride, (real)tau, 1};
    const double *logit = random_values(n * L, 2);
    real *x = copy_of(logit, n * L);
    double sum = tec_cross_entropy_rows(x, copy_of(e.target, (n - 1) * stride + L), stride, e.order, n, L, (real)tau,
                                        (real)0.625, reals(L));
    assert_number("cross-entropy", sum, cross_entropy_loss(logit, &e), VALUE_TOLERANCE);
    e.scale = 0.625;
    assert_gradient("logits", cross_entropy_loss, &e, logit, x, n * L);
}

static void test_cross_entropy_rows(void **state)
{
    for (int n = 1; n <= 5; n += 2)
        for (int L = 2; L <= 26; L += 6) {
            check_cross_entropy(n, L, L, 1.8);
            check_cross_entropy(n, L, 3 * L + 1, 0.7);
            numbers_free(state);
        }
}

/* Certain predictions of certain targets: right ones cost nothing, wrong ones the whole distance, and all is finite. */
static void test_cross_entropy_of_extremes(void **state)
{
    (void)state;
    enum { L = 4 };
    static const int order[L] = {0, 1, 2, 3};
    static const double target[L] = {1e4, -1e4, -1e4, 0}, right[L] = {1e4, -1e4, 0, -1e4},
                        wrong[L] = {-1e4, 1e4, -1e4, -1e4}, no_gradient[L] = {0}, to_the_right[L] = {-1, 1, 0, 0};
    real *x = copy_of(right, L);
    assert_true(tec_cross_entropy_rows(x, copy_of(target, L), L, order, 1, L, 1, 1, reals(L)) == 0);
    assert_values("gradient", x, no_gradient, L, 0);
    x = copy_of(wrong, L);
    assert_true(tec_cross_entropy_rows(x, copy_of(target, L), L, order, 1, L, 1, 1, reals(L)) == 2e4);
    assert_values("gradient", x, to_the_right, L, VALUE_TOLERANCE);
}

/* -- cross-entropy of classes -- */

typedef struct classes {
    const double *wanted;
    int count;
    double scale;
} classes;

static double class_reference(const double *logit, void *context)
{
    const classes *c = context;
    double sum = 0, loss = 0;
    for (int i = 0; i < c->count; i++)
        sum += exp(logit[i]);
    for (int i = 0; i < c->count; i++)
        loss -= c->wanted[i] * (logit[i] - log(sum));
    return c->scale * loss;
}

static void test_class_loss(void **state)
{
    (void)state;
    for (int n = 2; n <= 100; n += 49) {
        classes c = {random_values(n, 1), n, 1};
        const double *logit = random_values(n, 2);
        real *x = copy_of(logit, n); /* not even probabilities: the gradient is exact all the same */
        double loss = tec_class_loss(x, copy_of(c.wanted, n), n, (real)0.375);
        assert_true(fabs(loss - class_reference(logit, &c)) < 50 * VALUE_TOLERANCE * n);
        c.scale = 0.375;
        assert_gradient("logit", class_reference, &c, logit, x, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_standardize_patches, numbers_free),
        cmocka_unit_test_teardown(test_mse_rows, numbers_free),
        cmocka_unit_test_teardown(test_cross_entropy_rows, numbers_free),
        cmocka_unit_test_teardown(test_cross_entropy_of_extremes, numbers_free),
        cmocka_unit_test_teardown(test_class_loss, numbers_free),
    };
    tec_threads_set(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
