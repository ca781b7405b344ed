/* The parameter registry: names, shapes, layout, decay, initial values, position tables. */
#include "tec/model.h"
#include "tec/params.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum {
    CLASS,
    POSITION,
    PROJECTION,
    PROJECTION_BIAS,
    NORM,
    NORM_BIAS,
    LINEAR,
    LINEAR_BIAS,
    SAME_AS_LINEAR,
    TABLE,
    COUNT
};

static void register_all(tec_params *params)
{
    *params = (tec_params){0};
    assert_int_equal(tec_params_add(params, TEC_INIT_TOKEN, (int[4]){1, 1, 2000}, "cls_token"), CLASS);
    assert_int_equal(tec_params_add(params, TEC_INIT_FIXED, (int[4]){1, 5, 3}, "pos_embed"), POSITION);
    assert_int_equal(tec_params_add(params, TEC_INIT_XAVIER, (int[4]){40, 3, 5, 7}, "proj.%s", "weight"), PROJECTION);
    assert_int_equal(tec_params_add(params, TEC_INIT_CONV_BIAS, (int[4]){1001}, "proj.bias"), PROJECTION_BIAS);
    assert_int_equal(tec_params_add(params, TEC_INIT_ONE, (int[4]){17}, "blocks.%d.norm.weight", 3), NORM);
    assert_int_equal(tec_params_add(params, TEC_INIT_ZERO, (int[4]){17}, "blocks.3.norm.bias"), NORM_BIAS);
    assert_int_equal(tec_params_add(params, TEC_INIT_XAVIER, (int[4]){33, 100}, "fc.weight"), LINEAR);
    assert_int_equal(tec_params_add(params, TEC_INIT_ZERO, (int[4]){1, 33}, "fc.bias"), LINEAR_BIAS);
    assert_int_equal(tec_params_add(params, TEC_INIT_XAVIER, (int[4]){33, 100}, "again.weight"), SAME_AS_LINEAR);
    assert_int_equal(tec_params_add(params, TEC_INIT_FIXED, (int[4]){16}, "table"), TABLE);
    params->param[PROJECTION_BIAS].fan_in = 105;
}

static int make(void **state)
{
    static tec_params params;
    register_all(&params);
    tec_params_allocate(&params, true);
    *state = &params;
    return 0;
}

static int drop(void **state)
{
    tec_params_free(*state);
    return 0;
}

static void test_shapes(void **state)
{
    const tec_params *params = *state;
    const tec_param *p = &params->param[PROJECTION];
    assert_string_equal(p->name, "proj.weight");
    assert_int_equal(p->dims, 4);
    assert_true(p->dim[0] == 40 && p->dim[1] == 3 && p->dim[2] == 5 && p->dim[3] == 7);
    assert_int_equal(p->count, 40 * 105);
    assert_int_equal(params->param[NORM].dims, 1);
    assert_int_equal(params->param[CLASS].count, 2000);
    assert_int_equal(params->count, COUNT);
}

/* The last registered trained tensor first, the fixed ones behind in their own order; each on a multiple of 16. */
static void test_order(void **state)
{
    static const int order[COUNT] = {SAME_AS_LINEAR,  LINEAR_BIAS, LINEAR, NORM_BIAS, NORM,
                                     PROJECTION_BIAS, PROJECTION,  CLASS,  POSITION,  TABLE};
    const tec_params *params = *state;
    size_t end = 0;
    for (int i = 0; i < COUNT; i++) {
        const tec_param *p = &params->param[order[i]];
        assert_int_equal(p->offset, (end + 15) / 16 * 16);
        assert_int_equal(p->trained, i < 8);
        end = p->offset + p->count;
        if (i == 7)
            assert_int_equal(params->trained, (end + 15) / 16 * 16);
    }
    assert_int_equal(params->total, (end + 15) / 16 * 16);
}

static void test_buffers(void **state)
{
    tec_params *params = *state, bare;
    for (size_t i = 0; i < params->total; i++)
        assert_true(params->weight[i] == 0);
    for (size_t i = 0; i < params->trained; i++)
        assert_true(params->grad[i] == 0);
    assert_ptr_equal(tec_params_weight(params, NORM), params->weight + params->param[NORM].offset);
    assert_ptr_equal(tec_params_grad(params, NORM), params->grad + params->param[NORM].offset);
    assert_null(tec_params_grad(params, POSITION));
    register_all(&bare);
    tec_params_allocate(&bare, false);
    assert_null(bare.grad);
    assert_null(tec_params_grad(&bare, NORM));
    tec_params_free(&bare);
    assert_true(!bare.param && !bare.weight && bare.count == 0);
}

static void test_decay(void **state)
{
    static const bool decayed[COUNT] = {[CLASS] = true, [PROJECTION] = true, [LINEAR] = true, [SAME_AS_LINEAR] = true};
    const tec_params *params = *state;
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(params->param[i].decayed, decayed[i]);
}

static void test_find(void **state)
{
    const tec_params *params = *state;
    assert_ptr_equal(tec_params_find(params, "blocks.3.norm.weight"), &params->param[NORM]);
    assert_ptr_equal(tec_params_find(params, "table"), &params->param[TABLE]);
    assert_null(tec_params_find(params, "blocks.3.norm"));
    assert_null(tec_params_find(params, ""));
}

/* Mean, variance and largest size of a tensor's values. */
typedef struct moments {
    double mean, variance, most;
} moments;

static moments moments_of(const tec_params *params, int index)
{
    moments m = {0};
    const real *w = tec_params_weight(params, index);
    size_t count = params->param[index].count;
    double n = (double)count;
    for (size_t i = 0; i < count; i++) {
        m.mean += w[i] / n;
        m.most = fmax(m.most, fabs(w[i]));
    }
    for (size_t i = 0; i < count; i++)
        m.variance += (w[i] - m.mean) * (w[i] - m.mean) / n;
    return m;
}

/* Uniform within the bound and filling it: a variance of a third of its square, here within five standard errors. */
static void assert_uniform(const tec_params *params, int index, double bound)
{
    moments m = moments_of(params, index);
    double n = (double)params->param[index].count, third = bound * bound / 3;
    assert_true(m.most <= bound * (1 + 1e-6) && m.most > 0.98 * bound);
    assert_true(fabs(m.mean) < 5 * sqrt(third / n));
    assert_true(fabs(m.variance - third) < 5 * third * sqrt(0.8 / n));
}

static void assert_all(const tec_params *params, int index, real value)
{
    for (size_t i = 0; i < params->param[index].count; i++)
        assert_true(tec_params_weight(params, index)[i] == value);
}

static void test_initialisation(void **state)
{
    tec_params *params = *state;
    tec_params_weight(params, POSITION)[4] = 7;
    tec_params_initialize(params, 42);
    assert_uniform(params, PROJECTION, sqrt(6.0 / (40 + 105)));
    assert_uniform(params, LINEAR, sqrt(6.0 / (33 + 100)));
    assert_uniform(params, PROJECTION_BIAS, 1 / sqrt(105));
    assert_all(params, NORM, 1);
    assert_all(params, NORM_BIAS, 0);
    assert_all(params, LINEAR_BIAS, 0);
    assert_all(params, TABLE, 0);
    assert_true(tec_params_weight(params, POSITION)[4] == 7);
    moments token = moments_of(params, CLASS);
    assert_true(fabs(token.mean) < 5 * 0.02 / sqrt(2000));
    assert_true(fabs(token.variance - 4e-4) < 5 * 4e-4 * sqrt(2.0 / 2000));
    assert_true(token.most > 0.05); /* normal, not uniform of that variance */
}

static void test_padding_stays_zero(void **state)
{
    tec_params *params = *state;
    tec_params_initialize(params, 3);
    for (int i = 0; i < COUNT; i++) {
        const tec_param *p = &params->param[i];
        for (size_t j = p->offset + p->count; j % 16; j++)
            assert_true(params->weight[j] == 0);
    }
}

/* Correlation of what one tensor drew with what another did. */
static double correlation(const real *a, const real *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

static void test_seeds(void **state)
{
    tec_params *params = *state, other;
    size_t bytes = params->total * sizeof(real), n = params->param[LINEAR].count;
    register_all(&other);
    tec_params_allocate(&other, false);
    tec_params_initialize(params, 1);
    tec_params_initialize(&other, 1);
    assert_memory_equal(other.weight, params->weight, bytes);
    assert_true(fabs(correlation(tec_params_weight(params, LINEAR), tec_params_weight(params, SAME_AS_LINEAR), n)) <
                5 / sqrt((double)n));
    tec_params_initialize(&other, 2);
    assert_true(fabs(correlation(tec_params_weight(params, LINEAR), tec_params_weight(&other, LINEAR), n)) <
                5 / sqrt((double)n));
    assert_true(fabs(correlation(tec_params_weight(params, CLASS), tec_params_weight(&other, CLASS), 2000)) <
                5 / sqrt(2000));
    tec_params_free(&other);
}

/* What the two halves and the two quarters of a row stand for, one number at a time. */
static double position(int columns, int width, int patch, int d)
{
    int quarter = width / 4, along = d < 2 * quarter ? patch % columns : patch / columns, i = d % quarter;
    double angle = along * pow(10000, -4.0 * i / width);
    return d / quarter % 2 ? cos(angle) : sin(angle);
}

static void assert_positions(const tec_params *params, const char *name, tec_size grid, int width)
{
    const int patches = grid.height * grid.width;
    const tec_param *p = tec_params_find(params, name);
    assert_true(p && !p->trained && p->dims == 3);
    assert_true(p->dim[0] == 1 && p->dim[1] == 1 + patches && p->dim[2] == width);
    const real *row = params->weight + p->offset;
    for (int d = 0; d < width; d++)
        assert_true(row[d] == 0);
    for (int l = 0; l < patches; l++)
        for (int d = 0; d < width; d++)
            assert_true(fabs(row[(1 + l) * width + d] - position(grid.width, width, l, d)) <
                        (TEC_REAL_IS_DOUBLE ? 1e-13 : 1e-6));
}

static void check_positions(tec_size grid)
{
    tec_model_config c = {.kind = TEC_MODEL_MAE,
                          .image_size = {4 * grid.height, 4 * grid.width},
                          .patch = 4,
                          .channels = 1,
                          .width = 24,
                          .depth = 1,
                          .heads = 1,
                          .mlp_ratio = 1,
                          .decoder_width = 12,
                          .decoder_depth = 1,
                          .decoder_heads = 1};
    tec_model *model;
    assert_int_equal(tec_model_create(&model, &c, 1, 5, 0), TEC_OK);
    tec_params_initialize(tec_model_params(model), 9);
    assert_positions(tec_model_params(model), "pos_embed", grid, 24);
    assert_positions(tec_model_params(model), "decoder_pos_embed", grid, 12);
    tec_model_free(model);
}

static void test_positions(void **state)
{
    (void)state;
    check_positions(tec_size_square(5));
    check_positions((tec_size){2, 7});
    check_positions((tec_size){6, 1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shapes, make, drop),
        cmocka_unit_test_setup_teardown(test_order, make, drop),
        cmocka_unit_test_setup_teardown(test_buffers, make, drop),
        cmocka_unit_test_setup_teardown(test_decay, make, drop),
        cmocka_unit_test_setup_teardown(test_find, make, drop),
        cmocka_unit_test_setup_teardown(test_initialisation, make, drop),
        cmocka_unit_test_setup_teardown(test_padding_stays_zero, make, drop),
        cmocka_unit_test_setup_teardown(test_seeds, make, drop),
        cmocka_unit_test(test_positions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
