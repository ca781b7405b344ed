/* Images with any number of bands, of 8 to 64 bits: their values keep their precision, the bands that are asked for are
 * taken, and what nobody can know is asked for. */
#include "tec/augment.h"
#include "tec/image.h"

#include "../data/pnm.h"

#include <math.h>
#include <sys/resource.h>

#define BANDS TEST_DATA "bands/"

static uint8_t *read_file(const char *name, size_t *bytes)
{
    char path[256];
    snprintf(path, sizeof path, BANDS "%s", name);
    return read_bytes(path, bytes);
}

static tec_status decode(tec_image *image, const char *name, int channels, const tec_bands *bands)
{
    size_t bytes;
    uint8_t *data = read_file(name, &bytes);
    tec_status status = tec_image_decode(image, data, bytes,
                                         &(tec_decoding){.channels = channels, .strict = true, .bands = *bands}, name);
    free(data);
    return status;
}

/* Does this build lack the library for such a file? */
static bool lacks(const char *name)
{
    tec_image image;
    const tec_bands range = {.scaling = TEC_SCALING_TYPE};
    bool lacking = decode(&image, name, 5, &range) != TEC_OK && strstr(tec_error_message(), "lacks ");
    if (lacking)
        printf("SKIPPED: %s\n", tec_error_message());
    tec_image_free(&image);
    return lacking;
}

static bool is_lacking(void)
{
    return lacks("u16.tif");
}

/* The values that were put into a file, [pixels, bands]. */
static double *read_values(const char *name, size_t *count)
{
    char file[128];
    size_t bytes;
    snprintf(file, sizeof file, "%s.f64", name);
    uint8_t *data = read_file(file, &bytes);
    *count = bytes / sizeof(double);
    return (double *)(void *)data;
}

#define GIVEN(low_, high_) .bands = {.scaling = TEC_SCALING_GIVEN, .low = low_, .high = high_}
#define TYPE .bands = {.scaling = TEC_SCALING_TYPE}

static const struct {
    const char *name;
    int stored;       /* bands in the file */
    int channels;     /* that are asked for */
    double most;      /* of the type; 0: not needed */
    double deviation; /* that is allowed, in the file's units */
    tec_bands bands;
} files[] = {
    {"u16.tif", 5, 5, 65535, 0, TYPE},
    {"u16.tif", 5, 5, 0, 0, GIVEN(0, 1)},
    {"u16.tif", 5, 5, 0, 0, GIVEN(-1000, 20000)},
    {"u16.tif", 5, 3, 65535, 0, .bands = {.scaling = TEC_SCALING_TYPE, .chosen = 3, .band = {3, 0, 3}}},
    {"u16_big_endian.tif", 5, 5, 65535, 0, TYPE},
    {"u16_big.tif", 5, 5, 65535, 0, TYPE},
    {"u16_planes.tif", 5, 5, 65535, 0, TYPE},
    {"u16_planes.tif", 5, 2, 65535, 0, .bands = {.scaling = TEC_SCALING_TYPE, .chosen = 2, .band = {4, 1}}},
    {"u16_tiles.tif", 5, 5, 65535, 0, TYPE},
    {"u16_tiled_planes.tif", 5, 5, 65535, 0, TYPE},
    {"u16_predicted.tif", 5, 5, 65535, 0, TYPE},
    {"u16_packbits.tif", 5, 5, 65535, 0, TYPE},
    {"u16_inverse.tif", 1, 1, 65535, 0, TYPE},
    {"u16_turned.tif", 5, 5, 65535, 0, TYPE},
    {"u16_rgba.tif", 4, 4, 65535, 0, TYPE},
    {"u16_lzw.tif", 1, 1, 65535, 0, TYPE},
    {"u8.tif", 4, 4, 255, 0, TYPE},
    {"u8.tif", 4, 4, 0, 0, GIVEN(10, 20)},
    {"u8_jpeg.tif", 4, 4, 255, 1, TYPE}, /* libjpeg's versions differ */
    {"i16.tif", 5, 5, 0, 0, GIVEN(-30000, 0)},
    {"u32.tif", 5, 5, 4294967295, 0, TYPE},
    {"i32.tif", 5, 5, 0, 0, GIVEN(-1e9, 1e9)},
    {"f32.tif", 5, 5, 0, 0, GIVEN(0, 1)},
    {"f32_predicted.tif", 5, 5, 0, 0, GIVEN(0, 1)},
    {"f32_lzw.tif", 1, 1, 0, 0, GIVEN(0, 1)},
    {"f64.tif", 5, 5, 0, 0, GIVEN(-0.1, 0.2)},
    {"grey.png", 1, 1, 65535, 0, TYPE},
    {"rgb.png", 3, 3, 65535, 0, TYPE},
    {"rgb.png", 3, 2, 65535, 0, .bands = {.scaling = TEC_SCALING_TYPE, .chosen = 2, .band = {2, 1}}},
    {"grey_alpha.png", 2, 2, 65535, 0, TYPE},
    {"rgba.png", 4, 4, 65535, 0, TYPE},
    {"interlaced.png", 3, 3, 65535, 0, TYPE},
    {"bytes.pgm", 1, 1, 1000, 0, TYPE},
    {"bytes.pgm", 1, 1, 0, 0, GIVEN(0, 65535)},
    {"bytes.ppm", 3, 3, 65535, 0, TYPE},
    {"text.pgm", 1, 1, 1000, 0, TYPE},
    {"deep.jp2", 1, 1, 65535, 0, TYPE},
    {"u16.jp2", 5, 5, 65535, 0, TYPE},
    {"u16.jp2", 5, 3, 0, 0, .bands = {.scaling = TEC_SCALING_GIVEN, .high = 1000, .chosen = 3, .band = {4, 0, 4}}},
    {"u16_rgba.jp2", 4, 4, 65535, 0, TYPE},
    {"u16_rgba.jp2", 4, 2, 65535, 0, .bands = {.scaling = TEC_SCALING_TYPE, .chosen = 2, .band = {3, 1}}},
    {"u12.j2k", 2, 2, 4095, 0, TYPE},
    {"i12.j2k", 2, 2, 0, 0, GIVEN(-2048, 2047)},
};
enum { FILES = sizeof files / sizeof *files };

static void assert_values(size_t i, const tec_image *got)
{
    size_t count;
    double *want = read_values(files[i].name, &count);
    const tec_bands *bands = &files[i].bands;
    const double low = bands->low, high = bands->scaling == TEC_SCALING_GIVEN ? bands->high : files[i].most;
    const size_t stored = (size_t)files[i].stored, channels = (size_t)files[i].channels;
    assert_non_null(got->values);
    assert_null(got->pixels);
    assert_true(got->low == low && got->high == high);
    assert_int_equal(got->channels, channels);
    assert_int_equal((size_t)got->height * (size_t)got->width, count / stored);
    for (size_t at = 0; at < count / stored; at++)
        for (size_t c = 0; c < channels; c++) {
            const size_t band = bands->chosen ? (size_t)bands->band[c] : c;
            const double exact = (want[at * stored + band] - low) / (high - low);
            const double error = fabs((double)got->values[at * channels + c] - exact);
            if (!(error <= fabs(exact) * 6e-8 + files[i].deviation / (high - low)))
                fail_msg("row %zu, %s: pixel %zu, channel %zu is %.9g, not %.9g", i, files[i].name, at, c,
                         (double)got->values[at * channels + c], exact);
        }
    free(want);
}

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        tec_image got;
        if (lacks(files[i].name))
            continue;
        if (decode(&got, files[i].name, files[i].channels, &files[i].bands) != TEC_OK)
            fail_msg("row %zu: %s", i, tec_error_message());
        assert_values(i, &got);
        tec_image_free(&got);
    }
}

/* Of 16 bits, widened without a range in between, every value is what it was. */
static void test_exact(void **state)
{
    (void)state;
    size_t count;
    tec_image got;
    double *want = read_values("rgb.png", &count);
    assert_int_equal(decode(&got, "rgb.png", 3, &files[1].bands), TEC_OK);
    for (size_t i = 0; i < count; i++)
        assert_true((double)got.values[i] == want[i]);
    tec_image_free(&got);
    free(want);
}

/* Images of 8 bits with other bands than 1 or 3 stay bytes. */
static void test_bytes(void **state)
{
    (void)state;
    size_t count;
    tec_image got;
    double *want = read_values("u8.tif", &count);
    const tec_bands swapped = {.chosen = 3, .band = {2, 1, 0}};
    if (!is_lacking()) {
        assert_int_equal(decode(&got, "u8.tif", 4, &(tec_bands){0}), TEC_OK);
        assert_null(got.values);
        for (size_t i = 0; i < count; i++)
            assert_true((double)got.pixels[i] == want[i]);
        tec_image_free(&got);
        assert_int_equal(decode(&got, "u8.tif", 3, &swapped), TEC_OK);
        for (size_t i = 0; i < count / 4 * 3; i++)
            assert_true((double)got.pixels[i] == want[i / 3 * 4 + 2 - i % 3]);
        tec_image_free(&got);
    }
    free(want);
}

/* ---- grey, colours and alpha ---- */

static void test_conversions(void **state)
{
    (void)state;
    size_t count, bytes;
    double *want = read_values("rgba.png", &count), *grey = read_values("grey.png", &bytes);
    tec_image got;
    const tec_bands type = {.scaling = TEC_SCALING_TYPE};
    assert_int_equal(decode(&got, "rgba.png", 3, &type), TEC_OK); /* without alpha */
    for (size_t i = 0; i < count / 4 * 3; i++)
        assert_float_equal(got.values[i], want[i / 3 * 4 + i % 3] / 65535, 1e-7);
    tec_image_free(&got);
    assert_int_equal(decode(&got, "rgba.png", 1, &type), TEC_OK);
    assert_int_equal(got.channels, 1);
    for (size_t i = 0; i < count / 4; i++)
        assert_float_equal(got.values[i],
                           (0.299 * want[4 * i] + 0.587 * want[4 * i + 1] + 0.114 * want[4 * i + 2]) / 65535, 1e-5);
    tec_image_free(&got);
    assert_int_equal(decode(&got, "grey.png", 3, &type), TEC_OK);
    for (size_t i = 0; i < count / 4 * 3; i++)
        assert_float_equal(got.values[i], grey[i / 3] / 65535, 1e-7);
    tec_image_free(&got);
    free(grey);
    free(want);
}

/* Of JPEG 2000 the fourth band is alpha: dropped, or taken by its number. */
static void test_alpha(void **state)
{
    (void)state;
    size_t count;
    double *want = read_values("u16_rgba.jp2", &count);
    const tec_bands type = {.scaling = TEC_SCALING_TYPE}, fourth = {.chosen = 1, .band = {3}};
    tec_image got;
    if (!lacks("u16_rgba.jp2")) {
        assert_int_equal(decode(&got, "u16_rgba.jp2", 3, &type), TEC_OK);
        for (size_t i = 0; i < count / 4 * 3; i++)
            assert_float_equal(got.values[i], want[i / 3 * 4 + i % 3] / 65535, 1e-7);
        tec_image_free(&got);
        assert_int_equal(decode(&got, "u16_rgba.jp2", 1, &fourth), TEC_OK); /* as bytes */
        for (size_t i = 0; i < count / 4; i++)
            assert_float_equal(got.pixels[i], want[4 * i + 3] / 256, 1);
        tec_image_free(&got);
    }
    free(want);
}

/* As before, and as Pillow does: without data.range, PNGs of 16 bits have their upper 8. */
static void test_default_range(void **state)
{
    (void)state;
    size_t count;
    double *want = read_values("rgb.png", &count);
    tec_image got;
    assert_int_equal(decode(&got, "rgb.png", 3, &(tec_bands){0}), TEC_OK);
    assert_true(got.deep && !got.values);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(got.pixels[i], (int)want[i] >> 8);
    tec_image_free(&got);
    free(want);
}

/* ---- what is asked for ---- */

static void assert_refused(const char *name, int channels, const tec_bands *bands, const char *what)
{
    tec_image got;
    assert_int_equal(decode(&got, name, channels, bands), TEC_USER_ERROR);
    assert_null(got.values);
    assert_null(got.pixels);
    if (!strstr(tec_error_message(), what) || !strstr(tec_error_message(), name))
        fail_msg("\"%s\" does not say \"%s\"", tec_error_message(), what);
}

static void test_refused(void **state)
{
    (void)state;
    const tec_bands bytes = {0}, type = {.scaling = TEC_SCALING_TYPE}, sixth = {.chosen = 1, .band = {5}};
    const tec_bands unit = {.scaling = TEC_SCALING_GIVEN, .high = 1},
                    tiny = {.scaling = TEC_SCALING_GIVEN, .high = 1e-44};
    assert_refused("rgb.png", 5, &type, "3 bands, but data.channels is 5: set data.channels=3");
    assert_refused("rgb.png", 1, &sixth, "data.bands names band 6, but the file has 3 bands");
    assert_refused("grey.png", 5, &bytes, "1 band, but data.channels is 5: set data.channels=1");
    assert_refused("rgb.png", 3, &(tec_bands){.chosen = 3, .band = {2, 1, 0}},
                   "values of 16 bits, and data.range is bytes: set data.range=type, which divides");
    assert_refused("bytes.pgm", 1, &bytes,
                   "PNM with values of 16 bits (0 to 1000): convert it to 8, or set data.range");
    const tec_bands of_model = {.scaling = TEC_SCALING_TYPE, .of_model = true};
    assert_refused("grey.png", 5, &of_model, "1 band, but the model takes 5: give it images of as many");
    assert_refused("rgb.png", 2, &of_model,
                   "3 bands, but the model takes 2: let data.bands choose 2, as in data.bands=1,2,...");
    if (!lacks("u16.jp2")) {
        assert_refused("u16.jp2", 3, &type,
                       "5 bands, but data.channels is 3: set data.channels=5, or let data.bands choose some");
        assert_refused("u16.jp2", 3, &bytes, "a JPEG 2000 image of 5 bands: set data.channels to as many");
        assert_refused("u12.j2k", 1, &(tec_bands){.scaling = TEC_SCALING_TYPE, .chosen = 1, .band = {2}},
                       "data.bands names band 3, but the file has 2 bands");
        assert_refused("i12.j2k", 2, &type, "values of 16 bits with a sign have no largest");
    }
    if (is_lacking())
        return;
    assert_refused("u16.tif", 3, &type,
                   "5 bands, but data.channels is 3: set data.channels=5, or let data.bands choose some, as in "
                   "data.bands=3,2,1");
    assert_refused("u16.tif", 3, &bytes,
                   "values of 16 bits, and data.range is bytes: set data.range=type, which divides");
    assert_refused("u16.tif", 5, &bytes,
                   "values of 16 bits, and data.range is bytes: set data.range=type, which divides");
    assert_refused("f32.tif", 3, &bytes,
                   "no whole numbers from 0 on, and data.range is bytes: set data.range=LOW,HIGH");
    assert_refused("f32.tif", 5, &type,
                   "values of 32-bit float have no largest that data.range=type could divide by: set "
                   "data.range=LOW,HIGH");
    assert_refused("i16.tif", 5, &type, "values of 16 bits with a sign have no largest");
    assert_refused("u16_rgbx.tif", 3, &type, "4 bands, but data.channels is 3");
    assert_refused("nan.tif", 5, &unit, "band 3 has no number (NaN) at row 7, column 3: fill such pixels");
    assert_refused("inf.tif", 5, &unit, "band 3 has no number (infinite) at row 7, column 3");
    assert_refused("f32.tif", 5, &tiny, "which is beyond reason for data.range=0,");
}

/* ---- damage ---- */

static void test_damage(void **state)
{
    (void)state;
    const tec_bands unit = {.scaling = TEC_SCALING_GIVEN, .high = 1};
    for (size_t i = 0; i < FILES; i++) {
        size_t bytes;
        if (lacks(files[i].name) || strstr(files[i].name, "text"))
            continue;
        uint8_t *data = read_file(files[i].name, &bytes);
        tec_decoding how = {.channels = files[i].stored, .strict = true, .bands = unit};
        for (size_t kept = 0; kept < bytes; kept += 1 + bytes / 500) {
            uint8_t *copy = malloc(kept + 1);
            tec_image got;
            memcpy(copy, data, kept);
            if (tec_image_decode(&got, copy, kept, &how, "cut") == TEC_OK)
                fail_msg("%s cut after %zu of %zu bytes was taken", files[i].name, kept, bytes);
            free(copy);
        }
        for (size_t at = 0; at < bytes; at += 1 + bytes / 300) {
            tec_image got;
            data[at] ^= 0x41;
            how.strict = at % 2;
            tec_image_decode(&got, data, bytes, &how, "damaged");
            tec_image_free(&got);
            data[at] ^= 0x41;
        }
        free(data);
    }
}

static size_t peak_kilobytes(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (size_t)usage.ru_maxrss;
}

/* A small file that says it has 5 bands of 12000 x 12000 pixels, and one with a huge number of bands. */
static void test_bombs(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t tag;
        const char *entries;
        size_t bytes;
        int channels;
    } bombs[] = {
        {"u16_planes.tif", 0, "\0\1\4\0\1\0\0\0\xe0\x2e\0\0\1\1\4\0\1\0\0\0\xe0\x2e\0\0", 24, 5},
        {"u16_planes.tif", 0, "\0\1\4\0\1\0\0\0\x70\x17\0\0\1\1\4\0\1\0\0\0\x70\x17\0\0", 24, 5}, /* 6000 x 6000 */
        {"u16_tiles.tif", 0, "\0\1\4\0\1\0\0\0\xb8\x0b\0\0\1\1\4\0\1\0\0\0\xb8\x0b\0\0", 24, 5},  /* 3000 x 3000 */
        {"u16.tif", 5, "\x15\1\3\0\1\0\0\0\xff\xff\0\0", 12, 5},
    };
    const tec_bands type = {.scaling = TEC_SCALING_TYPE};
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs && !is_lacking(); i++) {
        size_t bytes, before = peak_kilobytes();
        uint8_t *data = read_file(bombs[i].name, &bytes);
        const size_t entry = (size_t)data[4] + 256 * (size_t)data[5] + 2 + 12 * bombs[i].tag;
        tec_image got;
        memcpy(data + entry, bombs[i].entries, bombs[i].bytes);
        const tec_decoding how = {.channels = bombs[i].channels, .bands = type};
        assert_int_equal(tec_image_decode(&got, data, bytes, &how, "bomb"), TEC_USER_ERROR);
        assert_true(peak_kilobytes() - before < 64 << 10);
        free(data);
    }
}

/* ---- resizing ---- */

/* Against double precision, which tests/data/make_bands.py has compared with Pillow's mode F. */
static void test_resize(void **state)
{
    (void)state;
    static const struct {
        tec_view view;
        int size;
    } views[] = {{{0, 0, 17, 23, 0}, 8},
                 {{2, 3, 11, 17, 0}, 32},
                 {{5, 1, 9, 20, 0}, 9},
                 {{4, 4, 8, 8, 0}, 8},
                 {{0, 0, 17, 23, 0}, 1}};
    const tec_bands unit = {.scaling = TEC_SCALING_GIVEN, .high = 1};
    size_t count, at = 0;
    double *want = read_values("resize", &count);
    tec_image image;
    for (size_t i = 0; i < sizeof views / sizeof *views && !is_lacking(); i++) {
        const int size = views[i].size;
        float out[32 * 32 * 5];
        assert_int_equal(decode(&image, "f32.tif", 5, &unit), TEC_OK);
        for (int flip = 0; flip < 2; flip++) {
            tec_view view = views[i].view;
            view.flip = flip;
            assert_int_equal(tec_view_render(&image, &view, tec_size_square(size), out), TEC_OK);
            for (int p = 0; p < size * size * 5; p++) {
                const int row = p / (size * 5), column = p / 5 % size, c = p % 5;
                const int from = (row * size + (flip ? size - 1 - column : column)) * 5 + c;
                assert_float_equal(out[p], want[at + (size_t)from], 1e-5);
            }
        }
        at += (size_t)(size * size * 5);
        tec_image_free(&image);
    }
    free(want);
}

/* The view for evaluation is a resize and a part of it. */
static void test_center(void **state)
{
    (void)state;
    const tec_bands unit = {.scaling = TEC_SCALING_GIVEN, .high = 65535};
    const tec_preprocessing squash = {.resize = TEC_RESIZE_SQUASH, .crop_pct = 1};
    const tec_preprocessing larger = {.resize = TEC_RESIZE_SQUASH, .crop_pct = 0.5};
    float small[4 * 4 * 3], part[2 * 2 * 3];
    tec_image image;
    assert_int_equal(decode(&image, "rgb.png", 3, &unit), TEC_OK);
    assert_int_equal(tec_view_center(&image, &squash, tec_size_square(4), small), TEC_OK);
    assert_int_equal(tec_view_center(&image, &larger, tec_size_square(2), part), TEC_OK);
    for (int i = 0; i < 2 * 2 * 3; i++)
        assert_float_equal(part[i], small[((1 + i / 6) * 4 + 1 + i / 3 % 2) * 3 + i % 3], 0);
    tec_image_free(&image);
}

static void test_normalize(void **state)
{
    (void)state;
    enum { SIZE = 3, CHANNELS = 5 };
    float values[SIZE * SIZE * CHANNELS];
    uint8_t pixels[SIZE * SIZE * CHANNELS];
    const double mean[CHANNELS] = {0.1, 0.2, 0.3, 0.4, 0.5}, std[CHANNELS] = {1, 2, 3, 4, 0.5};
    real out[SIZE * SIZE * CHANNELS];
    for (int i = 0; i < SIZE * SIZE * CHANNELS; i++) {
        pixels[i] = (uint8_t)(i * 5);
        values[i] = (float)pixels[i] / 255;
    }
    for (int bytes = 0; bytes < 2; bytes++) {
        if (bytes)
            tec_pixels_normalize(pixels, tec_size_square(SIZE), CHANNELS, mean, std, out);
        else
            tec_values_normalize(values, tec_size_square(SIZE), CHANNELS, mean, std, out);
        for (int c = 0; c < CHANNELS; c++)
            for (int i = 0; i < SIZE * SIZE; i++)
                assert_true(fabs((double)out[c * SIZE * SIZE + i] -
                                 (pixels[i * CHANNELS + c] / 255.0 - mean[c]) / std[c]) < 1e-6);
    }
}

/* ---- words ---- */

static void test_words(void **state)
{
    (void)state;
    tec_bands bands = {0};
    assert_int_equal(tec_bands_parse_range("type", &bands), TEC_OK);
    assert_int_equal(bands.scaling, TEC_SCALING_TYPE);
    assert_int_equal(tec_bands_parse_range("[-1.5, 4e3]", &bands), TEC_OK);
    assert_true(bands.scaling == TEC_SCALING_GIVEN && bands.low == -1.5 && bands.high == 4000);
    assert_int_equal(tec_bands_parse_chosen("4, 3,64", &bands), TEC_OK);
    assert_true(bands.chosen == 3 && bands.band[0] == 3 && bands.band[1] == 2 && bands.band[2] == 63);
    assert_int_equal(tec_bands_parse_chosen("", &bands), TEC_OK);
    assert_int_equal(bands.chosen, 0);
    static const char *const ranges[] = {"",    "byte", "1",     "1,2,3", "2,1",
                                         "1,1", "1,x",  "nan,1", "0,inf", "-1e308,1e308"};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        assert_int_equal(tec_bands_parse_range(ranges[i], &bands), TEC_USER_ERROR);
    static const char *const chosen[] = {"0", "1,0", "1.5", "x", "1,,2", "65536", "-1"};
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
        assert_int_equal(tec_bands_parse_chosen(chosen[i], &bands), TEC_USER_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bombs), /* first: later tests raise the peak of memory */
        cmocka_unit_test(test_values),      cmocka_unit_test(test_exact),     cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_conversions), cmocka_unit_test(test_alpha),     cmocka_unit_test(test_default_range),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_damage),    cmocka_unit_test(test_resize),
        cmocka_unit_test(test_center),      cmocka_unit_test(test_normalize), cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
