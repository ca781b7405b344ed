/* What fine-tuning makes of images: stochastic depth by image and epoch, smoothed labels, mixing in pairs. */
#include "folder.h"

#include "tec/files.h"
#include "tec/finetuning.h"
#include "tec/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SAMPLES = 6, CLASSES = 3, SIZE = 8, PIXELS = SIZE * SIZE, DEPTH = 4, ATTACHED = 2 * DEPTH + CLASSES };

static char directory[256];
static tec_dataset *set;

static const tec_finetuning plain = {.model = {.kind = TEC_MODEL_CLASSIFIER,
                                               .image_size = {SIZE, SIZE},
                                               .patch = 4,
                                               .channels = 1,
                                               .width = 8,
                                               .depth = DEPTH,
                                               .heads = 2,
                                               .mlp_ratio = 2,
                                               .classes = CLASSES},
                                     .view = {.size = {SIZE, SIZE}, .channels = 1, .seed = 7},
                                     .smoothing = 0.3};

static void write_in_folder(const char *name, const uint8_t *data, size_t bytes)
{
    char *path = tec_path_join(directory, name);
    assert_int_equal(tec_file_write(path, data, bytes), TEC_OK);
    free(path);
}

/* Image i has label i mod 3. */
static int make_set(void **state)
{
    (void)state;
    uint8_t images[16 + SAMPLES * PIXELS] = {0, 0, 8, 3, 0, 0, 0, SAMPLES, 0, 0, 0, SIZE, 0, 0, 0, SIZE};
    uint8_t labels[8 + SAMPLES] = {0, 0, 8, 1, 0, 0, 0, SAMPLES};
    char *list, *path;
    size_t bytes;
    if (!folder_make(directory, sizeof directory))
        return -1;
    for (int i = 0; i < SAMPLES; i++)
        labels[8 + i] = (uint8_t)(i % CLASSES);
    write_in_folder("images-idx3-ubyte", images, sizeof images);
    write_in_folder("labels-idx1-ubyte", labels, sizeof labels);
    path = tec_path_join(directory, "images-idx3-ubyte");
    assert_int_equal(tec_dataset_scan(path, TEC_LABELS_AUTO, &list, &bytes), TEC_OK);
    assert_int_equal(tec_dataset_open(&set, list, bytes, 1, 0), TEC_OK);
    free(list);
    free(path);
    return 0;
}

static int remove_set(void **state)
{
    (void)state;
    tec_dataset_close(set);
    return folder_remove(directory);
}

/* A chunk as a feed delivers it: image i of it has the value 1 + its sample in all pixels. */
typedef struct chunk {
    tec_feed_item item[SAMPLES];
    real image[SAMPLES][PIXELS], attached[SAMPLES][ATTACHED];
    tec_example example[SAMPLES];
    tec_feed_batch batch;
} chunk;

static void add_image(chunk *c, const tec_task *task, int index, int64_t sample)
{
    const int i = c->batch.count++;
    c->item[i] =
        (tec_feed_item){.sample = sample, .view = 2, .index = index, .image = c->image[i], .attached = c->attached[i]};
    for (int p = 0; p < PIXELS; p++)
        c->image[i][p] = (real)(1 + sample);
    assert_int_equal(task->attach(task->own, 0, &c->item[i]), TEC_OK);
    c->batch.item = c->item;
}

static void make_examples(chunk *c, const tec_task *task, int64_t step)
{
    task->examples(task->own, step, &c->batch, c->example);
}

static double sum(const real *x, int n)
{
    double total = 0;
    for (int i = 0; i < n; i++)
        total += x[i];
    return total;
}

static void test_smoothed_labels(void **state)
{
    (void)state;
    tec_task task = tec_task_finetuning(&plain, set, NULL);
    chunk c = {0};
    assert_false(tec_mix_is_on(&plain.mix));
    for (int i = 0; i < SAMPLES; i++)
        add_image(&c, &task, i, i);
    make_examples(&c, &task, 0);
    for (int i = 0; i < SAMPLES; i++) {
        assert_null(c.example[i].keep);
        assert_ptr_equal(c.example[i].image, c.image[i]);
        for (int k = 0; k < CLASSES; k++)
            assert_true(fabs(c.example[i].wanted[k] - (k == i % CLASSES ? 0.8 : 0.1)) < 1e-6);
    }
    tec_task_free(&task);
}

/* A branch of block i is left out with probability 0.6 i / 3, and scaled up otherwise; by image and epoch alone. */
static void test_stochastic_depth(void **state)
{
    (void)state;
    enum { EPOCHS = 3000 };
    tec_finetuning f = plain;
    f.drop_path = 0.6;
    tec_task task = tec_task_finetuning(&f, set, NULL);
    int dropped[2 * DEPTH] = {0};
    real keep[ATTACHED], again[ATTACHED];
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        tec_feed_item item = {.sample = 4, .view = epoch, .attached = keep};
        assert_int_equal(task.attach(task.own, 0, &item), TEC_OK);
        item.attached = again;
        assert_int_equal(task.attach(task.own, 1, &item), TEC_OK);
        assert_memory_equal(keep, again, 2 * DEPTH * sizeof *keep);
        for (int i = 0; i < 2 * DEPTH; i++) {
            assert_true(keep[i] == 0 || fabs(keep[i] * (1 - 0.2 * (i / 2)) - 1) < 1e-6);
            dropped[i] += keep[i] == 0;
        }
    }
    for (int i = 0; i < 2 * DEPTH; i++)
        assert_true(fabs(dropped[i] / (double)EPOCHS - 0.2 * (i / 2)) < 0.04);
    tec_task_free(&task);
}

static tec_finetuning mixing(void)
{
    tec_finetuning f = plain;
    f.mix = (tec_mix_settings){.mixup = 1, .probability = 1, .switching = 0.5};
    return f;
}

/* What one gives, its partner takes, of pixels and of labels. */
static void test_pairs_are_mixed(void **state)
{
    (void)state;
    const tec_finetuning f = mixing();
    tec_task task = tec_task_finetuning(&f, set, NULL);
    chunk whole = {0}, first = {0}, second = {0};
    assert_true(tec_mix_is_on(&f.mix));
    for (int i = 0; i < 4; i++) {
        add_image(&whole, &task, i, i);
        add_image(i < 2 ? &first : &second, &task, i % 2, i);
    }
    make_examples(&whole, &task, 5);
    make_examples(&first, &task, 5);
    make_examples(&second, &task, 5);
    const double lambda = 2 - whole.image[0][0]; /* lambda 1 + (1 - lambda) 2 */
    assert_true(lambda > 0.001 && lambda < 0.999);
    for (int i = 0; i < 4; i++) {
        const int other = i ^ 1;
        assert_true(fabs(whole.image[i][3] - (lambda * (1 + i) + (1 - lambda) * (1 + other))) < 1e-5);
        assert_true(fabs(whole.example[i].wanted[i % CLASSES] - (0.1 + 0.7 * lambda)) < 1e-5);
        assert_true(fabs(whole.example[i].wanted[other % CLASSES] - (0.1 + 0.7 * (1 - lambda))) < 1e-5);
        assert_true(fabs(sum(whole.example[i].wanted, CLASSES) - 1) < 1e-6);
        const chunk *part = i < 2 ? &first : &second; /* where chunks end makes no difference */
        assert_memory_equal(part->image[i % 2], whole.image[i], sizeof whole.image[i]);
        assert_memory_equal(part->example[i % 2].wanted, whole.example[i].wanted, CLASSES * sizeof(real));
    }
    make_examples(&first, &task, 6);
    tec_task_free(&task);
}

/* All views of an epoch are mixed alike, wherever a chunk begins: with 3 of an image in an epoch, views 6 to 8 are epoch 2. */
static void test_mixing_of_repeats(void **state)
{
    (void)state;
    tec_finetuning f = mixing();
    tec_task once = tec_task_finetuning(&f, set, NULL);
    f.repeats = 3;
    tec_task thrice = tec_task_finetuning(&f, set, NULL);
    chunk want = {0}, got[4] = {0};
    for (int i = 0; i < 2; i++)
        add_image(&want, &once, i, i);
    make_examples(&want, &once, 5);
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < 2; i++) {
            add_image(&got[k], &thrice, i, i);
            got[k].item[i].view = 6 + k; /* 9: of the next epoch */
        }
        make_examples(&got[k], &thrice, 5);
        bool same = memcmp(got[k].image[0], want.image[0], sizeof want.image[0]) == 0;
        assert_int_equal(same, k < 3);
    }
    tec_task_free(&once);
    tec_task_free(&thrice);
}

/* One without a partner, at the end of an odd batch or because that cannot be read, stays as it is. */
static void test_without_a_partner(void **state)
{
    (void)state;
    const tec_finetuning f = mixing();
    tec_task task = tec_task_finetuning(&f, set, NULL);
    chunk c = {0};
    add_image(&c, &task, 1, 1); /* 0 could not be read */
    add_image(&c, &task, 2, 2); /* 3 could not */
    add_image(&c, &task, 4, 4);
    add_image(&c, &task, 5, 5);
    add_image(&c, &task, 6, 0); /* the last one */
    make_examples(&c, &task, 5);
    static const bool alone[] = {true, true, false, false, true};
    for (int i = 0; i < c.batch.count; i++) {
        const int64_t sample = c.item[i].sample;
        assert_int_equal(c.image[i][0] == (real)(1 + sample), alone[i]);
        assert_int_equal(fabs(c.example[i].wanted[sample % CLASSES] - 0.8) < 1e-6, alone[i]);
    }
    tec_task_free(&task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smoothed_labels),   cmocka_unit_test(test_stochastic_depth),
        cmocka_unit_test(test_pairs_are_mixed),   cmocka_unit_test(test_mixing_of_repeats),
        cmocka_unit_test(test_without_a_partner),
    };
    return cmocka_run_group_tests(tests, make_set, remove_set);
}
