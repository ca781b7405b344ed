/* Alterations that blend a picture with a plainer one, as Pillow's ImageEnhance does: saturation with the grey picture,
 * sharpness with the smoothed one. Compiled without fused multiply-add, as Pillow is. */
#include "alter_parts.h"

#include "tec/memory.h"

#include <stdlib.h>
#include <string.h>

/* Pillow multiplies in single precision and then adds, both rounded. All products, by the difference + 255. */
typedef float product_table[511];

static void fill_products(product_table products, double factor)
{
    for (int i = 0; i < 511; i++)
        products[i] = (float)factor * (float)(i - 255);
}

static uint8_t blend(const product_table products, uint8_t plain, uint8_t value)
{
    return alter_blended(plain, products[value - plain + 255]);
}

void tec_alter_color(tec_image *picture, double argument, const uint8_t *fill)
{
    (void)fill;
    if (picture->channels == 1)
        return;
    product_table products;
    fill_products(products, argument);
    uint8_t *end = picture->pixels + 3 * alter_pixels(picture);
    for (uint8_t *pixel = picture->pixels; pixel < end; pixel += 3) {
        uint8_t grey = grey_of(pixel);
        for (int c = 0; c < 3; c++)
            pixel[c] = blend(products, grey, pixel[c]);
    }
}

/* Pillow's filter SMOOTH: the pixel counts 5, its eight neighbours 1 each. Pillow sums in single precision; the exact
 * sum / 13 + 1/2 is never nearer to an integer than 1/26, so that integers give the same. */
static void smooth_row(const uint8_t *above, const uint8_t *row, const uint8_t *below, size_t from, size_t to,
                       size_t channels, uint8_t *out)
{
    for (size_t i = from; i < to; i++) {
        size_t l = i - channels, r = i + channels;
        unsigned sum =
            (unsigned)(above[l] + above[i] + above[r] + row[l] + 5 * row[i] + row[r] + below[l] + below[i] + below[r]);
        out[i] = (uint8_t)((2 * sum + 13) / 26);
    }
}

/* The outermost pixels have too few neighbours and stay as they are. */
void tec_alter_sharpness(tec_image *picture, double argument, const uint8_t *fill)
{
    (void)fill;
    if (picture->height < 3 || picture->width < 3)
        return;
    product_table products;
    fill_products(products, argument);
    size_t channels = (size_t)picture->channels, row_bytes = (size_t)picture->width * channels;
    size_t bytes = row_bytes * (size_t)picture->height;
    uint8_t *copy = tec_allocate(bytes + row_bytes), *smooth = copy + bytes;
    memcpy(copy, picture->pixels, bytes);
    for (size_t y = 1; y + 1 < (size_t)picture->height; y++) {
        const uint8_t *row = copy + y * row_bytes;
        uint8_t *out = picture->pixels + y * row_bytes;
        smooth_row(row - row_bytes, row, row + row_bytes, channels, row_bytes - channels, channels, smooth);
        for (size_t i = channels; i < row_bytes - channels; i++)
            out[i] = blend(products, smooth[i], row[i]);
    }
    free(copy);
}
