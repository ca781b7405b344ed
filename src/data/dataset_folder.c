/* A folder of image files as a data set: walked when it is scanned, read file by file. */
#include "dataset_parts.h"

#include "file_list.h"
#include "image_codec.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/pack.h"
#include "tec/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- scan ---- */

typedef struct walk {
    const char *root;
    tec_found *found;
} walk;

/* The folders that we are in, up to the root: one that comes up again is a loop of symbolic links. */
typedef struct level {
    dev_t device;
    ino_t inode;
    const struct level *above;
} level;

static tec_status walk_folder(walk *w, const char *relative, const level *above);

static tec_status visit(walk *w, DIR *dir, const struct dirent *entry, const char *relative, const level *here)
{
    bool image = tec_image_is_named(entry->d_name);
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || (entry->d_type == DT_REG && !image))
        return TEC_OK;
    struct stat info;
    bool there = !fstatat(dirfd(dir), entry->d_name, &info, 0);
    if (!there && !image)
        return TEC_OK;
    char *path = *relative ? tec_path_join(relative, entry->d_name) : tec_string_copy(entry->d_name);
    tec_status status = TEC_OK;
    if (!there)
        status = tec_fail(TEC_USER_ERROR, "%s/%s: %s", w->root, path, strerror(errno));
    else if (S_ISDIR(info.st_mode))
        status = walk_folder(w, path, here);
    else if (S_ISREG(info.st_mode) && image)
        tec_found_add(w->found, path)->bytes = (long long)info.st_size;
    free(path);
    return status;
}

static bool is_loop(const level *here)
{
    for (const level *l = here->above; l; l = l->above)
        if (l->device == here->device && l->inode == here->inode)
            return true;
    return false;
}

static tec_status walk_folder(walk *w, const char *relative, const level *above)
{
    char *path = tec_path_join(w->root, relative);
    DIR *dir = opendir(path);
    struct stat info;
    tec_status status = TEC_OK;
    if (!dir || fstat(dirfd(dir), &info)) {
        status = tec_fail(TEC_USER_ERROR, "%s: the folder cannot be read: %s", path, strerror(errno));
        goto done;
    }
    level here = {info.st_dev, info.st_ino, above};
    if (is_loop(&here))
        goto done;
    while (status == TEC_OK) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno)
            status = tec_fail(TEC_SYSTEM_ERROR, "%s: reading the folder: %s", path, strerror(errno));
        if (!entry)
            break;
        status = visit(w, dir, entry, relative, &here);
    }
done:
    if (dir)
        closedir(dir);
    free(path);
    return status;
}

static bool matches(const char *path, const struct stat *info)
{
    (void)path;
    return S_ISDIR(info->st_mode);
}

static tec_status scan(const char *root, tec_label_mode labels, FILE *list)
{
    tec_found found = {0};
    walk w = {.root = root, .found = &found};
    tec_status status = walk_folder(&w, "", NULL);
    if (status == TEC_OK && found.count == 0 && tec_pack_is_begun(root))
        status = tec_fail(TEC_USER_ERROR, "%s: this pack is not finished (no pack.json): run `tec pack` again", root);
    else if (status == TEC_OK)
        status = tec_found_write(&found, root, labels, list);
    tec_found_free(&found);
    return status;
}

/* ---- open and read: own is a tec_files ---- */

static tec_status open_folder(tec_dataset *set, tec_list_cursor *cursor)
{
    set->own = tec_allocate_zeroed(1, sizeof(tec_files));
    return tec_files_open(set->own, set, cursor, false);
}

static void close_folder(void *own)
{
    tec_files_free(own);
    free(own);
}

static void name_file(const tec_dataset *set, int64_t index, char *text, size_t size)
{
    tec_files_name(set->own, set, index, text, size);
}

static tec_status read_file(const tec_dataset *set, int64_t index, tec_image *out)
{
    const tec_files *files = set->own;
    char *path = tec_path_join(set->root, files->path[index]), *data = NULL;
    size_t bytes = 0;
    tec_status status = tec_file_read(path, TEC_IMAGE_MAX_BYTES, &data, &bytes);
    if (status == TEC_OK)
        status = tec_image_decode(out, data, bytes, set->channels, path);
    free(data);
    free(path);
    return status;
}

const tec_dataset_kind tec_dataset_folder = {
    .title = "tec-list 1 folder",
    .matches = matches,
    .scan = scan,
    .open = open_folder,
    .close = close_folder,
    .name = name_file,
    .read = read_file,
};
