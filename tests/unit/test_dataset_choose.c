/* Few labels: how many of each class, which ones, and that a set says of what it consists. */
#include "folder.h"

#include "tec/dataset.h"
#include "tec/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SAMPLES = 60, CLASSES = 3 };

static char directory[256];

static void write_in_folder(const char *name, const uint8_t *data, size_t bytes)
{
    char *path = tec_path_join(directory, name);
    assert_int_equal(tec_file_write(path, data, bytes), TEC_OK);
    free(path);
}

/* Of 60 images of one pixel, 40 are of class 0, 17 of class 1, 3 of class 2. */
static int label_of(int i)
{
    return i % 3 < 2 ? 0 : i % 10 < 9 && i != 2 ? 1 : 2;
}

static int make_set(void **state)
{
    (void)state;
    uint8_t images[16 + SAMPLES] = {0, 0, 8, 3, 0, 0, 0, SAMPLES, 0, 0, 0, 1, 0, 0, 0, 1};
    uint8_t labels[8 + SAMPLES] = {0, 0, 8, 1, 0, 0, 0, SAMPLES};
    if (!folder_make(directory, sizeof directory))
        return -1;
    for (int i = 0; i < SAMPLES; i++)
        labels[8 + i] = (uint8_t)label_of(i);
    write_in_folder("images-idx3-ubyte", images, sizeof images);
    write_in_folder("labels-idx1-ubyte", labels, sizeof labels);
    return 0;
}

static int remove_set(void **state)
{
    (void)state;
    return folder_remove(directory);
}

static tec_dataset *open_set(int64_t limit)
{
    tec_dataset *set;
    char *list, *path = tec_path_join(directory, "images-idx3-ubyte");
    size_t bytes;
    assert_int_equal(tec_dataset_scan(path, TEC_LABELS_AUTO, &list, &bytes), TEC_OK);
    assert_int_equal(tec_dataset_open(&set, list, bytes, 1, limit), TEC_OK);
    free(list);
    free(path);
    return set;
}

/* Which image of the file a sample is, by its name: "...[17]". */
static int place_of(const tec_dataset *set, int64_t sample)
{
    char name[300];
    const char *at = strrchr(tec_dataset_name(set, sample, name, sizeof name), '[');
    assert_non_null(at);
    return atoi(at + 1);
}

static void assert_chosen(const tec_dataset *set, const int want[CLASSES])
{
    int count[CLASSES] = {0}, before = -1;
    for (int64_t i = 0; i < tec_dataset_size(set); i++) {
        const int place = place_of(set, i), label = tec_dataset_label(set, i);
        assert_true(place > before);
        assert_int_equal(label, label_of(place));
        count[label]++;
        before = place;
    }
    for (int c = 0; c < CLASSES; c++)
        assert_int_equal(count[c], want[c]);
}

static int classes_have(int label)
{
    int count = 0;
    for (int i = 0; i < SAMPLES; i++)
        count += label_of(i) == label;
    return count;
}

static void test_how_many(void **state)
{
    (void)state;
    const int all[CLASSES] = {classes_have(0), classes_have(1), classes_have(2)};
    static const struct {
        int64_t per_class;
        double fraction;
        int want[CLASSES];
    } row[] = {{2, 1, {2, 2, 2}}, {0, 0.25, {10, 4, 1}}, {0, 0.001, {1, 1, 1}}, {5, 0.5, {5, 5, 3}}};
    assert_true(all[0] == 40 && all[1] == 17 && all[2] == 3);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        tec_dataset *set = open_set(0);
        tec_dataset_choose(set, row[i].per_class, row[i].fraction, 1);
        assert_chosen(set, row[i].want);
        tec_dataset_close(set);
    }
    tec_dataset *set = open_set(0);
    tec_dataset_choose(set, 100, 1, 1);
    assert_chosen(set, all);
    tec_dataset_close(set);
}

/* The same for the same seed, others for another; the fingerprint tells. */
static void test_which_ones(void **state)
{
    (void)state;
    tec_dataset *a = open_set(0), *b = open_set(0), *c = open_set(0), *whole = open_set(0);
    tec_dataset_choose(a, 4, 1, 1);
    tec_dataset_choose(b, 4, 1, 1);
    tec_dataset_choose(c, 4, 1, 2);
    bool same = true;
    for (int64_t i = 0; i < tec_dataset_size(a); i++) {
        assert_int_equal(place_of(a, i), place_of(b, i));
        same = same && place_of(a, i) == place_of(c, i);
    }
    assert_false(same);
    assert_true(tec_dataset_fingerprint(a) == tec_dataset_fingerprint(b));
    assert_true(tec_dataset_fingerprint(a) != tec_dataset_fingerprint(c));
    assert_true(tec_dataset_fingerprint(a) != tec_dataset_fingerprint(whole));
    tec_dataset_close(a);
    tec_dataset_close(b);
    tec_dataset_close(c);
    tec_dataset_close(whole);
}

/* Of what a limit leaves. */
static void test_after_a_limit(void **state)
{
    (void)state;
    tec_dataset *set = open_set(20); /* every third image: labels 0 and 0 */
    tec_dataset_choose(set, 3, 1, 1);
    for (int64_t i = 0; i < tec_dataset_size(set); i++)
        assert_int_equal(place_of(set, i) % 3, 0);
    assert_int_equal(tec_dataset_size(set), 3);
    tec_dataset_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_many),
        cmocka_unit_test(test_which_ones),
        cmocka_unit_test(test_after_a_limit),
    };
    return cmocka_run_group_tests(tests, make_set, remove_set);
}
