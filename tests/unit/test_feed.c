/* Images read ahead: order, how far ahead, policies, images that cannot be read. */
#include "folder.h"

#include "tec/feed.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/philox.h"

#include <assert.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SAMPLES = 9, HEIGHT = 20, WIDTH = 26, SIZE = 16, PIXELS = SIZE * SIZE, BAD = 4 };

static char directory[256];
static tec_dataset *set; /* SAMPLES images of noise */

static tec_dataset *open_set(const char *name)
{
    char *list, *path = tec_path_join(directory, name);
    size_t bytes;
    tec_dataset *out;
    assert_int_equal(tec_dataset_scan(path, TEC_LABELS_NONE, &list, &bytes), TEC_OK);
    assert_int_equal(tec_dataset_open(&out, list, bytes, 1, 0), TEC_OK);
    free(list);
    free(path);
    return out;
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
    char *path = tec_path_join(directory, "images-idx3-ubyte");
    assert_int_equal(tec_file_write(path, file, sizeof file), TEC_OK);
    free(path);
    set = open_set("images-idx3-ubyte");
    return 0;
}

static int remove_set(void **state)
{
    (void)state;
    tec_dataset_close(set);
    return folder_remove(directory);
}

/* Samples first .. last - 1 in batches of `batch`. */
typedef struct order {
    int64_t next, last;
    int batch, calls;
} order;

static int next_batch(void *context, tec_request *request)
{
    order *o = context;
    int count = 0;
    o->calls++;
    for (; count < o->batch && o->next < o->last; count++, o->next++)
        request[count] = (tec_request){.sample = o->next % SAMPLES, .view = (int)(o->next / SAMPLES)};
    return count;
}

static tec_feed_settings settings_of(order *o)
{
    return (tec_feed_settings){
        .view = {.policy = TEC_VIEW_RANDOM,
                 .size = {SIZE, SIZE},
                 .channels = 1,
                 .normalisation = {.mean = {0.4}, .std = {0.3}},
                 .crop = {.scale = {0.2, 1}, .ratio = {0.75, 4.0 / 3}, .flip = true},
                 .seed = 5},
        .threads = 3,
        .depth = 2,
        .batch = o->batch,
        .next = next_batch,
        .order = o,
    };
}

static void expect_image(const tec_feed_item *item, const tec_view *view)
{
    tec_image image;
    uint8_t square[PIXELS];
    real want[PIXELS];
    assert_int_equal(tec_dataset_read(set, item->sample, &image), TEC_OK);
    assert_int_equal(view ? tec_view_render(&image, view, tec_size_square(SIZE), square)
                          : tec_view_center(&image, &(tec_preprocessing){0}, tec_size_square(SIZE), square),
                     TEC_OK);
    tec_pixels_normalize(square, tec_size_square(SIZE), 1, (double[]){0.4}, (double[]){0.3}, want);
    assert_memory_equal(item->image, want, sizeof want);
    if (item->square)
        assert_memory_equal(item->square, square, sizeof square);
    tec_image_free(&image);
}

/* -- order -- */

static void test_order(void **state)
{
    (void)state;
    order o = {.last = 5 * SAMPLES + 2, .batch = 4};
    tec_feed_settings settings = settings_of(&o);
    tec_feed *feed;
    tec_feed_batch batch;
    int64_t want = 0;
    assert_int_equal(tec_feed_open(&feed, set, &settings), TEC_OK);
    assert_int_equal(o.calls, 0);
    for (;;) {
        assert_int_equal(tec_feed_take(feed, &batch), TEC_OK);
        if (batch.asked == 0)
            break;
        assert_int_equal(batch.count, batch.asked);
        for (int i = 0; i < batch.count; i++, want++) {
            const tec_feed_item *item = &batch.item[i];
            assert_int_equal(item->sample, want % SAMPLES);
            assert_int_equal(item->view, want / SAMPLES);
            assert_int_equal(item->index, i);
            assert_null(item->square);
            tec_view view = tec_view_draw(&settings.view.crop, 5, item->sample, item->view, HEIGHT, WIDTH);
            assert_memory_equal(&item->crop, &view, sizeof view);
            expect_image(item, &view);
        }
        tec_feed_release(feed);
    }
    assert_int_equal(want, o.last);
    tec_feed_release(feed); /* nothing was taken: fine */
    assert_int_equal(tec_feed_take(feed, &batch), TEC_OK);
    assert_int_equal(batch.asked, 0);
    tec_feed_close(feed);
}

/* No more than `depth` batches are under way, the one that was taken included. */
static void test_depth(void **state)
{
    (void)state;
    order o = {.last = 100, .batch = 2};
    tec_feed_settings settings = settings_of(&o);
    settings.depth = 3;
    tec_feed *feed;
    tec_feed_batch batch;
    assert_int_equal(tec_feed_open(&feed, set, &settings), TEC_OK);
    tec_feed_ahead(feed);
    assert_int_equal(o.calls, 3);
    tec_feed_ahead(feed);
    assert_int_equal(o.calls, 3);
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(tec_feed_take(feed, &batch), TEC_OK);
        assert_int_equal(o.calls, 2 + i);
        tec_feed_release(feed);
        assert_int_equal(o.calls, 3 + i);
    }
    assert_true(tec_feed_waited(feed) >= 0);
    tec_feed_close(feed); /* with batches under way */
}

static void test_pack(void **state)
{
    (void)state;
    order o = {.last = 5, .batch = 5};
    tec_feed_settings settings = settings_of(&o);
    tec_feed *feed;
    tec_feed_batch batch;
    real packed[5 * PIXELS];
    assert_int_equal(tec_feed_open(&feed, set, &settings), TEC_OK);
    assert_int_equal(tec_feed_take(feed, &batch), TEC_OK);
    tec_feed_pack(feed, &batch, packed);
    for (int i = 0; i < 5; i++)
        assert_memory_equal(packed + i * PIXELS, batch.item[i].image, PIXELS * sizeof(real));
    tec_feed_close(feed);
}

/* -- policies -- */

static const tec_view given_crop = {.top = 3, .left = 2, .height = 11, .width = 15, .flip = 1};

/* The number of the sample, as often as there is room for it. */
static tec_status attach_number(void *source, int thread, tec_feed_item *item)
{
    assert(thread >= 0 && thread < 3);
    const size_t count = *(const size_t *)source;
    for (size_t i = 0; i < count; i++)
        ((int *)item->attached)[i] = (int)item->sample;
    item->crop = given_crop;
    memset(item->square, 7, PIXELS);
    return TEC_OK;
}

static void test_policies(void **state)
{
    (void)state;
    static const tec_view_policy policies[] = {TEC_VIEW_CENTER, TEC_VIEW_RANDOM, TEC_VIEW_GIVEN_CROP,
                                               TEC_VIEW_GIVEN_SQUARE};
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++)
        for (size_t count = 0; count < 4; count++) {
            order o = {.last = SAMPLES, .batch = SAMPLES};
            tec_feed_settings settings = settings_of(&o);
            tec_feed *feed;
            tec_feed_batch batch;
            settings.view.policy = policies[p];
            settings.keep_squares = count % 2;
            settings.attach = attach_number;
            settings.source = &count;
            settings.attached_bytes = count * sizeof(int);
            assert_int_equal(tec_feed_open(&feed, set, &settings), TEC_OK);
            assert_int_equal(tec_feed_take(feed, &batch), TEC_OK);
            assert_int_equal(batch.count, SAMPLES);
            for (int i = 0; i < batch.count; i++) {
                const tec_feed_item *item = &batch.item[i];
                assert_int_equal(item->square != NULL, settings.keep_squares);
                for (size_t n = 0; n < count; n++)
                    assert_int_equal(((const int *)item->attached)[n], item->sample);
                tec_view drawn = tec_view_draw(&settings.view.crop, 5, item->sample, 0, HEIGHT, WIDTH);
                if (policies[p] == TEC_VIEW_GIVEN_SQUARE)
                    assert_true(fabs((double)item->image[5] - (7 / 255.0 - 0.4) / 0.3) < 1e-6);
                else
                    expect_image(item, policies[p] == TEC_VIEW_CENTER   ? NULL
                                       : policies[p] == TEC_VIEW_RANDOM ? &drawn
                                                                        : &given_crop);
            }
            tec_feed_close(feed);
        }
}

/* -- what cannot be read -- */

/* A folder of SAMPLES files, of which one is no image. */
static tec_dataset *open_folder(void)
{
    char *grey;
    size_t bytes;
    assert_int_equal(tec_file_read("tests/data/images/grey.png", 1 << 20, &grey, &bytes), TEC_OK);
    char *dir = tec_path_join(directory, "folder");
    assert_int_equal(tec_directory_make(dir), TEC_OK);
    for (int i = 0; i < SAMPLES; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.png", i);
        char *path = tec_path_join(dir, name);
        assert_int_equal(i == BAD ? tec_file_write(path, "no image", 8) : tec_file_write(path, grey, bytes), TEC_OK);
        free(path);
    }
    free(dir);
    free(grey);
    return open_set("folder");
}

static void test_bad_image(void **state)
{
    (void)state;
    tec_dataset *folder = open_folder();
    tec_skipped skipped = {0};
    for (int skip = 0; skip < 2; skip++) {
        order o = {.last = 2 * SAMPLES, .batch = SAMPLES};
        tec_feed_settings settings = settings_of(&o);
        tec_feed *feed;
        tec_feed_batch batch;
        settings.skipped = skip ? &skipped : NULL;
        assert_int_equal(tec_feed_open(&feed, folder, &settings), TEC_OK);
        for (int round = 0; round < 2; round++) {
            assert_int_equal(tec_feed_take(feed, &batch), skip ? TEC_OK : TEC_USER_ERROR);
            assert_int_equal(batch.asked, SAMPLES);
            if (!skip)
                assert_non_null(strstr(tec_error_message(), "folder/4.png"));
            for (int i = 0; i < batch.count && skip; i++)
                assert_int_equal(batch.item[i].index, i < BAD ? i : i + 1);
            if (skip)
                assert_int_equal(batch.count, SAMPLES - 1);
            tec_feed_release(feed); /* after a failure too */
        }
        tec_feed_close(feed);
    }
    assert_int_equal(skipped.count, 1);
    assert_int_equal(skipped.sample[0], BAD);
    assert_non_null(strstr(skipped.message[0], "folder/4.png"));
    tec_skipped_free(&skipped);
    tec_dataset_close(folder);
}

static tec_status refuse(void *source, int thread, tec_feed_item *item)
{
    (void)thread;
    (void)item;
    return tec_fail(*(const tec_status *)source, "has no targets");
}

/* What is attached may be missing for an image, which is named; or the source fails, which is never skipped. */
static void test_attach_fails(void **state)
{
    (void)state;
    static const struct {
        tec_status fails;
        bool skip;
        tec_status want;
        const char *message;
    } cases[] = {{TEC_USER_ERROR, false, TEC_USER_ERROR,
                  "images-idx3-ubyte[0]: has no targets; data.on_bad_image=skip leaves out images that cannot be read"},
                 {TEC_USER_ERROR, true, TEC_OK, NULL},
                 {TEC_SYSTEM_ERROR, true, TEC_SYSTEM_ERROR, "has no targets"}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        order o = {.last = 1, .batch = 1};
        tec_feed_settings settings = settings_of(&o);
        tec_skipped skipped = {0};
        tec_feed *feed;
        tec_feed_batch batch;
        tec_status fails = cases[c].fails;
        settings.skipped = cases[c].skip ? &skipped : NULL;
        settings.attach = refuse;
        settings.source = &fails;
        assert_int_equal(tec_feed_open(&feed, set, &settings), TEC_OK);
        assert_int_equal(tec_feed_take(feed, &batch), cases[c].want);
        assert_int_equal(batch.count, 0);
        if (cases[c].message)
            assert_string_equal(tec_error_message(), cases[c].message);
        assert_int_equal(skipped.count, cases[c].want == TEC_OK);
        tec_skipped_free(&skipped);
        tec_feed_close(feed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order),     cmocka_unit_test(test_depth),
                                       cmocka_unit_test(test_pack),      cmocka_unit_test(test_policies),
                                       cmocka_unit_test(test_bad_image), cmocka_unit_test(test_attach_fails)};
    return cmocka_run_group_tests(tests, make_set, remove_set);
}
