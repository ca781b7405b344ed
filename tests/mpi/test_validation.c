/* A validation set spread over any number of ranks: mpirun -n N test_validation compares N ranks with one, with a short last
 * batch and with fewer batches than ranks; and one rank that is to stop ends all of them. */
#include "tests/unit/folder.h"
#include "tests/unit/tiny_model.h"

#include "tec/files.h"
#include "tec/philox.h"
#include "tec/skipped.h"
#include "tec/validation.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGES = 53, SIZE = 8, CLASSES = 3, BATCH = 4 };

static tec_comm comm, alone;
static char directory[256];
static tec_dataset *set;
static tec_model *model;

static const tec_model_config config = {.kind = TEC_MODEL_CLASSIFIER,
                                        .image_size = {SIZE, SIZE},
                                        .patch = 4,
                                        .channels = 1,
                                        .width = 8,
                                        .depth = 2,
                                        .heads = 2,
                                        .mlp_ratio = 2,
                                        .classes = CLASSES};

static void write_file(const char *name, const uint8_t *data, size_t bytes)
{
    char *path = tec_path_join(directory, name);
    assert_int_equal(tec_file_write(path, data, bytes), TEC_OK);
    free(path);
}

static void write_set(void)
{
    uint8_t images[16 + IMAGES * SIZE * SIZE] = {0, 0, 8, 3, 0, 0, 0, IMAGES, 0, 0, 0, SIZE, 0, 0, 0, SIZE};
    uint8_t labels[8 + IMAGES] = {0, 0, 8, 1, 0, 0, 0, IMAGES};
    tec_philox random = tec_philox_start(1, TEC_STREAM_TEST, 0, 0, 0);
    for (size_t i = 16; i < sizeof images; i++)
        images[i] = (uint8_t)tec_philox_below(&random, 256);
    for (int i = 0; i < IMAGES; i++)
        labels[8 + i] = (uint8_t)(i % CLASSES);
    write_file("images-idx3-ubyte", images, sizeof images);
    write_file("labels-idx1-ubyte", labels, sizeof labels);
}

/* Rank 0 makes the files, all ranks open them. */
static int open_inputs(void **state)
{
    (void)state;
    char *list, *path;
    size_t bytes;
    if (comm.rank == 0)
        assert_true(folder_make(directory, sizeof directory));
    tec_comm_broadcast(&comm, directory, sizeof directory, 0);
    if (comm.rank == 0)
        write_set();
    tec_comm_barrier(&comm);
    path = tec_path_join(directory, "images-idx3-ubyte");
    assert_int_equal(tec_dataset_scan(path, TEC_LABELS_AUTO, &list, &bytes), TEC_OK);
    assert_int_equal(tec_dataset_open(&set, list, bytes, 1, 0), TEC_OK);
    free(list);
    free(path);
    assert_int_equal(tec_model_create(&model, &config, BATCH, tec_model_patches(&config), 0), TEC_OK);
    tiny_weights(tec_model_params(model));
    return 0;
}

static int remove_inputs(void **state)
{
    (void)state;
    tec_model_free(model);
    tec_dataset_close(set);
    tec_comm_barrier(&comm);
    return comm.rank == 0 ? folder_remove(directory) : 0;
}

static tec_validation validate(const tec_comm *on, int batch, bool exact, tec_validation_stop *stop,
                               const void *context)
{
    tec_validation out;
    tec_skipped skipped = {0};
    const tec_validation_settings settings = {.set = set,
                                              .view = {.policy = TEC_VIEW_CENTER,
                                                       .size = {SIZE, SIZE},
                                                       .channels = 1,
                                                       .normalisation = {.mean = {0.5}, .std = {0.25}}},
                                              .reading = {.workers = 2, .prefetch = 1},
                                              .exact = exact,
                                              .stop = stop,
                                              .stop_context = context};
    assert_int_equal(tec_validate(on, model, batch, &settings, &skipped, &out), TEC_OK);
    tec_skipped_free(&skipped);
    return out;
}

static void test_every_image_once(void **state)
{
    (void)state;
    for (int batch = 1; batch <= BATCH; batch++) {
        tec_validation one = validate(&alone, batch, false, NULL, NULL),
                       all = validate(&comm, batch, false, NULL, NULL);
        assert_false(all.stopped);
        assert_int_equal(all.images, IMAGES);
        assert_int_equal(all.top1, one.top1);
        assert_int_equal(all.top5, IMAGES);
        assert_true(all.top1 > 0 && all.top1 < IMAGES);
        assert_true(fabs(all.loss - one.loss) < 1e-6);
        assert_memory_equal(all.confusion, one.confusion, CLASSES * CLASSES * sizeof *all.confusion);
        for (int c = 0; c < CLASSES; c++) {
            int64_t row = 0;
            for (int i = 0; i < CLASSES; i++)
                row += all.confusion[c * CLASSES + i];
            assert_int_equal(row, (IMAGES - c + CLASSES - 1) / CLASSES);
            assert_int_equal(all.of_class[2 * c], row);
            assert_int_equal(all.of_class[2 * c + 1], all.confusion[c * CLASSES + c]);
        }
        tec_validation_free(&one);
        tec_validation_free(&all);
    }
}

static void test_exact_loss(void **state)
{
    (void)state;
    for (int batch = 1; batch <= BATCH; batch++) {
        tec_validation plain = validate(&alone, batch, false, NULL, NULL),
                       one = validate(&alone, batch, true, NULL, NULL), all = validate(&comm, batch, true, NULL, NULL);
        assert_int_equal(all.images, IMAGES);
        assert_true(fabs(one.loss - plain.loss) < 1e-8);
        assert_memory_equal(&all.loss, &one.loss, sizeof all.loss);
        assert_memory_equal(all.confusion, one.confusion, CLASSES * CLASSES * sizeof *all.confusion);
        tec_validation_free(&plain);
        tec_validation_free(&one);
        tec_validation_free(&all);
    }
}

/* tec_validation_stop: on one rank, when it is asked for the so many-th time. */
typedef struct stopping {
    int rank;
    int *asked, at;
} stopping;

static bool stop_once(const void *context)
{
    const stopping *s = context;
    return ++*s->asked == s->at && comm.rank == s->rank;
}

static void test_one_rank_stops_all(void **state)
{
    (void)state;
    for (int rank = 0; rank < comm.size; rank++) {
        int asked = 0;
        const stopping first = {.rank = rank, .asked = &asked, .at = 1};
        tec_validation v = validate(&comm, 1, false, stop_once, &first);
        assert_true(v.stopped);
        assert_int_equal(asked, 1);
        tec_validation_free(&v);
    }
}

int main(void)
{
    tec_comm_start(&comm);
    tec_comm_local(&alone);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_image_once),
        cmocka_unit_test(test_exact_loss),
        cmocka_unit_test(test_one_rank_stops_all),
    };
    int failed = cmocka_run_group_tests(tests, open_inputs, remove_inputs);
    tec_comm_finish(&comm);
    return failed;
}
