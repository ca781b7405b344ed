/* Module targets, private. What earlier workers have left of shards that are missing. */
#ifndef TEC_TARGETS_PARTS_H
#define TEC_TARGETS_PARTS_H

#include "tec/targets.h"

typedef struct target_part {
    const char *name; /* of the file, in the directory of the store */
    int64_t shard;
    tec_owner owner;
} target_part;

/* The same on every rank. */
typedef struct target_parts {
    target_part *part;
    int count;
    char *names; /* what part[].name point into */
} target_parts;

/* Collective. Rank 0 lists the directory, and each host knows of its own processes whether they are there. Only the files
 * of this worker's shards are asked themselves. */
void tec_target_parts_find(target_parts *parts, const tec_targets_job *job);
void tec_target_parts_free(target_parts *parts);

/* Local. Is the shard being made, as far as can be known? */
bool tec_target_parts_busy(const target_parts *parts, int64_t shard);

/* Local. Takes over what is left of the shard; of several files the one with most rows, and removes the others. NULL: no
 * row. */
tec_store_writer *tec_target_parts_take(const target_parts *parts, const char *dir, const tec_store_spec *spec,
                                        int64_t shard, int batch);

#endif
