/* Alterations that give every value of a channel a new one, whatever is around it: Pillow's ImageOps, and the contrast
 * and brightness of its ImageEnhance. Each fills a table of 256 values per channel. Compiled without fused
 * multiply-add, as Pillow is. */
#include "alter_parts.h"

#include <assert.h>
#include <string.h>

typedef uint8_t value_table[256];

static uint8_t cut(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void apply_tables(tec_image *picture, value_table *const tables[3])
{
    uint8_t *pixels = picture->pixels;
    size_t count = alter_pixels(picture);
    if (picture->channels == 1)
        for (size_t i = 0; i < count; i++)
            pixels[i] = (*tables[0])[pixels[i]];
    else
        for (size_t i = 0; i < 3 * count; i += 3)
            for (size_t c = 0; c < 3; c++)
                pixels[i + c] = (*tables[c])[pixels[i + c]];
}

/* One table for all channels. */
static void apply_table(tec_image *picture, value_table *table)
{
    apply_tables(picture, (value_table *const[]){table, table, table});
}

static void count_values(const tec_image *picture, int channel, int64_t counts[256])
{
    memset(counts, 0, 256 * sizeof *counts);
    size_t step = (size_t)picture->channels, count = alter_pixels(picture);
    const uint8_t *pixels = picture->pixels + channel;
    for (size_t i = 0; i < count; i++)
        counts[pixels[i * step]]++;
}

/* A table per channel, from the frequencies of its values. */
static void apply_by_channel(tec_image *picture, void (*fill_table)(const int64_t counts[256], value_table table))
{
    value_table tables[3];
    for (int c = 0; c < picture->channels; c++) {
        int64_t counts[256];
        count_values(picture, c, counts);
        fill_table(counts, tables[c]);
    }
    apply_tables(picture, (value_table *const[]){&tables[0], &tables[1], &tables[2]});
}

static void keep_values(value_table table)
{
    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)i;
}

static void first_and_last(const int64_t counts[256], int *first, int *last)
{
    *first = 0;
    *last = 255;
    while (*first < 255 && !counts[*first])
        (*first)++;
    while (*last > 0 && !counts[*last])
        (*last)--;
}

static void stretch(const int64_t counts[256], value_table table)
{
    int first, last;
    first_and_last(counts, &first, &last);
    if (last <= first) {
        keep_values(table);
        return;
    }
    double scale = 255.0 / (last - first), offset = -first * scale;
    for (int i = 0; i < 256; i++)
        table[i] = cut((int)(i * scale + offset));
}

void tec_alter_auto_contrast(tec_image *picture, double argument, const uint8_t *fill)
{
    (void)argument, (void)fill;
    apply_by_channel(picture, stretch);
}

/* The brightest value counts for nothing in the width of a step; if there are fewer than 255 other pixels, the channel
 * stays as it is. */
static void even_out(const int64_t counts[256], value_table table)
{
    int first, last;
    first_and_last(counts, &first, &last);
    int64_t darker = 0;
    for (int i = first; i < last; i++)
        darker += counts[i];
    int64_t step = darker / 255, sum = step / 2;
    if (!step) {
        keep_values(table);
        return;
    }
    for (int i = 0; i < 256; i++) {
        table[i] = (uint8_t)(sum / step > 255 ? 255 : sum / step);
        sum += counts[i];
    }
}

void tec_alter_equalize(tec_image *picture, double argument, const uint8_t *fill)
{
    (void)argument, (void)fill;
    apply_by_channel(picture, even_out);
}

void tec_alter_invert(tec_image *picture, double argument, const uint8_t *fill)
{
    (void)argument;
    tec_alter_solarize(picture, 0, fill);
}

void tec_alter_posterize(tec_image *picture, double argument, const uint8_t *fill)
{
    (void)fill;
    assert(argument >= 0 && argument <= 8);
    value_table table;
    int lower = 8 - (int)argument;
    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)(i >> lower << lower);
    apply_table(picture, &table);
}

void tec_alter_solarize(tec_image *picture, double argument, const uint8_t *fill)
{
    (void)fill;
    value_table table;
    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)(i < argument ? i : 255 - i);
    apply_table(picture, &table);
}

void tec_alter_solarize_add(tec_image *picture, double argument, const uint8_t *fill)
{
    (void)fill;
    assert(argument >= 0 && argument <= 255);
    value_table table;
    for (int i = 0; i < 256; i++)
        table[i] = i < 128 ? cut(i + (int)argument) : (uint8_t)i;
    apply_table(picture, &table);
}

static void blend_with(tec_image *picture, uint8_t plain, float factor)
{
    value_table table;
    for (int i = 0; i < 256; i++)
        table[i] = alter_blended(plain, factor * (float)(i - plain));
    apply_table(picture, &table);
}

void tec_alter_brightness(tec_image *picture, double argument, const uint8_t *fill)
{
    (void)fill;
    blend_with(picture, 0, (float)argument);
}

/* Rounded as Pillow rounds it. */
static uint8_t mean_grey(const tec_image *picture)
{
    size_t count = alter_pixels(picture);
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += picture->channels == 1 ? picture->pixels[i] : grey_of(picture->pixels + 3 * i);
    return (uint8_t)((double)sum / (double)count + 0.5);
}

void tec_alter_contrast(tec_image *picture, double argument, const uint8_t *fill)
{
    (void)fill;
    blend_with(picture, mean_grey(picture), (float)argument);
}
