/* Runs a model on images whose features somebody has computed elsewhere, and compares. */
#include "tec/finite.h"
#include "tec/setup.h"

#include "tec/memory.h"
#include "tec/minmax.h"

#include <math.h>
#include <stdlib.h>

enum { BATCH = 8, MOST_IMAGES = 1 << 16, LONGEST = 1 << 15 };

typedef struct expectation {
    tec_tensor_file *file;
    int images, B, c; /* index of the tensor [B, c, height, width] */
    tec_size size;
    int of[2]; /* index of the features by tec_pooling; -1: not there */
} expectation;

static tec_status open_expectation(expectation *e, const char *path)
{
    TEC_TRY(tec_tensor_file_open(&e->file, path));
    e->images = tec_tensor_file_find(e->file, "images");
    for (int p = 0; p < 2; p++)
        e->of[p] = tec_tensor_file_find(e->file, tec_pooling_name((tec_pooling)p));
    if (e->images < 0 || (e->of[0] < 0 && e->of[1] < 0))
        return tec_fail(TEC_USER_ERROR,
                        "%s has no tensor `%s`: a file for --expect holds `images` [B, c, H, W] and the features `cls` "
                        "or `mean` [B, D], or both",
                        path, e->images < 0 ? "images" : "cls` or `mean");
    const tec_tensor *t = tec_tensor_file_get(e->file, e->images);
    if (t->dims != 4 || t->dim[0] < 1 || t->dim[0] > MOST_IMAGES || t->dim[1] < 1 || t->dim[1] > TEC_BANDS_MOST ||
        t->dim[2] < 1 || t->dim[2] > LONGEST || t->dim[3] < 1 || t->dim[3] > LONGEST)
        return tec_fail(TEC_USER_ERROR, "%s: `images` is not [B, c, H, W], images of 1 to %d channels", path,
                        TEC_BANDS_MOST);
    e->B = (int)t->dim[0];
    e->c = (int)t->dim[1];
    e->size = (tec_size){(int)t->dim[2], (int)t->dim[3]};
    return TEC_OK;
}

static tec_status check_features(const expectation *e, const char *path, const tec_model_config *c)
{
    if (c->channels != e->c)
        return tec_fail(TEC_USER_ERROR, "%s: `images` has %d channels, but the model takes %d", path, e->c,
                        c->channels);
    for (int p = 0; p < 2; p++) {
        const tec_tensor *t = e->of[p] < 0 ? NULL : tec_tensor_file_get(e->file, e->of[p]);
        if (t && (t->dims != 2 || t->dim[0] != e->B || t->dim[1] != c->width))
            return tec_fail(TEC_USER_ERROR, "%s: `%s` is not [%d, %d], a row of the model's width for each image", path,
                            tec_pooling_name((tec_pooling)p), e->B, c->width);
    }
    if (e->of[TEC_POOL_CLASS] >= 0 && c->variant.no_class_token)
        return tec_fail(TEC_USER_ERROR, "%s: it has `cls`, but the model has no class token", path);
    return TEC_OK;
}

/* The largest relative error of a row; INFINITY where a number is not finite. */
static double worst_error(const real *got, const real *want, int B, int D)
{
    double worst = 0;
    for (int b = 0; b < B; b++) {
        double difference = 0, square = 0;
        for (int d = 0; d < D; d++, got++, want++) {
            difference += ((double)*got - (double)*want) * ((double)*got - (double)*want);
            square += (double)*want * (double)*want;
        }
        double error = sqrt(difference) / (square > 0 ? sqrt(square) : 1);
        worst = isfinite(error) ? tec_max_double(worst, error) : INFINITY;
    }
    return worst;
}

/* Features [B, D] of all images, a few at a time. */
static void compute(tec_frozen *frozen, const expectation *e, const real *images, tec_pooling pooling, real *out)
{
    size_t D = (size_t)tec_frozen_config(frozen)->width, pixels = (size_t)e->c * tec_size_area(e->size);
    for (int b = 0; b < e->B; b += BATCH)
        tec_frozen_features(frozen, images + (size_t)b * pixels, tec_min_int(e->B - b, BATCH), pooling,
                            out + (size_t)b * D);
}

/* NaN or infinity in the file says nothing about the model. */
static tec_status read_finite(const expectation *e, int index, const char *name, real *out)
{
    int64_t count = tec_tensor_file_get(e->file, index)->count;
    TEC_TRY(tec_tensor_file_read(e->file, index, out));
    const int64_t i = tec_finite_find_other(out, count);
    if (i >= 0)
        return tec_fail(TEC_USER_ERROR,
                        "%s: `%s` holds a number that is not finite (%g, number %lld of %lld): compute the file again",
                        tec_tensor_file_path(e->file), name, (double)out[i], (long long)i + 1, (long long)count);
    return TEC_OK;
}

static tec_status compare(tec_frozen *frozen, expectation *e, tec_comparison *out)
{
    int D = tec_frozen_config(frozen)->width;
    size_t count = (size_t)e->B * (size_t)D;
    real *images = tec_allocate((size_t)tec_tensor_file_get(e->file, e->images)->count * sizeof *images);
    real *got = tec_allocate(count * sizeof *got), *want = tec_allocate(count * sizeof *want);
    tec_status status = read_finite(e, e->images, "images", images);
    for (int p = 0; p < 2 && status == TEC_OK; p++) {
        if (e->of[p] < 0)
            continue;
        status = read_finite(e, e->of[p], tec_pooling_name((tec_pooling)p), want);
        if (status != TEC_OK)
            break;
        compute(frozen, e, images, (tec_pooling)p, got);
        out->compared[p] = true;
        out->error[p] = worst_error(got, want, e->B, D);
    }
    free(want);
    free(got);
    free(images);
    return status;
}

static tec_status open_frozen(tec_import *import, const expectation *e, const char *path, tec_frozen **out)
{
    tec_model_config config;
    TEC_TRY(tec_import_check_known(import, TEC_USE_FEATURES));
    TEC_TRY(check_features(e, path, &tec_import_get_facts(import)->config));
    TEC_TRY(tec_import_resize(import, e->size, &config));
    TEC_TRY(tec_frozen_create(out, &config, tec_min_int(e->B, BATCH)));
    TEC_TRY(tec_import_read(import, tec_frozen_params(*out), &config));
    tec_frozen_ready(*out);
    return TEC_OK;
}

tec_status tec_setup_expect(tec_import *import, const char *path, tec_comparison *out)
{
    expectation e = {0};
    tec_frozen *frozen = NULL;
    *out = (tec_comparison){0};
    tec_status status = open_expectation(&e, path);
    if (status == TEC_OK)
        status = open_frozen(import, &e, path, &frozen);
    if (status == TEC_OK)
        status = compare(frozen, &e, out);
    out->images = e.B;
    tec_frozen_close(frozen);
    tec_tensor_file_close(e.file);
    return status;
}
