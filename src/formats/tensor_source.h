/* Module formats, private. What the readers of tensor files share. A format's open function fills the list of tensors
 * and notes and sets `format` (and `data`); reading, strides, conversion and closing are then done here through its
 * table. */
#ifndef TEC_FORMATS_TENSOR_SOURCE_H
#define TEC_FORMATS_TENSOR_SOURCE_H

#include "tec/tensor_file.h"

/* -- element types (tensor_types.c) -- */

typedef enum tensor_type {
    TENSOR_F64,
    TENSOR_F32,
    TENSOR_F16,
    TENSOR_BF16,
    TENSOR_F8_E4M3,
    TENSOR_F8_E5M2,
    TENSOR_F8_E8M0,
    TENSOR_I64,
    TENSOR_I32,
    TENSOR_I16,
    TENSOR_I8,
    TENSOR_U64,
    TENSOR_U32,
    TENSOR_U16,
    TENSOR_U8,
    TENSOR_BOOL,
    TENSOR_C64,
    TENSOR_C128,
    TENSOR_TYPES
} tensor_type;

typedef struct tensor_type_about {
    const char *name;                  /* PyTorch's: "float32" is torch.float32 */
    int size;                          /* bytes */
    bool is_float;                     /* tec_tensor_convert reads it */
    const char *safetensors, *storage; /* "F32"; "FloatStorage" in torch or torch.cuda; NULL: none */
} tensor_type_about;

/* Indexed by tensor_type. */
extern const tensor_type_about tec_tensor_types[];

/* TENSOR_TYPES: there is no type of that name. */
tensor_type tec_tensor_type_of_name(const char *name);
tensor_type tec_tensor_type_of_safetensors(const char *name);
tensor_type tec_tensor_type_of_storage(const char *name);

/* Converts little-endian elements of a floating-point type.
 *   raw   [count] of `type`, at any alignment
 *   out   [count] */
void tec_tensor_convert(tensor_type type, const void *raw, int64_t count, real *out);

/* -- an open file -- */

typedef struct tensor_entry {
    tec_tensor about; /* its name is owned */
    tensor_type type;
    int64_t stride[TEC_TENSOR_DIMS]; /* in elements */
    int64_t span;                    /* elements in the file from the first to the last inclusive; 0 if empty */
    int source;                      /* which storage, file, dataset ...; for the format */
    int64_t offset;                  /* bytes to the first element; for the format */
} tensor_entry;

typedef struct tensor_format {
    const char *name; /* what tec_tensor_file_format says */
    /* Reads a tensor's bytes from its first to its last element (entry->span of them), little-endian. */
    tec_status (*read)(tec_tensor_file *file, const tensor_entry *entry, void *out, size_t bytes);
    void (*close)(void *data); /* NULL: nothing to do */
} tensor_format;

struct tec_tensor_file {
    char *path;
    int fd;        /* open for pread; closed with the file */
    int64_t bytes; /* of the file */
    const tensor_format *format;
    void *data; /* for the format */
    tensor_entry *entry;
    tec_tensor_note *note; /* owns its strings */
    int count, notes;
    size_t capacity, note_capacity;
    int *sorted; /* indices by name */
};

/* -- opening (tensor_recognise.c) -- */

/* Opens a file as one of a format. It comes with path, fd and bytes; the function adds tensors and notes and sets
 * format and data. The caller closes what it has set through format->close, even if it fails. */
typedef tec_status tensor_open(tec_tensor_file *file);

/* Recognises and opens a file by its descriptor, which is closed with it or on failure; `path` is for messages. JSON,
 * in which an index of shards comes, is opened by `open_json`; NULL: refused. */
tec_status tec_tensor_file_open_fd(tec_tensor_file **out, int fd, const char *path, tensor_open *open_json);

tensor_open tec_safetensors_open, tec_tensor_h5_open;
tensor_open tec_torch_zip_open;    /* starts with the magic of a zip archive */
tensor_open tec_tensor_npz_open;   /* so does this one, by its name .npz */
tensor_open tec_torch_legacy_open; /* starts like a pickle of protocol 2 or later: 0x80 */
tensor_open tec_tensor_index_open; /* JSON that names the shards; tec_tensor_file_open_fd opens these */

/* -- for the formats (tensor_list.c) -- */

/* A tensor to add to the list. */
typedef struct tensor_place {
    tensor_type type;
    int dims;
    const int64_t *dim, *stride; /* stride in elements; NULL: row-major */
    int source;                  /* for format->read */
    int64_t offset;
    int64_t room; /* bytes available from the first element on */
} tensor_place;

/* Adds a tensor. Names may repeat: tec_tensor_file_sort renames the second "a" to "a#2". TEC_USER_ERROR, naming file
 * and tensor: negative sizes or strides, more than TEC_TENSOR_DIMS dimensions, an overflow, elements outside of `room`,
 * far more elements than the file has bytes (stride 0). */
tec_status tec_tensor_file_add(tec_tensor_file *file, const char *name, const tensor_place *place);

/* Adds a note; the text is formatted as by printf. */
void tec_tensor_file_add_note(tec_tensor_file *file, const char *name, const char *text_format, ...)
    __attribute__((format(printf, 3, 4)));

/* After all have been added: makes names unique and prepares finding by name. */
void tec_tensor_file_sort(tec_tensor_file *file);

/* -- reading (tensor_file.c) -- */

/* pread of all `bytes` bytes. TEC_USER_ERROR: they reach beyond the end of the file; TEC_SYSTEM_ERROR: the disk, or a
 * file that has shrunk since it was opened. */
tec_status tec_tensor_file_bytes(const tec_tensor_file *file, void *out, size_t bytes, int64_t offset);

#endif
