/* Folders and IDX files as data sets: numbers, names, labels, fingerprints, limits, and what is refused. */
#include "tec/dataset.h"
#include "tec/findings_report.h"
#include "tec/hints.h"
#include "tec/text.h"

#include "../data/pnm.h"
#include "capture.h"
#include "folder.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#define FASHION "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"

/* A copy of a fixture, its folders made as needed. */
static void put(const char *fixture, const char *name)
{
    char path[256];
    size_t bytes;
    snprintf(path, sizeof path, TEST_DATA "images/%s", fixture);
    uint8_t *data = read_bytes(path, &bytes);
    snprintf(path, sizeof path, "%s", folder_at(name));
    *strrchr(path, '/') = 0;
    assert_int_equal(tec_directory_make(path), TEC_OK);
    assert_int_equal(tec_file_write(folder_at(name), data, bytes), TEC_OK);
    free(data);
}

static void put_text(const char *text, const char *name)
{
    put("grey.png", name); /* makes the folders */
    assert_int_equal(tec_file_write(folder_at(name), text, strlen(text)), TEC_OK);
}

static void put_bytes(const char *data, size_t bytes, const char *name)
{
    put("grey.png", name);
    assert_int_equal(tec_file_write(folder_at(name), data, bytes), TEC_OK);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" has no \"%s\"", text, part);
}

static tec_status open_limited(tec_dataset **set, const char *path, tec_label_mode labels, int channels, int64_t limit)
{
    char *list;
    size_t bytes;
    *set = NULL;
    tec_status status = tec_dataset_scan(path, labels, &list, &bytes);
    if (status == TEC_OK)
        status = tec_dataset_open(set, list, bytes, channels, limit);
    free(list);
    assert_true((status == TEC_OK) == (*set != NULL));
    return status;
}

static tec_dataset *open_all(const char *name, tec_label_mode labels, int64_t limit)
{
    tec_dataset *set;
    if (open_limited(&set, *name == '/' ? name : folder_at(name), labels, 3, limit) != TEC_OK)
        fail_msg("%s", tec_error_message());
    return set;
}

static void assert_refused(const char *name, tec_label_mode labels, const char *what)
{
    tec_dataset *set;
    assert_int_equal(open_limited(&set, folder_at(name), labels, 3, 0), TEC_USER_ERROR);
    if (!strstr(tec_error_message(), folder_top) || !strstr(tec_error_message(), what))
        fail_msg("\"%s\" does not name the file and \"%s\"", tec_error_message(), what);
}

static uint64_t fingerprint(const char *name, int64_t limit)
{
    tec_dataset *set = open_all(name, TEC_LABELS_AUTO, limit);
    uint64_t value = tec_dataset_fingerprint(set);
    tec_dataset_close(set);
    return value;
}

static void assert_names(const tec_dataset *set, const char *const *name, int count)
{
    char text[128];
    assert_int_equal(tec_dataset_size(set), count);
    for (int i = 0; i < count; i++)
        assert_string_equal(tec_dataset_name(set, i, text, sizeof text), name[i]);
}

/* ---- folders ---- */

static void make_classes(void)
{
    put("rgb444.jpg", "set/dog/2.JPEG");
    put("grey.png", "set/dog/10.png");
    put("rgb420.jpg", "set/cat/deep/er/1.jpg");
    put("cmyk.jpg", "set/cat/x.Jpg");
    put("rgba.png", "set/cat-big/1.PNG");
    put("rgb.png", "set/dog/notes.txt"); /* told by its name */
    put_text("These are cats.", "set/cat/deep/README");
    assert_int_equal(tec_directory_make(folder_at("set/empty")), TEC_OK);
}

static void test_class_folders(void **state)
{
    (void)state;
    make_classes();
    /* Sorted bytewise by path ('-' comes before '/'); classes by name. */
    static const char *const name[] = {"set/cat-big/1.PNG", "set/cat/deep/er/1.jpg", "set/cat/x.Jpg", "set/dog/10.png",
                                       "set/dog/2.JPEG"};
    static const char *const fixture[] = {"rgba.png", "rgb420.jpg", "cmyk.jpg", "grey.png", "rgb444.jpg"};
    static const char *const class_name[] = {"cat", "cat-big", "dog"};
    static const int label[] = {1, 0, 0, 2, 2};
    tec_dataset *set = open_all("set", TEC_LABELS_AUTO, 0);
    assert_names(set, name, 5);
    assert_int_equal(tec_dataset_classes(set), 3);
    for (int c = 0; c < 3; c++)
        assert_string_equal(tec_dataset_class_name(set, c), class_name[c]);
    for (int i = 0; i < 5; i++) {
        char path[256];
        tec_image got;
        snprintf(path, sizeof path, TEST_DATA "images/%s.ppm", fixture[i]);
        tec_image want = read_pnm(path);
        assert_int_equal(tec_dataset_label(set, i), label[i]);
        assert_int_equal(tec_dataset_read(set, i, &got), TEC_OK);
        assert_memory_equal(got.pixels, want.pixels, (size_t)want.height * (size_t)want.width * 3);
        tec_image_free(&got);
        tec_image_free(&want);
    }
    tec_dataset_close(set);
}

/* ---- list files ---- */

/* Its lines in any order, with the classes of folders: the set of the folder, by whatever name. */
static void test_list_file(void **state)
{
    (void)state;
    make_classes();
    put_text("\xef\xbb\xbf"
             "path,label\r\n"
             "dog/10.png,dog\r\n./cat/x.Jpg, cat\r\n\"cat-big/1.PNG\",cat-big\r\n"
             "dog/2.JPEG,dog\r\ncat/deep/er/1.jpg,cat\r\n",
             "set/all.csv");
    static const char *const name[] = {"set/cat-big/1.PNG", "set/cat/deep/er/1.jpg", "set/cat/x.Jpg", "set/dog/10.png",
                                       "set/dog/2.JPEG"};
    static const int label[] = {1, 0, 0, 2, 2};
    tec_dataset *set = open_all("set/all.csv", TEC_LABELS_AUTO, 0);
    assert_names(set, name, 5);
    assert_int_equal(tec_dataset_classes(set), 3);
    assert_string_equal(tec_dataset_class_name(set, 1), "cat-big");
    for (int i = 0; i < 5; i++) {
        tec_image image;
        assert_int_equal(tec_dataset_label(set, i), label[i]);
        assert_int_equal(tec_dataset_read(set, i, &image), TEC_OK);
        tec_image_free(&image);
    }
    tec_dataset_close(set);
    assert_true(fingerprint("set/all.csv", 0) == fingerprint("set", 0));
}

static void test_labels_of_list_file(void **state)
{
    (void)state;
    make_classes();
    /* Of numbers the order is theirs; labels win over folders, unless these are asked for. */
    put_text("dog/10.png\t9\ndog/2.JPEG\t10\ncat/x.Jpg\t9\n", "set/numbers.tsv");
    static const char *const name[] = {"set/cat/x.Jpg", "set/dog/10.png", "set/dog/2.JPEG"};
    tec_dataset *set = open_all("set/numbers.tsv", TEC_LABELS_AUTO, 0);
    assert_names(set, name, 3);
    assert_int_equal(tec_dataset_classes(set), 2);
    assert_string_equal(tec_dataset_class_name(set, 1), "10");
    assert_int_equal(tec_dataset_label(set, 1), 0);
    assert_int_equal(tec_dataset_label(set, 2), 1);
    tec_dataset_close(set);
    set = open_all("set/numbers.tsv", TEC_LABELS_FOLDERS, 0);
    assert_string_equal(tec_dataset_class_name(set, 1), "dog");
    assert_int_equal(tec_dataset_label(set, 1), 1);
    tec_dataset_close(set);
    set = open_all("set/numbers.tsv", TEC_LABELS_NONE, 0);
    assert_int_equal(tec_dataset_classes(set), 0);
    tec_dataset_close(set);
    /* Without labels the folders are classes, as of a folder. */
    put_text("dog/10.png\ncat/x.Jpg\n", "set/some.txt");
    set = open_all("set/some.txt", TEC_LABELS_AUTO, 0);
    assert_names(set, name, 2);
    assert_string_equal(tec_dataset_class_name(set, 0), "cat");
    tec_dataset_close(set);
}

static void test_list_file_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what;
    } bad[] = {
        {"dog/10.png,a\ndog/11.png,b\n", "list.csv: line 2: there is no file dog/11.png in "},
        {"dog/10.png,a\ndog/2.JPEG\n", "line 2 has 1 column"},
        {"dog/10.png,a,b\n", "line 1 has 3 columns: a path, and in all lines or none a label"},
        {"dog/10.png,a\ncat/x.Jpg,\n", "list.csv: line 2: no label"},
        {"dog/10.png,a\ncat/x.Jpg,a\n./dog//./2/../10.png,a\n",
         "list.csv: lines 1 and 3 list the same image dog/10.png: remove one"},
        {"dog/10.png,a\ndog/../../set2/x.png,a\n", "line 2: `dog/../../set2/x.png` is not below "},
        {"dog/11.png,a\ndog/10.png,a\n", "line 1: there is no file dog/11.png in "},
        {",a\ndog/10.png,a\n", "line 1: `` is not below "},
        {"dog/10.png,1\ncat/x.Jpg,-1\n", "line 2: label -1 is negative"},
        {"dog/10.png,1\ncat/x.Jpg,2\ndog/2.JPEG,01\n", "lines 1 and 3: 1 and 01 are the same number"},
        {"dog/10.png,a\n/etc/x.png,a\n", "line 2: `/etc/x.png` is not below "},
        {"path,label\n", "list.csv: no image is listed in it"},
        {"", "list.csv: no image is listed in it"},
        {"head,a\ndog/10.png,a\ncat,b\n", "line 3: there is no file cat in "},
        {"{\"a\": 1}", "JSON"},
    };
    make_classes();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_text(bad[i].text, "set/list.csv");
        assert_refused("set/list.csv", TEC_LABELS_AUTO, bad[i].what);
    }
    char *list;
    size_t bytes;
    put_text(bad[0].text, "set/list.csv");
    assert_int_equal(tec_dataset_scan_skipping(folder_at("set/list.csv"), TEC_LABELS_AUTO, &list, &bytes), TEC_OK);
    tec_dataset *set;
    assert_int_equal(tec_dataset_open(&set, list, bytes, 3, 0), TEC_OK);
    assert_int_equal(tec_dataset_size(set), 2);
    tec_dataset_close(set);
    free(list);
}

/* However a path is written, also from the top. */
static void test_paths_of_list_file(void **state)
{
    (void)state;
    static const char *const name[] = {"set/cat/x.Jpg", "set/dog/10.png", "set/dog/2.JPEG"};
    char text[1024], before[1024], *top = realpath(folder_top, NULL);
    make_classes();
    snprintf(text, sizeof text, "id\ndog//10.png\n%s/set/./dog/2.JPEG\ncat/../cat/x.Jpg\n", top);
    put_text(text, "set/list.csv");
    tec_dataset *set = open_all("set/list.csv", TEC_LABELS_AUTO, 0);
    assert_names(set, name, 3);
    tec_dataset_close(set);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder_top), 0);
    assert_int_equal(open_limited(&set, "set/list.csv", TEC_LABELS_AUTO, 3, 0), TEC_OK);
    assert_names(set, name, 3);
    tec_dataset_close(set);
    assert_int_equal(chdir(before), 0);
    free(top);
}

/* Labels that are not those of the folders are a part of the fingerprint, as are their names and their order. */
static void test_fingerprint_of_labels(void **state)
{
    (void)state;
    static const char *const text[] = {"dog/10.png,a\ndog/2.JPEG,b\n", "dog/10.png,b\ndog/2.JPEG,a\n",
                                       "dog/10.png,a\ndog/2.JPEG,c\n", "dog/10.png\ndog/2.JPEG\n"};
    uint64_t value[4];
    make_classes();
    for (int i = 0; i < 4; i++) {
        put_text(text[i], "set/list.csv");
        value[i] = fingerprint("set/list.csv", 0);
        for (int k = 0; k < i; k++)
            assert_true(value[i] != value[k]);
    }
    put_text("dog/2.JPEG,dog\ndog/10.png,dog\n", "set/list.csv");
    assert_true(fingerprint("set/list.csv", 0) == value[3]);
}

/* What folders are called says nothing where labels are others. */
static void test_hints_of_list_file(void **state)
{
    (void)state;
    make_classes();
    for (int labels = 0; labels < 2; labels++) {
        put_text(labels ? "dog/10.png,a\ndog/2.JPEG,a\n" : "dog/10.png\ndog/2.JPEG\n", "set/list.csv");
        tec_dataset *set = open_all("set/list.csv", TEC_LABELS_AUTO, 0);
        char *hint = tec_hint_folders(set, "data.train", folder_at("set/list.csv"));
        if (labels)
            assert_null(hint);
        else
            assert_has(hint, "set has only one class, dog");
        free(hint);
        tec_dataset_close(set);
    }
}

/* More than a rank keeps the place of in the list: whichever is asked for, also behind a limit. */
static void test_many_files(void **state)
{
    (void)state;
    enum { FILES = 50 };
    char path[64], text[64];
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "set/%c/%0*d.png", "abc"[i * 3 / FILES], 3 + i % 5,
                 i); /* paths of several lengths */
        put(i % 2 ? "grey.png" : "rgb.png", path);
    }
    tec_dataset *all = open_all("set", TEC_LABELS_AUTO, 0), *some = open_all("set", TEC_LABELS_AUTO, 20);
    char *name[FILES];
    for (int i = 0; i < FILES; i++)
        name[i] = tec_string_copy(tec_dataset_name(all, i, text, sizeof text));
    for (int i = 1; i < FILES; i++)
        assert_true(strcmp(name[i - 1], name[i]) < 0);
    for (int i = 0, at = 0; i < FILES; i++, at = (at + 17) % FILES) {
        assert_string_equal(tec_dataset_name(all, at, text, sizeof text), name[at]);
        assert_int_equal(tec_dataset_label(all, at), name[at][4] - 'a');
        tec_image image;
        assert_int_equal(tec_dataset_read(all, at, &image), TEC_OK);
        tec_image_free(&image);
    }
    for (int i = 19; i >= 0; i--) {
        assert_string_equal(tec_dataset_name(some, i, text, sizeof text), name[i * FILES / 20]);
        assert_int_equal(tec_dataset_label(some, i), name[i * FILES / 20][4] - 'a');
    }
    for (int i = 0; i < FILES; i++)
        free(name[i]);
    tec_dataset_close(all);
    tec_dataset_close(some);
}

static void test_without_labels(void **state)
{
    (void)state;
    make_classes();
    tec_dataset *set = open_all("set/", TEC_LABELS_NONE, 0); /* a slash at the end changes nothing */
    char text[64], tiny[8];
    assert_int_equal(tec_dataset_size(set), 5);
    assert_int_equal(tec_dataset_classes(set), 0);
    assert_int_equal(tec_dataset_label(set, 2), -1);
    assert_string_equal(tec_dataset_name(set, 2, text, sizeof text), "set/cat/x.Jpg");
    assert_string_equal(tec_dataset_name(set, 2, tiny, sizeof tiny), "set/cat");
    tec_dataset_close(set);
}

static void test_images_at_the_top(void **state)
{
    (void)state;
    make_classes();
    put("rgb.png", "set/at top\nof it.png");
    static const char *const name[] = {"set/at top\nof it.png", "set/cat-big/1.PNG", "set/cat/deep/er/1.jpg",
                                       "set/cat/x.Jpg",         "set/dog/10.png",    "set/dog/2.JPEG"};
    tec_dataset *set = open_all("set", TEC_LABELS_AUTO, 0);
    tec_image image;
    assert_names(set, name, 6);
    assert_int_equal(tec_dataset_classes(set), 0);
    assert_int_equal(tec_dataset_read(set, 0, &image), TEC_OK);
    tec_image_free(&image);
    tec_dataset_close(set);

    set = open_all("set", TEC_LABELS_FOLDERS, 0);
    assert_names(set, name + 1, 5);
    assert_int_equal(tec_dataset_classes(set), 3);
    assert_int_equal(tec_dataset_label(set, 4), 2);
    tec_dataset_close(set);
}

static void test_links(void **state)
{
    (void)state;
    make_classes();
    assert_int_equal(symlink("..", folder_at("set/cat/up")), 0);
    assert_int_equal(symlink("../..", folder_at("set/cat/deep/up")), 0);
    assert_int_equal(symlink("../dog", folder_at("set/cat/zoo")), 0);
    assert_int_equal(symlink("nowhere", folder_at("set/dog/dangling")), 0);
    static const char *const name[] = {"set/cat-big/1.PNG",  "set/cat/deep/er/1.jpg", "set/cat/x.Jpg",
                                       "set/cat/zoo/10.png", "set/cat/zoo/2.JPEG",    "set/dog/10.png",
                                       "set/dog/2.JPEG"};
    tec_dataset *set = open_all("set", TEC_LABELS_AUTO, 0);
    assert_names(set, name, 7);
    tec_dataset_close(set);
    assert_int_equal(symlink("nowhere", folder_at("set/dog/a.jpg")), 0);
    assert_refused("set", TEC_LABELS_AUTO, "dog/a.jpg: No such file or directory: remove the link, or leave such");
}

/* Where bad images are left out, a dead link is one of them. */
static void test_dead_links_are_bad_images(void **state)
{
    (void)state;
    char *list;
    size_t bytes;
    tec_dataset *set;
    tec_image image;
    make_classes();
    assert_int_equal(symlink("nowhere", folder_at("set/dog/a.jpg")), 0);
    assert_int_equal(tec_dataset_scan_skipping(folder_at("set"), TEC_LABELS_AUTO, &list, &bytes), TEC_OK);
    assert_int_equal(tec_dataset_open(&set, list, bytes, 3, 0), TEC_OK);
    assert_int_equal(tec_dataset_size(set), 6);
    assert_int_equal(tec_dataset_read(set, 5, &image), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "set/dog/a.jpg: No such file"));
    tec_dataset_close(set);
    free(list);
}

/* ---- what is found while reading ---- */

static void read_all(const tec_dataset *set)
{
    for (int64_t i = 0; i < tec_dataset_size(set); i++) {
        tec_image image;
        if (tec_dataset_read(set, i, &image) == TEC_OK)
            tec_image_free(&image);
    }
}

/* The warnings about what was read of the set; valid until the next call. */
static const char *findings_of(const tec_dataset *set)
{
    static char text[2048];
    tec_comm alone;
    tec_comm_local(&alone);
    capture *c = capture_begin();
    tec_findings_report(set, &alone, "the set");
    capture_end(c, text, sizeof text);
    return text;
}

static void test_damage_is_counted_once(void **state)
{
    (void)state;
    static const char *const name[] = {"no_iend.png", "rgb.png", "cut_iend.png", "bad_code.jpg", "turned6.jpg"};
    for (int i = 0; i < 5; i++) {
        char path[64];
        snprintf(path, sizeof path, "set/%d%s", i, strstr(name[i], ".jpg") ? ".jpg" : ".png");
        put(name[i], path);
    }
    tec_dataset *set = open_all("set", TEC_LABELS_AUTO, 0);
    uint64_t plain = tec_dataset_fingerprint(set);
    assert_string_equal(findings_of(set), "");
    read_all(set);
    read_all(set);
    assert_string_equal(
        findings_of(set),
        "tec: warning: the set: damaged images were read all the same (data.strict_images=true refuses them): "
        "2 PNG without an end (IEND) (first: set/0.png), 1 JPEG with a bad Huffman code (first: set/3.jpg)\n"
        "tec: warning: the set: 1 image with an EXIF orientation that is ignored, as torchvision does (first: "
        "set/4.jpg); data.exif_orientation=apply turns them upright\n");
    tec_dataset_close(set);

    tec_image image;
    set = open_all("set", TEC_LABELS_AUTO, 0);
    tec_dataset_decode_as(set, true, true);
    assert_true(tec_dataset_fingerprint(set) != plain); /* crops of a target store would not fit */
    assert_int_equal(tec_dataset_read(set, 0, &image), TEC_USER_ERROR);
    assert_int_equal(tec_dataset_read(set, 3, &image), TEC_USER_ERROR);
    assert_int_equal(tec_dataset_read(set, 4, &image), TEC_OK);
    assert_int_equal(image.height, 37);
    tec_image_free(&image);
    assert_string_equal(findings_of(set), "");
    tec_dataset_close(set);
}

static uint8_t *put_number(uint8_t *at, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(value >> shift);
    return at;
}

static uint8_t *put_chunk(uint8_t *at, const char *type, const uint8_t *data, uint32_t bytes)
{
    uint8_t *start = put_number(at, bytes);
    memcpy(start, type, 4);
    if (bytes)
        memcpy(start + 4, data, bytes);
    return put_number(start + 4 + bytes, (uint32_t)crc32(0, start, bytes + 4));
}

/* A grey PNG of 16 x 16 pixels with values from `low` to `high` and `bits` bits each; `bright` of them are the
 * brightest there is. */
static void put_bright(const char *name, int bits, int low, int high, int bright)
{
    uint8_t file[2048], rows[16 * 33], packed[1024], *row = rows, *at = file;
    for (int y = 0; y < 16; y++) {
        *row++ = 0;
        for (int x = 0; x < 16; x++) {
            int value = 16 * y + x < bright ? (1 << bits) - 1 : low + (high - low) * (16 * y + x) / 255;
            if (bits == 16)
                *row++ = (uint8_t)(value >> 8);
            *row++ = (uint8_t)value;
        }
    }
    uLongf bytes = sizeof packed;
    assert_int_equal(compress(packed, &bytes, rows, (uLong)(row - rows)), Z_OK);
    const uint8_t header[13] = {0, 0, 0, 16, 0, 0, 0, 16, (uint8_t)bits};
    memcpy(at, "\x89PNG\r\n\x1a\n", 8);
    at = put_chunk(put_chunk(put_chunk(at + 8, "IHDR", header, 13), "IDAT", packed, (uint32_t)bytes), "IEND", NULL, 0);
    put_bytes((char *)file, (size_t)(at - file), name);
}

static void put_grey(const char *name, int bits, int low, int high)
{
    put_bright(name, bits, low, high, 0);
}

static const char *range_of(int bits, int low, int high, int low2, int high2)
{
    put_grey("set/1.png", bits, low, high);
    put_grey("set/2.png", bits, low2, high2);
    tec_dataset *set = open_all("set", TEC_LABELS_AUTO, 0);
    read_all(set);
    const char *text = findings_of(set);
    tec_dataset_close(set);
    return text;
}

static void test_narrow_range(void **state)
{
    (void)state;
    assert_string_equal(range_of(16, 0, 4095, 10, 3000),
                        "tec: warning: the set: the values of its 16-bit images lie between 0 and 4095 of 0 to 65535, "
                        "which is less than a quarter of the range, and become 16 levels: scale them to the whole "
                        "range\n");
    assert_has(range_of(16, 32768, 36863, 32768, 36863), "between 32768 and 36863 of 0 to 65535");
    assert_has(range_of(16, 0, 16127, 0, 5), "between 0 and 16127 of 0 to 65535");
    assert_string_equal(range_of(16, 0, 16384, 0, 5), "");
    assert_string_equal(range_of(16, 0, 4095, 40000, 41000), ""); /* together they use it */
    assert_has(range_of(8, 0, 19, 0, 19), "its 8-bit images lie between 0 and 19 of 0 to 255");
    assert_string_equal(range_of(8, 100, 163, 5, 6), "");
}

/* A few bright pixels or a few bright images do not hide it. */
static void test_narrow_range_of_most(void **state)
{
    (void)state;
    char name[64];
    for (int wide = 0; wide <= 3; wide++) {
        for (int i = 0; i < 20; i++) {
            snprintf(name, sizeof name, "set/%d.png", i);
            put_bright(name, 16, 0, 4095, i < wide ? 16 : 0);
        }
        tec_dataset *set = open_all("set", TEC_LABELS_AUTO, 0);
        read_all(set);
        const char *text = findings_of(set);
        if (wide == 2)
            assert_has(text, "the values of its 16-bit images (18 of 20) lie between 0 and 4095 of 0 to 65535, ");
        else if (wide == 3)
            assert_string_equal(text, "");
        tec_dataset_close(set);
    }
    put_bright("dots/1.png", 16, 0, 4095, 1);
    put_bright("dots/2.png", 16, 0, 4095, 0);
    tec_dataset *set = open_all("dots", TEC_LABELS_AUTO, 0);
    read_all(set);
    assert_has(findings_of(set), "its 16-bit images (single pixels aside) lie between 0 and 4095 of 0 to 65535");
    tec_dataset_close(set);
}

/* ---- what is no image, or is not named as one ---- */

static const char avif[] = "\0\0\0\x1c"
                           "ftypavif",
                  jxl[] = "\0\0\0\x0cJXL \r\n\x87\n";

/* What is warned of while `name` is listed; valid until the next call. */
static const char *warnings_of(const char *name, tec_label_mode labels)
{
    static char text[2048];
    tec_dataset *set;
    capture *c = capture_begin();
    tec_status status = open_limited(&set, folder_at(name), labels, 3, 0);
    capture_end(c, text, sizeof text);
    assert_int_equal(status, TEC_OK);
    tec_dataset_close(set);
    return text;
}

static void test_content_makes_an_image(void **state)
{
    (void)state;
    put("rgb420.jpg", "set/cat/1.jfif");
    put("rgb420.jpg", "set/cat/2.JPE");
    put("rgb.png", "set/cat/3.dat");
    put("rgb.png", "set/cat/a1b2c3d4");
    put("grey.jpg", "set/dog/x.avif"); /* whatever its name says */
    static const char *const name[] = {"set/cat/1.jfif", "set/cat/2.JPE", "set/cat/3.dat", "set/cat/a1b2c3d4",
                                       "set/dog/x.avif"};
    tec_dataset *set = open_all("set", TEC_LABELS_AUTO, 0);
    assert_names(set, name, 5);
    for (int i = 0; i < 5; i++) {
        tec_image image;
        assert_int_equal(tec_dataset_read(set, i, &image), TEC_OK);
        tec_image_free(&image);
    }
    tec_dataset_close(set);
    const char *text = warnings_of("set", TEC_LABELS_AUTO);
    assert_has(text, "/set: 3 files are read as images by their content: 1 ");
    assert_has(text, "1 without an ending");
    assert_null(strstr(text, "warning"));
    put("rgb.png", "set/cat/3.png.bak");
    put("rgb420.jpg", "set/dog/4.jpg~");
    put("rgb420.jpg", "set/dog/5.jpg.part");
    text = warnings_of("set", TEC_LABELS_AUTO);
    assert_has(text, "warning: ");
    assert_has(text, "/set: 6 files are read as images by their content: 1 ");
    assert_has(text, "1 .bak");
    assert_has(text, "; 3 of them named as copies or unfinished downloads: move these away");
}

/* Of a class without an image a few of the files that are named as text are looked into. */
static void test_images_named_as_text(void **state)
{
    (void)state;
    put("rgb.png", "set/cat/1.png");
    put("rgb.png", "set/dog/1.jpg.txt");
    put("rgb.png", "set/dog/2.jpg.txt");
    assert_refused("set", TEC_LABELS_AUTO, "no image of class `dog` can be read: dog/");
    assert_refused("set", TEC_LABELS_FOLDERS, ".jpg.txt is an image, but named as text, which is not opened: rename");
    assert_has(warnings_of("set", TEC_LABELS_NONE), "class `dog` can be read: dog/");
    put_bytes(avif, sizeof avif, "set/eel/deep/1.json");
    assert_int_equal(folder_remove(folder_at("set/dog")), 0);
    assert_refused("set", TEC_LABELS_AUTO, "eel/deep/1.json is an AVIF image, but named as text");
    assert_int_equal(folder_remove(folder_at("set/eel")), 0);
    put_text("About the cats", "set/docs/about.txt");
    assert_has(warnings_of("set", TEC_LABELS_AUTO), "1 folder without images (docs)");
    put("rgb.png", "flat/1.xml");
    assert_refused("flat", TEC_LABELS_AUTO, "but 1 .xml; 1.xml is an image, but named as text");
    put("rgb.png", "deep/a/1.xml");
    assert_refused("deep", TEC_LABELS_NONE, "but 1 .xml; no image of class `a` can be read: a/1.xml is an image");
}

static void test_what_is_passed_over_is_counted(void **state)
{
    (void)state;
    make_classes();
    for (int i = 0; i < 12; i++) {
        char name[64];
        snprintf(name, sizeof name, "set/%s/%d.%s", i % 2 ? "cat" : "dog", i, i < 7 ? "avif" : i < 10 ? "JXL" : "bin");
        put_bytes(i < 7 ? avif : jxl, i < 7 ? sizeof avif : sizeof jxl, name);
    }
    assert_int_equal(mkfifo(folder_at("set/dog/pipe"), 0600), 0);
    const char *text = warnings_of("set", TEC_LABELS_AUTO);
    assert_has(text,
               "/set: 14 files passed over: 7 .avif, 3 .jxl, 2 .bin (JPEG XL), 1 without an ending (text), 1 .txt; ");
    assert_has(text, "; 1 special file (dog/pipe); 1 folder without images (empty)\n");
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void test_junk(void **state)
{
    (void)state;
    put("rgb.png", "set/cat/1.png");
    put("rgb.png", "set/dog/1.png");
    uint64_t before = fingerprint("set", 0);
    put("rgb.png", "set/cat/._1.png");
    put("rgb.png", "set/.ipynb_checkpoints/1-checkpoint.png");
    put("rgb.png", "set/__MACOSX/cat/._1.png");
    put("rgb.png", "set/dog/Thumbs.db");
    put_text("x", "set/.DS_Store");
    assert_true(fingerprint("set", 0) == before);
    assert_has(warnings_of("set", TEC_LABELS_AUTO), "/set: passed over: 5 hidden or system files (");
    rename(folder_at("set"), folder_at(".set")); /* only what is in the folder counts */
    assert_true(fingerprint(".set", 0) == before);
}

static void test_lost_classes(void **state)
{
    (void)state;
    make_classes();
    put_bytes(jxl, sizeof jxl, "set/bird/1.jxl");
    put_bytes(jxl, sizeof jxl, "set/bird/deep/2.jxl");
    assert_refused("set", TEC_LABELS_AUTO, "no image of class `bird` can be read: 2 .jxl; mend or convert them");
    assert_refused("set", TEC_LABELS_FOLDERS, "no image of class `bird`");
    assert_has(warnings_of("set", TEC_LABELS_NONE), "no image of class `bird` can be read: 2 .jxl");
    put("rgb.png", "set/bird/3.png");
    tec_dataset *set = open_all("set", TEC_LABELS_AUTO, 0);
    assert_int_equal(tec_dataset_classes(set), 4);
    tec_dataset_close(set);

    put_bytes(avif, sizeof avif, "set/bird/3.png"); /* by its name alone an image */
    assert_refused("set", TEC_LABELS_AUTO,
                   "`bird` can be read: the only file named as an image is none (bird/3.png: neither JPEG, PNG, ");
    assert_refused("set", TEC_LABELS_AUTO, "nor PNM, but an AVIF image");
    assert_int_equal(folder_remove(folder_at("set/bird")), 0);
    assert_int_equal(symlink("nowhere", folder_at("set/bird")), 0);
    assert_refused("set", TEC_LABELS_AUTO, "no image of class `bird` can be read: a dead link");
    remove(folder_at("set/bird"));
    put_text("About the cats", "set/docs/about.txt"); /* is no class */
    assert_has(warnings_of("set", TEC_LABELS_AUTO), "2 folders without images (");
}

static void test_nothing_there(void **state)
{
    (void)state;
    assert_refused("absent", TEC_LABELS_AUTO, "absent: No such file");
    put("rgb.png", "bare/a/notes.txt");
    assert_refused("bare", TEC_LABELS_AUTO, ".pgm, .ppm, or by content) in it or below, but 1 .txt");
    char dicom[140] = "";
    memcpy(dicom + 128, "DICM", 4);
    put_bytes(dicom, sizeof dicom, "series/a/1.dcm");
    assert_refused("series", TEC_LABELS_AUTO, "but 1 .dcm (DICOM is converted by dcmj2pnm --write-png");
    put("rgb.png", "flat/a.png");
    assert_refused("flat", TEC_LABELS_FOLDERS, "any class folder");
    put("rgb.png", "file/a.png");
    assert_refused("file/a.png", TEC_LABELS_AUTO, "not an IDX file of images (starts with 89504e47");
}

static void test_folder_fingerprint(void **state)
{
    (void)state;
    make_classes();
    uint64_t before = fingerprint("set", 0);
    assert_true(fingerprint("set", 3) != before);
    assert_true(fingerprint("set", 3) != fingerprint("set", 4));
    assert_true(fingerprint("set", 5) == before); /* all of them */
    put("rgb420.jpg", "set/dog/2.JPEG");
    assert_true(fingerprint("set", 0) != before);
    put("rgb444.jpg", "set/dog/2.JPEG");
    assert_true(fingerprint("set", 0) == before);
    rename(folder_at("set/dog/2.JPEG"), folder_at("set/dog/3.JPEG"));
    assert_true(fingerprint("set", 0) != before);
    rename(folder_at("set/dog/3.JPEG"), folder_at("set/dog/2.JPEG"));
    put("rgb444.jpg", "set/dog/9.jpg");
    assert_true(fingerprint("set", 0) != before);
    remove(folder_at("set/dog/9.jpg"));
    rename(folder_at("set"), folder_at("elsewhere"));
    assert_true(fingerprint("elsewhere", 0) == before);
    remove(folder_at("elsewhere/cat/x.Jpg"));
    assert_true(fingerprint("elsewhere", 0) != before);
}

static void test_bad_files_are_named(void **state)
{
    (void)state;
    make_classes();
    assert_int_equal(truncate(folder_at("set/dog/2.JPEG"), 300), 0);
    assert_int_equal(truncate(folder_at("set/dog/10.png"), 0), 0);
    tec_dataset *set = open_all("set", TEC_LABELS_AUTO, 0);
    tec_image image;
    remove(folder_at("set/cat/x.Jpg"));
    static const char *const bad[] = {"set/cat/x.Jpg: No such", "set/dog/10.png: 0 bytes", "set/dog/2.JPEG: truncated"};
    for (int i = 2; i < 5; i++) {
        assert_int_equal(tec_dataset_read(set, i, &image), TEC_USER_ERROR);
        assert_non_null(strstr(tec_error_message(), bad[i - 2]));
        assert_null(image.pixels);
    }
    tec_dataset_close(set);
}

static void test_damaged_lists(void **state)
{
    (void)state;
    make_classes();
    char *list;
    size_t bytes;
    tec_dataset *set;
    assert_int_equal(tec_dataset_scan(folder_at("set"), TEC_LABELS_AUTO, &list, &bytes), TEC_OK);
    for (size_t kept = 0; kept < bytes; kept++) {
        char *part = malloc(kept + 1);
        memcpy(part, list, kept);
        assert_int_equal(tec_dataset_open(&set, part, kept, 3, 0), TEC_SYSTEM_ERROR);
        assert_null(set);
        free(part);
    }
    free(list);
}

/* ---- kinds ---- */

static void assert_kind(const char *name, const char *title)
{
    char *list;
    size_t bytes;
    assert_int_equal(tec_dataset_scan(folder_at(name), TEC_LABELS_AUTO, &list, &bytes), TEC_OK);
    assert_string_equal(list, title);
    free(list);
}

static void test_what_is_there_decides_the_kind(void **state)
{
    (void)state;
    static const uint8_t idx[] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 77};
    put("rgb.png", "set/a.png");
    assert_kind("set", "tec-list 1 folder");
    assert_int_equal(tec_file_write(folder_at("file"), idx, sizeof idx), TEC_OK);
    assert_kind("file", "tec-list 1 idx");
    assert_int_equal(tec_file_write(folder_at("set/pack.json"), "{}", 2), TEC_OK);
    assert_refused("set", TEC_LABELS_AUTO, "set/pack.json does not describe a pack");
    assert_int_equal(symlink("/dev/null", folder_at("device")), 0);
    assert_refused("device", TEC_LABELS_AUTO, "device: neither a folder nor a file");
}

/* A list is opened by the kind that wrote it, whatever there is by now. */
static void test_the_title_decides_the_kind(void **state)
{
    (void)state;
    static const char *const unknown[] = {"", "tec-list 1 idx ", "tec-list 1 fold", "tec-list 2 folder", "stand-in"};
    static const char folder[] = "tec-list 1 folder\0/nowhere/set\0"
                                 "0\0"
                                 "1\0"
                                 "-1 5 a.png";
    static const char pack[] = "tec-list 1 pack\0"
                               "1\0"
                               "4096\0/nowhere/set\0"
                               "0\0"
                               "1\0"
                               "-1 5 0 512 99 a.png";
    static const char idx[] = "tec-list 1 idx\0/nowhere/images\0";
    tec_dataset *set;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_int_equal(tec_dataset_open(&set, unknown[i], strlen(unknown[i]) + 1, 3, 0), TEC_SYSTEM_ERROR);
        assert_non_null(strstr(tec_error_message(), "damaged, or of another version"));
    }
    for (int shards = 0; shards < 2; shards++) {
        char name[64];
        const char *list = shards ? pack : folder;
        size_t bytes = shards ? sizeof pack : sizeof folder;
        assert_int_equal(tec_dataset_open(&set, list, bytes, 3, 0), TEC_OK);
        assert_string_equal(tec_dataset_name(set, 0, name, sizeof name), "set/a.png");
        assert_int_equal(tec_dataset_shards(set), shards);
        tec_dataset_close(set);
    }
    assert_int_equal(tec_dataset_open(&set, idx, sizeof idx, 3, 0), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "/nowhere/images: cannot be opened"));
}

/* ---- IDX ---- */

/* A header of `dimensions` numbers, then `bytes` bytes 0, 1, 2, ...; gzipped if `name` ends so. */
static void put_idx(const char *name, uint32_t magic, const uint32_t *size, int dimensions, int bytes)
{
    gzFile f = gzopen(folder_at(name), strstr(name, ".gz") ? "wb" : "wbT");
    assert_non_null(f);
    for (int i = -1; i < dimensions; i++)
        for (int shift = 24; shift >= 0; shift -= 8)
            gzputc(f, (int)((i < 0 ? magic : size[i]) >> shift & 0xff));
    for (int i = 0; i < bytes; i++)
        gzputc(f, i % 251 & 0xff);
    assert_int_equal(gzclose(f), Z_OK);
}

static void put_images(const char *name, uint32_t count, uint32_t height, uint32_t width, int bytes)
{
    put_idx(name, 0x803, (uint32_t[]){count, height, width}, 3, bytes);
}

static void put_labels(const char *name, uint32_t count, int bytes)
{
    put_idx(name, 0x801, &count, 1, bytes);
}

static void check_idx(const char *name, int channels)
{
    tec_dataset *set;
    tec_image image;
    char text[64], want[64];
    assert_int_equal(open_limited(&set, folder_at(name), TEC_LABELS_AUTO, channels, 0), TEC_OK);
    assert_int_equal(tec_dataset_size(set), 20);
    assert_int_equal(tec_dataset_classes(set), 20);
    assert_string_equal(tec_dataset_class_name(set, 17), "17");
    for (int i = 0; i < 20; i++) {
        assert_int_equal(tec_dataset_label(set, i), i);
        assert_int_equal(tec_dataset_read(set, i, &image), TEC_OK);
        assert_int_equal(image.height, 5);
        assert_int_equal(image.width, 3);
        assert_int_equal(image.channels, channels);
        for (int p = 0; p < 15 * channels; p++)
            assert_int_equal(image.pixels[p], (15 * i + p / channels) % 251);
        tec_image_free(&image);
    }
    snprintf(want, sizeof want, "%s[17]", name);
    assert_string_equal(tec_dataset_name(set, 17, text, sizeof text), want);
    tec_dataset_close(set);
}

static void test_idx(void **state)
{
    (void)state;
    put_images("a-images-idx3-ubyte", 20, 5, 3, 300);
    put_labels("a-labels-idx1-ubyte", 20, 20);
    put_images("a-images-idx3-ubyte.gz", 20, 5, 3, 300);
    put_labels("a-labels-idx1-ubyte.gz", 20, 20);
    check_idx("a-images-idx3-ubyte", 1);
    check_idx("a-images-idx3-ubyte.gz", 3);
    assert_true(fingerprint("a-images-idx3-ubyte", 0) == fingerprint("a-images-idx3-ubyte.gz", 0));
    assert_true(fingerprint("a-images-idx3-ubyte", 0) != fingerprint("a-images-idx3-ubyte", 19));
    put_images("b", 20, 3, 5, 300);
    put_images("c", 20, 5, 3, 300);
    assert_true(fingerprint("b", 0) != fingerprint("c", 0));

    tec_dataset *set = open_all("a-images-idx3-ubyte", TEC_LABELS_NONE, 0);
    assert_int_equal(tec_dataset_classes(set), 0);
    assert_int_equal(tec_dataset_label(set, 3), -1);
    tec_dataset_close(set);
    set = open_all("c", TEC_LABELS_AUTO, 0); /* no label file belongs to this name */
    assert_int_equal(tec_dataset_classes(set), 0);
    tec_dataset_close(set);
    assert_refused("c", TEC_LABELS_FOLDERS, "give a folder");
}

static void test_limit_is_evenly_spaced(void **state)
{
    (void)state;
    put_images("a-images-idx3-ubyte", 20, 5, 3, 300);
    put_labels("a-labels-idx1-ubyte", 20, 20);
    static const int label[] = {0, 2, 5, 8, 11, 14, 17};
    tec_dataset *set = open_all("a-images-idx3-ubyte", TEC_LABELS_AUTO, 7);
    assert_int_equal(tec_dataset_size(set), 7);
    assert_int_equal(tec_dataset_classes(set), 20);
    for (int i = 0; i < 7; i++)
        assert_int_equal(tec_dataset_label(set, i), label[i]);
    tec_dataset_close(set);
    set = open_all("a-images-idx3-ubyte", TEC_LABELS_AUTO, 21);
    assert_int_equal(tec_dataset_size(set), 20);
    tec_dataset_close(set);
}

static void test_bad_idx_headers(void **state)
{
    (void)state;
    put_idx("magic", 0x802, (uint32_t[]){4, 2, 2}, 3, 16);
    assert_refused("magic", TEC_LABELS_AUTO, "starts with 00000802, expected 00000803");
    put_images("none", 0, 28, 28, 0);
    assert_refused("none", TEC_LABELS_AUTO, "0 items");
    put_images("flat", 5, 28, 0, 0);
    assert_refused("flat", TEC_LABELS_AUTO, "5 items of 28 x 0");
    put_images("huge", 0xffffffff, 13000, 13000, 100);
    assert_refused("huge", TEC_LABELS_AUTO, "truncated");
    put_images("large", 1, 65535, 65535, 100);
    assert_refused("large", TEC_LABELS_AUTO, "images of 65535 x 65535 pixels, at most 178956970 are supported");
    put_images("huge.gz", 0xffffffff, 13000, 13000, 100);
    assert_refused("huge.gz", TEC_LABELS_AUTO, "truncated");
    put_images("more", 2, 3, 3, 19);
    assert_refused("more", TEC_LABELS_AUTO, "more than the 2 items");
    put_images("more.gz", 2, 3, 3, 19);
    assert_refused("more.gz", TEC_LABELS_AUTO, "more than the 2 items");
    put_images("l-images-idx3-ubyte", 2, 3, 3, 18);
    put_labels("l-labels-idx1-ubyte", 3, 3);
    assert_refused("l-images-idx3-ubyte", TEC_LABELS_AUTO, "3 labels for the 2 images");
    put_images("l-labels-idx1-ubyte", 2, 3, 3, 18);
    assert_refused("l-images-idx3-ubyte", TEC_LABELS_AUTO, "not an IDX file of labels");
}

static void test_truncated_idx(void **state)
{
    (void)state;
    struct stat info;
    for (int gz = 0; gz < 2; gz++) {
        const char *name = gz ? "t-images-idx3-ubyte.gz" : "t-images-idx3-ubyte";
        put_images(name, 20, 5, 3, 300);
        assert_int_equal(stat(folder_at(name), &info), 0);
        for (long kept = (long)info.st_size - 1; kept >= 0; kept--) {
            tec_dataset *set;
            assert_int_equal(truncate(folder_at(name), kept), 0);
            if (open_limited(&set, folder_at(name), TEC_LABELS_AUTO, 1, 0) != TEC_USER_ERROR)
                fail_msg("%s cut after %ld of %ld bytes was taken", name, kept, (long)info.st_size);
            assert_non_null(strstr(tec_error_message(), folder_at(name)));
        }
    }
    put_images("t-images-idx3-ubyte.gz", 20, 5, 3, 300);
    assert_int_equal(stat(folder_at("t-images-idx3-ubyte.gz"), &info), 0);
    assert_int_equal(truncate(folder_at("t-images-idx3-ubyte.gz"), info.st_size - 60), 0);
    assert_refused("t-images-idx3-ubyte.gz", TEC_LABELS_AUTO, "header promises 20 items (300 bytes), but only ");
}

static void test_gzip_checksum(void **state)
{
    (void)state;
    size_t bytes;
    put_images("s.gz", 20, 5, 3, 300);
    uint8_t *data = read_bytes(folder_at("s.gz"), &bytes);
    data[bytes - 6] ^= 1; /* of the CRC, behind all pixels */
    assert_int_equal(tec_file_write(folder_at("s.gz"), data, bytes), TEC_OK);
    free(data);
    assert_refused("s.gz", TEC_LABELS_AUTO, "damaged");
}

/* ---- real data ---- */

static void test_fashion_mnist(void **state)
{
    (void)state;
    if (access(FASHION, R_OK)) {
        print_message("SKIPPED: %s is not there (apt install dataset-fashion-mnist)\n", FASHION);
        skip();
    }
    tec_dataset *set = open_all(FASHION, TEC_LABELS_AUTO, 0);
    int count[10] = {0};
    assert_int_equal(tec_dataset_size(set), 60000);
    assert_int_equal(tec_dataset_classes(set), 10);
    for (int64_t i = 0; i < 60000; i++)
        count[tec_dataset_label(set, i)]++;
    for (int c = 0; c < 10; c++)
        assert_int_equal(count[c], 6000);
    tec_image image;
    assert_int_equal(tec_dataset_label(set, 0), 9);
    assert_int_equal(tec_dataset_read(set, 59999, &image), TEC_OK);
    assert_int_equal(image.height * 100 + image.width, 2828);
    tec_image_free(&image);
    tec_dataset_close(set);
}

static void test_imagenette(void **state)
{
    (void)state;
    char path[512];
    const char *root = getenv("TEC_TEST_DATA");
    snprintf(path, sizeof path, "%s/imagenette/train", root ? root : "");
    if (!root || access(path, R_OK)) {
        print_message("SKIPPED: TEC_TEST_DATA is %s\n", root ? "set, but has no imagenette/train" : "not set");
        skip();
    }
    tec_dataset *set = open_all(path, TEC_LABELS_AUTO, 0);
    assert_int_equal(tec_dataset_size(set), 9469);
    assert_int_equal(tec_dataset_classes(set), 10);
    assert_string_equal(tec_dataset_class_name(set, 0), "n01440764");
    for (int64_t i = 0; i < 9469; i += 150) {
        tec_image image;
        char name[256];
        if (tec_dataset_read(set, i, &image) != TEC_OK)
            fail_msg("%s", tec_error_message());
        assert_int_equal(image.height * 1000 + image.width, 224224);
        assert_non_null(strstr(tec_dataset_name(set, i, name, sizeof name),
                               tec_dataset_class_name(set, tec_dataset_label(set, i))));
        tec_image_free(&image);
    }
    tec_dataset_close(set);
}

#define WITH_TOP(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TOP(test_class_folders),
        WITH_TOP(test_list_file),
        WITH_TOP(test_labels_of_list_file),
        WITH_TOP(test_list_file_refused),
        WITH_TOP(test_paths_of_list_file),
        WITH_TOP(test_fingerprint_of_labels),
        WITH_TOP(test_hints_of_list_file),
        WITH_TOP(test_many_files),
        WITH_TOP(test_without_labels),
        WITH_TOP(test_images_at_the_top),
        WITH_TOP(test_links),
        WITH_TOP(test_dead_links_are_bad_images),
        WITH_TOP(test_damage_is_counted_once),
        WITH_TOP(test_narrow_range),
        WITH_TOP(test_narrow_range_of_most),
        WITH_TOP(test_content_makes_an_image),
        WITH_TOP(test_images_named_as_text),
        WITH_TOP(test_what_is_passed_over_is_counted),
        WITH_TOP(test_junk),
        WITH_TOP(test_lost_classes),
        WITH_TOP(test_nothing_there),
        WITH_TOP(test_folder_fingerprint),
        WITH_TOP(test_bad_files_are_named),
        WITH_TOP(test_damaged_lists),
        WITH_TOP(test_what_is_there_decides_the_kind),
        cmocka_unit_test(test_the_title_decides_the_kind),
        WITH_TOP(test_idx),
        WITH_TOP(test_limit_is_evenly_spaced),
        WITH_TOP(test_bad_idx_headers),
        WITH_TOP(test_truncated_idx),
        WITH_TOP(test_gzip_checksum),
        cmocka_unit_test(test_fashion_mnist),
        cmocka_unit_test(test_imagenette),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
