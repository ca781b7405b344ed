/* The files of a pack: their names, whether they are there, and what an index lists. */
#include "pack_parts.h"

#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_INDEX ((size_t)1 << 36)

char *tec_pack_shard_path(const char *dir, int shard, const char *ending)
{
    return tec_string_format("%s/shard-%05d.%s", dir, shard, ending);
}

bool tec_pack_is_one(const char *dir)
{
    char *path = tec_path_join(dir, PACK_FILE);
    bool there = tec_file_exists(path);
    free(path);
    return there;
}

bool tec_pack_is_begun(const char *dir)
{
    char *path = tec_pack_shard_path(dir, 0, "tar");
    bool there = tec_file_exists(path);
    free(path);
    return there;
}

/* "OFFSET BYTES CRC32C PATH", BYTES no more than a pack is made of. */
static bool read_entry(const char *text, int shard, tec_found *found)
{
    tec_found_file read = {.shard = shard};
    int end = 0;
    if (sscanf(text, "%lld %lld %8" SCNx32 "%n", &read.offset, &read.bytes, &read.crc, &end) != 3 || text[end] != ' ' ||
        !text[end + 1] || read.offset < 0 || read.bytes < 0 || read.bytes > (long long)TEC_IMAGE_MAX_BYTES)
        return false;
    tec_found_file *file = tec_found_add(found, text + end + 1);
    read.path = file->path;
    *file = read;
    return true;
}

tec_status tec_pack_index_read(const char *dir, int shard, tec_found *found, int64_t *bytes, uint32_t *crc)
{
    char *path = tec_pack_shard_path(dir, shard, "index"), *text = NULL;
    size_t size = 0;
    tec_status status = tec_file_read(path, LONGEST_INDEX, &text, &size);
    for (size_t at = 0; status == TEC_OK && at < size; at += strlen(text + at) + 1)
        if (!read_entry(text + at, shard, found))
            status = tec_fail(TEC_USER_ERROR, "%s is damaged at byte %zu: delete it; %s", path, at, PACK_REMEDY);
    if (status == TEC_OK) {
        *bytes = (int64_t)size;
        *crc = tec_crc32c(0, text, size);
    }
    free(text);
    free(path);
    return status;
}
