/* Module parallel, public. Work in steps, of which ranks have different numbers and which take different times: they agree
 * every few of them, so that a failure on one rank ends the others soon. */
#ifndef TEC_ROUNDS_H
#define TEC_ROUNDS_H

#include "tec/comm.h"

typedef struct tec_rounds {
    int64_t steps; /* of this rank */
    int each;      /* steps between two agreements, the same everywhere */
    tec_status (*step)(void *context);
    bool (*stop)(void *context); /* collective, behind each agreement, the same everywhere: end now? NULL: never */
    void *context;
} tec_rounds;

/* Collective; the same status everywhere. Ends the progress line. Returns early, with TEC_OK, if `stop` says so. */
tec_status tec_comm_rounds(const tec_comm *comm, const tec_rounds *rounds);

#endif
