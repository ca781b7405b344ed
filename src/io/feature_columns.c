/* The columns of a table of features, as datasets of HDF5. */
#include "feature_parts.h"

#include <assert.h>

const char *const tec_feature_column_names[COLUMNS] = {"features", "path", "label", "sample", "content"};

size_t tec_feature_column_bytes(feature_column column, const tec_feature_spec *spec, int path_bytes)
{
    switch (column) {
    case COLUMN_FEATURES:
        return tec_feature_row_bytes(spec);
    case COLUMN_PATH:
        return (size_t)path_bytes;
    case COLUMN_LABEL:
        return sizeof(int32_t);
    case COLUMN_SAMPLE:
    case COLUMN_CONTENT:
    case COLUMNS:
        break;
    }
    return sizeof(int64_t);
}

hid_t tec_feature_text_type(int bytes)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, (size_t)bytes) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 ||
                      H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

hid_t tec_feature_column_type(feature_column column, const tec_feature_spec *spec, int path_bytes)
{
    tec_h5_start();
    switch (column) {
    case COLUMN_FEATURES:
        return spec->type == TEC_FEATURE_FLOAT16 ? tec_h5_half_type() : H5Tcopy(H5T_IEEE_F32LE);
    case COLUMN_PATH:
        return tec_feature_text_type(path_bytes);
    case COLUMN_LABEL:
        return H5Tcopy(H5T_STD_I32LE);
    case COLUMN_SAMPLE:
        return H5Tcopy(H5T_STD_I64LE);
    case COLUMN_CONTENT:
        return H5Tcopy(H5T_STD_U64LE);
    case COLUMNS:
        break;
    }
    assert(false);
    return -1;
}
