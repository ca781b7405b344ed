/* How a step is divided among ranks, into chunks and micro-batches. */
#include "tec/recipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const tec_model_config model = {
    .kind = TEC_MODEL_MAE, .image_size = {32, 32}, .patch = 4, .channels = 3, .width = 192, .depth = 12, .heads = 3};

static tec_step_shape shape_of(int batch, int micro_batch, int inputs, int rank, int ranks)
{
    const tec_recipe recipe = {.batch = batch, .micro_batch = micro_batch};
    return tec_step_shape_of(&recipe, &model, inputs, rank, ranks);
}

/* Every image is somebody's, and chunks and micro-batches are the same on all ranks. */
static void test_ranks(void **state)
{
    (void)state;
    for (int batch = 1; batch <= 20; batch++)
        for (int ranks = 1; ranks <= 6; ranks++)
            for (int micro_batch = 0; micro_batch <= 7; micro_batch++)
                for (int inputs = 1; inputs <= 3; inputs++) {
                    int images = 0;
                    for (int rank = 0; rank < ranks; rank++) {
                        tec_step_shape first = shape_of(batch, micro_batch, inputs, 0, ranks);
                        tec_step_shape shape = shape_of(batch, micro_batch, inputs, rank, ranks);
                        assert_int_equal(shape.most, first.images);
                        assert_in_range(shape.images, first.images - 1, first.images);
                        assert_int_equal(shape.chunk, first.chunk);
                        assert_int_equal(shape.micro_batch, first.micro_batch);
                        assert_in_range(shape.chunk, 1, shape.most);
                        assert_in_range(shape.micro_batch, 1, shape.chunk * inputs);
                        if (micro_batch)
                            assert_in_range(shape.micro_batch, 1, micro_batch);
                        images += shape.images;
                    }
                    assert_int_equal(images, batch);
                }
}

static void test_micro_batches(void **state)
{
    (void)state;
    tec_step_shape shape = shape_of(64, 10, 1, 0, 2);
    assert_int_equal(shape.images, 32);
    assert_int_equal(shape.chunk, 10);
    assert_int_equal(shape.micro_batch, 10);
    shape = shape_of(64, 10, 3, 0, 2); /* three images make nine inputs */
    assert_int_equal(shape.chunk, 3);
    assert_int_equal(shape.micro_batch, 9);
    shape = shape_of(64, 2, 3, 0, 2); /* an image in several micro-batches */
    assert_int_equal(shape.chunk, 1);
    assert_int_equal(shape.micro_batch, 2);
    shape = shape_of(3, 0, 1, 1, 2); /* chosen: no more than there is */
    assert_int_equal(shape.images, 1);
    assert_int_equal(shape.chunk, 2);
}

static void test_visible(void **state)
{
    (void)state;
    assert_int_equal(tec_step_visible(&model, 0.75), 16);
    assert_int_equal(tec_step_visible(&model, 0.5), 32);
    assert_int_equal(tec_step_visible(&model, 0.6), 25); /* as MAE: int(64 * 0.4) */
}

/* Pairs are never divided between ranks or chunks, and every image is somebody's, in order. */
static void test_pairs(void **state)
{
    (void)state;
    for (int batch = 1; batch <= 21; batch++)
        for (int ranks = 1; ranks <= 6; ranks++)
            for (int micro_batch = 0; micro_batch <= 7; micro_batch++) {
                const tec_recipe recipe = {.batch = batch, .micro_batch = micro_batch, .together = 2};
                int64_t next = 0;
                for (int rank = 0; rank < ranks; rank++) {
                    tec_range mine = tec_step_share(&recipe, rank, ranks);
                    tec_step_shape shape = tec_step_shape_of(&recipe, &model, 1, rank, ranks);
                    assert_true(mine.first == next && mine.count == shape.images && shape.images <= shape.most);
                    assert_true(mine.first % 2 == 0 || mine.count == 0);
                    assert_true(shape.chunk % 2 == 0 || shape.chunk == shape.most);
                    assert_true(shape.chunk >= 1 && shape.micro_batch >= 1 && shape.micro_batch <= shape.chunk);
                    next += mine.count;
                }
                assert_int_equal(next, batch);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ranks), cmocka_unit_test(test_micro_batches),
                                       cmocka_unit_test(test_visible), cmocka_unit_test(test_pairs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
