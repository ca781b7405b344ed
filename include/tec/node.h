/* Module parallel, public. The ranks of a node, and memory that they have in common: of what is the same on all of
 * them, a node needs one copy, in which every rank changes the slice that it owns. */
#ifndef TEC_NODE_H
#define TEC_NODE_H

#include "tec/comm.h"

/* Where ranks keep what is the same on all of them. */
typedef enum tec_node_memory {
    TEC_NODE_PRIVATE, /* each rank for itself */
    TEC_NODE_SHARED   /* once per node, where its ranks can share memory */
} tec_node_memory;
#define TEC_NODE_MEMORY_WORDS "private|shared" /* in the order of tec_node_memory */

typedef struct tec_slice {
    size_t first, count;
} tec_slice;

typedef struct tec_node {
    const tec_comm *all; /* of the job, borrowed */
    tec_comm ranks;      /* of this node, in the order of the job */
    tec_comm peers;      /* of all nodes, those with the same number on theirs: they own the same slices */
    int owners;          /* the first so many ranks of every node own a slice: as many as the smallest node has */
    struct tec_node_map *first; /* of src/parallel: what is mapped */
} tec_node;

/* Collective. NULL: no node has more than one rank. */
tec_node *tec_node_open(const tec_comm *comm);

/* Collective; NULL is fine. No rank of the node uses the memory any more, or they have agreed on something since. */
void tec_node_close(tec_node *node);

/* Local. The part of [0, count) that this rank owns: with those of the node's other ranks, all of it; the same for all
 * peers. Empty, at `count`, where a rank owns nothing. */
tec_slice tec_node_slice(const tec_node *node, size_t count);
tec_slice tec_node_slice_of(const tec_node *node, int rank, size_t count); /* what that rank of the node owns */

/* Collective; the same status on every rank of the job. Zeros that all ranks of the node read and write, and that need no
 * room in /dev/shm. They have no name: however ranks end, nothing stays behind. All of it is reserved, each owner's slice
 * near its processor. It belongs to the node. TEC_SYSTEM_ERROR: it cannot be had; the message says why.
 *
 *   *data  [count] */
tec_status tec_node_allocate(tec_node *node, size_t count, real **data);

/* Collective, as above: as much for each rank, near its processor.
 *
 *   each  [ranks.size]  by rank of the node, of [count] */
tec_status tec_node_allocate_each(tec_node *node, size_t count, real **each);

#endif
