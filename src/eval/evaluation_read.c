/* The input of an evaluation from files of features, instead of from a model and images. */
#include "tec/evaluation.h"

#include "classes.h"

#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/range.h"

#include <stdlib.h>
#include <string.h>

static const char train_key[] = "eval.features", val_key[] = "eval.val_features";

/* -- do they go together? -- */

static tec_status check_one(const char *key, const tec_feature_file *f)
{
    const char *path = tec_feature_file_path(f);
    if (tec_feature_file_spec(f)->patches > 0)
        return tec_fail(
            TEC_USER_ERROR,
            "%s %s holds every patch of an image: evaluated are features of one row per image, written with "
            "features.tokens=cls or mean",
            key, path);
    if (tec_feature_file_classes(f) == 0)
        return tec_fail(TEC_USER_ERROR,
                        "%s %s has no labels, which an evaluation needs: write features of class folders, or of an IDX "
                        "file with its label file next to it",
                        key, path);
    return TEC_OK;
}

tec_status tec_evaluation_check_files(const tec_feature_file *train, const tec_feature_file *val)
{
    const tec_feature_spec *a = tec_feature_file_spec(train), *b = tec_feature_file_spec(val);
    const char *a_path = tec_feature_file_path(train), *b_path = tec_feature_file_path(val);
    tec_feature_difference d;
    TEC_TRY(check_one(train_key, train));
    TEC_TRY(check_one(val_key, val));
    if (a->data_hash == b->data_hash)
        return tec_fail(
            TEC_USER_ERROR,
            "%s %s and %s %s are of the same images, which would be evaluated by themselves: give features of "
            "other images as %s",
            train_key, a_path, val_key, b_path, val_key);
    return tec_feature_spec_differ(a, b, true, &d) ? tec_feature_files_refuse(&d, a_path, b_path) : TEC_OK;
}

/* -- classes -- */

typedef struct named {
    const char *name;
    int label;
} named;

static int by_name(const void *left, const void *right)
{
    const named *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static named *sorted_classes(const tec_feature_file *f)
{
    const int classes = tec_feature_file_classes(f);
    named *sorted = tec_allocate((size_t)classes * sizeof *sorted);
    for (int c = 0; c < classes; c++)
        sorted[c] = (named){tec_feature_file_class(f, c), c};
    qsort(sorted, (size_t)classes, sizeof *sorted, by_name);
    return sorted;
}

/* Gives labels of `val` the numbers that their classes have in `train`. */
static tec_status adopt_labels(const tec_feature_file *train, const tec_feature_file *val, tec_features *f)
{
    const int classes = tec_feature_file_classes(val), known = tec_feature_file_classes(train);
    int *place = tec_allocate((size_t)classes * sizeof *place), unknown = 0;
    const char *first = NULL;
    named *sorted = sorted_classes(train);
    for (int c = 0; c < classes; c++) {
        const named wanted = {.name = tec_feature_file_class(val, c)};
        const named *at = bsearch(&wanted, sorted, (size_t)known, sizeof *sorted, by_name);
        place[c] = at ? at->label : -1;
        if (!at && !unknown++)
            first = wanted.name;
    }
    for (int64_t i = 0; i < f->count && !unknown; i++)
        f->label[i] = place[f->label[i]];
    f->classes = known;
    tec_status status = TEC_OK;
    if (unknown)
        status = tec_fail(TEC_USER_ERROR, "%d of the %d classes of %s %s %s none of the %d classes of %s %s (%s%s)",
                          unknown, classes, val_key, tec_feature_file_path(val), unknown == 1 ? "is" : "are", known,
                          train_key, tec_feature_file_path(train), first, unknown > 1 ? ", ..." : "");
    free(sorted);
    free(place);
    return status;
}

/* Collective. The images of each class, over all ranks; the caller frees them. */
static int64_t *count_classes(const tec_comm *comm, const tec_features *f)
{
    int64_t *count = tec_allocate_zeroed((size_t)f->classes, sizeof *count);
    for (int64_t i = 0; i < f->count; i++)
        count[f->label[i]]++;
    tec_comm_sum_int64(comm, count, f->classes);
    return count;
}

/* Collective. */
static tec_status check_classes(const tec_comm *comm, const tec_feature_file *train, const tec_feature_file *val,
                                const tec_evaluation *e)
{
    const int classes = e->train.classes;
    const char **name = tec_allocate((size_t)classes * sizeof *name);
    int64_t *trained = count_classes(comm, &e->train), *validated = count_classes(comm, &e->val);
    for (int c = 0; c < classes; c++)
        name[c] = tec_feature_file_class(train, c);
    const class_table a = {train_key, tec_feature_file_path(train), "", classes, name, trained};
    const class_table b = {val_key, tec_feature_file_path(val), "", classes, name, validated};
    tec_status status = tec_classes_check_several(&a);
    if (status == TEC_OK)
        status = tec_classes_check_several(&b);
    if (status == TEC_OK && comm->rank == 0)
        tec_classes_warn(&a, &b);
    free(validated);
    free(trained);
    free(name);
    return status;
}

/* -- rows -- */

/* The first row whose sample is not before this one. */
static tec_status first_of(const tec_feature_file *f, int64_t sample, int64_t *row)
{
    int64_t low = 0, high = tec_feature_file_rows(f);
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        int64_t at;
        TEC_TRY(tec_feature_file_samples(f, middle, 1, &at));
        if (at < sample)
            low = middle + 1;
        else
            high = middle;
    }
    *row = low;
    return TEC_OK;
}

/* This rank's share, by whole batches of images, as they are shared when they are computed. */
static tec_status read_share(const tec_comm *comm, const tec_feature_file *f, tec_features *out)
{
    const tec_feature_spec *s = tec_feature_file_spec(f);
    const tec_range batches = tec_share((s->images + s->batch - 1) / s->batch, comm->rank, comm->size);
    int64_t end;
    *out = (tec_features){.total = tec_feature_file_rows(f),
                          .skipped = s->images - tec_feature_file_rows(f),
                          .width = s->width,
                          .classes = tec_feature_file_classes(f)};
    TEC_TRY(first_of(f, batches.first * s->batch, &out->first));
    TEC_TRY(first_of(f, (batches.first + batches.count) * s->batch, &end));
    out->count = tec_max_int64(0, end - out->first);
    out->value = tec_allocate((size_t)out->count * (size_t)out->width * sizeof(real));
    out->label = tec_allocate((size_t)out->count * sizeof *out->label);
    out->content = tec_allocate((size_t)out->count * sizeof *out->content);
    TEC_TRY(tec_feature_file_read(f, out->first, out->count, out->value));
    TEC_TRY(tec_feature_file_labels(f, out->first, out->count, out->label));
    return tec_feature_file_contents(f, out->first, out->count, out->content);
}

tec_status tec_evaluation_read(const tec_comm *comm, const tec_feature_file *train, const tec_feature_file *val,
                               tec_evaluation *out)
{
    const tec_feature_spec *s = tec_feature_file_spec(train);
    *out = (tec_evaluation){.preprocessing = {.resize = (tec_resize)s->resize,
                                              .crop_pct = s->crop_pct,
                                              .filter = (tec_filter)s->interpolation}};
    tec_status status = read_share(comm, val, &out->val);
    if (status == TEC_OK)
        status = adopt_labels(train, val, &out->val);
    if (status == TEC_OK)
        status = read_share(comm, train, &out->train);
    TEC_TRY(tec_comm_agree(comm, status));
    TEC_TRY(check_classes(comm, train, val, out));
    out->shared = tec_features_shared(comm, &out->train, &out->val, &out->first_shared);
    return TEC_OK;
}
