/* Files of shards that are not finished: what there is, and whose. */
#include "store_parts.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/room.h"
#include "tec/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SET_ASIDE ".part"
#define SHARD_OVERHEAD 12000 /* bytes that HDF5 adds */

/* The number of the shard; *end: what follows "shard-NNNNN.h5". -1: not the name of a shard. */
static int64_t parse(const char *name, const char **end)
{
    long long shard;
    int length = 0;
    if (sscanf(name, "shard-%lld.h5%n", &shard, &length) != 1 || length == 0 || shard < 0)
        return -1;
    *end = name + length;
    return shard;
}

static bool is_part(const char *name)
{
    const char *end;
    return parse(name, &end) >= 0 && *end == '.' && (tec_temporary_is(name) || tec_string_ends_with(name, SET_ASIDE));
}

int64_t tec_store_part_shard(const char *name)
{
    const char *end;
    return parse(name, &end);
}

void tec_store_parts(const char *dir, char **names, size_t *bytes)
{
    DIR *list = opendir(dir);
    FILE *out = open_memstream(names, bytes);
    for (struct dirent *entry; list && out && (entry = readdir(list));)
        if (is_part(entry->d_name))
            fprintf(out, "%s%c", entry->d_name, 0);
    if (list)
        closedir(list);
    if (!out || fclose(out) != 0) {
        *names = tec_string_copy("");
        *bytes = 0;
    }
}

tec_owner tec_store_part_owner_by_name(const char *name)
{
    return tec_string_ends_with(name, SET_ASIDE) ? TEC_OWNER_GONE : tec_temporary_owner_by_name(name);
}

tec_owner tec_store_part_owner(const char *dir, const char *name)
{
    return tec_string_ends_with(name, SET_ASIDE) ? TEC_OWNER_GONE : tec_temporary_owner(dir, name);
}

static int64_t bytes_of(const char *dir, const char *name)
{
    struct stat info;
    char *path = tec_path_join(dir, name);
    int64_t bytes = stat(path, &info) == 0 ? 512 * (int64_t)info.st_blocks : 0;
    free(path);
    return bytes;
}

void tec_store_parts_remove(const char *dir)
{
    char *names, text[32];
    size_t size;
    int removed = 0;
    int64_t bytes = 0;
    tec_store_parts(dir, &names, &size);
    for (const char *name = names; name < names + size; name += strlen(name) + 1) {
        char *shard = tec_store_shard_path(dir, tec_store_part_shard(name)), *path = tec_path_join(dir, name);
        if (tec_file_exists(shard) && tec_store_part_owner(dir, name) == TEC_OWNER_GONE) {
            int64_t has = bytes_of(dir, name);
            bool gone = unlink(path) == 0;
            removed += gone;
            bytes += gone ? has : 0;
        }
        free(path);
        free(shard);
    }
    free(names);
    if (removed > 0)
        tec_log("%s: removed %d unfinished file%s (%s) that ended workers left of shards that are there", dir, removed,
                removed == 1 ? "" : "s", tec_room_text(text, bytes));
}

int64_t tec_store_room(const char *dir, const tec_store_spec *spec)
{
    const int64_t row = tec_store_row_bytes(spec), shards = tec_store_shards(spec);
    int64_t bytes = tec_store_rows(spec) * row + shards * SHARD_OVERHEAD;
    DIR *list = opendir(dir);
    for (struct dirent *entry; list && (entry = readdir(list));) {
        const char *end;
        int64_t shard = parse(entry->d_name, &end);
        if (shard < 0 || shard >= shards)
            continue;
        if (*end == 0)
            bytes -= tec_store_shard_row_count(spec, shard) * row + SHARD_OVERHEAD;
        else if (is_part(entry->d_name))
            bytes -= bytes_of(dir, entry->d_name);
    }
    if (list)
        closedir(list);
    return bytes > 0 ? bytes : 0;
}
