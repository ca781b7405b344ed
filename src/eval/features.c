/* Features of a data set, in parallel: threads decode ahead, the model computes, rows stay on the rank that made
 * them. */
#include "tec/features.h"

#include "extract.h"

#include "tec/clock.h"
#include "tec/findings_report.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/range.h"
#include "tec/skipped_report.h"
#include "tec/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct extraction {
    extractor extractor;
    const tec_comm *comm;
    tec_features *out;
    tec_range batches; /* of this rank */
    int64_t asked, done;
    int64_t *sample; /* [batch] */
    double started;
} extraction;

/* extract_next */
static int64_t next_batch(void *context)
{
    extraction *x = context;
    return x->asked == x->batches.count ? -1 : x->batches.first + x->asked++;
}

static void show_progress(const extraction *x)
{
    const int64_t total = tec_dataset_size(x->extractor.set);
    char what[96];
    snprintf(what, sizeof what, "features of the %s set", x->extractor.what);
    tec_progress_count(what, "images", (int64_t)((double)total * (double)x->done / (double)x->batches.count), total,
                       x->started);
}

/* A step of tec_extract_all. */
static tec_status compute_batch(void *context)
{
    extraction *x = context;
    tec_features *out = x->out;
    int count;
    TEC_TRY(
        tec_extract(&x->extractor, tec_features_row(out, out->count), x->sample, out->content + out->count, &count));
    for (int i = 0; i < count; i++)
        out->label[out->count + i] = tec_dataset_label(x->extractor.set, x->sample[i]);
    out->count += count;
    x->done++;
    show_progress(x);
    return TEC_OK;
}

/* Numbers the rows consecutively over all ranks. */
static tec_status number_rows(extraction *x)
{
    const tec_comm *comm = x->comm;
    int64_t *count = tec_allocate_zeroed((size_t)comm->size, sizeof *count);
    count[comm->rank] = x->out->count;
    tec_comm_sum_int64(comm, count, comm->size);
    x->out->first = x->out->total = 0;
    for (int rank = 0; rank < comm->size; rank++) {
        x->out->first += rank < comm->rank ? count[rank] : 0;
        x->out->total += count[rank];
    }
    free(count);
    if (x->out->total > 0)
        return TEC_OK;
    char what[96];
    snprintf(what, sizeof what, "none of the %s images could be decoded", x->extractor.what);
    return tec_skipped_fail(&x->extractor.skipped, comm, what);
}

static tec_status refuse_class(const extraction *x, int label, int64_t images)
{
    char which[96];
    if (images == 1)
        snprintf(which, sizeof which, "the only %s image", x->extractor.what);
    else
        snprintf(which, sizeof which, "none of the %lld %s images", (long long)images, x->extractor.what);
    return tec_fail(
        TEC_USER_ERROR,
        "%s of class `%s` could %sbe decoded: mend or convert those listed above, or leave the class out of "
        "both sets",
        which, tec_dataset_class_name(x->extractor.set, label), images == 1 ? "not " : "");
}

/* Collective. Refuses a class all of whose images have been left out. */
static tec_status check_classes(const extraction *x)
{
    int classes = x->out->classes;
    int64_t *left = tec_allocate_zeroed((size_t)classes, sizeof *left);
    int64_t *all = tec_allocate_zeroed((size_t)classes, sizeof *all);
    tec_status status = TEC_OK;
    for (int64_t i = 0; i < x->out->count; i++)
        if (x->out->label[i] >= 0)
            left[x->out->label[i]]++;
    for (int64_t i = 0; i < tec_dataset_size(x->extractor.set); i++)
        if (tec_dataset_label(x->extractor.set, i) >= 0)
            all[tec_dataset_label(x->extractor.set, i)]++;
    tec_comm_sum_int64(x->comm, left, classes);
    for (int c = 0; c < classes && status == TEC_OK; c++)
        if (all[c] > 0 && left[c] == 0)
            status = refuse_class(x, c, all[c]);
    free(all);
    free(left);
    return status;
}

static tec_status open_extraction(extraction *x)
{
    extractor *e = &x->extractor;
    const size_t batch = (size_t)tec_extract_batch(e->settings, e->set), most = (size_t)x->batches.count * batch;
    x->out->classes = tec_dataset_classes(e->set);
    x->out->width = (int)tec_extract_row(e->settings, e->frozen);
    x->out->value = tec_allocate(most * (size_t)x->out->width * sizeof(real));
    x->out->label = tec_allocate(most * sizeof *x->out->label);
    x->out->content = tec_allocate(most * sizeof *x->out->content);
    x->sample = tec_allocate(batch * sizeof *x->sample);
    return tec_extract_open(e);
}

/* Warns of ranks that have nothing to do. */
static void warn_of_idle(const extraction *x)
{
    const int batch = tec_extract_batch(x->extractor.settings, x->extractor.set);
    const int64_t batches = tec_extract_batches(x->extractor.settings, x->extractor.set);
    const int64_t idle = x->comm->size - batches;
    if (idle > 0)
        tec_warn("the %s set has %lld batch%s of %d image%s, and %lld rank%s none of them; a smaller eval.batch gives "
                 "each rank some",
                 x->extractor.what, (long long)batches, batches == 1 ? "" : "es", batch, tec_plural(batch),
                 (long long)idle, idle == 1 ? " has" : "s have");
}

tec_status tec_features_compute(const tec_comm *comm, const tec_features_settings *settings, const tec_dataset *set,
                                tec_frozen *frozen, const char *what, tec_features *out)
{
    *out = (tec_features){0};
    extraction x = {.comm = comm,
                    .out = out,
                    .batches = tec_share(tec_extract_batches(settings, set), comm->rank, comm->size),
                    .started = tec_seconds()};
    x.extractor = (extractor){
        .settings = settings, .set = set, .frozen = frozen, .what = what, .next = next_batch, .context = &x};
    warn_of_idle(&x);
    tec_status status = tec_comm_agree(comm, open_extraction(&x));
    if (status == TEC_OK)
        status = tec_extract_all(comm, x.batches.count, compute_batch, &x);
    if (status == TEC_OK)
        status = number_rows(&x);
    if (status == TEC_OK) {
        char name[64];
        snprintf(name, sizeof name, "the %s set", what);
        out->skipped = tec_skipped_report(&x.extractor.skipped, comm, name);
        tec_findings_report(set, comm, name);
        if (out->skipped > 0 && out->classes > 0)
            status = check_classes(&x);
    }
    tec_extract_close(&x.extractor);
    free(x.sample);
    return status;
}

void tec_features_free(tec_features *features)
{
    free(features->value);
    free(features->label);
    free(features->content);
    *features = (tec_features){0};
}

void tec_features_normalize(tec_features *features)
{
    for (int64_t i = 0; i < features->count; i++) {
        real *row = tec_features_row(features, i);
        double square = 0;
        for (int j = 0; j < features->width; j++)
            square += (double)row[j] * row[j];
        double scale = square > 0 ? 1 / sqrt(square) : 0;
        for (int j = 0; j < features->width; j++)
            row[j] = (real)(row[j] * scale);
    }
}
