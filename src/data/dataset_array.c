/* Arrays of a file as a data set: NumPy, HDF5, CIFAR. The scan reads every image once, so that the list has its
 * checksum: the same images have the same fingerprint in whatever file they are, and one that changes later on is
 * noticed when it is read. */
#include "dataset_parts.h"

#include "array_set.h"

#include "tec/clock.h"
#include "tec/crc32c.h"
#include "tec/dataset_array.h"
#include "tec/files.h"
#include "tec/hash.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/phase.h"
#include "tec/text.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK (4 << 20) /* bytes that the scan reads at once */
#define QUIET 3.0       /* seconds of a scan without a line of progress */

/* ---- scan ---- */

static bool matches(const char *path, const struct stat *info)
{
    tec_array_path split;
    struct stat own = *info;
    tec_array_path_split(path, &split);
    bool is = !stat(split.file, &own) && tec_array_file_is(split.file, &own);
    tec_array_path_free(&split);
    return is;
}

static void warn_of_chunks(const tec_array_rows *rows, int64_t images, const char *place, tec_scan_notes *notes)
{
    const int64_t piece = tec_array_rows_piece(rows), bytes = tec_array_rows_bytes(rows);
    if (piece <= 1 || images * bytes <= tec_array_rows_memory(rows))
        return;
    char *text = tec_string_format(
        "in chunks of %lld images, of which a rank keeps %lld MB unpacked and not all: an image that is read "
        "at random may unpack %.1f MB; h5repack -l CONTI -f NONE IN.h5 OUT.h5 makes a file "
        "that is read faster",
        (long long)piece, (long long)(tec_array_rows_memory(rows) >> 20), (double)(piece * bytes) / (1 << 20));
    tec_scan_remark(notes, place, text);
    free(text);
}

/* Which sizes are which shows of grey and colour images by itself. */
static void say_bands(const tec_array_layout *layout, const char *place)
{
    if (layout->channels == 1 || layout->channels == 3)
        return;
    char *words = tec_array_layout_words(layout);
    tec_log("%s: taken as %s", place, words);
    free(words);
}

/* The checksums of all images.
 *
 *   crc   [images] */
static tec_status sum_images(const tec_array_rows *rows, const tec_array_layout *layout, const char *place,
                             uint32_t *crc)
{
    const int64_t bytes = tec_array_rows_bytes(rows), block = tec_max_int64(1, BLOCK / bytes);
    uint8_t *stored = tec_allocate((size_t)(block * bytes)), *pixels = tec_allocate((size_t)bytes);
    const double started = tec_seconds();
    char *what = tec_string_format("%s: checksums", place);
    tec_status status = TEC_OK;
    for (int64_t first = 0; first < layout->images && status == TEC_OK; first += block) {
        int64_t count = tec_min_int64(block, layout->images - first);
        status = tec_array_rows_read(rows, first, count, stored);
        for (int64_t i = 0; i < count && status == TEC_OK; i++) {
            tec_array_pixels(layout, stored + i * bytes, pixels);
            crc[first + i] = tec_crc32c(0, pixels, (size_t)bytes);
        }
        tec_phase_tick();
        if (tec_seconds() - started > QUIET)
            tec_progress_count(what, "images", first + count, layout->images, started);
    }
    free(what);
    free(pixels);
    free(stored);
    return status;
}

static void write_list(const tec_array_choice *c, const tec_array_layout *l, const uint32_t *crc,
                       const tec_array_labels *labels, FILE *list)
{
    fprintf(list, "%s%c%s%c", tec_array_file_path(c->file), 0, tec_array_file_get(c->file, c->images)->name, 0);
    fprintf(list, "%lld %d %d %d %d %lld%c", (long long)l->images, l->height, l->width, l->channels, l->planar,
            (long long)labels->classes, 0);
    for (int64_t i = 0; i < labels->classes; i++)
        fprintf(list, "%s%c", labels->name[i], 0);
    for (int64_t i = 0; i < l->images; i++)
        fprintf(list, "%08" PRIx32 " %lld%c", crc[i], (long long)(labels->label ? labels->label[i] : -1), 0);
}

static tec_status scan_chosen(const tec_array_choice *choice, tec_scan_notes *notes, const char *place, FILE *list)
{
    tec_array_layout layout;
    tec_array_labels labels = {0};
    tec_array_rows *rows = NULL;
    uint32_t *crc = NULL;
    TEC_TRY(tec_array_layout_of(tec_array_file_get(choice->file, choice->images), place, &layout));
    tec_status status = tec_array_rows_open(&rows, choice->file, choice->images);
    if (status == TEC_OK)
        status = tec_array_labels_read(choice, layout.images, notes->role, &labels);
    if (status == TEC_OK) {
        say_bands(&layout, place);
        warn_of_chunks(rows, layout.images, place, notes);
        crc = tec_allocate((size_t)layout.images * sizeof *crc);
        status = sum_images(rows, &layout, place, crc);
    }
    if (status == TEC_OK)
        write_list(choice, &layout, crc, &labels, list);
    notes->images = layout.images;
    free(crc);
    tec_array_labels_free(&labels);
    tec_array_rows_close(rows);
    return status;
}

static tec_status scan(const char *path, tec_label_mode mode, tec_scan_notes *notes, FILE *list)
{
    tec_array_choice choice;
    TEC_TRY(tec_array_choose(path, notes->role, mode, &choice));
    tec_array_choice_say(&choice, mode);
    tec_array_choice_note(&choice, notes);
    char *place = tec_array_file_place(choice.file, choice.images);
    tec_status status = scan_chosen(&choice, notes, place, list);
    free(place);
    tec_array_choice_free(&choice);
    return status;
}

/* ---- lists that are kept ---- */

/* Says what the scan has said besides its warnings. */
static void say_again(const tec_array_choice *choice, tec_label_mode mode)
{
    tec_array_layout layout;
    char *place = tec_array_file_place(choice->file, choice->images);
    tec_array_choice_say(choice, mode);
    if (tec_array_layout_of(tec_array_file_get(choice->file, choice->images), place, &layout) == TEC_OK)
        say_bands(&layout, place);
    free(place);
}

bool tec_arrays_are_as_noted(const tec_list_request *request, tec_list_cursor at, size_t count, const char **changed)
{
    tec_array_choice choice;
    tec_scan_notes now = {0};
    *changed = "which arrays there are";
    if (tec_array_choose(request->path, request->name, request->labels, &choice) != TEC_OK)
        return false;
    tec_array_choice_note(&choice, &now);
    bool same = now.folders.count == count;
    for (size_t i = 0; i < count && same; i++) {
        const char *note = tec_list_next(&at);
        same = !strcmp(note, now.folders.text[i]);
        if (!same && i > 0) /* behind the choice there are files */
            *changed = tec_scan_noted_path(note);
    }
    if (same)
        say_again(&choice, request->labels);
    tec_scan_notes_free(&now);
    tec_array_choice_free(&choice);
    return same;
}

/* ---- open ---- */

typedef struct arrays {
    tec_array_file *file;
    tec_array_rows *rows;
    tec_array_layout layout;
    uint32_t *crc; /* [images] of their samples, [height, width, channels], little-endian */
    char *root;    /* "dir/file.npz:train_images" */
    char *name;    /* "file.npz:train_images" */
} arrays;

static tec_status list_damaged(const arrays *own)
{
    return tec_fail(TEC_SYSTEM_ERROR, "list of the images of %s: damaged", own->root ? own->root : "an array");
}

static bool read_sizes(tec_array_layout *l, tec_list_cursor *cursor, int *classes)
{
    long long images;
    int planar;
    bool good = sscanf(tec_list_next(cursor), "%lld %d %d %d %d %d", &images, &l->height, &l->width, &l->channels,
                       &planar, classes) == 6;
    if (!good || images < 1 || *classes < 0 || images + *classes > cursor->end - cursor->at)
        return false;
    l->images = images;
    l->planar = planar != 0;
    return true;
}

/* Checksums and labels, as text. */
static bool read_images(tec_dataset *set, tec_list_cursor *cursor)
{
    arrays *own = set->own;
    set->total = own->layout.images;
    own->crc = tec_allocate((size_t)set->total * sizeof *own->crc);
    set->label = set->classes ? tec_allocate((size_t)set->total * sizeof *set->label) : NULL;
    for (int64_t i = 0; i < set->total; i++) {
        char *end;
        own->crc[i] = (uint32_t)strtoul(tec_list_next(cursor), &end, 16);
        long label = *end == ' ' ? strtol(end, &end, 10) : -2;
        if (*end || label < -1 || label >= set->classes || (set->classes && label < 0))
            return false;
        if (set->label)
            set->label[i] = (int)label;
    }
    return true;
}

static void make_fingerprint(tec_dataset *set)
{
    const arrays *own = set->own;
    const int64_t size[] = {own->layout.images, own->layout.height, own->layout.width, own->layout.channels};
    const int64_t sample = own->layout.sample;
    set->fingerprint = tec_hash_bytes(0, size, sizeof size);
    if (sample != TEC_SAMPLE_U8)
        set->fingerprint = tec_hash_bytes(set->fingerprint, &sample, sizeof sample);
    set->fingerprint = tec_hash_bytes(set->fingerprint, own->crc, (size_t)set->total * sizeof *own->crc);
    if (set->label)
        set->fingerprint = tec_hash_bytes(set->fingerprint, set->label, (size_t)set->total * sizeof *set->label);
}

static tec_status open_rows(arrays *own, const char *path, const char *array)
{
    tec_array_layout is;
    TEC_TRY(tec_array_file_open(&own->file, path));
    int index = tec_array_file_find(own->file, array);
    tec_status status = index < 0 ? TEC_OK : tec_array_layout_of(tec_array_file_get(own->file, index), own->root, &is);
    if (status == TEC_OK &&
        (index < 0 || is.images != own->layout.images || is.height != own->layout.height ||
         is.width != own->layout.width || is.channels != own->layout.channels || is.planar != own->layout.planar))
        status = tec_fail(TEC_SYSTEM_ERROR, "%s has changed since it was listed: start again", own->root);
    TEC_TRY(status);
    own->layout = is;
    TEC_TRY(tec_array_rows_open(&own->rows, own->file, index));
    tec_array_rows_trust(own->rows); /* by the scan */
    return TEC_OK;
}

static tec_status open_arrays(tec_dataset *set, tec_list_cursor *cursor)
{
    arrays *own = set->own = tec_allocate_zeroed(1, sizeof *own);
    const char *path = tec_list_next(cursor), *array = tec_list_next(cursor), *colon = *array ? ":" : "";
    own->root = tec_string_format("%s%s%s", path, colon, array);
    char last[NAME_MAX + 1];
    tec_path_last(path, last, sizeof last);
    own->name = tec_string_format("%s%s%s", last, colon, array);
    set->root = own->root;
    if (!read_sizes(&own->layout, cursor, &set->classes))
        return list_damaged(own);
    set->class_name = tec_allocate((size_t)set->classes * sizeof *set->class_name);
    for (int c = 0; c < set->classes; c++)
        set->class_name[c] = tec_list_next(cursor);
    if (!read_images(set, cursor))
        return list_damaged(own);
    TEC_TRY(open_rows(own, path, array));
    make_fingerprint(set);
    return TEC_OK;
}

static void close_arrays(void *own)
{
    arrays *a = own;
    tec_array_rows_close(a->rows);
    tec_array_file_close(a->file);
    free(a->crc);
    free(a->root);
    free(a->name);
    free(a);
}

/* ---- reading ---- */

static void name_image(const tec_dataset *set, int64_t index, char *text, size_t size)
{
    const arrays *own = set->own;
    snprintf(text, size, "%s[%lld]", own->name, (long long)index);
}

static tec_status read_image(const tec_dataset *set, int64_t index, tec_image *out)
{
    const arrays *own = set->own;
    const tec_array_layout *l = &own->layout;
    const int64_t bytes = tec_array_rows_bytes(own->rows);
    uint8_t *stored = tec_allocate((size_t)bytes), *pixels = tec_allocate((size_t)bytes);
    tec_status status = tec_array_rows_read(own->rows, index, 1, stored);
    if (status == TEC_OK)
        tec_array_pixels(l, stored, pixels);
    if (status == TEC_OK && tec_crc32c(0, pixels, (size_t)bytes) != own->crc[index]) {
        tec_dataset_list_drop(set);
        status = tec_fail(TEC_SYSTEM_ERROR,
                          "%s[%lld] has other pixels than when it was listed: put the former file back, or start again",
                          own->root, (long long)index);
    }
    free(stored);
    *out = (tec_image){.height = l->height, .width = l->width, .channels = l->channels, .pixels = pixels};
    if (status == TEC_OK)
        return TEC_OK;
    tec_image_free(out);
    return tec_fail(TEC_SYSTEM_ERROR, "%s", tec_error_message());
}

static const char *image_entry(const tec_dataset *set, int64_t index, int64_t *mark, char name[TEC_ENTRY_NAME])
{
    const arrays *own = set->own;
    int label = set->label ? set->label[index] : -1;
    *mark = tec_crc32c(own->crc[index], &label, sizeof label);
    snprintf(name, TEC_ENTRY_NAME, "image %010lld", (long long)index);
    return name;
}

static tec_band_source source_of(const tec_dataset *set)
{
    const arrays *own = set->own;
    return tec_band_source_of(own->layout.sample, own->layout.channels);
}

static int64_t memory_of(const tec_dataset *set)
{
    const arrays *own = set->own;
    return tec_array_rows_memory(own->rows);
}

const tec_dataset_kind tec_dataset_array = {
    .title = "tec-list 1 array",
    .one_size = true,
    .matches = matches,
    .scan = scan,
    .open = open_arrays,
    .close = close_arrays,
    .name = name_image,
    .read = read_image,
    .entry = image_entry,
    .source = source_of,
    .memory = memory_of,
};

/* ---- describing ---- */

/* "  (20 images of 32 x 32, 5 bands: data.train=FILE data.channels=5 data.range=type" */
static void describe_layout(const tec_array_layout *l, const char *place, char **text)
{
    const bool grey = l->channels == 1, colour = l->channels == 3;
    const bool has_most = l->sample == TEC_SAMPLE_U16 || l->sample == TEC_SAMPLE_U32;
    char bands[32];
    snprintf(bands, sizeof bands, "%d bands", l->channels);
    tec_string_append(text, "  (%lld images of %d x %d, %s: data.train=%s", (long long)l->images, l->width, l->height,
                      grey     ? "grey"
                      : colour ? "colour"
                               : bands,
                      place);
    if (!grey && !colour)
        tec_string_append(text, " data.channels=%d", l->channels);
    if (l->sample != TEC_SAMPLE_U8)
        tec_string_append(text, " data.range=%s", has_most ? "type" : "LOW,HIGH");
}

static char *describe(const tec_array_file *file)
{
    char *text = tec_string_format("format: %s\narrays: %d\n", tec_array_file_format(file), tec_array_file_count(file));
    for (int i = 0; i < tec_array_file_count(file); i++) {
        const tec_array *array = tec_array_file_get(file, i);
        char *what = tec_array_describe(array), *place = tec_array_file_place(file, i);
        tec_array_layout layout;
        tec_array_choice choice;
        tec_string_append(&text, "  %s%s%s", array->name, *array->name ? "  " : "", what);
        if (tec_array_layout_of(array, place, &layout) == TEC_OK) {
            describe_layout(&layout, place, &text);
            if (tec_array_choose(place, NULL, TEC_LABELS_AUTO, &choice) == TEC_OK && choice.label_file) {
                char *labels = tec_array_file_place(choice.label_file, choice.labels);
                tec_string_append(&text, ", labels from %s", labels);
                free(labels);
                tec_array_choice_free(&choice);
            }
            tec_string_append(&text, ")");
        }
        tec_string_append(&text, "\n");
        free(place);
        free(what);
    }
    return text;
}

static bool has_images(const tec_array_file *file)
{
    tec_array_layout layout;
    for (int i = 0; i < tec_array_file_count(file); i++)
        if (tec_array_layout_of(tec_array_file_get(file, i), "", &layout) == TEC_OK)
            return true;
    return false;
}

tec_status tec_dataset_arrays(const char *path, bool images, char **text)
{
    tec_array_file *file;
    struct stat info;
    *text = NULL;
    if (stat(path, &info) || !tec_array_file_is(path, &info))
        return TEC_OK;
    tec_status status = tec_array_file_open(&file, path);
    if (status != TEC_OK)
        return images ? TEC_OK : status;
    if (!images || has_images(file))
        *text = describe(file);
    tec_array_file_close(file);
    return TEC_OK;
}
