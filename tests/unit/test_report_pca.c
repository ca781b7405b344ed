/* The principal components behind the colours of a report: found where they are known, ordered, of any shape. */
#include "src/report/pca.h"

#include "tec/philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 400, D = 12 };

/* Three orthogonal directions of length 1: of numbers 0 to 3, 4 to 7 and 8 to 11. */
static double direction(int k, int d)
{
    return d / 4 == k ? (d % 2 || k == 0 ? 0.5 : -0.5) : 0;
}

/* Rows with deviation 1, 5 and 2 along the directions, around 10. */
static void make_rows(real *row)
{
    const double deviation[3] = {1, 5, 2};
    tec_philox random = tec_philox_start(7, TEC_STREAM_TEST, 0, 0, 0);
    for (int i = 0; i < N; i++, row += D) {
        double along[3];
        for (int k = 0; k < 3; k++)
            along[k] = deviation[k] * tec_philox_normal(&random);
        for (int d = 0; d < D; d++) {
            double sum = 10;
            for (int k = 0; k < 3; k++)
                sum += along[k] * direction(k, d);
            row[d] = (real)sum;
        }
    }
}

static void test_components_by_variance(void **state)
{
    (void)state;
    static const int order[3] = {1, 2, 0};
    static real row[N * D];
    make_rows(row);
    pca p = tec_pca_fit(row, N, D);
    for (int k = 0; k < 3; k++) {
        double along = 0;
        for (int d = 0; d < D; d++)
            along += p.component[k * D + d] * direction(order[k], d);
        assert_true(fabs(along) > 0.99); /* a sample of 400 is not exact */
    }
    int outside = 0;
    for (int i = 0; i < N; i++) {
        uint8_t rgb[3];
        tec_pca_colour(&p, row + i * D, rgb);
        outside += rgb[0] == 0 || rgb[0] == 255;
    }
    assert_in_range(outside, 8, 24);
    tec_pca_free(&p);
}

/* One row, equal rows, two dimensions: colours, no division by zero. */
static void test_nothing_to_tell_apart(void **state)
{
    (void)state;
    real row[6] = {1, 2, 1, 2, 1, 2};
    for (int n = 1; n <= 3; n++) {
        uint8_t rgb[3];
        pca p = tec_pca_fit(row, n, 2);
        tec_pca_colour(&p, row, rgb);
        for (int k = 0; k < 3; k++)
            assert_int_equal(rgb[k], 128);
        tec_pca_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_components_by_variance),
        cmocka_unit_test(test_nothing_to_tell_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
