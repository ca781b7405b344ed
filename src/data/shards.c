/* Files in which many images lie. */
#include "shards.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <stdlib.h>

static tec_file_pool *create_pool(const tec_shards *s)
{
    return tec_file_pool_create(s->count, s->words->name, s->words->remedy, s->words->fewer);
}

void tec_shards_start(tec_shards *s, int count, const tec_shard_words *words)
{
    s->count = count;
    s->words = words;
    s->bytes = tec_allocate((size_t)count * sizeof *s->bytes);
    s->pool = create_pool(s);
}

void tec_shards_free(tec_shards *s)
{
    tec_file_pool_free(s->pool);
    free(s->copy);
    free(s->bytes);
}

static bool is_inside(const tec_shards *s, const tec_pack_place *place, int64_t least)
{
    return place->shard >= 0 && place->shard < s->count && place->offset >= least &&
           place->bytes <= s->bytes[place->shard] - place->offset;
}

tec_status tec_shards_check(const tec_shards *s, const tec_dataset *set, int64_t least)
{
    long label;
    tec_pack_place place;
    for (int64_t i = 0; i < set->total; i++)
        if (tec_files_find(set, i, &label, &place) && !is_inside(s, &place, least))
            return tec_files_damaged(set->root);
    return TEC_OK;
}

void tec_shards_read_from(tec_shards *s, const char *dir)
{
    free(s->copy);
    s->copy = tec_string_copy(dir);
    tec_file_pool_free(s->pool); /* it keeps files open that have been read already */
    s->pool = create_pool(s);
}

tec_status tec_shards_get(const tec_shards *s, const tec_pack_place *place, int64_t before, const char *path,
                          char *data)
{
    int fd;
    TEC_TRY(tec_file_pool_take(s->pool, place->shard, path, s->bytes[place->shard], &fd));
    tec_status status = tec_file_get(fd, path, data, (size_t)(before + place->bytes), place->offset - before);
    tec_file_pool_give_back(s->pool, place->shard, fd);
    return status;
}
