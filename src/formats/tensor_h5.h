/* What the two halves of reading our HDF5 files as lists of tensors share. */
#ifndef TEC_TENSOR_H5_H
#define TEC_TENSOR_H5_H

#include "tec/h5.h"
#include "tensor_source.h"

/* The name of the index-th member of a group, in the order of names; NULL: there are no more. The caller frees it. */
char *tec_tensor_h5_member(hid_t group, int index);

/* What stands in the file beside /weights: attributes, texts, groups of further tensors. */
void tec_tensor_h5_add_notes(tec_tensor_file *file, hid_t root);

/* The type under which numbers of an HDF5 type are listed; TENSOR_TYPES: they are no such numbers. */
tensor_type tec_tensor_h5_type(hid_t type);

#endif
