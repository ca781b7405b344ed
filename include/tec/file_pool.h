/* Module base, public. The files of a set that is read at random: each is opened at its first read and kept open.
 * Local, thread-safe. */
#ifndef TEC_FILE_POOL_H
#define TEC_FILE_POOL_H

#include "tec/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct tec_file_pool tec_file_pool;

/* For files 0 .. files - 1 of the set `name`. All of them are kept open if the process may have so many descriptors;
 * its soft limit is raised as far as need be and possible, and a quarter of it, at least 256, is left to others.
 * Otherwise some files are opened for every read, and a line says so, with `fewer`: "a larger targets.shard_mb makes
 * fewer files". `remedy` (borrowed) ends the messages about a file that is missing or has the wrong size: "run `tec
 * targets` again, it makes missing shards". */
tec_file_pool *tec_file_pool_create(int64_t files, const char *name, const char *remedy, const char *fewer);
void tec_file_pool_free(tec_file_pool *pool); /* NULL is fine */

/* File number `file` at `path`, which must have `bytes` bytes: *fd is for tec_file_get until it is given back.
 * TEC_USER_ERROR: missing, or has another size; TEC_SYSTEM_ERROR: cannot be opened. */
tec_status tec_file_pool_take(tec_file_pool *pool, int64_t file, const char *path, int64_t bytes, int *fd);
void tec_file_pool_give_back(tec_file_pool *pool, int64_t file, int fd);

#endif
