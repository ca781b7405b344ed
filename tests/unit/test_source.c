/* What the loader threads hand to the model: crops, stored targets and masks, from a synthetic data set and store. */
#include "folder.h"
#include "noise_store.h"

#include "tec/source.h"

#include "tec/augment.h"
#include "tec/files.h"
#include "tec/half.h"
#include "tec/philox.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SAMPLES = 5, HEIGHT = 24, WIDTH = 20, SIZE = 64, PIXELS = SIZE * SIZE, PATCHES = 16, MASKS = 3, VIEWS = 2 };
enum { BASE_WIDTH = 6, BASE_HEADS = 2, TOPK = 3, FEATURES = PATCHES * BASE_WIDTH, VOID = 3 };
enum { LOGITS = (1 + TOPK) * BASE_HEADS * PATCHES };

static char directory[256];
static tec_dataset *set;
static tec_settings settings;

static const tec_model_config config = {
    .kind = TEC_MODEL_TEC, .image_size = SIZE, .patch = 16, .channels = 1, .base_width = BASE_WIDTH};

/* -- a data set of noise -- */

static char *path_of(const char *name)
{
    return tec_path_join(directory, name);
}

static void open_set(const char *name, int channels, tec_dataset **out)
{
    char *list, *path = path_of(name);
    size_t bytes;
    assert_int_equal(tec_dataset_scan(path, TEC_LABELS_NONE, &list, &bytes), TEC_OK);
    assert_int_equal(tec_dataset_open(out, list, bytes, channels, 0), TEC_OK);
    free(list);
    free(path);
}

static int make_set(void **state)
{
    (void)state;
    uint8_t file[16 + SAMPLES * HEIGHT * WIDTH] = {0, 0, 8, 3, 0, 0, 0, SAMPLES, 0, 0, 0, HEIGHT, 0, 0, 0, WIDTH};
    tec_philox random = tec_philox_start(1, TEC_STREAM_TEST, 0, 0, 0);
    for (size_t i = 16; i < sizeof file; i++)
        file[i] = (uint8_t)tec_philox_below(&random, 256);
    if (!folder_make(directory, sizeof directory))
        return -1;
    char *path = path_of("images-idx3-ubyte");
    assert_int_equal(tec_file_write(path, file, sizeof file), TEC_OK);
    free(path);
    open_set("images-idx3-ubyte", 1, &set);
    settings.data.mean[0] = 0.4;
    settings.data.std[0] = 0.3;
    settings.data.crop_scale[0] = 0.2;
    settings.data.crop_scale[1] = 1;
    settings.data.crop_ratio[0] = 0.75;
    settings.data.crop_ratio[1] = 4.0 / 3;
    settings.data.flip = true;
    settings.data.workers = 3;
    settings.pretrain.masks_per_image = MASKS;
    settings.run.seed = 7;
    return 0;
}

static int remove_set(void **state)
{
    (void)state;
    tec_dataset_close(set);
    return folder_remove(directory);
}

/* -- a store of noise, whose row VOID * VIEWS + 1 is void -- */

static tec_store_spec spec_of(bool images)
{
    return (tec_store_spec){.samples = SAMPLES,
                            .views = VIEWS,
                            .patches = PATCHES,
                            .width = BASE_WIDTH,
                            .heads = BASE_HEADS,
                            .topk = TOPK,
                            .last_layers = 2,
                            .images = images,
                            .type = TEC_TARGET_FLOAT32,
                            .image_size = SIZE,
                            .patch = 16,
                            .channels = 1,
                            .shard_rows = SAMPLES * VIEWS};
}

typedef struct stored_row {
    float feature[FEATURES], attention[LOGITS];
    int32_t topk[TOPK];
    uint8_t image[PIXELS];
    tec_view view;
} stored_row;

static stored_row row_of(int row)
{
    const tec_store_spec spec = spec_of(true);
    stored_row r;
    tec_store_row to = {.feature = r.feature, .attention = r.attention, .topk = r.topk, .image = r.image};
    noise_store_row(&spec, row, &to);
    uint16_t stored[LOGITS]; /* attention is float16 in every store */
    tec_half_from_float(r.attention, LOGITS, stored);
    tec_half_to_float(stored, LOGITS, r.attention);
    r.view = to.view;
    return r;
}

static tec_store *make_store(const char *name, bool images)
{
    const tec_store_spec spec = spec_of(images);
    char *dir = path_of(name), *manifest;
    tec_store *store;
    size_t bytes;
    assert_int_equal(tec_directory_make(dir), TEC_OK);
    noise_store_write(dir, &spec, VOID * VIEWS + 1);
    assert_int_equal(tec_store_manifest(dir, &manifest, &bytes), TEC_OK);
    assert_int_equal(tec_store_open(&store, dir, manifest, bytes), TEC_OK);
    free(manifest);
    free(dir);
    return store;
}

/* -- fetching -- */

/* A slot with a guard behind it; the caller frees it. */
static void *fetch_with(tec_source *source, int thread, int64_t sample, int epoch, tec_status want)
{
    enum { GUARD = 64 };
    size_t bytes = (tec_source_slot_bytes(source) + 63) / 64 * 64;
    unsigned char *slot = aligned_alloc(64, bytes + GUARD);
    assert_non_null(slot);
    memset(slot, 0xa5, bytes + GUARD);
    tec_request request = {.sample = sample, .view = epoch};
    tec_status status = tec_source_fetch(source, thread, &request, slot);
    if (status != want)
        fail_msg("status %d instead of %d: %s", status, want, tec_error_message());
    for (size_t i = tec_source_slot_bytes(source); i < bytes + GUARD; i++)
        assert_int_equal(slot[i], 0xa5);
    return slot;
}

static void *fetch(tec_source *source, int64_t sample, int epoch)
{
    return fetch_with(source, 0, sample, epoch, TEC_OK);
}

static void expect_image(const real *got, const uint8_t *square)
{
    real want[PIXELS];
    tec_pixels_normalize(square, SIZE, 1, settings.data.mean, settings.data.std, want);
    assert_memory_equal(got, want, sizeof want);
}

static void expect_crop(const real *got, int64_t sample, const tec_view *view)
{
    tec_image image;
    uint8_t square[PIXELS];
    assert_int_equal(tec_dataset_read(set, sample, &image), TEC_OK);
    assert_int_equal(tec_view_render(&image, view, SIZE, square), TEC_OK);
    expect_image(got, square);
    tec_image_free(&image);
}

static void test_drawn_crops(void **state)
{
    (void)state;
    const tec_crop_settings crop = {.scale = {0.2, 1}, .ratio = {0.75, 4.0 / 3}, .flip = true};
    tec_source *source = tec_source_create(&settings, &config, set, NULL);
    for (int64_t i = 0; i < SAMPLES; i++)
        for (int epoch = 0; epoch < 4; epoch++) {
            void *slot = fetch(source, i, epoch);
            tec_sample sample = tec_source_sample(source, slot);
            tec_view view = tec_view_draw(&crop, settings.run.seed, i, epoch, HEIGHT, WIDTH);
            expect_crop(sample.image, i, &view);
            assert_null(sample.feature);
            assert_null(sample.attention);
            free(slot);
        }
    tec_source_free(source);
}

static void expect_reals(const real *got, const float *want, int count)
{
    for (int i = 0; i < count; i++)
        assert_true(got[i] == (real)want[i]);
}

/* Epoch e trains on view e mod V: crop and targets belong together. */
static void test_stored_views(void **state)
{
    (void)state;
    tec_store *store = make_store("views", false);
    tec_source *source = tec_source_create(&settings, &config, set, store);
    for (int64_t i = 0; i < SAMPLES; i++)
        for (int epoch = 0; epoch < 3 * VIEWS; epoch++) {
            int row = (int)i * VIEWS + epoch % VIEWS;
            if (row == VOID * VIEWS + 1)
                continue;
            void *slot = fetch(source, i, epoch);
            tec_sample sample = tec_source_sample(source, slot);
            stored_row want = row_of(row);
            expect_crop(sample.image, i, &want.view);
            expect_reals(sample.feature, want.feature, FEATURES);
            expect_reals(sample.attention, want.attention, LOGITS);
            assert_memory_equal(sample.topk, want.topk, sizeof want.topk);
            free(slot);
        }
    tec_source_free(source);
    tec_store_close(store);
}

/* The pixels come from the store, not from the images, which may be gone. */
static void test_stored_images(void **state)
{
    (void)state;
    tec_store *store = make_store("images", true);
    tec_source *source = tec_source_create(&settings, &config, set, store);
    for (int epoch = 0; epoch < 2; epoch++) {
        void *slot = fetch(source, 2, epoch);
        stored_row want = row_of(2 * VIEWS + epoch);
        expect_image(tec_source_sample(source, slot).image, want.image);
        expect_reals(tec_source_sample(source, slot).feature, want.feature, FEATURES);
        free(slot);
    }
    tec_source_free(source);
    tec_store_close(store);
}

/* -- masks -- */

static void expect_permutation(const int *shuffle)
{
    int times[PATCHES] = {0};
    for (int i = 0; i < PATCHES; i++) {
        assert_in_range(shuffle[i], 0, PATCHES - 1);
        assert_int_equal(times[shuffle[i]]++, 0);
    }
}

static void test_masks(void **state)
{
    (void)state;
    enum { EPOCHS = 3, ALL = SAMPLES * EPOCHS * MASKS };
    int mask[ALL][PATCHES], count = 0;
    tec_source *source = tec_source_create(&settings, &config, set, NULL);
    for (int64_t i = 0; i < SAMPLES; i++)
        for (int epoch = 0; epoch < EPOCHS; epoch++) {
            void *slot = fetch(source, i, epoch);
            const int *shuffle = tec_source_sample(source, slot).shuffle;
            for (int m = 0; m < MASKS; m++, shuffle += PATCHES) {
                expect_permutation(shuffle);
                memcpy(mask[count++], shuffle, sizeof mask[0]);
            }
            free(slot);
        }
    for (int a = 0; a < ALL; a++)
        for (int b = 0; b < a; b++)
            assert_memory_not_equal(mask[a], mask[b], sizeof mask[0]);
    tec_source_free(source);
}

/* Views wrap around, masks do not; and they depend on the seed, not on how many masks there are. */
static void test_masks_depend_on(void **state)
{
    (void)state;
    enum { BYTES = MASKS * PATCHES * sizeof(int) };
    tec_store *store = make_store("masks", false);
    tec_source *source = tec_source_create(&settings, &config, set, store);
    void *first = fetch(source, 1, 0), *later = fetch(source, 1, VIEWS);
    const int *shuffle = tec_source_sample(source, first).shuffle;
    assert_memory_not_equal(shuffle, tec_source_sample(source, later).shuffle, BYTES);

    tec_settings other = settings;
    other.pretrain.masks_per_image = 1;
    tec_source *single = tec_source_create(&other, &config, set, NULL);
    void *slot = fetch(single, 1, 0);
    assert_memory_equal(shuffle, tec_source_sample(single, slot).shuffle, PATCHES * sizeof(int));
    free(slot);
    other.run.seed++;
    slot = fetch(single, 1, 0);
    assert_memory_not_equal(shuffle, tec_source_sample(single, slot).shuffle, PATCHES * sizeof(int));
    free(slot);
    free(first);
    free(later);
    tec_source_free(single);
    tec_source_free(source);
    tec_store_close(store);
}

/* -- threads -- */

static void test_threads(void **state)
{
    (void)state;
    enum { BATCH = 4 * SAMPLES };
    tec_store *store = make_store("threads", false);
    tec_source *source = tec_source_create(&settings, &config, set, store);
    tec_loader *loader;
    tec_loader_settings threads = {.threads = settings.data.workers,
                                   .depth = 2,
                                   .batch = BATCH,
                                   .slot_bytes = tec_source_slot_bytes(source),
                                   .fetch = tec_source_fetch,
                                   .context = source};
    tec_request request[BATCH];
    tec_batch batch;
    assert_int_equal(tec_loader_open(&loader, &threads), TEC_OK);
    for (int i = 0; i < BATCH; i++)
        request[i] = (tec_request){.sample = i % SAMPLES, .view = i / SAMPLES};
    for (int round = 0; round < 200; round++) {
        tec_loader_submit(loader, request, BATCH);
        tec_loader_wait(loader, &batch);
        for (int i = 0; i < BATCH; i++) {
            bool is_void = request[i].sample == VOID && request[i].view % VIEWS == 1;
            assert_int_equal(batch.status[i], is_void ? TEC_USER_ERROR : TEC_OK);
            if (is_void)
                continue;
            void *slot = fetch_with(source, i % threads.threads, request[i].sample, request[i].view, TEC_OK);
            assert_memory_equal(slot, batch.slot[i], tec_source_slot_bytes(source));
            free(slot);
        }
        tec_loader_release(loader);
    }
    tec_loader_close(loader);
    tec_source_free(source);
    tec_store_close(store);
}

/* A crop of 12 MB is more than the stack of a thread. */
static void test_large_image(void **state)
{
    (void)state;
    tec_settings large = settings;
    tec_model_config wide = config;
    tec_dataset *colour;
    tec_loader *loader;
    tec_batch batch;
    open_set("images-idx3-ubyte", 3, &colour);
    wide.image_size = 2048;
    wide.patch = 16;
    wide.channels = 3;
    for (int c = 0; c < 3; c++)
        large.data.std[c] = 1;
    large.data.workers = large.pretrain.masks_per_image = 1;
    tec_source *source = tec_source_create(&large, &wide, colour, NULL);
    tec_loader_settings one = {.threads = 1,
                               .depth = 1,
                               .batch = 1,
                               .slot_bytes = tec_source_slot_bytes(source),
                               .fetch = tec_source_fetch,
                               .context = source};
    assert_int_equal(tec_loader_open(&loader, &one), TEC_OK);
    tec_loader_submit(loader, &(tec_request){0}, 1);
    tec_loader_wait(loader, &batch);
    assert_int_equal(batch.status[0], TEC_OK);
    tec_loader_close(loader);
    tec_source_free(source);
    tec_dataset_close(colour);
}

/* -- failures: what may be skipped as an image is TEC_USER_ERROR, nothing else is -- */

static void test_void_row(void **state)
{
    (void)state;
    tec_store *store = make_store("void", false);
    tec_source *source = tec_source_create(&settings, &config, set, store);
    free(fetch_with(source, 0, VOID, 1, TEC_USER_ERROR));
    assert_non_null(strstr(tec_error_message(), "images-idx3-ubyte[3]: could not be decoded"));
    free(fetch(source, VOID, 0));
    tec_source_free(source);
    tec_store_close(store);
}

static void damage(const char *path)
{
    unsigned char byte;
    stored_row row = row_of(4 * VIEWS);
    char *data;
    size_t bytes;
    assert_int_equal(tec_file_read(path, 1 << 24, &data, &bytes), TEC_OK);
    const char *place = memmem(data, bytes, row.feature, sizeof row.feature);
    assert_non_null(place);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    byte = (unsigned char)(*place ^ 1);
    assert_int_equal(pwrite(fd, &byte, 1, place - data), 1);
    close(fd);
    free(data);
}

static void test_damaged_store(void **state)
{
    (void)state;
    tec_store *store = make_store("damaged", false);
    tec_source *source = tec_source_create(&settings, &config, set, store);
    char *shard = path_of("damaged/shard-00000.h5");
    damage(shard);
    free(fetch_with(source, 0, 4, 0, TEC_SYSTEM_ERROR));
    assert_non_null(strstr(tec_error_message(), shard));
    free(fetch(source, 4, 1)); /* the other rows are as good as ever */
    free(shard);
    tec_source_free(source);
    tec_store_close(store);
}

static void test_missing_shard(void **state)
{
    (void)state;
    tec_store *store = make_store("missing", false);
    tec_source *source = tec_source_create(&settings, &config, set, store);
    char *shard = path_of("missing/shard-00000.h5");
    assert_int_equal(unlink(shard), 0);
    free(fetch_with(source, 0, 0, 0, TEC_SYSTEM_ERROR));
    assert_non_null(strstr(tec_error_message(), shard));
    free(shard);
    tec_source_free(source);
    tec_store_close(store);
}

/* A folder with a file that is no image. */
static void test_bad_image(void **state)
{
    (void)state;
    tec_dataset *folder;
    char *dir = path_of("folder"), *file = path_of("folder/broken.png");
    assert_int_equal(tec_directory_make(dir), TEC_OK);
    assert_int_equal(tec_file_write(file, "no image", 8), TEC_OK);
    open_set("folder", 1, &folder);
    tec_source *source = tec_source_create(&settings, &config, folder, NULL);
    free(fetch_with(source, 0, 0, 0, TEC_USER_ERROR));
    assert_non_null(strstr(tec_error_message(), "broken.png"));
    tec_source_free(source);
    tec_dataset_close(folder);
    free(file);
    free(dir);
}

/* The stored view of an image that is smaller now. */
static void test_view_outside(void **state)
{
    (void)state;
    uint8_t small[16 + SAMPLES * 9 * 9] = {0, 0, 8, 3, 0, 0, 0, SAMPLES, 0, 0, 0, 9, 0, 0, 0, 9};
    tec_dataset *other;
    char *path = path_of("small-idx3-ubyte");
    assert_int_equal(tec_file_write(path, small, sizeof small), TEC_OK);
    open_set("small-idx3-ubyte", 1, &other);
    tec_store *store = make_store("outside", false);
    tec_source *source = tec_source_create(&settings, &config, other, store);
    free(fetch_with(source, 0, 2, 0, TEC_USER_ERROR));
    assert_non_null(strstr(tec_error_message(), "small-idx3-ubyte[2]"));
    tec_source_free(source);
    tec_store_close(store);
    tec_dataset_close(other);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_drawn_crops),     cmocka_unit_test(test_stored_views),
                                       cmocka_unit_test(test_stored_images),   cmocka_unit_test(test_masks),
                                       cmocka_unit_test(test_masks_depend_on), cmocka_unit_test(test_threads),
                                       cmocka_unit_test(test_large_image),     cmocka_unit_test(test_void_row),
                                       cmocka_unit_test(test_damaged_store),   cmocka_unit_test(test_missing_shard),
                                       cmocka_unit_test(test_bad_image),       cmocka_unit_test(test_view_outside)};
    return cmocka_run_group_tests(tests, make_set, remove_set);
}
