/* Labels from text files: every form they come in, and what is refused. */
#include "tec/label_file.h"

#include "../data/pnm.h"
#include "capture.h"
#include "folder.h"
#include "tec/dataset_kept.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/text.h"

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

/* Tables as other programs write them: which column is the label is told by the header and by what they hold. */
static void test_tables(void **state)
{
    (void)state;
    static const char *const form[] = {
        ",filename,label\n0,day/1.png,cat\n1,my photo.png,Irish setter\n2,night/1.png,\"tench, Tinca tinca\"\n3,x.001.png,cat",
        "\tfilename\tlabel\n0\tday/1.png\tcat\n1\tmy photo.png\tIrish setter\n2\tnight/1.png\ttench, Tinca tinca\n"
        "3\tx.001.png\tcat",
        "filename,split,label\nday/1.png,test,cat\nmy photo.png,test,Irish setter\nnight/1.png,test,\"tench, Tinca tinca\"\n"
        "x.001.png,test,cat",
        "day/1.png;7;200;a;b;cat\nmy photo.png;9;100;a;b;Irish setter\nnight/1.png;7;2;a;b;tench, Tinca tinca\n"
        "x.001.png;7;3;a;b;cat",
        "path,second_best,class_name\nday/1.png,Irish setter,cat\nmy photo.png,cat,Irish setter\n"
        "night/1.png,cat,\"tench, Tinca tinca\"\nx.001.png,cat,cat",
        "file,label,class name\nday/1.png,5,cat\nmy photo.png,6,Irish setter\nnight/1.png,4,\"tench, Tinca tinca\"\n"
        "x.001.png,5,cat",
        "ImageId,PredictionString\nday/1,cat 1 2 3 4 cat 5 6 7 8\nmy photo,Irish setter\n"
        "night/1,\"tench, Tinca tinca\"\nx.001,cat 1 2 3 4"};
    for (size_t i = 0; i < sizeof form / sizeof *form; i++)
        assert_labels(form[i], NULL, TEC_NUMBERS_ASK, want);
    assert_labels("idx,file,target\n3,day/1.png,1\n2,my photo.png,0\n1,night/1.png,2\n0,x.001.png,1\n", NULL,
                  TEC_NUMBERS_FROM_0, want);

    assert_refused(
        "id,cat,Irish setter,\"tench, Tinca tinca\"\nday/1,1,0,0\nmy photo,0,1,0\nnight/1,0,0,1\nx.001,1,0,0\n", NULL,
        TEC_NUMBERS_FROM_0, "has a column for each class, 2 (cat) to 4 (tench, Tinca tinca)");
    assert_refused("day/1,1,0,0\nmy photo,0,1,0\nnight/1,0,0,1\nx.001,1,0,0\n", NULL, TEC_NUMBERS_FROM_0,
                   "columns 2 and 3 both hold numbers");
    assert_refused("day/1 1 0 0\nx.001 1 0 0\nnight/1 0 0 1\n", NULL, TEC_NUMBERS_FROM_0,
                   "labels:1: `1 0 0` is no class of data.train, nor can be told");
    assert_refused("day/1,cat,Irish setter\nmy photo,cat,cat\nnight/1,cat,\nx.001,cat,\n", NULL, TEC_NUMBERS_ASK,
                   "columns 2 and 3 both hold classes");
    assert_refused("file,label,class\nday/1,cat,Irish setter\nmy photo,cat,cat\nnight/1,cat,cat\nx.001,cat,cat\n", NULL,
                   TEC_NUMBERS_ASK, "columns 2 (label) and 3 (class) both hold classes");
    assert_refused("day/1\tcat Irish setter\nmy photo\tcat\n", NULL, TEC_NUMBERS_ASK,
                   "labels:1: `cat Irish setter` is no class");
    assert_refused("day/1\tcat dog\nmy photo\tcat\n", NULL, TEC_NUMBERS_ASK, "labels:1: `cat dog` is no class");
    assert_refused("day/1 cat Irish setter\nx.001 cat\n", NULL, TEC_NUMBERS_ASK,
                   "labels:1: `cat Irish setter` is no class");
}

/* A first line that could be about an image is no header. */
static void test_headers(void **state)
{
    (void)state;
    static const char *const rest = "day/1,cat\nmy photo,Irish setter\nnight/1,\"tench, Tinca tinca\"\nx.001,cat\n";
    static const struct {
        const char *first;
        bool header;
    } lines[] = {{"image,class\n", true}, {"gone.jpg,cat\n", false}, {"gone,7\n", false}, {"gone.jpg,cow\n", false}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char text[256], said[1024];
        snprintf(text, sizeof text, "%s%s", lines[i].first, rest);
        capture *c = capture_begin();
        assert_labels(text, NULL, TEC_NUMBERS_ASK, want);
        capture_end(c, said, sizeof said);
        assert_int_equal(!strstr(said, "the first is line 1"), lines[i].header);
    }
    assert_refused("catt\ncat\ncat\ncat\ncat\n", NULL, TEC_NUMBERS_ASK, "has 5 labels");
}

/* Lists of classes: names with blanks, numbers with colons, headers. */
static void test_classes(void **state)
{
    (void)state;
    static const char *const labels = "7\n30\n8\n7\n";
    static const char *const form[] = {"cat 7\ntench, Tinca tinca 8\nIrish setter 30\nnew york 31\n",
                                       "7 cat\n8 tench, Tinca tinca\n30 Irish setter\n31 new york\n",
                                       "7: cat\n8: tench, Tinca tinca\n30: Irish setter\n",
                                       "7:cat\n8:tench, Tinca tinca\n30:Irish setter\n",
                                       "cat: 7\ntench, Tinca tinca: 8\nIrish setter: 30\n",
                                       "label,name\n7,cat\n8,\"tench, Tinca tinca\"\n30,Irish setter\n",
                                       "name\tid\ncat\t7\ntench, Tinca tinca\t8\nIrish setter\t30\n",
                                       "30,an Irish dog,Irish setter\n7,a pet,cat\n8,a fish,\"tench, Tinca tinca\"\n",
                                       "cat 7 pet\ntench, Tinca tinca 8 fish\nIrish setter 30 dog\n"};
    for (size_t i = 0; i < sizeof form / sizeof *form; i++)
        assert_labels(labels, form[i], TEC_NUMBERS_ASK, want);
    assert_labels("0\n2\n1\n0\n", "class name\ncat\ntench, Tinca tinca\nIrish setter\n", TEC_NUMBERS_FROM_0, want);
    assert_refused(labels, "cat 7\nfrog\ncat 8\n", TEC_NUMBERS_ASK, "2 of its 3 lines have a number");
    assert_refused(labels, "cat 7\ncat 8\nIrish setter 30\n", TEC_NUMBERS_ASK, "class cat has the numbers 7 and 8");
    assert_refused("0\n2\n1\n0\n", "cat\nIrish setter\ncat flap\n", TEC_NUMBERS_FROM_0,
                   "class cat has the numbers 0 and 2");
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes;
        const char *what;
    } files[] = {{"\xFF\xFE"
                  "c\0a\0",
                  6, "data.val_labels F is UTF-16: save it as UTF-8"},
                 {"\xFE\xFF\0c\0a", 6, "is UTF-16"},
                 {"c\0a\0t\0\n\0", 8, "is UTF-16"},
                 {"cat\n\0dog\n", 9, "is no text"},
                 {"PK\3\4\24\0\6\0", 8, "save it as text (CSV)"},
                 {"MATLAB 5.0 MAT-file, Platform: GLNXA64\0\1IM", 43, "is a MATLAB file, which is not read"},
                 {"\x1f\x8b\x08\0\0\0\0\0", 8, "save it as text (CSV)"},
                 {" {\"a.jpg\": \"cat\"}\n", 18, "is JSON"},
                 {"\xEF\xBB\xBF[\"cat\"]", 10, "is JSON"},
                 {"[cat\ndog\n", 9, NULL},
                 {"P1\nP2\n", 6, NULL},
                 {"caf\xC3\xA9\tdog\r\n", 11, NULL}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        tec_status status = tec_labels_check_text("data.val_labels", "F", files[i].text, files[i].bytes);
        if (status != (files[i].what ? TEC_USER_ERROR : TEC_OK))
            fail_msg("text %zu: %d", i, (int)status);
        if (files[i].what && !strstr(tec_error_message(), files[i].what))
            fail_msg("\"%s\" does not say \"%s\"", tec_error_message(), files[i].what);
    }
}

/* Labels of images in class folders: the same, or another. */
static void test_folders(void **state)
{
    (void)state;
    put("classed/cat/1.png");
    put("classed/x/Irish setter/2.png");
    put("classed/other/3.png");
    tec_dataset *train = open_set("train", TEC_LABELS_FOLDERS, 0);
    const char *const texts[] = {"1,cat\n2,Irish setter\n3,cat\n", "1,cat\n2,cat\n3,cat\n"};
    for (int i = 0; i < 2; i++) {
        tec_dataset *set = open_set("classed", TEC_LABELS_NONE, 0);
        tec_label_files files = {.labels_path = "labels", .labels = texts[i]};
        assert_int_equal(tec_labels_read(set, "val", train, &files), i ? TEC_USER_ERROR : TEC_OK);
        assert_true(!i || strstr(tec_error_message(), "1 of 2 labels differ from the class folder"));
        tec_dataset_close(set);
    }
    tec_dataset_close(train);
}

/* Classes of a set that are some of another one's get its numbers. */
static void test_adopt(void **state)
{
    (void)state;
    put("part/cat/1.png");
    put("part/tench, Tinca tinca/2.png");
    put("more/cat/1.png");
    put("more/cow/2.png");
    put("more/pig/3.png");
    tec_dataset *train = open_set("train", TEC_LABELS_FOLDERS, 0), *part = open_set("part", TEC_LABELS_FOLDERS, 0),
                *more = open_set("more", TEC_LABELS_FOLDERS, 0);
    assert_int_equal(tec_labels_adopt(part, "part", train, "train"), TEC_OK);
    assert_int_equal(tec_dataset_classes(part), 3);
    assert_int_equal(tec_dataset_label(part, 0), 1);
    assert_int_equal(tec_dataset_label(part, 1), 2);
    assert_int_equal(tec_labels_adopt(more, "more", train, "train"), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "2 of the 3 classes of data.val more are none"));
    assert_int_equal(tec_dataset_classes(more), 3);
    tec_dataset_close(more);
    tec_dataset_close(part);
    tec_dataset_close(train);
}

/* One label a line is for images whose order is the same for everybody. */
static void test_order(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        bool same;
    } pairs[] = {{"10.png", "2.png", false},      {"02.png", "10.png", true},       {"a/B.png", "a/a.png", false},
                 {"a-b/1.png", "a/1.png", false}, {"a1b9.png", "a1b10.png", false}, {"a/1.png", "b/1.png", true}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char name[2][64], *folder = tec_string_format("order%zu", i);
        snprintf(name[0], sizeof name[0], "%s/%s", folder, pairs[i].first);
        snprintf(name[1], sizeof name[1], "%s/%s", folder, pairs[i].second);
        put(name[0]);
        put(name[1]);
        tec_dataset *train = open_set("train", TEC_LABELS_FOLDERS, 0), *set = open_set(folder, TEC_LABELS_NONE, 0);
        tec_label_files files = {.labels_path = "labels", .labels = "cat\nIrish setter\n"};
        tec_status status = tec_labels_read(set, "val", train, &files);
        assert_int_equal(status, pairs[i].same ? TEC_OK : TEC_USER_ERROR);
        assert_true(pairs[i].same || strstr(tec_error_message(), "give lines with file and label"));
        tec_dataset_close(set);
        tec_dataset_close(train);
        free(folder);
    }
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

/* ---- data.labels=FILE: the file says the classes, too ---- */

static tec_status list_with(const char *labels, tec_dataset **set)
{
    char *path = tec_path_join(top, "val");
    const tec_list_request request = {.path = path,
                                      .labels = TEC_LABELS_FILE,
                                      .labels_path = "file",
                                      .label_text = labels,
                                      .name = "train",
                                      .dir = {"", ""}};
    tec_listed listed;
    *set = NULL;
    tec_log_enable(false);
    tec_status status = tec_dataset_list(&request, &listed);
    tec_log_enable(true);
    if (status == TEC_OK)
        assert_int_equal(tec_dataset_open_taking(set, listed.list, listed.bytes, NULL, 1, 0), TEC_OK);
    free(listed.state);
    free(path);
    return status;
}

/* The classes of day/1.png, my photo.png, night/1.png, x.001.png, joined by "|". */
static void assert_file(const char *labels, const char *expected)
{
    tec_dataset *set;
    char *is = tec_string_copy("");
    if (list_with(labels, &set) != TEC_OK)
        fail_msg("`%s`: %s", labels, tec_error_message());
    for (int i = 0; i < IMAGES; i++)
        tec_string_append(&is, "%s%s", i ? "|" : "", tec_dataset_class_name(set, tec_dataset_label(set, i)));
    if (strcmp(is, expected) != 0)
        fail_msg("`%s`: `%s` instead of `%s`", labels, is, expected);
    tec_dataset_close(set);
    free(is);
}

static void test_file(void **state)
{
    (void)state;
    static const char *const same = "cat|big dog|7|cat";
    static const char *const form[] = {
        "day/1.png,cat\nmy photo.png,big dog\nnight/1.png,7\nx.001.png,cat\n",
        "image;label\r\nval/x.001;cat\r\nnight/1;7\r\nmy photo;big dog\r\n./day/1.png;cat\r\n",
        "cat\tday/1.png\nbig dog\tmy photo.png\n7\tnight/1.png\ncat\tx.001.png\n",
        "day/1.png cat\nmy photo.png big dog\nnight/1.png 7\nx.001.png cat\n",
        "day/1.png\tcat\t0\t32\nmy photo.png\tbig dog\t1\t2\nnight/1.png\t7\t3\t4\nx.001.png\tcat\t5\t6\n",
        "id,file,width,class,by\n1,day/1,9,cat,me\n2,my photo,9,big dog,you\n3,night/1,9,7,me\n4,x.001,9,cat,me\n",
        "day/1.png cat 1 2\nmy photo.png big dog\nnight/1.png 7\nx.001.png cat 3 4\nother.png cat\n",
    };
    for (size_t i = 0; i < sizeof form / sizeof *form; i++)
        assert_file(form[i], same);
    assert_file("10 day/1.png\n9 my photo.png\n9 night/1.png\n2 x.001.png\n", "10|9|9|2");

    tec_dataset *set;
    static const struct {
        const char *labels, *what;
    } refused[] = {
        {"day/1,cat\nx.001,dog\n", "has no label for 2 of the 4 images of "},
        {"day/1,cat\nx.001,dog\n", "val (my photo.png, ...)"},
        {"day/1,cat\nday/1,dog\n", "file: lines 1 and 2 give day/1.png two labels, cat and dog"},
        {"1.png,cat\n", "file:1: `1.png` may be day/1.png or night/1.png: give the path below data.train"},
        {"a.png,cat\nb.png,cat\n", "no line names an image of "},
        {"day/1,cat\nx.001,\n", "line 2: no label"},
        {"day/1,cat,dog\nx.001,cat,dog\n", "has 3 columns, and which of them is the label cannot be told"},
        {"day/1,1\nmy photo,-1\nnight/1,1\nx.001,1\n", "file: line 2: label -1 is negative"},
        {"\n", "file is empty"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(list_with(refused[i].labels, &set), TEC_USER_ERROR);
        if (!strstr(tec_error_message(), refused[i].what))
            fail_msg("\"%s\" does not say \"%s\"", tec_error_message(), refused[i].what);
    }
}

/* Labels are a part of the fingerprint, but where they are what the folders say. */
static void test_file_fingerprint(void **state)
{
    (void)state;
    tec_dataset *a, *b, *c;
    assert_int_equal(list_with("day/1,a\nmy photo,b\nnight/1,a\nx.001,b\n", &a), TEC_OK);
    assert_int_equal(list_with("x.001 b\nday/1 a\nnight/1 a\nmy photo b\n", &b), TEC_OK);
    assert_int_equal(list_with("day/1,b\nmy photo,b\nnight/1,a\nx.001,b\n", &c), TEC_OK);
    assert_true(tec_dataset_fingerprint(a) == tec_dataset_fingerprint(b));
    assert_true(tec_dataset_fingerprint(a) != tec_dataset_fingerprint(c));
    tec_dataset_close(a);
    tec_dataset_close(b);
    tec_dataset_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_adopt),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_file_fingerprint),
    };
    return cmocka_run_group_tests(tests, make_sets, remove_sets);
}
