/* Lists of images that are kept for the next start. */
#include "tec/dataset_kept.h"

#include "dataset_parts.h"
#include "file_list.h"
#include "image_codec.h"
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

static char *file_of(const char *dir, const char *name)
{
    char *file = tec_string_format("%s.list.gz", name), *path = tec_path_join(dir, file);
    free(file);
    return path;
}

/* What a list depends on besides the folder. */
static char *rules_of(const tec_list_request *r)
{
    char endings[256];
    return tec_string_format("tec %s, labels %d, skip %d, %s", tec_version(), (int)r->labels, (int)r->skip,
                             tec_image_endings(endings, sizeof endings));
}

/* ---- what is kept besides the list: title, rules, root, "IMAGES REMARKS FOLDERS", remarks, folders ---- */

static void put_texts(FILE *out, const tec_scan_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        fprintf(out, "%s%c", texts->text[i], 0);
}

static void put_state(const tec_list_request *r, const tec_scan_notes *notes, tec_listed *out)
{
    FILE *stream = open_memstream(&out->state, &out->state_bytes);
    if (!stream)
        return;
    char *rules = rules_of(r);
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

static bool is_as_it_was(const char *root, tec_list_cursor *at, size_t folders, const char **changed)
{
    for (; folders > 0 && at->at < at->end; folders--) {
        tec_phase_tick();
        if (!tec_scan_still_so(tec_list_next(at), root, changed))
            return false;
    }
    return sizes_are_same(root, *at, changed);
}

static bool put_list(const char *root, const tec_list_cursor *rest, tec_listed *out)
{
    FILE *stream = open_memstream(&out->list, &out->bytes);
    if (!stream)
        return false;
    fprintf(stream, "%s%c%s%c", tec_dataset_folder.title, 0, root, 0);
    fwrite(rest->at, 1, (size_t)(rest->end - rest->at), stream);
    bool good = fclose(stream) == 0;
    if (!good) {
        free(out->list);
        *out = (tec_listed){0};
    }
    return good;
}

static bool take_from(const tec_list_request *r, const char *file, tec_list_cursor at, tec_listed *out)
{
    char *rules = rules_of(r);
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
    if (!is_as_it_was(r->path, &at, folders, &changed)) {
        if (same_root) /* otherwise it is simply another folder */
            tec_log("%s is listed anew: it has changed (%s) since %s was written", r->path,
                    *changed ? changed : "the folder itself", file);
        return false;
    }
    if (!put_list(r->path, &at, out))
        return false;
    tec_log("%s: list of %lld images taken from %s; the folder has not changed since", r->path, images, file);
    for (size_t i = 0; i < remarks; i++)
        tec_warn("%s: %s", r->path, tec_list_next(&remark));
    return true;
}

static bool take_kept(const tec_list_request *r, const char *dir, tec_listed *out)
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
            taken = take_from(r, file, at, out);
    }
    free(data);
    free(file);
    return taken;
}

tec_status tec_dataset_list(const tec_list_request *request, tec_listed *out)
{
    struct stat info;
    *out = (tec_listed){0};
    bool folder = !stat(request->path, &info) && S_ISDIR(info.st_mode);
    for (int i = 0; i < TEC_LIST_PLACES && folder; i++)
        if (request->dir[i][0] && take_kept(request, request->dir[i], out))
            return TEC_OK;
    tec_scan_notes notes = {.skip = request->skip, .role = request->name};
    tec_status status = tec_dataset_scan_noting(request->path, request->labels, &notes, &out->list, &out->bytes);
    if (status == TEC_OK && notes.folders.count && !notes.unsure)
        put_state(request, &notes, out);
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
