/* Does a deflated chunk of HDF5 unpack to as much as a chunk has? */
#include "h5_chunk.h"

#include "tec/memory.h"
#include "tec/minmax.h"

#include <stdlib.h>

#include <zlib.h>

#define MOST_RATIO 1032.0               /* by which deflate can shrink data */
#define FREE_BYTES ((double)(32 << 20)) /* a chunk that cannot unpack to more than that is not looked at */

enum { WINDOW = 65536 };

typedef struct layout {
    int dims;
    hsize_t dim[H5S_MAX_RANK], chunk[H5S_MAX_RANK];
    hsize_t bytes; /* of a chunk, unpacked */
} layout;

/* Is what lies in the file deflated? Behind it there may be a checksum. */
static bool is_deflated(hid_t plist)
{
    bool deflated = false;
    for (int i = 0; i < H5Pget_nfilters(plist); i++) {
        unsigned flags, config;
        size_t values = 0;
        H5Z_filter_t id = H5Pget_filter2(plist, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
        deflated = id == H5Z_FILTER_DEFLATE || (deflated && id == H5Z_FILTER_FLETCHER32);
    }
    return deflated;
}

static bool find_layout(hid_t dataset, layout *out)
{
    hid_t plist = H5Dget_create_plist(dataset), space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    bool found = plist >= 0 && space >= 0 && type >= 0 && is_deflated(plist);
    if (found) {
        out->dims = H5Sget_simple_extent_dims(space, out->dim, NULL);
        found = H5Pget_chunk(plist, H5S_MAX_RANK, out->chunk) == out->dims;
        out->bytes = H5Tget_size(type);
    }
    for (int i = 0; found && i < out->dims; i++)
        out->bytes *= out->chunk[i];
    H5Tclose(type);
    H5Sclose(space);
    H5Pclose(plist);
    return found;
}

/* Does it unpack to more than `most` bytes? What is damaged does not, as far as it goes. */
static bool unpacks_to_more(const uint8_t *data, size_t bytes, hsize_t most)
{
    uint8_t *window = tec_allocate(WINDOW);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (unsigned)bytes};
    hsize_t done = 0;
    int code = inflateInit(&z);
    while (code == Z_OK && done <= most) {
        z.next_out = window;
        z.avail_out = WINDOW;
        code = inflate(&z, Z_NO_FLUSH);
        done += WINDOW - z.avail_out;
    }
    inflateEnd(&z);
    free(window);
    return done > most;
}

static tec_status check_one(hid_t dataset, const layout *l, const hsize_t *offset, const char *place)
{
    hsize_t stored = 0;
    uint32_t passed_over = 0; /* filters, by bits */
    if (H5Dget_chunk_storage_size(dataset, offset, &stored) < 0 ||
        (double)stored * MOST_RATIO <= (double)l->bytes + FREE_BYTES || stored > UINT32_MAX)
        return TEC_OK;
    uint8_t *data = tec_allocate((size_t)stored);
    bool more = H5Dread_chunk(dataset, H5P_DEFAULT, offset, &passed_over, data) >= 0 && !passed_over &&
                unpacks_to_more(data, (size_t)stored, l->bytes);
    free(data);
    if (!more)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "%s: a chunk from row %llu on unpacks to more than the %llu bytes that a chunk has: the file is "
                    "damaged, fetch it again",
                    place, (unsigned long long)offset[0], (unsigned long long)l->bytes);
}

/* Moves on to the next chunk of the row; false: there is none. */
static bool move_on(const layout *l, hsize_t *offset)
{
    for (int i = l->dims - 1; i > 0; i--) {
        offset[i] += l->chunk[i];
        if (offset[i] < l->dim[i])
            return true;
        offset[i] = 0;
    }
    return false;
}

tec_status tec_h5_chunk_check(hid_t dataset, int64_t first, const char *place)
{
    layout l;
    hsize_t offset[H5S_MAX_RANK] = {0};
    if (!find_layout(dataset, &l))
        return TEC_OK;
    offset[0] = (hsize_t)first;
    do
        TEC_TRY(check_one(dataset, &l, offset, place));
    while (move_on(&l, offset));
    return TEC_OK;
}
