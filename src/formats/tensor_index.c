/* Models in several files: "weight_map" in NAME.index.json says which tensor is in which of the files beside it. */
#include "tensor_source.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MOST_INDEX_BYTES 100000000

/* The shards. A tensor's `source` is the number of its shard, its `offset` the index there. */
typedef struct shards {
    tec_tensor_file **file;
    int *listed; /* how many tensors of each the index names */
    int count;
} shards;

static tec_status read_tensor(tec_tensor_file *file, const tensor_entry *entry, void *out, size_t bytes)
{
    const shards *all = file->data;
    tec_tensor_file *shard = all->file[entry->source];
    return shard->format->read(shard, &shard->entry[entry->offset], out, bytes);
}

static void close_shards(void *data)
{
    shards *all = data;
    for (int i = 0; i < all->count; i++)
        tec_tensor_file_close(all->file[i]);
    free(all->file);
    free(all->listed);
    free(all);
}

static const tensor_format format = {.name = "index of shards", .read = read_tensor, .close = close_shards};

/* -- shards -- */

static tec_status open_shard(const tec_tensor_file *index, const char *name, tec_tensor_file **out)
{
    if (!name[0] || name[0] == '.' || strchr(name, '/'))
        return tec_fail(TEC_USER_ERROR, "%s: the shard `%.200s` is not the name of a file beside the index",
                        index->path, name);
    char *path = tec_path_beside(index->path, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    tec_status status;
    if (fd < 0)
        status = tec_fail(TEC_USER_ERROR, "%s: its shard %s cannot be opened: %s", index->path, path, strerror(errno));
    else
        status = tec_tensor_file_open_fd(out, fd, path, NULL);
    free(path);
    return status;
}

/* The number of the shard of that name, which is opened when first mentioned; `known` maps names to numbers. */
static tec_status get_shard(const tec_tensor_file *index, shards *all, json_t *known, const char *name, int *number)
{
    json_t *have = json_object_get(known, name);
    *number = have ? (int)json_integer_value(have) : all->count;
    if (have)
        return TEC_OK;
    TEC_TRY(open_shard(index, name, &all->file[all->count]));
    json_object_set_new(known, name, json_integer(all->count++));
    return TEC_OK;
}

static tec_status add_tensor(tec_tensor_file *file, const char *name, int number)
{
    const shards *all = file->data;
    const tec_tensor_file *shard = all->file[number];
    int index = tec_tensor_file_find(shard, name);
    if (index < 0)
        return tec_fail(TEC_USER_ERROR, "%s: tensor %.200s is not in its shard %s", file->path, name, shard->path);
    all->listed[number]++;
    const tensor_entry *entry = &shard->entry[index];
    tensor_place place = {
        .type = entry->type,
        .dims = entry->about.dims,
        .dim = entry->about.dim,
        .stride = entry->stride,
        .source = number,
        .offset = index,
        .room = entry->span * tec_tensor_types[entry->type].size,
    };
    return tec_tensor_file_add(file, name, &place);
}

static tec_status add_all(tec_tensor_file *file, json_t *map, json_t *known)
{
    shards *all = file->data;
    const char *name;
    json_t *shard;
    json_object_foreach(map, name, shard)
    {
        int number;
        if (!json_is_string(shard))
            return tec_fail(TEC_USER_ERROR, "%s: weight_map names no file for tensor %.200s", file->path, name);
        TEC_TRY(get_shard(file, all, known, json_string_value(shard), &number));
        TEC_TRY(add_tensor(file, name, number));
    }
    for (int i = 0; i < all->count; i++) {
        int more = all->file[i]->count - all->listed[i];
        tec_tensor_file_add_note(file, all->file[i]->path, "%s, %d tensors%s", all->file[i]->format->name,
                                 all->file[i]->count, more ? ", some of them not in the index" : "");
    }
    return TEC_OK;
}

tec_status tec_tensor_index_open(tec_tensor_file *file)
{
    json_error_t error;
    if (file->bytes > MOST_INDEX_BYTES)
        return tec_fail(TEC_USER_ERROR, "%s has %lld bytes, more than an index of shards may have", file->path,
                        (long long)file->bytes);
    char *text = tec_allocate((size_t)file->bytes);
    tec_status status = tec_tensor_file_bytes(file, text, (size_t)file->bytes, 0);
    size_t mark = status == TEC_OK ? tec_utf8_mark(text, (size_t)file->bytes) : 0;
    json_t *json = NULL;
    if (status == TEC_OK)
        json = json_loadb(text + mark, (size_t)file->bytes - mark, JSON_REJECT_DUPLICATES, &error);
    json_t *map = json_object_get(json, "weight_map"), *known = json_object();
    if (status == TEC_OK && !json)
        status = tec_fail(TEC_USER_ERROR, "%s:%d:%d: %s", file->path, error.line, error.column, error.text);
    else if (status == TEC_OK && !json_is_object(map))
        status = tec_fail(TEC_USER_ERROR, "%s is JSON, but not an index of a model's shards (it has no weight_map)",
                          file->path);
    if (status == TEC_OK) {
        shards *all = tec_allocate_zeroed(1, sizeof *all);
        all->file = tec_allocate_zeroed(json_object_size(map), sizeof(tec_tensor_file *));
        all->listed = tec_allocate_zeroed(json_object_size(map), sizeof *all->listed);
        file->format = &format;
        file->data = all;
        status = add_all(file, map, known);
    }
    json_decref(known);
    json_decref(json);
    free(text);
    return status;
}
