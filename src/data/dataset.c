/* Which kind of data set something is, and what all kinds have in common. */
#include "tec/dataset.h"

#include "dataset_parts.h"
#include "file_list.h"
#include "image_bands.h"
#include "tar_archives.h"

#include "tec/array_file.h"
#include "tec/hash.h"
#include "tec/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* In the order in which they are asked: a pack is a folder too, and so are archives in one, so they come first. A kind that
 * only scans stands behind the one whose list it writes. */
static const tec_dataset_kind *const kinds[] = {&tec_dataset_pack,   &tec_dataset_array, &tec_dataset_tar,
                                                &tec_dataset_folder, &tec_dataset_csv,   &tec_dataset_idx};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- scan ---- */

static const tec_dataset_kind *find_kind(const char *path, const struct stat *info)
{
    for (int i = 0; i < KINDS; i++)
        if (kinds[i]->matches(path, info))
            return kinds[i];
    return NULL;
}

bool tec_dataset_is_list_file(const char *path)
{
    struct stat info;
    return !stat(path, &info) && find_kind(path, &info) == &tec_dataset_csv;
}

/* stat of the path or, of an array that is named behind its file, of the file. Nothing there: zeros and errno, since
 * there may be a pattern of archives. */
static bool look(const char *path, struct stat *info)
{
    tec_array_path split;
    tec_array_path_split(path, &split);
    int failed = stat(split.file, info) ? errno : split.array && !tec_array_file_is(split.file, info) ? ENOENT : 0;
    tec_array_path_free(&split);
    if (failed)
        *info = (struct stat){0};
    errno = failed;
    return !failed;
}

const tec_dataset_kind *tec_dataset_kind_at(const char *path)
{
    struct stat info;
    look(path, &info);
    return find_kind(path, &info);
}

bool tec_dataset_is_archive(const char *path)
{
    struct stat info;
    bool file = !stat(path, &info) && S_ISREG(info.st_mode);
    return tec_dataset_kind_at(path) == &tec_dataset_tar && (!file || tec_archive_starts(path));
}

bool tec_dataset_is_there(const char *path)
{
    struct stat info;
    return look(path, &info) || tec_dataset_kind_at(path);
}

static tec_status scan_into(const char *path, tec_label_mode labels, tec_scan_notes *notes, FILE *list)
{
    struct stat info;
    bool there = look(path, &info);
    int reason = errno;
    const tec_dataset_kind *kind = find_kind(path, &info);
    if (!kind && !there)
        return tec_fail(
            TEC_USER_ERROR,
            "%s: %s (a folder of images, a tar archive of them, a list file, a file of arrays or an IDX file is expected)",
            path, strerror(reason));
    if (!kind)
        return tec_fail(TEC_USER_ERROR, "%s: neither a folder nor a file", path);
    fprintf(list, "%s%c", kind->title, 0);
    TEC_TRY(kind->scan(path, labels, notes, list));
    if (labels == TEC_LABELS_FILE && kind->one_size) /* IDX files and arrays */
        return tec_fail(
            TEC_USER_ERROR,
            "%s: its images have no names that lines of data.labels could give: leave data.labels out, labels "
            "are taken from where such a set has them",
            path);
    return TEC_OK;
}

tec_status tec_dataset_scan_noting(const char *path, tec_label_mode labels, tec_scan_notes *notes, char **list,
                                   size_t *bytes)
{
    *list = NULL;
    *bytes = 0;
    FILE *stream = open_memstream(list, bytes);
    if (!stream)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: no memory for the list of images", path);
    tec_status status = scan_into(path, labels, notes, stream);
    bool failed = ferror(stream);
    if ((fclose(stream) || failed) && status == TEC_OK)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: no memory for the list of images", path);
    if (status != TEC_OK) {
        free(*list);
        *list = NULL;
        *bytes = 0;
    }
    return status;
}

static tec_status scan_any(const char *path, tec_label_mode labels, bool skip, char **list, size_t *bytes)
{
    tec_scan_notes notes = {.skip = skip};
    tec_status status = tec_dataset_scan_noting(path, labels, &notes, list, bytes);
    tec_scan_notes_free(&notes);
    return status;
}

tec_status tec_dataset_scan(const char *path, tec_label_mode labels, char **list, size_t *bytes)
{
    return scan_any(path, labels, false, list, bytes);
}

tec_status tec_dataset_scan_skipping(const char *path, tec_label_mode labels, char **list, size_t *bytes)
{
    return scan_any(path, labels, true, list, bytes);
}

/* ---- opening ---- */

static const tec_dataset_kind *kind_of(const char *title)
{
    for (int i = 0; i < KINDS; i++)
        if (!strcmp(kinds[i]->title, title))
            return kinds[i];
    return NULL;
}

tec_status tec_dataset_open(tec_dataset **out, const char *list, size_t bytes, int channels, int64_t limit)
{
    char *copy = tec_allocate(bytes);
    memcpy(copy, list, bytes);
    return tec_dataset_open_taking(out, copy, bytes, NULL, channels, limit);
}

static void free_list(char *list, size_t bytes, tec_release *release)
{
    if (release && list)
        release(list, bytes);
    else
        free(list);
}

tec_status tec_dataset_open_taking(tec_dataset **out, char *list, size_t bytes, tec_release *release, int channels,
                                   int64_t limit)
{
    assert(channels >= 1 && channels <= TEC_BANDS_MOST);
    *out = NULL;
    const tec_dataset_kind *kind = bytes && !list[bytes - 1] ? kind_of(list) : NULL;
    if (!kind) {
        free_list(list, bytes, release);
        return tec_fail(TEC_SYSTEM_ERROR, "list of images: damaged, or of another version (%zu bytes)", bytes);
    }
    tec_dataset *set = tec_allocate_zeroed(1, sizeof *set);
    set->kind = kind;
    set->channels = channels;
    set->list = list;
    set->list_bytes = bytes;
    set->release = release;

    tec_list_cursor cursor = {set->list, set->list + bytes};
    tec_list_next(&cursor);
    tec_status status = kind->open(set, &cursor);
    if (status != TEC_OK) {
        tec_dataset_close(set);
        return status;
    }
    set->size = limit > 0 && limit < set->total ? limit : set->total;
    set->content = set->content ? set->content : set->fingerprint;
    set->fingerprint = tec_hash_bytes(set->fingerprint, &set->size, sizeof set->size);
    set->findings = tec_findings_create(set->size);
    *out = set;
    return TEC_OK;
}

void tec_dataset_close(tec_dataset *set)
{
    if (!set)
        return;
    if (set->own)
        set->kind->close(set->own);
    tec_files_free(set->files);
    tec_findings_free(set->findings);
    free(set->class_name);
    free(set->label);
    free(set->state);
    for (int i = 0; i < TEC_LIST_PLACES; i++)
        free(set->kept[i]);
    free(set->chosen);
    free_list(set->list, set->list_bytes, set->release);
    free(set);
}

/* ---- asking ---- */

int64_t tec_dataset_index(const tec_dataset *set, int64_t sample)
{
    assert(sample >= 0 && sample < set->size);
    return set->chosen ? set->chosen[sample] : sample * set->total / set->size;
}

int64_t tec_dataset_size(const tec_dataset *set)
{
    return set->size;
}

bool tec_dataset_one_size(const tec_dataset *set)
{
    return set->kind->one_size;
}

int tec_dataset_classes(const tec_dataset *set)
{
    return set->classes;
}

const char *tec_dataset_class_name(const tec_dataset *set, int label)
{
    assert(label >= 0 && label < set->classes);
    return set->class_name[label];
}

int tec_dataset_index_label(const tec_dataset *set, int64_t index)
{
    if (set->label)
        return set->label[index];
    return set->classes && set->kind->label ? set->kind->label(set, index) : -1;
}

int tec_dataset_label(const tec_dataset *set, int64_t sample)
{
    return tec_dataset_index_label(set, tec_dataset_index(set, sample));
}

char *tec_dataset_name(const tec_dataset *set, int64_t sample, char *text, size_t size)
{
    set->kind->name(set, tec_dataset_index(set, sample), text, size);
    return text;
}

uint64_t tec_dataset_fingerprint(const tec_dataset *set)
{
    return set->fingerprint;
}

static tec_decoding decoding_of(const tec_dataset *set)
{
    return (tec_decoding){.channels = set->channels, .strict = set->strict, .turn = set->turn, .bands = set->bands};
}

/* From the samples that all images of a set have to what is asked for. */
static tec_status convert(const tec_dataset *set, int64_t sample, tec_image *image)
{
    char name[256];
    const tec_decoding how = decoding_of(set);
    const tec_band_source source = set->kind->source(set);
    tec_status status = tec_band_take(image, &source, &how, tec_dataset_name(set, sample, name, sizeof name));
    if (status != TEC_OK)
        tec_image_free(image);
    return status;
}

tec_status tec_dataset_read(const tec_dataset *set, int64_t sample, tec_image *out)
{
    *out = (tec_image){0};
    TEC_TRY(set->kind->read(set, tec_dataset_index(set, sample), out));
    if (set->kind->source)
        TEC_TRY(convert(set, sample, out));
    tec_findings_note(set->findings, sample, out);
    return TEC_OK;
}

tec_status tec_dataset_decode(const tec_dataset *set, const void *data, size_t bytes, const char *name, tec_image *out)
{
    const tec_decoding how = decoding_of(set);
    return tec_image_decode(out, data, bytes, &how, name);
}

void tec_dataset_decode_as(tec_dataset *set, bool strict, bool turn)
{
    set->strict = strict;
    set->turn = turn;
    if (turn && !set->kind->one_size) /* those of one size, IDX files and arrays, have no EXIF data */
        set->fingerprint = tec_hash_bytes(set->fingerprint, "turned", strlen("turned"));
}

tec_status tec_dataset_take_bands(tec_dataset *set, const tec_bands *bands)
{
    if (set->kind->one_band && bands->of_model && set->channels != 1 && set->channels != 3)
        return tec_fail(TEC_USER_ERROR,
                        "%s: images of an IDX file have one band, but the model takes %d: give it images of as many",
                        set->root, set->channels);
    if (set->kind->one_band && (bands->chosen || (set->channels != 1 && set->channels != 3)))
        return tec_fail(TEC_USER_ERROR,
                        "%s: images of an IDX file have one band: set data.channels to 1 (or 3, which repeats it), and "
                        "leave data.bands out",
                        set->root);
    if (set->kind->source) {
        const tec_band_source source = set->kind->source(set);
        const tec_decoding how = {.channels = set->channels, .bands = *bands};
        tec_band_plan plan;
        TEC_TRY(tec_band_plan_make(&plan, &source, &how, set->root));
    }
    set->bands = *bands;
    if (bands->scaling != TEC_SCALING_BYTES) {
        const double range[3] = {bands->scaling, bands->low, bands->high};
        set->fingerprint = tec_hash_bytes(set->fingerprint, range, sizeof range);
    }
    if (bands->chosen)
        set->fingerprint = tec_hash_bytes(set->fingerprint, bands->band, (size_t)bands->chosen * sizeof *bands->band);
    return TEC_OK;
}

const tec_bands *tec_dataset_bands(const tec_dataset *set)
{
    return &set->bands;
}

bool tec_dataset_has_values(const tec_dataset *set)
{
    return tec_bands_widen(&set->bands);
}

tec_findings *tec_dataset_findings(const tec_dataset *set)
{
    return set->findings;
}

int64_t tec_dataset_memory(const tec_dataset *set)
{
    return set->kind->memory ? set->kind->memory(set) : 0;
}

int tec_dataset_shards(const tec_dataset *set)
{
    return set->kind->shards ? set->kind->shards(set) : 0;
}

char *tec_dataset_shard_file(const tec_dataset *set, int shard, int64_t *bytes)
{
    assert(shard >= 0 && shard < tec_dataset_shards(set));
    return set->kind->shard_file(set, shard, bytes);
}

void tec_dataset_read_from(tec_dataset *set, const char *dir)
{
    assert(set->kind->read_from);
    set->kind->read_from(set, dir);
}
