/* Linear probe. Features stay on the rank that computed them; only column sums and gradients are exchanged. */
#include "tec/probe.h"

#include "tec/clock.h"
#include "tec/gemm.h"
#include "tec/lars.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/philox.h"
#include "tec/schedule.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define CHUNK 1024 /* rows normalised and multiplied at once */
#define COLUMNS 64 /* columns summed by one thread, in the order of the rows */
#define EPSILON 1e-6
#define STATISTICS_MOMENTUM 0.1
#define TRUST 0.001
#define WEIGHT_STD 0.01

typedef struct probe {
    const tec_comm *comm;
    const tec_probe_settings *settings;
    const tec_features *train;
    int width, classes;
    int64_t batch; /* B, global */
    double lr;
    size_t weights;                  /* classes * D */
    real *weight, *grad, *moment;    /* [classes, D], followed by the bias [classes] */
    double *sum;                     /* [2, D] of a batch and of its squares */
    double *mean, *variance;         /* [D] of the batch */
    double *run_mean, *run_variance; /* [D] running, for evaluation */
    int64_t *order;                  /* [N] of this epoch */
    int64_t *row;                    /* [n] rows of the batch on this rank */
    real *x, *logit;                 /* [CHUNK, D], [CHUNK, classes] */
} probe;

/* -- batch normalisation -- */

/* Mean and biased variance of the global batch: column sums over this rank's `count` rows, then over the ranks. */
static void batch_statistics(probe *p, int64_t count)
{
    int width = p->width;
    double *sum = p->sum, *square = p->sum + width;
#pragma omp parallel for schedule(static)
    for (int block = 0; block < width; block += COLUMNS) {
        int end = block + COLUMNS < width ? block + COLUMNS : width;
        for (int j = block; j < end; j++)
            sum[j] = square[j] = 0;
        for (int64_t i = 0; i < count; i++) {
            const real *value = tec_features_row(p->train, p->row[i]);
            for (int j = block; j < end; j++) {
                sum[j] += value[j];
                square[j] += (double)value[j] * value[j];
            }
        }
    }
    tec_comm_sum_double(p->comm, sum, 2 * width);
    double unbias = p->batch > 1 ? (double)p->batch / (double)(p->batch - 1) : 1;
    for (int j = 0; j < width; j++) {
        p->mean[j] = sum[j] / (double)p->batch;
        p->variance[j] = fmax(0, square[j] / (double)p->batch - p->mean[j] * p->mean[j]);
        p->run_mean[j] += STATISTICS_MOMENTUM * (p->mean[j] - p->run_mean[j]);
        p->run_variance[j] += STATISTICS_MOMENTUM * (p->variance[j] * unbias - p->run_variance[j]);
    }
}

/* Normalises `count` rows into p->x and computes their scores, p->logit: rows row[first], row[first + 1], ... of
 * `features`, or with `row` NULL first, first + 1, ... */
static void forward(probe *p, const tec_features *features, const int64_t *row, int64_t first, int count,
                    const double *mean, const double *variance)
{
    const int width = p->width, classes = p->classes;
    const size_t D = (size_t)width, C = (size_t)classes;
    double *scale = p->sum; /* unused between the statistics of two batches */
    const real *bias = p->weight + p->weights;
    for (int j = 0; j < width; j++)
        scale[j] = 1 / sqrt(variance[j] + EPSILON);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < count; i++) {
        const real *value = tec_features_row(features, row ? row[first + i] : first + i);
        real *x = p->x + (size_t)i * D, *logit = p->logit + (size_t)i * C;
        for (int j = 0; j < width; j++)
            x[j] = (real)((value[j] - mean[j]) * scale[j]);
        for (int c = 0; c < classes; c++)
            logit[c] = bias[c];
    }
    tec_gemm(count, classes, width, 1, tec_plain(p->x, width), tec_transposed(p->weight, width), 1, p->logit, classes);
}

/* -- training -- */

/* Cross-entropy of one row. Replaces its scores by the gradient of the mean over `batch` rows. */
static double cross_entropy(real *logit, int classes, int label, int64_t batch)
{
    double most = logit[0], total = 0, target = logit[label];
    for (int c = 1; c < classes; c++)
        most = fmax(most, logit[c]);
    for (int c = 0; c < classes; c++)
        total += exp(logit[c] - most);
    for (int c = 0; c < classes; c++)
        logit[c] = (real)((exp(logit[c] - most) / total - (c == label)) / (double)batch);
    return log(total) + most - target;
}

/* Returns the sum of the losses of this rank's `count` rows of the batch; their gradient goes to p->grad. */
static double backward(probe *p, int64_t count)
{
    const int width = p->width, classes = p->classes;
    const size_t numbers = p->weights + (size_t)classes;
    real *dbias = p->grad + p->weights;
    double loss = 0;
    for (size_t i = 0; i < numbers; i++)
        p->grad[i] = 0;
    for (int64_t first = 0; first < count; first += CHUNK) {
        int rows = count - first < CHUNK ? (int)(count - first) : CHUNK;
        forward(p, p->train, p->row, first, rows, p->mean, p->variance);
        for (int i = 0; i < rows; i++) {
            real *logit = p->logit + (size_t)i * (size_t)classes;
            loss += cross_entropy(logit, classes, p->train->label[p->row[first + i]], p->batch);
            for (int c = 0; c < classes; c++)
                dbias[c] += logit[c];
        }
        tec_gemm(classes, width, rows, 1, tec_transposed(p->logit, classes), tec_plain(p->x, width), 1, p->grad, width);
    }
    return loss;
}

/* Selects this rank's rows of batch `number` of the epoch, in the epoch's order; returns how many. */
static int64_t take_rows(probe *p, int64_t number)
{
    int64_t count = 0;
    for (int64_t i = number * p->batch; i < (number + 1) * p->batch; i++) {
        int64_t row = p->order[i] - p->train->first;
        if (row >= 0 && row < p->train->count)
            p->row[count++] = row;
    }
    return count;
}

static tec_lars_settings lars_at(const probe *p, double epoch)
{
    const tec_probe_settings *s = p->settings;
    return (tec_lars_settings){.lr = tec_schedule_cosine(epoch, s->epochs, s->warmup_epochs, p->lr, s->min_lr),
                               .momentum = s->momentum,
                               .weight_decay = s->weight_decay,
                               .trust = TRUST};
}

/* Returns the mean loss over the epoch, the same on every rank. */
static double train_epoch(probe *p, int epoch)
{
    int64_t steps = p->train->total / p->batch;
    size_t biases = (size_t)p->classes;
    tec_philox random = tec_philox_start(p->settings->seed, TEC_STREAM_PROBE, (uint64_t)epoch, 0, 0);
    tec_philox_permutation(&random, p->train->total, p->order);
    double loss = 0;
    for (int64_t step = 0; step < steps; step++) {
        int64_t count = take_rows(p, step);
        batch_statistics(p, count);
        loss += backward(p, count);
        tec_comm_sum_real(p->comm, p->grad, p->weights + biases);
        tec_lars_settings lars = lars_at(p, epoch + (double)step / (double)steps);
        tec_comm_broadcast(p->comm, &lars.lr, sizeof lars.lr, 0); /* another processor may round it differently */
        tec_lars_step(&lars, true, p->weights, p->weight, p->grad, p->moment);
        tec_lars_step(&lars, false, biases, p->weight + p->weights, p->grad + p->weights, p->moment + p->weights);
    }
    tec_comm_sum_double(p->comm, &loss, 1);
    return loss / (double)(steps * p->batch);
}

static tec_status train_all(probe *p, tec_probe_result *out)
{
    int epochs = p->settings->epochs;
    double started = tec_seconds();
    for (int epoch = 0; epoch < epochs; epoch++) {
        out->loss = train_epoch(p, epoch);
        if (!isfinite(out->loss)) {
            tec_progress_end();
            return tec_fail(TEC_DIVERGED,
                            "the linear probe diverged in epoch %d of %d: the loss is not finite; "
                            "try a probe.lr below %g",
                            epoch + 1, epochs, p->lr);
        }
        char left[32];
        const double each = (tec_seconds() - started) / (epoch + 1);
        tec_progress_share(TEC_PROGRESS_SECONDS, (epoch + 1.0) / epochs,
                           "linear probe: epoch %d of %d, loss %.4f, %.0f images/s, %s left", epoch + 1, epochs,
                           out->loss, (double)p->train->total / each, tec_duration(left, each * (epochs - epoch - 1)));
    }
    tec_progress_end();
    return TEC_OK;
}

/* -- evaluation -- */

/* How many classes score higher than `label`; of equal scores the lower class comes first. */
static int place_of(const real *score, int classes, int label)
{
    int place = 0;
    for (int c = 0; c < classes; c++)
        place += score[c] > score[label] || (score[c] == score[label] && c < label);
    return place;
}

static void evaluate(probe *p, const tec_features *val, tec_probe_result *out)
{
    int64_t hits[2] = {0, 0};
    for (int64_t first = 0; first < val->count; first += CHUNK) {
        int rows = val->count - first < CHUNK ? (int)(val->count - first) : CHUNK;
        forward(p, val, NULL, first, rows, p->run_mean, p->run_variance);
        for (int i = 0; i < rows; i++) {
            const real *score = p->logit + (size_t)i * (size_t)p->classes;
            int place = place_of(score, p->classes, val->label[first + i]);
            hits[0] += place < 1;
            hits[1] += place < 5;
        }
    }
    tec_comm_sum_int64(p->comm, hits, 2);
    out->total = val->total;
    out->top1 = hits[0];
    out->top5 = hits[1];
}

/* -- defaults: MAE's for ImageNet, and what does the same for smaller sets -- */

#define LARGEST_BATCH 16384
#define SMALLEST_BATCH 4 /* batch normalisation of fewer rows has little left to tell them apart by */
#define BLR 0.1

/* Ten steps an epoch, as far as a set has fewer images than ImageNet's batches call for. */
static int64_t batch_of(const tec_probe_settings *settings, int64_t images)
{
    int64_t batch = settings->batch > 0 ? settings->batch : tec_min_int64(images / 10, LARGEST_BATCH);
    if (settings->batch == 0)
        batch = tec_max_int64(batch, SMALLEST_BATCH);
    if (batch > images && settings->batch > 0)
        tec_log("linear probe: probe.batch is %d, but there are only %lld training images: each step takes all of them",
                settings->batch, (long long)images);
    return tec_min_int64(batch, images);
}

/* LARS gets as far as the sum of the rates of all steps. With ten steps an epoch, each at the rate of ImageNet's batches,
 * sets of 60 to 10,000 images get within a percent of the best. */
static double lr_of(const tec_probe_settings *settings, int64_t batch, int64_t images)
{
    if (settings->lr > 0)
        return settings->lr;
    double blr = settings->blr > 0 ? settings->blr
                                   : BLR * fmax(1, 10.0 * LARGEST_BATCH / fmax((double)images, 10 * SMALLEST_BATCH));
    return blr * (double)batch / 256;
}

/* Warns of a classifier that has learnt next to nothing. */
static void check_loss(const probe *p, double loss)
{
    double guessing = log(p->classes);
    if (p->classes > 1 && !(loss <= 1.2 * guessing))
        tec_warn(
            "linear probe: the loss ends at %.4g, above the %.4f = ln(%d) of guessing: the accuracy says nothing about "
            "the features; the batch was %lld, the learning rate %g in %d epochs: try a smaller probe.lr",
            loss, guessing, p->classes, (long long)p->batch, p->lr, p->settings->epochs);
    else if (p->classes > 1 && loss > 0.8 * guessing)
        tec_warn(
            "linear probe: the loss ends at %.4f, not far from the %.4f = ln(%d) of guessing: the classifier has hardly "
            "learnt anything, and its accuracy says little about the features; the batch was %lld, the learning "
            "rate %g in %d epochs: try a larger probe.lr or more probe.epochs",
            loss, guessing, p->classes, (long long)p->batch, p->lr, p->settings->epochs);
}

/* -- all of it -- */

static void open_probe(probe *p)
{
    size_t width = (size_t)p->width, classes = (size_t)p->classes;
    p->weights = classes * width;
    p->weight = tec_allocate_zeroed(p->weights + classes, sizeof(real));
    p->grad = tec_allocate_zeroed(p->weights + classes, sizeof(real));
    p->moment = tec_allocate_zeroed(p->weights + classes, sizeof(real));
    p->sum = tec_allocate_zeroed(6 * width, sizeof(double));
    p->mean = p->sum + 2 * width;
    p->variance = p->sum + 3 * width;
    p->run_mean = p->sum + 4 * width;
    p->run_variance = p->sum + 5 * width;
    p->order = tec_allocate((size_t)p->train->total * sizeof *p->order);
    p->row = tec_allocate((size_t)p->train->count * sizeof *p->row);
    p->x = tec_allocate(CHUNK * width * sizeof(real));
    p->logit = tec_allocate(CHUNK * classes * sizeof(real));
    tec_philox random = tec_philox_start(p->settings->seed, TEC_STREAM_INIT, 0, 0, 0);
    for (size_t i = 0; i < p->weights; i++)
        p->weight[i] = (real)(WEIGHT_STD * tec_philox_normal(&random));
    for (size_t j = 0; j < width; j++)
        p->run_variance[j] = 1;
}

static void close_probe(probe *p)
{
    free(p->weight);
    free(p->grad);
    free(p->moment);
    free(p->sum);
    free(p->order);
    free(p->row);
    free(p->x);
    free(p->logit);
}

tec_status tec_probe_run(const tec_comm *comm, const tec_probe_settings *settings, const tec_features *train,
                         const tec_features *val, tec_probe_result *out)
{
    assert(train->width == val->width && train->total > 0);
    probe p = {.comm = comm,
               .settings = settings,
               .train = train,
               .width = train->width,
               .classes = train->classes,
               .batch = batch_of(settings, train->total)};
    p.lr = lr_of(settings, p.batch, train->total);
    if (train->total % p.batch)
        tec_log("linear probe: %lld images in batches of %lld: %lld are left out of each epoch, others every time",
                (long long)train->total, (long long)p.batch, (long long)(train->total % p.batch));
    *out = (tec_probe_result){.lr = p.lr, .batch = p.batch, .steps = settings->epochs * (train->total / p.batch)};
    open_probe(&p);
    tec_comm_broadcast(comm, p.weight, p.weights * sizeof *p.weight, 0); /* and the draws */
    tec_status status = train_all(&p, out);
    if (status == TEC_OK) {
        check_loss(&p, out->loss);
        evaluate(&p, val, out);
    }
    close_probe(&p);
    return status;
}
