/* Writing a shard: HDF5 lays it out, pwrite puts rows into their places, in any order. */
#include "store_parts.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/version.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tec_store_writer {
    tec_store_spec spec;
    store_layout layout;
    char *path, *temporary;
    int fd;
    int64_t first, rows, put;
    int64_t offset[PARTS], error_offset;
    bool *done; /* [rows] */
    char *buffer;
    float *scratch;
    tec_store_error error;
};

static tec_status draft_attributes(tec_h5_draft *draft, const tec_store_spec *spec, int64_t shard)
{
    const int version = tec_store_version(spec->type);
    const int64_t first = shard * spec->shard_rows;
    TEC_TRY(tec_h5_draft_put_text(draft, "/", "format", STORE_FORMAT));
    TEC_TRY(tec_h5_draft_put_numbers(draft, "/", "version", H5T_NATIVE_INT, 1, &version));
    TEC_TRY(tec_h5_draft_put_text(draft, "/", "software", tec_version()));
    TEC_TRY(tec_h5_draft_put_numbers(draft, "/", "shard", H5T_NATIVE_INT64, 1, &shard));
    TEC_TRY(tec_h5_draft_put_numbers(draft, "/", "first_row", H5T_NATIVE_INT64, 1, &first));
    for (const spec_field *f = tec_store_spec_fields; f->h5.name; f++)
        TEC_TRY(tec_h5_draft_put_field(draft, "/", &f->h5, spec));
    return TEC_OK;
}

static tec_status draft_datasets(tec_h5_draft *draft, tec_store_writer *w)
{
    const hsize_t four = 4;
    for (int i = 0; i < PARTS; i++) {
        const store_part *part = &w->layout.part[i];
        hsize_t dim[4] = {(hsize_t)w->rows};
        if (part->bytes == 0)
            continue;
        for (int d = 0; d < part->dims; d++)
            dim[1 + d] = (hsize_t)part->dim[d];
        hid_t type = tec_store_element_type(part->element);
        tec_status status = tec_h5_draft_dataset(draft, part->name, type, 1 + part->dims, dim, NULL, &w->offset[i]);
        H5Tclose(type);
        TEC_TRY(status);
    }
    return tec_h5_draft_dataset(draft, "storage_error", H5T_IEEE_F64LE, 1, &four, NULL, &w->error_offset);
}

static tec_status create_file(tec_store_writer *w, int64_t shard)
{
    tec_h5_draft draft;
    int64_t bytes;
    tec_status status = tec_h5_draft_open(&draft);
    if (status == TEC_OK)
        status = draft_attributes(&draft, &w->spec, shard);
    if (status == TEC_OK)
        status = draft_datasets(&draft, w);
    if (status == TEC_OK)
        status = tec_h5_draft_save(&draft, w->temporary, &w->fd, &bytes);
    tec_h5_draft_close(&draft);
    return status;
}

static void free_writer(tec_store_writer *w)
{
    free(w->path);
    free(w->temporary);
    free(w->done);
    free(w->buffer);
    free(w->scratch);
    free(w);
}

tec_status tec_store_writer_open(tec_store_writer **out, const char *dir, const tec_store_spec *spec, int64_t shard,
                                 bool *done)
{
    *out = NULL;
    *done = false;
    TEC_TRY(tec_store_spec_check(spec, "target store"));
    TEC_TRY(tec_store_shard_done(dir, spec, shard, done));
    if (*done)
        return TEC_OK;
    tec_store_writer *w = tec_allocate_zeroed(1, sizeof *w);
    w->spec = *spec;
    w->layout = tec_store_layout_of(spec);
    w->first = shard * spec->shard_rows;
    w->rows = tec_store_shard_row_count(spec, shard);
    w->path = tec_store_shard_path(dir, shard);
    w->temporary = tec_file_temporary(w->path);
    w->done = tec_allocate_zeroed((size_t)w->rows, sizeof *w->done);
    w->buffer = tec_allocate(w->layout.buffer);
    w->scratch = tec_allocate(((size_t)spec->patches * (size_t)spec->width +
                               (size_t)(1 + spec->topk) * (size_t)spec->heads * (size_t)spec->patches) *
                              sizeof *w->scratch);
    tec_status status = create_file(w, shard);
    if (status != TEC_OK) {
        free_writer(w);
        return status;
    }
    *out = w;
    return TEC_OK;
}

tec_status tec_store_writer_put(tec_store_writer *w, int64_t row_in_shard, const tec_store_row *row)
{
    assert(row_in_shard >= 0 && row_in_shard < w->rows && !w->done[row_in_shard]);
    assert(row->sample < 0 || row->sample == (w->first + row_in_shard) / w->spec.views);
    if (!tec_store_row_encode(&w->spec, &w->layout, row, w->buffer, w->scratch, &w->error))
        return tec_fail(TEC_USER_ERROR,
                        "the base model's output for sample %lld is not finite: is the model (base.model) sound?",
                        (long long)row->sample);
    for (int i = 0; i < PARTS; i++) {
        const store_part *part = &w->layout.part[i];
        if (part->bytes > 0)
            TEC_TRY(tec_file_put(w->fd, w->temporary, w->buffer + part->at, part->bytes,
                                 w->offset[i] + row_in_shard * (int64_t)part->bytes));
    }
    w->done[row_in_shard] = true;
    w->put++;
    return TEC_OK;
}

tec_status tec_store_writer_commit(tec_store_writer *w)
{
    assert(w->put == w->rows);
    tec_status status = tec_file_put(w->fd, w->temporary, &w->error, sizeof w->error, w->error_offset);
    if (close(w->fd) != 0 && status == TEC_OK)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", w->temporary, strerror(errno));
    if (status == TEC_OK)
        status = tec_file_publish_once(w->temporary, w->path);
    else
        unlink(w->temporary);
    free_writer(w);
    return status;
}

void tec_store_writer_abandon(tec_store_writer *w)
{
    if (!w)
        return;
    close(w->fd);
    unlink(w->temporary);
    free_writer(w);
}

const tec_store_error *tec_store_writer_error(const tec_store_writer *w)
{
    return &w->error;
}
