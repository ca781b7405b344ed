/* Module parallel, public. Copies of files on a node's own disk, made once per node and removed at the end.
 *
 * Every epoch visits all images in a new order, so that every node needs all of them: there is no copying of parts. */
#ifndef TEC_STAGE_H
#define TEC_STAGE_H

#include "tec/comm.h"

typedef struct tec_stage tec_stage;

typedef struct tec_stage_file {
    char *source;
    char *name; /* of the copy, relative to the directory of the stage: "targets/shard-00000.h5" */
    int64_t bytes;
} tec_stage_file;

/* Collective. The ranks of each node share the work of copying file [files] to a new directory in `dir`, which is
 * created if need be. What killed jobs left in `dir` is removed first: a directory is in use as long as it is locked
 * (flock). A signal (tec/stop.h) ends the copying.
 *
 * *out NULL: this node cannot (for lack of space, say, which is checked before anything is copied) and reads the files
 * where they are; a warning says why. Copies are only checked to have the right size: their contents are checked
 * against the checksums of packs and stores when rows and images are read. */
void tec_stage_open(tec_stage **out, const tec_comm *comm, const char *dir, const tec_stage_file *file, int64_t files);

/* The directory that the names are relative to; owned by the stage. */
const char *tec_stage_directory(const tec_stage *stage);

/* Collective over the ranks of a node, all of which have a stage or none. Removes the copies. NULL is fine. */
void tec_stage_close(tec_stage *stage);

#endif
