/* A strict decoder of UTF-8. */
#include "tec/utf8.h"

/* How many bytes follow the first one of a character; -1: it cannot be the first. */
static int further_bytes(unsigned char first)
{
    if (first < 0x80)
        return 0;
    if (first < 0xc0 || first > 0xf4)
        return -1;
    return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

int32_t tec_utf8_next(const char **text)
{
    static const int32_t least[4] = {0, 0x80, 0x800, 0x10000}; /* by the number of further bytes */
    const unsigned char *byte = (const unsigned char *)*text;
    if (!byte[0])
        return 0;
    int further = further_bytes(byte[0]);
    if (further < 0)
        return -1;
    int32_t code = further ? byte[0] & (0x3f >> further) : byte[0];
    for (int i = 1; i <= further; i++) {
        if ((byte[i] & 0xc0) != 0x80) /* nor is the 0 at the end */
            return -1;
        code = code << 6 | (byte[i] & 0x3f);
    }
    if (code < least[further] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return -1;
    *text += further + 1;
    return code;
}

bool tec_utf8_valid(const char *text)
{
    int32_t code;
    while ((code = tec_utf8_next(&text)) > 0)
        continue;
    return code == 0;
}
