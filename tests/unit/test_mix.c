/* Mixup and CutMix: what is drawn, that it is what timm draws, what happens to images, and the soft targets. */
#include "tec/mix.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const tec_mix_settings usual = {.mixup = 0.8, .cutmix = 1, .probability = 1, .switching = 0.5};

static void assert_mix(tec_mix got, double lambda, bool cut, tec_rectangle box)
{
    assert_true(fabs(got.lambda - lambda) < 1e-12);
    assert_int_equal(got.cut, cut);
    assert_memory_equal(&got.box, &box, sizeof box);
}

/* Computed by another program from the definitions: they must not change. */
static void test_drawn_mixes(void **state)
{
    (void)state;
    assert_mix(tec_mix_draw(&usual, 7, 0, 2, tec_size_square(224)), 0.3470982142857143, true,
               (tec_rectangle){0, 44, 182, 180});
    assert_mix(tec_mix_draw(&usual, 7, 1, 2, tec_size_square(224)), 0.7007029433152561, false, (tec_rectangle){0});
    assert_mix(tec_mix_draw(&usual, 7, 5, 2, tec_size_square(224)), 0.8787468112244898, true,
               (tec_rectangle){144, 92, 78, 78});
    tec_mix_settings one = {.cutmix = 0.3, .probability = 1};
    assert_mix(tec_mix_draw(&one, 7, 0, 2, tec_size_square(32)), 0.6015625, true, (tec_rectangle){8, 0, 24, 17});
    one = (tec_mix_settings){.mixup = 0.3, .probability = 1, .switching = 0.5};
    assert_mix(tec_mix_draw(&one, 7, 0, 2, tec_size_square(32)), 0.220866810598364, false, (tec_rectangle){0});
    one.mixup = 0;
    assert_mix(tec_mix_draw(&one, 7, 0, 2, tec_size_square(32)), 1, false, (tec_rectangle){0});
    one = usual;
    one.probability = 0;
    assert_mix(tec_mix_draw(&one, 7, 0, 2, tec_size_square(32)), 1, false, (tec_rectangle){0});
}

static void test_mixes_are_spread_as_timm_s(void **state)
{
    (void)state;
    enum { DRAWS = 20000, SIZE = 224 };
    tec_mix_settings settings = usual;
    settings.probability = 0.9;
    double count[3] = {0}, sum[3] = {0}, square[3] = {0};
    for (int step = 0; step < DRAWS; step++) {
        tec_mix mix = tec_mix_draw(&settings, 1, step, 4, tec_size_square(SIZE));
        tec_rectangle r = mix.box;
        assert_true(mix.lambda >= 0 && mix.lambda <= 1);
        assert_true(r.top >= 0 && r.left >= 0 && r.top + r.height <= SIZE && r.left + r.width <= SIZE);
        if (mix.cut)
            assert_true(fabs(1 - mix.lambda - (double)r.height * r.width / (SIZE * SIZE)) < 1e-12);
        int kind = mix.cut ? 2 : mix.lambda < 1;
        count[kind]++;
        sum[kind] += mix.lambda;
        square[kind] += mix.lambda * mix.lambda;
    }
    assert_true(fabs(count[0] / DRAWS - 0.1) < 0.01 && fabs(count[1] / DRAWS - 0.45) < 0.015);
    /* timm's lambda, from 40000 draws: mixup 0.498 and 0.311, CutMix 0.683 and 0.188. */
    double mean = sum[1] / count[1], cut = sum[2] / count[2];
    assert_true(fabs(mean - 0.5) < 0.012 && fabs(sqrt(square[1] / count[1] - mean * mean) - 0.310) < 0.006);
    assert_true(fabs(cut - 0.683) < 0.009 && fabs(sqrt(square[2] / count[2] - cut * cut) - 0.188) < 0.006);
}

enum { HEIGHT = 4, WIDTH = 9, CHANNELS = 2, VALUES = CHANNELS * HEIGHT * WIDTH };
static const tec_size rectangle = {HEIGHT, WIDTH};

static void fill(real *x, int first)
{
    for (int i = 0; i < VALUES; i++)
        x[i] = (real)((first + i) % 101) / 7;
}

static bool in_box(tec_rectangle box, int i)
{
    int column = i % WIDTH - box.left, row = i / WIDTH % HEIGHT - box.top;
    return row >= 0 && row < box.height && column >= 0 && column < box.width;
}

static void check_pair(tec_mix mix)
{
    real a[VALUES], b[VALUES], was_a[VALUES], was_b[VALUES];
    fill(a, 0), fill(b, 60), fill(was_a, 0), fill(was_b, 60);
    tec_mix_pair(&mix, rectangle, CHANNELS, a, b);
    for (int i = 0; i < VALUES; i++) {
        double own = mix.cut ? !in_box(mix.box, i) : mix.lambda, other = 1 - own;
        assert_true(fabs((double)a[i] - (own * (double)was_a[i] + other * (double)was_b[i])) < 1e-5);
        assert_true(fabs((double)b[i] - (own * (double)was_b[i] + other * (double)was_a[i])) < 1e-5);
    }
}

static void test_images_are_mixed(void **state)
{
    (void)state;
    check_pair((tec_mix){.lambda = 0.3});
    check_pair((tec_mix){.lambda = 1});
    check_pair((tec_mix){.lambda = 0});
    check_pair((tec_mix){.lambda = 1 - 6.0 / 36, .cut = true, .box = {1, 4, 3, 2}});
    check_pair((tec_mix){.lambda = 0, .cut = true, .box = {0, 0, HEIGHT, WIDTH}});
    real alone[VALUES], before[VALUES];
    fill(alone, 0), fill(before, 0);
    tec_mix_pair(&(tec_mix){.lambda = 0.3}, rectangle, CHANNELS, alone, alone);
    assert_memory_equal(alone, before, sizeof alone);
}

/* timm's mixup_target: labels 1, 3, 0 of five classes, lambda 0.3, smoothing 0.1. */
static void test_targets(void **state)
{
    (void)state;
    static const int label[3] = {1, 3, 0};
    static const double want[3][5] = {
        {0.65, 0.29, 0.02, 0.02, 0.02}, {0.02, 0.02, 0.02, 0.92, 0.02}, {0.29, 0.65, 0.02, 0.02, 0.02}};
    for (int b = 0; b < 3; b++) {
        real got[5];
        tec_mix_target(&(tec_mix){.lambda = 0.3}, 0.1, 5, label[b], label[2 - b], got);
        for (int i = 0; i < 5; i++)
            assert_true(fabs((double)got[i] - want[b][i]) < 1e-6);
    }
    real hard[2];
    tec_mix_target(&(tec_mix){.lambda = 1}, 0, 2, 1, 0, hard);
    assert_true(hard[0] == 0 && hard[1] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drawn_mixes),
        cmocka_unit_test(test_mixes_are_spread_as_timm_s),
        cmocka_unit_test(test_images_are_mixed),
        cmocka_unit_test(test_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
