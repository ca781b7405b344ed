/* What the parts of `tec inspect` share. Each prints to standard output. */
#ifndef TEC_JOBS_INSPECT_H
#define TEC_JOBS_INSPECT_H

#include "tec/settings.h"

/* A finished target store, by its directory; one of its shards. */
tec_status inspect_store(const char *directory);
tec_status inspect_shard(const char *path);

/* Any model file. `settings`: what base.* says of it. */
tec_status inspect_tensors(const char *path, const tec_settings *settings);

/* A copy with ? in place of control characters, so that a name in a file cannot act on the terminal; the caller frees
 * it. */
char *inspect_printable(const char *text);

#endif
