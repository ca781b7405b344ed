/* How a step is divided: the one place where trainer, plan and bench get it from. */
#include "tec/recipe.h"

#include "tec/minmax.h"
#include "tec/model.h"

tec_range tec_step_share(const tec_recipe *r, int rank, int ranks)
{
    if (!r->pairs)
        return tec_share(r->batch, rank, ranks);
    tec_range pairs = tec_share((r->batch + 1) / 2, rank, ranks);
    int64_t first = tec_min_int64(2 * pairs.first, r->batch);
    return (tec_range){.first = first, .count = tec_min_int64(2 * pairs.count, r->batch - first)};
}

tec_step_shape tec_step_shape_of(const tec_recipe *r, const tec_model_config *config, int inputs, int rank, int ranks)
{
    tec_step_shape shape = {.images = (int)tec_step_share(r, rank, ranks).count,
                            .most = (int)tec_step_share(r, 0, ranks).count};
    int micro_batch = r->micro_batch ? r->micro_batch : tec_model_micro_batch(config, shape.most * inputs);
    int together = r->pairs ? 2 : 1, chunk = micro_batch / inputs / together * together;
    shape.chunk = tec_min_int(tec_max_int(chunk, together), shape.most);
    shape.micro_batch = tec_min_int(micro_batch, shape.chunk * inputs);
    return shape;
}

int tec_step_visible(const tec_model_config *config, double mask_ratio)
{
    return (int)(tec_model_patches(config) * (1 - mask_ratio));
}
