/* Module data, private. The files in which the images of a set lie one behind the other: the shards of a pack, archives. */
#ifndef TEC_DATA_SHARDS_H
#define TEC_DATA_SHARDS_H

#include "file_list.h"

#include "tec/file_pool.h"

/* What tec_file_pool_create says about them. */
typedef struct tec_shard_words {
    const char *name, *remedy, *fewer;
} tec_shard_words;

typedef struct tec_shards {
    int count;
    int64_t *bytes; /* [count] */
    char *copy;     /* the folder that they are read from; NULL: where they are */
    tec_file_pool *pool;
    const tec_shard_words *words;
} tec_shards;

/* Into a zeroed one, whose bytes are then for the caller to fill. Borrows `words`. */
void tec_shards_start(tec_shards *shards, int count, const tec_shard_words *words);
void tec_shards_free(tec_shards *shards);

/* Does the list of the set have every image within its file, from `least` bytes on? TEC_SYSTEM_ERROR: it is damaged. */
tec_status tec_shards_check(const tec_shards *shards, const tec_dataset *set, int64_t least);

/* From now on they are read from this folder. */
void tec_shards_read_from(tec_shards *shards, const char *dir);

/* An image's bytes, and so many before them, from the file that is now at `path`. As tec_file_pool_take and tec_file_get. */
tec_status tec_shards_get(const tec_shards *shards, const tec_pack_place *place, int64_t before, const char *path,
                          char *data);

#endif
