/* What a TEC model predicts of features and attention, beside what its base has. */
#include "pictures.h"

#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/ops.h"
#include "tec/text.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* What the base model gives of all images, and the new model is to predict. */
typedef struct targets {
    real *feature;   /* [count, L, C] */
    real *attention; /* [count, 1 + K, H, L] logits */
    int *topk;       /* [count, K] */
    tec_size grid;   /* of the patches */
    int H, L, C, K;
    bool mean_query; /* the first query is the mean of the patches', as there is no class token */
} targets;

static targets make_targets(const tec_report_images *images, const tec_report_base *base, int queries)
{
    const tec_model_config *config = tec_frozen_config(base->frozen);
    const size_t n = (size_t)images->count;
    targets t = {.grid = tec_model_grid(config),
                 .H = config->heads,
                 .L = tec_model_patches(config),
                 .C = config->width,
                 .K = tec_max_int(queries, 1),
                 .mean_query = config->variant.no_class_token};
    const size_t tokens = (size_t)t.L * (size_t)t.C, logits = (size_t)(1 + t.K) * (size_t)t.H * (size_t)t.L;
    t.feature = tec_allocate_zeroed(n * tokens, sizeof *t.feature);
    t.attention = tec_allocate_zeroed(n * logits, sizeof *t.attention);
    t.topk = tec_allocate_zeroed(n * (size_t)t.K, sizeof *t.topk);
    real *normal = tec_pictures_normalise(images, base->normalisation);
    for (size_t i = 0; tec_pictures_more(images, (int)i); i++) {
        real *mine = t.feature + i * tokens;
        tec_frozen_targets(base->frozen, normal + i * tec_pictures_pixels(images), 1, base->last_layers, t.K, mine,
                           t.attention + i * logits, t.topk + i * (size_t)t.K);
        if (base->standardised)
            tec_standardize_patches(mine, t.L, t.C, mine);
    }
    free(normal);
    return t;
}

static void free_targets(targets *t)
{
    free(t->topk);
    free(t->attention);
    free(t->feature);
}

static tec_example example_of(const tec_report_images *images, const targets *t, const real *normal, int i)
{
    return (tec_example){.image = normal + (size_t)i * tec_pictures_pixels(images),
                         .shuffle = images->shuffle[i],
                         .topk = t->topk + (size_t)i * (size_t)t->K};
}

static void show_features(tec_report_run *run, const tec_report_images *images, tec_model *model, const targets *t,
                          const real *normal, bool standardised)
{
    const int hidden = t->L - images->visible;
    real *predicted = tec_allocate((size_t)hidden * (size_t)t->C * sizeof *predicted);
    pca p = tec_pca_fit(t->feature, images->count * t->L, t->C);
    tec_report_picture *picture = tec_report_add_column(&run->predicted, tec_string_copy("predicted features"));
    for (int i = 0; tec_pictures_more(images, i); i++) {
        const tec_example example = example_of(images, t, normal, i);
        tec_model_predict(model, &example, 1, predicted);
        tec_pictures_colours(&picture[i], &p, predicted, t->grid, images->shuffle[i] + images->visible, hidden);
    }
    picture = tec_report_add_column(&run->predicted, tec_string_copy("base's features"));
    for (int i = 0; i < images->count; i++)
        tec_pictures_colours(&picture[i], &p, t->feature + (size_t)i * (size_t)t->L * (size_t)t->C, t->grid, NULL,
                             t->L);
    char *hint = tec_string_format(
        "Features: those of the base model%s, as the three principal components that these have over all images here; "
        "the new model predicts them for the hidden patches.",
        standardised ? ", standardised over the patches" : "");
    tec_pictures_hint(&run->predicted, hint);
    free(hint);
    tec_pca_free(&p);
    free(predicted);
}

/* Shares of attention, mean over the heads, of one query: what is predicted, and what it should be. On one scale. */
static void show_pair(tec_report_picture *predicted, tec_report_picture *wanted, const real *of_new,
                      const real *of_base, const targets *t, double tau)
{
    double *share = tec_allocate_zeroed(2 * (size_t)t->L, sizeof *share), low = INFINITY, high = -INFINITY;
    for (int h = 0; h < t->H; h++) {
        tec_pictures_add_softmax(of_new + (size_t)h * (size_t)t->L, t->L, 1, 1.0 / t->H, share);
        tec_pictures_add_softmax(of_base + (size_t)h * (size_t)t->L, t->L, tau, 1.0 / t->H, share + t->L);
    }
    tec_pictures_range(share, 2 * t->L, &low, &high);
    tec_pictures_heat(predicted, share, t->grid, low, high);
    tec_pictures_heat(wanted, share + t->L, t->grid, low, high);
    free(share);
}

/* The class query, then the patch queries. */
static void show_queries(tec_report_run *run, const tec_report_images *images, tec_model *model, const targets *t,
                         const real *normal)
{
    const tec_model_config *config = tec_model_get_config(model);
    const double tau = config->attention_tau;
    const size_t map = (size_t)t->H * (size_t)t->L, all = (size_t)(1 + t->K) * map;
    assert(t->H == config->base_heads && t->L == tec_model_patches(config)); /* what the model is going to write */
    real *logits = tec_allocate_zeroed((size_t)images->count * all, sizeof *logits);
    for (int i = 0; tec_pictures_more(images, i); i++) {
        const tec_example example = example_of(images, t, normal, i);
        tec_model_predict_attention(model, &example, 1, logits + (size_t)i * all);
    }
    for (int q = 0; q <= t->K; q++) {
        char *who = q == 0 ? tec_string_copy(t->mean_query ? "mean of the patches" : "class token")
                           : tec_string_format("top patch %d", q);
        tec_report_picture *predicted =
            tec_report_add_column(&run->predicted, tec_string_format("predicted attention, %s", who));
        tec_report_picture *wanted =
            tec_report_add_column(&run->predicted, tec_string_format("base's attention, %s", who));
        for (int i = 0; i < images->count; i++) {
            const size_t at = (size_t)i * all + (size_t)q * map;
            show_pair(&predicted[i], &wanted[i], logits + at, t->attention + at, t, tau);
        }
        free(who);
    }
    char *hint = tec_string_format(
        "Attention: over all patches, of the %s and of those patches that it attends to most, mean of the heads, as it "
        "is predicted and as the base has it; each pair from its least (black) to its most (yellow).",
        t->mean_query ? "mean of the patches' queries (the base has no class token)" : "class token");
    tec_pictures_hint(&run->predicted, hint);
    free(hint);
    free(logits);
}

void tec_report_show_features(tec_report_run *run, const tec_report_images *images, tec_model *model,
                              const tec_normalisation *normalisation, const tec_report_base *base, int queries)
{
    const tec_model_config *config = tec_model_get_config(model);
    targets t = make_targets(images, base, queries);
    real *normal = tec_pictures_normalise(images, normalisation);
    tec_pictures_begin(&run->predicted, images);
    tec_pictures_masks(&run->predicted, images, config->patch);
    show_features(run, images, model, &t, normal, base->standardised);
    if (config->predict_attention && queries > 0)
        show_queries(run, images, model, &t, normal);
    free(normal);
    free_targets(&t);
}
