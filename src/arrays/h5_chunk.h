/* Module arrays, private. What a chunk of HDF5 unpacks to. */
#ifndef TEC_ARRAYS_H5_CHUNK_H
#define TEC_ARRAYS_H5_CHUNK_H

#include "tec/error.h"

#include <stdint.h>

#include <hdf5.h>

/* Looks at the chunks that hold row `first`, in TEC_H5_ALONE. HDF5 takes memory for whatever a deflated chunk unpacks to, a
 * thousand times its length, and only then sees that it is no chunk. TEC_USER_ERROR: one unpacks to more than a chunk has. */
tec_status tec_h5_chunk_check(hid_t dataset, int64_t first, const char *place);

#endif
