/* Walking through the texts of a list. */
#include "dataset_parts.h"

#include <string.h>

const char *tec_list_next(tec_list_cursor *cursor)
{
    if (cursor->at >= cursor->end)
        return "";
    const char *text = cursor->at;
    cursor->at += strlen(text) + 1;
    return text;
}
