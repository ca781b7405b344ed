/* tec targets --verify: is the store undamaged, and does the base model still give what it holds? */
#include "tec/targets.h"

#include "make.h"

#include "tec/clock.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/range.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-3    /* between two machines: orders of summation differ, small variances magnify that */
#define HALF_STEP 0x1p-11 /* relative rounding error of float16 */
#define SMALLEST_HALF 0x1p-25

typedef struct verifying {
    const tec_targets_job *job;
    tec_store *store;
    tec_store_spec spec;
    target_maker maker;
    tec_store_row stored; /* one row of the store */
    int64_t *rows;        /* [count] that this rank recomputes */
    int64_t count, asked; /* asked: of them, of the feed */
    int64_t most;         /* count of the rank that recomputes most */
    int samples;          /* rows that all ranks together recompute, as asked for */
    int64_t wanted;       /* the same, no more than there are */
    int64_t compared;     /* by this rank */
    double worst[2];      /* largest relative difference of feature and attention */
} verifying;

/* -- comparison of a row -- */

static double square_sum(const float *x, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)x[i] * (double)x[i];
    return sum;
}

static double square_distance(const float *x, const float *y, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    return sum;
}

/* Bound on the squared rounding error of a whole feature, by its storage type. */
static double feature_rounding(const verifying *v, const float *feature)
{
    const int L = v->spec.patches, C = v->spec.width;
    double sum = 0;
    if (v->spec.type == TEC_TARGET_FLOAT16)
        return HALF_STEP * HALF_STEP * square_sum(feature, (int64_t)L * C) + SMALLEST_HALF * SMALLEST_HALF * L * C;
    if (v->spec.type == TEC_TARGET_FLOAT32)
        return 0;
    for (int c = 0; c < C; c++) {
        double largest = 0;
        for (int l = 0; l < L; l++)
            largest = fmax(largest, fabs((double)feature[(int64_t)l * C + c]));
        sum += L * (largest / 127 / 2) * (largest / 127 / 2);
    }
    return sum;
}

/* The same for the attention of one query, [H, L]. */
static double attention_rounding(const verifying *v, const float *logit)
{
    const int L = v->spec.patches, H = v->spec.heads;
    double sum = 0;
    if (v->spec.type != TEC_TARGET_INT8)
        return HALF_STEP * HALF_STEP * square_sum(logit, (int64_t)H * L) + SMALLEST_HALF * SMALLEST_HALF * H * L;
    for (int h = 0; h < H; h++, logit += L) {
        double top = logit[0], bottom = logit[0];
        for (int l = 1; l < L; l++) {
            top = fmax(top, (double)logit[l]);
            bottom = fmin(bottom, (double)logit[l]);
        }
        sum += L * ((top - bottom) / 254 / 2) * ((top - bottom) / 254 / 2);
    }
    return sum;
}

/* Does rounding explain the difference? Updates *worst, the largest relative difference. */
static bool close_enough(double distance, double square, double rounding, double *worst)
{
    double relative = square > 0 ? sqrt(distance / square) : sqrt(distance);
    if (relative > *worst)
        *worst = relative;
    return sqrt(distance) <= TOLERANCE * sqrt(square) + sqrt(rounding);
}

/* The class query's logit of a patch, averaged over the heads: the top-k patches are those where it is largest. */
static double mean_logit(const verifying *v, const float *attention, int patch)
{
    double sum = 0;
    for (int h = 0; h < v->spec.heads; h++)
        sum += (double)attention[(int64_t)h * v->spec.patches + patch];
    return sum / v->spec.heads;
}

/* Compares query by query. If two patches have nearly the same logit, their order may differ on another machine, and
 * their rows cannot be compared. */
static bool attention_agrees(verifying *v, const tec_store_row *made)
{
    const int64_t row = (int64_t)v->spec.heads * v->spec.patches;
    double scale = sqrt(square_sum(made->attention, row) / (double)row);
    for (int q = 0; q <= v->spec.topk; q++) {
        const float *is = v->stored.attention + q * row, *want = made->attention + q * row;
        double square = square_sum(want, row);
        if (q > 0 && v->stored.topk[q - 1] != made->topk[q - 1]) {
            double a = mean_logit(v, made->attention, v->stored.topk[q - 1]);
            double b = mean_logit(v, made->attention, made->topk[q - 1]);
            if (fabs(a - b) > 2 * TOLERANCE * scale)
                return false;
            continue;
        }
        if (!close_enough(square_distance(is, want, row), square, attention_rounding(v, want), &v->worst[1]))
            return false;
    }
    return true;
}

static size_t pixels_of(const tec_store_spec *spec)
{
    return (size_t)spec->channels * tec_size_area(spec->image_size);
}

/* What differs, in words; NULL: nothing. */
static const char *difference(verifying *v, const tec_store_row *made)
{
    const tec_store_row *is = &v->stored;
    const int64_t features = (int64_t)tec_store_row_features(&v->spec);
    if (is->sample != made->sample)
        return "whether the image can be decoded";
    if (memcmp(&is->view, &made->view, sizeof is->view) != 0)
        return "the crop";
    if (v->spec.images && memcmp(is->image, made->image, pixels_of(&v->spec)) != 0)
        return "the image";
    if (!close_enough(square_distance(is->feature, made->feature, features), square_sum(made->feature, features),
                      feature_rounding(v, made->feature), &v->worst[0]))
        return "the feature";
    return attention_agrees(v, made) ? NULL : "the attention";
}

/* -- the store -- */

static tec_status verify_shards(verifying *v)
{
    const tec_comm *comm = v->job->comm;
    const int64_t shards = tec_store_shards(&v->spec);
    const double started = tec_seconds();
    tec_status status = TEC_OK;
    for (int64_t first = 0; first < shards && status == TEC_OK; first += comm->size) {
        if (first + comm->rank < shards)
            status = tec_store_verify_shard(v->store, first + comm->rank);
        status = tec_comm_agree(comm, status);
        tec_progress_count("verify: reading", "shards", tec_min_int64(first + comm->size, shards), shards, started);
    }
    tec_progress_end();
    return status;
}

/* The rows to recompute: evenly spaced over the store, from the first row to the last. */
static void choose_rows(verifying *v)
{
    const tec_comm *comm = v->job->comm;
    const int64_t total = v->spec.samples * v->spec.views, wanted = tec_min_int64(v->samples, total);
    v->wanted = wanted;
    v->most = tec_share(wanted, 0, comm->size).count;
    v->rows = tec_allocate((size_t)v->most * sizeof *v->rows);
    for (int64_t i = comm->rank; i < wanted; i += comm->size)
        v->rows[v->count++] = wanted > 1 ? (int64_t)((double)i * (double)(total - 1) / (double)(wanted - 1)) : 0;
}

static tec_status compare_row(verifying *v, int64_t row, const tec_store_row *made)
{
    char name[512];
    TEC_TRY(tec_store_read(v->store, row, &v->stored));
    if (v->stored.sample < 0 && made->sample < 0)
        return TEC_OK;
    const char *what = difference(v, made);
    v->compared++;
    if (!what)
        return TEC_OK;
    return tec_fail(TEC_CHECK_FAILED,
                    "%s: row %lld of shard %lld (view %d of %s): %s differs from what the base model gives now "
                    "(relative difference %.1e)",
                    v->job->dir, (long long)(row % v->spec.shard_rows), (long long)(row / v->spec.shard_rows),
                    (int)(row % v->spec.views), tec_dataset_name(v->job->set, row / v->spec.views, name, sizeof name),
                    what, fmax(v->worst[0], v->worst[1]));
}

/* tec_feed_next */
static int next_rows(void *context, tec_request *request)
{
    verifying *v = context;
    int count = 0;
    for (; count < v->job->batch && v->asked < v->count; count++)
        request[count] = tec_target_maker_request(&v->spec, v->rows[v->asked++]);
    return count;
}

static tec_status recompute(verifying *v)
{
    const tec_comm *comm = v->job->comm;
    const double started = tec_seconds();
    tec_status status = TEC_OK;
    for (int64_t done = 0; done < v->most && status == TEC_OK; done += v->job->batch) {
        int count = 0;
        if (done < v->count) {
            status = tec_target_maker_take(&v->maker, &count);
            for (int i = 0; i < count && status == TEC_OK; i++)
                status = compare_row(v, v->rows[done + i], &v->maker.row[i]);
            tec_target_maker_release(&v->maker);
        }
        status = tec_comm_agree(comm, status);
        tec_progress_count("verify: recomputing", "rows", tec_min_int64((done + v->job->batch) * comm->size, v->wanted),
                           v->wanted, started);
    }
    tec_progress_end();
    return status;
}

static void print_result(verifying *v)
{
    const tec_comm *comm = v->job->comm;
    tec_comm_max_double(comm, v->worst, 2);
    tec_comm_sum_int64(comm, &v->compared, 1);
    if (comm->rank == 0)
        printf("target store %s: %lld shards are sound; %lld rows recomputed, "
               "largest relative difference: feature %.2e, attention %.2e\n",
               v->job->dir, (long long)tec_store_shards(&v->spec), (long long)v->compared, v->worst[0], v->worst[1]);
}

static void allocate_row(verifying *v)
{
    const tec_store_spec *s = &v->spec;
    v->stored.feature = tec_allocate(tec_store_row_features(s) * sizeof(float));
    v->stored.attention = tec_allocate(tec_store_row_logits(s) * sizeof(float));
    v->stored.topk = tec_allocate((size_t)s->topk * sizeof(int32_t));
    v->stored.image = s->images ? tec_allocate(pixels_of(s)) : NULL;
}

tec_status tec_targets_verify(const tec_targets_job *job, tec_store *store, int samples)
{
    verifying v = {.job = job, .store = store, .samples = samples, .spec = *tec_store_get_spec(store)};
    tec_status status = tec_comm_agree(job->comm, tec_store_match(v.store, &job->spec, job->dir));
    if (status == TEC_OK)
        status = verify_shards(&v);
    if (status == TEC_OK) {
        choose_rows(&v);
        allocate_row(&v);
        status = tec_comm_agree(job->comm, tec_target_maker_open(&v.maker, job, &v.spec, next_rows, &v));
    }
    if (status == TEC_OK)
        status = recompute(&v);
    if (status == TEC_OK)
        print_result(&v);
    tec_target_maker_close(&v.maker);
    free(v.rows);
    free(v.stored.feature);
    free(v.stored.attention);
    free(v.stored.topk);
    free(v.stored.image);
    return status;
}
