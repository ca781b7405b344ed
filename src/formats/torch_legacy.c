/* PyTorch's form before 1.6: pickles of a magic number, the version, the machine, the object and the keys of its
 * storages, then each storage as a count of 8 bytes and its elements. */
#include "torch_parts.h"

#include "tec/memory.h"
#include "tec/minmax.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19" /* 0x1950a86a20f9469cfc6c */
#define VERSION 1001

typedef struct found_storage {
    torch_storage about;
    int64_t offset; /* of its first element in the file; -1: not in the list of keys */
} found_storage;

typedef struct legacy {
    char *head;         /* the beginning of the file, with all pickles */
    size_t bytes, used; /* of the head */
    pickle *object, *keys;
    found_storage *storage; /* sorted by key, without duplicates */
    size_t count;
} legacy;

static tec_status read_tensor(tec_tensor_file *file, const tensor_entry *entry, void *out, size_t bytes)
{
    return tec_tensor_file_bytes(file, out, bytes, entry->offset);
}

static const tensor_format legacy_format = {"PyTorch (legacy)", read_tensor, NULL};

/* -- the pickles -- */

static tec_status next_pickle(const tec_tensor_file *file, legacy *l, pickle **out)
{
    size_t used = 0;
    TEC_TRY(tec_pickle_read(out, file->path, l->head + l->used, l->bytes - l->used, l->used, &used));
    l->used += used;
    return TEC_OK;
}

typedef bool check(const pickle_value *root);

static bool is_magic(const pickle_value *root)
{
    return root->kind == PICKLE_BIG_INT && root->text.size == sizeof MAGIC - 1 &&
           memcmp(root->text.at, MAGIC, sizeof MAGIC - 1) == 0;
}

static bool is_version(const pickle_value *root)
{
    return root->kind == PICKLE_INT && root->integer == VERSION;
}

static bool is_little_endian(const pickle_value *root)
{
    for (uint32_t i = 0; root->kind == PICKLE_DICT && i + 1 < root->count; i += 2)
        if (root->item[i]->kind == PICKLE_TEXT && tec_pickle_text_is(root->item[i]->text, "little_endian"))
            return root->item[i + 1]->kind == PICKLE_BOOL && root->item[i + 1]->integer;
    return false;
}

static tec_status expect(const tec_tensor_file *file, legacy *l, check *is_right, const char *otherwise)
{
    pickle *p = NULL;
    TEC_TRY(next_pickle(file, l, &p));
    bool right = is_right(tec_pickle_root(p));
    tec_pickle_free(p);
    return right ? TEC_OK : tec_fail(TEC_USER_ERROR, "%s %s", file->path, otherwise);
}

static tec_status read_pickles(const tec_tensor_file *file, legacy *l)
{
    l->bytes = (size_t)tec_min_int64(file->bytes, PICKLE_BYTES_LIMIT);
    l->head = tec_allocate(l->bytes);
    TEC_TRY(tec_tensor_file_bytes(file, l->head, l->bytes, 0));
    TEC_TRY(expect(file, l, is_magic,
                   "is a pickle, but not one of torch.save: load it in Python, then torch.save its state_dict()"));
    TEC_TRY(expect(file, l, is_version, "is of a version of PyTorch's legacy form that is not 1001: save it again"));
    TEC_TRY(expect(file, l, is_little_endian,
                   "was written on a big-endian machine, which is not read: save it again on another"));
    TEC_TRY(next_pickle(file, l, &l->object));
    TEC_TRY(next_pickle(file, l, &l->keys));
    if (tec_pickle_root(l->keys)->kind != PICKLE_LIST)
        return tec_fail(TEC_USER_ERROR, "%s is damaged: what follows its object is not a list of storages", file->path);
    return TEC_OK;
}

/* -- the storages -- */

/* As much of a key as a message shows. */
static int shown_bytes(pickle_text key)
{
    return (int)tec_min_size(key.size, 100);
}

static int compare_texts(pickle_text a, pickle_text b)
{
    int order = memcmp(a.at, b.at, tec_min_size(a.size, b.size));
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int by_key(const void *a, const void *b)
{
    const found_storage *first = a, *second = b;
    return compare_texts(first->about.key, second->about.key);
}

/* All storages that the object names, even in values that are not read, since they lie between the others. */
static tec_status collect_storages(const tec_tensor_file *file, legacy *l)
{
    size_t count = tec_pickle_persistents(l->object);
    l->storage = tec_allocate(count * sizeof *l->storage);
    for (size_t i = 0; i < count; i++) {
        found_storage *storage = &l->storage[l->count];
        storage->offset = -1;
        /* The others are the sources of whole modules. */
        l->count += tec_torch_storage_of(tec_pickle_persistent(l->object, i), &storage->about);
    }
    qsort(l->storage, l->count, sizeof *l->storage, by_key);
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        torch_storage *last = kept ? &l->storage[kept - 1].about : NULL, *next = &l->storage[i].about;
        if (!last || compare_texts(last->key, next->key) != 0)
            l->storage[kept++] = l->storage[i];
        else if (last->count != next->count || last->size != next->size)
            return tec_fail(TEC_USER_ERROR, "%s is damaged: storage %.*s is described in two ways", file->path,
                            shown_bytes(next->key), next->key.at);
    }
    l->count = kept;
    return TEC_OK;
}

static found_storage *find(const legacy *l, pickle_text key)
{
    found_storage wanted = {.about.key = key};
    return bsearch(&wanted, l->storage, l->count, sizeof *l->storage, by_key);
}

static tec_status bad_storage(const tec_tensor_file *file, pickle_text key, const char *what)
{
    return tec_fail(TEC_USER_ERROR, "%s is damaged: storage %.*s %s", file->path, shown_bytes(key), key.at, what);
}

/* Finds where each storage is: they follow each other in the order of the keys. */
static tec_status place_storages(const tec_tensor_file *file, legacy *l)
{
    const pickle_value *keys = tec_pickle_root(l->keys);
    int64_t at = (int64_t)l->used, bytes;
    for (uint32_t i = 0; i < keys->count; i++) {
        pickle_text key = keys->item[i]->kind == PICKLE_TEXT ? keys->item[i]->text : (pickle_text){"?", 1};
        found_storage *storage = find(l, key);
        unsigned char raw[8];
        uint64_t count = 0;
        if (!storage || storage->offset >= 0 || storage->about.size == 0)
            return bad_storage(file, key, "is not one that its object names once, with a known type");
        TEC_TRY(tec_tensor_file_bytes(file, raw, sizeof raw, at));
        for (int b = 8; b-- > 0;)
            count = count << 8 | raw[b];
        if (count != (uint64_t)storage->about.count)
            return bad_storage(file, key, "has another size in the object");
        storage->offset = at + 8;
        if (__builtin_mul_overflow(storage->about.count, (int64_t)storage->about.size, &bytes) ||
            bytes > file->bytes - storage->offset)
            return bad_storage(file, key, "goes beyond the end of the file: it is cut short");
        at = storage->offset + bytes;
    }
    return TEC_OK;
}

static tec_status locate(tec_tensor_file *file, void *context, const torch_storage *storage, torch_place *place)
{
    const found_storage *found = find(context, storage->key);
    if (!found || found->offset < 0)
        return bad_storage(file, storage->key, "is not in the file");
    *place = (torch_place){
        .offset = found->offset + storage->first * storage->size,
        .bytes = storage->view_count * storage->size,
    };
    return TEC_OK;
}

tec_status tec_torch_legacy_open(tec_tensor_file *file)
{
    legacy l = {0};
    file->format = &legacy_format;
    tec_status status = read_pickles(file, &l);
    if (status == TEC_OK)
        status = collect_storages(file, &l);
    if (status == TEC_OK)
        status = place_storages(file, &l);
    if (status == TEC_OK)
        status = tec_torch_list(file, tec_pickle_root(l.object), locate, &l);
    free(l.storage);
    tec_pickle_free(l.keys);
    tec_pickle_free(l.object);
    free(l.head);
    return status;
}
