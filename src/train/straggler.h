/* Module train, private. Which rank do the others wait for? */
#ifndef TEC_TRAIN_STRAGGLER_H
#define TEC_TRAIN_STRAGGLER_H

#include "tec/comm.h"

typedef struct tec_straggler {
    int rank;     /* the slowest: the one that itself has waited least */
    double share; /* of the others' waiting, what they waited longer than it: near 1 they wait for this rank, near 0 for
                     the network, or for one another in turn. 0 if nobody waits */
    double waited; /* mean of the others, seconds */
} tec_straggler;

/* Collective; the same on every rank. waited: seconds that this rank has waited for the others since the last time. */
tec_straggler tec_straggler_find(const tec_comm *comm, double waited);

#endif
