/* Reads and checks a fixture's inputs, and makes examples of them. */
#include "inputs.h"

#include "tec/memory.h"
#include "tec/ops.h"

#include <stdlib.h>
#include <string.h>

void tec_replay_inputs_free(replay_inputs *in)
{
    free(in->images);
    free(in->feature);
    free(in->attention);
    free(in->shuffle);
    free(in->topk);
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

static tec_status read_targets(const tec_fixture *f, const tec_model_config *c, replay_inputs *in)
{
    size_t B = (size_t)in->B, L = (size_t)tec_model_patches(c), C = (size_t)c->base_width, H = (size_t)c->base_heads;
    TEC_TRY(tec_fixture_dimension(f, "inputs/topk", 1, &in->K));
    size_t K = (size_t)in->K;
    TEC_TRY(tec_fixture_ints(f, "inputs/topk", B * K, &in->topk));
    TEC_TRY(check_patches(f, "inputs/topk", in->topk, in->B, in->K, (int)L));
    TEC_TRY(tec_fixture_reals(f, "inputs/feature", B * L * C, &in->feature));
    for (size_t b = 0; b < B; b++)
        tec_standardize_patches(in->feature + b * L * C, (int)L, (int)C, in->feature + b * L * C);
    return tec_fixture_reals(f, "inputs/attention", B * (1 + K) * H * L, &in->attention);
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

static void make_examples(const tec_model_config *c, replay_inputs *in)
{
    size_t B = (size_t)in->B, L = (size_t)tec_model_patches(c), C = (size_t)c->base_width, H = (size_t)c->base_heads,
           K = (size_t)in->K;
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
        if (c->kind == TEC_MODEL_TEC) {
            example->feature = in->feature + b * L * C;
            example->attention = in->attention + b * (1 + K) * H * L;
            example->topk = in->topk + b * K;
        }
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
    if (c->kind == TEC_MODEL_TEC)
        TEC_TRY(read_targets(f, c, in));
    make_examples(c, in);
    return TEC_OK;
}
