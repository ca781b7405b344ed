/* Lists of images that are kept for the next start. */
#include "tec/dataset_kept.h"

#include "array_set.h"
#include "dataset_parts.h"
#include "file_list.h"
#include "image_codec.h"
#include "tar_archives.h"
#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/phase.h"
#include "tec/temporary.h"
#include "tec/text.h"
#include "tec/version.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#define TITLE "tec-folder-list 1"

enum {
    CHUNK = 1 << 20,
    LOOKS = 1000 /* images whose sizes are compared, about a second on a slow file system */
};

/* Of kinds whose lists are kept. */
typedef struct keeping {
    const tec_dataset_kind *kind;
    const char *rule;      /* what tells its lists from others' */
    const char *unchanged; /* "FILE; the folder has not changed since" */

    /* Is everything still as `count` notes at the cursor say, which is moved behind them? If not, *changed is the first. */
    bool (*is_as_noted)(const tec_list_request *r, tec_list_cursor *at, size_t count, const char **changed);
} keeping;

static char *file_of(const char *dir, const char *name)
{
    char *file = tec_string_format("%s.list.gz", name), *path = tec_path_join(dir, file);
    free(file);
    return path;
}

/* What a list depends on besides the folder. */
static char *rules_of(const tec_list_request *r, const keeping *how)
{
    char endings[256];
    char *file = r->labels == TEC_LABELS_FILE
                     ? tec_string_format(" %08x", tec_crc32c(0, r->label_text, strlen(r->label_text)))
                     : tec_string_copy("");
    char *rules = tec_string_format("tec %s, labels %d%s, skip %d, %s%s", tec_version(), (int)r->labels, file,
                                    (int)r->skip, tec_image_endings(endings, sizeof endings), how->rule);
    free(file);
    return rules;
}

/* ---- what is kept besides the list: title, rules, root, "IMAGES REMARKS FOLDERS", remarks, folders ---- */

static void put_texts(FILE *out, const tec_scan_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        fprintf(out, "%s%c", texts->text[i], 0);
}

static void put_state(const tec_list_request *r, const keeping *how, const tec_scan_notes *notes, tec_listed *out)
{
    FILE *stream = open_memstream(&out->state, &out->state_bytes);
    if (!stream)
        return;
    char *rules = rules_of(r, how);
    fprintf(stream, "%s%c%s%c%s%c%lld %zu %zu%c", TITLE, 0, rules, 0, r->path, 0, (long long)notes->images,
            notes->remarks.count, notes->folders.count, 0);
    put_texts(stream, &notes->remarks);
    put_texts(stream, &notes->folders);
    free(rules);
    if (fclose(stream)) {
        free(out->state);
        out->state = NULL;
    }
}

/* ---- reading ---- */

/* The whole file, unpacked; false: it is damaged. */
static bool unpack(const char *file, char **data, size_t *bytes)
{
    FILE *stream = open_memstream(data, bytes);
    gzFile in = stream ? gzopen(file, "rb") : NULL;
    char *chunk = tec_allocate(CHUNK);
    int got = -1;
    while (in && (got = gzread(in, chunk, CHUNK)) > 0) {
        fwrite(chunk, 1, (size_t)got, stream);
        tec_phase_tick();
    }
    bool good = got == 0 && !gzdirect(in);
    if (in)
        good = gzclose_r(in) == Z_OK && good;
    if (stream)
        good = fclose(stream) == 0 && good;
    free(chunk);
    return good && *bytes && !(*data)[*bytes - 1];
}

/* Are images of the list, up to LOOKS of them, as large as they were? If not, *changed is the first. */
static bool sizes_are_same(const char *root, tec_list_cursor at, const char **changed)
{
    tec_files_skip_classes(&at);
    long long images = atoll(tec_list_next(&at)), step = images / LOOKS + 1;
    for (long long i = 0; i < images && at.at < at.end; i++) {
        const char *text = tec_list_next(&at);
        if (i % step != 0)
            continue;
        long label;
        tec_pack_place place;
        struct stat info;
        const char *relative = tec_files_parse(text, false, &label, &place);
        char *path = tec_path_join(root, relative ? relative : "");
        bool same = relative && place.bytes == (stat(path, &info) ? 0 : (int64_t)info.st_size); /* 0: a dead link */
        free(path);
        tec_phase_tick();
        *changed = relative ? relative : "its list";
        if (!same)
            return false;
    }
    return true;
}

/* Does the path still mean these archives? */
static bool are_same_archives(const char *path, tec_list_cursor at, size_t count, const char **changed)
{
    tec_archives now;
    bool same = tec_archives_find(&now, path) == TEC_OK && now.count == count;
    *changed = "which archives there are";
    for (size_t i = 0; same && i < count; i++) {
        const char *note = tec_list_next(&at), *noted = tec_scan_noted_path(note);
        same = !strcmp(noted, now.path[i]) && tec_scan_still_so(note, "", changed);
    }
    tec_archives_free(&now);
    return same;
}

static bool folder_is(const tec_list_request *r, tec_list_cursor *at, size_t count, const char **changed)
{
    for (; count > 0 && at->at < at->end; count--) {
        tec_phase_tick();
        if (!tec_scan_still_so(tec_list_next(at), r->path, changed))
            return false;
    }
    return sizes_are_same(r->path, *at, changed);
}

static void skip(tec_list_cursor *at, size_t count)
{
    for (size_t i = 0; i < count && at->at < at->end; i++)
        tec_list_next(at);
}

static bool archives_are(const tec_list_request *r, tec_list_cursor *at, size_t count, const char **changed)
{
    const tec_list_cursor notes = *at;
    skip(at, count);
    return are_same_archives(r->path, notes, count, changed);
}

static bool arrays_are(const tec_list_request *r, tec_list_cursor *at, size_t count, const char **changed)
{
    const tec_list_cursor notes = *at;
    skip(at, count);
    return tec_arrays_are_as_noted(r, notes, count, changed);
}

/* What the list names behind its title: of an array the file alone. */
static char *root_of(const char *path, const keeping *how)
{
    tec_array_path split;
    if (how->kind != &tec_dataset_array)
        return tec_string_copy(path);
    tec_array_path_split(path, &split);
    char *root = tec_string_copy(split.file);
    tec_array_path_free(&split);
    return root;
}

static bool put_list(const tec_list_request *r, const keeping *how, const tec_list_cursor *rest, tec_listed *out)
{
    FILE *stream = open_memstream(&out->list, &out->bytes);
    if (!stream)
        return false;
    char *root = root_of(r->path, how);
    fprintf(stream, "%s%c%s%c", how->kind->title, 0, root, 0);
    free(root);
    fwrite(rest->at, 1, (size_t)(rest->end - rest->at), stream);
    bool good = fclose(stream) == 0;
    if (!good) {
        free(out->list);
        *out = (tec_listed){0};
    }
    return good;
}

static bool take_from(const tec_list_request *r, const keeping *how, const char *file, tec_list_cursor at,
                      tec_listed *out)
{
    char *rules = rules_of(r, how);
    bool same_rules = !strcmp(tec_list_next(&at), rules), same_root = !strcmp(tec_list_next(&at), r->path);
    long long images = 0;
    size_t remarks = 0, folders = 0;
    const char *changed = "";
    free(rules);
    if (!same_rules || sscanf(tec_list_next(&at), "%lld %zu %zu", &images, &remarks, &folders) != 3 || !folders)
        return false;
    tec_list_cursor remark = at;
    for (size_t i = 0; i < remarks && at.at < at.end; i++)
        tec_list_next(&at);
    if (!how->is_as_noted(r, &at, folders, &changed)) {
        if (same_root) /* otherwise it is simply another folder */
            tec_log("%s is listed anew: it has changed (%s) since %s was written", r->path,
                    *changed ? changed : "the folder itself", file);
        return false;
    }
    if (!put_list(r, how, &at, out))
        return false;
    tec_log("%s: list of %lld images taken from %s; the %s not changed since", r->path, images, file, how->unchanged);
    for (size_t i = 0; i < remarks; i++)
        tec_warn("%s: %s", r->path, tec_list_next(&remark));
    return true;
}

static bool take_kept(const tec_list_request *r, const keeping *how, const char *dir, tec_listed *out)
{
    char *file = file_of(dir, r->name), *data = NULL;
    size_t bytes = 0;
    bool taken = false;
    if (!access(file, R_OK)) {
        bool whole = unpack(file, &data, &bytes);
        tec_list_cursor at = {data, data + bytes};
        if (!whole || !tec_string_starts_with(data, "tec-folder-list "))
            tec_warn("%s is damaged: %s is listed anew", file, r->path);
        else if (!strcmp(tec_list_next(&at), TITLE))
            taken = take_from(r, how, file, at, out);
    }
    free(data);
    free(file);
    return taken;
}

static const keeping kept_kinds[] = {
    {&tec_dataset_folder, "", "folder has", folder_is},
    {&tec_dataset_tar, ", archives", "archives have", archives_are},
    {&tec_dataset_array, ", arrays", "files have", arrays_are},
};
enum { KEPT_KINDS = sizeof kept_kinds / sizeof *kept_kinds };

/* NULL: lists of this kind are not kept. */
static const keeping *keeping_of(const char *path)
{
    const tec_dataset_kind *kind = tec_dataset_kind_at(path);
    for (int i = 0; i < KEPT_KINDS; i++)
        if (kept_kinds[i].kind == kind)
            return &kept_kinds[i];
    return NULL;
}

tec_status tec_dataset_list(const tec_list_request *request, tec_listed *out)
{
    const keeping *how = keeping_of(request->path);
    *out = (tec_listed){0};
    for (int i = 0; i < TEC_LIST_PLACES && how; i++)
        if (request->dir[i][0] && take_kept(request, how, request->dir[i], out))
            return TEC_OK;
    tec_scan_notes notes = {.labels_path = request->labels_path,
                            .labels = request->label_text,
                            .skip = request->skip,
                            .role = request->name};
    tec_status status = tec_dataset_scan_noting(request->path, request->labels, &notes, &out->list, &out->bytes);
    if (status == TEC_OK && how && notes.folders.count && !notes.unsure)
        put_state(request, how, &notes, out);
    tec_scan_notes_free(&notes);
    return status;
}

/* ---- writing ---- */

static bool put(gzFile out, const char *data, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += CHUNK) {
        unsigned now = (unsigned)(bytes - done < CHUNK ? bytes - done : CHUNK);
        tec_phase_tick();
        if (gzwrite(out, data + done, now) != (int)now)
            return false;
    }
    return true;
}

static bool put_all(gzFile out, const tec_dataset *set)
{
    tec_list_cursor rest = {set->list, set->list + set->list_bytes};
    tec_list_next(&rest); /* the title */
    tec_list_next(&rest); /* the root, which may be called otherwise next time */
    return put(out, set->state, set->state_bytes) && put(out, rest.at, (size_t)(rest.end - rest.at));
}

void tec_dataset_list_keep(const tec_dataset *set, const char *dir)
{
    if (!set->state)
        return;
    char *path = file_of(dir, set->list_name);
    if (tec_gzip_publish(path, set, put_all) != TEC_OK)
        tec_warn("%s is listed anew at the next start: %s", set->root, tec_error_message());
    free(path);
}

/* ---- images that are no longer as they were ---- */

void tec_dataset_listed(tec_dataset *set, const tec_list_request *request, char *state, size_t state_bytes)
{
    set->state = state;
    set->state_bytes = state_bytes;
    snprintf(set->list_name, sizeof set->list_name, "%s", request->name);
    for (int i = 0; i < TEC_LIST_PLACES; i++)
        set->kept[i] = request->dir[i][0] ? file_of(request->dir[i], request->name) : NULL;
}

void tec_dataset_list_drop(const tec_dataset *set)
{
    for (int i = 0; i < TEC_LIST_PLACES; i++)
        if (set->kept[i])
            unlink(set->kept[i]);
}
