/* Which values of a pickle are storages and tensors. */
#include "torch_parts.h"

#include <stdio.h>
#include <string.h>

/* -- storages -- */

/* Storages of quantised tensors, which are not read, but have to be skipped in the legacy form. */
static const struct {
    const char *name;
    int size;
} other_storages[] = {
    {"UntypedStorage", 1}, {"_UntypedStorage", 1}, {"QInt8Storage", 1},    {"QUInt8Storage", 1},
    {"QInt32Storage", 4},  {"QUInt4x2Storage", 1}, {"QUInt2x4Storage", 1},
};

/* The name of a global of module torch as a C string; "" if it is of another module, or too long. */
static void name_in_torch(const pickle_value *global, char *name, size_t size)
{
    *name = 0;
    if (global->kind != PICKLE_GLOBAL || global->global.module.size < 5 ||
        memcmp(global->global.module.at, "torch", 5) != 0 || global->global.name.size >= size)
        return;
    snprintf(name, size, "%.*s", (int)global->global.name.size, global->global.name.at);
}

static void set_type(torch_storage *storage, const pickle_value *global)
{
    char name[64];
    name_in_torch(global, name, sizeof name);
    storage->type = tec_tensor_type_of_storage(name);
    if (storage->type != TENSOR_TYPES)
        storage->size = tec_tensor_types[storage->type].size;
    for (size_t i = 0; i < sizeof other_storages / sizeof *other_storages; i++)
        if (strcmp(name, other_storages[i].name) == 0)
            storage->size = other_storages[i].size;
}

/* (key, first element, elements) of a view. */
static bool set_view(torch_storage *storage, const pickle_value *view)
{
    if (view->kind == PICKLE_NONE)
        return true;
    if (view->kind != PICKLE_TUPLE || view->count != 3 || view->item[1]->kind != PICKLE_INT ||
        view->item[2]->kind != PICKLE_INT)
        return false;
    storage->first = view->item[1]->integer;
    storage->view_count = view->item[2]->integer;
    return storage->first >= 0 && storage->view_count >= 0 && storage->first <= storage->count &&
           storage->view_count <= storage->count - storage->first;
}

/* ("storage", class, key, device, elements[, view]) */
bool tec_torch_storage_of(const pickle_value *persistent, torch_storage *storage)
{
    if (persistent->kind != PICKLE_PERSISTENT || persistent->id->kind != PICKLE_TUPLE || persistent->id->count < 5)
        return false;
    pickle_value **id = persistent->id->item;
    if (id[0]->kind != PICKLE_TEXT || !tec_pickle_text_is(id[0]->text, "storage") || id[2]->kind != PICKLE_TEXT ||
        id[4]->kind != PICKLE_INT || id[4]->integer < 0)
        return false;
    *storage = (torch_storage){.key = id[2]->text, .count = id[4]->integer, .view_count = id[4]->integer};
    set_type(storage, id[1]);
    return persistent->id->count < 6 || set_view(storage, id[5]);
}

/* -- what stands for another value -- */

static const struct {
    const char *module, *name;
    int arg; /* the number of the argument that is meant */
} wrappers[] = {
    {"torch._utils", "_rebuild_parameter", 0},
    {"torch._utils", "_rebuild_parameter_with_state", 0},
    {"torch.nn.parameter", "Parameter", 0},
    {"torch", "Size", 0},
};

/* A tensor with attributes, or of a derived class; arguments (function, class, arguments of function, state). */
static const struct {
    const char *module, *name;
} rebuilders[] = {
    {"torch._tensor", "_rebuild_from_type_v2"},
    {"torch._tensor", "_rebuild_from_type"},
    {"torch.tensor", "_rebuild_from_type"},
};

static const pickle_value *wrapped(const pickle_value *value)
{
    const pickle_value *args = value->object.args;
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (args->count > (uint32_t)wrappers[i].arg &&
            tec_pickle_is_global(value->object.class, wrappers[i].module, wrappers[i].name))
            return args->item[wrappers[i].arg];
    return NULL;
}

/* No honest file nests more than a few wrappers. */
const pickle_value *tec_torch_unwrap(const pickle_value *value)
{
    const pickle_value *inside;
    for (int i = 0; i < 8 && value->kind == PICKLE_OBJECT && (inside = wrapped(value)); i++)
        value = inside;
    return value;
}

/* -- tensors -- */

/* The function that builds a tensor and its arguments (a TUPLE), by way of a rebuilder where there is one. */
static void call_of(const pickle_value *object, const pickle_value **function, const pickle_value **args)
{
    *function = object->object.class;
    *args = object->object.args;
    for (size_t i = 0; i < sizeof rebuilders / sizeof *rebuilders; i++)
        if ((*args)->count >= 3 && (*args)->item[2]->kind == PICKLE_TUPLE &&
            tec_pickle_is_global(*function, rebuilders[i].module, rebuilders[i].name)) {
            *function = (*args)->item[0];
            *args = (*args)->item[2];
            return;
        }
}

/* The length of a tuple of integers, copied to `out`; -1: it is not one, or too long. */
static int numbers_of(const pickle_value *value, int64_t *out)
{
    value = tec_torch_unwrap(value);
    if ((value->kind != PICKLE_TUPLE && value->kind != PICKLE_LIST) || value->count > TEC_TENSOR_DIMS)
        return -1;
    for (uint32_t i = 0; i < value->count; i++) {
        if (value->item[i]->kind != PICKLE_INT)
            return -1;
        out[i] = value->item[i]->integer;
    }
    return (int)value->count;
}

/* torch.float32 and the like */
static tensor_type type_of(const pickle_value *dtype)
{
    char name[64];
    name_in_torch(dtype, name, sizeof name);
    return tec_tensor_type_of_name(name);
}

torch_meaning tec_torch_tensor_of(const pickle_value *value, torch_tensor *tensor)
{
    if (value->kind != PICKLE_OBJECT)
        return TORCH_OTHER;
    const pickle_value *function, *args;
    call_of(value, &function, &args);
    bool with_dtype = tec_pickle_is_global(function, "torch._utils", "_rebuild_tensor_v3");
    if (!with_dtype && !tec_pickle_is_global(function, "torch._utils", "_rebuild_tensor_v2") &&
        !tec_pickle_is_global(function, "torch._utils", "_rebuild_tensor"))
        return TORCH_OTHER;
    if (args->count < (with_dtype ? 7u : 4u) || !tec_torch_storage_of(args->item[0], &tensor->storage) ||
        args->item[1]->kind != PICKLE_INT || args->item[1]->integer < 0)
        return TORCH_BAD_TENSOR;
    tensor->offset = args->item[1]->integer;
    tensor->dims = numbers_of(args->item[2], tensor->dim);
    if (tensor->dims < 0 || numbers_of(args->item[3], tensor->stride) != tensor->dims)
        return TORCH_BAD_TENSOR;
    tensor->type = with_dtype ? type_of(args->item[6]) : tensor->storage.type;
    return tensor->type == TENSOR_TYPES || tensor->storage.size == 0 ? TORCH_OTHER : TORCH_TENSOR;
}
