/* Which architectures are refused, and the names of what differs between two of them. */
#include "tec/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const tec_model_config good = {.kind = TEC_MODEL_TEC,
                                      .image_size = {12, 12},
                                      .patch = 4,
                                      .channels = 1,
                                      .width = 16,
                                      .depth = 4,
                                      .heads = 2,
                                      .mlp_ratio = 2,
                                      .decoder_width = 8,
                                      .decoder_depth = 1,
                                      .decoder_heads = 2,
                                      .groups = 2,
                                      .base_width = 20,
                                      .base_heads = 5,
                                      .attention_tau = 1.8,
                                      .predict_attention = true};

#define AT(member) offsetof(tec_model_config, member)

/* A member spoilt, and what the message must say. */
static const struct {
    size_t at;
    int value;
    const char *message;
} wrong[] = {
    {AT(patch), 5, "patch (5) must divide image_size (12)"},
    {AT(patch), 0, "patch (0) and image_size (12) must be positive"},
    {AT(patch), -4, "patch (-4)"},
    {AT(image_size.height), -12, "the height of image_size (-12)"},
    {AT(image_size.width), 10, "patch (4) must divide the width of image_size (10)"},
    {AT(image_size.height), 10, "patch (4) must divide the height of image_size (10)"},
    {AT(patch), 12, "patch (12) makes a single patch of an image of 12 pixels"},
    {AT(heads), 3, "heads (3) must divide width (16)"},
    {AT(heads), 0, "heads (0)"},
    {AT(width), 0, "width (0)"},
    {AT(width), 18, "must divide width (18)"},
    {AT(channels), 0, "channels (0)"},
    {AT(depth), 0, "depth (0)"},
    {AT(depth), 3, "adaptor_groups (2) must divide depth (3)"},
    {AT(decoder_depth), 0, "decoder_depth is 0"},
    {AT(decoder_heads), 3, "decoder_heads (3) must divide decoder_width (8)"},
    {AT(decoder_width), 10, "must divide decoder_width (10)"},
    {AT(groups), -1, "adaptor_groups (-1)"},
    {AT(base_heads), 3, "the base model's heads (3) must divide the base model's width (20)"},
    {AT(base_width), 0, "the base model's width (0)"},
};

static void assert_refused(const tec_model_config *config, const char *message)
{
    tec_model *model;
    assert_int_equal(tec_model_config_check(config), TEC_USER_ERROR);
    if (!strstr(tec_error_message(), message))
        fail_msg("\"%s\" does not say \"%s\"", tec_error_message(), message);
    assert_int_equal(tec_model_create(&model, config, 1, 1, 1), TEC_USER_ERROR);
    assert_null(model);
}

static void test_whole_numbers(void **state)
{
    (void)state;
    assert_int_equal(tec_model_config_check(&good), TEC_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tec_model_config c = good;
        memcpy((char *)&c + wrong[i].at, &wrong[i].value, sizeof(int));
        assert_refused(&c, wrong[i].message);
    }
}

static void test_fractions(void **state)
{
    (void)state;
    static const double bad[] = {0, -1, NAN};
    for (int i = 0; i < 3; i++) {
        tec_model_config c = good;
        c.mlp_ratio = bad[i];
        assert_refused(&c, "mlp_ratio is");
        c = good;
        c.attention_tau = bad[i];
        assert_refused(&c, "attention_tau is");
    }
}

static void test_hidden(void **state)
{
    (void)state;
    static const struct {
        int width;
        double ratio;
        int hidden;
    } cases[] = {{768, 4, 3072},
                 {1152, 4304. / 1152, 4304},
                 {1152, 3.73611111111111, 4304}, /* in 15 digits, as JSON and settings may have it */
                 {1152, 3.7361111, 4304},
                 {1408, 1568. / 1408, 1568},
                 {1280, 2.67, 3417}, /* truncated, as timm does */
                 {384, 0.001, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(tec_mlp_hidden(cases[i].width, cases[i].ratio), cases[i].hidden);
}

/* One value has no variance to be divided by. */
static void test_single_pixel_patches(void **state)
{
    (void)state;
    tec_model_config c = good;
    c.kind = TEC_MODEL_MAE;
    c.patch = c.channels = 1;
    c.norm_pix = false;
    assert_int_equal(tec_model_config_check(&c), TEC_OK);
    c.norm_pix = true;
    assert_refused(&c, "norm_pix needs patches of at least two values");
}

static void test_training_a_plain_encoder(void **state)
{
    (void)state;
    tec_model *model;
    tec_model_config c = good;
    c.kind = TEC_MODEL_VIT;
    assert_int_equal(tec_model_create(&model, &c, 1, 1, 1), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "no loss to train with"));
}

/* What a kind does not have is not asked for. */
static void test_members_of_other_kinds(void **state)
{
    (void)state;
    tec_model_config c = {.kind = TEC_MODEL_VIT,
                          .image_size = {8, 8},
                          .patch = 4,
                          .channels = 3,
                          .width = 8,
                          .depth = 1,
                          .heads = 2,
                          .mlp_ratio = 4};
    assert_int_equal(tec_model_config_check(&c), TEC_OK);
    c.kind = TEC_MODEL_MAE;
    assert_int_equal(tec_model_config_check(&c), TEC_USER_ERROR);
    c.decoder_width = 4;
    c.decoder_heads = c.decoder_depth = 1;
    assert_int_equal(tec_model_config_check(&c), TEC_OK);
    c.kind = TEC_MODEL_TEC;
    assert_int_equal(tec_model_config_check(&c), TEC_USER_ERROR);
}

/* Every member in which two architectures can differ is noticed, and named otherwise than any other. */
static void test_difference(void **state)
{
    (void)state;
    static const size_t members[] = {
        AT(kind),      AT(image_size.height), AT(patch),         AT(channels),      AT(width),  AT(depth),
        AT(heads),     AT(decoder_width),     AT(decoder_depth), AT(decoder_heads), AT(groups), AT(base_width),
        AT(base_heads)};
    enum { MEMBERS = sizeof members / sizeof *members };
    const char *name[MEMBERS];
    assert_null(tec_model_config_difference(&good, &good));
    for (int i = 0; i < MEMBERS; i++) {
        tec_model_config c = good;
        *(int *)((char *)&c + members[i]) ^= 1;
        name[i] = tec_model_config_difference(&good, &c);
        assert_non_null(name[i]);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(name[i], name[j]);
    }
    tec_model_config c = good;
    c.mlp_ratio = 3;
    assert_non_null(tec_model_config_difference(&good, &c));
    c = good;
    c.attention_tau = 2;
    assert_non_null(tec_model_config_difference(&good, &c));
    c = good;
    c.predict_attention = false;
    assert_non_null(tec_model_config_difference(&good, &c));
    tec_model_config plain = good, other = good;
    plain.kind = other.kind = TEC_MODEL_VIT;
    other.decoder_width = 0;
    other.norm_pix = true;
    assert_null(tec_model_config_difference(&plain, &other));
    plain.kind = other.kind = TEC_MODEL_MAE;
    other.decoder_width = plain.decoder_width;
    assert_non_null(tec_model_config_difference(&plain, &other));
}

static void test_visible_and_queries(void **state)
{
    (void)state;
    static const struct {
        int visible, topk;
        const char *message;
    } bad[] = {{0, 1, "0 of 9 patches would be visible"},
               {9, 1, "9 of 9 patches would be visible"},
               {-1, 1, "-1 of 9 patches would be visible"},
               {3, 10, "10 attention queries were requested, but an image has 9 patches"},
               {3, -1, "-1 attention queries"}};
    tec_model *model;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(tec_model_create(&model, &good, 2, bad[i].visible, bad[i].topk), TEC_USER_ERROR);
        assert_null(model);
        assert_non_null(strstr(tec_error_message(), bad[i].message));
    }
    assert_int_equal(tec_model_create(&model, &good, 2, 8, 9), TEC_OK);
    tec_model_free(model);
    tec_model_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_fractions),
        cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_single_pixel_patches),
        cmocka_unit_test(test_training_a_plain_encoder),
        cmocka_unit_test(test_members_of_other_kinds),
        cmocka_unit_test(test_difference),
        cmocka_unit_test(test_visible_and_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
