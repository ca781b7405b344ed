/* What a scan has found, put in order and written down: files in a folder or in a pack of one. */
#include "dataset_parts.h"

#include "image_codec.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

tec_found_file *tec_found_add(tec_found *w, const char *path)
{
    if (w->count == w->room) {
        w->room = w->room ? 2 * w->room : 1024;
        tec_found_file *larger = tec_allocate(w->room * sizeof *larger);
        if (w->count)
            memcpy(larger, w->file, w->count * sizeof *larger);
        free(w->file);
        w->file = larger;
    }
    tec_found_file *file = &w->file[w->count++];
    *file = (tec_found_file){.path = tec_string_format("%s", path)};
    return file;
}

void tec_found_free(tec_found *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->file[i].path);
    free(w->file);
    *w = (tec_found){0};
}

/* ---- order and classes ---- */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const tec_found_file *)a)->path, ((const tec_found_file *)b)->path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Removes images that lie in no folder, as torchvision's ImageFolder passes them over. */
static void drop_unclassed(tec_found *w, const char *root)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->count; i++)
        if (strchr(w->file[i].path, '/'))
            w->file[kept++] = w->file[i];
        else
            free(w->file[i].path);
    if (kept < w->count)
        tec_warn("%s: %zu images that lie in no class folder are passed over", root, w->count - kept);
    w->count = kept;
}

/* The first folders of all paths, sorted; the caller frees the names and the array. */
static char **class_names(const tec_found *w, size_t *count)
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

static void write_file(const tec_found *w, size_t i, long label, FILE *list)
{
    const tec_found_file *f = &w->file[i];
    if (w->packed)
        fprintf(list, "%ld %lld %d %lld %u %s%c", label, f->bytes, f->shard, f->offset, f->crc, f->path, 0);
    else
        fprintf(list, "%ld %lld %s%c", label, f->bytes, f->path, 0);
}

static void write_labelled(const tec_found *w, FILE *list)
{
    size_t classes;
    char **name = class_names(w, &classes);
    fprintf(list, "%zu%c", classes, 0);
    for (size_t c = 0; c < classes; c++)
        fprintf(list, "%s%c", name[c], 0);
    fprintf(list, "%zu%c", w->count, 0);
    for (size_t i = 0; i < w->count; i++) {
        const char *path = w->file[i].path;
        char *first = tec_string_format("%.*s", (int)strcspn(path, "/"), path);
        char **match = bsearch(&first, name, classes, sizeof *name, by_name);
        write_file(w, i, (long)(match - name), list);
        free(first);
    }
    for (size_t c = 0; c < classes; c++)
        free(name[c]);
    free(name);
}

static void write_unlabelled(const tec_found *w, FILE *list)
{
    fprintf(list, "0%c%zu%c", 0, w->count, 0);
    for (size_t i = 0; i < w->count; i++)
        write_file(w, i, -1, list);
}

static bool has_images_at_top(const tec_found *w)
{
    for (size_t i = 0; i < w->count; i++)
        if (!strchr(w->file[i].path, '/'))
            return true;
    return false;
}

tec_status tec_found_list(tec_found *w, const char *root, tec_label_mode labels, FILE *list)
{
    if (w->count)
        qsort(w->file, w->count, sizeof *w->file, by_path);
    if (labels == TEC_LABELS_FOLDERS)
        drop_unclassed(w, root);
    char endings[256];
    if (!w->count)
        return tec_fail(TEC_USER_ERROR, "%s: no image (%s) in %s", root, tec_image_endings(endings, sizeof endings),
                        labels == TEC_LABELS_FOLDERS ? "any class folder of it" : "it or below");
    fprintf(list, "%s%c", root, 0);
    if (labels == TEC_LABELS_FOLDERS || (labels == TEC_LABELS_AUTO && !has_images_at_top(w)))
        write_labelled(w, list);
    else
        write_unlabelled(w, list);
    return TEC_OK;
}
