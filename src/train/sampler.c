/* The order of an epoch, and each rank's part of a step. */
#include "tec/sampler.h"

#include "tec/memory.h"
#include "tec/philox.h"
#include "tec/text.h"

#include <stdlib.h>

tec_status tec_sampler_check(int64_t images, const tec_recipe *recipe)
{
    if (images < recipe->batch)
        return tec_fail(TEC_USER_ERROR, "%s.batch is %d, but the data set has only %lld image%s; give a smaller batch",
                        tec_recipe_section(recipe), recipe->batch, (long long)images, tec_plural(images));
    return TEC_OK;
}

tec_status tec_sampler_create(tec_sampler *s, int64_t images, const tec_recipe *recipe)
{
    *s = (tec_sampler){.images = images, .recipe = *recipe, .cached_epoch = -1};
    TEC_TRY(tec_sampler_check(images, recipe));
    s->steps_per_epoch = images / recipe->batch;
    s->order = tec_allocate((size_t)images * sizeof *s->order);
    return TEC_OK;
}

void tec_sampler_free(tec_sampler *s)
{
    free(s->order);
}

/* Of the places first .. first + count - 1 in the list of repeated images, the one that is number `i` when those that are
 * an image's first come first, then the second ones, and so on. */
static int64_t place_of(int64_t first, int count, int repeats, int64_t i)
{
    for (int r = 0; r < repeats; r++) {
        int64_t begin = first + (r - first % repeats + repeats) % repeats; /* the first of this kind */
        int64_t kind = begin < first + count ? (first + count - begin + repeats - 1) / repeats : 0;
        if (i < kind)
            return begin + i * repeats;
        i -= kind;
    }
    return first; /* not reached: i < count */
}

int tec_sampler_step(tec_sampler *s, int64_t step, int rank, int ranks, tec_request *request)
{
    int64_t epoch = step / s->steps_per_epoch, within = step % s->steps_per_epoch;
    if (epoch != s->cached_epoch) {
        tec_philox random = tec_philox_start(s->recipe.seed, TEC_STREAM_ORDER, (uint64_t)epoch, 0, 0);
        tec_philox_permutation(&random, s->images, s->order);
        s->cached_epoch = epoch;
    }
    const int repeats = tec_recipe_repeats(&s->recipe);
    tec_range mine = tec_step_share(&s->recipe, rank, ranks);
    for (int64_t i = 0; i < mine.count; i++) {
        int64_t place = place_of(within * s->recipe.batch, s->recipe.batch, repeats, mine.first + i);
        request[i] =
            (tec_request){.sample = s->order[place / repeats], .view = (int)(epoch * repeats + place % repeats)};
    }
    return (int)mine.count;
}
