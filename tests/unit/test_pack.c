/* A pack stands for its folder: same samples, labels, names, fingerprint and pixels; damage is named. */
#include "tec/pack.h"

#include "../data/pnm.h"
#include "folder.h"
#include "tec/crc32c.h"
#include "tec/dataset.h"
#include "tec/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char top[256]; /* this test's temporary directory; removed with all that is in it */

static const char *at(const char *name)
{
    static char path[8][1024];
    static int next;
    next = (next + 1) % 8;
    snprintf(path[next], sizeof path[next], "%s/%s", top, name);
    return path[next];
}

static int remove_top(void **state)
{
    (void)state;
    return folder_remove(top);
}

/* A copy of a fixture, its folders made as needed. */
static void put(const char *fixture, const char *name)
{
    size_t bytes;
    char *from = tec_string_format(TEST_DATA "images/%s", fixture), *to = tec_string_format("%s", at(name));
    uint8_t *data = read_bytes(from, &bytes);
    *strrchr(to, '/') = 0;
    assert_int_equal(tec_directory_make(to), TEC_OK);
    assert_int_equal(tec_file_write(at(name), data, bytes), TEC_OK);
    free(data);
    free(from);
    free(to);
}

static char long_name[160]; /* more than a ustar header holds */

static int make_folder(void **state)
{
    (void)state;
    if (!folder_make(top, sizeof top))
        return 1;
    snprintf(long_name, sizeof long_name, "set/dog/%0120d.png", 7);
    put("rgb444.jpg", "set/dog/2.JPEG");
    put("grey.png", long_name);
    put("rgb420.jpg", "set/cat/deep/er/1.jpg");
    put("cmyk.jpg", "set/cat/x y\n.Jpg");
    put("rgba.png", "set/cat-big/1.PNG");
    put("rgb.png", "set/dog/notes.txt");
    return 0;
}

static tec_status plan_pack(tec_pack **pack, const char *folder, const char *dir, int64_t shard_bytes)
{
    char *list = NULL;
    size_t bytes = 0;
    *pack = NULL;
    tec_status status = tec_dataset_scan(at(folder), TEC_LABELS_NONE, &list, &bytes);
    if (status == TEC_OK)
        status = tec_pack_open(pack, list, bytes, at(dir), shard_bytes);
    free(list);
    return status;
}

/* Shard by shard, those that are not there. Returns how many were written. */
static int make_pack(const char *folder, const char *dir, int64_t shard_bytes)
{
    tec_pack *pack;
    int written = 0;
    bool done;
    assert_int_equal(plan_pack(&pack, folder, dir, shard_bytes), TEC_OK);
    assert_int_equal(tec_directory_make(at(dir)), TEC_OK);
    for (int i = 0; i < tec_pack_shards(pack); i++) {
        assert_int_equal(tec_pack_shard_done(pack, i, &done), TEC_OK);
        if (!done)
            assert_int_equal(tec_pack_write_shard(pack, i), TEC_OK);
        written += !done;
        assert_int_equal(tec_pack_shard_done(pack, i, &done), TEC_OK);
        assert_true(done);
    }
    assert_int_equal(tec_pack_finish(pack), TEC_OK);
    tec_pack_close(pack);
    return written;
}

static tec_status open_set(tec_dataset **set, const char *name, tec_label_mode labels, int64_t limit)
{
    char *list = NULL;
    size_t bytes = 0;
    *set = NULL;
    tec_status status = tec_dataset_scan(at(name), labels, &list, &bytes);
    if (status == TEC_OK)
        status = tec_dataset_open(set, list, bytes, 3, limit);
    free(list);
    return status;
}

static void assert_same_image(const tec_dataset *a, const tec_dataset *b, int64_t i)
{
    tec_image x, y;
    assert_int_equal(tec_dataset_read(a, i, &x), TEC_OK);
    if (tec_dataset_read(b, i, &y) != TEC_OK)
        fail_msg("%s", tec_error_message());
    assert_true(x.height == y.height && x.width == y.width);
    assert_memory_equal(x.pixels, y.pixels, (size_t)x.height * (size_t)x.width * 3);
    tec_image_free(&x);
    tec_image_free(&y);
}

static void assert_same_set(const char *folder, const char *pack, tec_label_mode labels, int64_t limit)
{
    tec_dataset *a, *b;
    char x[512], y[512];
    assert_int_equal(open_set(&a, folder, labels, limit), TEC_OK);
    assert_int_equal(open_set(&b, pack, labels, limit), TEC_OK);
    assert_int_equal(tec_dataset_size(a), tec_dataset_size(b));
    assert_true(tec_dataset_fingerprint(a) == tec_dataset_fingerprint(b));
    assert_int_equal(tec_dataset_classes(a), tec_dataset_classes(b));
    for (int c = 0; c < tec_dataset_classes(a); c++)
        assert_string_equal(tec_dataset_class_name(a, c), tec_dataset_class_name(b, c));
    for (int64_t i = 0; i < tec_dataset_size(a); i++) {
        assert_int_equal(tec_dataset_label(a, i), tec_dataset_label(b, i));
        tec_dataset_name(a, i, x, sizeof x);
        tec_dataset_name(b, i, y, sizeof y);
        assert_string_equal(strchr(x, '/'), strchr(y, '/'));
        assert_same_image(a, b, i);
    }
    tec_dataset_close(a);
    tec_dataset_close(b);
}

static void test_same_as_the_folder(void **state)
{
    (void)state;
    make_pack("set", "one", 1 << 30);
    assert_int_equal(make_pack("set", "many", 1), 5); /* a file larger than a shard has one of its own */
    static const char *const pack[] = {"one", "many"};
    for (int i = 0; i < 2; i++) {
        assert_same_set("set", pack[i], TEC_LABELS_AUTO, 0);
        assert_same_set("set", pack[i], TEC_LABELS_FOLDERS, 0);
        assert_same_set("set", pack[i], TEC_LABELS_NONE, 0);
        assert_same_set("set", pack[i], TEC_LABELS_AUTO, 2);
    }
    put("rgb.png", "set/top.png");
    make_pack("set", "top", 1 << 30);
    assert_same_set("set", "top", TEC_LABELS_AUTO, 0);    /* no labels: images lie at the top */
    assert_same_set("set", "top", TEC_LABELS_FOLDERS, 0); /* which passes them over */
}

/* Any tar gives the folder back. */
static void test_tar(void **state)
{
    (void)state;
    make_pack("set", "pack", 1 << 30);
    char *command = tec_string_format("mkdir '%s' && tar xf '%s/shard-00000.tar' -C '%s' && "
                                      "diff -r -x notes.txt '%s' '%s'",
                                      at("back"), at("pack"), at("back"), at("set"), at("back"));
    assert_int_equal(system(command), 0);
    free(command);
}

static void test_made_in_parts(void **state)
{
    (void)state;
    assert_int_equal(make_pack("set", "pack", 1), 5);
    assert_int_equal(make_pack("set", "pack", 1), 0);
    assert_int_equal(unlink(at("pack/shard-00003.tar")), 0);
    assert_int_equal(make_pack("set", "pack", 1), 1);
    assert_int_equal(truncate(at("pack/shard-00001.tar"), 1000), 0);
    assert_int_equal(unlink(at("pack/shard-00004.index")), 0);
    assert_int_equal(make_pack("set", "pack", 1), 2);
    assert_same_set("set", "pack", TEC_LABELS_AUTO, 0);
}

static void assert_message(tec_status status, tec_status want, const char *what)
{
    assert_int_equal(status, want);
    if (!strstr(tec_error_message(), what))
        fail_msg("\"%s\" does not say \"%s\"", tec_error_message(), what);
}

static void test_another_folder(void **state)
{
    (void)state;
    tec_pack *pack;
    bool done;
    make_pack("set", "pack", 1);
    put("rgb.png", "set/ant/1.png");
    assert_int_equal(plan_pack(&pack, "set", "pack", 1), TEC_OK);
    assert_message(tec_pack_shard_done(pack, 0, &done), TEC_USER_ERROR, "lists other files than");
    assert_message(tec_pack_finish(pack), TEC_USER_ERROR, "lists other files than");
    tec_pack_close(pack);
    assert_message(plan_pack(&pack, "pack", "pack2", 1), TEC_USER_ERROR, "is a pack already");
    assert_message(plan_pack(&pack, "nothing", "pack2", 1), TEC_USER_ERROR, "nothing: No such file");
}

/* A file that changes between being listed and being read must not shift what comes behind it. */
static void test_folder_changes(void **state)
{
    (void)state;
    tec_pack *pack;
    assert_int_equal(plan_pack(&pack, "set", "pack", 1 << 30), TEC_OK);
    assert_int_equal(tec_directory_make(at("pack")), TEC_OK);
    assert_int_equal(tec_file_write(at("set/dog/2.JPEG"), "changed", 7), TEC_OK);
    assert_message(tec_pack_write_shard(pack, 0), TEC_USER_ERROR, "has 7 bytes, but had");
    assert_false(tec_file_exists(at("pack/shard-00000.tar")));
    tec_pack_close(pack);
}

static void flip(const char *name, long offset)
{
    FILE *file = fopen(at(name), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
    fputc(byte ^ 1, file);
    assert_int_equal(fclose(file), 0);
}

static void test_damage(void **state)
{
    (void)state;
    tec_dataset *set;
    tec_image image;
    make_pack("set", "pack", 1);
    flip("pack/shard-00002.tar", 600);
    assert_int_equal(open_set(&set, "pack", TEC_LABELS_AUTO, 0), TEC_OK);
    assert_message(tec_dataset_read(set, 2, &image), TEC_SYSTEM_ERROR, "shard-00002.tar is damaged at byte 512");
    assert_int_equal(tec_dataset_read(set, 1, &image), TEC_OK);
    tec_image_free(&image);
    assert_int_equal(unlink(at("pack/shard-00000.tar")), 0);
    assert_message(tec_dataset_read(set, 0, &image), TEC_SYSTEM_ERROR, "shard-00000.tar is missing: run `tec pack`");
    assert_int_equal(truncate(at("pack/shard-00003.tar"), 700), 0);
    assert_message(tec_dataset_read(set, 3, &image), TEC_SYSTEM_ERROR, "shard-00003.tar has 700 bytes instead of");
    tec_dataset_close(set);

    flip("pack/shard-00004.index", -3);
    assert_message(open_set(&set, "pack", TEC_LABELS_AUTO, 0), TEC_USER_ERROR, "shard-00004.index is damaged");
    assert_int_equal(tec_file_write(at("pack/shard-00001.index"), "0 x", 4), TEC_OK);
    assert_message(open_set(&set, "pack", TEC_LABELS_AUTO, 0), TEC_USER_ERROR,
                   "shard-00001.index is damaged at byte 0");
    static const char *const json[][2] = {
        {"{", "pack.json:1:"},
        {"{}", "does not describe a pack"},
        {"{\"format\": \"tec-pack\", \"version\": 9}", "has format version 9, but this program reads version 1"},
        {"{\"format\": \"tec-pack\", \"version\": 1}", "lists 0 shards"},
        {"{\"format\": \"tec-pack\", \"version\": 1, \"shards\": [{\"bytes\": \"x\"}]}",
         "the entry of shard 0 is damaged"}};
    for (size_t i = 0; i < sizeof json / sizeof *json; i++) {
        assert_int_equal(tec_file_write(at("pack/pack.json"), json[i][0], strlen(json[i][0])), TEC_OK);
        assert_message(open_set(&set, "pack", TEC_LABELS_AUTO, 0), TEC_USER_ERROR, json[i][1]);
    }
}

/* Offsets and sizes of an index are not believed. */
static void test_index_out_of_bounds(void **state)
{
    (void)state;
    static const char *const entry[] = {"512 99999999999 00000000 a/b.png", "999999999 1 00000000 a/b.png",
                                        "9223372036854775807 9223372036854775807 0 a/b.png"};
    tec_dataset *set;
    make_pack("set", "pack", 1 << 30);
    for (size_t i = 0; i < sizeof entry / sizeof *entry; i++) {
        size_t bytes = strlen(entry[i]) + 1;
        assert_int_equal(tec_file_write(at("pack/shard-00000.index"), entry[i], bytes), TEC_OK);
        char *json = tec_string_format("{\"format\": \"tec-pack\", \"version\": 1, \"shards\": [{\"bytes\": 5000, "
                                       "\"images\": 1, \"index_bytes\": %zu, \"index_crc32c\": %u}]}",
                                       bytes, tec_crc32c(0, entry[i], bytes));
        assert_int_equal(tec_file_write(at("pack/pack.json"), json, strlen(json)), TEC_OK);
        assert_message(open_set(&set, "pack", TEC_LABELS_AUTO, 0), i == 1 ? TEC_SYSTEM_ERROR : TEC_USER_ERROR,
                       "is damaged");
        free(json);
    }
}

/* Reading from a copy, and the files there are to be copied. */
static void test_copies(void **state)
{
    (void)state;
    tec_dataset *set, *folder;
    int64_t bytes;
    struct stat info;
    make_pack("set", "pack", 1);
    make_pack("set", "copy", 1);
    assert_int_equal(open_set(&folder, "set", TEC_LABELS_AUTO, 0), TEC_OK);
    assert_int_equal(tec_dataset_shards(folder), 0);
    assert_int_equal(open_set(&set, "pack", TEC_LABELS_AUTO, 0), TEC_OK);
    assert_int_equal(tec_dataset_shards(set), 5);
    char *path = tec_dataset_shard_file(set, 3, &bytes);
    assert_string_equal(path, at("pack/shard-00003.tar"));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, bytes);
    assert_same_image(folder, set, 3);
    assert_int_equal(truncate(path, 0), 0); /* although it is open */
    tec_dataset_read_from(set, at("copy"));
    assert_same_image(folder, set, 3);
    free(path);
    tec_dataset_close(folder);
    tec_dataset_close(set);
}

static void test_stand_in(void **state)
{
    (void)state;
    char name[64];
    tec_image image;
    tec_dataset *set = tec_dataset_stand_in("targets/a", 12, 99);
    assert_int_equal(tec_dataset_size(set), 12);
    assert_true(tec_dataset_fingerprint(set) == 99);
    assert_int_equal(tec_dataset_label(set, 3), -1);
    assert_string_equal(tec_dataset_name(set, 3, name, sizeof name), "sample 3 of targets/a");
    assert_message(tec_dataset_read(set, 3, &image), TEC_SYSTEM_ERROR, "only the store has this image");
    tec_dataset_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same_as_the_folder, make_folder, remove_top),
        cmocka_unit_test_setup_teardown(test_tar, make_folder, remove_top),
        cmocka_unit_test_setup_teardown(test_made_in_parts, make_folder, remove_top),
        cmocka_unit_test_setup_teardown(test_another_folder, make_folder, remove_top),
        cmocka_unit_test_setup_teardown(test_folder_changes, make_folder, remove_top),
        cmocka_unit_test_setup_teardown(test_damage, make_folder, remove_top),
        cmocka_unit_test_setup_teardown(test_index_out_of_bounds, make_folder, remove_top),
        cmocka_unit_test_setup_teardown(test_copies, make_folder, remove_top),
        cmocka_unit_test(test_stand_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
