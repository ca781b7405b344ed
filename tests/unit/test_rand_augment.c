/* RandAugment and colour jitter: the words, what is drawn, how often, and that it is carried out. */
#include "tec/rand_augment.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const tec_rand_augment usual = {.magnitude = 9, .std = 0.5, .layers = 2, .probability = 0.5};

static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        tec_rand_augment want;
    } good[] = {{"rand-m9-mstd0.5-inc1", {9, 0.5, 2, 0.5}},
                {"rand-inc1", {10, 0, 2, 0.5}},
                {"rand-inc1-n3-p0.75-mstd.25-m0", {0, 0.25, 3, 0.75}}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        tec_rand_augment got;
        assert_int_equal(tec_rand_augment_parse(good[i].words, &got), TEC_OK);
        assert_int_equal(got.magnitude, good[i].want.magnitude);
        assert_int_equal(got.layers, good[i].want.layers);
        assert_true(got.std == good[i].want.std && got.probability == good[i].want.probability);
    }
}

static void test_wrong_words(void **state)
{
    (void)state;
    static const struct {
        const char *words, *message;
    } bad[] = {
        {"", "RandAugment `` must begin with `rand-`; an example is rand-m9-mstd0.5-inc1"},
        {"random-m9-inc1", "RandAugment `random-m9-inc1` must begin with `rand-`; an example is rand-m9-mstd0.5-inc1"},
        {"rand", "RandAugment `rand` needs `-inc1`: only alterations that grow with the magnitude are supported"},
        {"rand-m9-mstd0.5",
         "RandAugment `rand-m9-mstd0.5` needs `-inc1`: only alterations that grow with the magnitude are supported"},
        {"rand-m9-inc0", "RandAugment `rand-m9-inc0`: `inc` must be followed by 1, as only alterations that grow with "
                         "the magnitude are supported, not `0`"},
        {"rand-m11-inc1", "RandAugment `rand-m11-inc1`: `m` must be followed by a whole number from 0 to 10, not `11`"},
        {"rand-m9.5-inc1",
         "RandAugment `rand-m9.5-inc1`: `m` must be followed by a whole number from 0 to 10, not `9.5`"},
        {"rand-m-inc1", "RandAugment `rand-m-inc1`: `m` must be followed by a whole number from 0 to 10, not ``"},
        {"rand-m1e1-inc1",
         "RandAugment `rand-m1e1-inc1`: `m` must be followed by a whole number from 0 to 10, not `1e1`"},
        {"rand-mstd1.2.3-inc1",
         "RandAugment `rand-mstd1.2.3-inc1`: `mstd` must be followed by a number from 0 to 100, not `1.2.3`"},
        {"rand-n9-inc1", "RandAugment `rand-n9-inc1`: `n` must be followed by a whole number from 1 to 8, not `9`"},
        {"rand-p1.01-inc1", "RandAugment `rand-p1.01-inc1`: `p` must be followed by a number from 0 to 1, not `1.01`"},
        {"rand-m9-inc1-m8", "RandAugment `rand-m9-inc1-m8`: `m` is given twice"},
        {"rand-m9-tweights-inc1", "RandAugment `rand-m9-tweights-inc1`: `tweights` is not one of mN, mstdX, nN, pX, "
                                  "inc1; an example is rand-m9-mstd0.5-inc1"},
        {"rand--inc1", "RandAugment `rand--inc1`: `` is not one of mN, mstdX, nN, pX, inc1; an example is "
                       "rand-m9-mstd0.5-inc1"},
        {"rand-M9-inc1", "RandAugment `rand-M9-inc1`: `M9` is not one of mN, mstdX, nN, pX, inc1; an example is "
                         "rand-m9-mstd0.5-inc1"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tec_rand_augment got;
        memcpy(&got, &usual, sizeof got); /* with the bytes between members, which an assignment need not copy */
        assert_int_equal(tec_rand_augment_parse(bad[i].words, &got), TEC_USER_ERROR);
        assert_string_equal(tec_error_message(), bad[i].message);
        assert_memory_equal(&got, &usual, sizeof got);
    }
    char longest[4096];
    memset(longest, '-', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    tec_rand_augment got;
    assert_int_equal(tec_rand_augment_parse(longest, &got), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "is too long; an example is rand-m9-mstd0.5-inc1"));
}

static void assert_steps(const tec_alter_step *got, const tec_alter_step *want, int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(got[i].what, want[i].what);
        assert_true(fabs(got[i].argument - want[i].argument) < 1e-12);
    }
}

/* Computed by another program from the definitions. Runs are resumed and repeated by these numbers: they must not
 * change. */
static void test_drawn_steps(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed;
        int64_t image;
        int view;
        tec_size size;
        int count;
        double probability;
        tec_alter_step want[2];
    } known[] = {
        {0, 0, 0, {224, 224}, 2, 0.5, {{TEC_ALTER_SOLARIZE, 27}, {TEC_ALTER_SOLARIZE_ADD, 96}}},
        {7, 123456, 3, {224, 224}, 2, 0.5, {{TEC_ALTER_SHARPNESS, 1.802485638013548}, {TEC_ALTER_SOLARIZE_ADD, 97}}},
        {1099511627781, 9, 250, {28, 28}, 0, 0.5, {{0, 0}}},
        {1099511627781, 9, 250, {28, 28}, 2, 1, {{TEC_ALTER_BRIGHTNESS, 1.7562730254498589}, {TEC_ALTER_POSTERIZE, 1}}},
        {3, 1300000, 1, {64, 64}, 1, 0.5, {{TEC_ALTER_EQUALIZE, 0}}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        tec_rand_augment how = usual;
        how.probability = known[i].probability;
        tec_alter_step got[TEC_RAND_AUGMENT_LAYERS];
        assert_int_equal(tec_rand_augment_draw(&how, known[i].seed, known[i].image, known[i].view, known[i].size, got),
                         known[i].count);
        assert_steps(got, known[i].want, known[i].count);
    }
    static const tec_alter_step jitter[3] = {{TEC_ALTER_COLOR, 0.6149469574532641},
                                             {TEC_ALTER_BRIGHTNESS, 0.8153847189870675},
                                             {TEC_ALTER_CONTRAST, 1.3809196163925987}};
    tec_alter_step got[3];
    assert_int_equal(tec_color_jitter_draw(0.4, 7, 123456, 3, got), 3);
    assert_steps(got, jitter, 3);
}

/* The least and the greatest argument of each alteration at magnitude 10, and at 0, from timm's tables. */
static void test_arguments_at_the_ends(void **state)
{
    (void)state;
    static const struct {
        double greatest[2], least;
    } want[TEC_ALTERATIONS] = {
        [TEC_ALTER_ROTATE] = {{-30, 30}, 0},      [TEC_ALTER_POSTERIZE] = {{0, 0}, 4},
        [TEC_ALTER_SOLARIZE] = {{0, 0}, 256},     [TEC_ALTER_SOLARIZE_ADD] = {{110, 110}, 0},
        [TEC_ALTER_COLOR] = {{0.1, 1.9}, 1},      [TEC_ALTER_CONTRAST] = {{0.1, 1.9}, 1},
        [TEC_ALTER_BRIGHTNESS] = {{0.1, 1.9}, 1}, [TEC_ALTER_SHARPNESS] = {{0.1, 1.9}, 1},
        [TEC_ALTER_SHEAR_X] = {{-0.3, 0.3}, 0},   [TEC_ALTER_SHEAR_Y] = {{-0.3, 0.3}, 0},
        [TEC_ALTER_TRANSLATE_X] = {{-45, 45}, 0}, [TEC_ALTER_TRANSLATE_Y] = {{-90, 90}, 0},
    };
    tec_rand_augment how = {.layers = 1, .probability = 1};
    int signs[TEC_ALTERATIONS] = {0};
    for (int image = 0; image < 600; image++)
        for (how.magnitude = 0; how.magnitude <= 10; how.magnitude += 10) {
            tec_alter_step s;
            assert_int_equal(tec_rand_augment_draw(&how, 1, image, 0, (tec_size){200, 100}, &s), 1);
            const double *ends = want[s.what].greatest;
            bool low = fabs(s.argument - ends[0]) < 1e-12, high = fabs(s.argument - ends[1]) < 1e-12;
            assert_true(how.magnitude ? low || high : s.argument == want[s.what].least);
            if (how.magnitude)
                signs[s.what] |= low + 2 * high;
        }
    for (int what = 0; what < TEC_ALTERATIONS; what++)
        assert_int_equal(signs[what], 3);
}

static void test_frequencies(void **state)
{
    (void)state;
    enum { DRAWS = 30000 };
    double kinds[TEC_ALTERATIONS] = {0}, counts[3] = {0}, angle = 0, square = 0;
    for (int i = 0; i < DRAWS; i++) {
        tec_alter_step steps[TEC_RAND_AUGMENT_LAYERS];
        int count = tec_rand_augment_draw(&usual, 2, i, 5, tec_size_square(224), steps);
        counts[count] += 1.0 / DRAWS;
        for (int s = 0; s < count; s++) {
            kinds[steps[s].what] += 1.0 / DRAWS;
            if (steps[s].what == TEC_ALTER_ROTATE) {
                assert_true(fabs(steps[s].argument) < 30 + 1e-12);
                angle += fabs(steps[s].argument);
                square += steps[s].argument * steps[s].argument;
            }
        }
    }
    assert_true(fabs(counts[0] - 0.25) < 0.01 && fabs(counts[1] - 0.5) < 0.01 && fabs(counts[2] - 0.25) < 0.01);
    for (int what = 0; what < TEC_ALTERATIONS; what++)
        assert_true(fabs(kinds[what] - 1.0 / 15) < 0.006);
    /* Mean and deviation of 3 min(10, normal(9, 0.5)), from the integral. */
    double rotated = kinds[TEC_ALTER_ROTATE] * DRAWS, mean = angle / rotated;
    assert_true(fabs(mean - 26.987) < 0.15);
    assert_true(fabs(sqrt(square / rotated - mean * mean) - 1.470) < 0.12);
}

static void fill_picture(uint8_t *pixels, int count)
{
    for (int i = 0; i < count; i++)
        pixels[i] = (uint8_t)(i * 37 + i / 50);
}

/* What `apply` does is what `draw` says, with the normalisation's mean from outside. */
static void test_applied(void **state)
{
    (void)state;
    enum { HEIGHT = 24, WIDTH = 16 };
    static const double mean[3] = {0.485, 0.456, 0.406};
    static const uint8_t fill[3] = {124, 116, 104};
    tec_rand_augment how = {.magnitude = 9, .std = 0.5, .layers = 3, .probability = 0.8};
    for (int image = 0; image < 100; image++) {
        uint8_t pixels[2][HEIGHT * WIDTH * 3];
        int channels = image % 2 ? 1 : 3;
        tec_image got = {.height = HEIGHT, .width = WIDTH, .channels = channels, .pixels = pixels[0]}, want = got;
        want.pixels = pixels[1];
        fill_picture(pixels[0], HEIGHT * WIDTH * 3);
        fill_picture(pixels[1], HEIGHT * WIDTH * 3);
        tec_alter_step steps[TEC_RAND_AUGMENT_LAYERS];
        int count = tec_rand_augment_draw(&how, 4, image, 1, (tec_size){HEIGHT, WIDTH}, steps);
        for (int i = 0; i < count; i++)
            tec_picture_alter(&want, steps[i].what, steps[i].argument, fill);
        tec_rand_augment_apply(&how, 4, image, 1, mean, &got);
        assert_memory_equal(pixels[0], pixels[1], sizeof pixels[0]);
        count = tec_color_jitter_draw(0.4, 4, image, 1, steps);
        for (int i = 0; i < count; i++)
            tec_picture_alter(&want, steps[i].what, steps[i].argument, NULL);
        tec_color_jitter_apply(0.4, 4, image, 1, &got);
        assert_memory_equal(pixels[0], pixels[1], sizeof pixels[0]);
    }
}

static void test_jitter_is_spread(void **state)
{
    (void)state;
    enum { DRAWS = 6000 };
    double first[TEC_ALTERATIONS] = {0}, sum = 0, least = 9, most = 0;
    for (int i = 0; i < DRAWS; i++) {
        tec_alter_step s[3];
        tec_color_jitter_draw(0.4, 3, i, 0, s);
        assert_true(s[0].what != s[1].what && s[1].what != s[2].what && s[0].what != s[2].what);
        first[s[0].what] += 1.0 / DRAWS;
        for (int k = 0; k < 3; k++) {
            sum += s[k].argument / (3 * DRAWS);
            least = fmin(least, s[k].argument);
            most = fmax(most, s[k].argument);
        }
        tec_color_jitter_draw(1.5, 3, i, 0, s);
        assert_true(s[0].argument >= 0 && s[0].argument <= 2.5);
    }
    assert_true(fabs(first[TEC_ALTER_BRIGHTNESS] - 1.0 / 3) < 0.03 && fabs(first[TEC_ALTER_COLOR] - 1.0 / 3) < 0.03);
    assert_true(fabs(sum - 1) < 0.01 && least >= 0.6 && least < 0.601 && most < 1.4 && most > 1.399);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_wrong_words),
        cmocka_unit_test(test_drawn_steps),
        cmocka_unit_test(test_arguments_at_the_ends),
        cmocka_unit_test(test_frequencies),
        cmocka_unit_test(test_applied),
        cmocka_unit_test(test_jitter_is_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
