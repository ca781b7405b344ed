/* Opcodes that build containers, name globals and make objects of them. */
#include "pickle_parts.h"

#include "tec/minmax.h"

#include <string.h>

/* -- containers -- */

tec_status tec_pickle_do_empty(pickle_machine *m, int kind)
{
    pickle_value *out = NULL;
    return tec_pickle_push_new(m, (pickle_kind)kind, &out);
}

/* Adds values to a container. An object keeps pairs only, as a dict does: the items of a class derived from list are
 * ignored. */
static tec_status add(pickle_machine *m, pickle_value *to, pickle_value **value, size_t count, int together)
{
    bool pairs = to->kind == PICKLE_DICT || to->kind == PICKLE_OBJECT;
    bool singles = to->kind == PICKLE_LIST || to->kind == PICKLE_SET || to->kind == PICKLE_OBJECT;
    if (!(together == 2 ? pairs : singles))
        return tec_pickle_damaged(m, "items for a value that cannot hold any");
    if (count % (size_t)together)
        return tec_pickle_damaged(m, "a key without a value");
    if (to->kind == PICKLE_OBJECT && together == 1)
        return TEC_OK;
    for (size_t i = 0; i < count; i++)
        tec_pickle_add_item(m->pickle, to, value[i]);
    return TEC_OK;
}

static tec_status collect(pickle_machine *m, pickle_kind kind, pickle_value **value, size_t count)
{
    pickle_value *out = tec_pickle_new(m->pickle, kind);
    if (kind == PICKLE_DICT && count % 2)
        return tec_pickle_damaged(m, "a key without a value");
    out->item = tec_pickle_room(m->pickle, count * sizeof *value);
    if (count)
        memcpy(out->item, value, count * sizeof *value);
    out->count = out->capacity = (uint32_t)count;
    return tec_pickle_push(m, out);
}

tec_status tec_pickle_do_collect(pickle_machine *m, int kind)
{
    pickle_value **value = NULL;
    size_t count = 0;
    TEC_TRY(tec_pickle_pop_mark(m, &value, &count));
    return collect(m, (pickle_kind)kind, value, count);
}

tec_status tec_pickle_do_tuple(pickle_machine *m, int count)
{
    pickle_value **value = NULL;
    TEC_TRY(tec_pickle_pop(m, (size_t)count, &value));
    return collect(m, PICKLE_TUPLE, value, (size_t)count);
}

tec_status tec_pickle_do_add_one(pickle_machine *m, int together)
{
    pickle_value **value = NULL, *to = NULL;
    TEC_TRY(tec_pickle_pop(m, (size_t)together, &value));
    TEC_TRY(tec_pickle_top(m, &to));
    return add(m, to, value, (size_t)together, together);
}

tec_status tec_pickle_do_add_all(pickle_machine *m, int together)
{
    pickle_value **value = NULL, *to = NULL;
    size_t count = 0;
    TEC_TRY(tec_pickle_pop_mark(m, &value, &count));
    TEC_TRY(tec_pickle_top(m, &to));
    return add(m, to, value, count, together);
}

/* -- names -- */

/* As much of a name as a message shows. */
static int shown_bytes(pickle_text name)
{
    return (int)tec_min_size(name.size, 200);
}

static tec_status global(pickle_machine *m, pickle_text module, pickle_text name, pickle_value **out)
{
    if (tec_pickle_is_refused(module, name))
        return tec_fail(TEC_USER_ERROR,
                        "%s is refused: it names %.*s.%.*s at byte %zu, which has no place in a model file "
                        "(nothing was run): do not load it with other programs",
                        m->where, shown_bytes(module), module.at, shown_bytes(name), name.at,
                        m->base + (size_t)(m->opcode - m->begin));
    *out = tec_pickle_new(m->pickle, PICKLE_GLOBAL);
    (*out)->global.module = module;
    (*out)->global.name = name;
    return TEC_OK;
}

static tec_status take_global(pickle_machine *m, pickle_value **out)
{
    pickle_text module = {0}, name = {0};
    TEC_TRY(tec_pickle_take_line(m, &module));
    TEC_TRY(tec_pickle_take_line(m, &name));
    return global(m, module, name, out);
}

tec_status tec_pickle_do_global(pickle_machine *m, int parameter)
{
    (void)parameter;
    pickle_value *out = NULL;
    TEC_TRY(take_global(m, &out));
    return tec_pickle_push(m, out);
}

tec_status tec_pickle_do_stack_global(pickle_machine *m, int parameter)
{
    (void)parameter;
    pickle_value **text = NULL, *out = NULL;
    TEC_TRY(tec_pickle_pop(m, 2, &text));
    if (text[0]->kind != PICKLE_TEXT || text[1]->kind != PICKLE_TEXT)
        return tec_pickle_damaged(m, "a name that is not a string");
    TEC_TRY(global(m, text[0]->text, text[1]->text, &out));
    return tec_pickle_push(m, out);
}

/* -- objects -- */

static tec_status object(pickle_machine *m, pickle_value *class, pickle_value *args)
{
    pickle_value *out = NULL;
    if (args->kind != PICKLE_TUPLE)
        return tec_pickle_damaged(m, "arguments that are not a tuple");
    TEC_TRY(tec_pickle_push_new(m, PICKLE_OBJECT, &out));
    out->object.class = class;
    out->object.args = args;
    return TEC_OK;
}

/* Class and arguments are operands; a third one, keywords, is ignored. */
tec_status tec_pickle_do_reduce(pickle_machine *m, int operands)
{
    pickle_value **value = NULL;
    TEC_TRY(tec_pickle_pop(m, (size_t)operands, &value));
    return object(m, value[0], value[1]);
}

static tec_status tuple_of(pickle_machine *m, pickle_value **value, size_t count, pickle_value **out)
{
    pickle_value **same = NULL;
    TEC_TRY(collect(m, PICKLE_TUPLE, value, count));
    TEC_TRY(tec_pickle_pop(m, 1, &same));
    *out = *same;
    return TEC_OK;
}

tec_status tec_pickle_do_instance(pickle_machine *m, int parameter)
{
    (void)parameter;
    pickle_value **value = NULL, *class = NULL, *args = NULL;
    size_t count = 0;
    TEC_TRY(take_global(m, &class));
    TEC_TRY(tec_pickle_pop_mark(m, &value, &count));
    TEC_TRY(tuple_of(m, value, count, &args));
    return object(m, class, args);
}

tec_status tec_pickle_do_object(pickle_machine *m, int parameter)
{
    (void)parameter;
    pickle_value **value = NULL, *class, *args = NULL;
    size_t count = 0;
    TEC_TRY(tec_pickle_pop_mark(m, &value, &count));
    if (count == 0)
        return tec_pickle_damaged(m, "an object without a class");
    class = value[0];
    TEC_TRY(tuple_of(m, value + 1, count - 1, &args));
    return object(m, class, args);
}

/* The state of anything but an object (the `_metadata` of an OrderedDict that was created empty) is ignored. */
tec_status tec_pickle_do_build(pickle_machine *m, int parameter)
{
    (void)parameter;
    pickle_value **state = NULL, *to = NULL;
    TEC_TRY(tec_pickle_pop(m, 1, &state));
    TEC_TRY(tec_pickle_top(m, &to));
    if (to->kind == PICKLE_OBJECT)
        to->object.state = *state;
    return TEC_OK;
}

static tec_status push_persistent(pickle_machine *m, pickle_value *id)
{
    pickle_value *out = NULL;
    TEC_TRY(tec_pickle_push_new(m, PICKLE_PERSISTENT, &out));
    out->id = id;
    tec_pickle_add_item(m->pickle, &m->pickle->persistent, out);
    return TEC_OK;
}

tec_status tec_pickle_do_persistent(pickle_machine *m, int parameter)
{
    (void)parameter;
    pickle_value **id = NULL;
    TEC_TRY(tec_pickle_pop(m, 1, &id));
    return push_persistent(m, *id);
}

tec_status tec_pickle_do_persistent_line(pickle_machine *m, int parameter)
{
    (void)parameter;
    pickle_value *id = tec_pickle_new(m->pickle, PICKLE_TEXT);
    TEC_TRY(tec_pickle_take_line(m, &id->text));
    return push_persistent(m, id);
}
