/* The pickle machine: opcodes of stack and memo, and the table of all opcodes. */
#include "pickle_parts.h"

#include "tec/memory.h"

#include <stdlib.h>
#include <string.h>

/* -- stack -- */

static tec_status do_mark(pickle_machine *m, int parameter)
{
    (void)parameter;
    return tec_pickle_push_mark(m);
}

static tec_status do_pop(pickle_machine *m, int parameter)
{
    (void)parameter;
    pickle_value **lowest;
    if (m->marks && tec_pickle_above_mark(m) == 0) {
        m->marks--;
        return TEC_OK;
    }
    return tec_pickle_pop(m, 1, &lowest);
}

static tec_status do_pop_mark(pickle_machine *m, int parameter)
{
    (void)parameter;
    pickle_value **lowest;
    size_t count;
    return tec_pickle_pop_mark(m, &lowest, &count);
}

static tec_status do_dup(pickle_machine *m, int parameter)
{
    (void)parameter;
    pickle_value *top = NULL;
    TEC_TRY(tec_pickle_top(m, &top));
    return tec_pickle_push(m, top);
}

/* -- memo -- */

/* The index of a memo operation: a number of `width` bytes, or a line of digits where that is 0. */
static tec_status take_index(pickle_machine *m, int width, uint64_t *index)
{
    if (width)
        return tec_pickle_take_number(m, width, index);
    pickle_text line = {0};
    TEC_TRY(tec_pickle_take_line(m, &line));
    *index = 0;
    for (size_t i = 0; i < line.size; i++) {
        if (line.at[i] < '0' || line.at[i] > '9' || i > 9)
            return tec_pickle_damaged(m, "a bad index");
        *index = 10 * *index + (uint64_t)(line.at[i] - '0');
    }
    return TEC_OK;
}

static tec_status memo_set(pickle_machine *m, uint64_t index)
{
    pickle_value *top = NULL;
    TEC_TRY(tec_pickle_top(m, &top));
    /* Picklers count up, so an index cannot exceed the number of bytes. */
    if (index > (uint64_t)(m->end - m->begin) || index >= PICKLE_PUSHES_LIMIT)
        return tec_pickle_damaged(m, "an index too large for a pickle of this size");
    if (index >= m->memo_capacity) {
        size_t capacity = 2 * (size_t)index + 64;
        pickle_value **larger = tec_allocate_zeroed(capacity, sizeof *larger);
        if (m->memo)
            memcpy(larger, m->memo, m->memo_capacity * sizeof *larger);
        free(m->memo);
        m->memo = larger;
        m->memo_capacity = capacity;
    }
    m->memo_count += !m->memo[index];
    m->memo[index] = top;
    return TEC_OK;
}

static tec_status do_put(pickle_machine *m, int width)
{
    uint64_t index = 0;
    TEC_TRY(take_index(m, width, &index));
    return memo_set(m, index);
}

static tec_status do_memoize(pickle_machine *m, int parameter)
{
    (void)parameter;
    return memo_set(m, m->memo_count);
}

static tec_status do_get(pickle_machine *m, int width)
{
    uint64_t index = 0;
    TEC_TRY(take_index(m, width, &index));
    if (index >= m->memo_capacity || !m->memo[index])
        return tec_pickle_damaged(m, "a reference to a missing memo entry");
    return tec_pickle_push(m, m->memo[index]);
}

/* -- protocol, frames, end -- */

static tec_status do_protocol(pickle_machine *m, int parameter)
{
    (void)parameter;
    uint64_t protocol = 0;
    TEC_TRY(tec_pickle_take_number(m, 1, &protocol));
    return protocol > 5 ? tec_pickle_damaged(m, "a protocol later than 5") : TEC_OK;
}

static tec_status do_frame(pickle_machine *m, int parameter)
{
    (void)parameter;
    uint64_t bytes = 0;
    TEC_TRY(tec_pickle_take_number(m, 8, &bytes));
    return bytes > (uint64_t)(m->end - m->at) ? tec_pickle_damaged(m, "a frame that extends beyond the end") : TEC_OK;
}

static tec_status do_stop(pickle_machine *m, int parameter)
{
    (void)parameter;
    m->stopped = true;
    return tec_pickle_top(m, &m->pickle->root);
}

/* clang-format off */
static const struct {
    pickle_operation *run;
    int parameter;
} operations[256] = {
    /* literals; the parameter is the width in bytes of the number, or of the length that precedes a string */
    ['N'] = {tec_pickle_do_constant, -1}, [0x88] = {tec_pickle_do_constant, 1}, [0x89] = {tec_pickle_do_constant, 0},
    ['J'] = {tec_pickle_do_signed, 4}, ['K'] = {tec_pickle_do_unsigned, 1}, ['M'] = {tec_pickle_do_unsigned, 2},
    [0x8a] = {tec_pickle_do_long, 1}, [0x8b] = {tec_pickle_do_long, 4}, ['G'] = {tec_pickle_do_float, 8},
    ['U'] = {tec_pickle_do_text, 1}, ['T'] = {tec_pickle_do_text, 4},
    [0x8c] = {tec_pickle_do_text, 1}, ['X'] = {tec_pickle_do_text, 4}, [0x8d] = {tec_pickle_do_text, 8},
    ['C'] = {tec_pickle_do_bytes, 1}, ['B'] = {tec_pickle_do_bytes, 4}, [0x8e] = {tec_pickle_do_bytes, 8},
    [0x96] = {tec_pickle_do_bytes, 8},
    ['I'] = {tec_pickle_do_int_line, 0}, ['L'] = {tec_pickle_do_int_line, 0}, ['F'] = {tec_pickle_do_float_line, 0},
    ['S'] = {tec_pickle_do_quoted_line, 0}, ['V'] = {tec_pickle_do_unicode_line, 0},
    /* containers; the parameter is the kind, the number of items, or how many make one item */
    [']'] = {tec_pickle_do_empty, PICKLE_LIST}, [')'] = {tec_pickle_do_empty, PICKLE_TUPLE},
    ['}'] = {tec_pickle_do_empty, PICKLE_DICT}, [0x8f] = {tec_pickle_do_empty, PICKLE_SET},
    ['l'] = {tec_pickle_do_collect, PICKLE_LIST}, ['t'] = {tec_pickle_do_collect, PICKLE_TUPLE},
    ['d'] = {tec_pickle_do_collect, PICKLE_DICT}, [0x91] = {tec_pickle_do_collect, PICKLE_SET},
    [0x85] = {tec_pickle_do_tuple, 1}, [0x86] = {tec_pickle_do_tuple, 2}, [0x87] = {tec_pickle_do_tuple, 3},
    ['a'] = {tec_pickle_do_add_one, 1}, ['s'] = {tec_pickle_do_add_one, 2},
    ['e'] = {tec_pickle_do_add_all, 1}, [0x90] = {tec_pickle_do_add_all, 1}, ['u'] = {tec_pickle_do_add_all, 2},
    /* names, and what would be made by calling them; the parameter is the number of operands */
    ['c'] = {tec_pickle_do_global, 0}, [0x93] = {tec_pickle_do_stack_global, 0},
    ['i'] = {tec_pickle_do_instance, 0}, ['o'] = {tec_pickle_do_object, 0},
    ['R'] = {tec_pickle_do_reduce, 2}, [0x81] = {tec_pickle_do_reduce, 2}, [0x92] = {tec_pickle_do_reduce, 3},
    ['b'] = {tec_pickle_do_build, 0},
    ['Q'] = {tec_pickle_do_persistent, 0}, ['P'] = {tec_pickle_do_persistent_line, 0},
    /* stack and memo */
    ['('] = {do_mark, 0}, ['0'] = {do_pop, 0}, ['1'] = {do_pop_mark, 0}, ['2'] = {do_dup, 0},
    ['p'] = {do_put, 0}, ['q'] = {do_put, 1}, ['r'] = {do_put, 4}, [0x94] = {do_memoize, 0},
    ['g'] = {do_get, 0}, ['h'] = {do_get, 1}, ['j'] = {do_get, 4},
    [0x80] = {do_protocol, 0}, [0x95] = {do_frame, 0}, ['.'] = {do_stop, 0},
};
/* clang-format on */

static tec_status run(pickle_machine *m)
{
    while (!m->stopped) {
        if (m->at == m->end)
            return tec_fail(TEC_USER_ERROR, "%s ends at byte %zu, before the pickle does", m->where,
                            m->base + (size_t)(m->end - m->begin));
        m->opcode = m->at++;
        if (!operations[*m->opcode].run)
            return tec_pickle_damaged(m, "an unknown operation");
        TEC_TRY(operations[*m->opcode].run(m, operations[*m->opcode].parameter));
    }
    return TEC_OK;
}

tec_status tec_pickle_read(pickle **out, const char *where, const void *data, size_t size, size_t base, size_t *used)
{
    pickle *p = tec_allocate_zeroed(1, sizeof *p);
    const unsigned char *begin = data;
    pickle_machine m = {
        .pickle = p,
        .where = where,
        .base = base,
        .begin = begin,
        .at = begin,
        .end = begin + size,
        .opcode = begin,
    };
    m.stack = tec_grow(NULL, 0, &m.stack_capacity, sizeof *m.stack); /* popping nothing must point somewhere */
    tec_status status = run(&m);
    *used = (size_t)(m.at - m.begin);
    free(m.stack);
    free(m.mark);
    free(m.memo);
    if (status == TEC_OK)
        *out = p;
    else
        tec_pickle_free(p);
    return status;
}
