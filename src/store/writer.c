/* Writing a shard: HDF5 lays it out, pwrite puts rows into their places, in any order. What was written in order can be
 * taken up by another process. */
#include "store_parts.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/temporary.h"
#include "tec/version.h"

#include "tec/clock.h"
#include "tec/log.h"
#include "tec/minmax.h"
#include "tec/phase.h"
#include "tec/text.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECONDS_BETWEEN_LOOKS 5 /* whether the file is still ours */

struct tec_store_writer {
    tec_store_spec spec;
    store_layout layout;
    char *path, *temporary;
    int fd;
    int64_t first, rows, put;
    int64_t in_order; /* rows from the first on that the journal has */
    int64_t offset[PARTS], error_offset, journal;
    double looked; /* when it was last seen that the file is still ours */
    bool lost;     /* it is not: another process goes on with it, or has removed it */
    bool marked;   /* as being written, which fails for as long as somebody looks whether it is */
    bool *done;    /* [rows] */
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
        if (!tec_store_field_left_out(f, spec)) {
            const tec_h5_field stored = tec_store_stored_field(f, spec);
            TEC_TRY(tec_h5_draft_put_field(draft, "/", &stored, spec));
        }
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
    TEC_H5_ALONE;
    tec_h5_draft draft;
    tec_status status = tec_h5_draft_open(&draft);
    if (status == TEC_OK)
        status = draft_attributes(&draft, &w->spec, shard);
    if (status == TEC_OK)
        status = draft_datasets(&draft, w);
    if (status == TEC_OK)
        status = tec_h5_draft_save(&draft, w->temporary, &w->fd, &w->journal);
    tec_h5_draft_close(&draft);
    if (status != TEC_OK)
        return status;
    status = tec_file_reserve(w->fd, w->temporary, w->journal, tec_store_journal_bytes(w->rows));
    /* Flushed, so that rows can be taken up even after the machine has crashed. */
    if (status == TEC_OK && fdatasync(w->fd) != 0)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", w->path, strerror(errno));
    if (status != TEC_OK) {
        close(w->fd);
        unlink(w->temporary);
        return status;
    }
    w->marked = tec_temporary_mark(w->fd);
    return TEC_OK;
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

static tec_store_writer *new_writer(const char *dir, const tec_store_spec *spec, int64_t shard)
{
    tec_store_writer *w = tec_allocate_zeroed(1, sizeof *w);
    w->spec = *spec;
    w->layout = tec_store_layout_of(spec);
    w->first = shard * spec->shard_rows;
    w->rows = tec_store_shard_row_count(spec, shard);
    w->path = tec_store_shard_path(dir, shard);
    w->temporary = tec_file_temporary(w->path);
    w->fd = -1;
    w->done = tec_allocate_zeroed((size_t)w->rows, sizeof *w->done);
    w->buffer = tec_allocate(w->layout.buffer);
    w->scratch = tec_allocate((tec_store_row_features(spec) + tec_store_row_logits(spec)) * sizeof *w->scratch);
    w->looked = tec_seconds();
    return w;
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
    tec_store_writer *w = new_writer(dir, spec, shard);
    tec_status status = create_file(w, shard);
    if (status != TEC_OK) {
        free_writer(w);
        return status;
    }
    *out = w;
    return TEC_OK;
}

/* -- going on with what another process has begun -- */

/* Is the row in the file as it was written? *stored: its checksum. */
static bool row_is_sound(tec_store_writer *w, int64_t row, uint32_t *stored)
{
    for (int i = 0; i < PARTS; i++) {
        const store_part *part = &w->layout.part[i];
        if (part->bytes > 0 && tec_file_get(w->fd, w->temporary, w->buffer + part->at, part->bytes,
                                            w->offset[i] + row * (int64_t)part->bytes) != TEC_OK)
            return false;
    }
    memcpy(stored, w->buffer + w->layout.part[PART_CRC].at, sizeof *stored);
    return tec_store_row_crc(&w->layout, w->buffer) == *stored;
}

/* Is the row in the file the one that the journal knows? */
static bool row_is_there(tec_store_writer *w, int64_t row, uint32_t crc)
{
    uint32_t stored;
    return row_is_sound(w, row, &stored) && stored == crc;
}

/* Was the writer killed when it had cut the journal and not yet published the shard? Then all rows are sound, and their
 * error, which is written last, is there. */
static bool is_whole(tec_store_writer *w)
{
    const store_part *part = &w->layout.part[PART_SAMPLE];
    uint32_t crc;
    for (int64_t row = 0; row < w->rows; row++) {
        int64_t sample;
        tec_phase_enter(TEC_PHASE_START);
        if (!row_is_sound(w, row, &crc))
            return false;
        memcpy(&sample, w->buffer + part->at, sizeof sample);
        if (sample >= 0 && sample != (w->first + row) / w->spec.views)
            return false;
    }
    return tec_file_get(w->fd, w->temporary, &w->error, sizeof w->error, w->error_offset) == TEC_OK &&
           w->error.feature_square > 0;
}

/* Finds the rows that are there, in whole batches. One batch is left to be made in any case. */
static void find_rows(tec_store_writer *w, int batch)
{
    const int64_t most = (w->rows - 1) / batch * batch;
    tec_store_error error = {0};
    uint32_t crc;
    for (int64_t row = 0; row < most && tec_store_journal_read(w->fd, w->temporary, w->journal, row, &crc, &error) &&
                          row_is_there(w, row, crc);
         row++) {
        tec_phase_enter(TEC_PHASE_START); /* it may be gigabytes */
        if ((row + 1) % batch == 0) {
            w->put = w->in_order = row + 1;
            w->error = error;
        }
    }
    for (int64_t row = 0; row < w->put; row++)
        w->done[row] = true;
}

/* Makes the file ours: of several processes that want it one gets it. */
static bool take_file(tec_store_writer *w, const char *part)
{
    struct stat info;
    w->fd = open(part, O_RDWR | O_CLOEXEC);
    w->marked = w->fd >= 0 && tec_temporary_mark(w->fd);
    if (!w->marked || rename(part, w->temporary) != 0)
        return false;
    w->journal = fstat(w->fd, &info) == 0 ? info.st_size - tec_store_journal_bytes(w->rows) : 0;
    return w->journal > 0;
}

/* Flushes and renames the file, unless there was a failure. Frees the writer. */
static tec_status publish(tec_store_writer *w, tec_status status)
{
    if (close(w->fd) != 0 && status == TEC_OK)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", w->path, strerror(errno));
    if (status == TEC_OK)
        status = tec_file_publish_once(w->temporary, w->path);
    else
        unlink(w->temporary);
    free_writer(w);
    return status;
}

void tec_store_writer_take_up(tec_store_writer **out, const char *dir, const tec_store_spec *spec, int64_t shard,
                              const char *name, int batch)
{
    tec_store_writer *w = new_writer(dir, spec, shard);
    char *part = tec_path_join(dir, name);
    *out = NULL;
    if (!tec_store_is_shard(part)) {
        unlink(part); /* killed before there was a row, or gone */
        free_writer(w);
    } else if (tec_store_shard_locate(part, spec, shard, w->offset, &w->error_offset) != TEC_OK) {
        tec_warn("%s cannot be taken up, and the shard is made from its beginning: %s", part, tec_error_message());
        free_writer(w);
    } else if (!take_file(w, part)) {
        if (w->fd >= 0)
            close(w->fd);
        free_writer(w);
    } else {
        find_rows(w, batch);
        if (w->put > 0)
            *out = w;
        else if (!is_whole(w))
            tec_store_writer_abandon(w);
        else if (publish(w, TEC_OK) != TEC_OK)
            tec_warn("%s; the shard is made again", tec_error_message());
    }
    free(part);
}

int64_t tec_store_writer_rows(const tec_store_writer *w)
{
    return w->put;
}

/* A process that was suspended for hours may wake up when its file has been given away. */
static bool still_ours(tec_store_writer *w, double between)
{
    struct stat named, open_file;
    double now = tec_seconds();
    if (w->lost || now - w->looked < between)
        return !w->lost;
    w->looked = now;
    w->lost = stat(w->temporary, &named) != 0 ? errno == ENOENT
                                              : fstat(w->fd, &open_file) == 0 && named.st_ino != open_file.st_ino;
    return !w->lost;
}

/* -- rows -- */

tec_status tec_store_writer_put(tec_store_writer *w, int64_t row_in_shard, const tec_store_row *row)
{
    assert(row_in_shard >= 0 && row_in_shard < w->rows && !w->done[row_in_shard]);
    assert(row->sample < 0 || row->sample == (w->first + row_in_shard) / w->spec.views);
    if (!tec_store_row_encode(&w->spec, &w->layout, row, w->buffer, w->scratch, &w->error))
        return tec_store_not_finite(row->sample);
    if (!still_ours(w, SECONDS_BETWEEN_LOOKS))
        return TEC_OK;
    if (!w->marked)
        w->marked = tec_temporary_mark(w->fd);
    for (int i = 0; i < PARTS; i++) {
        const store_part *part = &w->layout.part[i];
        if (part->bytes > 0)
            TEC_TRY(tec_file_put(w->fd, w->temporary, w->buffer + part->at, part->bytes,
                                 w->offset[i] + row_in_shard * (int64_t)part->bytes));
    }
    w->done[row_in_shard] = true;
    w->put++;
    if (row_in_shard != w->in_order)
        return TEC_OK;
    uint32_t crc;
    memcpy(&crc, w->buffer + w->layout.part[PART_CRC].at, sizeof crc);
    w->in_order++;
    return tec_store_journal_note(w->fd, w->temporary, w->journal, row_in_shard, crc, &w->error);
}

/* Another worker has the file now, and makes the shard. */
static tec_status leave_to_other(tec_store_writer *w)
{
    tec_log("%s: another worker has taken it over", w->path);
    close(w->fd);
    free_writer(w);
    return TEC_OK;
}

tec_status tec_store_writer_commit(tec_store_writer *w)
{
    if (!still_ours(w, 0))
        return leave_to_other(w);
    assert(w->put == w->rows);
    tec_status status = tec_file_put(w->fd, w->temporary, &w->error, sizeof w->error, w->error_offset);
    if (status == TEC_OK && ftruncate(w->fd, w->journal) != 0)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", w->path, strerror(errno));
    return publish(w, status);
}

void tec_store_writer_abandon(tec_store_writer *w)
{
    if (!w)
        return;
    if (still_ours(w, 0))
        unlink(w->temporary);
    close(w->fd);
    free_writer(w);
}

void tec_store_writer_set_aside(tec_store_writer *w)
{
    if (!w || w->in_order == 0) {
        tec_store_writer_abandon(w);
        return;
    }
    char *part = tec_string_format("%.*s.part", (int)(strlen(w->temporary) - strlen(".tmp")), w->temporary);
    if (still_ours(w, 0) && rename(w->temporary, part) != 0)
        tec_warn("%s: cannot be renamed to %s: %s", w->temporary, part, strerror(errno));
    free(part);
    close(w->fd);
    free_writer(w);
}

const tec_store_error *tec_store_writer_error(const tec_store_writer *w)
{
    return &w->error;
}
