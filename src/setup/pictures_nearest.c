/* Which images of a run's training set are nearest to those that are shown. */
#include "viewing.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NEAREST = 5 };

/* Images of the training set. */
typedef struct candidates {
    const viewing *v;
    tec_dataset *set;
    tec_pooling pooling;
    bool same_set; /* as the images that are shown */
    int width, count;
    size_t pixels, small; /* numbers of an image as the model sees it, and as it is shown */
    real *normal;         /* [pixels] of one image */
    real *feature;        /* [count, width] of unit length */
    uint8_t *square;      /* [pixels] of one image */
    uint8_t *shown;       /* [count, small] */
    int64_t *sample;      /* [count] */
    char **name;          /* [count] */
} candidates;

/*   square  [pixels]
 *   out     [width] */
static void feature_of(const candidates *c, const uint8_t *square, real *out)
{
    const viewing *v = c->v;
    double norm = 0;
    tec_pixels_normalize(square, v->images.size, v->images.channels, v->normalisation.mean, v->normalisation.std,
                         c->normal);
    tec_frozen_features(v->frozen, c->normal, 1, c->pooling, out);
    for (int d = 0; d < c->width; d++)
        norm += (double)out[d] * (double)out[d];
    for (int d = 0; d < c->width && norm > 0; d++)
        out[d] = (real)((double)out[d] / sqrt(norm));
}

/* Images that cannot be read are left out: other commands tell of them. */
static void add_candidate(candidates *c, int64_t sample)
{
    const viewing *v = c->v;
    char name[512];
    tec_image image;
    if (tec_dataset_read(c->set, sample, &image) != TEC_OK)
        return;
    tec_view_center(&image, &v->preprocessing, v->images.size, c->square);
    tec_view_center(&image, &v->preprocessing, tec_viewing_small(v), c->shown + (size_t)c->count * c->small);
    tec_image_free(&image);
    feature_of(c, c->square, c->feature + (size_t)c->count * (size_t)c->width);
    c->name[c->count] = tec_string_copy(tec_dataset_name(c->set, sample, name, sizeof name));
    c->sample[c->count++] = sample;
}

static void read_candidates(candidates *c, int among)
{
    const int64_t size = tec_dataset_size(c->set);
    const int most = (int)tec_min_int64(among, size);
    c->feature = tec_allocate((size_t)most * (size_t)c->width * sizeof *c->feature);
    c->shown = tec_allocate((size_t)most * c->small);
    c->sample = tec_allocate((size_t)most * sizeof *c->sample);
    c->name = tec_allocate((size_t)most * sizeof *c->name);
    for (int i = 0; i < most; i++) {
        tec_progress(TEC_PROGRESS_SECONDS, "nearest images: features of %d of %d", i + 1, most);
        add_candidate(c, i * size / most);
    }
    tec_progress_end();
}

/* Is the candidate the image that is shown? By its number; by its name where only one of the sets was cut
 * down to fewer images. */
static bool is_same(const candidates *c, int candidate, int image)
{
    if (!c->same_set)
        return false;
    if (c->v->from_size == tec_dataset_size(c->set))
        return c->sample[candidate] == c->v->sample[image];
    return strcmp(c->name[candidate], c->v->name[image]) == 0;
}

/* The k nearest of the image, the nearest first; the earlier of two that are equally near. Returns how many there are.
 *
 *   feature              [width] of the image
 *   nearest, similarity  [k] */
static int find_nearest(const candidates *c, int image, const real *feature, int k, int *nearest, double *similarity)
{
    int found = 0;
    for (int i = 0; i < c->count; i++) {
        double product = 0;
        for (int d = 0; d < c->width; d++)
            product += (double)feature[d] * (double)c->feature[(size_t)i * (size_t)c->width + (size_t)d];
        if (is_same(c, i, image) || (found == k && product <= similarity[k - 1]))
            continue;
        int at = found < k ? found++ : k - 1;
        for (; at > 0 && similarity[at - 1] < product; at--) {
            similarity[at] = similarity[at - 1];
            nearest[at] = nearest[at - 1];
        }
        similarity[at] = product;
        nearest[at] = i;
    }
    return found;
}

/* What is shown in a cell: a candidate; -1: the image itself. */
static void set_cell(const candidates *c, int image, int candidate, const uint8_t **square, const char **name,
                     const char **label)
{
    const viewing *v = c->v;
    if (candidate < 0) {
        *square = v->small + (size_t)image * c->small;
        *name = v->name[image];
        *label = v->label[image];
    } else {
        const int class = tec_dataset_label(c->set, c->sample[candidate]);
        *square = c->shown + (size_t)candidate * c->small;
        *name = c->name[candidate];
        *label = class < 0 ? NULL : tec_dataset_class_name(c->set, class);
    }
}

static void show_nearest(const candidates *c, int k, tec_report_run *run)
{
    const viewing *v = c->v;
    const int n = v->images.count, columns = 1 + k;
    const size_t cells = (size_t)n * (size_t)columns;
    const uint8_t **square = tec_allocate_zeroed(cells, sizeof *square);
    const char **label = tec_allocate_zeroed(cells, sizeof *label), **name = tec_allocate_zeroed(cells, sizeof *name);
    double *similarity = tec_allocate(cells * sizeof *similarity);
    int *nearest = tec_allocate((size_t)k * sizeof *nearest);
    real *feature = tec_allocate((size_t)c->width * sizeof *feature);
    char *among = tec_string_format("%d of the %lld images of %s", c->count, (long long)tec_dataset_size(c->set),
                                    v->settings.data.train);
    for (int i = 0; i < n; i++) {
        feature_of(c, v->square + (size_t)i * c->pixels, feature);
        const int found = find_nearest(c, i, feature, k, nearest, similarity + i * k);
        for (int j = 0; j <= found; j++)
            set_cell(c, i, j == 0 ? -1 : nearest[j - 1], &square[i * columns + j], &name[i * columns + j],
                     &label[i * columns + j]);
    }
    tec_report_show_nearest(
        run, &(tec_report_nearest){.images = n,
                                   .k = k,
                                   .size = tec_viewing_small(v),
                                   .channels = v->images.channels,
                                   .name = name,
                                   .square = square,
                                   .label = label,
                                   .similarity = similarity,
                                   .among = among,
                                   .by = c->pooling == TEC_POOL_CLASS ? "the class token" : "the mean of the patches"});
    free(among);
    free(feature);
    free(nearest);
    free(similarity);
    free(name);
    free(label);
    free(square);
}

tec_status tec_viewing_nearest(const viewing *v, int among, tec_report_run *run)
{
    const tec_model_config *config = tec_frozen_config(v->frozen);
    const size_t channels = (size_t)v->images.channels;
    candidates c = {.v = v,
                    .pooling = config->variant.no_class_token ? TEC_POOL_MEAN : TEC_POOL_CLASS,
                    .same_set =
                        !strcmp(v->settings.data.train, v->from) || tec_file_same(v->settings.data.train, v->from),
                    .width = config->width,
                    .pixels = tec_size_area(v->images.size) * channels,
                    .small = tec_size_area(tec_viewing_small(v)) * channels};
    tec_settings settings = v->settings;
    settings.data.labels = (char *)(uintptr_t)v->labels;
    if (!settings.data.train[0]) /* the run had its images from the target store */
        return TEC_OK;
    TEC_TRY(tec_setup_dataset(&v->alone, &settings, true, &c.set));
    c.normal = tec_allocate(c.pixels * sizeof *c.normal);
    c.square = tec_allocate(c.pixels);
    read_candidates(&c, among);
    tec_status status = TEC_OK;
    if (c.count > 1)
        show_nearest(&c, tec_min_int(NEAREST, c.count - 1), run);
    else
        status = tec_fail(TEC_USER_ERROR, "%s: fewer than two images of %d can be read", settings.data.train, among);
    for (int i = 0; i < c.count; i++)
        free(c.name[i]);
    free(c.name);
    free(c.sample);
    free(c.shown);
    free(c.feature);
    free(c.square);
    free(c.normal);
    tec_dataset_close(c.set);
    return status;
}
