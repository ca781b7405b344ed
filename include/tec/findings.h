/* Module data, public. What comes to light about the images of a data set while they are read: notes of the decoders
 * (tec/image.h), each image counted once, and the range of their values. Local; noting is thread-safe.
 * tec/findings_report.h warns of it. */
#ifndef TEC_FINDINGS_H
#define TEC_FINDINGS_H

#include "tec/image.h"

#include <stdatomic.h>
#include <stdint.h>

/* Values that use fewer levels of 256 than these are suspect: they fit into one of TEC_NARROW_WINDOWS windows of levels,
 * of which the one at `i` ends before level i + TEC_NARROW_LEVELS - 1. */
enum { TEC_NARROW_LEVELS = 64, TEC_NARROW_WINDOWS = 256 - TEC_NARROW_LEVELS + 2 };

/* Of images stored with 8 or with 16 bits; of these, of their upper bytes. An image counts each time it is read. A few
 * pixels of an image (one in a thousand at each end) may lie outside: dead pixels, a mark. All members are counts, so
 * that those of several ranks can be added. */
typedef struct tec_value_range {
    atomic_llong images;
    atomic_llong aside;                      /* those in a window with a few values outside of it */
    atomic_llong window[TEC_NARROW_WINDOWS]; /* those that lie in it */
    atomic_llong low[256], high[256];        /* those in any window, by their lowest and highest level */
} tec_value_range;

typedef struct tec_findings tec_findings;

tec_findings *tec_findings_create(int64_t samples);
void tec_findings_free(tec_findings *findings); /* NULL is fine */

/* Notes what was found when a sample was decoded. */
void tec_findings_note(tec_findings *findings, int64_t sample, const tec_image *image);

/* Has any sample the note? Thread-safe. */
bool tec_findings_has(tec_findings *findings, tec_image_note note);

/* Copies to bits [words] which samples have a note, one bit each, the first the lowest of bits[0]. Thread-safe: what is
 * noted meanwhile may be missing. */
void tec_findings_copy(tec_findings *findings, tec_image_note note, uint64_t *bits);
int64_t tec_findings_words(const tec_findings *findings);

/* The range of the values of images stored with 16 bits (deep), or with 8. */
const tec_value_range *tec_findings_range(const tec_findings *findings, bool deep);

/* Is this another text about the range than the last one? Keeps it. For whoever warns of it, one thread. */
bool tec_findings_tell(tec_findings *findings, bool deep, const char *text);

#endif
