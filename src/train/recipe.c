/* How a step is divided: the one place where trainer, plan and bench get it from. */
#include "tec/recipe.h"

#include "tec/log.h"
#include "tec/minmax.h"
#include "tec/model.h"

tec_range tec_step_share(const tec_recipe *r, int rank, int ranks)
{
    const int together = tec_recipe_together(r);
    tec_range groups = tec_share(tec_recipe_groups(r), rank, ranks);
    int64_t first = tec_min_int64(together * groups.first, r->batch);
    return (tec_range){.first = first, .count = tec_min_int64(together * groups.count, r->batch - first)};
}

tec_step_shape tec_step_shape_of(const tec_recipe *r, const tec_model_config *config, int inputs, int rank, int ranks)
{
    tec_step_shape shape = {.images = (int)tec_step_share(r, rank, ranks).count,
                            .most = (int)tec_step_share(r, 0, ranks).count};
    int micro_batch = r->micro_batch ? r->micro_batch : tec_model_micro_batch(config, shape.most * inputs);
    int together = tec_recipe_together(r), chunk = micro_batch / inputs / together * together;
    shape.chunk = tec_min_int(r->exact ? together : tec_max_int(chunk, together), shape.most);
    shape.micro_batch = shape.chunk * inputs;
    if (!r->exact)
        shape.micro_batch = tec_min_int(micro_batch, shape.micro_batch);
    return shape;
}

void tec_recipe_say_micro_batch(const tec_recipe *r, int inputs)
{
    const int taken = tec_recipe_together(r) * inputs;
    if (r->exact && r->micro_batch > 0 && r->micro_batch != taken)
        tec_log("%s.micro_batch is %d, but %d is taken: run.exact_sums cuts a step into whole %s",
                tec_recipe_section(r), r->micro_batch, taken,
                inputs > 1 ? "images with all their masks" : "pairs of images that are mixed");
}

int tec_step_visible(const tec_model_config *config, double mask_ratio)
{
    return (int)(tec_model_patches(config) * (1 - mask_ratio));
}
