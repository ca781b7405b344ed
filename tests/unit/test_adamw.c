/* AdamW against torch.optim.AdamW: four steps in double precision, changing learning rates, one tensor decayed. */
#include "tec/adamw.h"
#include "tec/gemm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TENSORS = 3, NUMBERS = 11, STEPS = 4 };

static const int shape[TENSORS][4] = {{3, 2}, {3}, {2}};
static const char *const names[TENSORS] = {"proj.weight", "proj.bias", "norm.weight"};
static const double lr[STEPS] = {0.125, 0.25, 0.0625, 0.25};
static const double scale = 0.5, weight_decay = 0.5;
static const double tolerance = TEC_REAL_IS_DOUBLE ? 1e-13 : 1e-6;

/* Weights, moments (in the order of registration) and squared gradient norms after the last step. */
typedef struct outcome {
    double beta2, weight[NUMBERS], m[NUMBERS], v[NUMBERS], square[STEPS];
} outcome;

static const outcome from_torch[] = {
    {.beta2 = 0.95,
     .weight = {-0.025718345955400221, 0.14457982912326847, -0.10327117699891324, 0.65654732942296401,
                -0.10253617922983797, -0.42963548460821355, 0.72118637890843595, -0.42965123795619237,
                -0.10428076320837795, 0.070267469411416816, -0.19923467973522069},
     .m = {-0.011887499999999999, 0.0012218750000000007, -0.014512499999999998, 0.0096062499999999967,
           -0.013846874999999998, 0.0069812499999999996, -0.0095249999999999987, 0.0076468750000000009,
           -0.0011406250000000027, 0.01196875, -0.003765624999999999},
     .v = {0.0023431640625000017, 0.0025985046386718773, 0.002673730468750002, 0.0021201416015625019,
           0.0028563171386718775, 0.0024538818359375026, 0.0027115234375000023, 0.0027542175292968769,
           0.0020505065917968768, 0.0028477783203125022, 0.0023826599121093764},
     .square = {0.1650390625, 0.1533203125, 0.14453125, 0.138671875}},
    /* 1 - beta2 has few digits left in float here, if it is taken from a beta2 that was rounded before */
    {.beta2 = 0.999,
     .weight = {-0.029634081597829917, 0.14309398617571562, -0.10448656211023642, 0.65375830678880631,
                -0.10377252706650701, -0.42838292650914028, 0.72166933936204702, -0.43107415312033615,
                -0.10714496179205071, 0.065904880054595161, -0.19988800233881546},
     .m = {-0.011887499999999999, 0.0012218750000000007, -0.014512499999999998, 0.0096062499999999967,
           -0.013846874999999998, 0.0069812499999999996, -0.0095249999999999987, 0.0076468750000000009,
           -0.0011406250000000027, 0.01196875, -0.003765624999999999},
     .v = {5.2611442347656295e-05, 5.3675788084960982e-05, 5.9444417953125053e-05, 4.4869188460937537e-05,
           6.0477557616210988e-05, 5.55264882460938e-05, 5.5634778316406296e-05, 6.0434631827148487e-05,
           4.4839920874023475e-05, 5.951758691406255e-05, 5.3585058569335989e-05},
     .square = {0.1650390625, 0.1533203125, 0.14453125, 0.138671875}}};

/* The three tensors and, before them, one that is not trained. */
static void make_params(tec_params *params)
{
    *params = (tec_params){0};
    tec_params_add(params, TEC_INIT_FIXED, (const int[4]){1, 4, 5}, "pos_embed");
    for (int t = 0; t < TENSORS; t++)
        tec_params_add(params, TEC_INIT_ZERO, shape[t], "%s", names[t]);
    tec_params_allocate(params, true);
    for (int t = 0, k = 0; t < TENSORS; t++)
        for (size_t i = 0; i < params->param[1 + t].count; i++, k++)
            tec_params_weight(params, 1 + t)[i] = (real)(k * 7 % 11 - 5) / 8;
    for (int i = 0; i < 20; i++)
        tec_params_weight(params, 0)[i] = (real)i;
}

static void set_gradient(const tec_params *params, int step)
{
    for (int t = 0, k = 0; t < TENSORS; t++)
        for (size_t i = 0; i < params->param[1 + t].count; i++, k++)
            tec_params_grad(params, 1 + t)[i] = (real)((k * 5 + step * 3) % 13 - 6) / 16;
}

static void expect_numbers(const char *what, const tec_params *params, const real *flat, const double *want)
{
    for (int t = 0, k = 0; t < TENSORS; t++)
        for (size_t i = 0; i < params->param[1 + t].count; i++, k++) {
            double got = flat[params->param[1 + t].offset + i];
            if (!(fabs(got - want[k]) <= tolerance * (fabs(want[k]) + (what[0] == 'w' ? 1 : 0.001))))
                fail_msg("%s of %s[%zu] is %.9g instead of %.9g", what, names[t], i, got, want[k]);
        }
}

static void compare_with_torch(const outcome *want)
{
    tec_params params;
    tec_adamw adamw;
    make_params(&params);
    tec_adamw_create(&adamw, &params, 0.9, want->beta2, weight_decay);
    for (int step = 0; step < STEPS; step++) {
        set_gradient(&params, step);
        double plain = tec_gradient_square(&params, 0, params.trained),
               square = tec_adamw_step(&adamw, &params, lr[step], scale);
        assert_true(fabs(plain * scale * scale - want->square[step]) <= 1e-12 * want->square[step]);
        assert_true(fabs(square - want->square[step]) <= tolerance * want->square[step]);
        for (size_t i = 0; i < params.trained; i++)
            assert_true(params.grad[i] == 0);
    }
    assert_int_equal(adamw.step, STEPS);
    expect_numbers("weight", &params, params.weight, want->weight);
    expect_numbers("m", &params, adamw.m, want->m);
    expect_numbers("v", &params, adamw.v, want->v);
    for (int i = 0; i < 20; i++)
        assert_true(tec_params_weight(&params, 0)[i] == (real)i);
    tec_adamw_free(&adamw);
    tec_params_free(&params);
}

static void test_torch(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof from_torch / sizeof *from_torch; i++)
        compare_with_torch(&from_torch[i]);
}

/* A gradient that is not finite shows in what is returned. */
static void test_not_finite(void **state)
{
    (void)state;
    const real bad[] = {(real)NAN, (real)INFINITY};
    for (int i = 0; i < 2; i++) {
        tec_params params;
        tec_adamw adamw;
        make_params(&params);
        tec_adamw_create(&adamw, &params, 0.9, 0.95, weight_decay);
        set_gradient(&params, 0);
        tec_params_grad(&params, 2)[1] = bad[i];
        assert_true(!isfinite(tec_gradient_square(&params, 0, params.trained)));
        assert_true(!isfinite(tec_adamw_step(&adamw, &params, 1e-3, 1)));
        tec_adamw_free(&adamw);
        tec_params_free(&params);
    }
}

/* -- tensors that are shared among threads -- */

static void make_large(tec_params *params, int rows, real gradient)
{
    *params = (tec_params){0};
    tec_params_add(params, TEC_INIT_XAVIER, (const int[4]){rows, 7}, "a.weight");
    tec_params_add(params, TEC_INIT_ONE, (const int[4]){rows}, "a.bias");
    tec_params_add(params, TEC_INIT_TOKEN, (const int[4]){1, 1, 5}, "token");
    tec_params_allocate(params, true);
    tec_params_initialize(params, 3);
    for (int t = 0; t < params->count; t++)
        for (size_t i = 0; i < params->param[t].count; i++)
            tec_params_grad(params, t)[i] = gradient != 0 ? gradient : (real)sin(0.7 * (double)i + t);
}

/* The flat buffers after a step, each [trained]; the caller frees them. */
static real *step_with_threads(int threads, double *square)
{
    tec_params params;
    tec_adamw adamw;
    tec_threads_set(threads);
    make_large(&params, 1501, 0);
    tec_adamw_create(&adamw, &params, 0.9, 0.95, weight_decay);
    *square = tec_adamw_step(&adamw, &params, 1e-3, 1.0 / 3);
    size_t bytes = params.trained * sizeof(real);
    real *all = malloc(3 * bytes);
    assert_non_null(all);
    memcpy(all, params.weight, bytes);
    memcpy(all + params.trained, adamw.m, bytes);
    memcpy(all + 2 * params.trained, adamw.v, bytes);
    tec_adamw_free(&adamw);
    tec_params_free(&params);
    tec_threads_set(1);
    return all;
}

static void test_threads(void **state)
{
    (void)state;
    tec_params params;
    make_large(&params, 1501, 0);
    size_t bytes = 3 * params.trained * sizeof(real);
    double one_square, square, plain = tec_gradient_square(&params, 0, params.trained) / 9;
    real *one = step_with_threads(1, &one_square);
    assert_true(fabs(one_square - plain) <= tolerance * plain);
    for (int threads = 2; threads <= 5; threads++) {
        real *many = step_with_threads(threads, &square);
        assert_memory_equal(one, many, bytes);
        assert_true(fabs(square - one_square) <= tolerance * one_square);
        free(many);
    }
    free(one);
    tec_params_free(&params);
}

/* A sum over threads has one order: the same bits every time. */
static void test_threads_repeat(void **state)
{
    (void)state;
    tec_params params;
    double first_step, square;
    make_large(&params, 4001, 0);
    tec_threads_set(5);
    double first = tec_gradient_square(&params, 0, params.trained);
    tec_threads_set(1);
    assert_true(fabs(tec_gradient_square(&params, 0, params.trained) - first) <= 1e-12 * first);
    free(step_with_threads(5, &first_step));
    for (int i = 0; i < 200; i++) {
        free(step_with_threads(5, &square));
        assert_true(square == first_step);
        tec_threads_set(5);
        assert_true(tec_gradient_square(&params, 0, params.trained) == first);
    }
    tec_threads_set(1);
    tec_params_free(&params);
}

/* Millions of equal squares: a sum in float alone would go astray. */
static void test_norm_of_many(void **state)
{
    (void)state;
    tec_params params;
    tec_adamw adamw;
    const int rows = 300000;
    make_large(&params, rows, (real)0.1);
    tec_adamw_create(&adamw, &params, 0.9, 0.95, weight_decay);
    double want = (8.0 * rows + 5) * (real)0.1 * (real)0.1, got = tec_adamw_step(&adamw, &params, 1e-3, 1);
    assert_true(fabs(got - want) <= 1e-4 * want);
    tec_adamw_free(&adamw);
    tec_params_free(&params);
}

/* Cut where it may be, inside tensors and their padding, in any order: the same bits. */
static void test_slices(void **state)
{
    (void)state;
    static const size_t cuts[] = {1, 1000, 1024, 4099, 1 << 20};
    tec_params whole, cut;
    tec_adamw want, got;
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
        double square = 0;
        make_large(&whole, 1501, 0);
        make_large(&cut, 1501, 0);
        tec_adamw_create(&want, &whole, 0.9, 0.95, weight_decay);
        tec_adamw_create(&got, &cut, 0.9, 0.95, weight_decay);
        double all = tec_adamw_step(&want, &whole, 1e-3, 0.5);
        tec_adamw_begin(&got);
        for (size_t end = cut.trained, first; end > 0; end = first) {
            first = end > cuts[c] ? end - cuts[c] : 0;
            square += tec_adamw_update(&got, &cut, first, end - first, 1e-3, 0.5);
        }
        size_t bytes = whole.trained * sizeof(real);
        assert_int_equal(got.step, want.step);
        assert_true(fabs(square - all) <= tolerance * all);
        assert_memory_equal(cut.weight, whole.weight, bytes);
        assert_memory_equal(cut.grad, whole.grad, bytes);
        assert_memory_equal(got.m, want.m, bytes);
        assert_memory_equal(got.v, want.v, bytes);
        tec_adamw_free(&want);
        tec_adamw_free(&got);
        tec_params_free(&whole);
        tec_params_free(&cut);
    }
}

static void step(tec_adamw *adamw, tec_params *params, double size, double clip)
{
    for (int t = 0; t < TENSORS; t++)
        tec_params_grad(params, 1 + t)[0] = (real)(t == 1 ? 0 : size);
    tec_adamw_step(adamw, params, 1e-3, clip);
    tec_adamw_note_clip(adamw, clip);
}

/* 2^12 times the largest of late, before it was clipped; and as much as the largest of all where one has had none, or
 * no more for long. */
static void test_expect(void **state)
{
    (void)state;
    enum { ROOM = 12, PADDED = TENSORS + 1 };
    tec_params params;
    tec_adamw adamw;
    tec_expected expected[PADDED];
    make_params(&params);
    tec_adamw_create(&adamw, &params, 0.9, 0.95, weight_decay);
    assert_int_equal(tec_adamw_expect(&adamw, &params, expected), TENSORS);
    for (int t = 0; t < TENSORS; t++)
        assert_int_equal(expected[t].exponent, ROOM);
    const double size[] = {3, 1e-4, 3}, clip[] = {1e-4, 1, 1e-4};
    for (int i = 0; i < 3; i++) {
        step(&adamw, &params, size[i], clip[i]);
        tec_adamw_expect(&adamw, &params, expected);
        for (int t = 0; t < TENSORS; t += 2)
            assert_in_range(expected[t].exponent, ROOM + 2, ROOM + 3);
    }
    for (int i = 0; i < 2000; i++) /* what has been clipped is forgotten */
        step(&adamw, &params, 1e6, 1);
    tec_adamw_expect(&adamw, &params, expected);
    assert_in_range(expected[0].exponent, ROOM + 20, ROOM + 23); /* 2^20 is 1e6 */
    assert_int_equal(expected[1].exponent, expected[0].exponent - ROOM);
    tec_adamw_free(&adamw);
    tec_params_free(&params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_torch),        cmocka_unit_test(test_not_finite),
                                       cmocka_unit_test(test_threads),      cmocka_unit_test(test_threads_repeat),
                                       cmocka_unit_test(test_norm_of_many), cmocka_unit_test(test_slices),
                                       cmocka_unit_test(test_expect)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
