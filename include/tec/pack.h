/* A pack: a folder of many small image files as a few large ones, for file systems that are slow at opening files.
 *
 *   shard-NNNNN.tar     the files of the folder with their relative paths, bytes unchanged, in the order of the paths;
 *                       plain tar (ustar, pax headers for long paths): `tar xf` gives the folder back
 *   shard-NNNNN.index   per file the text "OFFSET BYTES CRC32C PATH", ended by a 0 byte; OFFSET within the tar file
 *   pack.json           written last: format, version, number of images, size of every shard and size and CRC-32C of
 *                       its index
 *
 * Tar, because everyone can read it and nothing could be simpler to write; an index beside it, because reading it at
 * random needs offsets, and one that is text with checksums can be read by anyone, too. Shards are made under temporary
 * names, flushed and renamed, so that any number of processes, killed at any time, can finish a pack. Local functions.
 */
#ifndef TEC_PACK_H
#define TEC_PACK_H

#include "tec/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tec_pack tec_pack;

/* Is there a finished pack in `dir`? */
bool tec_pack_is_one(const char *dir);

/* Is its first shard there, at least? */
bool tec_pack_is_begun(const char *dir);

/* Plans the pack of a folder: `list` is what tec_dataset_scan(folder, TEC_LABELS_NONE) found. Files are dealt out to
 * shards of about `shard_bytes`, by their sizes alone. TEC_USER_ERROR: the list is of an IDX file or of a pack. */
tec_status tec_pack_open(tec_pack **out, const char *list, size_t bytes, const char *dir, int64_t shard_bytes);
void tec_pack_close(tec_pack *pack); /* NULL is fine */

int tec_pack_shards(const tec_pack *pack);
int64_t tec_pack_images(const tec_pack *pack);
int64_t tec_pack_bytes(const tec_pack *pack); /* of all shards together */

/* *done: shard `shard` is there and whole. Only its size and its index are looked at. TEC_USER_ERROR: it holds other
 * files than those of this plan, or its index is damaged. */
tec_status tec_pack_shard_done(const tec_pack *pack, int shard, bool *done);

/* Copies the files of shard `shard`. TEC_USER_ERROR: one cannot be read, or has changed since the folder was listed. */
tec_status tec_pack_write_shard(const tec_pack *pack, int shard);

/* Writes pack.json; all shards are done. TEC_USER_ERROR: shards of another plan, or damaged lists. */
tec_status tec_pack_finish(const tec_pack *pack);

#endif
