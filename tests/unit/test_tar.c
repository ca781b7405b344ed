/* Tar archives as data sets: every way to write a member, labels beside images, archives in archives, several as one, the
 * index that is kept, damage. */
#include "../data/pnm.h"
#include "folder.h"
#include "src/data/tar_index.h"
#include "tec/dataset.h"
#include "tec/log.h"
#include "tec/text.h"

#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { BLOCK = 512 };

/* ---- writing archives ---- */

typedef struct buffer {
    char *data;
    size_t bytes;
} buffer;

static void append(buffer *b, const void *data, size_t bytes)
{
    size_t padded = (bytes + BLOCK - 1) / BLOCK * BLOCK;
    b->data = realloc(b->data, b->bytes + padded + 1);
    assert_non_null(b->data);
    memset(b->data + b->bytes, 0, padded);
    if (bytes)
        memcpy(b->data + b->bytes, data, bytes);
    b->bytes += padded;
}

static void seal(char *h)
{
    unsigned sum = 0;
    memset(h + 148, ' ', 8);
    for (int i = 0; i < BLOCK; i++)
        sum += (unsigned char)h[i];
    snprintf(h + 148, 8, "%06o", sum);
}

/* magic: "ustar", "ustar  " of GNU tar, or "" */
static char *header(buffer *b, const char *name, char type, size_t bytes, const char *magic)
{
    char h[BLOCK] = {0};
    memcpy(h, name, strnlen(name, 100));
    snprintf(h + 124, 12, "%011zo", bytes);
    h[156] = type;
    memcpy(h + 257, magic, strlen(magic));
    seal(h);
    append(b, h, BLOCK);
    return b->data + b->bytes - BLOCK;
}

static void put(buffer *b, const char *name, const void *data, size_t bytes)
{
    header(b, name, '0', bytes, "ustar");
    append(b, data, bytes);
}

static void put_text(buffer *b, const char *name, const char *text)
{
    put(b, name, text, strlen(text));
}

static char *picture;
static size_t picture_bytes;

static void put_image(buffer *b, const char *name)
{
    put(b, name, picture, picture_bytes);
}

static void write_whole(const char *name, const char *data, size_t bytes)
{
    FILE *file = fopen(folder_at(name), "wb");
    assert_non_null(file);
    assert_true(!bytes || fwrite(data, bytes, 1, file) == 1);
    assert_int_equal(fclose(file), 0);
}

/* Ends the archive and writes it as NAME. */
static void save(buffer *b, const char *name)
{
    static const char zeros[2 * BLOCK];
    append(b, zeros, sizeof zeros);
    write_whole(name, b->data, b->bytes);
    free(b->data);
    *b = (buffer){0};
}

static int set_up(void **state)
{
    picture = (char *)read_bytes(TEST_DATA "images/rgb444.jpg", &picture_bytes);
    tec_log_enable(false);
    return folder_setup(state);
}

static int tear_down(void **state)
{
    free(picture);
    return folder_teardown(state);
}

/* ---- opening ---- */

static tec_status open_as(tec_dataset **set, const char *name, tec_label_mode labels)
{
    char *list = NULL;
    size_t bytes = 0;
    *set = NULL;
    tec_status status = tec_dataset_scan(folder_at(name), labels, &list, &bytes);
    if (status == TEC_OK)
        status = tec_dataset_open(set, list, bytes, 3, 0);
    free(list);
    return status;
}

static tec_dataset *open_set(const char *name)
{
    tec_dataset *set;
    if (open_as(&set, name, TEC_LABELS_AUTO) != TEC_OK)
        fail_msg("%s", tec_error_message());
    return set;
}

/* "cat/1.jpg:cat dog/2.jpg:dog", and every image can be read. */
static void assert_set(const char *name, tec_label_mode labels, const char *expected)
{
    tec_dataset *set;
    char *is = tec_string_copy(""), text[512];
    if (open_as(&set, name, labels) != TEC_OK)
        fail_msg("%s", tec_error_message());
    for (int64_t i = 0; i < tec_dataset_size(set); i++) {
        tec_image image;
        int label = tec_dataset_label(set, i);
        tec_dataset_name(set, i, text, sizeof text);
        tec_string_append(&is, "%s%s%s%s", *is ? " " : "", strchr(text, '/') + 1, label < 0 ? "" : ":",
                          label < 0 ? "" : tec_dataset_class_name(set, label));
        if (tec_dataset_read(set, i, &image) != TEC_OK)
            fail_msg("%s", tec_error_message());
        tec_image_free(&image);
    }
    assert_string_equal(is, expected);
    free(is);
    tec_dataset_close(set);
}

static void assert_refused(const char *name, tec_label_mode labels, const char *part)
{
    tec_dataset *set;
    tec_status status = open_as(&set, name, labels);
    tec_dataset_close(set);
    if (status != TEC_USER_ERROR || !strstr(tec_error_message(), part))
        fail_msg("status %d, `%s` instead of `%s`", status, status == TEC_OK ? "" : tec_error_message(), part);
}

/* ---- members ---- */

/* GNU tar: the name as the contents of a member of its own. */
static void put_gnu(buffer *b, const char *name)
{
    header(b, "././@LongLink", 'L', strlen(name) + 1, "ustar  ");
    append(b, name, strlen(name) + 1);
    header(b, name, '0', picture_bytes, "ustar  ");
    append(b, picture, picture_bytes);
}

/* POSIX: in records, and the size too; the header then has another one. */
static void put_pax(buffer *b, const char *name)
{
    char records[600], size[64];
    int rest = (int)strlen(name) + (int)strlen(" path=\n"), length = rest + 3;
    snprintf(size, sizeof size, "%zu", picture_bytes);
    snprintf(records, sizeof records, "%d path=%s\n%d size=%s\n", length, name, (int)strlen(size) + 9, size);
    header(b, "PaxHeaders/x", 'x', strlen(records), "ustar");
    append(b, records, strlen(records));
    header(b, "cut", '0', 1, "ustar");
    append(b, picture, picture_bytes);
}

static void test_all_ways_to_write_a_member(void **state)
{
    (void)state;
    buffer b = {0};
    char gnu[160], pax[160], expected[700];
    snprintf(gnu, sizeof gnu, "c/%0120d.jpg", 1);
    snprintf(pax, sizeof pax, "d/%0120d.jpg", 2);
    header(&b, "./", '5', 0, "ustar");
    put_image(&b, "./a/dot.jpg");
    put_image(&b, "/a/root.jpg");
    char *h = header(&b, "name.jpg", '0', picture_bytes, "ustar");
    memcpy(h + 345, "b/prefix", 8);
    seal(h);
    append(&b, picture, picture_bytes);
    put_gnu(&b, gnu);
    put_pax(&b, pax);
    h = header(&b, "e/binary.jpg", '0', 0, "ustar  ");
    memset(h + 124, 0, 12);
    h[124] = (char)0x80;
    for (int i = 0; i < 4; i++)
        h[135 - i] = (char)(picture_bytes >> 8 * i);
    seal(h);
    append(&b, picture, picture_bytes);
    header(&b, "f/old.jpg", 0, picture_bytes, "");
    append(&b, picture, picture_bytes);
    h = header(&b, "g/link.jpg", '1', 0, "ustar");
    memcpy(h + 157, "./a/dot.jpg", 11);
    seal(h);
    put_image(&b, "h/by content");
    put_text(&b, "h/.hidden.jpg", "");
    put_text(&b, "h/notes.md", "nothing");
    put_image(&b, "i/twice.jpg");
    put_image(&b, "i/twice.jpg");
    save(&b, "all.tar");
    snprintf(expected, sizeof expected,
             "a/dot.jpg:a a/root.jpg:a b/prefix/name.jpg:b %s:c %s:d e/binary.jpg:e f/old.jpg:f g/link.jpg:g h/by "
             "content:h i/twice.jpg:i",
             gnu, pax);
    assert_set("all.tar", TEC_LABELS_AUTO, expected);
}

static void test_same_as_the_folder(void **state)
{
    (void)state;
    static const char *const name[] = {"ant/2.jpg", "ant/10.jpg", "bee/1.jpg", "bee/x/3.JPEG"};
    buffer b = {0}, one = {0}, two = {0}, inner = {0};
    for (int i = 3; i >= 0; i--) {
        char *path = tec_string_format("set/%s", name[i]), *dir;
        dir = tec_path_directory(folder_at(path));
        assert_int_equal(tec_directory_make(dir), TEC_OK);
        assert_int_equal(tec_file_write(folder_at(path), picture, picture_bytes), TEC_OK);
        put_image(&b, name[i]);
        put_image(i % 2 ? &one : &two, name[i]);
        free(dir);
        free(path);
    }
    save(&b, "set.tar");
    assert_int_equal(tec_directory_make(folder_at("shards")), TEC_OK);
    save(&one, "shards/s-8.tar");
    save(&two, "shards/s-9.tar");
    buffer ant = {0}, bee = {0};
    for (int i = 0; i < 4; i++)
        put_image(i < 2 ? &ant : &bee, name[i] + 4);
    append(&ant, "", 1), memset(ant.data + ant.bytes - BLOCK, 0, BLOCK); /* a mark of one block is enough */
    put(&inner, "ant.tar", ant.data, ant.bytes);
    put(&inner, "./bee.tar", bee.data, bee.bytes);
    free(ant.data);
    free(bee.data);
    save(&inner, "inner.tar");
    static const char *const forms[] = {"set.tar",      "shards",   "shards/s-{8..9}.tar", "shards/s-{9,8}.tar",
                                        "shards/*.tar", "inner.tar"};
    tec_dataset *folder = open_set("set");
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        tec_dataset *set = open_set(forms[i]);
        assert_true(tec_dataset_fingerprint(set) == tec_dataset_fingerprint(folder));
        assert_int_equal(tec_dataset_classes(set), 2);
        tec_dataset_close(set);
        assert_set(forms[i], TEC_LABELS_AUTO, "ant/10.jpg:ant ant/2.jpg:ant bee/1.jpg:bee bee/x/3.JPEG:bee");
    }
    tec_dataset_close(folder);
    assert_set("set.tar/bee", TEC_LABELS_AUTO, "1.jpg x/3.JPEG");
    assert_set("shards/*.tar/bee", TEC_LABELS_FOLDERS, "x/3.JPEG:x");
    assert_refused("set.tar/cat", TEC_LABELS_AUTO, "no image");
    assert_refused("set.tar/../..", TEC_LABELS_AUTO, "leads out of the archive");
}

/* ---- several archives ---- */

static void test_several_archives(void **state)
{
    (void)state;
    buffer b = {0};
    assert_int_equal(tec_directory_make(folder_at("keys")), TEC_OK);
    for (int i = 0; i < 2; i++) {
        char *name = tec_string_format("keys/k%d.tar", i);
        put_image(&b, "0.jpg");
        put_text(&b, "0.cls", i ? "7\n" : "10");
        save(&b, name);
        free(name);
    }
    assert_set("keys", TEC_LABELS_AUTO, "k0/0.jpg:10 k1/0.jpg:7");
    assert_set("keys", TEC_LABELS_FOLDERS, "k0/0.jpg:k0 k1/0.jpg:k1");
    assert_set("keys/k{1..1}.tar", TEC_LABELS_AUTO, "0.jpg:7");
    assert_refused("keys/k{00..03}.tar", TEC_LABELS_AUTO, "4 of 4 archives are not there");
    assert_refused("keys/k{0..2}.tar", TEC_LABELS_AUTO, "1 of 3 archives is not there: ");
    assert_refused("keys/k{0,0}.tar", TEC_LABELS_AUTO, "twice");
    assert_refused("keys/k{1..0}.tar", TEC_LABELS_AUTO, "ends before it begins");
    assert_refused("keys/k{0..x}.tar", TEC_LABELS_AUTO, "neither a range as {000..019} nor a list");
    assert_refused("keys/k{0", TEC_LABELS_AUTO, "no } closes");
    assert_refused("keys/z*.tar", TEC_LABELS_AUTO, "no archive is called so");
    assert_int_equal(tec_file_write(folder_at("keys/k.jpg"), picture, picture_bytes), TEC_OK);
    assert_set("keys", TEC_LABELS_AUTO, "k.jpg"); /* a folder of images, whatever else is in it */
}

/* ---- labels ---- */

static void test_labels_beside_images(void **state)
{
    (void)state;
    buffer b = {0};
    put_text(&b, "a/1.cls", "3");
    put_image(&b, "a/1.jpg");
    put_image(&b, "a/1.seg.jpg");
    put_text(&b, "a/2.json", "{\"caption\": \"x\", \"label\": 12}");
    put_text(&b, "a/2.cls", " 12 \n");
    put_image(&b, "a/2.jpg");
    put_image(&b, "b/v1.0.jpg");
    put_text(&b, "b/v1.0.cls", "01");
    save(&b, "cls.tar");
    assert_set("cls.tar", TEC_LABELS_AUTO, "a/1.jpg:3 a/2.jpg:12 b/v1.0.jpg:01");
    assert_set("cls.tar", TEC_LABELS_FOLDERS, "a/1.jpg:a a/2.jpg:a b/v1.0.jpg:b");
    assert_set("cls.tar", TEC_LABELS_NONE, "a/1.jpg a/2.jpg b/v1.0.jpg");

    for (int i = 0; i < 2; i++) {
        put_image(&b, i ? "2.jpg" : "1.jpg");
        put_text(&b, i ? "2.json" : "1.json", i ? "{\"class_name\": \"big dog\"}" : "{\"class_name\": \"cat\"}");
        put_text(&b, i ? "2.txt" : "1.txt", "a picture of something");
    }
    save(&b, "json.tar");
    assert_set("json.tar", TEC_LABELS_AUTO, "1.jpg:cat 2.jpg:big dog");

    put_image(&b, "1.jpg");
    put_text(&b, "1.txt", "cat\n");
    put_image(&b, "2.jpg");
    put_text(&b, "2.txt", "dog");
    save(&b, "txt.tar");
    assert_set("txt.tar", TEC_LABELS_AUTO, "1.jpg:cat 2.jpg:dog");

    put_image(&b, "1.jpg");
    put_text(&b, "1.txt", "cat");
    put_image(&b, "2.jpg");
    put_text(&b, "2.txt", "a dog on a lawn");
    put_text(&b, "2.json", "{\"width\": 7}");
    save(&b, "captions.tar");
    assert_set("captions.tar", TEC_LABELS_AUTO, "1.jpg 2.jpg");

    put_image(&b, "1.jpg");
    put_text(&b, "1.cls", "1");
    put_image(&b, "2.jpg");
    put_text(&b, "3.cls", "");
    put_image(&b, "3.jpg");
    save(&b, "missing.tar");
    assert_refused("missing.tar", TEC_LABELS_AUTO, "2 of 3 images have no .cls beside them as the others do (");
    assert_set("missing.tar", TEC_LABELS_NONE, "1.jpg 2.jpg 3.jpg");
}

/* ---- what is refused ---- */

static void test_refused(void **state)
{
    (void)state;
    buffer b = {0};
    char *h;
    put_image(&b, "a/1.jpg");
    h = header(&b, "a/2.jpg", '2', 0, "ustar");
    memcpy(h + 157, "1.jpg", 5);
    seal(h);
    save(&b, "link.tar");
    assert_refused("link.tar", TEC_LABELS_AUTO, "1 image is only a link (");
    header(&b, "a/1.jpg", 'S', 0, "ustar  ");
    save(&b, "sparse.tar");
    assert_refused("sparse.tar", TEC_LABELS_AUTO, "member a/1.jpg, at byte 0, is stored with holes");
    put_image(&b, "a/1.jpg");
    put_text(&b, "b/1.jpg", "no picture");
    save(&b, "lost.tar");
    assert_refused("lost.tar", TEC_LABELS_AUTO, "no image of class `b` can be read");
    assert_refused("lost.tar", TEC_LABELS_FOLDERS, "no image of class `b` can be read");
    put_text(&b, "x.tar.gz", "no picture");
    save(&b, "deep.tar");
    assert_refused("deep.tar", TEC_LABELS_AUTO, "deep.tar: x.tar.gz is compressed (gzip)");
    put_text(&b, "x.csv", "1");
    save(&b, "none.tar");
    assert_refused("none.tar", TEC_LABELS_AUTO, "in this archive, but 1 .csv");
    assert_int_equal(tec_file_write(folder_at("packed.tar"), "\x1f\x8b\x08", 3), TEC_OK);
    assert_refused("packed.tar", TEC_LABELS_AUTO, "packed.tar is compressed (gzip)");
    assert_int_equal(tec_file_write(folder_at("x.tgz"), "\x1f\x8b\x08", 3), TEC_OK);
    assert_refused("x.tgz", TEC_LABELS_AUTO, "unpack it once by `gunzip -k`");
    assert_int_equal(tec_file_write(folder_at("x.zip"), "PK\3\4", 4), TEC_OK);
    assert_refused("x.zip", TEC_LABELS_AUTO, "unpack it once by `unzip`");
    assert_int_equal(tec_file_write(folder_at("empty.tar"), "", 0), TEC_OK);
    assert_refused("empty.tar", TEC_LABELS_AUTO, "no image");
    put_image(&b, "../up.jpg");
    put_image(&b, "in.jpg");
    save(&b, "up.tar");
    assert_set("up.tar", TEC_LABELS_AUTO, "in.jpg");
}

/* ---- damage ---- */

/* Refused, or the images before the cut, if that is behind the contents of a member. */
static void test_cut_at_every_length(void **state)
{
    (void)state;
    buffer b = {0};
    put_gnu(&b, "ant/1.jpg");
    put_pax(&b, "bee/2.jpg");
    put_text(&b, "bee/2.cls", "7");
    size_t bytes = b.bytes, refused = 0, cuts = 0;
    char *data = malloc(bytes);
    assert_non_null(data);
    memcpy(data, b.data, bytes);
    free(b.data);
    const size_t first_end = 3 * BLOCK + picture_bytes, padded = (first_end + BLOCK - 1) / BLOCK * BLOCK;
    for (size_t length = 1; length < bytes; length += 255, cuts++) {
        tec_dataset *set;
        write_whole("cut.tar", data, length);
        tec_status status = open_as(&set, "cut.tar", TEC_LABELS_NONE);
        assert_true(length >= first_end && length <= padded       ? status == TEC_OK
                    : length < padded + 3 * BLOCK + picture_bytes ? status == TEC_USER_ERROR
                                                                  : status == TEC_OK || status == TEC_USER_ERROR);
        refused += status == TEC_USER_ERROR;
        tec_dataset_close(set);
    }
    assert_true(cuts > 20 && refused > cuts / 2);
    write_whole("cut.tar", data, 5 * BLOCK);
    assert_refused("cut.tar", TEC_LABELS_NONE, "cut.tar is truncated: of member ant/1.jpg, at byte 1024, 1024 of ");
    free(data);
}

static void test_flipped_bits(void **state)
{
    (void)state;
    buffer b = {0};
    put_gnu(&b, "ant/1.jpg");
    put_pax(&b, "bee/2.jpg");
    size_t bytes = b.bytes, second = 3 * BLOCK + (picture_bytes + BLOCK - 1) / BLOCK * BLOCK;
    char *data = b.data;
    for (size_t at = 0; at < bytes; at += at < 3 * BLOCK || (at >= second && at < second + 3 * BLOCK) ? 31 : 997) {
        tec_dataset *set;
        data[at] = (char)(data[at] ^ 0x41);
        write_whole("flip.tar", data, bytes);
        tec_tar_index_drop(folder_at("flip.tar"));
        tec_status status = open_as(&set, "flip.tar", TEC_LABELS_NONE);
        for (int64_t i = 0; status == TEC_OK && i < tec_dataset_size(set); i++) {
            tec_image image;
            if (tec_dataset_read(set, i, &image) == TEC_OK)
                tec_image_free(&image);
        }
        assert_true(status == TEC_OK || status == TEC_USER_ERROR);
        tec_dataset_close(set);
        data[at] = (char)(data[at] ^ 0x41);
    }
    data[second + 2] = '!';
    write_whole("flip.tar", data, bytes);
    char *expected = tec_string_format("flip.tar is damaged at byte %zu, behind member ant/1.jpg: no header", second);
    assert_refused("flip.tar", TEC_LABELS_NONE, expected);
    free(expected);
    free(data);
}

/* ---- the index ---- */

static void set_time(const char *name, long seconds)
{
    const struct timespec time[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, folder_at(name), time, 0), 0);
}

static void test_index_is_kept(void **state)
{
    (void)state;
    buffer b = {0};
    char *text = NULL;
    size_t bytes;
    put_image(&b, "1.jpg");
    put_text(&b, "1.cls", "a b");
    save(&b, "kept.tar");
    set_time("kept.tar", 1000);
    assert_set("kept.tar", TEC_LABELS_AUTO, "1.jpg:a b");
    assert_int_equal(tec_file_read(folder_at("kept.tar.tecidx"), 1 << 20, &text, &bytes), TEC_OK);

    /* As large, of the same time: only the index is read, and reading notices that the archive is another one. */
    put_image(&b, "2.jpg");
    put_text(&b, "2.cls", "b a");
    save(&b, "kept.tar");
    set_time("kept.tar", 1000);
    tec_dataset *set = open_set("kept.tar");
    tec_image image;
    assert_int_equal(tec_dataset_read(set, 0, &image), TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), "kept.tar has changed since its images were listed"));
    tec_dataset_close(set);
    assert_set("kept.tar", TEC_LABELS_AUTO, "2.jpg:b a"); /* listed anew */

    set_time("kept.tar", 2000);
    write_whole("kept.tar.tecidx", text, bytes);
    assert_set("kept.tar", TEC_LABELS_AUTO, "2.jpg:b a"); /* of another time */
    free(text);
    assert_int_equal(tec_file_read(folder_at("kept.tar.tecidx"), 1 << 20, &text, &bytes), TEC_OK);
    text[bytes / 2] ^= 1;
    write_whole("kept.tar.tecidx", text, bytes);
    assert_set("kept.tar", TEC_LABELS_AUTO, "2.jpg:b a"); /* damaged */
    free(text);
}

static void test_damaged_index(void **state)
{
    (void)state;
    buffer b = {0};
    tec_tar_index index = {0}, read;
    size_t bytes;
    put_image(&b, "a/1.jpg");
    put_text(&b, "a/1.cls", "a b");
    put_text(&b, "a/x.csv", "");
    put_text(&b, "a/y.cls", "1");
    save(&b, "some.tar");
    assert_int_equal(tec_tar_index_get(&index, folder_at("some.tar")), TEC_OK);
    char *text = tec_tar_index_write(&index, "rules", &bytes);
    assert_true(tec_tar_index_parse(&read, text, bytes, "rules"));
    assert_int_equal(read.count, 2);
    assert_string_equal(read.entry[0].path, "a/1.jpg");
    assert_string_equal(read.entry[0].label, "a b");
    assert_int_equal(read.entry[0].bytes, picture_bytes);
    assert_int_equal(read.strays, 1);
    assert_string_equal(read.stray, "a/y.cls");
    tec_tar_index_free(&read);
    assert_false(tec_tar_index_parse(&read, text, bytes, "other rules"));
    tec_tar_index_free(&read);
    for (size_t at = 0; at < bytes; at++) {
        for (int bit = 0; bit < 8; bit++) {
            text[at] = (char)(text[at] ^ 1 << bit);
            assert_false(tec_tar_index_parse(&read, text, bytes, "rules"));
            tec_tar_index_free(&read);
            text[at] = (char)(text[at] ^ 1 << bit);
        }
        assert_false(tec_tar_index_parse(&read, text, at, "rules"));
        tec_tar_index_free(&read);
    }
    free(text);
    tec_tar_index_free(&index);
}

/* ---- reading ---- */

static void test_bad_member(void **state)
{
    (void)state;
    buffer b = {0};
    tec_image image;
    put_image(&b, "1.jpg");
    put(&b, "2.jpg", picture, 300);
    save(&b, "bad.tar");
    tec_dataset *set = open_set("bad.tar");
    assert_int_equal(tec_dataset_read(set, 0, &image), TEC_OK);
    tec_image_free(&image);
    assert_int_equal(tec_dataset_read(set, 1, &image), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "bad.tar: member 2.jpg (byte "));
    tec_dataset_close(set);

    set = open_set("bad.tar");
    assert_int_equal(truncate(folder_at("bad.tar"), 600), 0);
    assert_int_equal(tec_dataset_read(set, 0, &image), TEC_SYSTEM_ERROR);
    tec_dataset_close(set);
    assert_refused("bad.tar", TEC_LABELS_AUTO, "truncated");
}

/* What the fuzzer began with, and has found. */
static void test_corpus(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob("tests/fuzz/corpus-tar/*", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        tec_tar_index index = {0};
        struct stat info;
        int fd = open(found.gl_pathv[i], O_RDONLY);
        assert_true(fd >= 0 && !fstat(fd, &info));
        tec_status status = tec_tar_index_make(&index, fd, "corpus", info.st_size);
        assert_true(status == TEC_OK || status == TEC_USER_ERROR);
        tec_tar_index_free(&index);
        close(fd);
    }
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_ways_to_write_a_member),
        cmocka_unit_test(test_same_as_the_folder),
        cmocka_unit_test(test_several_archives),
        cmocka_unit_test(test_labels_beside_images),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cut_at_every_length),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_index_is_kept),
        cmocka_unit_test(test_damaged_index),
        cmocka_unit_test(test_bad_member),
        cmocka_unit_test(test_corpus),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
