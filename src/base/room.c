/* How much room there is on a disk, and in memory. */
#include "tec/room.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/temporary.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

int64_t tec_room_free(const char *dir)
{
    struct statvfs info;
    if (statvfs(dir, &info) != 0 || info.f_blocks == 0)
        return -1;
    double blocks = (double)(geteuid() == 0 ? info.f_bfree : info.f_bavail);
    return (int64_t)tec_min_double(blocks * (double)info.f_frsize, 9e18);
}

char *tec_room_text(char *text, int64_t bytes)
{
    static const struct {
        double bytes;
        const char *name;
    } unit[] = {{1e15, "PB"}, {1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}};
    snprintf(text, 32, "%lld bytes", (long long)bytes);
    for (size_t i = 0; i < sizeof unit / sizeof *unit; i++)
        if ((double)bytes >= unit[i].bytes) {
            snprintf(text, 32, "%.3g %s", (double)bytes / unit[i].bytes, unit[i].name);
            break;
        }
    return text;
}

static const char *verb(const char *what)
{
    return what[0] == 'a' && what[1] == ' ' ? "needs" : "need";
}

tec_status tec_room_check(const char *dir, int64_t bytes, const char *what, const char *remedy)
{
    char have[32], wanted[32];
    int64_t room = tec_room_free(dir);
    if (room < 0 || bytes <= room)
        return TEC_OK;
    return tec_fail(TEC_SYSTEM_ERROR, "%s: no room: %s are free, but %s %s %s; make room there, or %s", dir,
                    tec_room_text(have, room), what, verb(what), tec_room_text(wanted, bytes), remedy);
}

/* A file in `dir` that has no name any more: it goes when it is closed, also by a kill. */
static tec_status open_nameless(const char *dir, int64_t bytes, int *fd)
{
    char *path = tec_path_join(dir, "room"), *temporary = tec_file_temporary(path);
    tec_status status = tec_file_create(temporary, 0, fd);
    if (status == TEC_OK) {
        unlink(temporary);
        status = tec_file_reserve(*fd, temporary, 0, bytes);
    }
    free(temporary);
    free(path);
    return status;
}

tec_status tec_room_try(const char *dir, int64_t bytes, int64_t each, const char *what, const char *remedy)
{
    char wanted[32];
    TEC_TRY(tec_room_check(dir, bytes, what, remedy));
    int files = (int)((bytes + each - 1) / each), opened = 0, *fd = tec_allocate((size_t)files * sizeof *fd);
    tec_status status = TEC_OK;
    for (int64_t left = bytes; status == TEC_OK && left > 0; left -= each) {
        fd[opened] = -1;
        status = open_nameless(dir, tec_min_int64(left, each), &fd[opened]);
        opened++;
    }
    if (status != TEC_OK)
        status = tec_fail(status, "%s; %s %s %s: make room there, or %s", tec_error_message(), what, verb(what),
                          tec_room_text(wanted, bytes), remedy);
    for (int i = 0; i < opened; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    free(fd);
    return status;
}

/* ---- memory ---- */

/* The number that follows `key` at the start of a line of the file; -1: there is none. */
static double number_in(const char *path, const char *key)
{
    char line[4096];
    double value = -1;
    FILE *file = fopen(path, "re");
    while (file && value < 0 && fgets(line, sizeof line, file))
        if (tec_string_starts_with(line, key)) {
            char *end, *text = line + strlen(key);
            double read = strtod(text, &end);
            value = end == text ? -1 : read;
        }
    if (file)
        fclose(file);
    return value;
}

/* How the two versions of control groups name things. */
static const struct {
    const char *line; /* of /proc/self/cgroup, before the group */
    const char *root, *limit, *used, *cached;
} versions[] = {
    {"0::", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "},
    {"memory:", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "},
};

static double number_of_group(size_t version, const char *group, const char *name, const char *key)
{
    char *path = tec_string_format("%s%s/%s", versions[version].root, group, name);
    double number = number_in(path, key);
    free(path);
    return number;
}

/* What is left in the control group `group` ("/a/b") and in those above it, or `most` if that is less. Cached files make
 * room when memory is asked for. */
static double left_in_groups(size_t version, char *group, double most)
{
    for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
        *end = 0;
        double limit = number_of_group(version, group, versions[version].limit, ""); /* "max": -1 */
        double used = number_of_group(version, group, versions[version].used, "");
        double cached = number_of_group(version, group, "memory.stat", versions[version].cached);
        if (limit >= 0 && used >= 0)
            most = tec_min_double(most, tec_max_double(limit - used + tec_max_double(cached, 0), 0));
    }
    return most;
}

int64_t tec_room_memory(void)
{
    char line[4096];
    double left = 1024 * number_in("/proc/meminfo", "MemAvailable:");
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && left >= 0 && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        for (size_t v = 0; v < sizeof versions / sizeof *versions; v++) {
            char *group = strstr(line, versions[v].line);
            if (group)
                left = left_in_groups(v, group + strlen(versions[v].line), left);
        }
    }
    if (file)
        fclose(file);
    return left < 0 ? -1 : (int64_t)left;
}
