/* Collects the images that a scan finds, sorts them, derives their classes and writes the list. */
#include "file_list.h"

#include "image_codec.h"
#include "label_found.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/phase.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

#define PROGRESS_FILES 100000 /* a folder that takes a while */

tec_found_file *tec_found_add(tec_found *found, const char *path)
{
    found->file = tec_grow(found->file, found->count, &found->room, sizeof *found->file);
    tec_found_file *file = &found->file[found->count++];
    *file = (tec_found_file){.path = tec_string_copy(path)};
    tec_phase_tick();
    if (found->count % PROGRESS_FILES == 0)
        tec_progress(TEC_PROGRESS_SECONDS, "%zu images found so far", found->count);
    return file;
}

static void free_file(tec_found_file *file)
{
    free(file->path);
    free(file->label);
}

void tec_found_free(tec_found *found)
{
    for (size_t i = 0; i < found->count; i++)
        free_file(&found->file[i]);
    free(found->file);
    *found = (tec_found){0};
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

/* Removes images that are in no class folder; torchvision's ImageFolder ignores them too. */
static void drop_unclassed(tec_found *found, const char *root, tec_scan_notes *notes)
{
    size_t kept = 0;
    char *first = NULL;
    for (size_t i = 0; i < found->count; i++)
        if (strchr(found->file[i].path, '/'))
            found->file[kept++] = found->file[i];
        else if (!first)
            first = found->file[i].path;
        else
            free(found->file[i].path);
    size_t left = found->count - kept;
    if (left) {
        char *text = tec_string_format("%zu image%s outside of class folders %s left out (%s%s)", left,
                                       left == 1 ? "" : "s", left == 1 ? "is" : "are", first, left == 1 ? "" : ", ...");
        tec_scan_remark(notes, root, text);
        free(text);
    }
    free(first);
    found->count = kept;
}

/* The class of a file, which the caller frees. */
static char *class_of(const tec_found_file *file)
{
    if (file->label)
        return tec_string_copy(file->label);
    return tec_string_format("%.*s", (int)strcspn(file->path, "/"), file->path);
}

static bool is_number(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits < 10 && !text[digits];
}

static int by_number(const void *a, const void *b)
{
    long x = atol(*(char *const *)a), y = atol(*(char *const *)b);
    return x != y ? (x > y) - (x < y) : by_name(a, b);
}

/* The classes of all files, sorted; *order compares two of them. The caller frees the names and the array. */
static char **class_names(const tec_found *found, size_t *count, int (**order)(const void *, const void *))
{
    char **name = tec_allocate(found->count * sizeof *name);
    size_t n = 0, kept = 0;
    bool numbers = found->file[0].label != NULL;
    for (size_t i = 0; i < found->count; i++) {
        name[n] = class_of(&found->file[i]);
        numbers = numbers && is_number(name[n]);
        /* Paths are sorted: those with the same first folder are neighbours. */
        if (n > 0 && !strcmp(name[n - 1], name[n]))
            free(name[n]);
        else
            n++;
    }
    *order = numbers ? by_number : by_name;
    qsort(name, n, sizeof *name, *order);
    for (size_t i = 0; i < n; i++)
        if (kept > 0 && !strcmp(name[kept - 1], name[i]))
            free(name[i]);
        else
            name[kept++] = name[i];
    *count = kept;
    return name;
}

static void write_file(const tec_found *found, size_t i, long label, FILE *list)
{
    const tec_found_file *f = &found->file[i];
    if (found->packed)
        fprintf(list, "%ld %lld %d %lld %u %s%c", label, f->bytes, f->shard, f->offset, f->crc, f->path, 0);
    else
        fprintf(list, "%ld %lld %s%c", label, f->bytes, f->path, 0);
}

static void write_labelled(const tec_found *found, FILE *list)
{
    size_t classes;
    int (*order)(const void *, const void *);
    char **name = class_names(found, &classes, &order);
    fprintf(list, "%zu%c", classes, 0);
    for (size_t c = 0; c < classes; c++)
        fprintf(list, "%s%c", name[c], 0);
    fprintf(list, "%zu%c", found->count, 0);
    for (size_t i = 0; i < found->count; i++) {
        char *mine = class_of(&found->file[i]);
        char **match = bsearch(&mine, name, classes, sizeof *name, order);
        write_file(found, i, (long)(match - name), list);
        free(mine);
    }
    for (size_t c = 0; c < classes; c++)
        free(name[c]);
    free(name);
}

static void write_unlabelled(const tec_found *found, FILE *list)
{
    fprintf(list, "0%c%zu%c", 0, found->count, 0);
    for (size_t i = 0; i < found->count; i++)
        write_file(found, i, -1, list);
}

/* How many images lie beside the folders, and the first of them. */
static size_t count_loose(const tec_found *found, const char **first)
{
    size_t loose = 0;
    *first = NULL;
    for (size_t i = 0; i < found->count; i++)
        if (!strchr(found->file[i].path, '/') && !loose++)
            *first = found->file[i].path;
    return loose;
}

bool tec_found_is_labelled(const tec_found *found, tec_label_mode labels)
{
    const char *first;
    if ((labels == TEC_LABELS_AUTO || labels == TEC_LABELS_FILE) && found->count && found->file[0].label)
        return true;
    return labels == TEC_LABELS_FOLDERS || (labels == TEC_LABELS_AUTO && !count_loose(found, &first));
}

/* The folders are not taken for classes where images lie beside them. */
static void warn_of_loose(const tec_found *found, const char *root, tec_scan_notes *notes)
{
    const char *first;
    size_t loose = count_loose(found, &first);
    if (!loose || loose == found->count)
        return;
    char *text = tec_string_format(
        "%zu of its %zu images lie%s beside its folders (%s%s), so that these are not taken for classes and all "
        "images are unlabelled; data.labels=folders leaves %s out, data.labels=none is for unlabelled images",
        loose, found->count, loose == 1 ? "s" : "", first, loose == 1 ? "" : ", ...", loose == 1 ? "it" : "them");
    tec_scan_remark(notes, root, text);
    free(text);
}

/* Of files that are sorted by path. */
static tec_status check_once(const tec_found *found, const char *root)
{
    for (size_t i = 1; i < found->count; i++) {
        const tec_found_file *one = &found->file[i - 1], *other = &found->file[i];
        if (strcmp(one->path, other->path) != 0)
            continue;
        if (!found->list_file)
            return tec_fail(TEC_USER_ERROR, "%s: %s is listed twice", root, one->path);
        return tec_fail(TEC_USER_ERROR, "%s: lines %d and %d list the same image %s: remove one", found->list_file,
                        tec_min_int(one->line, other->line), tec_max_int(one->line, other->line), one->path);
    }
    return TEC_OK;
}

tec_status tec_found_write(tec_found *found, const char *root, tec_label_mode labels, tec_scan_notes *notes, FILE *list)
{
    if (found->count)
        qsort(found->file, found->count, sizeof *found->file, by_path);
    TEC_TRY(check_once(found, root));
    if (labels == TEC_LABELS_FOLDERS)
        drop_unclassed(found, root, notes);
    char endings[256];
    if (!found->count)
        return tec_fail(TEC_USER_ERROR, "%s: no image (%s) in %s", root, tec_image_endings(endings, sizeof endings),
                        labels == TEC_LABELS_FOLDERS ? "any class folder of it" : "it or below");
    if (labels == TEC_LABELS_FILE)
        TEC_TRY(tec_found_take_labels(found, root, notes->labels_path, notes->labels, notes));
    if (labels == TEC_LABELS_AUTO && !found->file[0].label)
        warn_of_loose(found, root, notes);
    notes->images = (int64_t)found->count;
    fprintf(list, "%s%c", root, 0);
    if (tec_found_is_labelled(found, labels))
        write_labelled(found, list);
    else
        write_unlabelled(found, list);
    return TEC_OK;
}
