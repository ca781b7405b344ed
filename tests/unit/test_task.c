/* What pretraining makes of an image: crops, stored targets and masks, from a synthetic data set and store, as a feed
 * delivers them. */
#include "folder.h"
#include "noise_store.h"

#include "tec/memory.h"
#include "tec/task.h"

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
static tec_pretraining pretraining;

static const tec_model_config config = {
    .kind = TEC_MODEL_TEC, .image_size = {SIZE, SIZE}, .patch = 16, .channels = 1, .base_width = BASE_WIDTH};

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
    pretraining = (tec_pretraining){.model = config,
                                    .view = {.policy = TEC_VIEW_RANDOM,
                                             .size = {SIZE, SIZE},
                                             .channels = 1,
                                             .normalisation = {.mean = {0.4}, .std = {0.3}},
                                             .crop = {.scale = {0.2, 1}, .ratio = {0.75, 4.0 / 3}, .flip = true},
                                             .seed = 7},
                                    .mask_ratio = 0.75,
                                    .masks = MASKS,
                                    .feature_weight = 1,
                                    .attention_weight = 1};
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
                            .image_size = {SIZE, SIZE},
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

enum { THREADS = 3 };

/* One batch of a feed, as model inputs. */
typedef struct fetched {
    tec_feed *feed;
    tec_feed_batch batch;
    tec_example *example; /* [batch.count, masks] */
    const tec_request *request;
    int requests; /* 0 once they have been asked for */
} fetched;

static int ask_once(void *context, tec_request *request)
{
    fetched *f = context;
    int count = f->requests;
    memcpy(request, f->request, (size_t)count * sizeof *request);
    f->requests = 0;
    return count;
}

/* Until let_go. */
static void fetch_batch(fetched *f, const tec_task *task, const tec_dataset *from, const tec_request *request,
                        int count, tec_skipped *skipped, tec_status want)
{
    *f = (fetched){.request = request, .requests = count};
    const tec_feed_settings settings = {.view = task->view,
                                        .threads = THREADS,
                                        .depth = 1,
                                        .batch = count,
                                        .skipped = skipped,
                                        .next = ask_once,
                                        .order = f,
                                        .attach = task->attach,
                                        .source = task->own,
                                        .attached_bytes = task->attached_bytes};
    assert_int_equal(tec_feed_open(&f->feed, from, &settings), TEC_OK);
    tec_status status = tec_feed_take(f->feed, &f->batch);
    if (status != want)
        fail_msg("status %d instead of %d: %s", status, want, tec_error_message());
    f->example = tec_allocate_zeroed((size_t)(count * task->inputs), sizeof *f->example);
    if (status == TEC_OK)
        task->examples(task->own, 0, &f->batch, f->example);
}

static void let_go(fetched *f)
{
    free(f->example);
    tec_feed_close(f->feed);
}

static fetched fetch(const tec_task *task, int64_t sample, int epoch)
{
    fetched f;
    const tec_request request = {.sample = sample, .view = epoch};
    fetch_batch(&f, task, set, &request, 1, NULL, TEC_OK);
    assert_int_equal(f.batch.count, 1);
    return f;
}

static void expect_failure(const tec_task *task, const tec_dataset *from, int64_t sample, int epoch, tec_status want)
{
    fetched f;
    const tec_request request = {.sample = sample, .view = epoch};
    fetch_batch(&f, task, from, &request, 1, NULL, want);
    let_go(&f);
}

static tec_task open_task(tec_store *store)
{
    return tec_task_pretraining(&pretraining, store, THREADS);
}

static void expect_image(const real *got, const uint8_t *square)
{
    real want[PIXELS];
    tec_pixels_normalize(square, tec_size_square(SIZE), 1, pretraining.view.normalisation.mean,
                         pretraining.view.normalisation.std, want);
    assert_memory_equal(got, want, sizeof want);
}

static void expect_crop(const real *got, int64_t sample, const tec_view *view)
{
    tec_image image;
    uint8_t square[PIXELS];
    assert_int_equal(tec_dataset_read(set, sample, &image), TEC_OK);
    assert_int_equal(tec_view_render(&image, view, tec_size_square(SIZE), square), TEC_OK);
    expect_image(got, square);
    tec_image_free(&image);
}

static void test_drawn_crops(void **state)
{
    (void)state;
    tec_task task = open_task(NULL);
    for (int64_t i = 0; i < SAMPLES; i++)
        for (int epoch = 0; epoch < 4; epoch++) {
            fetched f = fetch(&task, i, epoch);
            tec_view view = tec_view_draw(&task.view.crop, task.view.seed, i, epoch, HEIGHT, WIDTH);
            expect_crop(f.example->image, i, &view);
            assert_null(f.example->feature);
            assert_null(f.example->attention);
            let_go(&f);
        }
    tec_task_free(&task);
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
    tec_task task = open_task(store);
    assert_int_equal(task.topk, TOPK);
    for (int64_t i = 0; i < SAMPLES; i++)
        for (int epoch = 0; epoch < 3 * VIEWS; epoch++) {
            int row = (int)i * VIEWS + epoch % VIEWS;
            if (row == VOID * VIEWS + 1)
                continue;
            fetched f = fetch(&task, i, epoch);
            stored_row want = row_of(row);
            expect_crop(f.example->image, i, &want.view);
            expect_reals(f.example->feature, want.feature, FEATURES);
            expect_reals(f.example->attention, want.attention, LOGITS);
            assert_memory_equal(f.example->topk, want.topk, sizeof want.topk);
            let_go(&f);
        }
    tec_task_free(&task);
    tec_store_close(store);
}

/* The pixels come from the store, not from the images, which may be gone. */
static void test_stored_images(void **state)
{
    (void)state;
    tec_store *store = make_store("images", true);
    tec_task task = open_task(store);
    for (int epoch = 0; epoch < 2; epoch++) {
        fetched f = fetch(&task, 2, epoch);
        stored_row want = row_of(2 * VIEWS + epoch);
        expect_image(f.example->image, want.image);
        expect_reals(f.example->feature, want.feature, FEATURES);
        let_go(&f);
    }
    tec_task_free(&task);
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
    tec_task task = open_task(NULL);
    for (int64_t i = 0; i < SAMPLES; i++)
        for (int epoch = 0; epoch < EPOCHS; epoch++) {
            fetched f = fetch(&task, i, epoch);
            for (int m = 0; m < MASKS; m++) {
                expect_permutation(f.example[m].shuffle);
                assert_ptr_equal(f.example[m].image, f.example[0].image);
                memcpy(mask[count++], f.example[m].shuffle, sizeof mask[0]);
            }
            let_go(&f);
        }
    for (int a = 0; a < ALL; a++)
        for (int b = 0; b < a; b++)
            assert_memory_not_equal(mask[a], mask[b], sizeof mask[0]);
    tec_task_free(&task);
}

/* Views wrap around, masks do not; and they depend on the seed, not on how many masks there are. */
static void test_masks_depend_on(void **state)
{
    (void)state;
    enum { BYTES = PATCHES * sizeof(int) };
    tec_store *store = make_store("masks", false);
    tec_task task = open_task(store);
    fetched first = fetch(&task, 1, 0), later = fetch(&task, 1, VIEWS);
    const int *shuffle = first.example->shuffle;
    assert_memory_not_equal(shuffle, later.example->shuffle, BYTES);

    tec_pretraining other = pretraining;
    other.masks = 1;
    tec_task single = tec_task_pretraining(&other, NULL, THREADS);
    fetched f = fetch(&single, 1, 0);
    assert_memory_equal(shuffle, f.example->shuffle, BYTES);
    let_go(&f);
    tec_task_free(&single);
    other.view.seed++;
    single = tec_task_pretraining(&other, NULL, THREADS);
    f = fetch(&single, 1, 0);
    assert_memory_not_equal(shuffle, f.example->shuffle, BYTES);
    let_go(&f);
    let_go(&first);
    let_go(&later);
    tec_task_free(&single);
    tec_task_free(&task);
    tec_store_close(store);
}

/* -- threads: whoever fills a slot, the same comes of it -- */

static void test_threads(void **state)
{
    (void)state;
    enum { BATCH = 4 * SAMPLES };
    tec_store *store = make_store("threads", false);
    tec_task task = open_task(store);
    tec_skipped skipped = {0};
    tec_request request[BATCH];
    for (int i = 0; i < BATCH; i++)
        request[i] = (tec_request){.sample = i % SAMPLES, .view = i / SAMPLES};
    for (int round = 0; round < 50; round++) {
        fetched f;
        int found = 0;
        fetch_batch(&f, &task, set, request, BATCH, &skipped, TEC_OK);
        for (int i = 0; i < BATCH; i++) {
            if (request[i].sample == VOID && request[i].view % VIEWS == 1)
                continue;
            const tec_feed_item *item = &f.batch.item[found];
            assert_int_equal(item->index, i);
            fetched alone = fetch(&task, request[i].sample, request[i].view);
            assert_memory_equal(item->image, alone.example->image, PIXELS * sizeof(real));
            assert_memory_equal(item->attached, alone.batch.item->attached, task.attached_bytes);
            let_go(&alone);
            found++;
        }
        assert_int_equal(f.batch.count, found);
        let_go(&f);
    }
    assert_int_equal(skipped.count, 1);
    assert_int_equal(skipped.sample[0], VOID);
    tec_skipped_free(&skipped);
    tec_task_free(&task);
    tec_store_close(store);
}

/* A crop of 12 MB is more than the stack of a thread. */
static void test_large_image(void **state)
{
    (void)state;
    tec_pretraining large = pretraining;
    tec_dataset *colour;
    fetched f;
    const tec_request request = {0};
    open_set("images-idx3-ubyte", 3, &colour);
    large.model.image_size = large.view.size = tec_size_square(2048);
    large.model.channels = large.view.channels = 3;
    large.view.normalisation = (tec_normalisation){.std = {1, 1, 1}};
    large.masks = 1;
    tec_task task = tec_task_pretraining(&large, NULL, THREADS);
    fetch_batch(&f, &task, colour, &request, 1, NULL, TEC_OK);
    let_go(&f);
    tec_task_free(&task);
    tec_dataset_close(colour);
}

/* -- failures: what may be skipped as an image is TEC_USER_ERROR, nothing else is -- */

static void test_void_row(void **state)
{
    (void)state;
    tec_store *store = make_store("void", false);
    tec_task task = open_task(store);
    expect_failure(&task, set, VOID, 1, TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "images-idx3-ubyte[3]: could not be decoded"));
    fetched f = fetch(&task, VOID, 0);
    let_go(&f);
    tec_task_free(&task);
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
    tec_task task = open_task(store);
    char *shard = path_of("damaged/shard-00000.h5");
    damage(shard);
    expect_failure(&task, set, 4, 0, TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), shard));
    fetched f = fetch(&task, 4, 1); /* the other rows are as good as ever */
    let_go(&f);
    free(shard);
    tec_task_free(&task);
    tec_store_close(store);
}

static void test_missing_shard(void **state)
{
    (void)state;
    tec_store *store = make_store("missing", false);
    tec_task task = open_task(store);
    char *shard = path_of("missing/shard-00000.h5");
    assert_int_equal(unlink(shard), 0);
    expect_failure(&task, set, 0, 0, TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), shard));
    free(shard);
    tec_task_free(&task);
    tec_store_close(store);
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
    tec_task task = open_task(store);
    expect_failure(&task, other, 2, 0, TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "small-idx3-ubyte[2]"));
    tec_task_free(&task);
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
                                       cmocka_unit_test(test_view_outside)};
    return cmocka_run_group_tests(tests, make_set, remove_set);
}
