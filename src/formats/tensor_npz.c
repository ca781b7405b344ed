/* NumPy's archives of arrays (.npz) as lists of tensors: Google publishes its ViTs for JAX so. */
#include "tensor_source.h"

#include "tec/array_file.h"
#include "tec/text.h"

#include <stdlib.h>

static tec_status read_tensor(tec_tensor_file *file, const tensor_entry *entry, void *out, size_t bytes)
{
    (void)bytes; /* the span is all of the array */
    tec_array_rows *rows;
    TEC_TRY(tec_array_rows_open(&rows, file->data, entry->source));
    tec_status status = tec_array_rows_read(rows, 0, entry->about.dims ? entry->about.dim[0] : 1, out);
    tec_array_rows_close(rows);
    return status;
}

static void close_arrays(void *arrays)
{
    tec_array_file_close(arrays);
}

static const tensor_format format = {.name = "NumPy (.npz)", .read = read_tensor, .close = close_arrays};

/* TENSOR_TYPES: none that has these elements. */
static tensor_type type_of(const tec_array *array)
{
    return array->big_endian || array->by_columns ? TENSOR_TYPES : tec_tensor_type_of_name(array->type_name);
}

/* "Transformer/encoder_norm/scale" is "Transformer.encoder_norm.scale". */
static char *name_of(const tec_array *array)
{
    char *name = tec_string_copy(array->name);
    for (char *at = name; *at; at++)
        *at = *at == '/' ? '.' : *at;
    return name;
}

static tec_status add_array(tec_tensor_file *file, const tec_array *array, int index)
{
    char *name = name_of(array);
    tensor_place place = {.type = type_of(array), .dims = array->dims, .dim = array->dim, .source = index};
    tec_status status = TEC_OK;
    if (place.type == TENSOR_TYPES) {
        char *text = tec_array_describe(array);
        tec_tensor_file_add_note(file, name, "%s%s, not read", text, array->by_columns ? " in Fortran's order" : "");
        free(text);
    } else {
        place.room = INT64_MAX; /* its header was compared with what follows when the archive was opened */
        status = tec_tensor_file_add(file, name, &place);
    }
    free(name);
    return status;
}

tec_status tec_tensor_npz_open(tec_tensor_file *file)
{
    tec_array_file *arrays;
    file->format = &format;
    TEC_TRY(tec_array_file_open(&arrays, file->path));
    file->data = arrays;
    for (int i = 0; i < tec_array_file_count(arrays); i++)
        TEC_TRY(add_array(file, tec_array_file_get(arrays, i), i));
    return TEC_OK;
}
