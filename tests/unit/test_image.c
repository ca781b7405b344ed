/* Decoding equals Pillow's, also of damaged files, and whatever is no image is refused by name, without harm. */
#include "tec/image.h"

#include "../data/pnm.h"
#include "tec/philox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <zlib.h>

static const char *const fixture[] = {"rgb420.jpg",
                                      "rgb422.jpg",
                                      "rgb444.jpg",
                                      "grey.jpg",
                                      "progressive.jpg",
                                      "optimized.jpg",
                                      "cmyk.jpg",
                                      "cmyk_no_adobe.jpg",
                                      "ycck.jpg",
                                      "rgb_stored.jpg",
                                      "stray_bytes.jpg",
                                      "grey.png",
                                      "grey1.png",
                                      "grey2.png",
                                      "grey4.png",
                                      "grey16.png",
                                      "grey_alpha.png",
                                      "grey_trns.png",
                                      "rgb.png",
                                      "rgb16.png",
                                      "rgb_trns.png",
                                      "rgba.png",
                                      "rgba16.png",
                                      "palette.png",
                                      "palette4.png",
                                      "palette_trns.png",
                                      "interlaced.png",
                                      "interlaced_grey1.png",
                                      "interlaced_palette.png"};
#define FIXTURES (sizeof fixture / sizeof *fixture)

static uint8_t *read_fixture(const char *name, size_t *bytes)
{
    char path[256];
    snprintf(path, sizeof path, TEST_DATA "images/%s", name);
    return read_bytes(path, bytes);
}

/* Decodes a copy of exactly that length, so that a sanitizer sees reads behind the end. */
static tec_status decode_part(const uint8_t *data, size_t bytes, const char *name)
{
    tec_image image;
    uint8_t *copy = malloc(bytes ? bytes : 1);
    memcpy(copy, data, bytes);
    tec_status status = tec_image_decode(&image, copy, bytes, &(tec_decoding){.channels = 3, .strict = true}, name);
    assert_true((status == TEC_OK) == (image.pixels != NULL));
    tec_image_free(&image);
    free(copy);
    return status;
}

static void assert_refused(const uint8_t *data, size_t bytes, const char *what)
{
    assert_int_equal(decode_part(data, bytes, "a/b.img"), TEC_USER_ERROR);
    if (!strstr(tec_error_message(), "a/b.img: ") || !strstr(tec_error_message(), what))
        fail_msg("\"%s\" does not name the file and \"%s\"", tec_error_message(), what);
}

static void test_equals_pillow(void **state)
{
    (void)state;
    for (size_t i = 0; i < FIXTURES; i++)
        for (int channels = 1; channels <= 3; channels += 2) {
            size_t bytes;
            char path[256];
            tec_image got;
            uint8_t *data = read_fixture(fixture[i], &bytes);
            snprintf(path, sizeof path, TEST_DATA "images/%s.%s", fixture[i], channels == 3 ? "ppm" : "pgm");
            tec_image want = read_pnm(path);
            if (tec_image_decode(&got, data, bytes, &(tec_decoding){.channels = channels}, fixture[i]) != TEC_OK)
                fail_msg("%s", tec_error_message());
            assert_int_equal(got.channels, channels);
            assert_int_equal(got.height, want.height);
            assert_int_equal(got.width, want.width);
            size_t pixels = (size_t)want.height * (size_t)want.width * (size_t)channels;
            int worst = worst_difference(got.pixels, want.pixels, pixels);
            if (worst)
                fail_msg("%s in %d channels differs from Pillow by %d", fixture[i], channels, worst);
            tec_image_free(&got);
            tec_image_free(&want);
            free(data);
        }
}

static void test_every_truncation_is_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < FIXTURES; i++) {
        size_t bytes;
        uint8_t *data = read_fixture(fixture[i], &bytes);
        for (size_t kept = 0; kept < bytes; kept++)
            if (decode_part(data, kept, fixture[i]) != TEC_USER_ERROR || !strstr(tec_error_message(), fixture[i]))
                fail_msg("%s cut after %zu of %zu bytes was taken", fixture[i], kept, bytes);
        free(data);
    }
}

/* ---- damage ---- */

static const struct {
    const char *name;
    tec_image_note note;
    const char *strictly; /* why it is refused */
} damaged[] = {{"no_iend.png", TEC_IMAGE_PNG_END, "truncated PNG"},
               {"cut_iend.png", TEC_IMAGE_PNG_END, "truncated PNG"},
               {"interlaced_no_iend.png", TEC_IMAGE_PNG_END, "truncated PNG"},
               {"bad_crc.png", TEC_IMAGE_PNG_CHECKSUM, "IDAT: CRC error"},
               {"no_adler.png", TEC_IMAGE_PNG_CHECKSUM, "image data"},
               {"rows_missing.png", TEC_IMAGE_PNG_ROWS, "Not enough image data"},
               {"bad_text.png", TEC_IMAGE_PNG_CHUNK, "tEXt: CRC error"},
               {"no_palette.png", TEC_IMAGE_PNG_CHUNK, "Missing PLTE"},
               {"no_end.jpg", TEC_IMAGE_JPEG_END, "truncated JPEG"},
               {"bad_code.jpg", TEC_IMAGE_JPEG_CODE, "bad Huffman code"},
               {"part_missing.jpg", TEC_IMAGE_JPEG_PART, "premature end of data"},
               {"bad_marker.jpg", TEC_IMAGE_JPEG_OTHER, "damaged JPEG"}};

static void assert_as_pillow(const char *name, const tec_decoding *how, unsigned notes)
{
    size_t bytes;
    char path[256];
    tec_image got;
    uint8_t *data = read_fixture(name, &bytes);
    snprintf(path, sizeof path, TEST_DATA "images/%s.ppm", name);
    tec_image want = read_pnm(path);
    if (tec_image_decode(&got, data, bytes, how, name) != TEC_OK)
        fail_msg("%s", tec_error_message());
    assert_int_equal(got.height, want.height);
    assert_int_equal(got.width, want.width);
    if (worst_difference(got.pixels, want.pixels, (size_t)want.height * (size_t)want.width * 3))
        fail_msg("%s differs from Pillow", name);
    if (got.notes != notes)
        fail_msg("%s: notes %x, expected %x", name, got.notes, notes);
    tec_image_free(&got);
    tec_image_free(&want);
    free(data);
}

static void test_damage_that_pillow_decodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        size_t bytes;
        uint8_t *data = read_fixture(damaged[i].name, &bytes);
        assert_as_pillow(damaged[i].name, &(tec_decoding){.channels = 3}, 1u << damaged[i].note);
        assert_true(strlen(tec_image_note_words(damaged[i].note)) > 0);
        assert_refused(data, bytes, damaged[i].strictly);
        free(data);
    }
}

/* Cut or flipped anywhere, a file is refused, or decodes as Pillow would: a PNG then to the same pixels, unless rows are
 * missing or a checksum is wrong, and never without a note. What is reported after a vain attempt is what was wrong at first. */
static void test_damage_everywhere(void **state)
{
    (void)state;
    enum { ROUNDS = 400 };
    tec_philox random = tec_philox_start(2, TEC_STREAM_TEST, 0, 0, 0);
    const tec_decoding how = {.channels = 3};
    int taken = 0;
    for (size_t i = 0; i < FIXTURES; i++) {
        size_t bytes;
        tec_image whole, got;
        uint8_t *data = read_fixture(fixture[i], &bytes);
        assert_int_equal(tec_image_decode(&whole, data, bytes, &how, fixture[i]), TEC_OK);
        for (size_t round = 0; round < ROUNDS; round++) {
            size_t kept = round % 2 || round / 2 > bytes ? bytes : bytes - round / 2,
                   at = tec_philox_below(&random, (uint32_t)bytes);
            uint8_t *copy = malloc(kept ? kept : 1);
            memcpy(copy, data, kept);
            if (kept == bytes)
                copy[at] ^= (uint8_t)(1u << tec_philox_below(&random, 8));
            tec_status status = tec_image_decode(&got, copy, kept, &how, fixture[i]);
            if (status == TEC_OK && (kept < bytes || strstr(fixture[i], ".png"))) {
                taken++;
                bool same = got.height == whole.height && got.width == whole.width &&
                            !memcmp(got.pixels, whole.pixels, (size_t)whole.height * (size_t)whole.width * 3);
                if (!got.notes || (!same && !(got.notes & (1u << TEC_IMAGE_PNG_ROWS | 1u << TEC_IMAGE_PNG_CHECKSUM))))
                    fail_msg("%s, round %zu: notes %x, %s", fixture[i], round, got.notes, same ? "same" : "different");
            } else if (status != TEC_OK) {
                assert_int_equal(status, TEC_USER_ERROR);
                assert_non_null(strstr(tec_error_message(), fixture[i]));
            }
            tec_image_free(&got);
            free(copy);
        }
        tec_image_free(&whole);
        free(data);
    }
    assert_true(taken > 0);
}

static void test_orientation(void **state)
{
    (void)state;
    static const char *const name[] = {"turned1.jpg", "turned2.jpg", "turned3.jpg", "turned4.jpg", "turned5.jpg",
                                       "turned6.jpg", "turned7.jpg", "turned8.jpg", "turned6.png"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        size_t bytes;
        tec_image got, plain;
        assert_as_pillow(name[i], &(tec_decoding){.channels = 3, .turn = true}, 0);
        uint8_t *data = read_fixture(name[i], &bytes);
        assert_int_equal(tec_image_decode(&got, data, bytes, &(tec_decoding){.channels = 3}, name[i]), TEC_OK);
        assert_int_equal(got.notes, i == 0 ? 0 : 1u << TEC_IMAGE_TURNED);
        free(data);
        data = read_fixture(strstr(name[i], "png") ? "rgb.png" : "grey.jpg", &bytes);
        assert_int_equal(tec_image_decode(&plain, data, bytes, &(tec_decoding){.channels = 3}, name[i]), TEC_OK);
        assert_int_equal(worst_difference(got.pixels, plain.pixels, (size_t)got.height * (size_t)got.width * 3), 0);
        tec_image_free(&plain);
        tec_image_free(&got);
        free(data);
    }
}

/* EXIF data that lie, or end too early, say nothing. */
static void test_damaged_orientation(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = read_fixture("turned6.jpg", &bytes);
    for (size_t at = 2; at < 50; at++)
        for (int value = 0; value < 256; value += 51) {
            tec_image image;
            uint8_t kept = data[at];
            data[at] = (uint8_t)value;
            tec_image_decode(&image, data, bytes, &(tec_decoding){.channels = 3, .turn = true}, "x");
            tec_image_free(&image);
            data[at] = kept;
        }
    for (size_t kept = 0; kept < 60; kept++)
        decode_part(data, kept, "x");
    free(data);
}

static void test_truncation_is_named(void **state)
{
    (void)state;
    static const char *const name[] = {"rgb420.jpg", "progressive.jpg", "rgb.png"};
    for (size_t i = 0; i < 3; i++) {
        size_t bytes;
        uint8_t *data = read_fixture(name[i], &bytes);
        char length[32];
        snprintf(length, sizeof length, "after %zu bytes", bytes - 40);
        assert_refused(data, bytes - 40, "truncated");
        assert_refused(data, bytes - 40, length);
        free(data);
    }
}

/* A PNG has checksums: any flipped bit is noticed. A JPEG has none: it must only do no harm. */
static void test_flipped_bits(void **state)
{
    (void)state;
    tec_philox random = tec_philox_start(1, TEC_STREAM_TEST, 0, 0, 0);
    for (size_t i = 0; i < FIXTURES; i++) {
        size_t bytes;
        uint8_t *data = read_fixture(fixture[i], &bytes);
        for (int round = 0; round < 150; round++) {
            size_t at = tec_philox_below(&random, (uint32_t)bytes);
            uint8_t bit = (uint8_t)(1u << tec_philox_below(&random, 8));
            data[at] ^= bit;
            tec_status status = decode_part(data, bytes, fixture[i]);
            if (status != TEC_USER_ERROR && (status != TEC_OK || strstr(fixture[i], ".png")))
                fail_msg("%s with byte %zu ^ %d: status %d", fixture[i], at, bit, status);
            data[at] ^= bit;
        }
        free(data);
    }
}

static void put_png_size(uint8_t *png, uint32_t width, uint32_t height)
{
    for (int i = 0; i < 4; i++) {
        png[16 + i] = (uint8_t)(width >> (24 - 8 * i));
        png[20 + i] = (uint8_t)(height >> (24 - 8 * i));
    }
    uint32_t crc = (uint32_t)crc32(0, png + 12, 17);
    for (int i = 0; i < 4; i++)
        png[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
}

static void put_jpeg_size(uint8_t *jpeg, size_t bytes, unsigned width, unsigned height)
{
    for (size_t i = 0; i + 9 < bytes; i++)
        if (jpeg[i] == 0xff && (jpeg[i + 1] == 0xc0 || jpeg[i + 1] == 0xc2)) {
            jpeg[i + 5] = (uint8_t)(height >> 8);
            jpeg[i + 6] = (uint8_t)height;
            jpeg[i + 7] = (uint8_t)(width >> 8);
            jpeg[i + 8] = (uint8_t)width;
            return;
        }
    fail_msg("no frame header");
}

static void test_sizes_that_cannot_be(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *png = read_fixture("rgb.png", &bytes);
    put_png_size(png, 60000, 60000);
    assert_refused(png, bytes, "60000 x 60000 pixels, at most");
    put_png_size(png, 12000, 12000);
    assert_refused(png, bytes, "too short to hold");
    put_png_size(png, 0, 12000);
    assert_refused(png, bytes, "damaged PNG");
    free(png);
    for (int i = 0; i < 2; i++) {
        uint8_t *jpeg = read_fixture(i ? "progressive.jpg" : "rgb420.jpg", &bytes);
        put_jpeg_size(jpeg, bytes, 65000, 65000);
        assert_refused(jpeg, bytes, "65000 x 65000 pixels, at most");
        put_jpeg_size(jpeg, bytes, 12000, 12000);
        assert_refused(jpeg, bytes, "too short to hold");
        put_jpeg_size(jpeg, bytes, 37, 61); /* twice as high as its data */
        assert_refused(jpeg, bytes, "premature end of data");
        put_jpeg_size(jpeg, bytes, 0, 10);
        assert_refused(jpeg, bytes, "JPEG");
        free(jpeg);
    }
}

static void test_other_kinds_of_jpeg(void **state)
{
    (void)state;
    size_t bytes, frame = 0;
    uint8_t *jpeg = read_fixture("rgb420.jpg", &bytes);
    while (!(jpeg[frame] == 0xff && jpeg[frame + 1] == 0xc0))
        frame++;
    jpeg[frame + 4] = 12; /* bits */
    assert_refused(jpeg, bytes, "JPEG of a kind that is not supported and has to be converted: ");
    jpeg[frame + 4] = 8;
    jpeg[frame + 1] = 0xc3; /* lossless */
    assert_refused(jpeg, bytes, "JPEG of a kind that is not supported and has to be converted: ");
    free(jpeg);
}

static void test_thousands_of_scans(void **state)
{
    (void)state;
    enum { COPIES = 1000 };
    size_t bytes;
    uint8_t *jpeg = read_fixture("progressive.jpg", &bytes);
    size_t scan = bytes - 2;
    while (!(jpeg[scan] == 0xff && jpeg[scan + 1] == 0xda))
        scan--;
    size_t length = bytes - 2 - scan;
    uint8_t *bomb = malloc(bytes + COPIES * length);
    memcpy(bomb, jpeg, bytes);
    for (size_t i = 0; i < COPIES; i++)
        memcpy(bomb + bytes - 2 + i * length, jpeg + scan, length);
    memcpy(bomb + bytes - 2 + COPIES * length, jpeg + bytes - 2, 2);
    assert_refused(bomb, bytes + COPIES * length, "scans");
    free(bomb);
    free(jpeg);
}

static void test_not_an_image(void **state)
{
    (void)state;
    assert_refused((const uint8_t *)"", 0, "0 bytes are not an image (JPEG, PNG, ");
    assert_refused((const uint8_t *)"\7\1\2\3\4\5\6\7", 8, "nor PNM (starts with 07 01 02 03)");
}

/* What it is instead is said by name. */
static void test_other_formats_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t bytes;
        const char *what;
    } known[] = {
        {"BMW cars, and others", 20, "a text file"},
        {"II*\0\x10\0\0\0CR\2\0\0\0\0\0\0\0\0\0", 20, "a raw image of a camera (CR2)"},
        {"MM\0*\0\0\0\x08\0\1\0\xfe\0\4\0\0\0\1\0\0\0\1\0\0\0\0", 26, "a TIFF file that begins with a small copy"},
        {"\0\0\0\x1c"
         "ftypavif",
         12, "an AVIF image"},
        {"\0\0\0\x18"
         "ftypheic",
         12, "a HEIC image"},
        {"\0\0\0\x18"
         "ftypisom",
         12, "a video (MP4"},
        {"\0\0\0\x0cJXL \r\n\x87\n", 12, "a JPEG XL image"},
        {"8BPS\0\1\0\0", 8, "a Photoshop image"},
        {"P7\nWIDTH 7\n", 11, "a PAM image"},
        {"<!DOCTYPE html>", 15, "an HTML page"},
        {"\xef\xbb\xbf\r\n <HTML><head>", 18, "an HTML page"},
        {"{\"error\": 404}", 14, "a text file"},
        {"version https://git-lfs.github.com/spec/v1", 42, "a pointer of Git LFS"},
        {"\0\5\x16\7\0\2\0\0Mac OS X", 16, "a Mac's file of attributes"},
        {"\0\0\0\0\0\0\0\0\0\0\0\0", 12, "nothing but zero bytes"},
        {"PK\3\4\x14\0\0\0", 8, "a ZIP archive"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char what[128];
        snprintf(what, sizeof what, "nor PNM, but %s", known[i].what);
        assert_refused((const uint8_t *)known[i].data, known[i].bytes, what);
    }
}

/* DICOM, which is told by its 129th byte, also how it is converted. */
static void test_dicom(void **state)
{
    (void)state;
    uint8_t data[200] = {0};
    memcpy(data + 128, "DICM", 4);
    assert_refused(
        data, sizeof data,
        "nor PNM, but a DICOM image, which has to be converted: dcmj2pnm --write-png --min-max-window FILE.dcm");
}

/* The first bytes alone choose the codec, all of those that it asks for. */
static void test_first_bytes_choose_the_codec(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t bytes;
        const char *what;
    } known[] = {
        {"\xff\xd8\xff", 3, "truncated JPEG"},
        {"\xff\xd8\xfe\xe0\0\0\0\0", 8, "nor PNM (starts with ff d8 fe e0)"},
        {"\xff\xd8", 2, "2 bytes are not an image (JPEG, PNG, WebP, TIFF, GIF, JPEG 2000, BMP or PNM expected)"},
        {"\x89PNG\r\n\x1a\n", 8, "truncated PNG"},
        {"BM\x36\0\0\0\0\0\0\0", 10, "truncated BMP"},
        {"P5 7 7 255\n", 11, "too short to hold"},
        {"\x89PNG\r\n\x1a\r", 8, "nor PNM (starts with 89 50 4e 47)"},
        {"\x89PNG\r\n\x1a", 7, "7 bytes are not an image (JPEG, PNG, WebP, TIFF, GIF, JPEG 2000, BMP or PNM expected)"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_refused((const uint8_t *)known[i].data, known[i].bytes, known[i].what);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_pillow),
        cmocka_unit_test(test_every_truncation_is_an_error),
        cmocka_unit_test(test_damage_that_pillow_decodes),
        cmocka_unit_test(test_damage_everywhere),
        cmocka_unit_test(test_orientation),
        cmocka_unit_test(test_damaged_orientation),
        cmocka_unit_test(test_truncation_is_named),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_sizes_that_cannot_be),
        cmocka_unit_test(test_other_kinds_of_jpeg),
        cmocka_unit_test(test_thousands_of_scans),
        cmocka_unit_test(test_not_an_image),
        cmocka_unit_test(test_other_formats_are_named),
        cmocka_unit_test(test_dicom),
        cmocka_unit_test(test_first_bytes_choose_the_codec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
