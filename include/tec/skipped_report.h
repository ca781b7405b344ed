/* Module parallel, public. The images that any rank has left out, listed together. */
#ifndef TEC_SKIPPED_REPORT_H
#define TEC_SKIPPED_REPORT_H

#include "tec/comm.h"
#include "tec/skipped.h"

/* Collective. What all ranks have noted, on every rank; the caller frees it. */
tec_skipped tec_skipped_merge(const tec_skipped *mine, const tec_comm *comm);

/* Collective. Warns on rank 0: how many images of `what` were left out, then one line each, in the order of the
 * samples. Returns how many, on every rank; an image that several ranks met counts once. */
int64_t tec_skipped_report(const tec_skipped *skipped, const tec_comm *comm, const char *what);

/* Collective. Fails with TEC_USER_ERROR on all ranks, for there is nothing left to work on: `what` ("none of the images
 * could be decoded"), how many images any rank has left out, and the first three of them with their reasons. */
tec_status tec_skipped_fail(const tec_skipped *skipped, const tec_comm *comm, const char *what);

#endif
