/* Python's pickles read as data: nothing that a pickle names is looked up, imported or called. What Python would build
 * by calling something is an object here that remembers the name of its class or function, the arguments and the state;
 * those who know a class (torch_values.c) make sense of it, all others step over it. Local.
 *
 * Protocols 0 to 5, without out-of-band buffers and extension codes. */
#ifndef TEC_IO_PICKLE_H
#define TEC_IO_PICKLE_H

#include "tec/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_BIG_INT, /* of more than 64 bits: bytes as in the file */
    PICKLE_FLOAT,
    PICKLE_TEXT,
    PICKLE_BYTES,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_SET,
    PICKLE_DICT,
    PICKLE_GLOBAL,    /* a class or a function, by name */
    PICKLE_OBJECT,    /* what calling a global would give */
    PICKLE_PERSISTENT /* what lies outside of the pickle: PyTorch's storages */
} pickle_kind;

/* Points into the pickle's bytes; no 0 at its end. */
typedef struct pickle_text {
    const char *at;
    size_t size;
} pickle_text;

typedef struct pickle_value pickle_value;

struct pickle_value {
    pickle_kind kind;
    uint32_t count, capacity; /* of `item` */
    pickle_value **item;      /* of a tuple, list or set; of a dict or object: keys and values in turn */
    union {
        int64_t integer; /* also of PICKLE_BOOL */
        double number;
        pickle_text text; /* TEXT, BYTES, BIG_INT */
        struct {
            pickle_text module, name;
        } global;
        struct {
            pickle_value *class; /* a GLOBAL, or whatever the file called */
            pickle_value *args;  /* a TUPLE */
            pickle_value *state; /* NULL: none */
        } object;
        pickle_value *id; /* PERSISTENT */
    };
};

typedef struct pickle pickle;

/* The largest pickle that is read, in bytes: a checkpoint of a thousand tensors has less than one million. */
#define PICKLE_BYTES_LIMIT (64 << 20)

/* Reads the pickle at the start of `data`, which must stay as long as the result; *used: its bytes. `where` begins the
 * messages ("FILE: data.pkl"), in which positions are counted from `data` plus `base`. Memory stays within a multiple
 * of `size`. TEC_USER_ERROR: damaged, cut short, too large, or it names what has no place in a model file (os.system).
 */
tec_status tec_pickle_read(pickle **out, const char *where, const void *data, size_t size, size_t base, size_t *used);
void tec_pickle_free(pickle *p); /* NULL is fine */

const pickle_value *tec_pickle_root(const pickle *p);

/* The PERSISTENT values in the order of the file. */
size_t tec_pickle_persistents(const pickle *p);
const pickle_value *tec_pickle_persistent(const pickle *p, size_t index);

bool tec_pickle_text_is(pickle_text text, const char *wanted);
bool tec_pickle_is_global(const pickle_value *value, const char *module, const char *name);

#endif
