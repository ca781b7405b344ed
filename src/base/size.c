/* Height and width in words. */
#include "tec/size.h"

#include <stdio.h>

char *tec_size_words(tec_size size, char text[TEC_SIZE_TEXT])
{
    snprintf(text, TEC_SIZE_TEXT, "%d x %d%s", size.height, size.width,
             tec_size_is_square(size) ? "" : " (height x width)");
    return text;
}

char *tec_size_list(tec_size size, char text[TEC_SIZE_TEXT])
{
    if (tec_size_is_square(size))
        snprintf(text, TEC_SIZE_TEXT, "%d", size.height);
    else
        snprintf(text, TEC_SIZE_TEXT, "[%d, %d]", size.height, size.width);
    return text;
}
