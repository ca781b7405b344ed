/* Element types of tensors: their names in each format, and conversion to real. */
#include "tensor_source.h"

#include "tec/half.h"
#include "tec/minmax.h"

#include <string.h>

const tensor_type_about tec_tensor_types[] = {
    [TENSOR_F64] = {"float64", 8, true, "F64", "DoubleStorage"},
    [TENSOR_F32] = {"float32", 4, true, "F32", "FloatStorage"},
    [TENSOR_F16] = {"float16", 2, true, "F16", "HalfStorage"},
    [TENSOR_BF16] = {"bfloat16", 2, true, "BF16", "BFloat16Storage"},
    [TENSOR_F8_E4M3] = {"float8_e4m3fn", 1, false, "F8_E4M3", NULL},
    [TENSOR_F8_E5M2] = {"float8_e5m2", 1, false, "F8_E5M2", NULL},
    [TENSOR_F8_E8M0] = {"float8_e8m0fnu", 1, false, "F8_E8M0", NULL},
    [TENSOR_I64] = {"int64", 8, false, "I64", "LongStorage"},
    [TENSOR_I32] = {"int32", 4, false, "I32", "IntStorage"},
    [TENSOR_I16] = {"int16", 2, false, "I16", "ShortStorage"},
    [TENSOR_I8] = {"int8", 1, false, "I8", "CharStorage"},
    [TENSOR_U64] = {"uint64", 8, false, "U64", NULL},
    [TENSOR_U32] = {"uint32", 4, false, "U32", NULL},
    [TENSOR_U16] = {"uint16", 2, false, "U16", NULL},
    [TENSOR_U8] = {"uint8", 1, false, "U8", "ByteStorage"},
    [TENSOR_BOOL] = {"bool", 1, false, "BOOL", "BoolStorage"},
    [TENSOR_C64] = {"complex64", 8, false, "C64", "ComplexFloatStorage"},
    [TENSOR_C128] = {"complex128", 16, false, NULL, "ComplexDoubleStorage"},
};

static tensor_type find(const char *name, size_t column)
{
    int i = 0;
    for (; i < TENSOR_TYPES; i++) {
        const char *known = *(const char *const *)((const char *)&tec_tensor_types[i] + column);
        if (known && strcmp(known, name) == 0)
            break;
    }
    return (tensor_type)i;
}

tensor_type tec_tensor_type_of_name(const char *name)
{
    return find(name, offsetof(tensor_type_about, name));
}

tensor_type tec_tensor_type_of_safetensors(const char *name)
{
    return find(name, offsetof(tensor_type_about, safetensors));
}

tensor_type tec_tensor_type_of_storage(const char *name)
{
    return find(name, offsetof(tensor_type_about, storage));
}

/* -- conversion -- */

enum { CHUNK = 1024 };

static void chunk_of_double(const char *raw, int count, real *out)
{
    double value[CHUNK];
    memcpy(value, raw, (size_t)count * sizeof *value);
    for (int i = 0; i < count; i++)
        out[i] = (real)value[i];
}

static void chunk_of_float(const char *raw, int count, real *out)
{
    float value[CHUNK];
    memcpy(value, raw, (size_t)count * sizeof *value);
    for (int i = 0; i < count; i++)
        out[i] = (real)value[i];
}

static void chunk_of_half(const char *raw, int count, real *out)
{
    uint16_t half[CHUNK];
    float value[CHUNK];
    memcpy(half, raw, (size_t)count * sizeof *half);
    tec_half_to_float(half, (size_t)count, value);
    for (int i = 0; i < count; i++)
        out[i] = (real)value[i];
}

/* bfloat16 is the upper half of a float32. */
static void chunk_of_bfloat(const char *raw, int count, real *out)
{
    uint16_t upper[CHUNK];
    memcpy(upper, raw, (size_t)count * sizeof *upper);
    for (int i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)upper[i] << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        out[i] = (real)value;
    }
}

void tec_tensor_convert(tensor_type type, const void *raw, int64_t count, real *out)
{
    static void (*const convert[])(const char *raw, int count, real *out) = {
        [TENSOR_F64] = chunk_of_double,
        [TENSOR_F32] = chunk_of_float,
        [TENSOR_F16] = chunk_of_half,
        [TENSOR_BF16] = chunk_of_bfloat,
    };
    const char *at = raw;
    for (int64_t i = 0; i < count; i += CHUNK)
        convert[type](at + i * tec_tensor_types[type].size, (int)tec_min_int64(count - i, CHUNK), out + i);
}
