/* The files of a set that is read at random, each opened at its first read and kept open. Local, thread-safe. */
#ifndef TEC_FILE_POOL_H
#define TEC_FILE_POOL_H

#include "tec/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct tec_file_pool tec_file_pool;

/* For files 0 .. files - 1, of which `most` are kept open (a process may often have no more than 1024); further ones
 * are opened for every read. `remedy`, which is borrowed, ends the messages about a file that is missing or of another
 * size: "run `tec targets` again, it makes missing shards". */
tec_file_pool *tec_file_pool_create(int64_t files, int most, const char *remedy);
void tec_file_pool_free(tec_file_pool *pool); /* NULL is fine */

/* File number `file`, at `path`, of `bytes` bytes: *fd for tec_file_get until it is given back. TEC_USER_ERROR:
 * missing, or of another size; TEC_SYSTEM_ERROR: cannot be opened. */
tec_status tec_file_pool_take(tec_file_pool *pool, int64_t file, const char *path, int64_t bytes, int *fd);
void tec_file_pool_give_back(tec_file_pool *pool, int64_t file, int fd);

#endif
