/* A table of features as an HDF5 file: contiguous datasets, written in order. */
#include "feature_parts.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/temporary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A dataset of strings, each in the bytes of the longest. */
typedef struct text_list {
    const char *name;
    int64_t count; /* 0: no dataset */
    const char *const *text;
    int bytes;
    int64_t place;
} text_list;

static tec_status draft_texts(tec_h5_draft *draft, text_list *list)
{
    const hsize_t dim = (hsize_t)list->count;
    if (list->count == 0)
        return TEC_OK;
    list->bytes = 1;
    for (int64_t i = 0; i < list->count; i++)
        list->bytes = tec_max_int(list->bytes, (int)strlen(list->text[i]));
    hid_t type = tec_feature_text_type(list->bytes);
    tec_status status = tec_h5_draft_dataset(draft, list->name, type, 1, &dim, NULL, &list->place);
    H5Tclose(type);
    return status;
}

static tec_status put_texts(tec_feature_writer *w, const text_list *list)
{
    const size_t bytes = (size_t)list->bytes;
    char *all = tec_allocate_zeroed((size_t)list->count, bytes);
    for (int64_t i = 0; i < list->count; i++)
        memcpy(all + (size_t)i * bytes, list->text[i], strlen(list->text[i]));
    tec_status status = tec_file_put(w->fd, w->temporary, all, (size_t)list->count * bytes, list->place);
    free(all);
    return status;
}

static tec_status draft_columns(tec_feature_writer *w, tec_h5_draft *draft)
{
    const tec_feature_spec *spec = &w->spec;
    for (feature_column c = 0; c < COLUMNS; c++) {
        hsize_t dim[3] = {(hsize_t)w->table.rows};
        int dims = 1;
        if (c == COLUMN_LABEL && w->table.classes == 0)
            continue;
        if (c == COLUMN_FEATURES && spec->patches > 0)
            dim[dims++] = (hsize_t)spec->patches;
        if (c == COLUMN_FEATURES)
            dim[dims++] = (hsize_t)spec->width;
        hid_t type = tec_feature_column_type(c, spec, w->table.path_bytes);
        tec_status status =
            tec_h5_draft_dataset(draft, tec_feature_column_names[c], type, dims, dim, NULL, &w->place[c]);
        H5Tclose(type);
        TEC_TRY(status);
    }
    return TEC_OK;
}

static tec_status put_trained(tec_h5_draft *draft, const tec_trained *trained)
{
    if (trained->steps >= 0)
        TEC_TRY(tec_h5_draft_put_numbers(draft, "/", "step", H5T_NATIVE_INT64, 1, &trained->steps));
    return trained->epochs >= 0 ? tec_h5_draft_put_numbers(draft, "/", "epoch", H5T_NATIVE_DOUBLE, 1, &trained->epochs)
                                : TEC_OK;
}

static tec_status draft_all(tec_feature_writer *w, tec_h5_draft *draft, text_list *lists, int count)
{
    TEC_TRY(tec_feature_put_spec(draft, &w->spec));
    TEC_TRY(tec_h5_draft_put_text(draft, "/", "model", w->table.model));
    TEC_TRY(tec_h5_draft_put_text(draft, "/", "data", w->table.data));
    TEC_TRY(put_trained(draft, &w->table.trained));
    TEC_TRY(draft_columns(w, draft));
    for (int i = 0; i < count; i++)
        TEC_TRY(draft_texts(draft, &lists[i]));
    return TEC_OK;
}

static void discard_h5(tec_feature_writer *w)
{
    if (w->fd < 0)
        return;
    close(w->fd);
    unlink(w->temporary);
    w->fd = -1;
}

static tec_status open_h5(tec_feature_writer *w)
{
    enum { LISTS = 2 };
    text_list lists[LISTS] = {
        {.name = "class_names", .count = w->table.classes, .text = w->table.class_name},
        {.name = "left_out", .count = w->table.left_out, .text = w->table.left_out_name},
    };
    TEC_H5_ALONE;
    tec_h5_draft draft;
    int64_t bytes;
    TEC_TRY(tec_h5_draft_open(&draft));
    tec_status status = draft_all(w, &draft, lists, LISTS);
    if (status == TEC_OK)
        status = tec_h5_draft_save(&draft, w->temporary, &w->fd, &bytes);
    tec_h5_draft_close(&draft);
    for (int i = 0; i < LISTS && status == TEC_OK; i++)
        if (lists[i].count > 0)
            status = put_texts(w, &lists[i]);
    if (status != TEC_OK)
        discard_h5(w);
    return status;
}

/* Values of a column from row `first` on. */
static tec_status put_column(tec_feature_writer *w, feature_column c, int64_t first, int64_t count, const void *data)
{
    const size_t bytes = tec_feature_column_bytes(c, &w->spec, w->table.path_bytes);
    return tec_file_put(w->fd, w->temporary, data, (size_t)count * bytes, w->place[c] + first * (int64_t)bytes);
}

static tec_status rows_h5(tec_feature_writer *w, const void *rows, int64_t count)
{
    return put_column(w, COLUMN_FEATURES, w->rows, count, rows);
}

static tec_status names_h5(tec_feature_writer *w, const tec_feature_names *names)
{
    TEC_TRY(put_column(w, COLUMN_PATH, w->names, names->count, names->path));
    if (names->label && w->table.classes > 0)
        TEC_TRY(put_column(w, COLUMN_LABEL, w->names, names->count, names->label));
    TEC_TRY(put_column(w, COLUMN_SAMPLE, w->names, names->count, names->sample));
    return put_column(w, COLUMN_CONTENT, w->names, names->count, names->content);
}

static tec_status commit_h5(tec_feature_writer *w)
{
    int failed = close(w->fd) != 0 ? errno : 0;
    w->fd = -1;
    if (!failed)
        return tec_file_publish(w->temporary, w->path);
    unlink(w->temporary);
    return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", w->path, strerror(failed));
}

const feature_kind tec_feature_kind_h5 = {open_h5, rows_h5, names_h5, commit_h5, discard_h5};

/* -- a specification alone -- */

tec_status tec_feature_spec_write(const char *path, const tec_feature_spec *spec, int64_t number)
{
    TEC_H5_ALONE;
    tec_feature_writer w = {.path = (char *)(uintptr_t)path, .temporary = tec_file_temporary(path), .fd = -1};
    tec_h5_draft draft;
    int64_t bytes;
    tec_status status = tec_h5_draft_open(&draft);
    if (status == TEC_OK)
        status = tec_feature_put_spec(&draft, spec);
    if (status == TEC_OK)
        status = tec_h5_draft_put_numbers(&draft, "/", "number", H5T_NATIVE_INT64, 1, &number);
    if (status == TEC_OK)
        status = tec_h5_draft_save(&draft, w.temporary, &w.fd, &bytes);
    tec_h5_draft_close(&draft);
    if (status == TEC_OK)
        status = commit_h5(&w);
    free(w.temporary);
    return status;
}
