/* Patches cut out of images, and MAE's target, against references. */
#include "tec/ops.h"

#include "gradient.h"
#include "tec/gemm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

typedef struct picture {
    int channels;
    tec_size size;
    int patch;
} picture;

static const picture pictures[] = {{1, {4, 4}, 2}, {3, {12, 12}, 4}, {2, {15, 25}, 5}, {3, {6, 2}, 1}};
enum { PICTURES = sizeof pictures / sizeof *pictures };

/* Value (c, y, x) of patch `index`. */
static double value(const double *image, picture p, int index, int c, int y, int x)
{
    int columns = p.size.width / p.patch, top = index / columns * p.patch, left = index % columns * p.patch;
    return image[(c * p.size.height + top + y) * p.size.width + left + x];
}

static void test_gather(void **state)
{
    (void)state;
    for (int i = 0; i < PICTURES; i++) {
        picture p = pictures[i];
        int L = (p.size.height / p.patch) * (p.size.width / p.patch), pixels = p.channels * p.patch * p.patch, at = 0;
        const double *image = random_values(p.channels * p.size.height * p.size.width, 1);
        const int *index = random_order(L);
        for (int n = 1; n <= L; n += L - 1, at = 0) {
            double *want = doubles(n * pixels);
            for (int r = 0; r < n; r++)
                for (int c = 0; c < p.channels; c++)
                    for (int y = 0; y < p.patch; y++)
                        for (int x = 0; x < p.patch; x++)
                            want[at++] = value(image, p, index[r], c, y, x);
            real *out = reals(n * pixels);
            tec_patches_gather(copy_of(image, p.channels * p.size.height * p.size.width), p.channels, p.size, p.patch,
                               index, n, out);
            assert_values("patches", out, want, n * pixels, 0);
        }
    }
}

static void standardise(double *row, int n)
{
    double mean = 0, variance = 0;
    for (int i = 0; i < n; i++)
        mean += row[i] / n;
    for (int i = 0; i < n; i++)
        variance += (row[i] - mean) * (row[i] - mean) / (n - 1);
    for (int i = 0; i < n; i++)
        row[i] = (row[i] - mean) / sqrt(variance + 1e-6);
}

static void test_pixel_target(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * PICTURES; i++) {
        picture p = pictures[i / 2];
        int L = (p.size.height / p.patch) * (p.size.width / p.patch), pixels = p.channels * p.patch * p.patch,
            n = L - 1, at = 0;
        double *image = random_values(p.channels * p.size.height * p.size.width, 1), *want = doubles(n * pixels);
        const int *index = random_order(L);
        for (int r = 0; r < n; r++) {
            for (int y = 0; y < p.patch; y++)
                for (int x = 0; x < p.patch; x++)
                    for (int c = 0; c < p.channels; c++)
                        want[at++] = value(image, p, index[r], c, y, x);
            if (i % 2)
                standardise(want + r * pixels, pixels);
        }
        real *out = reals(n * pixels);
        tec_pixel_target(copy_of(image, p.channels * p.size.height * p.size.width), p.channels, p.size, p.patch, index,
                         n, i % 2, out);
        assert_values("pixels", out, want, n * pixels, i % 2 ? VALUE_TOLERANCE : 0);
    }
}

/* A patch of one colour has no variance to divide by. */
static void test_pixel_target_of_a_flat_patch(void **state)
{
    (void)state;
    enum { size = 4, n = 4 };
    double image[size * size], zero[n * 4] = {0};
    for (int i = 0; i < size * size; i++)
        image[i] = 0.75;
    real *out = reals(n * 4);
    tec_pixel_target(copy_of(image, size * size), 1, tec_size_square(size), 2, (int[n]){0, 1, 2, 3}, n, true, out);
    assert_values("pixels", out, zero, n * 4, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_gather, numbers_free),
        cmocka_unit_test_teardown(test_pixel_target, numbers_free),
        cmocka_unit_test_teardown(test_pixel_target_of_a_flat_patch, numbers_free),
    };
    tec_threads_set(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
