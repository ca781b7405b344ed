/* What our HDF5 files hold beside the weights, as notes: "config.dim" "192", "run.step" "1200", "optimizer.m" "150
 * members". */
#include "tensor_h5.h"

#include "tec/checkpoint_h5.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_TEXT = 1 << 20 };

static char *join(const char *prefix, const char *name)
{
    return tec_string_format("%s%s%s", prefix, prefix[0] ? "." : "", name);
}

/* -- attributes -- */

/* Hashes are shown in hexadecimal, as everywhere; they and seeds are the unsigned numbers in our files. */
static void append_number(char *text, size_t size, hid_t type, const char *name, const void *value)
{
    size_t used = strlen(text);
    if (H5Tequal(type, H5T_NATIVE_DOUBLE) > 0)
        snprintf(text + used, size - used, "%.9g", *(const double *)value);
    else if (H5Tequal(type, H5T_NATIVE_UINT64) > 0)
        snprintf(text + used, size - used, strcmp(name, "seed") == 0 ? "%llu" : "%016llx",
                 *(const unsigned long long *)value);
    else
        snprintf(text + used, size - used, "%lld", *(const long long *)value);
}

static bool numbers_text(hid_t object, const char *path, const char *name, hid_t type, int count, char *text,
                         size_t size)
{
    _Alignas(8) char value[8 * 16];
    if (tec_h5_get_numbers(object, path, name, type, count, value) != TEC_OK)
        return false;
    snprintf(text, size, "%s", count > 1 ? "[" : "");
    for (int i = 0; i < count; i++) {
        if (i)
            snprintf(text + strlen(text), size - strlen(text), ", ");
        append_number(text, size, type, name, value + 8 * i);
    }
    snprintf(text + strlen(text), size - strlen(text), "%s", count > 1 ? "]" : "");
    return true;
}

/* Formats an attribute, whatever its type. */
static void attribute_text(hid_t object, const char *path, const char *name, char *text, size_t size)
{
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    hid_t space = H5Aget_space(attribute), type = H5Aget_type(attribute);
    hssize_t count = H5Sget_simple_extent_npoints(space);
    hid_t native = H5T_NATIVE_INT64;
    if (H5Tget_class(type) == H5T_FLOAT)
        native = H5T_NATIVE_DOUBLE;
    else if (H5Tget_class(type) == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_NONE && H5Tget_size(type) == 8)
        native = H5T_NATIVE_UINT64;
    H5Tclose(type);
    H5Sclose(space);
    H5Aclose(attribute);
    if (count >= 1 && count <= 16 && numbers_text(object, path, name, native, (int)count, text, size))
        return;
    if (tec_h5_get_text(object, path, name, text, size) != TEC_OK)
        snprintf(text, size, "not read");
}

static void note_attribute(tec_tensor_file *file, hid_t object, const char *prefix, const char *name)
{
    char text[512];
    if (!tec_h5_has_attribute(object, name))
        return;
    char *key = join(prefix, name);
    attribute_text(object, file->path, name, text, sizeof text);
    tec_tensor_file_add_note(file, key, "%s", text);
    free(key);
}

/* By name, since HDF5 1.10 crashes when it lists attributes of which one is damaged. */
static void note_attributes(tec_tensor_file *file, hid_t object, const char *prefix)
{
    static const struct {
        const char *group, *name;
    } others[] = {
        {"", "format"},     {"", "version"},           {"", "kind"},       {"", "seed"}, {"optimizer", "step"},
        {"inputs", "keep"}, {"inputs", "last_layers"}, {"inputs", "topk"},
    };
    const tec_h5_field *field = NULL;
    if (strcmp(prefix, "config") == 0)
        field = tec_checkpoint_config_fields;
    else if (strcmp(prefix, "run") == 0)
        field = tec_checkpoint_run_fields;
    for (; field && field->name; field++)
        note_attribute(file, object, prefix, field->name);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(prefix, others[i].group) == 0)
            note_attribute(file, object, prefix, others[i].name);
}

/* -- datasets and groups -- */

static void note_text(tec_tensor_file *file, hid_t dataset, hid_t type, const char *key)
{
    size_t size = H5Tget_size(type);
    if (H5Tis_variable_str(type) > 0 || size > LONGEST_TEXT) {
        tec_tensor_file_add_note(file, key, "text, not read");
        return;
    }
    char *text = tec_allocate_zeroed(size + 1, 1);
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0)
        tec_tensor_file_add_note(file, key, "text that cannot be read");
    else if (strchr(text, '\n'))
        tec_tensor_file_add_note(file, key, "text of %zu bytes", strlen(text));
    else
        tec_tensor_file_add_note(file, key, "%s", text);
    free(text);
}

static void note_shape(tec_tensor_file *file, hid_t space, hid_t type, const char *key)
{
    hsize_t dim[H5S_MAX_RANK];
    char shape[256] = "";
    int dims = H5Sget_simple_extent_dims(space, dim, NULL);
    tensor_type listed = tec_tensor_h5_type(type);
    for (int i = 0; i < dims; i++) {
        size_t used = strlen(shape);
        snprintf(shape + used, sizeof shape - used, "%s%llu", i ? ", " : "", (unsigned long long)dim[i]);
    }
    tec_tensor_file_add_note(file, key, "%s [%s]", listed == TENSOR_TYPES ? "values" : tec_tensor_types[listed].name,
                             shape);
}

static void note_dataset(tec_tensor_file *file, hid_t dataset, const char *key)
{
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    if (H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1)
        note_text(file, dataset, type, key);
    else
        note_shape(file, space, type, key);
    H5Sclose(space);
    H5Tclose(type);
}

static void note_member(tec_tensor_file *file, hid_t group, const char *prefix, const char *name, bool inside);

static void note_group(tec_tensor_file *file, hid_t group, const char *prefix, bool inside)
{
    char *name;
    note_attributes(file, group, prefix);
    for (int i = 0; (name = tec_h5_member(group, i)); i++) {
        if (inside || strcmp(name, "weights") != 0)
            note_member(file, group, prefix, name, inside);
        free(name);
    }
}

/* The members of a group within a group are only counted. */
static void note_member(tec_tensor_file *file, hid_t group, const char *prefix, const char *name, bool inside)
{
    hid_t member = H5Oopen(group, name, H5P_DEFAULT);
    char *key = join(prefix, name);
    H5G_info_t info;
    if (member >= 0 && H5Iget_type(member) == H5I_DATASET)
        note_dataset(file, member, key);
    else if (member < 0 || H5Iget_type(member) != H5I_GROUP || H5Gget_info(member, &info) < 0)
        tec_tensor_file_add_note(file, key, "not read");
    else if (inside)
        tec_tensor_file_add_note(file, key, "%llu members", (unsigned long long)info.nlinks);
    else
        note_group(file, member, key, true);
    free(key);
    if (member >= 0)
        H5Oclose(member);
}

void tec_tensor_h5_add_notes(tec_tensor_file *file, hid_t root)
{
    note_group(file, root, "", false);
}
