/* Element types of tensors as types of HDF5, and back. */
#include "tensor_h5.h"

hid_t tec_tensor_h5_memory_type(tensor_type type)
{
    if (type == TENSOR_F16)
        return tec_h5_half_type();
    return H5Tcopy(type == TENSOR_F64 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE);
}

tensor_type tec_tensor_h5_type(hid_t type)
{
    static const tensor_type whole[2][4] = {{TENSOR_U8, TENSOR_U16, TENSOR_U32, TENSOR_U64},
                                            {TENSOR_I8, TENSOR_I16, TENSOR_I32, TENSOR_I64}};
    size_t size = H5Tget_size(type);
    if (!tec_h5_is_number(type))
        return TENSOR_TYPES;
    if (H5Tget_class(type) == H5T_INTEGER) {
        for (int i = 0; i < 4; i++)
            if (size == (size_t)1 << i)
                return whole[H5Tget_sign(type) == H5T_SGN_2][i];
        return TENSOR_TYPES;
    }
    hid_t half = tec_h5_half_type();
    bool is_half = H5Tequal(type, half) > 0;
    H5Tclose(half);
    if (is_half)
        return TENSOR_F16;
    return size > sizeof(float) ? TENSOR_F64 : TENSOR_F32;
}
