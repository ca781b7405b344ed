/* Names of archives: braces as of a shell, patterns, folders. */
#include "tar_archives.h"

#include "pack_parts.h"
#include "passed_over.h"
#include "tar_index.h"
#include "tar_read.h"
#include "tec/files.h"
#include "tec/memory.h"

#include "tec/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define MOST_ARCHIVES 1000000

void tec_archives_free(tec_archives *archives)
{
    for (size_t i = 0; i < archives->count; i++)
        free(archives->path[i]);
    free(archives->path);
    free(archives->inside);
    *archives = (tec_archives){0};
}

static tec_status add(tec_archives *out, const char *path, const char *pattern)
{
    if (out->count >= MOST_ARCHIVES)
        return tec_fail(TEC_USER_ERROR, "%s names more than %d archives", pattern, MOST_ARCHIVES);
    out->path = tec_grow(out->path, out->count, &out->room, sizeof *out->path);
    out->path[out->count++] = tec_string_copy(path);
    return TEC_OK;
}

/* ---- what a path looks like ---- */

static bool is_tar_name(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && !strcasecmp(name + length - 4, ".tar");
}

static bool has_pattern(const char *path)
{
    return strpbrk(path, "{*?[") != NULL;
}

/* Where in the path what is inside of archives begins, with a slash; NULL: nothing is. */
static const char *inside_of(const char *path)
{
    for (const char *at = strstr(path, ".tar/"); at; at = strstr(at + 1, ".tar/")) {
        struct stat info;
        char *before = tec_string_format("%.*s", (int)(at + 4 - path), path);
        bool archive = has_pattern(before) || (!stat(before, &info) && S_ISREG(info.st_mode));
        free(before);
        if (archive)
            return at + 4;
    }
    return NULL;
}

bool tec_archive_starts(const char *path)
{
    uint8_t data[TAR_BLOCK];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd < 0 ? -1 : pread(fd, data, sizeof data, 0);
    if (fd >= 0)
        close(fd);
    return got > 0 && tec_tar_starts(data, (size_t)got);
}

static bool is_index(const char *name)
{
    return tec_string_ends_with(name, TEC_TAR_INDEX_ENDING);
}

/* Are there archives in the folder, and neither folders nor files that may be images? */
static bool holds_archives_only(const char *path)
{
    DIR *dir = opendir(path);
    bool others = !dir, archives = false;
    for (const struct dirent *entry; !others && (entry = readdir(dir));) {
        const char *name = entry->d_name;
        struct stat info;
        if (tec_passed_over_is_junk(name) || tec_passed_over_is_text(name) || is_index(name))
            continue;
        others = !is_tar_name(name) || fstatat(dirfd(dir), name, &info, 0) || !S_ISREG(info.st_mode);
        archives = archives || !others;
    }
    if (dir)
        closedir(dir);
    return archives && !others;
}

bool tec_archives_are_meant(const char *path, const struct stat *info)
{
    const char *kind;
    if (S_ISREG(info->st_mode))
        return is_tar_name(path) || tec_tar_unpacker(path, &kind) || tec_archive_starts(path);
    if (S_ISDIR(info->st_mode))
        return !tec_pack_is_begun(path) && holds_archives_only(path);
    return !info->st_mode && (has_pattern(path) || inside_of(path));
}

/* ---- braces ---- */

static tec_status expand(tec_archives *out, const char *path, const char *pattern);

static tec_status expand_with(tec_archives *out, const char *before, size_t length, const char *text,
                              const char *behind, const char *pattern)
{
    char *path = tec_string_format("%.*s%s%s", (int)length, before, text, behind);
    tec_status status = expand(out, path, pattern);
    free(path);
    return status;
}

/* "000..019": of the width of its ends, if one of them begins with a 0. */
static bool is_range(const char *inner, long *first, long *last, int *width)
{
    size_t left = strspn(inner, "0123456789"), right = 0;
    if (left && left < 10 && !strncmp(inner + left, "..", 2))
        right = strspn(inner + left + 2, "0123456789");
    if (!right || right >= 10 || inner[left + 2 + right])
        return false;
    *first = atol(inner);
    *last = atol(inner + left + 2);
    bool padded = (*inner == '0' && left > 1) || (inner[left + 2] == '0' && right > 1);
    *width = padded ? (int)(left > right ? left : right) : 0;
    return true;
}

static tec_status expand_list(tec_archives *out, const char *path, const char *open, char *inner, const char *behind,
                              const char *pattern)
{
    tec_status status = TEC_OK;
    for (char *word = inner; word && status == TEC_OK;) {
        char *comma = strchr(word, ',');
        if (comma)
            *comma++ = 0;
        status = expand_with(out, path, (size_t)(open - path), word, behind, pattern);
        word = comma;
    }
    return status;
}

static tec_status expand_braces(tec_archives *out, const char *path, const char *open, const char *pattern)
{
    const char *close = strchr(open, '}');
    long first = 0, last = 0;
    int width = 0;
    if (!close)
        return tec_fail(TEC_USER_ERROR, "%s: no } closes the {", pattern);
    char *inner = tec_string_format("%.*s", (int)(close - open - 1), open + 1);
    tec_status status = TEC_OK;
    if (is_range(inner, &first, &last, &width)) {
        if (first > last)
            status = tec_fail(TEC_USER_ERROR, "%s: the range {%s} ends before it begins", pattern, inner);
        for (long i = first; i <= last && status == TEC_OK; i++) {
            char number[32];
            snprintf(number, sizeof number, "%0*ld", width, i);
            status = expand_with(out, path, (size_t)(open - path), number, close + 1, pattern);
        }
    } else if (strchr(inner, ',')) {
        status = expand_list(out, path, open, inner, close + 1, pattern);
    } else {
        status =
            tec_fail(TEC_USER_ERROR, "%s: {%s} is neither a range as {000..019} nor a list as {a,b}", pattern, inner);
    }
    free(inner);
    return status;
}

/* ---- patterns ---- */

static tec_status expand_glob(tec_archives *out, const char *path, const char *pattern)
{
    glob_t found;
    int failed = glob(path, 0, NULL, &found);
    tec_status status = TEC_OK;
    if (failed == GLOB_NOMATCH)
        status = tec_fail(TEC_USER_ERROR, "%s: no archive is called so", path);
    else if (failed)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: the folder cannot be searched", path);
    for (size_t i = 0; status == TEC_OK && i < found.gl_pathc; i++)
        if (!is_index(found.gl_pathv[i]))
            status = add(out, found.gl_pathv[i], pattern);
    if (!failed)
        globfree(&found);
    return status;
}

static tec_status expand(tec_archives *out, const char *path, const char *pattern)
{
    struct stat info;
    const char *open = strchr(path, '{');
    if (!stat(path, &info))
        return add(out, path, pattern);
    if (open)
        return expand_braces(out, path, open, pattern);
    if (has_pattern(path))
        return expand_glob(out, path, pattern);
    return add(out, path, pattern); /* its absence is noticed when all names are known */
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static tec_status list_folder(tec_archives *out, const char *path)
{
    DIR *dir = opendir(path);
    tec_status status =
        dir ? TEC_OK : tec_fail(TEC_USER_ERROR, "%s: the folder cannot be read: %s", path, strerror(errno));
    for (const struct dirent *entry; status == TEC_OK && (entry = readdir(dir));) {
        if (!is_tar_name(entry->d_name) || tec_passed_over_is_junk(entry->d_name))
            continue;
        char *archive = tec_path_join(path, entry->d_name);
        status = add(out, archive, path);
        free(archive);
    }
    if (dir)
        closedir(dir);
    if (status == TEC_OK && out->count)
        qsort(out->path, out->count, sizeof *out->path, by_name);
    return status;
}

/* ---- all of it ---- */

static tec_status check_there(const tec_archives *archives, const char *path)
{
    size_t missing = 0, first = 0;
    struct stat info;
    for (size_t i = archives->count; i-- > 0;)
        if (stat(archives->path[i], &info)) {
            missing++;
            first = i;
        }
    if (!missing)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR, "%s: %zu of %zu archives %s not there: %s%s", path, missing, archives->count,
                    missing == 1 ? "is" : "are", archives->path[first], missing > 1 ? ", ..." : "");
}

static tec_status check_once(const tec_archives *archives, const char *path)
{
    char **sorted = tec_allocate(archives->count * sizeof *sorted);
    tec_status status = TEC_OK;
    memcpy(sorted, archives->path, archives->count * sizeof *sorted);
    qsort(sorted, archives->count, sizeof *sorted, by_name);
    for (size_t i = 1; i < archives->count && status == TEC_OK; i++)
        if (!strcmp(sorted[i - 1], sorted[i]))
            status = tec_fail(TEC_USER_ERROR, "%s names the archive %s twice", path, sorted[i]);
    free(sorted);
    return status;
}

static tec_status check_kinds(const tec_archives *archives)
{
    const char *kind;
    for (size_t i = 0; i < archives->count; i++) {
        const char *unpacker = tec_tar_unpacker(archives->path[i], &kind);
        if (unpacker)
            return tec_tar_refuse_compressed(archives->path[i], kind, unpacker, NULL);
    }
    return TEC_OK;
}

tec_status tec_archives_find(tec_archives *out, const char *path)
{
    struct stat info;
    *out = (tec_archives){0};
    bool there = !stat(path, &info);
    const char *inside = there ? NULL : inside_of(path);
    char *pattern = inside ? tec_string_format("%.*s", (int)(inside - path), path) : tec_string_copy(path);
    out->inside = inside ? tec_path_clean(inside) : tec_string_copy("");
    tec_status status = !out->inside ? tec_fail(TEC_USER_ERROR, "%s: `%s` leads out of the archive", path, inside)
                        : there && S_ISDIR(info.st_mode) ? list_folder(out, path)
                                                         : expand(out, pattern, path);
    free(pattern);
    if (status == TEC_OK && !out->count)
        status = tec_fail(TEC_USER_ERROR, "%s: no archive is called so", path);
    if (status == TEC_OK)
        status = check_there(out, path);
    if (status == TEC_OK)
        status = check_once(out, path);
    return status == TEC_OK ? check_kinds(out) : status;
}
