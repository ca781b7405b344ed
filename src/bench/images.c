/* Images of a data set for `tec bench`: how fast they come, and whether the steps have to wait for them. */
#include "tec/bench.h"
#include "tec/clock.h"
#include "tec/memory.h"

#include <stdlib.h>

tec_status tec_bench_images_open(tec_bench_images *b, const tec_settings *settings, const tec_model_config *config,
                                 const tec_dataset *set, int batch)
{
    *b = (tec_bench_images){.batch = batch, .size = tec_dataset_size(set)};
    b->source = tec_source_create(settings, config, set, NULL);
    b->request = tec_allocate((size_t)batch * sizeof *b->request);
    return tec_loader_open(&b->loader, &(tec_loader_settings){.threads = settings->data.workers,
                                                              .depth = 1 + settings->data.prefetch,
                                                              .batch = batch,
                                                              .slot_bytes = tec_source_slot_bytes(b->source),
                                                              .fetch = tec_source_fetch,
                                                              .context = b->source});
}

void tec_bench_images_close(tec_bench_images *b)
{
    tec_loader_close(b->loader);
    tec_source_free(b->source);
    free(b->request);
}

void tec_bench_images_ask(tec_bench_images *b)
{
    for (int i = 0; i < b->batch; i++, b->next++)
        b->request[i] = (tec_request){b->next % b->size, (int)(b->next / b->size)};
    tec_loader_submit(b->loader, b->request, b->batch);
}

tec_status tec_bench_images_take(tec_bench_images *b, tec_batch *batch)
{
    tec_loader_wait(b->loader, batch);
    for (int i = 0; i < batch->count; i++)
        if (batch->status[i] != TEC_OK)
            return tec_fail(batch->status[i], "%s", batch->message[i]);
    return TEC_OK;
}

void tec_bench_images_release(tec_bench_images *b)
{
    tec_loader_release(b->loader);
}

tec_status tec_bench_images_rate(tec_bench_images *b, double *rate)
{
    const int64_t images = 64;
    int64_t done = 0;
    double start = tec_seconds();
    while (done < images) {
        tec_batch batch;
        tec_bench_images_ask(b);
        tec_status status = tec_bench_images_take(b, &batch);
        tec_bench_images_release(b);
        TEC_TRY(status);
        done += batch.count;
    }
    *rate = (double)done / (tec_seconds() - start);
    return TEC_OK;
}
