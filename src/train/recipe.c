/* How a step is divided: the one place where trainer, plan and bench get it from. */
#include "tec/recipe.h"

#include "tec/model.h"
#include "tec/range.h"

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

tec_step_shape tec_step_shape_of(const tec_recipe *r, const tec_model_config *config, int inputs, int rank, int ranks)
{
    tec_step_shape shape = {.images = (int)tec_share(r->batch, rank, ranks).count,
                            .most = (int)tec_share(r->batch, 0, ranks).count};
    int micro_batch = r->micro_batch ? r->micro_batch : tec_model_micro_batch(config, shape.most * inputs);
    int chunk = micro_batch / inputs;
    shape.chunk = smaller(chunk > 1 ? chunk : 1, shape.most);
    shape.micro_batch = smaller(micro_batch, shape.chunk * inputs);
    return shape;
}

int tec_step_visible(const tec_model_config *config, double mask_ratio)
{
    return (int)(tec_model_patches(config) * (1 - mask_ratio));
}
