/* All tensors of a pickle, under the keys that lead to them. */
#include "torch_parts.h"

#include "tec/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any model file has. A few bytes of pickle can put one dict a thousand times into another, over and over:
 * the walk must not follow all of it. */
enum { DEPTH_LIMIT = 64, VISITS_LIMIT = 1 << 22, TENSORS_LIMIT = 1 << 17, NAME_LIMIT = 1000 };

typedef struct walk {
    tec_tensor_file *file;
    torch_locate *locate;
    void *context;
    int depth, visits;
    char name[NAME_LIMIT + 1]; /* of the current value */
    size_t name_size;
} walk;

static tec_status list_value(walk *w, const pickle_value *value);

static tec_status refuse(const walk *w, const char *what)
{
    return tec_fail(TEC_USER_ERROR, "%s: %.200s: %s", w->file->path, w->name[0] ? w->name : "its top level", what);
}

/* -- names -- */

static bool is_plain(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return tec_utf8_valid(text);
}

/* Appends a key to the name. *named: it is a string or an integer, as keys that lead to tensors are. */
static tec_status enter(walk *w, const pickle_value *key, bool *named)
{
    char number[32];
    pickle_text text = {number, 0};
    *named = key->kind == PICKLE_TEXT || key->kind == PICKLE_INT;
    if (!*named)
        return TEC_OK;
    if (key->kind == PICKLE_TEXT)
        text = key->text;
    else
        text.size = (size_t)snprintf(number, sizeof number, "%" PRId64, key->integer);
    bool dot = w->name_size > 0;
    if (text.size > NAME_LIMIT - w->name_size - dot)
        return refuse(w, "the names of what it holds are longer than 1000 bytes");
    if (dot)
        w->name[w->name_size] = '.';
    char *added = w->name + w->name_size + dot;
    memcpy(added, text.at, text.size);
    added[text.size] = 0;
    if (strlen(added) != text.size || !is_plain(added))
        return refuse(w, "a name that is not printable text");
    w->name_size += dot + text.size;
    return TEC_OK;
}

static void leave(walk *w, size_t name_size)
{
    w->name_size = name_size;
    w->name[name_size] = 0;
}

/* -- values that hold others -- */

/* Numbers, strings and names hold no tensors, and a list may have millions of them. */
static bool can_hold_tensors(const pickle_value *value)
{
    return value->kind == PICKLE_TUPLE || value->kind == PICKLE_LIST || value->kind == PICKLE_DICT ||
           value->kind == PICKLE_OBJECT;
}

static tec_status list_item(walk *w, const pickle_value *key, const pickle_value *value)
{
    size_t name_size = w->name_size;
    bool named = false, top = name_size == 0 && w->depth == 1;
    int before = w->file->count;
    if (++w->visits > VISITS_LIMIT)
        return refuse(w, "more values than any model file has");
    if (!can_hold_tensors(value) && !top)
        return TEC_OK;
    TEC_TRY(enter(w, key, &named));
    if (named && can_hold_tensors(value))
        TEC_TRY(list_value(w, value));
    torch_tensor tensor;
    if (named && top && tec_torch_tensor_of(tec_torch_unwrap(value), &tensor) != TORCH_TENSOR) {
        char *text = tec_torch_describe(value, w->file->count - before);
        tec_tensor_file_add_note(w->file, w->name, "%s", text);
        free(text);
    }
    leave(w, name_size);
    return TEC_OK;
}

static tec_status list_pairs(walk *w, const pickle_value *dict)
{
    for (uint32_t i = 0; i + 1 < dict->count; i += 2)
        TEC_TRY(list_item(w, dict->item[i], dict->item[i + 1]));
    return TEC_OK;
}

static tec_status list_sequence(walk *w, const pickle_value *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        pickle_value key = {.kind = PICKLE_INT, .integer = i};
        TEC_TRY(list_item(w, &key, list->item[i]));
    }
    return TEC_OK;
}

/* Python 2 wrote OrderedDict([[key, value], ...]). */
static tec_status list_pair_lists(walk *w, const pickle_value *args)
{
    if (args->count != 1 || args->item[0]->kind != PICKLE_LIST)
        return TEC_OK;
    const pickle_value *list = args->item[0];
    for (uint32_t i = 0; i < list->count; i++)
        if ((list->item[i]->kind == PICKLE_LIST || list->item[i]->kind == PICKLE_TUPLE) && list->item[i]->count == 2)
            TEC_TRY(list_item(w, list->item[i]->item[0], list->item[i]->item[1]));
    return TEC_OK;
}

/* -- whole modules -- */

static const pickle_value *find_in(const pickle_value *dict, const char *key)
{
    for (uint32_t i = 0; i + 1 < dict->count; i += 2)
        if (dict->item[i]->kind == PICKLE_TEXT && tec_pickle_text_is(dict->item[i]->text, key))
            return dict->item[i + 1];
    return NULL;
}

/* The state of a torch.nn.Module holds its tensors under the names that state_dict() gives them; that of a TorchScript
 * module has them and its submodules as attributes. */
static tec_status list_state(walk *w, const pickle_value *object)
{
    static const char *const parts[] = {"_parameters", "_buffers", "_modules"};
    const pickle_value *state = object->object.state, *class = object->object.class;
    if (!state || state->kind != PICKLE_DICT)
        return TEC_OK;
    if (class->kind == PICKLE_GLOBAL && class->global.module.size >= 9 &&
        memcmp(class->global.module.at, "__torch__", 9) == 0)
        return list_pairs(w, state);
    if (!find_in(state, "_modules"))
        return TEC_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const pickle_value *part = find_in(state, parts[i]);
        if (part && can_hold_tensors(part))
            TEC_TRY(list_value(w, part));
    }
    return TEC_OK;
}

/* -- tensors -- */

static tec_status list_tensor(walk *w, const torch_tensor *tensor)
{
    torch_place place = {0};
    int64_t skip;
    if (w->file->count >= TENSORS_LIMIT)
        return refuse(w, "more tensors than any model file has");
    TEC_TRY(w->locate(w->file, w->context, &tensor->storage, &place));
    if (__builtin_mul_overflow(tensor->offset, (int64_t)tec_tensor_types[tensor->type].size, &skip) ||
        skip > place.bytes)
        skip = place.bytes;
    tensor_place where = {
        .type = tensor->type,
        .dims = tensor->dims,
        .dim = tensor->dim,
        .stride = tensor->stride,
        .source = place.source,
        .offset = place.offset + skip,
        .room = place.bytes - skip,
    };
    return tec_tensor_file_add(w->file, w->name[0] ? w->name : "tensor", &where);
}

static tec_status list_object(walk *w, const pickle_value *object)
{
    torch_tensor tensor;
    switch (tec_torch_tensor_of(object, &tensor)) {
    case TORCH_TENSOR:
        return list_tensor(w, &tensor);
    case TORCH_BAD_TENSOR:
        return refuse(w, "a tensor that is not described as PyTorch does, or has more than 8 dimensions");
    default:
        break;
    }
    if (tec_pickle_is_global(object->object.class, "collections", "OrderedDict"))
        TEC_TRY(list_pair_lists(w, object->object.args));
    TEC_TRY(list_pairs(w, object));
    return list_state(w, object);
}

static tec_status list_value(walk *w, const pickle_value *value)
{
    tec_status status = TEC_OK;
    if (w->depth >= DEPTH_LIMIT)
        return refuse(w, "nested more deeply than any model file is");
    w->depth++;
    value = tec_torch_unwrap(value);
    if (value->kind == PICKLE_OBJECT)
        status = list_object(w, value);
    else if (value->kind == PICKLE_DICT)
        status = list_pairs(w, value);
    else if (can_hold_tensors(value))
        status = list_sequence(w, value);
    w->depth--;
    return status;
}

tec_status tec_torch_list(tec_tensor_file *file, const pickle_value *root, torch_locate *locate, void *context)
{
    walk w = {.file = file, .locate = locate, .context = context};
    TEC_TRY(list_value(&w, root));
    if (file->count > 0 || file->notes > 0)
        return TEC_OK;
    char *text = tec_torch_describe(root, 0);
    tec_status status = tec_fail(TEC_USER_ERROR,
                                 "%s holds no tensors (%s): give a file that torch.save made from a model's "
                                 "state_dict()",
                                 file->path, text);
    free(text);
    return status;
}
