/* Lists that are kept for the next start: when they are used, and every kind of change that they must not hide. */
#include "tec/dataset_kept.h"

#include "tec/files.h"

#include "capture.h"
#include "folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { FRESH_USECONDS = 3100000 }; /* after which a change of a folder is old enough */

static char said[4096]; /* by the last list() */

/* In its place: the folder does not notice. */
static void put(const char *name, size_t bytes)
{
    static const char data[64] = "\x89PNG\r\n\x1a\n";
    FILE *file = fopen(folder_at(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    fclose(file);
}

static void assert_said(const char *part)
{
    if (!strstr(said, part))
        fail_msg("\"%s\" has no \"%s\"", said, part);
}

static void make_set(const char *name)
{
    char text[128];
    static const char *const file[] = {"a/1.png", "a/2.png", "a/deep/3.png", "b/1.png", "b/no.avif"};
    static const char *const folder[] = {"", "/a", "/a/deep", "/b"};
    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "%s%s", name, folder[i]);
        assert_int_equal(mkdir(folder_at(text), 0700), 0);
    }
    for (int i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "%s/%s", name, file[i]);
        put(text, i == 4 ? 0 : 20 + (size_t)i);
    }
}

/* The set in `kept` beside it, listed and, if `keep`, kept. */
static tec_dataset *list_so(const char *name, tec_label_mode labels, bool skip, bool keep)
{
    char kept[64];
    snprintf(kept, sizeof kept, "%s.kept", name);
    assert_int_equal(tec_directory_make(folder_at(kept)), TEC_OK);
    const tec_list_request request = {
        .path = folder_at(name), .labels = labels, .skip = skip, .name = "train", .dir = {"", folder_at(kept)}};
    tec_listed listed;
    tec_dataset *set;
    capture *c = capture_begin();
    tec_status status = tec_dataset_list(&request, &listed);
    capture_end(c, said, sizeof said);
    if (status != TEC_OK)
        fail_msg("%s", tec_error_message());
    assert_int_equal(tec_dataset_open_taking(&set, listed.list, listed.bytes, NULL, 3, 0), TEC_OK);
    tec_dataset_listed(set, &request, listed.state, listed.state_bytes);
    if (keep)
        tec_dataset_list_keep(set, folder_at(kept));
    return set;
}

static uint64_t list(const char *name, bool keep)
{
    tec_dataset *set = list_so(name, TEC_LABELS_AUTO, false, keep);
    uint64_t fingerprint = tec_dataset_fingerprint(set);
    tec_dataset_close(set);
    return fingerprint;
}

/* What would be found without kept lists. */
static uint64_t scan(const char *name)
{
    char *texts;
    size_t bytes;
    tec_dataset *set;
    capture *c = capture_begin();
    tec_status status = tec_dataset_scan(folder_at(name), TEC_LABELS_AUTO, &texts, &bytes);
    capture_end(c, said, sizeof said);
    assert_int_equal(status, TEC_OK);
    assert_int_equal(tec_dataset_open_taking(&set, texts, bytes, NULL, 3, 0), TEC_OK);
    uint64_t fingerprint = tec_dataset_fingerprint(set);
    tec_dataset_close(set);
    return fingerprint;
}

static bool exists(const char *name)
{
    return !access(folder_at(name), F_OK);
}

static void assert_taken(const char *name)
{
    uint64_t fingerprint = list(name, false);
    assert_said("list of ");
    assert_said(".kept/train.list.gz; the folder has not changed since\n");
    assert_true(fingerprint == scan(name));
}

static void assert_anew(const char *name, const char *what)
{
    uint64_t fingerprint = list(name, false);
    assert_said(what);
    if (strstr(said, " taken from "))
        fail_msg("%s: a list is used that should not be", what);
    assert_true(fingerprint == scan(name));
}

/* ---- what was kept is found again ---- */

static void test_the_same_list(void **state)
{
    (void)state;
    make_set("set");
    make_set("other");
    list("other", true);
    if (exists("other.kept/train.list.gz")) /* else another change at the same time would not be seen */
        fail_msg("a list of a folder that has just changed is kept");
    usleep(FRESH_USECONDS);
    list("set", true);
    assert_said("/set: 1 file passed over: 1 .avif\n");
    assert_true(exists("set.kept/train.list.gz"));
    assert_taken("set");
    list("set", false);
    assert_said("set: list of 4 images taken from ");
    assert_said("/set: 1 file passed over: 1 .avif\n"); /* the warnings of the scan too */

    tec_dataset *set = list_so("set", TEC_LABELS_AUTO, false, false);
    assert_int_equal(tec_dataset_classes(set), 2);
    assert_int_equal(tec_dataset_label(set, 3), 1);
    tec_dataset_close(set);

    /* what else decides the list */
    tec_dataset_close(list_so("set", TEC_LABELS_NONE, false, false));
    assert_null(strstr(said, " taken from "));
    tec_dataset_close(list_so("set", TEC_LABELS_AUTO, true, false));
    assert_null(strstr(said, " taken from "));

    /* the same folder by another name, which is the one that counts from now on */
    assert_int_equal(symlink("set", folder_at("link")), 0);
    assert_int_equal(rename(folder_at("set.kept"), folder_at("link.kept")), 0);
    assert_taken("link");
    set = list_so("link", TEC_LABELS_AUTO, false, false);
    char name[64];
    assert_string_equal(tec_dataset_name(set, 0, name, sizeof name), "link/a/1.png");
    tec_dataset_close(set);
    assert_int_equal(unlink(folder_at("link")), 0); /* and another folder by the same name */
    assert_int_equal(symlink("other", folder_at("link")), 0);
    assert_anew("link", "");
}

/* ---- changes ---- */

static void add_file(void)
{
    put("added/b/0.png", 30);
}

static void remove_file(void)
{
    assert_int_equal(unlink(folder_at("removed/a/deep/3.png")), 0);
}

static void rename_file(void)
{
    assert_int_equal(rename(folder_at("renamed/b/1.png"), folder_at("renamed/b/2.png")), 0);
}

static void resize_file(void)
{
    put("resized/a/2.png", 40);
}

static void add_folder(void)
{
    assert_int_equal(mkdir(folder_at("folder/c"), 0700), 0);
    put("folder/c/1.png", 30);
}

static void swap_folder(void)
{
    assert_int_equal(unlink(folder_at("swapped/linked")), 0);
    assert_int_equal(symlink("../outside.2", folder_at("swapped/linked")), 0);
}

static void add_behind_link(void)
{
    put("behind/9.png", 30);
}

static void end_dead_link(void)
{
    assert_int_equal(mkdir(folder_at("nowhere"), 0700), 0);
    put("nowhere/1.png", 30);
}

static void exchange_file(void) /* by another of its size, with the time of the folder put back */
{
    struct stat info;
    assert_int_equal(stat(folder_at("restored/b"), &info), 0);
    put("restored/b/2.png", 23);
    struct timespec times[2] = {info.st_atim, info.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, folder_at("restored/b"), times, 0), 0);
}

static void test_changes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*change)(void);
        const char *what;
    } sets[] = {
        {"added", add_file, "/added is listed anew: it has changed (b) since "},
        {"removed", remove_file, "(a/deep)"},
        {"renamed", rename_file, "(b)"},
        {"resized", resize_file, "(a/2.png)"},
        {"folder", add_folder, "(the folder itself)"},
        {"swapped", swap_folder, "(the folder itself)"},
        {"linking", add_behind_link, "(linked)"},
        {"dead", end_dead_link, "(a/dead)"},
        {"restored", exchange_file, "(b)"},
    };
    enum { SETS = sizeof sets / sizeof *sets };
    for (int i = 0; i < SETS; i++)
        make_set(sets[i].name);
    make_set("same");
    make_set("outside.1");
    make_set("outside.2");
    assert_int_equal(mkdir(folder_at("behind"), 0700), 0);
    put("behind/1.png", 20);
    assert_int_equal(symlink("../outside.1", folder_at("swapped/linked")), 0);
    assert_int_equal(symlink("../behind", folder_at("linking/linked")), 0);
    assert_int_equal(symlink("../../nowhere", folder_at("dead/a/dead")), 0);
    usleep(FRESH_USECONDS);
    list("same", true);
    for (int i = 0; i < SETS; i++) {
        list(sets[i].name, true);
        assert_taken(sets[i].name);
        sets[i].change();
        assert_anew(sets[i].name, sets[i].what);
    }
    assert_taken("same");
}

/* Of many images only some are looked at: another size is noticed where the file is read. */
static void test_changed_in_its_place(void **state)
{
    (void)state;
    tec_image image;
    char name[64];
    assert_int_equal(mkdir(folder_at("set"), 0700), 0);
    for (int i = 0; i < 2002; i++) {
        snprintf(name, sizeof name, "set/%05d.png", i);
        put(name, 20);
    }
    usleep(FRESH_USECONDS);
    list("set", true);
    put("set/00001.png", 21);
    tec_dataset *set = list_so("set", TEC_LABELS_AUTO, false, false);
    assert_said(" taken from ");
    assert_int_equal(tec_dataset_read(set, 0, &image), TEC_USER_ERROR); /* no image, but as it was */
    assert_true(exists("set.kept/train.list.gz"));
    assert_int_equal(tec_dataset_read(set, 1, &image), TEC_SYSTEM_ERROR); /* which is not left out as a bad image */
    if (!strstr(tec_error_message(),
                "set/00001.png has 21 bytes, but had 20 when its folder was listed: put the former"))
        fail_msg("%s", tec_error_message());
    tec_dataset_close(set);
    assert_false(exists("set.kept/train.list.gz"));
    assert_anew("set", "");
}

/* ---- arrays: their files in place of folders ---- */

enum { IMAGES = 6, PIXELS = 4 * 5, NPY = 128 };

/* A .npy of bytes of this shape. */
static void put_npy(const char *name, const char *shape, size_t bytes, int first)
{
    char data[NPY + IMAGES * PIXELS];
    memset(data, ' ', NPY);
    memcpy(data, "\x93NUMPY\1\0\x76\0", 10);
    int length = snprintf(data + 10, NPY - 10, "{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }", shape);
    data[10 + length] = ' ';
    data[NPY - 1] = '\n';
    for (size_t i = 0; i < bytes; i++)
        data[NPY + i] = (char)((first + (int)i) % 3);
    FILE *file = fopen(folder_at(name), "r+b"); /* in its place */
    file = file ? file : fopen(folder_at(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, NPY + bytes, file), NPY + bytes);
    assert_int_equal(fclose(file), 0);
}

static void put_images(const char *name, int first)
{
    put_npy(name, "6, 4, 5", IMAGES * PIXELS, first);
}

static void put_labels(const char *name, int first)
{
    put_npy(name, "6,", IMAGES, first);
}

static void make_arrays(const char *folder)
{
    char name[64];
    assert_int_equal(mkdir(folder_at(folder), 0700), 0);
    snprintf(name, sizeof name, "%s/x.npy", folder);
    put_images(name, 0);
    snprintf(name, sizeof name, "%s/y.npy", folder);
    put_labels(name, 0);
}

static void assert_arrays_taken(const char *name)
{
    uint64_t fingerprint = list(name, false);
    assert_said("x.npy: list of 6 images taken from ");
    assert_said(".kept/train.list.gz; the files have not changed since\n");
    assert_said("x.npy: images, [6, 4, 5] of uint8; labels from y.npy\n"); /* as by the scan */
    assert_true(fingerprint == scan(name));
}

static void change_pixels(void)
{
    put_images("pixels/x.npy", 1);
}

static void change_labels(void)
{
    put_labels("labels/y.npy", 1);
}

static void remove_labels(void)
{
    assert_int_equal(unlink(folder_at("without/y.npy")), 0);
}

static void exchange_array(void) /* by another one, with its times */
{
    struct stat info;
    assert_int_equal(stat(folder_at("other/x.npy"), &info), 0);
    put_images("other/new.npy", 1);
    struct timespec times[2] = {info.st_atim, info.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, folder_at("other/new.npy"), times, 0), 0);
    assert_int_equal(rename(folder_at("other/new.npy"), folder_at("other/x.npy")), 0);
}

static void test_arrays(void **state)
{
    (void)state;
    static const struct {
        const char *folder;
        void (*change)(void);
        const char *what;
    } sets[] = {
        {"pixels", change_pixels, "/pixels/x.npy is listed anew: it has changed ("},
        {"labels", change_labels, "/labels/y.npy) since "},
        {"without", remove_labels, "(which arrays there are)"},
        {"other", exchange_array, "/other/x.npy) since "},
    };
    enum { SETS = sizeof sets / sizeof *sets };
    char name[64];
    make_arrays("fresh");
    list("fresh/x.npy", true);
    assert_false(exists("fresh/x.npy.kept/train.list.gz"));
    for (int i = 0; i < SETS; i++)
        make_arrays(sets[i].folder);
    usleep(FRESH_USECONDS);
    for (int i = 0; i < SETS; i++) {
        snprintf(name, sizeof name, "%s/x.npy", sets[i].folder);
        list(name, true);
        assert_arrays_taken(name);
        tec_dataset_close(list_so(name, TEC_LABELS_NONE, false, false)); /* what else decides the list */
        assert_null(strstr(said, " taken from "));
        sets[i].change();
        assert_anew(name, sets[i].what);
    }
    list("without/x.npy", true); /* without labels, which are then there */
    put_labels("without/y.npy", 0);
    assert_anew("without/x.npy", "(which arrays there are)");
}

/* What no time tells is noticed where the image is read. */
static void test_changed_array(void **state)
{
    (void)state;
    tec_image image;
    make_arrays("set");
    usleep(FRESH_USECONDS);
    list("set/x.npy", true);
    tec_dataset *set = list_so("set/x.npy", TEC_LABELS_AUTO, false, false);
    assert_said(" taken from ");
    put_images("set/x.npy", 1);
    assert_int_equal(tec_dataset_read(set, 1, &image), TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), "x.npy[1] has other pixels than when it was listed"));
    tec_dataset_close(set);
    assert_false(exists("set/x.npy.kept/train.list.gz"));
}

/* ---- damage ---- */

static void test_damage(void **state)
{
    (void)state;
    size_t bytes;
    char *data;
    make_set("set");
    usleep(FRESH_USECONDS);
    list("set", true);
    const char *file = folder_at("set.kept/train.list.gz");
    char path[512];
    snprintf(path, sizeof path, "%s", file);
    assert_int_equal(tec_file_read(path, 1 << 20, &data, &bytes), TEC_OK);
    for (size_t i = 0; i < bytes; i++) { /* cut short at every length */
        assert_int_equal(tec_file_write(path, data, i), TEC_OK);
        assert_anew("set", "train.list.gz is damaged: ");
    }
    int harmless = 0;                     /* bits that only fill the last byte before the checksum */
    for (size_t i = 10; i < bytes; i++) { /* every byte another one; the first ten are gzip's header */
        data[i] = (char)(data[i] ^ 0x10);
        assert_int_equal(tec_file_write(path, data, bytes), TEC_OK);
        uint64_t fingerprint = list("set", false);
        harmless += !strstr(said, "train.list.gz is damaged: ");
        assert_true(fingerprint == scan("set"));
        data[i] = (char)(data[i] ^ 0x10);
    }
    assert_true(harmless <= 1);
    assert_int_equal(tec_file_write(path, data, bytes), TEC_OK);
    assert_taken("set");
    assert_int_equal(tec_file_write(path, "no list\n", 8), TEC_OK);
    assert_anew("set", "train.list.gz is damaged: ");
    list("set", true); /* and is replaced */
    assert_taken("set");
    free(data);
}

/* A disk that is full, or a directory that is not ours, costs time only. */
static void test_not_to_be_written(void **state)
{
    (void)state;
    make_set("set");
    usleep(FRESH_USECONDS);
    tec_dataset *set = list_so("set", TEC_LABELS_AUTO, false, false);
    capture *c = capture_begin();
    tec_dataset_list_keep(set, folder_at("missing"));
    capture_end(c, said, sizeof said);
    assert_said("/set is listed anew at the next start: ");
    assert_said("No such file or directory");
    tec_dataset_close(set);
}

#define WITH_TOP(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TOP(test_the_same_list), WITH_TOP(test_changes),           WITH_TOP(test_changed_in_its_place),
        WITH_TOP(test_damage),        WITH_TOP(test_not_to_be_written), WITH_TOP(test_arrays),
        WITH_TOP(test_changed_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
