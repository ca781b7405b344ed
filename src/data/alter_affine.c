/* Rotation, shear and translation as Pillow's Image.transform and Image.rotate do them, by its bicubic filter: the cubic
 * of a = -1, in double precision, without rounding at the end. Compiled without fused multiply-add, as Pillow is. */
#include "alter_parts.h"

#include "tec/clones.h"
#include "tec/memory.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The centre (x, y) of a pixel comes from (a x + b y + c, d x + e y + f). */
typedef struct affine {
    double a, b, c, d, e, f;
} affine;

/* Pillow's cubic, a distance of t behind the second of four pixels. */
static inline double cubic_pixels(int v1, int v2, int v3, int v4, double t)
{
    int p2 = v3 - v1, p3 = 2 * (v1 - v2) + v3 - v4, p4 = v2 - v1 - v3 + v4;
    return v2 + t * (p2 + t * (p3 + t * p4));
}

/* The order of the operations decides about the last bit, and with it, as the fraction is cut off in the end, about the
 * result. */
static inline double cubic(double v1, double v2, double v3, double v4, double t)
{
    double p2 = -v1 + v3, p3 = 2 * (v1 - v2) + v3 - v4, p4 = -v1 + v2 - v3 + v4;
    return v2 + t * (p2 + t * (p3 + t * p4));
}

static inline int clip(int i, int count)
{
    return i < 0 ? 0 : i < count ? i : count - 1;
}

static inline uint8_t cut(double value)
{
    return (uint8_t)(value <= 0 ? 0 : value >= 255 ? 255 : value);
}

/* Of coordinate x >= -1/2; the library's floor is a call on old processors. */
static inline int floor_of(double x)
{
    return x < 0 ? -1 : (int)x;
}

/* The value at a distance of t from the second of four pixels. At no distance the cubic is that pixel itself. */
static inline double sample_row(const uint8_t *row, const size_t *column, double t)
{
    return t == 0 ? row[column[1]] : cubic_pixels(row[column[0]], row[column[1]], row[column[2]], row[column[3]], t);
}

/* One pixel, from a place inside the picture. */
__attribute__((always_inline)) static inline void sample(const tec_image *in, int channels, double x, double y,
                                                         uint8_t *out)
{
    x -= 0.5;
    y -= 0.5;
    int left = floor_of(x), top = floor_of(y);
    double dx = x - left, dy = y - top;
    size_t column[4];
    const uint8_t *row[4];
    for (int k = 0; k < 4; k++) {
        column[k] = (size_t)clip(left - 1 + k, in->width) * (size_t)channels;
        row[k] = in->pixels + (size_t)clip(top - 1 + k, in->height) * (size_t)in->width * (size_t)channels;
    }
    for (int c = 0; c < channels; c++)
        if (dy == 0)
            out[c] = cut(sample_row(row[1] + c, column, dx));
        else
            out[c] = cut(cubic(sample_row(row[0] + c, column, dx), sample_row(row[1] + c, column, dx),
                               sample_row(row[2] + c, column, dx), sample_row(row[3] + c, column, dx), dy));
}

__attribute__((always_inline)) static inline void transform_channels(const tec_image *in, int channels, const affine *m,
                                                                     const uint8_t *fill, uint8_t *out)
{
    for (int y = 0; y < in->height; y++)
        for (int x = 0; x < in->width; x++, out += channels) {
            double from_x = m->a * (x + 0.5) + m->b * (y + 0.5) + m->c;
            double from_y = m->d * (x + 0.5) + m->e * (y + 0.5) + m->f;
            if (from_x >= 0 && from_x < in->width && from_y >= 0 && from_y < in->height)
                sample(in, channels, from_x, from_y, out);
            else
                memcpy(out, fill, (size_t)channels);
        }
}

TEC_CLONES static void transform_pixels(const tec_image *in, const affine *m, const uint8_t *fill, uint8_t *out)
{
    if (in->channels == 1)
        transform_channels(in, 1, m, fill, out);
    else
        transform_channels(in, 3, m, fill, out);
}

static void transform(tec_image *picture, affine m, const uint8_t *fill)
{
    assert(fill);
    size_t bytes = alter_pixels(picture) * (size_t)picture->channels;
    tec_image in = *picture;
    in.pixels = tec_allocate(bytes);
    memcpy(in.pixels, picture->pixels, bytes);
    transform_pixels(&in, &m, fill, picture->pixels);
    free(in.pixels);
}

void tec_alter_shear_x(tec_image *picture, double argument, const uint8_t *fill)
{
    transform(picture, (affine){1, argument, 0, 0, 1, 0}, fill);
}

void tec_alter_shear_y(tec_image *picture, double argument, const uint8_t *fill)
{
    transform(picture, (affine){1, 0, 0, argument, 1, 0}, fill);
}

void tec_alter_translate_x(tec_image *picture, double argument, const uint8_t *fill)
{
    transform(picture, (affine){1, 0, argument, 0, 1, 0}, fill);
}

void tec_alter_translate_y(tec_image *picture, double argument, const uint8_t *fill)
{
    transform(picture, (affine){1, 0, 0, 0, 1, argument}, fill);
}

/* To 15 decimal digits, as Pillow rounds sine and cosine: by way of text, which rounds exactly. */
static double round_digits(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.15f", value);
    return strtod(text, NULL);
}

/* About the picture's centre. The angle is first brought into [0, 360), as in Pillow, which changes its last bits. */
void tec_alter_rotate(tec_image *picture, double argument, const uint8_t *fill)
{
    double degrees = fmod(argument, 360);
    if (degrees < 0)
        degrees += 360;
    double angle = -(degrees * (M_PI / 180)), x = picture->width / 2.0, y = picture->height / 2.0;
    affine m = {.a = round_digits(cos(angle)), .b = round_digits(sin(angle)), .d = round_digits(-sin(angle))};
    m.e = m.a;
    m.c = m.a * -x + m.b * -y + x;
    m.f = m.d * -x + m.e * -y + y;
    transform(picture, m, fill);
}
