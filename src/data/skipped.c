/* A sorted list of images left out. */
#include "tec/skipped.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

/* Index of `sample`, or where it is to be inserted. */
static int64_t place_of(const tec_skipped *s, int64_t sample)
{
    int64_t low = 0, high = s->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (s->sample[middle] < sample)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void tec_skipped_note(tec_skipped *s, int64_t sample, const char *message)
{
    int64_t at = place_of(s, sample);
    if (at < s->count && s->sample[at] == sample)
        return;
    size_t count = (size_t)s->count, behind = count - (size_t)at, capacity = s->capacity;
    s->sample = tec_grow(s->sample, count, &s->capacity, sizeof *s->sample);
    s->message = tec_grow(s->message, count, &capacity, sizeof *s->message);
    memmove(s->sample + at + 1, s->sample + at, behind * sizeof *s->sample);
    memmove(s->message + at + 1, s->message + at, behind * sizeof *s->message);
    s->sample[at] = sample;
    s->message[at] = tec_string_copy(message);
    s->count++;
}

void tec_skipped_free(tec_skipped *s)
{
    for (int64_t i = 0; i < s->count; i++)
        free(s->message[i]);
    free(s->message);
    free(s->sample);
    *s = (tec_skipped){0};
}
