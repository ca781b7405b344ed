/* Module parallel, public. The images left out because they cannot be decoded (data.on_bad_image: skip): each rank
 * notes those that it meets, once each, and all are listed together. */
#ifndef TEC_SKIPPED_H
#define TEC_SKIPPED_H

#include "tec/comm.h"

#include <stddef.h>
#include <stdint.h>

/* Starts zeroed. */
typedef struct tec_skipped {
    int64_t *sample; /* [count] noted so far on this rank, in rising order */
    char **message;  /* [count] */
    int64_t count;
    size_t capacity;
} tec_skipped;

/* Local. Keeps a copy of the message, unless the sample is noted already. */
void tec_skipped_note(tec_skipped *skipped, int64_t sample, const char *message);

/* Collective. Warns on rank 0: how many images of `what` were left out, then one line each, in the order of the
 * samples. Returns how many, on every rank; an image that several ranks met counts once. */
int64_t tec_skipped_report(const tec_skipped *skipped, const tec_comm *comm, const char *what);

/* Local. What it holds, not the struct. */
void tec_skipped_free(tec_skipped *skipped);

#endif
