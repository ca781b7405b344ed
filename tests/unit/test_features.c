/* Features of small data sets made on the spot: pixels, where every value is known, and a model, against calling it
 * directly. */
#include "folder.h"

#include "src/eval/features_begin.h"
#include "tec/augment.h"
#include "tec/features.h"
#include "tec/files.h"
#include "tec/log.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define IMAGES 11
#define SIDE 8

static tec_comm comm;
static char top[256];

static char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", top, name);
    return path;
}

static void put(const char *name, const void *data, size_t bytes)
{
    assert_int_equal(tec_file_write(path_of(name), data, bytes), TEC_OK);
}

static uint8_t pixel(int image, int at)
{
    return (uint8_t)(image * 37 + at * 11 + at * at);
}

static void put_idx(void)
{
    uint8_t images[16 + IMAGES * SIDE * SIDE] = {0, 0, 8, 3, 0, 0, 0, IMAGES, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
    uint8_t labels[8 + IMAGES] = {0, 0, 8, 1, 0, 0, 0, IMAGES};
    for (int i = 0; i < IMAGES; i++) {
        labels[8 + i] = (uint8_t)(i % 3);
        for (int at = 0; at < SIDE * SIDE; at++)
            images[16 + i * SIDE * SIDE + at] = pixel(i, at);
    }
    put("a-images-idx3-ubyte", images, sizeof images);
    put("a-labels-idx1-ubyte", labels, sizeof labels);
}

/* Two classes of grey PNG files of one pixel; the first file of each is no image. */
static void put_folder(void)
{
    static const uint8_t grey[] = {0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48,
                                   0x44, 0x52, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00,
                                   0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78,
                                   0xda, 0x63, 0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81, 0xda, 0x45, 0x08, 0x3b, 0x00,
                                   0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82}; /* 128 */
    static const char *const name[] = {"set/a/1.png", "set/a/2.png", "set/a/3.png", "set/b/1.png", "set/b/2.png"};
    mkdir(path_of("set"), 0777);
    mkdir(path_of("set/a"), 0777);
    mkdir(path_of("set/b"), 0777);
    for (int i = 0; i < 5; i++)
        put(name[i], grey, i == 0 || i == 3 ? 20 : sizeof grey);
}

static int set_up(void **state)
{
    (void)state;
    if (!folder_make(top, sizeof top))
        return 1;
    put_idx();
    put_folder();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const file[] = {"a-images-idx3-ubyte",
                                       "a-labels-idx1-ubyte",
                                       "set/a/1.png",
                                       "set/a/2.png",
                                       "set/a/3.png",
                                       "set/b/1.png",
                                       "set/b/2.png",
                                       "set/a",
                                       "set/b",
                                       "set",
                                       ""};
    for (size_t i = 0; i < sizeof file / sizeof file[0]; i++)
        remove(path_of(file[i]));
    return 0;
}

static tec_features_settings settings_for(int side, int batch)
{
    return (tec_features_settings){.image_size = {side, side},
                                   .channels = 1,
                                   .normalisation = {.mean = {0.25}, .std = {0.5}},
                                   .preprocessing = {.resize = TEC_RESIZE_WHOLE},
                                   .reading = {.workers = 3, .prefetch = 2},
                                   .batch = batch,
                                   .tap = {.pooling = TEC_POOL_MEAN},
                                   .model = "m.h5"};
}

static tec_dataset *open_set(const char *name)
{
    char *list = NULL;
    size_t bytes = 0;
    tec_dataset *set = NULL;
    assert_int_equal(tec_dataset_scan(path_of(name), TEC_LABELS_AUTO, &list, &bytes), TEC_OK);
    assert_int_equal(tec_dataset_open(&set, list, bytes, 1, 0), TEC_OK);
    free(list);
    return set;
}

static void test_pixels(void **state)
{
    (void)state;
    tec_features_settings settings = settings_for(SIDE, 4);
    tec_dataset *set = open_set("a-images-idx3-ubyte");
    tec_features f;
    assert_int_equal(tec_features_compute(&comm, &settings, set, NULL, "test", &f), TEC_OK);
    assert_int_equal(f.total, IMAGES);
    assert_int_equal(f.count, IMAGES);
    assert_int_equal(f.first, 0);
    assert_int_equal(f.skipped, 0);
    assert_int_equal(f.width, SIDE * SIDE);
    assert_int_equal(f.classes, 3);
    for (int i = 0; i < IMAGES; i++) {
        assert_int_equal(f.label[i], i % 3);
        for (int at = 0; at < SIDE * SIDE; at++)
            assert_true(fabs(f.value[i * SIDE * SIDE + at] - pixel(i, at) / 255.0) < 1e-6);
    }
    tec_features_free(&f);
    tec_dataset_close(set);
}

static const tec_model_config tiny = {.kind = TEC_MODEL_VIT,
                                      .image_size = {SIDE, SIDE},
                                      .patch = 4,
                                      .channels = 1,
                                      .width = 16,
                                      .depth = 2,
                                      .heads = 2,
                                      .mlp_ratio = 2};

static tec_frozen *open_tiny(int batch)
{
    tec_frozen *frozen = NULL;
    assert_int_equal(tec_frozen_create(&frozen, &tiny, batch), TEC_OK);
    tec_params_initialize(tec_frozen_params(frozen), 1);
    tec_frozen_ready(frozen);
    return frozen;
}

/* One image at a time through the model, normalised by hand. */
static void test_model(void **state)
{
    (void)state;
    tec_features_settings settings = settings_for(SIDE, 4);
    tec_dataset *set = open_set("a-images-idx3-ubyte");
    tec_frozen *frozen = open_tiny(4);
    tec_features f;
    assert_int_equal(tec_features_compute(&comm, &settings, set, frozen, "test", &f), TEC_OK);
    assert_int_equal(f.width, 16);
    for (int i = 0; i < IMAGES; i++) {
        real image[SIDE * SIDE], want[16];
        for (int at = 0; at < SIDE * SIDE; at++)
            image[at] = (real)((pixel(i, at) / 255.0 - 0.25) / 0.5);
        tec_frozen_features(frozen, image, 1, TEC_POOL_MEAN, want);
        for (int j = 0; j < 16; j++)
            assert_true(fabs(f.value[i * 16 + j] - want[j]) < 1e-5);
    }
    tec_features_free(&f);
    tec_frozen_close(frozen);
    tec_dataset_close(set);
}

static void test_not_finite(void **state)
{
    (void)state;
    tec_features_settings settings = settings_for(SIDE, 4);
    tec_dataset *set = open_set("a-images-idx3-ubyte");
    tec_frozen *frozen = open_tiny(4);
    for (size_t i = 0; i < tec_frozen_params(frozen)->total; i++)
        tec_frozen_params(frozen)->weight[i] = (real)NAN;
    tec_features f;
    assert_int_equal(tec_features_compute(&comm, &settings, set, frozen, "test", &f), TEC_USER_ERROR);
    assert_string_equal(tec_error_message(), "m.h5: features of the test images are not finite");
    tec_features_free(&f);
    tec_frozen_close(frozen);
    tec_dataset_close(set);
}

static void test_bad_images(void **state)
{
    (void)state;
    tec_features_settings settings = settings_for(1, 2);
    tec_dataset *set = open_set("set");
    tec_features f;
    assert_int_equal(tec_features_compute(&comm, &settings, set, NULL, "test", &f), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "set/a/1.png"));
    tec_features_free(&f);

    settings.reading.skip = true;
    assert_int_equal(tec_features_compute(&comm, &settings, set, NULL, "test", &f), TEC_OK);
    assert_int_equal(f.total, 3);
    assert_int_equal(f.count, 3);
    assert_int_equal(f.skipped, 2);
    assert_int_equal(f.label[0], 0);
    assert_int_equal(f.label[1], 0);
    assert_int_equal(f.label[2], 1);
    for (int i = 0; i < 3; i++)
        assert_true(fabs(f.value[i] - 128 / 255.0) < 1e-6);
    tec_features_free(&f);
    tec_dataset_close(set);
}

static int ending; /* processes that end between our opening a lock file and our locking it */

/* In place of the system's. */
int flock(int fd, int operation)
{
    for (; ending > 0 && operation & LOCK_EX; ending--) {
        char lock[512];
        snprintf(lock, sizeof lock, "%s", path_of("out.h5.parts/lock"));
        assert_int_equal(unlink(lock), 0);
        assert_int_equal(rmdir(path_of("out.h5.parts")), 0);
    }
    return (int)syscall(SYS_flock, fd, operation);
}

/* A lock of a file that has been removed would keep nobody out. */
static void test_lock(void **state)
{
    (void)state;
    char out[512];
    snprintf(out, sizeof out, "%s", path_of("out.h5"));
    tec_dataset *set = open_set("a-images-idx3-ubyte");
    const tec_features_job job = {.path = out, .settings = settings_for(SIDE, 4), .set = set};
    const tec_feature_spec spec = {
        .images = IMAGES, .batch = 4, .width = 2, .layer = 1, .image_size = {SIDE, SIDE}, .channels = 1};
    features_begun first, second;
    ending = 1;
    assert_int_equal(tec_features_begin(&job, &spec, 1, &first), TEC_OK);
    assert_int_equal(ending, 0);
    assert_int_equal(first.missing_count, 3);
    assert_int_equal(tec_features_begin(&job, &spec, 1, &second), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "out.h5: another process computes these features at this moment"));
    tec_features_end(&second, false);
    tec_features_end(&first, true);
    assert_false(tec_file_exists(path_of("out.h5.parts")));
    tec_dataset_close(set);
}

int main(void)
{
    tec_comm_local(&comm);
    tec_log_enable(false);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pixels), cmocka_unit_test(test_model),
                                       cmocka_unit_test(test_not_finite), cmocka_unit_test(test_bad_images),
                                       cmocka_unit_test(test_lock)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
