/* Module data, private. Packs on the disk: what writing them, reading them and telling them apart share. */
#ifndef TEC_DATA_PACK_PARTS_H
#define TEC_DATA_PACK_PARTS_H

#include "file_list.h"
#include "tar_format.h"
#include "tec/pack.h"

#define PACK_FORMAT "tec-pack"
#define PACK_VERSION 1
#define PACK_FILE "pack.json"

/* The end of messages about a damaged pack. */
#define PACK_REMEDY "run `tec pack` again, it makes what is missing"

/* DIR/shard-NNNNN.tar or .index; the caller frees it. */
char *tec_pack_shard_path(const char *dir, int shard, const char *ending);

/* Reads the index of a shard and adds its files to `found`. *bytes, *crc: size and CRC-32C of the index.
 * TEC_USER_ERROR: missing or damaged. */
tec_status tec_pack_index_read(const char *dir, int shard, tec_found *found, int64_t *bytes, uint32_t *crc);

/* The bytes that a file takes in a shard, headers and padding included, and how many of them precede its first byte. */
int64_t tec_pack_entry_bytes(const char *path, int64_t bytes);
int64_t tec_pack_entry_head(const char *path);

/* Writes what precedes it, tec_pack_entry_head(path) bytes, to `head`. */
void tec_pack_entry_write_head(const char *path, int64_t bytes, char *head);

#endif
