/* Bits of samples, and ranges of values, that the threads of a loader set. */
#include "tec/findings.h"

#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct tec_findings {
    int64_t words;
    pthread_mutex_t lock;
    uint64_t *noted[TEC_IMAGE_NOTES]; /* [words], under the lock; NULL until a sample has the note */
    tec_value_range range[2];
    char *told[2]; /* of each range */
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
    for (int deep = 0; deep < 2; deep++)
        free(f->told[deep]);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

bool tec_findings_tell(tec_findings *f, bool deep, const char *text)
{
    if (f->told[deep] && strcmp(f->told[deep], text) == 0)
        return false;
    free(f->told[deep]);
    f->told[deep] = tec_string_copy(text);
    return true;
}

/* ---- ranges ---- */

enum { LOOKS = 2048 }; /* pixels of an image that is found to use its range */

static bool is_narrow(int low, int high)
{
    return high - low + 1 < TEC_NARROW_LEVELS;
}

/* Without `few` values at each end. */
static void find_ends(const int64_t count[256], int64_t few, int *low, int *high)
{
    int64_t below = count[0], above = count[255];
    for (*low = 0; *low < 255 && below <= few; below += count[++*low])
        ;
    for (*high = 255; *high > *low && above <= few; above += count[--*high])
        ;
}

/* Counts the values of `looks` pixels, spread by the golden ratio, so that they are not those of a few columns. */
static void count_some(const tec_image *image, int64_t pixels, int64_t looks, int64_t count[256])
{
    for (uint32_t i = 0; i < (uint32_t)looks; i++) {
        int64_t pixel = (int64_t)((uint64_t)(i * UINT32_C(2654435769)) * (uint64_t)pixels >> 32);
        for (int c = 0; c < image->channels; c++)
            count[image->pixels[pixel * image->channels + c]]++;
    }
}

static void count_all(const tec_image *image, int64_t pixels, int64_t count[256])
{
    int64_t values = pixels * image->channels;
    for (int64_t i = 0; i < values; i++)
        count[image->pixels[i]]++;
}

/* Does the image use its range, as far as some of its pixels tell? */
static bool looks_wide(const tec_image *image, int64_t pixels)
{
    int64_t count[256] = {0};
    int low, high;
    if (pixels <= LOOKS)
        return false;
    count_some(image, pixels, LOOKS, count);
    find_ends(count, LOOKS / 500 * image->channels, &low, &high);
    return !is_narrow(low, high);
}

/* Most images are known to be wide by a few of their pixels, which costs next to nothing beside their decoding. */
static void note_range(tec_value_range *range, const tec_image *image)
{
    int64_t pixels = (int64_t)image->height * image->width, count[256] = {0};
    int low, high;
    atomic_fetch_add(&range->images, 1);
    if (looks_wide(image, pixels))
        return;
    count_all(image, pixels, count);
    find_ends(count, 0, &low, &high);
    bool aside = !is_narrow(low, high);
    if (aside)
        find_ends(count, (pixels / 1000 + (pixels >= 256)) * image->channels, &low, &high);
    if (!is_narrow(low, high))
        return;
    for (int i = tec_max_int(0, high - TEC_NARROW_LEVELS + 2); i <= low && i < TEC_NARROW_WINDOWS; i++)
        atomic_fetch_add(&range->window[i], 1);
    atomic_fetch_add(&range->low[low], 1);
    atomic_fetch_add(&range->high[high], 1);
    atomic_fetch_add(&range->aside, aside);
}

void tec_findings_note(tec_findings *f, int64_t sample, const tec_image *image)
{
    if (image->pixels) /* of values the settings say the range */
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
