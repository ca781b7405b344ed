/* Labels from text files: every form they come in, and what is refused. */
#include "tec/label_file.h"

#include "../data/pnm.h"
#include "folder.h"
#include "tec/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { IMAGES = 4 };

static char top[256];

/* A file of the test's folder: a copy of one small image. */
static void put(const char *name)
{
    size_t bytes;
    uint8_t *data = read_bytes(TEST_DATA "images/grey.png", &bytes);
    char *path = tec_path_join(top, name), *folder = tec_path_directory(path);
    assert_int_equal(tec_directory_make(folder), TEC_OK);
    assert_int_equal(tec_file_write(path, data, bytes), TEC_OK);
    free(folder);
    free(path);
    free(data);
}

/* Three classes, whose order is `Irish setter`, `cat`, `tench, Tinca tinca`; four images, two of them called 1. */
static int make_sets(void **state)
{
    (void)state;
    static const char *const file[] = {"train/cat/a.png",
                                       "train/tench, Tinca tinca/b.png",
                                       "train/Irish setter/c.png",
                                       "val/day/1.png",
                                       "val/night/1.png",
                                       "val/my photo.png",
                                       "val/x.001.png"};
    if (!folder_make(top, sizeof top))
        return 1;
    for (size_t i = 0; i < sizeof file / sizeof *file; i++)
        put(file[i]);
    return 0;
}

static int remove_sets(void **state)
{
    (void)state;
    return folder_remove(top);
}

static tec_dataset *open_set(const char *name, tec_label_mode labels, int64_t limit)
{
    tec_dataset *set = NULL;
    char *list, *path = tec_path_join(top, name);
    size_t bytes;
    assert_int_equal(tec_dataset_scan(path, labels, &list, &bytes), TEC_OK);
    assert_int_equal(tec_dataset_open(&set, list, bytes, 1, limit), TEC_OK);
    free(list);
    free(path);
    return set;
}

static tec_status read_labels(const char *labels, const char *classes, tec_numbering numbering, tec_dataset **val)
{
    tec_dataset *train = open_set("train", TEC_LABELS_FOLDERS, 0);
    *val = open_set("val", TEC_LABELS_NONE, 0);
    tec_label_files files = {"labels", labels, "classes", classes, numbering};
    tec_status status = tec_labels_read(*val, "val", train, &files);
    tec_dataset_close(train); /* the names are val's own */
    return status;
}

/* In the order of the names: day/1.png, my photo.png, night/1.png, x.001.png. */
static void assert_labels(const char *labels, const char *classes, tec_numbering numbering, const int want[IMAGES])
{
    tec_dataset *val;
    if (read_labels(labels, classes, numbering, &val) != TEC_OK)
        fail_msg("`%s`: %s", labels, tec_error_message());
    assert_int_equal(tec_dataset_classes(val), 3);
    assert_string_equal(tec_dataset_class_name(val, 2), "tench, Tinca tinca");
    for (int i = 0; i < IMAGES; i++)
        if (tec_dataset_label(val, i) != want[i])
            fail_msg("`%s`: image %d has label %d instead of %d", labels, i, tec_dataset_label(val, i), want[i]);
    tec_dataset_close(val);
}

static void assert_refused(const char *labels, const char *classes, tec_numbering numbering, const char *what)
{
    tec_dataset *val;
    assert_int_equal(read_labels(labels, classes, numbering, &val), TEC_USER_ERROR);
    if (!strstr(tec_error_message(), what))
        fail_msg("\"%s\" does not say \"%s\"", tec_error_message(), what);
    assert_int_equal(tec_dataset_classes(val), 0);
    tec_dataset_close(val);
}

static const int want[IMAGES] = {1, 0, 2, 1};

static void test_forms(void **state)
{
    (void)state;
    static const char *const form[] = {
        "cat\nIrish setter\ntench, Tinca tinca\ncat\n",
        "\xEF\xBB\xBF\r\nlabel\r\ncat\r\n  Irish setter \r\n\r\ntench, Tinca tinca\r\ncat",
        "day/1.png,cat\nmy photo.png,Irish setter\nnight/1.png,\"tench, Tinca tinca\"\nx.001.png,cat\n",
        "file,label\n\"x.001\",\"cat\"\nnight/1,\"tench, Tinca tinca\"\nday/1,cat\nmy photo,Irish setter\n",
        "/data/val/day/1.png cat\nmy photo.png Irish setter\nnight/1.png tench, Tinca tinca\n./x.001.png cat",
        "cat\tday/1.png\nIrish setter\tmy photo.png\ntench, Tinca tinca\tnight/1.png\ncat\tx.001.png\n",
        "x.001.png;cat;9\nday/1.png;cat;0\nmy photo.png;Irish setter;\nnight/1.png;tench, Tinca tinca\n",
        "day/1.png cat\nmy photo cat\nnight/1.png cat\nx.001 cat\n"};
    static const int all_cats[IMAGES] = {1, 1, 1, 1};
    for (size_t i = 0; i < sizeof form / sizeof *form; i++)
        assert_labels(form[i], NULL, TEC_NUMBERS_ASK, i == 7 ? all_cats : want);
}

static void test_numbers(void **state)
{
    (void)state;
    const char *from_0 = "1\n0\n2\n1\n", *from_1 = "2\n1\n3\n2\n", *other = "7\n30\n8\n7\n";
    assert_labels(from_0, NULL, TEC_NUMBERS_FROM_0, want);
    assert_labels(from_1, NULL, TEC_NUMBERS_FROM_1, want);
    assert_labels("day/1 1\nnight/1 2\nx.001 1\nmy photo 0\n", NULL, TEC_NUMBERS_FROM_0, want);
    assert_labels(other, "cat,7\n\"tench, Tinca tinca\",8\nIrish setter,30\nfrog,31\n", TEC_NUMBERS_ASK, want);
    assert_labels(other, "7;cat;the pet\n8;tench, Tinca tinca\n30;Irish setter\n", TEC_NUMBERS_ASK, want);
    assert_labels("0\n2\n1\n0\n", "cat and what is behind it\ntench, Tinca tinca\nIrish setter\n", TEC_NUMBERS_FROM_0,
                  want);
    assert_labels("1\n3\n2\n1\n", "cat\ntench, Tinca tinca\nIrish setter\n", TEC_NUMBERS_FROM_1, want);

    assert_refused(from_0, NULL, TEC_NUMBERS_ASK, "labels:1: which class of data.train is number 1?");
    assert_refused(from_0, NULL, TEC_NUMBERS_FROM_1, "labels:2: number 0, but the 3 classes of data.train are 1 to 3");
    assert_refused(from_1, NULL, TEC_NUMBERS_FROM_0, "labels:3: number 3, but the 3 classes of data.train are 0 to 2");
    assert_refused(other, "cat 7\nfrog 8\nIrish 30\n", TEC_NUMBERS_ASK,
                   "class 30, Irish by data.val_classes, is no class");
    assert_refused(other, "cat 7\nfrog 8\n", TEC_NUMBERS_ASK, "data.val_classes classes has no class of number 30");
    assert_refused(other, "cat 7\nfrog 7\n", TEC_NUMBERS_ASK, "number 7 means");
    assert_refused(other, "cat 7\nfrog x\n", TEC_NUMBERS_ASK, "1 of its 2 lines have a number");
    assert_refused(other, "cat\nfrog\n", TEC_NUMBERS_ASK, "data.val_numbers=from_1");
    assert_refused(other, "frog 7\n", TEC_NUMBERS_ASK, "no line names a class of data.train, such as Irish setter");
}

static void test_refusals(void **state)
{
    (void)state;
    assert_refused("1.png cat\nmy photo cat\nx.001 cat\n", NULL, TEC_NUMBERS_ASK, "labels:1: `1.png` may be ");
    assert_refused("day/1 cat\nmy photo cat\nx.001 cat\n", NULL, TEC_NUMBERS_ASK, "no label for 1 of the 4 images");
    assert_refused("day/1 cat\nday/1.png Irish setter\n", NULL, TEC_NUMBERS_ASK, "labels:2: ");
    assert_refused("day/1 cow\n", NULL, TEC_NUMBERS_ASK, "`cow` is no class of data.train");
    assert_refused("day/1.jpg cat\n", NULL, TEC_NUMBERS_ASK, "no line names an image");
    assert_refused("ay/1.png cat\n", NULL, TEC_NUMBERS_ASK, "no line names an image");
    assert_refused("cat\ncat\ncat\n", NULL, TEC_NUMBERS_ASK, "has 3 labels, one a line, but data.val val has 4 images");
    assert_refused("cat\ncat\ncat\ncat\ncat\n", NULL, TEC_NUMBERS_ASK, "has 5 labels");
    assert_refused("cat\ncat\ncatt\ncat\n", NULL, TEC_NUMBERS_ASK,
                   "labels:3: `catt` is no class of data.train; did you");
    assert_refused("", NULL, TEC_NUMBERS_ASK, "is empty");
}

/* Labels are of all images, also where a limit leaves a few of them. */
static void test_limit(void **state)
{
    (void)state;
    tec_dataset *train = open_set("train", TEC_LABELS_FOLDERS, 0), *val = open_set("val", TEC_LABELS_NONE, 2);
    tec_label_files files = {.labels_path = "labels",
                             .labels = "day/1 cat\nmy photo cat\nnight/1 Irish setter\nx.001 cat\n"};
    assert_int_equal(tec_labels_read(val, "val", train, &files), TEC_OK);
    assert_int_equal(tec_dataset_size(val), 2);
    assert_int_equal(tec_dataset_label(val, 0), 1);
    assert_int_equal(tec_dataset_label(val, 1), 0);
    tec_dataset_close(val);
    tec_dataset_close(train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, make_sets, remove_sets);
}
