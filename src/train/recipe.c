/* How a step is divided: the one place where trainer, plan and bench get it from. */
#include "tec/recipe.h"

#include "tec/minmax.h"
#include "tec/model.h"
#include "tec/range.h"

tec_step_shape tec_step_shape_of(const tec_recipe *r, const tec_model_config *config, int inputs, int rank, int ranks)
{
    tec_step_shape shape = {.images = (int)tec_share(r->batch, rank, ranks).count,
                            .most = (int)tec_share(r->batch, 0, ranks).count};
    int micro_batch = r->micro_batch ? r->micro_batch : tec_model_micro_batch(config, shape.most * inputs);
    int chunk = micro_batch / inputs;
    shape.chunk = tec_min_int(tec_max_int(chunk, 1), shape.most);
    shape.micro_batch = tec_min_int(micro_batch, shape.chunk * inputs);
    return shape;
}

int tec_step_visible(const tec_model_config *config, double mask_ratio)
{
    return (int)(tec_model_patches(config) * (1 - mask_ratio));
}
