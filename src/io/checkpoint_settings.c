/* Reading the texts in a checkpoint. */
#include "tec/checkpoint_h5.h"

#include "tec/memory.h"

#include <stdlib.h>

enum { LONGEST = 1 << 26 }; /* 32768 classes with long names */

static char *read_text(hid_t file, const char *name)
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0)
        return NULL;
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    size_t size = H5Tget_size(type);
    char *text = NULL;
    if (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) <= 0 && size <= LONGEST &&
        H5Sget_simple_extent_npoints(space) == 1) {
        text = tec_allocate_zeroed(size + 1, 1);
        if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0) {
            free(text);
            text = NULL;
        }
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(dataset);
    return text;
}

/* `name`: in the group run. */
static char *read_text_at(const char *path, const char *name)
{
    TEC_H5_ALONE;
    hid_t file;
    if (tec_h5_open(path, &file) != TEC_OK)
        return NULL;
    char *text = tec_h5_has(file, "run") && tec_h5_has(file, name) ? read_text(file, name) : NULL;
    H5Fclose(file);
    return text;
}

char *tec_checkpoint_read_settings(const char *path)
{
    return read_text_at(path, "run/settings");
}

char *tec_checkpoint_read_classes(const char *path)
{
    return read_text_at(path, "run/classes");
}
