/* Words about bands and their values. */
#include "tec/bands.h"

#include "tec/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_double(const char *text, double *out)
{
    char *end;
    if (!*text || strspn(text, "+-.0123456789eE") != strlen(text))
        return false;
    *out = strtod(text, &end);
    return !*end && isfinite(*out);
}

tec_status tec_bands_parse_range(const char *text, tec_bands *out)
{
    const char *part[2];
    double low = 0, high = 0;
    if (!strcmp(text, "bytes") || !strcmp(text, "type")) {
        out->scaling = *text == 'b' ? TEC_SCALING_BYTES : TEC_SCALING_TYPE;
        return TEC_OK;
    }
    char *copy = tec_string_copy(text);
    bool two = tec_string_split_list(copy, part, 2) == 2 && parse_double(part[0], &low) && parse_double(part[1], &high);
    free(copy);
    if (!two)
        return tec_fail(TEC_USER_ERROR,
                        "`%.80s` is neither bytes nor type nor two numbers LOW,HIGH, the values that become 0 and 1",
                        text);
    if (!(low < high) || !isfinite(high - low))
        return tec_fail(TEC_USER_ERROR, "the smaller number must come first, got %.9g and %.9g", low, high);
    out->scaling = TEC_SCALING_GIVEN;
    out->low = low;
    out->high = high;
    return TEC_OK;
}

tec_status tec_bands_parse_chosen(const char *text, tec_bands *out)
{
    const char *part[TEC_BANDS_MOST];
    tec_status status = TEC_OK;
    out->chosen = 0;
    if (!text[0])
        return TEC_OK;
    char *copy = tec_string_copy(text);
    int count = tec_string_split_list(copy, part, TEC_BANDS_MOST);
    if (count > TEC_BANDS_MOST)
        status = tec_fail(TEC_USER_ERROR, "%d bands are chosen, at most %d are supported", count, TEC_BANDS_MOST);
    for (int i = 0; i < count && status == TEC_OK; i++) {
        double number = 0;
        if (!parse_double(part[i], &number) || number != rint(number) || number < 1 || number > 65535)
            status = tec_fail(TEC_USER_ERROR, "`%.80s` is not the number of a band: they count from 1, as in 4,3,2",
                              part[i]);
        out->band[i] = (int)number - 1;
    }
    free(copy);
    if (status == TEC_OK)
        out->chosen = count;
    return status;
}

/* The fewest digits that give the same number when they are read. */
static void print_double(double value, char text[32])
{
    int digits = 15;
    do
        snprintf(text, 32, "%.*g", digits, value);
    while (strtod(text, NULL) != value && ++digits <= 17);
}

void tec_bands_range_words(const tec_bands *bands, char text[TEC_BANDS_RANGE_TEXT])
{
    char low[32], high[32];
    text[0] = 0;
    if (bands->scaling == TEC_SCALING_TYPE)
        strcpy(text, "type");
    if (bands->scaling != TEC_SCALING_GIVEN)
        return;
    print_double(bands->low, low);
    print_double(bands->high, high);
    snprintf(text, TEC_BANDS_RANGE_TEXT, "%.30s,%.30s", low, high);
}

void tec_bands_chosen_words(const tec_bands *bands, char text[TEC_BANDS_CHOSEN_TEXT])
{
    int used = 0;
    text[0] = 0;
    for (int i = 0; i < bands->chosen; i++)
        used += snprintf(text + used, (size_t)(TEC_BANDS_CHOSEN_TEXT - used), "%s%d", i ? "," : "", bands->band[i] + 1);
}

bool tec_bands_widen(const tec_bands *bands)
{
    return bands->scaling != TEC_SCALING_BYTES;
}

bool tec_bands_pictures(const tec_bands *bands, int channels)
{
    return !tec_bands_widen(bands) && (channels == 1 || channels == 3);
}

bool tec_bands_plain(const tec_bands *bands, int channels)
{
    return tec_bands_pictures(bands, channels) && bands->chosen == 0;
}
