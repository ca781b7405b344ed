/* Module formats, private. Python's pickles read as data: nothing that a pickle names is looked up, imported or called.
 * What Python would build by calling something becomes an object that holds the name of the class or function, the
 * arguments and the state. Code that knows a class (torch_values.c) interprets it; everything else ignores it. Local.
 *
 * Protocols 0 to 5, without out-of-band buffers and extension codes. */
#ifndef TEC_FORMATS_PICKLE_H
#define TEC_FORMATS_PICKLE_H

#include "tec/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_BIG_INT, /* more than 64 bits: the bytes as in the file */
    PICKLE_FLOAT,
    PICKLE_TEXT,
    PICKLE_BYTES,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_SET,
    PICKLE_DICT,
    PICKLE_GLOBAL,    /* a class or a function, by name */
    PICKLE_OBJECT,    /* what calling a global would give */
    PICKLE_PERSISTENT /* something outside of the pickle: PyTorch's storages */
} pickle_kind;

/* A string in the pickle's bytes, not 0-terminated. */
typedef struct pickle_text {
    const char *at;
    size_t size;
} pickle_text;

typedef struct pickle_value pickle_value;

struct pickle_value {
    pickle_kind kind;
    uint32_t count, capacity; /* of `item` */
    pickle_value **item;      /* of a tuple, list or set; of a dict or object: keys and values alternating */
    union {
        int64_t integer; /* also of PICKLE_BOOL */
        double number;
        pickle_text text; /* TEXT, BYTES, BIG_INT */
        struct {
            pickle_text module, name;
        } global;
        struct {
            pickle_value *class; /* a GLOBAL, or whatever the file calls */
            pickle_value *args;  /* a TUPLE */
            pickle_value *state; /* NULL: none */
        } object;
        pickle_value *id; /* PERSISTENT */
    };
};

typedef struct pickle pickle;

/* The largest pickle that is read, in bytes: a checkpoint of a thousand tensors has less than one million. */
#define PICKLE_BYTES_LIMIT (64 << 20)

/* Reads the pickle at the start of `data`, which must outlive the result; *used: the pickle's bytes. `where` ("FILE:
 * data.pkl") leads messages, whose positions are offsets in `data` plus `base`. Memory stays within a multiple of
 * `size`. TEC_USER_ERROR: damaged, cut short, too large, or it names what has no place in a model file (os.system). */
tec_status tec_pickle_read(pickle **out, const char *where, const void *data, size_t size, size_t base, size_t *used);
void tec_pickle_free(pickle *p); /* NULL is fine */

const pickle_value *tec_pickle_root(const pickle *p);

/* The PERSISTENT values, in the order of the file. */
size_t tec_pickle_persistents(const pickle *p);
const pickle_value *tec_pickle_persistent(const pickle *p, size_t index);

bool tec_pickle_text_is(pickle_text text, const char *wanted);
bool tec_pickle_is_global(const pickle_value *value, const char *module, const char *name);

#endif
