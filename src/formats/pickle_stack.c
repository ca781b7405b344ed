/* What operations of the pickle machine are made of: taking operands, and the stack with its marks. */
#include "pickle_parts.h"

#include "tec/memory.h"

#include <string.h>

/* -- messages and operands -- */

tec_status tec_pickle_damaged(const pickle_machine *m, const char *what)
{
    return tec_fail(TEC_USER_ERROR, "%s is damaged: %s at byte %zu", m->where, what,
                    m->base + (size_t)(m->opcode - m->begin));
}

tec_status tec_pickle_take(pickle_machine *m, uint64_t bytes, const unsigned char **at)
{
    if (bytes > (uint64_t)(m->end - m->at))
        return tec_pickle_damaged(m, "it ends within the operation");
    *at = m->at;
    m->at += bytes;
    return TEC_OK;
}

tec_status tec_pickle_take_number(pickle_machine *m, int width, uint64_t *number)
{
    const unsigned char *byte = NULL;
    TEC_TRY(tec_pickle_take(m, (uint64_t)width, &byte));
    *number = 0;
    for (int i = 0; i < width; i++)
        *number |= (uint64_t)byte[i] << (8 * i);
    return TEC_OK;
}

tec_status tec_pickle_take_line(pickle_machine *m, pickle_text *line)
{
    const unsigned char *end = memchr(m->at, '\n', (size_t)(m->end - m->at));
    if (!end)
        return tec_pickle_damaged(m, "it ends within the line");
    *line = (pickle_text){(const char *)m->at, (size_t)(end - m->at)};
    m->at = end + 1;
    return TEC_OK;
}

/* -- stack -- */

static tec_status count_push(pickle_machine *m)
{
    if (++m->pushes > PICKLE_PUSHES_LIMIT)
        return tec_fail(TEC_USER_ERROR, "%s holds more than %u values, which no model file does", m->where,
                        PICKLE_PUSHES_LIMIT);
    return TEC_OK;
}

tec_status tec_pickle_push(pickle_machine *m, pickle_value *value)
{
    TEC_TRY(count_push(m));
    m->stack = tec_grow(m->stack, m->depth, &m->stack_capacity, sizeof *m->stack);
    m->stack[m->depth++] = value;
    return TEC_OK;
}

tec_status tec_pickle_push_new(pickle_machine *m, pickle_kind kind, pickle_value **out)
{
    *out = tec_pickle_new(m->pickle, kind);
    return tec_pickle_push(m, *out);
}

size_t tec_pickle_above_mark(const pickle_machine *m)
{
    return m->depth - (m->marks ? m->mark[m->marks - 1] : 0);
}

tec_status tec_pickle_pop(pickle_machine *m, size_t count, pickle_value ***lowest)
{
    if (tec_pickle_above_mark(m) < count)
        return tec_pickle_damaged(m, "too few values for the operation");
    m->depth -= count;
    *lowest = m->stack + m->depth;
    return TEC_OK;
}

tec_status tec_pickle_top(pickle_machine *m, pickle_value **top)
{
    if (tec_pickle_above_mark(m) == 0)
        return tec_pickle_damaged(m, "no value for the operation");
    *top = m->stack[m->depth - 1];
    return TEC_OK;
}

tec_status tec_pickle_pop_mark(pickle_machine *m, pickle_value ***lowest, size_t *count)
{
    if (m->marks == 0)
        return tec_pickle_damaged(m, "no mark for the operation");
    *count = tec_pickle_above_mark(m);
    m->depth -= *count;
    m->marks--;
    *lowest = m->stack + m->depth;
    return TEC_OK;
}

tec_status tec_pickle_push_mark(pickle_machine *m)
{
    TEC_TRY(count_push(m));
    m->mark = tec_grow(m->mark, m->marks, &m->mark_capacity, sizeof *m->mark);
    m->mark[m->marks++] = m->depth;
    return TEC_OK;
}
