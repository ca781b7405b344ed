/* Module formats, private. What the parts of the pickle machine share:
 *   pickle_values.c     values and their memory
 *   pickle_stack.c      operands, stack and marks
 *   pickle_machine.c    memo and the table of opcodes
 *   pickle_literals.c   numbers and strings
 *   pickle_objects.c    containers, names and objects
 *   pickle_refused.c    names that are refused */
#ifndef TEC_FORMATS_PICKLE_PARTS_H
#define TEC_FORMATS_PICKLE_PARTS_H

#include "pickle.h"

/* -- values -- */

typedef struct pickle_block pickle_block;

struct pickle {
    pickle_block *blocks; /* hold values, and strings that had to be decoded */
    pickle_value *root;
    pickle_value persistent; /* its items are the PERSISTENT values */
};

pickle_value *tec_pickle_new(pickle *p, pickle_kind kind);
void *tec_pickle_room(pickle *p, size_t bytes); /* freed with the pickle */
void tec_pickle_add_item(pickle *p, pickle_value *list, pickle_value *item);

/* -- the machine -- */

/* Far more values and marks than the pickle of a model file pushes: bounds the memory that a hostile one can take. */
#define PICKLE_PUSHES_LIMIT (4u << 20)

typedef struct pickle_machine {
    pickle *pickle;
    const char *where;
    size_t base; /* of positions in messages */
    const unsigned char *begin, *at, *end;
    const unsigned char *opcode; /* being executed, for messages */
    pickle_value **stack, **memo;
    size_t depth, stack_capacity, pushes;
    size_t *mark; /* stack depths */
    size_t marks, mark_capacity;
    size_t memo_capacity, memo_count;
    bool stopped;
} pickle_machine;

/* TEC_USER_ERROR: "WHERE is damaged: WHAT at byte N". */
tec_status tec_pickle_damaged(const pickle_machine *m, const char *what);

/* Take an operand of the opcode: `bytes` bytes, a little-endian number of `width` bytes, a line without its newline. */
tec_status tec_pickle_take(pickle_machine *m, uint64_t bytes, const unsigned char **at);
tec_status tec_pickle_take_number(pickle_machine *m, int width, uint64_t *number);
tec_status tec_pickle_take_line(pickle_machine *m, pickle_text *line);

tec_status tec_pickle_push(pickle_machine *m, pickle_value *value);
tec_status tec_pickle_push_new(pickle_machine *m, pickle_kind kind, pickle_value **out);

tec_status tec_pickle_push_mark(pickle_machine *m);

/* The number of values above the last mark. */
size_t tec_pickle_above_mark(const pickle_machine *m);

/* Pops `count` values, all above the last mark; *lowest points to the lowest of them. */
tec_status tec_pickle_pop(pickle_machine *m, size_t count, pickle_value ***lowest);

/* The topmost value, above the last mark. */
tec_status tec_pickle_top(pickle_machine *m, pickle_value **top);

/* Pops all values above the last mark, and the mark. */
tec_status tec_pickle_pop_mark(pickle_machine *m, pickle_value ***lowest, size_t *count);

/* An operation; `parameter` stands in the table of opcodes. */
typedef tec_status pickle_operation(pickle_machine *m, int parameter);

pickle_operation tec_pickle_do_constant, tec_pickle_do_unsigned, tec_pickle_do_signed, tec_pickle_do_long,
    tec_pickle_do_float, tec_pickle_do_text, tec_pickle_do_bytes;
pickle_operation tec_pickle_do_int_line, tec_pickle_do_float_line, tec_pickle_do_quoted_line,
    tec_pickle_do_unicode_line;
pickle_operation tec_pickle_do_empty, tec_pickle_do_collect, tec_pickle_do_tuple, tec_pickle_do_add_one,
    tec_pickle_do_add_all;
pickle_operation tec_pickle_do_global, tec_pickle_do_stack_global, tec_pickle_do_instance, tec_pickle_do_object,
    tec_pickle_do_reduce, tec_pickle_do_build, tec_pickle_do_persistent, tec_pickle_do_persistent_line;

/* Is it a name that has no place in a model file, such as os.system or builtins.eval? */
bool tec_pickle_is_refused(pickle_text module, pickle_text name);

#endif
