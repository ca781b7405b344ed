/* Module eval, public. The nearest images by cosine similarity of their features, from files of features, as a table. */
#ifndef TEC_NEIGHBOURS_H
#define TEC_NEIGHBOURS_H

#include "tec/comm.h"
#include "tec/feature_file.h"

#define TEC_NEIGHBOURS_MOST 1000

/* All pointers are borrowed. */
typedef struct tec_neighbours_job {
    const tec_comm *comm;
    const tec_feature_file *among; /* whose images are the neighbours */
    const tec_feature_file *of;    /* of whose images; NULL: those of `among`, each with the images before it only */
    int k;                         /* neighbours of an image, at most; 1 .. TEC_NEIGHBOURS_MOST */
    double least;                  /* similarity of a neighbour; -INFINITY: any */
    const char *path;              /* of the table; NULL: standard output */
} tec_neighbours_job;

typedef struct tec_neighbours_found {
    int64_t images, lines; /* with a neighbour; in the table */
} tec_neighbours_found;

/* Local. TEC_USER_ERROR: the files hold patches, or features that cannot be compared. */
tec_status tec_neighbours_check(const tec_feature_file *among, const tec_feature_file *of);

/* Collective; the same status everywhere. Writes "path,rank,neighbour,similarity" and a line per neighbour, nearest first, of
 * every image in the order of the images. Similarities are summed in double in a fixed order, ties go to the earlier
 * image: the table is the same for any number of ranks. Memory: some thousands of rows on each rank. */
tec_status tec_neighbours_write(const tec_neighbours_job *job, tec_neighbours_found *out);

#endif
