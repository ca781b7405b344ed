/* Module data, public. The images left out because they cannot be read (data.on_bad_image: skip), each noted once. Local;
 * tec/skipped_report.h lists those of all ranks together. */
#ifndef TEC_SKIPPED_H
#define TEC_SKIPPED_H

#include <stddef.h>
#include <stdint.h>

/* Starts zeroed. */
typedef struct tec_skipped {
    int64_t *sample; /* [count] noted so far on this rank, in rising order */
    char **message;  /* [count] */
    int64_t count;
    size_t capacity;
} tec_skipped;

/* Keeps a copy of the message, unless the sample is noted already. */
void tec_skipped_note(tec_skipped *skipped, int64_t sample, const char *message);

/* What it holds, not the struct. */
void tec_skipped_free(tec_skipped *skipped);

#endif
