/* Files of arrays: which format one has, what is in it, and what it is called in messages. */
#include "array_parts.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { START = 16 };

/* In the order in which they are asked. */
static const array_format *const formats[] = {&tec_array_npy,   &tec_array_npz,           &tec_array_h5,
                                              &tec_array_cifar, &tec_array_pickled_cifar, &tec_array_parquet};
enum { FORMATS = sizeof formats / sizeof *formats };

/* ---- paths ---- */

static bool is_there(const char *path)
{
    struct stat info;
    return !stat(path, &info);
}

void tec_array_path_split(const char *text, tec_array_path *out)
{
    *out = (tec_array_path){.file = tec_string_copy(text)};
    if (is_there(text))
        return;
    for (size_t at = strlen(text); at-- > 1;) {
        if (text[at] != ':' || !text[at + 1])
            continue;
        out->file[at] = 0;
        if (is_there(out->file)) {
            const char *array = text + at + 1, *colon = strchr(array, ':');
            out->array = tec_string_format("%.*s", (int)(colon ? colon - array : (long)strlen(array)), array);
            out->labels = colon ? tec_string_copy(colon + 1) : NULL;
            return;
        }
        out->file[at] = ':';
    }
}

void tec_array_path_free(tec_array_path *path)
{
    free(path->file);
    free(path->array);
    free(path->labels);
    *path = (tec_array_path){0};
}

/* ---- formats ---- */

/* Bytes read; 0 of a folder, and of what cannot be read. */
static size_t read_start(const char *path, const struct stat *info, uint8_t start[START])
{
    int fd = S_ISREG(info->st_mode) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t got = fd < 0 ? 0 : pread(fd, start, START, 0);
    if (fd >= 0)
        close(fd);
    return got > 0 ? (size_t)got : 0;
}

static const array_format *find_format(const char *path, const struct stat *info)
{
    uint8_t start[START] = {0};
    size_t bytes = read_start(path, info, start);
    for (int i = 0; i < FORMATS; i++)
        if (formats[i]->matches(path, info, start, bytes))
            return formats[i];
    return NULL;
}

bool tec_array_file_is(const char *path, const struct stat *info)
{
    return find_format(path, info) != NULL;
}

/* ---- opening ---- */

tec_status tec_array_add_part(tec_array_file *file, const char *path)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info)) {
        tec_status status = tec_fail(errno == EMFILE || errno == ENFILE ? TEC_SYSTEM_ERROR : TEC_USER_ERROR,
                                     "%s: cannot be opened: %s", path, tec_file_reason(errno));
        if (fd >= 0)
            close(fd);
        return status;
    }
    file->part = tec_grow(file->part, file->parts, &file->part_room, sizeof *file->part);
    file->part[file->parts++] =
        (array_part){.path = tec_string_copy(path), .fd = fd, .bytes = info.st_size, .info = info};
    return TEC_OK;
}

array_entry *tec_array_add(tec_array_file *file, char *name)
{
    file->entry = tec_grow(file->entry, file->count, &file->room, sizeof *file->entry);
    array_entry *entry = &file->entry[file->count++];
    *entry = (array_entry){.about.name = tec_string_printable(name), .parts = 1};
    return entry;
}

tec_status tec_array_file_open(tec_array_file **out, const char *path)
{
    struct stat info;
    *out = NULL;
    if (stat(path, &info))
        return tec_fail(TEC_USER_ERROR, "%s: %s", path, strerror(errno));
    tec_array_file *file = tec_allocate_zeroed(1, sizeof *file);
    file->path = tec_string_copy(path);
    file->format = find_format(path, &info);
    tec_status status = file->format ? TEC_OK
                                     : tec_fail(TEC_USER_ERROR,
                                                "%s is no file of arrays that is read: .npy, .npz, HDF5 and the binary "
                                                "form of CIFAR are",
                                                path);
    if (status == TEC_OK && S_ISREG(info.st_mode))
        status = tec_array_add_part(file, path);
    if (status == TEC_OK)
        status = file->format->list(file);
    if (status != TEC_OK) {
        tec_array_file_close(file);
        return status;
    }
    *out = file;
    return TEC_OK;
}

void tec_array_file_close(tec_array_file *file)
{
    if (!file)
        return;
    if (file->data)
        file->format->close(file->data);
    for (size_t i = 0; i < file->parts; i++) {
        close(file->part[i].fd);
        free(file->part[i].path);
    }
    for (size_t i = 0; i < file->count; i++) {
        free((char *)(uintptr_t)file->entry[i].about.name);
        free((char *)(uintptr_t)file->entry[i].about.classes);
    }
    free(file->part);
    free(file->entry);
    free(file->path);
    free(file);
}

/* ---- asking ---- */

const char *tec_array_file_format(const tec_array_file *file)
{
    return file->format->name;
}

const char *tec_array_file_path(const tec_array_file *file)
{
    return file->path;
}

int tec_array_file_parts(const tec_array_file *file)
{
    return (int)file->parts;
}

const char *tec_array_file_part(const tec_array_file *file, int part, const struct stat **info)
{
    *info = &file->part[part].info;
    return file->part[part].path;
}

int tec_array_file_count(const tec_array_file *file)
{
    return (int)file->count;
}

const tec_array *tec_array_file_get(const tec_array_file *file, int index)
{
    return &file->entry[index].about;
}

int tec_array_file_find(const tec_array_file *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++) {
        const char *is = file->entry[i].about.name;
        if (!strcmp(is, name) || (*is == '/' && !strcmp(is + 1, name)))
            return (int)i;
    }
    return -1;
}

char *tec_array_file_place(const tec_array_file *file, int index)
{
    const char *name = file->entry[index].about.name;
    return tec_string_format("%s%s%s", file->path, *name ? ":" : "", name);
}

void tec_array_name_type(tec_array *array)
{
    static const char *const kinds[] = {"uint", "int", "float"};
    if (array->kind == TEC_ARRAY_BOOL)
        strcpy(array->type_name, "bool");
    else if (array->kind != TEC_ARRAY_OTHER)
        snprintf(array->type_name, sizeof array->type_name, "%s%s%d", array->big_endian ? "big-endian " : "",
                 kinds[array->kind], 8 * array->bytes);
}

char *tec_array_describe(const tec_array *array)
{
    char *text = tec_string_copy("[");
    for (int i = 0; i < array->dims; i++)
        tec_string_append(&text, "%s%lld", i ? ", " : "", (long long)array->dim[i]);
    tec_string_append(&text, "] of %s", array->type_name);
    return text;
}

bool tec_array_size(const tec_array *array, int64_t *row_bytes, int64_t *bytes)
{
    *row_bytes = array->bytes;
    *bytes = 0;
    for (int i = 1; i < array->dims; i++)
        if (array->dim[i] < 0 || __builtin_mul_overflow(*row_bytes, array->dim[i], row_bytes))
            return false;
    int64_t rows = array->dims ? array->dim[0] : 1;
    return rows >= 0 && !__builtin_mul_overflow(*row_bytes, rows, bytes) && *bytes < INT64_MAX / 2;
}

tec_status tec_array_truncated(const char *place, const char *what, int64_t needed, int64_t has)
{
    return tec_fail(
        TEC_USER_ERROR,
        "%s: truncated, or its header is damaged: %s needs %lld bytes, but the file has %lld: fetch the file "
        "again",
        place, what, (long long)needed, (long long)has);
}
