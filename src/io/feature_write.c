/* Writing a table of features, in the kind of file that its name asks for. */
#include "feature_parts.h"

#include "tec/memory.h"
#include "tec/temporary.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

static const feature_kind *kind_of(const char *path)
{
    if (tec_string_ends_with(path, ".h5") || tec_string_ends_with(path, ".hdf5"))
        return &tec_feature_kind_h5;
    return tec_string_ends_with(path, ".npy") ? &tec_feature_kind_npy : NULL;
}

tec_status tec_feature_path_check(const char *path)
{
    if (kind_of(path))
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "%s: features are written to a file whose name ends in .h5 or .hdf5 (HDF5) or in .npy (NumPy, with "
                    "a .csv beside it)",
                    path);
}

char *tec_feature_path_beside(const char *path)
{
    if (kind_of(path) != &tec_feature_kind_npy)
        return NULL;
    return tec_string_format("%.*s.csv", (int)(strlen(path) - strlen(".npy")), path);
}

static void close_writer(tec_feature_writer *w)
{
    for (int c = 0; c < w->table.classes; c++)
        free(w->class_name[c]);
    free(w->class_name);
    free(w->path);
    free(w->temporary);
    free(w);
}

tec_status tec_feature_writer_open(tec_feature_writer **out, const char *path, const tec_feature_table *table)
{
    TEC_TRY(tec_feature_path_check(path));
    tec_feature_writer *w = tec_allocate_zeroed(1, sizeof *w);
    w->kind = kind_of(path);
    w->path = tec_string_copy(path);
    w->temporary = tec_file_temporary(path);
    w->spec = *table->spec;
    w->table = *table;
    w->table.spec = &w->spec;
    w->fd = -1;
    w->class_name = tec_allocate_zeroed((size_t)table->classes, sizeof *w->class_name);
    for (int c = 0; c < table->classes; c++)
        w->class_name[c] = tec_string_copy(table->class_name[c]);
    tec_status status = w->kind->open(w);
    if (status != TEC_OK)
        close_writer(w);
    *out = status == TEC_OK ? w : NULL;
    return status;
}

tec_status tec_feature_writer_rows(tec_feature_writer *w, const void *rows, int64_t count)
{
    TEC_TRY(w->kind->rows(w, rows, count));
    w->rows += count;
    return TEC_OK;
}

tec_status tec_feature_writer_names(tec_feature_writer *w, const tec_feature_names *names)
{
    TEC_TRY(w->kind->names(w, names));
    w->names += names->count;
    return TEC_OK;
}

tec_status tec_feature_writer_commit(tec_feature_writer *w)
{
    tec_status status = w->kind->commit(w);
    close_writer(w);
    return status;
}

void tec_feature_writer_discard(tec_feature_writer *w)
{
    if (!w)
        return;
    w->kind->discard(w);
    close_writer(w);
}
