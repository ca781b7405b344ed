/* Targets computed in the training step, as `tec targets` computes and stores them. */
#include "tec/online.h"

#include "tec/augment.h"
#include "tec/memory.h"
#include "tec/ops.h"

#include <stdlib.h>

struct tec_online {
    tec_frozen *frozen;
    tec_store_spec spec;
    bool values;
    size_t feature, attention; /* elements of a row */
    real *image;               /* [c, H, W] normalised for the base model, not for the new one */
    float *single;             /* feature and attention as stored */
    void *buffer;              /* of tec_store_round */
};

tec_online *tec_online_create(tec_frozen *frozen, const tec_store_spec *spec, bool values)
{
    tec_online *o = tec_allocate_zeroed(1, sizeof *o);
    o->frozen = frozen;
    o->spec = *spec;
    o->values = values;
    o->feature = tec_store_row_features(spec);
    o->attention = tec_store_row_logits(spec);
    o->image = tec_allocate((size_t)spec->channels * tec_size_area(spec->image_size) * sizeof *o->image);
    o->single = tec_allocate((o->feature + o->attention) * sizeof *o->single);
    o->buffer = tec_allocate(tec_store_round_bytes(spec));
    return o;
}

void tec_online_free(tec_online *o)
{
    if (!o)
        return;
    free(o->buffer);
    free(o->single);
    free(o->image);
    tec_frozen_close(o->frozen);
    free(o);
}

const tec_store_spec *tec_online_spec(const tec_online *o)
{
    return &o->spec;
}

tec_status tec_online_compute(tec_online *o, int64_t sample, const void *square, real *feature, real *attention,
                              int *topk)
{
    const tec_store_spec *s = &o->spec;
    tec_square_normalize(square, o->values, s->image_size, s->channels, s->mean, s->std, o->image);
    tec_frozen_targets(o->frozen, o->image, 1, s->last_layers, s->topk, feature, attention, topk);
    if (!s->plain_features)
        tec_standardize_patches(feature, s->patches, s->width, feature);
    tec_real_to_float(feature, o->feature, o->single);
    tec_real_to_float(attention, o->attention, o->single + o->feature);
    TEC_TRY(tec_store_round(s, sample, o->single, o->single + o->feature, o->buffer));
    tec_real_from_float(o->single, o->feature, feature);
    tec_real_from_float(o->single + o->feature, o->attention, attention);
    return TEC_OK;
}
