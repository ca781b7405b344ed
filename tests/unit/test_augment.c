/* Crops equal those that torchvision draws, resizing equals Pillow's. */
#include "tec/augment.h"

#include "../data/pnm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const tec_crop_settings usual = {{0.2, 1.0}, {3.0 / 4, 4.0 / 3}, true};

/* ---- drawing views ---- */

/* Computed by another program from the definitions of Philox and of torchvision's get_params. Stored targets depend on
 * these numbers: they must never change. */
static void test_drawn_views(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed;
        int64_t image;
        int view, height, width;
        tec_view want;
    } known[] = {
        {0, 0, 0, 224, 224, {22, 8, 181, 216, 0}},          {7, 123456, 3, 375, 500, {7, 1, 359, 386, 0}},
        {1099511627781, 9, 250, 28, 28, {5, 5, 20, 23, 0}}, {3, 1300000, 1, 500, 333, {6, 48, 354, 273, 1}},
        {11, 4, 0, 40, 400, {0, 173, 40, 53, 0}}, /* no draw fits: the centre */
        {11, 5, 0, 900, 30, {430, 0, 40, 30, 0}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        tec_view got =
            tec_view_draw(&usual, known[i].seed, known[i].image, known[i].view, known[i].height, known[i].width);
        assert_memory_equal(&got, &known[i].want, sizeof got);
    }
}

static void test_views_are_spread_as_asked(void **state)
{
    (void)state;
    enum { DRAWS = 20000, HEIGHT = 300, WIDTH = 400 };
    double share = 0, log_ratio = 0, mirrored = 0, smallest = 1, top = 0;
    for (int i = 0; i < DRAWS; i++) {
        tec_view v = tec_view_draw(&usual, 5, i, 2, HEIGHT, WIDTH);
        assert_true(v.height > 0 && v.width > 0 && v.top >= 0 && v.left >= 0);
        assert_true(v.top + v.height <= HEIGHT && v.left + v.width <= WIDTH);
        double ratio = (double)v.width / v.height, area = (double)v.height * v.width / (HEIGHT * WIDTH);
        assert_true(ratio > 0.74 && ratio < 1.35 && area > 0.195);
        share += area / DRAWS;
        log_ratio += log(ratio) / DRAWS;
        mirrored += (double)v.flip / DRAWS;
        smallest = fmin(smallest, area);
        top += v.height < HEIGHT ? (double)v.top / (HEIGHT - v.height) / DRAWS : 0.5 / DRAWS;
    }
    /* Averages of 200000 draws of torchvision's procedure by another program and generator. */
    assert_true(fabs(share - 0.4957) < 0.008);
    assert_true(fabs(log_ratio - 0.0375) < 0.006);
    assert_true(fabs(mirrored - 0.5) < 0.015);
    assert_true(smallest < 0.21);
    assert_true(fabs(top - 0.5) < 0.01);
}

static void test_flip_does_not_move_the_crop(void **state)
{
    (void)state;
    tec_crop_settings still = usual;
    still.flip = false;
    for (int i = 0; i < 100; i++) {
        tec_view a = tec_view_draw(&usual, 1, i, 0, 64, 48), b = tec_view_draw(&still, 1, i, 0, 64, 48);
        assert_int_equal(b.flip, 0);
        a.flip = 0;
        assert_memory_equal(&a, &b, sizeof a);
    }
}

static void test_extreme_images(void **state)
{
    (void)state;
    static const int side[][2] = {{1, 1}, {1, 60000}, {60000, 1}, {2, 3}};
    for (size_t i = 0; i < 4; i++) {
        tec_view v = tec_view_draw(&usual, 1, (int64_t)i, 0, side[i][0], side[i][1]);
        assert_true(v.height >= 1 && v.top >= 0 && v.top + v.height <= side[i][0]);
        assert_true(v.width >= 1 && v.left >= 0 && v.left + v.width <= side[i][1]);
        tec_image image = {.height = side[i][0], .width = side[i][1], .channels = 1, .pixels = calloc(60000, 1)};
        uint8_t out[32 * 32];
        memset(image.pixels, 77, 60000);
        assert_int_equal(tec_view_render(&image, &v, tec_size_square(32), out), TEC_OK);
        assert_int_equal(out[0] + out[1023], 2 * 77);
        for (tec_resize resize = TEC_RESIZE_AUTO; resize <= TEC_RESIZE_WHOLE; resize++) {
            memset(out, 0, sizeof out);
            assert_int_equal(tec_view_center(&image, &(tec_preprocessing){.resize = resize}, tec_size_square(32), out),
                             TEC_OK);
            assert_int_equal(out[0] + out[1023], 2 * 77);
        }
        tec_image_free(&image);
    }
}

/* ---- resizing ---- */

typedef struct resize_case {
    char result[64], source[64], kind[16];
    tec_view view;
    int rows, columns;
} resize_case;

static tec_image read_resize(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, TEST_DATA "resize/%s", name);
    return read_pnm(path);
}

/* What each kind of evaluation in cases.txt leaves to MAE's defaults, and what not. */
static const struct {
    const char *kind;
    tec_preprocessing preprocessing;
} evaluations[] = {{"center", {0}},
                   {"whole", {.resize = TEC_RESIZE_WHOLE}},
                   {"squash", {.resize = TEC_RESIZE_SQUASH}},
                   {"bilinear", {.resize = TEC_RESIZE_SHORTER, .filter = TEC_FILTER_BILINEAR}},
                   {"lanczos", {.filter = TEC_FILTER_LANCZOS}}};

static tec_status apply(const resize_case *c, const tec_image *image, uint8_t *out)
{
    for (size_t i = 0; i < sizeof evaluations / sizeof *evaluations; i++)
        if (!strcmp(c->kind, evaluations[i].kind)) {
            tec_preprocessing p = evaluations[i].preprocessing;
            p.crop_pct = c->view.top / 100.0;
            return tec_view_center(image, &p, (tec_size){c->rows, c->columns}, out);
        }
    return tec_view_render(image, &c->view, (tec_size){c->rows, c->columns}, out);
}

/* A buffer of exactly the size, so that a sanitizer sees writes behind it. */
static void check_resize(const resize_case *c)
{
    tec_image source = read_resize(c->source), want = read_resize(c->result);
    size_t bytes = (size_t)c->rows * (size_t)c->columns * (size_t)source.channels;
    assert_int_equal(want.height, c->rows);
    assert_int_equal(want.width, c->columns);
    uint8_t *out = malloc(bytes);
    assert_int_equal(apply(c, &source, out), TEC_OK);
    int worst = worst_difference(out, want.pixels, bytes);
    if (worst)
        fail_msg("%s (%s of %s) differs from Pillow by %d", c->result, c->kind, c->source, worst);
    free(out);
    tec_image_free(&source);
    tec_image_free(&want);
}

static void test_resize_equals_pillow(void **state)
{
    (void)state;
    FILE *list = fopen(TEST_DATA "resize/cases.txt", "r");
    assert_non_null(list);
    resize_case c;
    int count = 0;
    while (fscanf(list, "%63s %63s %15s %d %d %d %d %d %d %d", c.result, c.source, c.kind, &c.view.top, &c.view.left,
                  &c.view.height, &c.view.width, &c.rows, &c.columns, &c.view.flip) == 10) {
        check_resize(&c);
        count++;
    }
    fclose(list);
    assert_int_equal(count, 41);
}

/* What is given wins, then what the model's files say, then MAE. */
static void test_preprocessing_is_completed(void **state)
{
    (void)state;
    tec_preprocessing given = {.crop_pct = 0.9}, model = {TEC_RESIZE_SQUASH, 1, TEC_FILTER_AUTO};
    tec_preprocessing said = tec_preprocessing_complete(given, model);
    assert_int_equal(said.resize, TEC_RESIZE_SQUASH);
    assert_true(said.crop_pct == 0.9);
    assert_int_equal(said.filter, TEC_FILTER_AUTO);
    said = tec_preprocessing_complete(said, tec_preprocessing_mae(tec_size_square(225)));
    assert_int_equal(said.filter, TEC_FILTER_BICUBIC);
    assert_true(said.crop_pct == 0.9);
    assert_true(tec_preprocessing_mae(tec_size_square(224)).crop_pct == 0.875 &&
                tec_preprocessing_mae(tec_size_square(225)).crop_pct == 1);
    assert_true(tec_preprocessing_mae((tec_size){64, 225}).crop_pct == 1);
    char *text = tec_preprocessing_describe((tec_preprocessing){0}, tec_size_square(224));
    assert_string_equal(text, "shorter side resized to 256 pixels (bicubic), central 224 x 224 kept");
    free(text);
    text = tec_preprocessing_describe((tec_preprocessing){.resize = TEC_RESIZE_WHOLE}, (tec_size){24, 40});
    assert_string_equal(text, "images of 24 x 40 (height x width) pixels as they are, others: both sides resized to at "
                              "least 27 x 45 pixels (bicubic), central 24 x 40 (height x width) kept");
    free(text);
    text =
        tec_preprocessing_describe((tec_preprocessing){TEC_RESIZE_SQUASH, 1, TEC_FILTER_BILINEAR}, (tec_size){24, 40});
    assert_string_equal(text, "both sides resized to 24 x 40 pixels (bilinear), central 24 x 40 (height x width) kept");
    free(text);
}

static void test_views_outside_are_refused(void **state)
{
    (void)state;
    static const tec_view outside[] = {{-1, 0, 5, 5, 0}, {0, -1, 5, 5, 0}, {0, 0, 11, 5, 0},        {0, 0, 5, 21, 0},
                                       {6, 0, 5, 5, 0},  {0, 16, 5, 5, 0}, {0, 0, 0, 5, 0},         {0, 0, 5, -2, 0},
                                       {10, 0, 1, 1, 0}, {0, 0, 1, 0, 0},  {2147483647, 0, 5, 5, 0}};
    uint8_t pixels[10 * 20] = {0}, out[64];
    tec_image image = {.height = 10, .width = 20, .channels = 1, .pixels = pixels};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        assert_int_equal(tec_view_render(&image, &outside[i], tec_size_square(8), out), TEC_USER_ERROR);
    tec_view whole = {0, 0, 10, 20, 0};
    assert_int_equal(tec_view_render(&image, &whole, tec_size_square(8), out), TEC_OK);
}

static void test_normalize(void **state)
{
    (void)state;
    enum { SIZE = 5 };
    static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
    uint8_t pixels[SIZE * SIZE * 3];
    real out[3 * SIZE * SIZE];
    for (int i = 0; i < SIZE * SIZE * 3; i++)
        pixels[i] = (uint8_t)(i * 37);
    for (int channels = 1; channels <= 3; channels += 2) {
        tec_pixels_normalize(pixels, tec_size_square(SIZE), channels, mean, std, out);
        for (int c = 0; c < channels; c++)
            for (int i = 0; i < SIZE * SIZE; i++) {
                double want = (pixels[i * channels + c] / 255.0 - mean[c]) / std[c];
                assert_true(fabs((double)out[c * SIZE * SIZE + i] - want) < 1e-6);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drawn_views),
        cmocka_unit_test(test_views_are_spread_as_asked),
        cmocka_unit_test(test_flip_does_not_move_the_crop),
        cmocka_unit_test(test_extreme_images),
        cmocka_unit_test(test_resize_equals_pillow),
        cmocka_unit_test(test_preprocessing_is_completed),
        cmocka_unit_test(test_views_outside_are_refused),
        cmocka_unit_test(test_normalize),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
