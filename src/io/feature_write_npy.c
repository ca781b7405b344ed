/* A table of features as a NumPy array, and its names as a CSV file beside it, which gets its name first: where the array is,
 * both are whole. */
#include "feature_parts.h"

#include "tec/csv.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/temporary.h"
#include "tec/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The header of NumPy's format, version 1.0: magic, length and a Python dictionary, padded to whole 64 bytes. */
static tec_status put_header(tec_feature_writer *w)
{
    enum { BEFORE = 10, ALIGN = 64 };
    char patches[32] = "", header[512] = "\x93NUMPY\x01";
    if (w->spec.patches > 0)
        snprintf(patches, sizeof patches, "%d, ", w->spec.patches);
    int length = BEFORE + snprintf(header + BEFORE, sizeof header - BEFORE,
                                   "{'descr': '<f%d', 'fortran_order': False, 'shape': (%lld, %s%d), }",
                                   w->spec.type == TEC_FEATURE_FLOAT16 ? 2 : 4, (long long)w->table.rows, patches,
                                   w->spec.width);
    int whole = (length + ALIGN) / ALIGN * ALIGN;
    memset(header + length, ' ', (size_t)(whole - length - 1));
    header[whole - 1] = '\n';
    header[8] = (char)((whole - BEFORE) & 255);
    header[9] = (char)((whole - BEFORE) >> 8);
    w->header = whole;
    return tec_file_put(w->fd, w->temporary, header, (size_t)whole, 0);
}

static void discard_npy(tec_feature_writer *w)
{
    if (w->fd >= 0) {
        close(w->fd);
        unlink(w->temporary);
    }
    if (w->lines) {
        fclose(w->lines);
        unlink(w->beside_temporary);
    }
    w->fd = -1;
    w->lines = NULL;
    free(w->beside);
    free(w->beside_temporary);
    w->beside = w->beside_temporary = NULL;
}

static tec_status open_npy(tec_feature_writer *w)
{
    enum { HEADER = 512 };
    const int64_t bytes = w->table.rows * (int64_t)tec_feature_row_bytes(&w->spec);
    w->beside = tec_feature_path_beside(w->path);
    w->beside_temporary = tec_file_temporary(w->beside);
    tec_status status = tec_file_create(w->temporary, bytes, &w->fd);
    if (status == TEC_OK)
        status = put_header(w);
    if (status == TEC_OK && !(w->lines = fopen(w->beside_temporary, "w")))
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be created: %s", w->beside, tec_file_reason(errno));
    if (status == TEC_OK)
        fputs(w->table.classes > 0 ? "path,label,class\n" : "path\n", w->lines);
    else
        discard_npy(w);
    return status;
}

static tec_status rows_npy(tec_feature_writer *w, const void *rows, int64_t count)
{
    const size_t bytes = tec_feature_row_bytes(&w->spec);
    return tec_file_put(w->fd, w->temporary, rows, (size_t)count * bytes, w->header + w->rows * (int64_t)bytes);
}

static tec_status names_npy(tec_feature_writer *w, const tec_feature_names *names)
{
    const size_t bytes = (size_t)w->table.path_bytes;
    char *path = tec_allocate_zeroed(bytes + 1, 1);
    for (int i = 0; i < names->count; i++) {
        memcpy(path, names->path + (size_t)i * bytes, bytes);
        tec_csv_put(path, w->lines);
        if (w->table.classes > 0) {
            fprintf(w->lines, ",%d,", names->label[i]);
            tec_csv_put(names->label[i] < 0 ? "" : w->class_name[names->label[i]], w->lines);
        }
        putc('\n', w->lines);
    }
    free(path);
    if (ferror(w->lines))
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", w->beside, tec_file_reason(errno));
    return TEC_OK;
}

static tec_status commit_npy(tec_feature_writer *w)
{
    int failed = fclose(w->lines) != 0 ? errno : 0;
    w->lines = NULL;
    if (close(w->fd) != 0 && !failed)
        failed = errno;
    w->fd = -1;
    tec_status status = failed ? tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", w->path, strerror(failed))
                               : tec_file_publish(w->beside_temporary, w->beside);
    if (status == TEC_OK)
        status = tec_file_publish(w->temporary, w->path);
    if (status != TEC_OK) {
        unlink(w->beside_temporary);
        unlink(w->temporary);
    }
    discard_npy(w);
    return status;
}

const feature_kind tec_feature_kind_npy = {open_npy, rows_npy, names_npy, commit_npy, discard_npy};
