/* Bits of samples, and ranges of values, that the threads of a loader set. */
#include "tec/findings.h"

#include "tec/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct tec_findings {
    int64_t words;
    pthread_mutex_t lock;
    uint64_t *noted[TEC_IMAGE_NOTES]; /* [words], under the lock; NULL until a sample has the note */
    tec_value_range range[2];
};

tec_findings *tec_findings_create(int64_t samples)
{
    tec_findings *f = tec_allocate_zeroed(1, sizeof *f);
    f->words = (samples + 63) / 64;
    pthread_mutex_init(&f->lock, NULL);
    return f;
}

void tec_findings_free(tec_findings *f)
{
    if (!f)
        return;
    for (int note = 0; note < TEC_IMAGE_NOTES; note++)
        free(f->noted[note]);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static void raise(atomic_int *most, int value)
{
    int seen = atomic_load(most);
    while (seen < value && !atomic_compare_exchange_weak(most, &seen, value))
        ;
}

/* A set that uses its range is known as such from its first images on, and costs nothing more. */
static void note_range(tec_value_range *range, const tec_image *image)
{
    if (atomic_load(&range->below) + atomic_load(&range->high) - 255 >= TEC_NARROW_LEVELS - 1)
        return;
    size_t values = (size_t)image->height * (size_t)image->width * (size_t)image->channels;
    uint8_t low = 255, high = 0;
    for (size_t i = 0; i < values; i++) {
        low = image->pixels[i] < low ? image->pixels[i] : low;
        high = image->pixels[i] > high ? image->pixels[i] : high;
    }
    raise(&range->below, 255 - low);
    raise(&range->high, high);
    atomic_fetch_add(&range->images, 1);
}

void tec_findings_note(tec_findings *f, int64_t sample, const tec_image *image)
{
    note_range(&f->range[image->deep], image);
    if (!image->notes)
        return;
    pthread_mutex_lock(&f->lock);
    for (int note = 0; note < TEC_IMAGE_NOTES; note++) {
        if (!(image->notes >> note & 1))
            continue;
        if (!f->noted[note])
            f->noted[note] = tec_allocate_zeroed((size_t)f->words, sizeof(uint64_t));
        f->noted[note][sample / 64] |= UINT64_C(1) << sample % 64;
    }
    pthread_mutex_unlock(&f->lock);
}

bool tec_findings_has(tec_findings *f, tec_image_note note)
{
    pthread_mutex_lock(&f->lock);
    bool has = f->noted[note] != NULL;
    pthread_mutex_unlock(&f->lock);
    return has;
}

void tec_findings_copy(tec_findings *f, tec_image_note note, uint64_t *bits)
{
    memset(bits, 0, (size_t)f->words * sizeof *bits);
    pthread_mutex_lock(&f->lock);
    if (f->noted[note])
        memcpy(bits, f->noted[note], (size_t)f->words * sizeof *bits);
    pthread_mutex_unlock(&f->lock);
}

int64_t tec_findings_words(const tec_findings *f)
{
    return f->words;
}

const tec_value_range *tec_findings_range(const tec_findings *f, bool deep)
{
    return &f->range[deep];
}
