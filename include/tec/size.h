/* Module base, public. Height and width of a picture, in this order as in an array [height, width]. Local and pure. */
#ifndef TEC_SIZE_H
#define TEC_SIZE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tec_size {
    int height, width;
} tec_size;

static inline tec_size tec_size_square(int side)
{
    return (tec_size){side, side};
}

static inline bool tec_size_is_square(tec_size size)
{
    return size.height == size.width;
}

static inline bool tec_size_equal(tec_size a, tec_size b)
{
    return a.height == b.height && a.width == b.width;
}

static inline size_t tec_size_area(tec_size size)
{
    return (size_t)size.height * (size_t)size.width;
}

static inline int tec_size_shorter(tec_size size)
{
    return size.height < size.width ? size.height : size.width;
}

/* For messages: "224 x 224", or "24 x 40 (height x width)". Written to `text`, which is returned. */
enum { TEC_SIZE_TEXT = 48 };
char *tec_size_words(tec_size size, char text[TEC_SIZE_TEXT]);

/* As settings and files have it: "224", or "[24, 40]". Written to `text`, which is returned. */
char *tec_size_list(tec_size size, char text[TEC_SIZE_TEXT]);

#endif
