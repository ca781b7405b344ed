/* Images of a data set for `tec bench`: how fast they are read, and whether steps have to wait for them. */
#include "tec/bench.h"

#include "tec/clock.h"

/* tec_feed_next */
static int next_images(void *context, tec_request *request)
{
    tec_bench_images *b = context;
    for (int i = 0; i < b->batch; i++, b->next++)
        request[i] = (tec_request){.sample = b->next % b->size, .view = (int)(b->next / b->size)};
    return b->batch;
}

tec_status tec_bench_images_open(tec_bench_images *b, const tec_dataset *set, const tec_feed_view *view,
                                 const tec_reading *reading, int batch)
{
    *b = (tec_bench_images){.batch = batch, .size = tec_dataset_size(set)};
    return tec_feed_open(&b->feed, set,
                         &(tec_feed_settings){.view = *view,
                                              .threads = reading->workers,
                                              .depth = 1 + reading->prefetch,
                                              .batch = batch,
                                              .skipped = reading->skip ? &b->skipped : NULL,
                                              .next = next_images,
                                              .order = b});
}

void tec_bench_images_close(tec_bench_images *b)
{
    tec_feed_close(b->feed);
    tec_skipped_free(&b->skipped);
}

tec_status tec_bench_images_rate(tec_bench_images *b, double *rate)
{
    const int64_t images = 64;
    int64_t done = 0;
    double start = tec_seconds();
    while (done < images) {
        tec_feed_batch batch;
        tec_status status = tec_feed_take(b->feed, &batch);
        tec_feed_release(b->feed);
        TEC_TRY(status);
        done += batch.asked;
    }
    *rate = (double)done / (tec_seconds() - start);
    return TEC_OK;
}
