/* Module train, private. A file that grows while a run goes on, in whole pieces: lines, records. */
#ifndef TEC_TRAIN_APPENDED_H
#define TEC_TRAIN_APPENDED_H

#include "tec/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct appended {
    char *path;       /* NULL: there is no file */
    const char *what; /* the pieces, for messages: "lines" */
    int fd;
    int64_t bytes; /* of the file */
    char *pending; /* pieces that could not be written yet, for lack of room; NULL: none */
    size_t pending_bytes;
} appended;

/* Opens or creates the file, which it goes on behind its end, or `anew`. Takes `path` over, also after a failure; close it
 * in any case. TEC_SYSTEM_ERROR: it cannot be written. */
tec_status tec_appended_open(appended *a, char *path, const char *what, bool anew);

/* Adds a piece. One that cannot be written is kept and written with a later one, and readers never see a part of it; a
 * warning says so, and a line when they are written. */
void tec_appended_add(appended *a, const void *piece, size_t bytes);

/* Writes the pieces that were kept. TEC_SYSTEM_ERROR: still not possible. */
tec_status tec_appended_flush(appended *a);

void tec_appended_close(appended *a); /* fine for one that is zeroed */

#endif
