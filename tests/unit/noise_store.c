/* A target store of noise. */
#include "noise_store.h"

#include "tec/philox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static int features(const tec_store_spec *spec)
{
    return spec->patches * spec->width;
}

static int logits(const tec_store_spec *spec)
{
    return (1 + spec->topk) * spec->heads * spec->patches;
}

static int pixels(const tec_store_spec *spec)
{
    return (int)tec_size_area(spec->image_size) * spec->channels;
}

void noise_store_row(const tec_store_spec *spec, int64_t row, tec_store_row *out)
{
    tec_philox random = tec_philox_start(2, TEC_STREAM_TEST, (uint64_t)row, 0, 0);
    for (int i = 0; i < features(spec); i++)
        out->feature[i] = (float)tec_philox_normal(&random);
    for (int i = 0; i < logits(spec); i++)
        out->attention[i] = 5 * (float)tec_philox_normal(&random);
    for (int i = 0; i < spec->topk; i++)
        out->topk[i] = (int32_t)((row + 5 * i) % spec->patches);
    for (int i = 0; out->image && i < pixels(spec); i++)
        out->image[i] = (uint8_t)tec_philox_word(&random);
    out->view =
        (tec_view){.top = (int)(row % 4), .left = (int)(1 + row % 3), .height = 10, .width = 12, .flip = row % 2 == 1};
    out->sample = row / spec->views;
}

void noise_store_write(const char *dir, const tec_store_spec *spec, int64_t void_row)
{
    tec_store_writer *writer;
    bool done;
    int64_t missing;
    tec_store_row row = {.feature = malloc((size_t)features(spec) * sizeof *row.feature),
                         .attention = malloc((size_t)logits(spec) * sizeof *row.attention),
                         .topk = malloc((size_t)spec->topk * sizeof *row.topk),
                         .image = spec->images ? malloc((size_t)pixels(spec)) : NULL};
    assert_true(row.feature && row.attention && row.topk && (row.image || !spec->images));
    assert_int_equal(tec_store_writer_open(&writer, dir, spec, 0, &done), TEC_OK);
    for (int64_t i = 0; i < spec->samples * spec->views; i++) {
        noise_store_row(spec, i, &row);
        if (i == void_row)
            row.sample = -1;
        assert_int_equal(tec_store_writer_put(writer, i, &row), TEC_OK);
    }
    assert_int_equal(tec_store_writer_commit(writer), TEC_OK);
    assert_int_equal(tec_store_finish(dir, spec, &missing), TEC_OK);
    assert_int_equal(missing, 0);
    free(row.image);
    free(row.topk);
    free(row.attention);
    free(row.feature);
}
