/* A value of a pickle in a few words, for people. */
#include "torch_parts.h"

#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"
#include "tec/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 100 };

/* The part of a string that is shown, without unprintable characters; the caller frees it. */
static char *shown(pickle_text text)
{
    size_t size = tec_min_size(text.size, SHOWN);
    while (size < text.size && size > 0 && ((unsigned char)text.at[size] & 0xc0) == 0x80)
        size--; /* do not split a character */
    char *copy = tec_allocate(size + 1);
    memcpy(copy, text.at, size);
    copy[size] = 0;
    tec_string_printable(copy);
    for (size_t i = 0; i < size && !tec_utf8_valid(copy); i++)
        if ((unsigned char)copy[i] >= 0x80)
            copy[i] = '?';
    return copy;
}

static char *describe_text(pickle_text text)
{
    char *part = shown(text), *whole = tec_string_format("'%s'%s", part, text.size > SHOWN ? "..." : "");
    free(part);
    return whole;
}

/* In the legacy form the class of a whole module may be a persistent id: ("module", class, file, source). */
static const pickle_value *class_behind(const pickle_value *class)
{
    if (class->kind == PICKLE_PERSISTENT && class->id->kind == PICKLE_TUPLE && class->id->count > 1)
        return class->id->item[1];
    return class;
}

static char *describe_global(const pickle_value *global)
{
    global = class_behind(global);
    if (global->kind != PICKLE_GLOBAL)
        return tec_string_format("an object");
    char *module = shown(global->global.module), *name = shown(global->global.name);
    char *whole = tec_string_format("%s.%s", module, name);
    free(module);
    free(name);
    return whole;
}

static char *describe_object(const pickle_value *object)
{
    const pickle_value *class = object->object.class;
    if (tec_pickle_is_global(class, "collections", "OrderedDict"))
        return tec_string_format("OrderedDict");
    /* How Python rebuilds an object whose class defines no way: the class is the first argument. */
    if (class->kind == PICKLE_GLOBAL && object->object.args->count > 0 &&
        tec_pickle_text_is(class->global.name, "_reconstructor"))
        class = object->object.args->item[0];
    return describe_global(class);
}

static char *describe_value(const pickle_value *value)
{
    switch (value->kind) {
    case PICKLE_NONE:
        return tec_string_format("None");
    case PICKLE_BOOL:
        return tec_string_format(value->integer ? "True" : "False");
    case PICKLE_INT:
        return tec_string_format("%" PRId64, value->integer);
    case PICKLE_FLOAT:
        return tec_string_format("%.9g", value->number);
    case PICKLE_TEXT:
        return describe_text(value->text);
    case PICKLE_BYTES:
        return tec_string_format("%zu bytes", value->text.size);
    case PICKLE_TUPLE:
        return tec_string_format("tuple of %u", value->count);
    case PICKLE_LIST:
        return tec_string_format("list of %u", value->count);
    case PICKLE_SET:
        return tec_string_format("set of %u", value->count);
    case PICKLE_DICT:
        return tec_string_format("dict");
    case PICKLE_GLOBAL:
        return describe_global(value);
    case PICKLE_OBJECT:
        return describe_object(value);
    case PICKLE_BIG_INT:
        return tec_string_format("a number of more than 64 bits");
    case PICKLE_PERSISTENT:
        break;
    }
    return tec_string_format("a storage without a tensor");
}

char *tec_torch_describe(const pickle_value *value, int tensors)
{
    value = tec_torch_unwrap(value);
    char *text = describe_value(value), *whole;
    bool unknown = value->kind == PICKLE_OBJECT;
    if (unknown && tec_pickle_is_global(value->object.class, "collections", "OrderedDict"))
        unknown = false;
    if (tensors > 0)
        whole = tec_string_format("%s, %d tensor%s", text, tensors, tensors == 1 ? "" : "s");
    else
        whole = tec_string_format("%s%s", text, unknown ? ", not read" : "");
    free(text);
    return whole;
}
