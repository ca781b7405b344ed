/* Reads all images of a data set. Each rank reads a share of them; what is summed over the ranks are integers, so that the
 * result is the same for any number of ranks. */
#include "tec/check.h"

#include "tec/clock.h"
#include "tec/clones.h"
#include "tec/hash.h"
#include "tec/loader.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/phase.h"
#include "tec/range.h"
#include "tec/skipped_report.h"
#include "values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 64
#define FRACTION 20 /* bits behind the point of the sums: 14 million images overflow neither them nor the squares */

/* What a thread finds out about an image: its slot. */
typedef struct found {
    tec_check_image image;
    union {
        struct {
            int64_t sum[TEC_BANDS_MOST], square[TEC_BANDS_MOST]; /* mean of the pixels and of their squares, by channel;
                                                                  * fixed point */
        };
        struct {
            value_band band[TEC_BANDS_MOST]; /* of values */
            double low, high;
        };
    };
} found;

typedef struct survey {
    const tec_comm *comm;
    const tec_dataset *set;
    const char *what;
    int channels;
    tec_check *out;
    tec_range share;
    tec_check_image *image; /* [share.count] */
    tec_skipped bad;
    int64_t asked, done, done_by_all;
    int64_t total[1 + 2 * TEC_BANDS_MOST]; /* readable images, sums, squares */
    value_survey values;                   /* where images have values */
    bool has_values;
    tec_loader *loader;
    double started;
} survey;

/* ---- one image, on a thread of the loader ---- */

TEC_CLONES static void sum_channel(const uint8_t *pixel, int64_t count, int step, uint64_t *sum, uint64_t *square)
{
    uint64_t s = 0, q = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t value = pixel[i * step];
        s += value;
        q += value * value;
    }
    *sum = s;
    *square = q;
}

/* sum / count in fixed point, rounded; no intermediate value overflows. */
static int64_t divide(uint64_t sum, uint64_t count)
{
    uint64_t whole = sum / count, rest = sum % count;
    return (int64_t)((whole << FRACTION) + ((rest << FRACTION) + count / 2) / count);
}

static void look_at_pixels(const survey *s, const tec_image *image, found *f)
{
    const int64_t pixels = (int64_t)image->height * image->width;
    for (int c = 0; c < s->channels; c++) {
        uint64_t sum, square;
        sum_channel(image->pixels + c, pixels, s->channels, &sum, &square);
        f->sum[c] = divide(sum, (uint64_t)pixels);
        f->square[c] = divide(square, (uint64_t)pixels);
    }
}

/* tec_fetch */
static tec_status look(void *context, int thread, const tec_request *request, void *slot)
{
    survey *s = context;
    tec_image image;
    found *f = slot;
    TEC_TRY(tec_dataset_read(s->set, request->sample, &image));
    int64_t pixels = (int64_t)image.height * image.width;
    int size[2] = {image.height, image.width};
    const size_t count = (size_t)pixels * (size_t)image.channels;
    const void *content = image.values ? (const void *)image.values : image.pixels;
    f->image = (tec_check_image){.height = image.height, .width = image.width};
    f->image.content = tec_hash_bytes(tec_hash_bytes(0, size, sizeof size), content,
                                      count * (image.values ? sizeof *image.values : 1));
    if (s->has_values) {
        tec_values_look(&s->values, thread, &image, f->band);
        f->low = image.low;
        f->high = image.high;
    } else {
        look_at_pixels(s, &image, f);
    }
    tec_image_free(&image);
    return TEC_OK;
}

/* ---- the shares of the ranks ---- */

static void ask_next(survey *s)
{
    tec_request request[BATCH];
    int count = 0;
    for (; count < BATCH && s->asked < s->share.count; count++)
        request[count] = (tec_request){.sample = s->share.first + s->asked++};
    if (count > 0)
        tec_loader_submit(s->loader, request, count);
}

static void take(survey *s, const tec_batch *batch)
{
    for (int i = 0; i < batch->count; i++) {
        int64_t sample = batch->request[i].sample;
        if (batch->status[i] != TEC_OK) {
            tec_skipped_note(&s->bad, sample, batch->message[i]);
            continue;
        }
        const found *f = batch->slot[i];
        s->image[sample - s->share.first] = f->image;
        s->total[0]++;
        if (s->has_values)
            tec_values_add(&s->values, f->band, f->low, f->high);
        for (int c = 0; c < s->channels && !s->has_values; c++) {
            s->total[1 + c] += f->sum[c];
            s->total[1 + TEC_BANDS_MOST + c] += f->square[c];
        }
    }
}

static void show_progress(const survey *s)
{
    char what[96];
    snprintf(what, sizeof what, "check %s", s->what);
    tec_progress_count(what, "images", s->done_by_all, s->out->images, s->started);
}

static void read_batch(survey *s)
{
    tec_batch batch;
    tec_phase_enter(TEC_PHASE_COMPUTE);
    tec_loader_wait(s->loader, &batch);
    take(s, &batch);
    s->done += batch.count;
    tec_loader_release(s->loader);
    ask_next(s);
}

/* Collective. Ranks meet after every batch: shares may take very different times, and one that waited for all of another
 * rank's would be taken to hang. */
static void read_shares(survey *s, int ahead)
{
    const int64_t most = tec_share(s->out->images, 0, s->comm->size).count;
    for (int i = 0; i < ahead; i++)
        ask_next(s);
    for (int64_t at = 0; at < most; at += BATCH) {
        if (s->done < s->share.count)
            read_batch(s);
        s->done_by_all = s->done;
        tec_comm_sum_int64(s->comm, &s->done_by_all, 1);
        show_progress(s);
    }
    tec_progress_end();
}

/* ---- all ranks ---- */

/* Rank by rank, so that only rank 0 needs room for all images. */
static void gather(survey *s)
{
    for (int rank = 0; rank < s->comm->size; rank++) {
        tec_range share = tec_share(s->out->images, rank, s->comm->size);
        size_t bytes = (size_t)share.count * sizeof *s->image;
        tec_check_image *image = rank == s->comm->rank ? s->image : tec_allocate(bytes);
        tec_comm_broadcast(s->comm, image, bytes, rank);
        if (s->comm->rank == 0)
            memcpy(s->out->image + share.first, image, bytes);
        if (image != s->image)
            free(image);
    }
}

static void finish(survey *s)
{
    tec_comm_sum_int64(s->comm, s->total, 1 + 2 * TEC_BANDS_MOST);
    s->out->readable = s->total[0];
    if (s->has_values)
        tec_values_finish(&s->values, s->comm, s->total[0], s->out);
    for (int c = 0; c < s->channels && s->total[0] > 0 && !s->has_values; c++) {
        double unit = 1 / (ldexp(1, FRACTION) * (double)s->total[0] * 255);
        double mean = (double)s->total[1 + c] * unit, square = (double)s->total[1 + TEC_BANDS_MOST + c] * unit / 255;
        s->out->mean[c] = mean;
        s->out->std[c] = sqrt(fmax(square - mean * mean, 0));
    }
}

tec_status tec_check_read(const tec_comm *comm, const tec_dataset *set, int channels, const tec_reading *reading,
                          const char *what, tec_check *out)
{
    *out = (tec_check){.images = tec_dataset_size(set)};
    survey s = {.comm = comm,
                .set = set,
                .what = what,
                .channels = channels,
                .out = out,
                .share = tec_share(out->images, comm->rank, comm->size),
                .has_values = tec_dataset_has_values(set),
                .started = tec_seconds()};
    tec_loader_settings settings = {.threads = reading->workers,
                                    .depth = reading->prefetch,
                                    .batch = BATCH,
                                    .slot_bytes = sizeof(found),
                                    .fetch = look,
                                    .context = &s};
    TEC_TRY(tec_comm_agree(comm, tec_loader_open(&s.loader, &settings)));
    if (s.has_values)
        tec_values_start(&s.values, channels, reading->workers);
    s.image = tec_allocate_zeroed((size_t)s.share.count, sizeof *s.image);
    out->image = comm->rank == 0 ? tec_allocate((size_t)out->images * sizeof *out->image) : NULL;
    read_shares(&s, settings.depth);
    tec_loader_close(s.loader);
    gather(&s);
    finish(&s);
    tec_skipped all = tec_skipped_merge(&s.bad, comm);
    if (comm->rank == 0)
        out->bad = all;
    else
        tec_skipped_free(&all);
    tec_skipped_free(&s.bad);
    tec_values_free(&s.values);
    free(s.image);
    return TEC_OK;
}

void tec_check_free(tec_check *check)
{
    tec_skipped_free(&check->bad);
    free(check->image);
    free(check->band);
    *check = (tec_check){0};
}
