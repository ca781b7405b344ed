/* CIFAR-10 and CIFAR-100 in their binary form: records of a label (two, coarse and fine, in CIFAR-100) and 3 x 32 x 32
 * bytes, red before green before blue. Told by the names of its files. */
#include "array_parts.h"

#include "tec/files.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PIXELS = 3 * 32 * 32, MOST_NAMES = 1 << 16 };

/* A file that is told by its name, or the first of several in a folder. */
typedef struct cifar_file {
    const char *name;
    const char *set; /* "train": of a folder, it is called train_images and so on */
    int labels;      /* bytes before the pixels */
} cifar_file;

static const cifar_file files[] = {{"data_batch_1.bin", "train", 1}, {"data_batch_2.bin", "train", 1},
                                   {"data_batch_3.bin", "train", 1}, {"data_batch_4.bin", "train", 1},
                                   {"data_batch_5.bin", "train", 1}, {"test_batch.bin", "test", 1},
                                   {"train.bin", "train", 2},        {"test.bin", "test", 2}};
enum { FILES = sizeof files / sizeof *files };

bool tec_array_folder_has(const char *folder, const char *name)
{
    struct stat info;
    char *path = tec_path_join(folder, name);
    bool there = !stat(path, &info) && S_ISREG(info.st_mode);
    free(path);
    return there;
}

static const cifar_file *find_file(const char *path)
{
    for (int i = 0; i < FILES; i++)
        if (!strcmp(tec_path_name(path), files[i].name))
            return &files[i];
    return NULL;
}

static bool matches(const char *path, const struct stat *info, const uint8_t *start, size_t bytes)
{
    (void)start;
    (void)bytes;
    if (S_ISREG(info->st_mode))
        return find_file(path) != NULL;
    for (int i = 0; S_ISDIR(info->st_mode) && i < FILES && files[i].labels == 1; i++)
        if (tec_array_folder_has(path, files[i].name))
            return true;
    return S_ISDIR(info->st_mode) && tec_array_folder_has(path, "train.bin") &&
           (tec_array_folder_has(path, "test.bin") || tec_array_folder_has(path, "fine_label_names.txt"));
}

/* ---- listing ---- */

/* The file of names beside the data, a line each; NULL: there is none. The caller frees it. */
static char *read_names(const char *folder, const char *name)
{
    char *path = tec_path_join(folder, name), *text = NULL;
    size_t bytes = 0;
    if (tec_array_folder_has(folder, name) && tec_file_read(path, MOST_NAMES, &text, &bytes) != TEC_OK)
        text = NULL;
    free(path);
    return text;
}

static tec_status check_part(const array_part *part, int labels)
{
    if (part->bytes > 0 && part->bytes % (labels + PIXELS) == 0)
        return TEC_OK;
    return tec_fail(
        TEC_USER_ERROR,
        "%s: truncated, or not of CIFAR: it has %lld bytes, which is no multiple of a record's %d: fetch it again",
        part->path, (long long)part->bytes, labels + PIXELS);
}

static array_entry *add(tec_array_file *file, const char *set, const char *what, const array_entry *like)
{
    array_entry *entry = tec_array_add(file, tec_string_format("%s%s%s", set, *set ? "_" : "", what));
    const char *name = entry->about.name;
    *entry = *like;
    entry->about.name = name;
    entry->about.kind = TEC_ARRAY_UNSIGNED;
    entry->about.bytes = 1;
    tec_array_name_type(&entry->about);
    return entry;
}

/* Adds the arrays of the parts from `first` on. set: "" where there is one only. */
static tec_status add_arrays(tec_array_file *file, int first, const char *set, int labels, const char *folder)
{
    const int64_t record = labels + PIXELS;
    array_entry like = {.part = first, .parts = (int)file->parts - first, .stride = record};
    for (size_t p = (size_t)first; p < file->parts; p++) {
        TEC_TRY(check_part(&file->part[p], labels));
        int64_t rows = file->part[p].bytes / record;
        if (p > (size_t)first && p + 1 < file->parts && rows != like.part_rows)
            return tec_fail(TEC_USER_ERROR, "%s: has %lld images, and the file before it %lld: fetch them again",
                            file->part[p].path, (long long)rows, (long long)like.part_rows);
        like.part_rows = p == (size_t)first ? rows : like.part_rows;
        like.about.dim[0] += rows;
    }
    like.about.dims = 1;
    array_entry *images = add(file, set, "images", &like);
    images->offset = labels;
    images->about.dims = 4;
    memcpy(images->about.dim + 1, (int64_t[]){3, 32, 32}, 3 * sizeof(int64_t));
    array_entry *fine = add(file, set, "labels", &like);
    fine->offset = labels - 1;
    fine->about.classes = read_names(folder, labels == 1 ? "batches.meta.txt" : "fine_label_names.txt");
    if (labels == 2)
        add(file, set, "coarse_labels", &like)->about.classes = read_names(folder, "coarse_label_names.txt");
    return TEC_OK;
}

static tec_status list_folder(tec_array_file *file)
{
    for (int i = 0; i < FILES;) {
        const cifar_file *first = &files[i];
        size_t parts = file->parts;
        int missing = -1;
        for (; i < FILES && files[i].labels == first->labels && !strcmp(files[i].set, first->set); i++) {
            if (!tec_array_folder_has(file->path, files[i].name)) {
                missing = missing < 0 ? i : missing;
                continue;
            }
            if (missing >= 0)
                return tec_fail(TEC_USER_ERROR, "%s: has %s, but not %s: fetch the set again, or name a file of it",
                                file->path, files[i].name, files[missing].name);
            char *path = tec_path_join(file->path, files[i].name);
            tec_status status = tec_array_add_part(file, path);
            free(path);
            TEC_TRY(status);
        }
        if (file->parts > parts)
            TEC_TRY(add_arrays(file, (int)parts, first->set, first->labels, file->path));
    }
    return TEC_OK;
}

static tec_status list(tec_array_file *file)
{
    const cifar_file *one = file->parts ? find_file(file->path) : NULL;
    if (!one)
        return list_folder(file);
    char *folder = tec_path_directory(file->path);
    tec_status status = add_arrays(file, 0, "", one->labels, folder);
    free(folder);
    return status;
}

const array_format tec_array_cifar = {.name = "CIFAR (binary)", .matches = matches, .list = list};
