/* Copies of files on a disk of the node, made once per node and removed at the end. Every epoch visits all images in a
 * new order, so that a node needs all of them: nothing less than everything is copied. */
#ifndef TEC_STAGE_H
#define TEC_STAGE_H

#include "tec/comm.h"

typedef struct tec_stage tec_stage;

typedef struct tec_stage_file {
    char *source;
    char *name; /* of the copy, below the directory of the stage: "targets/shard-00000.h5" */
    int64_t bytes;
} tec_stage_file;

/* Collective. The ranks of each node share the copying of the files to a new directory in `dir`, which is made if need
 * be. What killed jobs left in `dir` is removed first: a directory belongs to a job that lives as long as it is locked
 * (flock). *out NULL: this node cannot (no room, for one, which is asked for before anything is copied), and reads the
 * files where they are; a warning says why. Copies have the right size; what they hold is checked where rows and images
 * are read, against the checksums that both have. A signal (tec/stop.h) ends the copying. */
void tec_stage_open(tec_stage **out, const tec_comm *comm, const char *dir, const tec_stage_file *file, int64_t files);

/* The directory that the names are relative to. */
const char *tec_stage_directory(const tec_stage *stage);

/* Collective over the ranks of a node, which all have a stage or none. Removes the copies. NULL is fine. */
void tec_stage_close(tec_stage *stage);

#endif
