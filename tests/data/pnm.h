/* What the image tests share: files, and the binary PGM and PPM that the expected pixels are stored in. */
#ifndef TEST_DATA_PNM_H
#define TEST_DATA_PNM_H

#include "tec/files.h"
#include "tec/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST_DATA "tests/data/"

static inline uint8_t *read_bytes(const char *path, size_t *bytes)
{
    char *data;
    if (tec_file_read(path, 1 << 24, &data, bytes) != TEC_OK)
        fail_msg("%s (tests run in the root of the project)", tec_error_message());
    return (uint8_t *)data;
}

static inline tec_image read_pnm(const char *path)
{
    size_t bytes;
    int kind, used = 0;
    tec_image image = {0};
    uint8_t *data = read_bytes(path, &bytes);
    if (sscanf((const char *)data, "P%d %d %d 255%n", &kind, &image.width, &image.height, &used) != 3 || !used)
        fail_msg("%s: not a binary PGM or PPM", path);
    image.channels = kind == 6 ? 3 : 1;
    size_t pixels = (size_t)image.height * (size_t)image.width * (size_t)image.channels;
    assert_int_equal(bytes, (size_t)used + 1 + pixels);
    memmove(data, data + used + 1, pixels);
    image.pixels = data;
    return image;
}

static inline int worst_difference(const uint8_t *a, const uint8_t *b, size_t n)
{
    int worst = 0;
    for (size_t i = 0; i < n; i++)
        worst = abs(a[i] - b[i]) > worst ? abs(a[i] - b[i]) : worst;
    return worst;
}

#endif
