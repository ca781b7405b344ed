/* The kinds of images beside JPEG and PNG: they equal what Pillow makes of them, damage does no harm and is an error or
 * noted, and a file that promises more pixels than it can hold costs no memory. */
#include "tec/image.h"

#include "../data/pnm.h"
#include "tec/philox.h"

#include <glob.h>
#include <sys/resource.h>

#define FORMATS TEST_DATA "formats/"

static const char *const fixture[] = {
    "palette1.bmp",      "grey1.bmp",       "palette4.bmp",      "palette8.bmp",
    "short_palette.bmp", "grey8.bmp",       "os2.bmp",           "os2_rgb.bmp",
    "rgb.bmp",           "top_down.bmp",    "rgbx.bmp",          "rgba.bmp",
    "xbgr.bmp",          "rgb15.bmp",       "rgb16.bmp",         "rle8.bmp",
    "rle4.bmp",          "moves.bmp",       "text.pbm",          "text.pgm",
    "text.ppm",          "bits.pbm",        "bytes.pgm",         "bytes_77.pgm",
    "bytes.ppm",         "bytes_31.ppm",    "palette.gif",       "interlaced.gif",
    "grey.gif",          "no_palette.gif",  "short_palette.gif", "own_palette.gif",
    "inside.gif",        "transparent.gif", "beyond.gif",        "animated.gif",
    "flat.gif",          "by_pillow.gif",   "lossy.webp",        "coarse.webp",
    "lossless.webp",     "palette.webp",    "alpha.webp",        "alpha_lossless.webp",
    "grey.webp",         "animated.webp",   "inside.webp",       "turned6.webp",
    "turned3.webp",      "grey.tif",        "inverse.tif",       "grey1.tif",
    "inverse1.tif",      "grey2.tif",       "grey4.tif",         "rgb.tif",
    "big_endian.tif",    "big.tif",         "palette.tif",       "palette4.tif",
    "grey_alpha.tif",    "rgba.tif",        "rgbx.tif",          "multiplied.tif",
    "cmyk.tif",          "tiles.tif",       "planes.tif",        "tiled_planes.tif",
    "deflate.tif",       "predicted.tif",   "packbits.tif",      "lzw.tif",
    "lzw_grey.tif",      "fax.tif",         "jpeg.tif",          "jpeg_grey.tif",
    "ycbcr.tif",         "pages.tif",       "upright3.tif",      "upright6.tif",
    "grey.jp2",          "rgb.jp2",         "lossy.jp2",         "grey_alpha.jp2",
    "rgba.jp2",          "tiles.jp2",       "stream.j2k"};
#define FIXTURES (sizeof fixture / sizeof *fixture)

static uint8_t *read_fixture(const char *name, size_t *bytes)
{
    char path[256];
    snprintf(path, sizeof path, FORMATS "%s", name);
    return read_bytes(path, bytes);
}

/* Decodes a copy of exactly that length, so that a sanitizer sees reads behind the end. */
static tec_status decode_part(tec_image *image, const uint8_t *data, size_t bytes, bool strict, const char *name)
{
    uint8_t *copy = malloc(bytes ? bytes : 1);
    memcpy(copy, data, bytes);
    tec_status status = tec_image_decode(image, copy, bytes, &(tec_decoding){.channels = 3, .strict = strict}, name);
    assert_true((status == TEC_OK) == (image->pixels != NULL));
    assert_true(status == TEC_OK || status == TEC_USER_ERROR);
    if (status != TEC_OK && !strstr(tec_error_message(), name))
        fail_msg("\"%s\" does not name %s", tec_error_message(), name);
    free(copy);
    return status;
}

static void assert_refused(const uint8_t *data, size_t bytes, const char *what)
{
    tec_image image;
    assert_int_equal(decode_part(&image, data, bytes, false, "a/b.img"), TEC_USER_ERROR);
    if (!strstr(tec_error_message(), what))
        fail_msg("\"%s\" does not say \"%s\"", tec_error_message(), what);
}

static bool is_same(const tec_image *a, const tec_image *b)
{
    return a->height == b->height && a->width == b->width && a->channels == b->channels &&
           !memcmp(a->pixels, b->pixels, (size_t)a->height * (size_t)a->width * (size_t)a->channels);
}

/* May this build lack the library for such files? Says so. */
static bool is_lacking(const char *name)
{
    size_t bytes;
    tec_image image;
    uint8_t *data = read_fixture(name, &bytes);
    bool lacking = decode_part(&image, data, bytes, false, name) != TEC_OK &&
                   strstr(tec_error_message(), "for which this build of tec lacks ");
    if (lacking)
        printf("SKIPPED: %s\n", tec_error_message());
    tec_image_free(&image);
    free(data);
    return lacking;
}

static void test_equals_pillow(void **state)
{
    (void)state;
    for (size_t i = 0; i < FIXTURES; i++)
        for (int channels = 1; channels <= 3 && !is_lacking(fixture[i]); channels += 2) {
            size_t bytes;
            char path[256];
            tec_image got;
            uint8_t *data = read_fixture(fixture[i], &bytes);
            snprintf(path, sizeof path, FORMATS "%s.%s", fixture[i], channels == 3 ? "ppm" : "pgm");
            tec_image want = read_pnm(path);
            const tec_decoding how = {.channels = channels, .strict = true, .turn = true};
            if (tec_image_decode(&got, data, bytes, &how, fixture[i]) != TEC_OK)
                fail_msg("%s", tec_error_message());
            if (!is_same(&got, &want))
                fail_msg("%s in %d channels differs from Pillow", fixture[i], channels);
            assert_int_equal(got.notes, 0);
            tec_image_free(&got);
            tec_image_free(&want);
            free(data);
        }
}

/* Bytes of such a file without which it is another one: cut within its last number it is as good as before, and behind
 * its first page. */
static size_t needed_bytes(const char *name, size_t bytes)
{
    if (!strcmp(name, "text.pgm") || !strcmp(name, "text.ppm"))
        return bytes - 4;
    return strcmp(name, "pages.tif") ? bytes : 1300;
}

/* Cut anywhere, a file is refused; without strictness also one of which only the end is missing is read, with a note. */
static void test_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < FIXTURES; i++) {
        if (is_lacking(fixture[i]))
            continue;
        size_t bytes;
        tec_image whole, got;
        const char *name = fixture[i];
        uint8_t *data = read_fixture(name, &bytes);
        assert_int_equal(decode_part(&whole, data, bytes, true, name), TEC_OK);
        for (size_t kept = 0; kept < needed_bytes(name, bytes); kept++) {
            if (decode_part(&got, data, kept, true, name) == TEC_OK)
                fail_msg("%s cut after %zu of %zu bytes was taken", name, kept, bytes);
            if (decode_part(&got, data, kept, false, name) == TEC_OK && (!got.notes || !is_same(&got, &whole)))
                fail_msg("%s cut after %zu of %zu bytes was taken, with notes %x", name, kept, bytes, got.notes);
            tec_image_free(&got);
        }
        tec_image_free(&whole);
        free(data);
    }
}

static void test_flipped_bits(void **state)
{
    (void)state;
    tec_philox random = tec_philox_start(3, TEC_STREAM_TEST, 0, 0, 0);
    for (size_t i = 0; i < FIXTURES; i++) {
        if (is_lacking(fixture[i]))
            continue;
        size_t bytes;
        uint8_t *data = read_fixture(fixture[i], &bytes);
        for (int round = 0; round < 300; round++) {
            tec_image got;
            size_t at = tec_philox_below(&random, (uint32_t)(round % 2 && bytes > 64 ? 64 : bytes));
            uint8_t bit = (uint8_t)(1u << tec_philox_below(&random, 8));
            data[at] ^= bit;
            decode_part(&got, data, bytes, round % 3 == 0, fixture[i]);
            tec_image_free(&got);
            data[at] ^= bit;
        }
        free(data);
    }
}

/* What fuzzing found interesting does no harm. */
static void test_corpus(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob("tests/fuzz/corpus-{bmp,gif,jp2,jpeg,png,pnm,tiff,webp}/*", GLOB_BRACE, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        size_t bytes;
        tec_image got;
        uint8_t *data = read_bytes(found.gl_pathv[i], &bytes);
        decode_part(&got, data, bytes, i % 2, found.gl_pathv[i]);
        tec_image_free(&got);
        free(data);
    }
    globfree(&found);
}

/* ---- what is refused ---- */

static size_t peak_kilobytes(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (size_t)usage.ru_maxrss;
}

/* Changes `count` bytes at `at`, and puts the former ones back behind the refusal. */
static void assert_refused_with(const char *name, size_t at, const char *bytes, size_t count, const char *what)
{
    size_t length;
    uint8_t *data = read_fixture(name, &length);
    size_t before = peak_kilobytes();
    memcpy(data + at, bytes, count);
    assert_refused(data, length, what);
    assert_true(peak_kilobytes() - before < 64 << 10);
    free(data);
}

#define SIDE_60000 "\x60\xea\0\0"
#define SIDE_12000 "\xe0\x2e\0\0"

static void test_bmp_refused(void **state)
{
    (void)state;
    assert_refused_with("rgb.bmp", 18, SIDE_60000 SIDE_60000, 8, "60000 x 60000 pixels, at most");
    assert_refused_with("rgb.bmp", 18, SIDE_12000 SIDE_12000, 8, "too short to hold");
    assert_refused_with("rgb.bmp", 18, "\xff\xff\xff\x7f\xff\xff\xff\x7f", 8, "pixels, at most");
    assert_refused_with("rgb.bmp", 18, "\0\0\0\0", 4, "0 x 17 pixels: not an image");
    assert_refused_with("rgb.bmp", 22, "\0\0\0\xff", 4, "pixels, at most");
    assert_refused_with("rle8.bmp", 18, SIDE_12000 SIDE_12000, 8, "too short to hold");
    assert_refused_with("rgb.bmp", 28, "\x30", 1, "not supported and has to be converted: 48 bits a pixel");
    assert_refused_with("rgb.bmp", 30, "\4", 1, "24 bits a pixel, compression 4");
    assert_refused_with("palette8.bmp", 46, "\1\2", 2, "a palette of 513 colours");
    assert_refused_with("rgb.bmp", 10, "\xff\xff\xff\xff", 4, "truncated BMP");
}

static void test_webp_refused(void **state)
{
    (void)state;
    enum { CANVAS = 24, LOSSLESS = 21 };
    if (is_lacking("lossy.webp"))
        return;
    assert_refused_with("animated.webp", CANVAS, "\x5f\xea\0\x5f\xea\0", 6, "60000 x 60000 pixels, at most");
    assert_refused_with("animated.webp", CANVAS, "\xdf\x2e\0\xdf\x2e\0", 6, "too short to hold");
    assert_refused_with("lossless.webp", LOSSLESS, "\xff\xff\xff\x0f", 4, "16384 x 16384 pixels, at most");
    assert_refused_with("lossless.webp", LOSSLESS, "\xdf\xae\xf7\x0b", 4, "too short to hold");
    assert_refused_with("lossy.webp", 26, "\xff\x2f\xff\x2f", 4, "too short to hold");
    assert_refused_with("lossy.webp", 23, "x", 1, "damaged WebP");
    assert_refused_with("lossless.webp", 40, "\xff\xff\xff\xff\xff\xff", 6, "damaged WebP");
}

/* Where the value of tag number `i` of a small TIFF stands. */
static size_t tag_of(const char *name, size_t i)
{
    size_t bytes;
    uint8_t *data = read_fixture(name, &bytes);
    size_t at = (size_t)data[4] + 256 * (size_t)data[5];
    free(data);
    return at + 2 + 12 * i + 8;
}

static void test_tiff_refused(void **state)
{
    (void)state;
    enum { WIDTH, HEIGHT, BITS, PACKED, COLOURS, SAMPLES = 6 };
    if (is_lacking("grey.tif"))
        return;
    size_t width = tag_of("grey.tif", WIDTH), tile = tag_of("tiles.tif", 7);
    assert_refused_with("grey.tif", width, SIDE_60000 "\1\1\4\0\1\0\0\0" SIDE_60000, 16,
                        "60000 x 60000 pixels, at most");
    assert_refused_with("deflate.tif", tag_of("deflate.tif", WIDTH), SIDE_12000 "\1\1\4\0\1\0\0\0" SIDE_12000, 16,
                        "too short to hold");
    assert_refused_with("grey.tif", width, "\0\0", 2, "TIFF");
    assert_refused_with("tiles.tif", tile, "\xe0\x2e\0\0\x43\1\3\0\1\0\0\0\xe0\x2e\0\0", 16,
                        "tiles of 12000 x 12000 pixels");
    assert_refused_with("grey.tif", tag_of("grey.tif", BITS), "\x10", 1,
                        "values of 16 bits, and data.range is bytes: set data.range=type");
    assert_refused_with("grey.tif", tag_of("grey.tif", COLOURS), "\x08", 1,
                        "has to be converted: colours that are none");
    assert_refused_with("grey.tif", tag_of("grey.tif", COLOURS), "\x02", 1, "such samples");
    assert_refused_with("grey.tif", tag_of("grey.tif", PACKED), "\x08", 1, "damaged or truncated TIFF of ");
    assert_refused_with("grey.tif", tag_of("grey.tif", PACKED), "\x63\x63", 2, "damaged or truncated TIFF of ");
    assert_refused_with("grey.tif", 4, "\xff\xff\xff\xff", 4, "TIFF");
}

/* Of a long file too, in which a tile of more pixels than an image may have would find room. */
static void test_tiff_tile_bound(void **state)
{
    (void)state;
    enum { LENGTH = 140000 };
    size_t bytes, tile = tag_of("tiles.tif", 7);
    if (is_lacking("tiles.tif"))
        return;
    uint8_t *data = read_fixture("tiles.tif", &bytes), *longer = calloc(1, LENGTH);
    memcpy(longer, data, bytes);
    memcpy(longer + tile, "\0\x40\0\0\x43\1\3\0\1\0\0\0\0\x40\0\0", 16);
    assert_refused(longer, LENGTH, "tiles of 16384 x 16384 pixels, at most 178956970");
    free(longer);
    free(data);
}

/* Pixels that begin as the mark of a CR2 does. */
static void test_tiff_of_cr(void **state)
{
    (void)state;
    static const uint8_t data[] = "II*\0\x0c\0\0\0CR\1\2\x09\0"
                                  "\0\1\3\0\1\0\0\0\4\0\0\0"
                                  "\1\1\3\0\1\0\0\0\1\0\0\0"
                                  "\2\1\3\0\1\0\0\0\x08\0\0\0"
                                  "\3\1\3\0\1\0\0\0\1\0\0\0"
                                  "\6\1\3\0\1\0\0\0\1\0\0\0"
                                  "\x11\1\4\0\1\0\0\0\x08\0\0\0"
                                  "\x15\1\3\0\1\0\0\0\1\0\0\0"
                                  "\x16\1\3\0\1\0\0\0\1\0\0\0"
                                  "\x17\1\4\0\1\0\0\0\4\0\0\0\0\0\0";
    tec_image image;
    if (is_lacking("grey.tif"))
        return;
    if (decode_part(&image, data, sizeof data, true, "cr.tif") != TEC_OK)
        fail_msg("%s", tec_error_message());
    assert_int_equal(image.width, 4);
    assert_int_equal(image.pixels[0], 'C');
    assert_int_equal(image.pixels[3], 'R');
    tec_image_free(&image);
}

/* An orientation is noted where it is not applied. */
static void test_orientation(void **state)
{
    (void)state;
    size_t bytes;
    tec_image got;
    if (is_lacking("turned6.webp"))
        return;
    uint8_t *data = read_fixture("turned6.webp", &bytes);
    assert_int_equal(decode_part(&got, data, bytes, true, "turned6.webp"), TEC_OK);
    assert_int_equal(got.notes, 1u << TEC_IMAGE_TURNED);
    tec_image_free(&got);
    free(data);
}

static void test_gif_refused(void **state)
{
    (void)state;
    enum { CANVAS = 6, FRAME = 13 + 768 };
    if (is_lacking("palette.gif"))
        return;
    assert_refused_with("palette.gif", CANVAS, "\x60\xea\x60\xea", 4, "60000 x 60000 pixels, at most");
    assert_refused_with("palette.gif", CANVAS, "\xe0\x2e\xe0\x2e", 4, "too short to hold");
    assert_refused_with("palette.gif", FRAME + 5, "\xe0\x2e\xe0\x2e", 4, "too short to hold");
    assert_refused_with("palette.gif", FRAME + 1, "\xff\xff\xff\xff", 4, "65558 x 65552 pixels, at most");
    assert_refused_with("palette.gif", FRAME, ";", 1, "GIF without a picture");
    assert_refused_with("palette.gif", FRAME + 5, "\0\0", 2, "GIF with a picture of 0 x 17 pixels");
    assert_refused_with("palette.gif", FRAME + 10, "\x0c", 1, "damaged GIF near byte");
    assert_refused_with("palette.gif", FRAME + 40, "\xff\xff\xff\xff\xff", 5, "damaged GIF near byte");
}

static void test_jp2_refused(void **state)
{
    (void)state;
    enum { SIZE = 8, TILE = 24, BANDS = 40 }; /* in a codestream */
    if (is_lacking("stream.j2k"))
        return;
    assert_refused_with("stream.j2k", SIZE, "\0\0\xea\x60\0\0\xea\x60", 8, "tiles, but the file is too short");
    assert_refused_with("stream.j2k", SIZE, "\0\1\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\1\0", 24,
                        "the header says 65536 x 256 pixels, but the file is too short");
    assert_refused_with("stream.j2k", TILE, "\0\0\0\1\0\0\0\1", 8, "tiles, but the file is too short to hold them");
    assert_refused_with("stream.j2k", TILE, "\0\0\0\0", 4, "damaged JPEG 2000: ");
    assert_refused_with("stream.j2k", BANDS, "\x3f\xff", 2, "16383 bands: at most 64 are read");
    assert_refused_with("stream.j2k", BANDS + 2, "\x13", 1,
                        "3 bands, 20 bits: grey, RGB or bands of one size, all alike");
    assert_refused_with("stream.j2k", BANDS + 3, "\2", 1, "grey, RGB or bands of one size, all alike");
    assert_refused_with("rgb.jp2", 12, "\0\0\0\0", 4, "truncated JPEG 2000");
}

static void assert_text_refused(const char *text, const char *what)
{
    assert_refused((const uint8_t *)text, strlen(text), what);
}

static void test_pnm_refused(void **state)
{
    (void)state;
    assert_text_refused("P6\n60000 60000\n255\n", "60000 x 60000 pixels, at most");
    assert_text_refused("P5\n12000 12000\n255\nabc", "too short to hold");
    assert_text_refused("P2\n12000 12000\n255\nabc", "too short to hold");
    assert_text_refused("P4\n12000 12000\nabc", "too short to hold");
    assert_text_refused("P5\n99999999999 1\n255\nabc", "damaged PNM near byte 14");
    assert_text_refused("P5\n4294967297 1\n255\nabc", "damaged PNM");
    assert_text_refused("P5\n0 3\n255\nabc", "0 x 3 pixels: not an image");
    assert_text_refused("P5\n1 1\n65535\nab",
                        "PNM with values of 16 bits (0 to 65535): convert it to 8, or set data.range=type");
    assert_text_refused("P5\n1 1\n70000\nab", "its largest value is 70000");
    assert_text_refused("P5\n1 1\n0\nab     ", "its largest value is 0");
    assert_text_refused("P2\n1 1\n100\n101 ", "damaged PNM");
    assert_text_refused("P2\n1 1\n100\n-1 ", "damaged PNM near byte 11");
    assert_text_refused("P1\n3 1\n012", "damaged PNM near byte 9");
    assert_text_refused("P3\n1 1\n100 7 7 ", "truncated PNM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_pillow), cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_flipped_bits),  cmocka_unit_test(test_corpus),
        cmocka_unit_test(test_tiff_refused),  cmocka_unit_test(test_tiff_tile_bound),
        cmocka_unit_test(test_tiff_of_cr),    cmocka_unit_test(test_webp_refused),
        cmocka_unit_test(test_orientation),   cmocka_unit_test(test_gif_refused),
        cmocka_unit_test(test_bmp_refused),   cmocka_unit_test(test_pnm_refused),
        cmocka_unit_test(test_jp2_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
