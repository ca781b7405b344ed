/* Walks a folder, sorts what it finds and writes the list. */
#include "dataset_parts.h"
#include "tec/files.h"
#include "tec/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

typedef struct found {
    char *path; /* relative to the root */
    long long bytes;
} found;

typedef struct walk {
    const char *root;
    found *file;
    size_t count, room;
} walk;

/* The folders we are in, up to the root: one that comes up again is a loop of symbolic links. */
typedef struct level {
    dev_t device;
    ino_t inode;
    const struct level *above;
} level;

static bool is_image_name(const char *name)
{
    static const char *const ending[] = {".jpg", ".jpeg", ".png"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof ending / sizeof *ending; i++)
        if (!strcasecmp(dot, ending[i]))
            return true;
    return false;
}

static void add_file(walk *w, const char *path, long long bytes)
{
    if (w->count == w->room) {
        w->room = w->room ? 2 * w->room : 1024;
        found *larger = tec_allocate(w->room * sizeof *larger);
        if (w->count)
            memcpy(larger, w->file, w->count * sizeof *larger);
        free(w->file);
        w->file = larger;
    }
    w->file[w->count++] = (found){tec_string_format("%s", path), bytes};
}

static tec_status walk_folder(walk *w, const char *relative, const level *above);

static tec_status visit(walk *w, DIR *dir, const struct dirent *entry, const char *relative, const level *here)
{
    bool image = is_image_name(entry->d_name);
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || (entry->d_type == DT_REG && !image))
        return TEC_OK;
    struct stat info;
    bool there = !fstatat(dirfd(dir), entry->d_name, &info, 0);
    if (!there && !image)
        return TEC_OK;
    char *path = *relative ? tec_path_join(relative, entry->d_name) : tec_string_format("%s", entry->d_name);
    tec_status status = TEC_OK;
    if (!there)
        status = tec_fail(TEC_USER_ERROR, "%s/%s: %s", w->root, path, strerror(errno));
    else if (S_ISDIR(info.st_mode))
        status = walk_folder(w, path, here);
    else if (S_ISREG(info.st_mode) && image)
        add_file(w, path, (long long)info.st_size);
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

/* ---- order and classes ---- */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const found *)a)->path, ((const found *)b)->path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Removes images that lie in no folder, as torchvision's ImageFolder passes them over. */
static void drop_unclassed(walk *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->count; i++)
        if (strchr(w->file[i].path, '/'))
            w->file[kept++] = w->file[i];
        else
            free(w->file[i].path);
    if (kept < w->count)
        tec_warn("%s: %zu images that lie in no class folder are passed over", w->root, w->count - kept);
    w->count = kept;
}

/* The first folders of all paths, sorted; the caller frees the names and the array. */
static char **class_names(const walk *w, size_t *count)
{
    char **name = tec_allocate(w->count * sizeof *name);
    size_t n = 0;
    for (size_t i = 0; i < w->count; i++) {
        size_t length = strcspn(w->file[i].path, "/");
        /* Sorted paths: what shares a first folder lies together. */
        if (n && strlen(name[n - 1]) == length && !strncmp(name[n - 1], w->file[i].path, length))
            continue;
        name[n++] = tec_string_format("%.*s", (int)length, w->file[i].path);
    }
    qsort(name, n, sizeof *name, by_name);
    *count = n;
    return name;
}

static void write_labelled(const walk *w, FILE *list)
{
    size_t classes;
    char **name = class_names(w, &classes);
    fprintf(list, "%zu%c", classes, 0);
    for (size_t c = 0; c < classes; c++)
        fprintf(list, "%s%c", name[c], 0);
    fprintf(list, "%zu%c", w->count, 0);
    for (size_t i = 0; i < w->count; i++) {
        const found *f = &w->file[i];
        char *first = tec_string_format("%.*s", (int)strcspn(f->path, "/"), f->path);
        char **match = bsearch(&first, name, classes, sizeof *name, by_name);
        fprintf(list, "%td %lld %s%c", match - name, f->bytes, f->path, 0);
        free(first);
    }
    for (size_t c = 0; c < classes; c++)
        free(name[c]);
    free(name);
}

static void write_unlabelled(const walk *w, FILE *list)
{
    fprintf(list, "0%c%zu%c", 0, w->count, 0);
    for (size_t i = 0; i < w->count; i++)
        fprintf(list, "-1 %lld %s%c", w->file[i].bytes, w->file[i].path, 0);
}

static bool has_images_at_top(const walk *w)
{
    for (size_t i = 0; i < w->count; i++)
        if (!strchr(w->file[i].path, '/'))
            return true;
    return false;
}

tec_status tec_dataset_scan_folder(const char *root, tec_label_mode labels, FILE *list)
{
    walk w = {.root = root};
    tec_status status = walk_folder(&w, "", NULL);
    if (status != TEC_OK)
        goto done;
    if (labels == TEC_LABELS_FOLDERS)
        drop_unclassed(&w);
    if (!w.count) {
        status = tec_fail(TEC_USER_ERROR, "%s: no image (.jpg, .jpeg, .png) in %s", root,
                          labels == TEC_LABELS_FOLDERS ? "any class folder of it" : "it or below");
        goto done;
    }
    qsort(w.file, w.count, sizeof *w.file, by_path);
    fprintf(list, "%s%c", root, 0);
    if (labels == TEC_LABELS_FOLDERS || (labels == TEC_LABELS_AUTO && !has_images_at_top(&w)))
        write_labelled(&w, list);
    else
        write_unlabelled(&w, list);
done:
    for (size_t i = 0; i < w.count; i++)
        free(w.file[i].path);
    free(w.file);
    return status;
}
