/* What a shard says about its store, and a specification as text for people. */
#include "store_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tec_store_is_shard(const char *path)
{
    TEC_H5_ALONE;
    char format[32] = "";
    hid_t file;
    if (tec_h5_open(path, &file) != TEC_OK)
        return false;
    bool is = tec_h5_has_attribute(file, "format") &&
              tec_h5_get_text(file, path, "format", format, sizeof format) == TEC_OK &&
              strcmp(format, STORE_FORMAT) == 0;
    H5Fclose(file);
    return is;
}

tec_status tec_store_read_shard_spec(const char *path, tec_store_spec *spec, int64_t *shard)
{
    TEC_H5_ALONE;
    hid_t file;
    TEC_TRY(tec_h5_open(path, &file));
    tec_status status = tec_store_shard_read_spec(file, path, spec);
    if (status == TEC_OK)
        status = tec_store_spec_check(spec, path);
    if (status == TEC_OK)
        status = tec_h5_get_numbers(file, path, "shard", H5T_NATIVE_INT64, 1, shard);
    if (status == TEC_OK && (*shard < 0 || *shard >= tec_store_shards(spec)))
        status = tec_fail(TEC_USER_ERROR, "%s: shard is %lld, out of range (0 .. %lld)", path, (long long)*shard,
                          (long long)tec_store_shards(spec) - 1);
    H5Fclose(file);
    return status;
}

static void print_part(FILE *out, const store_part *part)
{
    static const char *const type[] = {
        [ELEMENT_F32] = "float32", [ELEMENT_F16] = "float16", [ELEMENT_I8] = "int8",    [ELEMENT_U8] = "uint8",
        [ELEMENT_U16] = "uint16",  [ELEMENT_I32] = "int32",   [ELEMENT_U32] = "uint32", [ELEMENT_I64] = "int64",
    };
    fprintf(out, "  %s  %s  [rows", part->name, type[part->element]);
    for (int i = 0; i < part->dims; i++)
        fprintf(out, ", %lld", (long long)part->dim[i]);
    fputs("]\n", out);
}

char *tec_store_describe(const tec_store_spec *spec)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory for a store's description"));
    fputs("made with:\n", out);
    for (const spec_field *f = tec_store_spec_fields; f->h5.name; f++) {
        char value[160];
        fprintf(out, "  %s: %s\n", f->h5.name, tec_store_field_text(f, spec, value, sizeof value));
    }
    store_layout layout = tec_store_layout_of(spec);
    fprintf(out, "datasets of a shard (%lld bytes a row):\n", (long long)tec_store_row_bytes(spec));
    for (int i = 0; i < PARTS; i++)
        if (layout.part[i].bytes > 0)
            print_part(out, &layout.part[i]);
    if (fclose(out) != 0)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory for a store's description"));
    return text;
}
