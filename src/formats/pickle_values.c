/* The values of a pickle and the blocks of memory that they live in. */
#include "pickle_parts.h"

#include "tec/memory.h"
#include "tec/minmax.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 65536

struct pickle_block {
    pickle_block *next;
    size_t used, size;
    alignas(max_align_t) char room[];
};

void *tec_pickle_room(pickle *p, size_t bytes)
{
    size_t aligned = (bytes + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (!p->blocks || p->blocks->size - p->blocks->used < aligned) {
        size_t size = tec_max_size(aligned, BLOCK_BYTES);
        pickle_block *block = tec_allocate(sizeof *block + size);
        *block = (pickle_block){p->blocks, 0, size};
        p->blocks = block;
    }
    void *room = p->blocks->room + p->blocks->used;
    p->blocks->used += aligned;
    return room;
}

pickle_value *tec_pickle_new(pickle *p, pickle_kind kind)
{
    pickle_value *value = tec_pickle_room(p, sizeof *value);
    memset(value, 0, sizeof *value);
    value->kind = kind;
    return value;
}

void tec_pickle_add_item(pickle *p, pickle_value *list, pickle_value *item)
{
    if (list->count == list->capacity) {
        /* The old array stays in its block: all that a list leaves behind is smaller than the list. */
        uint32_t capacity = list->capacity ? 2 * list->capacity : 4;
        pickle_value **larger = tec_pickle_room(p, capacity * sizeof *larger);
        if (list->count)
            memcpy(larger, list->item, list->count * sizeof *larger);
        list->item = larger;
        list->capacity = capacity;
    }
    list->item[list->count++] = item;
}

void tec_pickle_free(pickle *p)
{
    if (!p)
        return;
    for (pickle_block *block = p->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(p);
}

const pickle_value *tec_pickle_root(const pickle *p)
{
    return p->root;
}

size_t tec_pickle_persistents(const pickle *p)
{
    return p->persistent.count;
}

const pickle_value *tec_pickle_persistent(const pickle *p, size_t index)
{
    return p->persistent.item[index];
}

bool tec_pickle_text_is(pickle_text text, const char *wanted)
{
    return text.size == strlen(wanted) && memcmp(text.at, wanted, text.size) == 0;
}

bool tec_pickle_is_global(const pickle_value *value, const char *module, const char *name)
{
    return value && value->kind == PICKLE_GLOBAL && tec_pickle_text_is(value->global.module, module) &&
           tec_pickle_text_is(value->global.name, name);
}
