/* Reads and checks a fixture's inputs, and makes examples of them. */
#include "inputs.h"

#include "tec/memory.h"
#include "tec/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tec_replay_inputs_free(replay_inputs *in)
{
    free(in->images);
    for (int i = 0; i < TEC_MAX_BASES; i++) {
        free(in->base[i].feature);
        free(in->base[i].attention);
        free(in->base[i].topk);
    }
    free(in->shuffle);
    free(in->keep_path);
    free(in->wanted);
    free(in->example);
}

/* An attribute of /inputs, a whole number from `least` to `most`. */
static tec_status read_count(const tec_fixture *f, const char *name, int least, int most, int *out)
{
    double value;
    TEC_TRY(tec_fixture_attribute(f, "inputs", name, &value));
    if (!(value >= least && value <= most))
        return tec_fail(TEC_USER_ERROR, "%s: inputs: %s is %g where the architecture allows %d to %d",
                        tec_fixture_path(f), name, value, least, most);
    *out = (int)value;
    return TEC_OK;
}

/* Checks that each row names n different patches out of 0 .. L - 1.
 *
 *   patch  [rows, n] */
static tec_status check_patches(const tec_fixture *f, const char *name, const int *patch, int rows, int n, int L)
{
    char *seen = tec_allocate((size_t)L);
    tec_status status = TEC_OK;
    for (int r = 0; r < rows && status == TEC_OK; r++) {
        memset(seen, 0, (size_t)L);
        for (int i = 0; i < n && status == TEC_OK; i++) {
            int l = *patch++;
            if (l < 0 || l >= L)
                status = tec_fail(TEC_USER_ERROR, "%s: %s of image %d names patch %d; patches are 0 to %d",
                                  tec_fixture_path(f), name, r, l, L - 1);
            else if (seen[l]++)
                status = tec_fail(TEC_USER_ERROR, "%s: %s of image %d names patch %d twice", tec_fixture_path(f), name,
                                  r, l);
        }
    }
    free(seen);
    return status;
}

/* "inputs/NAME", of a further base model with its number: "inputs/NAME2". Written to `text`, which is returned. */
static const char *of_base(char *text, size_t size, const char *name, int base)
{
    if (base == 0)
        snprintf(text, size, "inputs/%s", name);
    else
        snprintf(text, size, "inputs/%s%d", name, base + 1);
    return text;
}

static tec_status read_targets(const tec_fixture *f, const tec_model_config *c, int base, replay_inputs *in)
{
    const tec_base_shape shape = tec_model_base(c, base);
    size_t B = (size_t)in->B, L = (size_t)tec_model_patches(c), C = (size_t)shape.width, H = (size_t)shape.heads;
    char name[32];
    const char *topk = of_base(name, sizeof name, "topk", base);
    if (base == 0)
        TEC_TRY(tec_fixture_dimension(f, topk, 1, &in->K));
    size_t K = (size_t)in->K;
    TEC_TRY(tec_fixture_ints(f, topk, B * K, &in->base[base].topk));
    TEC_TRY(check_patches(f, topk, in->base[base].topk, in->B, in->K, (int)L));
    TEC_TRY(tec_fixture_reals(f, of_base(name, sizeof name, "feature", base), B * L * C, &in->base[base].feature));
    for (size_t b = 0; b < B; b++) {
        real *feature = in->base[base].feature + b * L * C;
        tec_standardize_patches(feature, (int)L, (int)C, feature);
    }
    return tec_fixture_reals(f, of_base(name, sizeof name, "attention", base), B * (1 + K) * H * L,
                             &in->base[base].attention);
}

/* The fixture has [depth, 2, B], which PyTorch's blocks take. */
static tec_status read_classes(const tec_fixture *f, const tec_model_config *c, replay_inputs *in)
{
    size_t B = (size_t)in->B, branches = 2 * (size_t)c->depth;
    real *keep;
    in->keep = tec_model_patches(c);
    TEC_TRY(tec_fixture_reals(f, "inputs/targets", B * (size_t)c->classes, &in->wanted));
    TEC_TRY(tec_fixture_reals(f, "inputs/keep_path", branches * B, &keep));
    in->keep_path = tec_allocate(branches * B * sizeof *in->keep_path);
    for (size_t i = 0; i < branches; i++)
        for (size_t b = 0; b < B; b++)
            in->keep_path[b * branches + i] = keep[i * B + b];
    free(keep);
    return TEC_OK;
}

/* The targets of image b. */
static tec_base_targets targets_of(const tec_model_config *c, const replay_inputs *in, int base, size_t b)
{
    const tec_base_shape shape = tec_model_base(c, base);
    size_t L = (size_t)tec_model_patches(c), K = (size_t)in->K;
    return (tec_base_targets){in->base[base].feature + b * L * (size_t)shape.width,
                              in->base[base].attention + b * (1 + K) * (size_t)shape.heads * L,
                              in->base[base].topk + b * K};
}

static void make_examples(const tec_model_config *c, replay_inputs *in)
{
    size_t B = (size_t)in->B, L = (size_t)tec_model_patches(c);
    in->example = tec_allocate_zeroed(B, sizeof *in->example);
    for (size_t b = 0; b < B; b++) {
        tec_example *example = &in->example[b];
        example->image = in->images + b * tec_model_pixels(c);
        if (c->kind == TEC_MODEL_CLASSIFIER) {
            example->wanted = in->wanted + b * (size_t)c->classes;
            example->keep = in->keep_path + b * 2 * (size_t)c->depth;
            continue;
        }
        example->shuffle = in->shuffle + b * L;
        if (c->kind != TEC_MODEL_TEC)
            continue;
        const tec_base_targets first = targets_of(c, in, 0, b);
        example->feature = first.feature;
        example->attention = first.attention;
        example->topk = first.topk;
        for (int i = 1; i < tec_model_bases(c); i++)
            example->more[i - 1] = targets_of(c, in, i, b);
    }
}

tec_status tec_replay_inputs_read(const tec_fixture *f, const tec_model_config *c, replay_inputs *in)
{
    int L = tec_model_patches(c);
    TEC_TRY(tec_fixture_dimension(f, "inputs/images", 0, &in->B));
    if (in->B < 1)
        return tec_fail(TEC_USER_ERROR, "%s: inputs/images holds no image", tec_fixture_path(f));
    size_t B = (size_t)in->B;
    TEC_TRY(tec_fixture_reals(f, "inputs/images", B * tec_model_pixels(c), &in->images));
    if (c->kind == TEC_MODEL_VIT) {
        TEC_TRY(read_count(f, "last_layers", 1, c->depth, &in->last_layers));
        return read_count(f, "topk", 0, L, &in->K);
    }
    if (c->kind == TEC_MODEL_CLASSIFIER) {
        TEC_TRY(read_classes(f, c, in));
        make_examples(c, in);
        return TEC_OK;
    }
    TEC_TRY(read_count(f, "keep", 1, L - 1, &in->keep));
    TEC_TRY(tec_fixture_ints(f, "inputs/ids_shuffle", B * (size_t)L, &in->shuffle));
    TEC_TRY(check_patches(f, "inputs/ids_shuffle", in->shuffle, in->B, L, L));
    for (int i = 0; c->kind == TEC_MODEL_TEC && i < tec_model_bases(c); i++)
        TEC_TRY(read_targets(f, c, i, in));
    make_examples(c, in);
    return TEC_OK;
}
