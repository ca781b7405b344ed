/* Module data, public. A pack: a folder of many small image files as a few large ones, for file systems that are slow
 * at opening files.
 *
 *   shard-NNNNN.tar     the files of the folder, unchanged, under their relative paths and in the order of these; plain
 *                       tar (ustar, pax headers for long paths): `tar xf` restores the folder
 *   shard-NNNNN.index   per file the text "OFFSET BYTES CRC32C PATH", ended by a 0 byte; OFFSET within the tar file
 *   pack.json           written last: format, version, number of images; of every shard its size, its number of images
 *                       and the size and CRC-32C of its index
 *
 * Tar, because anyone can read it and nothing is simpler to write. An index, because random reads need offsets; as text
 * with checksums, because anyone can read that too. Shards are written under temporary names, flushed and renamed, so
 * that any number of processes, killed at any time, can finish a pack. All functions are local. */
#ifndef TEC_PACK_H
#define TEC_PACK_H

#include "tec/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tec_pack tec_pack;

/* Is there a finished pack in `dir`? */
bool tec_pack_is_one(const char *dir);

/* Is at least the first shard of one there? */
bool tec_pack_is_begun(const char *dir);

/* Plans the pack of a folder. `list` is what tec_dataset_scan wrote, with whatever labels, which are not packed; a
 * dead link in it (tec_dataset_scan_skipping) becomes an empty file. Files are dealt out to
 * shards of about `shard_bytes` by their sizes alone. TEC_USER_ERROR: the list is of an IDX file or of a pack.
 * TEC_SYSTEM_ERROR: a damaged list. */
tec_status tec_pack_open(tec_pack **out, const char *list, size_t bytes, const char *dir, int64_t shard_bytes);
void tec_pack_close(tec_pack *pack); /* NULL is fine */

int tec_pack_shards(const tec_pack *pack);
int64_t tec_pack_images(const tec_pack *pack);
/* Of the tar file of one shard. */
int64_t tec_pack_shard_bytes(const tec_pack *pack, int shard);
int64_t tec_pack_bytes(const tec_pack *pack); /* of all shards together */

/* *done: shard `shard` is there and whole. Only its size and its index are checked. TEC_USER_ERROR: it holds other
 * files than this plan, or its index is damaged. */
tec_status tec_pack_shard_done(const tec_pack *pack, int shard, bool *done);

/* Writes shard `shard`. TEC_USER_ERROR: a file cannot be read, or has changed since the folder was listed.
 * TEC_SYSTEM_ERROR: the disk. */
tec_status tec_pack_write_shard(const tec_pack *pack, int shard);

/* Writes pack.json once all shards are done. TEC_USER_ERROR: shards of another plan, or damaged indexes. */
tec_status tec_pack_finish(const tec_pack *pack);

#endif
