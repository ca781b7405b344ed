/* The datasets of a shard: types, shapes, and where each part of a row lies in a buffer. */
#include "store_parts.h"

#include "tec/crc32c.h"

#include <string.h>

#define ALIGNMENT 64

static const size_t element_bytes[] = {
    [ELEMENT_F32] = 4, [ELEMENT_F64] = 8, [ELEMENT_F16] = 2, [ELEMENT_I8] = 1,  [ELEMENT_U8] = 1,
    [ELEMENT_U16] = 2, [ELEMENT_I32] = 4, [ELEMENT_U32] = 4, [ELEMENT_I64] = 8,
};

store_layout tec_store_layout_of(const tec_store_spec *spec)
{
    static const store_element features[] = {
        [TEC_TARGET_FLOAT32] = ELEMENT_F32,
        [TEC_TARGET_FLOAT16] = ELEMENT_F16,
        [TEC_TARGET_INT8] = ELEMENT_I8,
    };
    int64_t L = spec->patches, C = spec->width, Q = 1 + spec->topk, H = spec->heads;
    int64_t height = spec->image_size.height, width = spec->image_size.width;
    bool int8 = spec->type == TEC_TARGET_INT8;
    store_element feature = features[spec->type], attention = int8 ? ELEMENT_I8 : ELEMENT_F16;
    /* A part with a dimension of 0 is not there. */
    const store_part parts[PARTS] = {
        [PART_FEATURE] = {"feature", feature, .dims = 2, .dim = {L, C}},
        [PART_FEATURE_SCALE] = {"feature_scale", ELEMENT_F32, .dims = 1, .dim = {int8 ? C : 0}},
        [PART_ATTENTION] = {"attention", attention, .dims = 3, .dim = {Q, H, L}},
        [PART_ATTENTION_SCALE] = {"attention_scale", ELEMENT_F32, .dims = 3, .dim = {int8 ? Q : 0, H, 2}},
        [PART_TOPK] = {"topk", ELEMENT_U16, .dims = 1, .dim = {spec->topk}},
        [PART_VIEW] = {"view", ELEMENT_I32, .dims = 1, .dim = {5}},
        [PART_SAMPLE] = {"sample", ELEMENT_I64, .dims = 0},
        [PART_IMAGE] = {"image", ELEMENT_U8, .dims = 3, .dim = {spec->images ? height : 0, width, spec->channels}},
        [PART_CRC] = {"crc32c", ELEMENT_U32, .dims = 0},
    };
    store_layout layout = {.buffer = 0};
    memcpy(layout.part, parts, sizeof parts);
    for (int i = 0; i < PARTS; i++) {
        store_part *part = &layout.part[i];
        part->bytes = element_bytes[part->element];
        for (int d = 0; d < part->dims; d++)
            part->bytes *= (size_t)part->dim[d];
        part->at = layout.buffer;
        layout.buffer += (part->bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    return layout;
}

hid_t tec_store_element_type(store_element element)
{
    switch (element) {
    case ELEMENT_F32:
        return H5Tcopy(H5T_IEEE_F32LE);
    case ELEMENT_F64:
        return H5Tcopy(H5T_IEEE_F64LE);
    case ELEMENT_F16:
        return tec_h5_half_type();
    case ELEMENT_I8:
        return H5Tcopy(H5T_STD_I8LE);
    case ELEMENT_U8:
        return H5Tcopy(H5T_STD_U8LE);
    case ELEMENT_U16:
        return H5Tcopy(H5T_STD_U16LE);
    case ELEMENT_I32:
        return H5Tcopy(H5T_STD_I32LE);
    case ELEMENT_U32:
        return H5Tcopy(H5T_STD_U32LE);
    case ELEMENT_I64:
        return H5Tcopy(H5T_STD_I64LE);
    }
    return -1;
}

uint32_t tec_store_row_crc(const store_layout *layout, const char *buffer)
{
    uint32_t crc = 0;
    for (int i = 0; i < PART_CRC; i++)
        crc = tec_crc32c(crc, buffer + layout->part[i].at, layout->part[i].bytes);
    return crc;
}
