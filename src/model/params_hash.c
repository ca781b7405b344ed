/* The hash of all weights, by which a target store knows its base model. */
#include "tec/params.h"

#include <string.h>

/* Multiply and fold, a word at a time: fast enough for gigabytes. Protects against mix-ups, not against malice. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = mix(hash, (unsigned char)*text);
    return mix(hash, 0);
}

/* As float32, so that builds of either precision agree about the same file. */
static uint64_t mix_values(uint64_t hash, const real *value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float single = (float)value[i];
        uint32_t bits;
        memcpy(&bits, &single, sizeof bits);
        hash = mix(hash, bits);
    }
    return hash;
}

uint64_t tec_params_hash(const tec_params *params)
{
    uint64_t hash = mix(1, (uint64_t)params->count);
    for (int i = 0; i < params->count; i++) {
        const tec_param *param = &params->param[i];
        hash = mix_text(hash, param->name);
        for (int d = 0; d < param->dims; d++)
            hash = mix(hash, (uint64_t)param->dim[d]);
        hash = mix_values(hash, params->weight + param->offset, param->count);
    }
    return hash;
}
