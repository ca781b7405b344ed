/* timm's words for RandAugment. */
#include "tec/rand_augment.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAGNITUDE, STD, LAYERS, PROBABILITY, INCREASING, SECTIONS };

static const struct {
    const char *letters, *range;
    double low, high, usual;
    bool whole;
} sections[SECTIONS] = {
    [MAGNITUDE] = {"m", "a whole number from 0 to 10", 0, 10, 10, true},
    [STD] = {"mstd", "a number from 0 to 100", 0, 100, 0, false},
    [LAYERS] = {"n", "a whole number from 1 to 8", 1, TEC_RAND_AUGMENT_LAYERS, 2, true},
    [PROBABILITY] = {"p", "a number from 0 to 1", 0, 1, 0.5, false},
    [INCREASING] = {"inc", "1, as only alterations that grow with the magnitude are supported", 1, 1, 0, true},
};

#define EXAMPLE "rand-m9-mstd0.5-inc1"

/* strtod would also accept signs, hexadecimal numbers and names. */
static bool parse_number(const char *text, double *out)
{
    char *end;
    if (!*text || strspn(text, "0123456789.") != strlen(text))
        return false;
    *out = strtod(text, &end);
    return !*end;
}

static tec_status parse_section(const char *words, const char *section, double *values, bool *given)
{
    size_t letters = strspn(section, "abcdefghijklmnopqrstuvwxyz");
    int s = 0;
    while (s < SECTIONS &&
           (strlen(sections[s].letters) != letters || strncmp(sections[s].letters, section, letters) != 0))
        s++;
    if (s == SECTIONS)
        return tec_fail(TEC_USER_ERROR,
                        "RandAugment `%s`: `%s` is not one of mN, mstdX, nN, pX, inc1; an example is %s", words,
                        section, EXAMPLE);
    if (given[s])
        return tec_fail(TEC_USER_ERROR, "RandAugment `%s`: `%s` is given twice", words, sections[s].letters);
    double value = 0;
    if (!parse_number(section + letters, &value) || value < sections[s].low || value > sections[s].high ||
        (sections[s].whole && value != floor(value)))
        return tec_fail(TEC_USER_ERROR, "RandAugment `%s`: `%s` must be followed by %s, not `%s`", words,
                        sections[s].letters, sections[s].range, section + letters);
    values[s] = value;
    given[s] = true;
    return TEC_OK;
}

tec_status tec_rand_augment_parse(const char *words, tec_rand_augment *out)
{
    char copy[128], *rest = copy;
    if (strlen(words) >= sizeof copy)
        return tec_fail(TEC_USER_ERROR, "RandAugment `%.60s...` is too long; an example is %s", words, EXAMPLE);
    strcpy(copy, words);
    if (strcmp(strsep(&rest, "-"), "rand") != 0)
        return tec_fail(TEC_USER_ERROR, "RandAugment `%s` must begin with `rand-`; an example is %s", words, EXAMPLE);
    double values[SECTIONS];
    bool given[SECTIONS] = {false};
    for (int s = 0; s < SECTIONS; s++)
        values[s] = sections[s].usual;
    while (rest)
        TEC_TRY(parse_section(words, strsep(&rest, "-"), values, given));
    if (!given[INCREASING])
        return tec_fail(TEC_USER_ERROR,
                        "RandAugment `%s` needs `-inc1`: only alterations that grow with the magnitude are "
                        "supported",
                        words);
    *out = (tec_rand_augment){.magnitude = (int)values[MAGNITUDE],
                              .std = values[STD],
                              .layers = (int)values[LAYERS],
                              .probability = values[PROBABILITY]};
    return TEC_OK;
}
