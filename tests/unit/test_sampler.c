/* Which images a step works on: every image at most once an epoch, the same for any number of ranks. */
#include "tec/sampler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGES = 103, BATCH = 10, STEPS = IMAGES / BATCH };

/* A rank's part of a batch, appended to `sample` [BATCH]; returns how many. */
static int add_part(tec_sampler *sampler, int64_t step, int rank, int ranks, int64_t *sample, int total)
{
    tec_request request[BATCH];
    int count = tec_sampler_step(sampler, step, rank, ranks, request);
    assert_true(total + count <= BATCH);
    for (int i = 0; i < count; i++) {
        assert_in_range(request[i].sample, 0, IMAGES - 1);
        assert_int_equal(request[i].view, step / STEPS);
        sample[total + i] = request[i].sample;
    }
    return count;
}

static void whole_batch(tec_sampler *sampler, int64_t step, int64_t *sample)
{
    assert_int_equal(add_part(sampler, step, 0, 1, sample, 0), BATCH);
}

static void test_once_per_epoch(void **state)
{
    (void)state;
    tec_sampler sampler;
    assert_int_equal(tec_sampler_create(&sampler, IMAGES, &(tec_recipe){.batch = BATCH, .seed = 7}), TEC_OK);
    assert_int_equal(sampler.steps_per_epoch, STEPS);
    for (int epoch = 0; epoch < 3; epoch++) {
        int times[IMAGES] = {0}, seen = 0;
        for (int step = 0; step < STEPS; step++) {
            int64_t sample[BATCH];
            whole_batch(&sampler, (int64_t)epoch * STEPS + step, sample);
            for (int i = 0; i < BATCH; i++)
                seen += times[sample[i]]++ == 0;
        }
        assert_int_equal(seen, STEPS * BATCH); /* none twice; the rest of 3 images is dropped */
    }
    tec_sampler_free(&sampler);
}

/* Every rank draws the order for itself; the parts, one after the other, are the batch of one rank. */
static void compare_ranks(int ranks)
{
    tec_sampler one, each[16];
    assert_int_equal(tec_sampler_create(&one, IMAGES, &(tec_recipe){.batch = BATCH, .seed = 7}), TEC_OK);
    for (int rank = 0; rank < ranks; rank++)
        assert_int_equal(tec_sampler_create(&each[rank], IMAGES, &(tec_recipe){.batch = BATCH, .seed = 7}), TEC_OK);
    for (int64_t step = 0; step < 2 * STEPS; step++) {
        int64_t want[BATCH], got[BATCH];
        int total = 0;
        whole_batch(&one, step, want);
        for (int rank = 0; rank < ranks; rank++) {
            int count = add_part(&each[rank], step, rank, ranks, got, total);
            assert_in_range(count, BATCH / ranks, (BATCH + ranks - 1) / ranks);
            total += count;
        }
        assert_int_equal(total, BATCH);
        assert_memory_equal(want, got, sizeof want);
    }
    for (int rank = 0; rank < ranks; rank++)
        tec_sampler_free(&each[rank]);
    tec_sampler_free(&one);
}

static void test_ranks(void **state)
{
    (void)state;
    for (int ranks = 1; ranks <= 13; ranks++) /* more than a batch has images, too */
        compare_ranks(ranks);
}

/* A run that is resumed in the middle of an epoch, or goes back, gets the same batches. */
static void test_any_order(void **state)
{
    (void)state;
    tec_sampler forward, other;
    int64_t want[4 * STEPS][BATCH], got[BATCH];
    assert_int_equal(tec_sampler_create(&forward, IMAGES, &(tec_recipe){.batch = BATCH, .seed = 7}), TEC_OK);
    assert_int_equal(tec_sampler_create(&other, IMAGES, &(tec_recipe){.batch = BATCH, .seed = 7}), TEC_OK);
    for (int64_t step = 0; step < 4 * STEPS; step++)
        whole_batch(&forward, step, want[step]);
    for (int64_t step = 4 * STEPS - 1; step >= 0; step -= 3) {
        whole_batch(&other, step, got);
        assert_memory_equal(want[step], got, sizeof got);
    }
    tec_sampler_free(&forward);
    tec_sampler_free(&other);
}

static int places_in_common(const int64_t *a, const int64_t *b)
{
    int common = 0;
    for (int i = 0; i < BATCH; i++)
        common += a[i] == b[i];
    return common;
}

static void test_seed_and_epoch(void **state)
{
    (void)state;
    tec_sampler seven, eight;
    int64_t a[BATCH], b[BATCH];
    assert_int_equal(tec_sampler_create(&seven, IMAGES, &(tec_recipe){.batch = BATCH, .seed = 7}), TEC_OK);
    assert_int_equal(tec_sampler_create(&eight, IMAGES, &(tec_recipe){.batch = BATCH, .seed = 8}), TEC_OK);
    whole_batch(&seven, 0, a);
    whole_batch(&eight, 0, b);
    assert_true(places_in_common(a, b) < BATCH / 2);
    whole_batch(&seven, STEPS, b);
    assert_true(places_in_common(a, b) < BATCH / 2);
    tec_sampler_free(&seven);
    tec_sampler_free(&eight);
}

/* Each image R times in an epoch, each time with another view, its times in one batch where R divides that; neighbours,
 * which are mixed, are different images; ranks share a batch as ever. */
static void test_repeats(void **state)
{
    (void)state;
    enum { REPEATED = 12, R = 3 };
    const tec_recipe recipe = {.batch = REPEATED, .seed = 7, .repeats = R, .together = 2};
    tec_sampler one, two;
    assert_int_equal(tec_sampler_create(&one, IMAGES, &recipe), TEC_OK);
    assert_int_equal(tec_sampler_create(&two, IMAGES, &recipe), TEC_OK);
    assert_int_equal(one.steps_per_epoch, IMAGES / REPEATED); /* as without */
    int times[2][IMAGES] = {{0}}, seen = 0;
    for (int64_t step = 0; step < 2 * one.steps_per_epoch; step++) {
        tec_request all[REPEATED], part[REPEATED];
        const int epoch = (int)(step / one.steps_per_epoch);
        assert_int_equal(tec_sampler_step(&one, step, 0, 1, all), REPEATED);
        for (int i = 0; i < REPEATED; i++) {
            assert_int_equal(all[i].sample, all[i % (REPEATED / R)].sample);
            assert_int_equal(all[i].view, epoch * R + i / (REPEATED / R));
            times[epoch][all[i].sample]++;
            if (i % 2)
                assert_true(all[i].sample != all[i - 1].sample);
        }
        for (int rank = 0, at = 0; rank < 5; rank++) {
            int count = tec_sampler_step(&two, step, rank, 5, part);
            for (int i = 0; i < count; i++, at++) {
                assert_int_equal(part[i].sample, all[at].sample);
                assert_int_equal(part[i].view, all[at].view);
            }
        }
    }
    for (int i = 0; i < IMAGES; i++) {
        assert_true(times[0][i] == 0 || times[0][i] == R);
        seen += times[0][i] > 0 && times[1][i] == 0; /* other images in another epoch */
    }
    assert_true(seen > 0);
    tec_sampler_free(&one);
    tec_sampler_free(&two);
}

/* A batch that is no multiple of R: an image's times are in two batches, and none is lost. */
static void test_repeats_across_batches(void **state)
{
    (void)state;
    tec_sampler sampler;
    int times[IMAGES] = {0}, twice = 0;
    assert_int_equal(tec_sampler_create(&sampler, IMAGES, &(tec_recipe){.batch = 7, .seed = 7, .repeats = 2}), TEC_OK);
    for (int64_t step = 0; step < sampler.steps_per_epoch; step++) {
        tec_request all[7];
        assert_int_equal(tec_sampler_step(&sampler, step, 0, 1, all), 7);
        for (int i = 0; i < 7; i++) {
            assert_int_equal(all[i].view, times[all[i].sample]);
            times[all[i].sample]++;
        }
    }
    for (int i = 0; i < IMAGES; i++)
        twice += times[i] == 2;
    assert_int_equal(twice, IMAGES / 7 * 7 / 2);
    tec_sampler_free(&sampler);
}

static void test_batch_too_large(void **state)
{
    (void)state;
    tec_sampler sampler;
    assert_int_equal(tec_sampler_create(&sampler, 9, &(tec_recipe){.batch = 10, .seed = 7}), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "pretrain.batch is 10"));
    assert_non_null(strstr(tec_error_message(), "9 images"));
    tec_sampler_free(&sampler);
    assert_int_equal(tec_sampler_create(&sampler, 10, &(tec_recipe){.batch = 10, .seed = 7}), TEC_OK);
    assert_int_equal(sampler.steps_per_epoch, 1);
    tec_sampler_free(&sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once_per_epoch), cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_any_order),      cmocka_unit_test(test_seed_and_epoch),
        cmocka_unit_test(test_repeats),        cmocka_unit_test(test_repeats_across_batches),
        cmocka_unit_test(test_batch_too_large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
