/* Logits of all images of a set, each rank's share batch by batch, and what they say about a validation set. */
#include "tec/validation.h"

#include "tec/clock.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/range.h"
#include "tec/skipped_report.h"

#include <math.h>
#include <stdlib.h>

/* How soon a failure or a signal on one rank ends the others: so long or so many batches lie between agreements. */
#define PIECE_SECONDS 0.5
#define PIECE_BATCHES 16

typedef struct job {
    const tec_comm *comm;
    const tec_validation_settings *settings;
    tec_model *model;
    int batch;
    tec_range images; /* of this rank */
    int64_t asked;    /* of them */
    tec_feed *feed;
    tec_example *example; /* [batch] */
    real *logits;         /* [batch, classes] */
    const char *what;
    tec_classified *each;
    void *context;
    double started;
} job;

/* tec_feed_next */
static int next_batch(void *context, tec_request *request)
{
    job *j = context;
    int count = (int)tec_min_int64(j->batch, j->images.count - j->asked);
    for (int i = 0; i < count; i++)
        request[i] = (tec_request){.sample = j->images.first + j->asked++};
    return count;
}

static tec_status compute_batch(job *j)
{
    tec_feed_batch batch;
    tec_status status = tec_feed_take(j->feed, &batch);
    for (int i = 0; i < batch.count && status == TEC_OK; i++)
        j->example[i] = (tec_example){.image = batch.item[i].image};
    if (status == TEC_OK && batch.count > 0)
        tec_model_classify(j->model, j->example, batch.count, j->logits);
    for (int i = 0; i < batch.count && status == TEC_OK; i++)
        j->each(j->context, batch.item[i].sample,
                j->logits + (size_t)i * (size_t)tec_model_get_config(j->model)->classes);
    tec_feed_release(j->feed);
    return status;
}

static tec_range images_of(const job *j, int rank)
{
    const int64_t images = tec_dataset_size(j->settings->set), whole = j->settings->exact ? j->batch : 1;
    const tec_range share = tec_share((images + whole - 1) / whole, rank, j->comm->size);
    const int64_t first = tec_min_int64(whole * share.first, images);
    return (tec_range){.first = first, .count = tec_min_int64(whole * share.count, images - first)};
}

static int64_t batches_of(const job *j, int rank)
{
    return (images_of(j, rank).count + j->batch - 1) / j->batch;
}

/* Collective, after `done` of `most` batches. *stopped: some rank is to stop, and something is left. *next: the batches
 * after which ranks agree again, as rank 0's speed says. */
static tec_status agree(const job *j, tec_status mine, int64_t done, int64_t most, bool *stopped, int64_t *next)
{
    const tec_validation_settings *s = j->settings;
    double each = (tec_seconds() - j->started) / (double)done;
    int64_t piece = tec_max_int64(1, (int64_t)tec_min_double(PIECE_SECONDS / each, PIECE_BATCHES));
    int64_t sum[3] = {mine != TEC_OK, s->stop && s->stop(s->stop_context), j->comm->rank == 0 ? piece : 0};
    tec_comm_sum_int64(j->comm, sum, 3);
    *stopped = sum[1] > 0 && done < most;
    *next = done + sum[2];
    return sum[0] > 0 ? tec_comm_agree(j->comm, mine) : TEC_OK;
}

static tec_status compute_all(job *j, bool *stopped)
{
    const int64_t mine = batches_of(j, j->comm->rank), most = batches_of(j, 0),
                  images = tec_dataset_size(j->settings->set);
    tec_status status = TEC_OK;
    int64_t next = 1;
    for (int64_t done = 1; done <= most && !*stopped; done++) {
        if (done <= mine && status == TEC_OK)
            status = compute_batch(j);
        if (tec_seconds() - j->started > TEC_PROGRESS_SECONDS) /* a short one passes without a word */
            tec_progress_count(j->what, "images", (int64_t)((double)images * (double)done / (double)most), images,
                               j->started);
        if (done < next && done < most)
            continue;
        status = agree(j, status, done, most, stopped, &next);
        if (status != TEC_OK)
            break;
    }
    tec_progress_end();
    return status;
}

static tec_status open_feed(job *j, tec_skipped *skipped)
{
    const tec_reading *reading = &j->settings->reading;
    return tec_feed_open(&j->feed, j->settings->set,
                         &(tec_feed_settings){.view = j->settings->view,
                                              .threads = reading->workers,
                                              .depth = 1 + reading->prefetch,
                                              .batch = j->batch,
                                              .skipped = reading->skip ? skipped : NULL,
                                              .next = next_batch,
                                              .order = j});
}

tec_status tec_classify_images(const tec_comm *comm, tec_model *model, int batch,
                               const tec_validation_settings *settings, const char *what, tec_skipped *skipped,
                               tec_classified *each, void *context, bool *stopped)
{
    const size_t classes = (size_t)tec_model_get_config(model)->classes;
    job j = {.comm = comm,
             .settings = settings,
             .model = model,
             .batch = batch,
             .example = tec_allocate_zeroed((size_t)batch, sizeof *j.example),
             .logits = tec_allocate((size_t)batch * classes * sizeof *j.logits),
             .what = what,
             .each = each,
             .context = context,
             .started = tec_seconds()};
    j.images = images_of(&j, comm->rank);
    *stopped = false;
    tec_status status = tec_comm_agree(comm, open_feed(&j, skipped));
    if (status == TEC_OK)
        status = compute_all(&j, stopped);
    tec_feed_close(j.feed);
    free(j.logits);
    free(j.example);
    return status;
}

/* -- validation -- */

/* Of exact sums: multiples of this, which is less than float tells apart, add up without rounding to a loss of 2^25 in all. */
#define LOSS_UNIT 0x1p-28

typedef struct scores {
    const tec_validation_settings *settings;
    tec_validation *out;
} scores;

/* tec_classified */
static void count(void *context, int64_t sample, const real *logit)
{
    const scores *s = context;
    tec_validation *v = s->out;
    const int label = tec_dataset_label(s->settings->set, sample);
    int place = 0, best = 0;
    double sum = 0;
    for (int c = 0; c < v->classes; c++) {
        place += c != label && !(logit[c] < logit[label] || (logit[c] == logit[label] && c > label)); /* NaN: wrong */
        best = logit[c] > logit[best] ? c : best;
    }
    for (int c = 0; c < v->classes; c++)
        sum += exp((double)logit[c] - (double)logit[best]);
    v->images++;
    v->top1 += place < 1;
    v->top5 += place < 5;
    const double loss = log(sum) + (double)logit[best] - (double)logit[label];
    v->loss += s->settings->exact ? rint(loss / LOSS_UNIT) * LOSS_UNIT : loss;
    v->of_class[2 * label]++;
    v->of_class[2 * label + 1] += best == label;
    if (v->confusion)
        v->confusion[(int64_t)label * v->classes + best]++;
}

static tec_status sum_up(const tec_comm *comm, const tec_skipped *skipped, tec_validation *v)
{
    int64_t number[3] = {v->images, v->top1, v->top5};
    tec_comm_sum_int64(comm, number, 3);
    tec_comm_sum_double(comm, &v->loss, 1);
    tec_comm_sum_int64(comm, v->of_class, 2 * v->classes);
    if (v->confusion)
        tec_comm_sum_int64(comm, v->confusion, v->classes * v->classes);
    v->images = number[0];
    v->top1 = number[1];
    v->top5 = number[2];
    if (v->images == 0)
        return tec_skipped_fail(skipped, comm, "none of the validation images could be decoded");
    v->loss /= (double)v->images;
    if (!isfinite(v->loss))
        return tec_fail(TEC_DIVERGED, "the loss of the validation images is not finite: the weights have diverged; a "
                                      "smaller finetune.lr or finetune.clip_norm may help");
    return TEC_OK;
}

tec_status tec_validate(const tec_comm *comm, tec_model *model, int batch, const tec_validation_settings *settings,
                        tec_skipped *skipped, tec_validation *out)
{
    const size_t classes = (size_t)tec_model_get_config(model)->classes;
    scores s = {settings, out};
    *out =
        (tec_validation){.classes = (int)classes, .of_class = tec_allocate_zeroed(2 * classes, sizeof *out->of_class)};
    if (classes <= TEC_VALIDATION_CONFUSION)
        out->confusion = tec_allocate_zeroed(classes * classes, sizeof *out->confusion);
    TEC_TRY(tec_classify_images(comm, model, batch, settings, "validation", skipped, count, &s, &out->stopped));
    return out->stopped ? TEC_OK : sum_up(comm, skipped, out);
}

void tec_validation_free(tec_validation *v)
{
    free(v->of_class);
    free(v->confusion);
    *v = (tec_validation){0};
}
