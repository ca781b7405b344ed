/* Random erasing: the rectangles are timm's, and only they are filled, with normal noise. */
#include "tec/erase.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Computed by another program from the definitions: they must not change. */
static void test_drawn_rectangles(void **state)
{
    (void)state;
    static const tec_rectangle want[] = {{102, 20, 55, 183}, {4, 0, 56, 142}, {64, 47, 93, 92}, {13, 79, 155, 54}};
    for (int image = 0; image < 4; image++) {
        tec_rectangle got;
        assert_true(tec_erase_draw(1, 5, image, 2, tec_size_square(224), &got));
        assert_memory_equal(&got, &want[image], sizeof got);
    }
    for (int image = 0; image < 6; image++) {
        tec_rectangle got;
        assert_int_equal(tec_erase_draw(0.25, 5, image, 2, tec_size_square(8), &got), image == 4);
        if (image == 4)
            assert_memory_equal(&got, (&(tec_rectangle){0, 4, 6, 3}), sizeof got);
    }
}

static void test_rectangles_are_spread_as_timm_s(void **state)
{
    (void)state;
    enum { DRAWS = 20000, SIZE = 224 };
    double erased = 0, area = 0, square = 0, ratio = 0, ratio_square = 0, top = 0;
    for (int i = 0; i < DRAWS; i++) {
        tec_rectangle r;
        if (!tec_erase_draw(0.25, 1, i, 3, tec_size_square(SIZE), &r))
            continue;
        assert_true(r.height > 0 && r.width > 0 && r.height < SIZE && r.width < SIZE);
        assert_true(r.top >= 0 && r.left >= 0 && r.top + r.height <= SIZE && r.left + r.width <= SIZE);
        double share = (double)r.height * r.width / (SIZE * SIZE), log_ratio = log((double)r.height / r.width);
        erased++;
        area += share;
        square += share * share;
        ratio += log_ratio;
        ratio_square += log_ratio * log_ratio;
        top += (double)r.top / (SIZE - r.height);
    }
    assert_true(fabs(erased / DRAWS - 0.25) < 0.012);
    /* timm's, from 4000 rectangles: 0.1779 and 0.0906; -0.005 and 0.684. */
    assert_true(fabs(area / erased - 0.1767) < 0.005 && fabs(sqrt(square / erased) - 0.1985) < 0.006);
    assert_true(fabs(ratio / erased) < 0.04 && fabs(sqrt(ratio_square / erased) - 0.69) < 0.02);
    assert_true(fabs(top / erased - 0.5) < 0.02);
}

static void test_only_the_rectangle_is_filled(void **state)
{
    (void)state;
    enum { HEIGHT = 32, WIDTH = 50, CHANNELS = 3, VALUES = CHANNELS * HEIGHT * WIDTH };
    const tec_size size = {HEIGHT, WIDTH};
    double sum = 0, square = 0, count = 0;
    for (int image = 0; image < 60; image++) {
        real *x = malloc(VALUES * sizeof *x);
        for (int i = 0; i < VALUES; i++)
            x[i] = 99;
        tec_rectangle r = {0};
        tec_erase_draw(0.7, 9, image, 0, size, &r);
        assert_true(r.top + r.height <= HEIGHT && r.left + r.width <= WIDTH);
        tec_erase_apply(0.7, 9, image, 0, size, CHANNELS, x);
        for (int i = 0; i < VALUES; i++) {
            int column = i % WIDTH, row = i / WIDTH % HEIGHT;
            bool inside = row >= r.top && row < r.top + r.height && column >= r.left && column < r.left + r.width;
            assert_int_equal(x[i] != 99, inside);
            if (inside) {
                count++;
                sum += (double)x[i];
                square += (double)(x[i] * x[i]);
            }
        }
        free(x);
    }
    assert_true(count > 10000);
    assert_true(fabs(sum / count) < 0.03 && fabs(square / count - 1) < 0.03);
}

/* A rectangle is smaller than the picture in both directions. */
static void test_smallest_pictures(void **state)
{
    (void)state;
    for (int image = 0; image < 50; image++) {
        tec_rectangle r;
        assert_false(tec_erase_draw(1, 1, image, 0, tec_size_square(1), &r) && r.height > 0 && r.width > 0);
        real x[4] = {7, 7, 7, 7};
        tec_erase_apply(1, 1, image, 0, tec_size_square(2), 1, x);
        assert_true((x[0] == 7) + (x[1] == 7) + (x[2] == 7) + (x[3] == 7) >= 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drawn_rectangles),
        cmocka_unit_test(test_rectangles_are_spread_as_timm_s),
        cmocka_unit_test(test_only_the_rectangle_is_filled),
        cmocka_unit_test(test_smallest_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
