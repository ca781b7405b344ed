/* Makes the index of a tar archive, keeps it and reads it again. */
#include "tar_index.h"

#include "dataset_parts.h"
#include "image_codec.h"
#include "passed_over.h"
#include "tar_read.h"
#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/phase.h"
#include "tec/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define TITLE "tec-tar-index 1"
#define MOST_BYTES ((size_t)1 << 36)

enum { DEEPEST = 4 }; /* archives in archives */

static void free_entry(tec_tar_entry *entry)
{
    free(entry->label);
    free(entry->path);
}

void tec_tar_index_free(tec_tar_index *index)
{
    for (size_t i = 0; i < index->count; i++)
        free_entry(&index->entry[i]);
    free(index->entry);
    free(index->stray);
    free(index->unkept);
    *index = (tec_tar_index){0};
}

static tec_tar_entry *add(tec_tar_index *index, char kind, char *path)
{
    index->entry = tec_grow(index->entry, index->count, &index->room, sizeof *index->entry);
    tec_tar_entry *entry = &index->entry[index->count++];
    *entry = (tec_tar_entry){.kind = kind, .source = '-', .path = path};
    return entry;
}

/* ---- making ---- */

typedef struct indexing {
    tec_tar_index *index;
    tec_tar_labels labels;
    int64_t bytes; /* of the whole archive */
} indexing;

static bool ends(const char *name, const char *ending)
{
    size_t length = strlen(name), end = strlen(ending);
    return length > end && !strcasecmp(name + length - end, ending);
}

/* Hidden files, and what lies in hidden folders. */
static bool is_junk(const char *path)
{
    bool junk = false;
    for (const char *at = path; at && !junk; at = strchr(at, '/')) {
        at += *at == '/';
        char *part = tec_string_format("%.*s", (int)strcspn(at, "/"), at);
        junk = tec_passed_over_is_junk(part);
        free(part);
    }
    return junk;
}

static tec_status add_label(indexing *x, const tec_tar *tar, const char *path)
{
    const tec_tar_member *m = &tar->member;
    char *data = NULL;
    tec_status status = TEC_OK;
    if (m->bytes <= (int64_t)tec_tar_label_room(path)) {
        data = tec_allocate((size_t)m->bytes + 1);
        data[m->bytes] = 0;
        if (m->bytes <= (int64_t)m->head_bytes)
            memcpy(data, m->head, (size_t)m->bytes);
        else
            status = tec_file_get(tar->fd, tar->name, data, (size_t)m->bytes, m->offset);
    }
    if (status == TEC_OK)
        tec_tar_labels_add(&x->labels, path, data, (size_t)m->bytes);
    free(data);
    return status;
}

static void add_file(indexing *x, const tec_tar *tar, char *path)
{
    const tec_tar_member *m = &tar->member;
    const char *name = tec_path_name(path);
    bool image = tec_image_starts(m->head, m->head_bytes), text = tec_passed_over_is_text(name);
    char kind = is_junk(path) ? 'j' : tec_image_is_named(name) ? 'i' : image && !text ? 'c' : 'p';
    tec_tar_entry *entry = add(x->index, kind, path);
    entry->image = image;
    entry->crc = m->crc;
    entry->offset = m->offset;
    entry->bytes = m->bytes;
}

static tec_status walk(indexing *x, int fd, const char *name, const char *before, int64_t begin, int64_t end,
                       int depth);

/* An archive in the archive: its members are in a folder that is called as it is. */
static tec_status add_archive(indexing *x, const tec_tar *tar, const char *path, int depth)
{
    const tec_tar_member *m = &tar->member;
    char *name = tec_string_format("%s: %s", tar->name, path);
    char *before = tec_string_format("%.*s/", (int)(strlen(path) - strlen(".tar")), path);
    tec_status status =
        depth < DEEPEST
            ? walk(x, tar->fd, name, before, m->offset, m->offset + m->bytes, depth + 1)
            : tec_fail(TEC_USER_ERROR, "%s: more than %d archives are inside each other: unpack it", name, DEEPEST);
    x->index->inner++;
    free(before);
    free(name);
    return status;
}

static tec_status add_regular(indexing *x, const tec_tar *tar, char *path, int depth)
{
    const tec_tar_member *m = &tar->member;
    const char *kind, *unpacker = tec_tar_unpacker(path, &kind);
    tec_status status = TEC_OK;
    if (unpacker && strcmp(kind, "ZIP") != 0 && !is_junk(path)) {
        status = tec_tar_refuse_compressed(path, kind, unpacker, tar->name);
    } else if (ends(path, ".tar") && tec_tar_starts(m->head, m->head_bytes)) {
        status = add_archive(x, tar, path, depth);
    } else if (tec_tar_label_room(path) && !is_junk(path)) {
        status = add_label(x, tar, path);
    } else {
        add_file(x, tar, path);
        return TEC_OK;
    }
    free(path);
    return status;
}

/* before: what stands before the paths. */
static tec_status add_member(indexing *x, const tec_tar *tar, const char *before, int depth)
{
    const tec_tar_member *m = &tar->member;
    char *clean = tec_path_clean(m->path), *path = clean && *clean ? tec_string_format("%s%s", before, clean) : NULL;
    free(clean);
    if (m->type == TEC_TAR_FOLDER || (!path && m->type != TEC_TAR_FILE)) {
        free(path);
    } else if (!path) { /* it would lead out of the folder that it is unpacked in */
        add(x->index, 'o', tec_string_copy(*m->path ? m->path : "(no name)"));
    } else if (m->type == TEC_TAR_FILE) {
        return add_regular(x, tar, path, depth);
    } else if (m->type == TEC_TAR_HARD_LINK) {
        char *target = tec_path_clean(m->link);
        add(x->index, 'h', path)->label = tec_string_format("%s%s", before, target ? target : "");
        free(target);
    } else {
        add(x->index, m->type == TEC_TAR_LINK && tec_image_is_named(path) ? 'l' : 'o', path);
    }
    return TEC_OK;
}

static tec_status walk(indexing *x, int fd, const char *name, const char *before, int64_t begin, int64_t end, int depth)
{
    tec_tar tar;
    bool found;
    tec_status status;
    tec_tar_start(&tar, fd, name, begin, end);
    while ((status = tec_tar_next(&tar, &found)) == TEC_OK && found) {
        tec_phase_tick();
        status = add_member(x, &tar, before, depth);
        if (status != TEC_OK)
            break;
        if (x->index->count % 1024 == 0 && x->index->count)
            tec_progress_share(TEC_PROGRESS_SECONDS, (double)tar.at / (double)x->bytes,
                               "%s: %zu members found, %.0f %% of it looked through", name, x->index->count,
                               100.0 * (double)tar.at / (double)x->bytes);
    }
    x->index->open = x->index->open || !tar.ended;
    if (tar.rest && !x->index->rest)
        x->index->rest = tar.rest;
    tec_tar_free(&tar);
    return status;
}

/* ---- hard links: to members that have been seen ---- */

static int by_path(const void *a, const void *b)
{
    const tec_tar_entry *x = *(tec_tar_entry *const *)a, *y = *(tec_tar_entry *const *)b;
    int order = strcmp(x->path, y->path);
    return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

static void resolve(tec_tar_entry *link, tec_tar_entry **sorted, size_t count)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(sorted[middle]->path, link->label) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low < count && !strcmp(sorted[low]->path, link->label) && !sorted[low]->offset)
        low++;
    const tec_tar_entry *to = low < count && !strcmp(sorted[low]->path, link->label) ? sorted[low] : NULL;
    bool named = tec_image_is_named(link->path);
    free(link->label);
    link->label = NULL;
    link->kind = is_junk(link->path) ? 'j' : !to ? (named ? 'l' : 'o') : named ? 'i' : to->image ? 'c' : 'p';
    if (!to)
        return;
    link->offset = to->offset;
    link->bytes = to->bytes;
    link->crc = to->crc;
    link->image = to->image;
}

static void resolve_links(tec_tar_index *index)
{
    size_t links = 0;
    for (size_t i = 0; i < index->count; i++)
        links += index->entry[i].kind == 'h';
    if (!links)
        return;
    tec_tar_entry **sorted = tec_allocate(index->count * sizeof *sorted);
    for (size_t i = 0; i < index->count; i++)
        sorted[i] = &index->entry[i];
    qsort(sorted, index->count, sizeof *sorted, by_path);
    for (size_t i = 0; i < index->count; i++)
        if (index->entry[i].kind == 'h')
            resolve(&index->entry[i], sorted, index->count);
    free(sorted);
}

tec_status tec_tar_index_make(tec_tar_index *out, int fd, const char *name, int64_t bytes)
{
    indexing x = {.index = out, .bytes = bytes};
    tec_status status = walk(&x, fd, name, "", 0, bytes, 0);
    if (status == TEC_OK) {
        resolve_links(out);
        tec_tar_labels_apply(&x.labels, out);
    }
    tec_tar_labels_free(&x.labels);
    return status;
}

/* ---- on the disk ---- */

char *tec_tar_index_write(const tec_tar_index *index, const char *depends, size_t *bytes)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);
    if (!out)
        return NULL;
    fprintf(out, "%s%c%s%c%lld %lld %lld %lld %d %lld %zu%c%s%c", TITLE, 0, depends, 0, (long long)index->inner,
            (long long)index->captions, (long long)index->strays, (long long)index->masks, index->open,
            (long long)index->rest, index->count, 0, index->stray ? index->stray : "", 0);
    for (size_t i = 0; i < index->count; i++) {
        const tec_tar_entry *e = &index->entry[i];
        fprintf(out, "%c %c %d %u %lld %lld %zu %s %s%c", e->kind, e->source, e->image, e->crc, (long long)e->offset,
                (long long)e->bytes, e->label ? strlen(e->label) : 0, e->label ? e->label : "", e->path, 0);
    }
    fflush(out);
    fprintf(out, "end %08x%c", tec_crc32c(0, text, *bytes), 0);
    if (fclose(out)) {
        free(text);
        text = NULL;
    }
    return text;
}

static bool parse_entry(tec_tar_index *out, const char *text)
{
    char kind, source;
    int image, end = 0;
    unsigned crc;
    long long offset, bytes;
    size_t label;
    if (sscanf(text, "%c %c %d %u %lld %lld %zu%n", &kind, &source, &image, &crc, &offset, &bytes, &label, &end) != 7 ||
        text[end] != ' ' || label >= strlen(text + end) || text[end + 1 + (int)label] != ' ' || offset < 0 || bytes < 0)
        return false;
    text += end + 1;
    if (!text[label + 1])
        return false;
    tec_tar_entry *entry = add(out, kind, tec_string_copy(text + label + 1));
    entry->source = source;
    entry->image = image;
    entry->crc = crc;
    entry->offset = offset;
    entry->bytes = bytes;
    entry->label = source != '-' ? tec_string_format("%.*s", (int)label, text) : NULL;
    return true;
}

static bool parse_counts(tec_tar_index *out, const char *text, size_t *count)
{
    long long inner, captions, strays, masks, rest;
    int open;
    if (sscanf(text, "%lld %lld %lld %lld %d %lld %zu", &inner, &captions, &strays, &masks, &open, &rest, count) != 7)
        return false;
    out->inner = inner;
    out->captions = captions;
    out->strays = strays;
    out->masks = masks;
    out->open = open;
    out->rest = rest;
    return true;
}

bool tec_tar_index_parse(tec_tar_index *out, const char *text, size_t bytes, const char *depends)
{
    tec_list_cursor at = {text, text + bytes};
    size_t count;
    *out = (tec_tar_index){0};
    if (!bytes || text[bytes - 1])
        return false;
    if (strcmp(tec_list_next(&at), TITLE) != 0 || strcmp(tec_list_next(&at), depends) != 0 ||
        !parse_counts(out, tec_list_next(&at), &count))
        return false;
    const char *stray = tec_list_next(&at);
    out->stray = *stray ? tec_string_copy(stray) : NULL;
    bool good = true;
    for (size_t i = 0; i < count && good; i++)
        good = parse_entry(out, tec_list_next(&at));
    char mark[32];
    snprintf(mark, sizeof mark, "end %08x", tec_crc32c(0, text, (size_t)(at.at - text)));
    return good && !strcmp(tec_list_next(&at), mark) && at.at == at.end;
}

/* ---- beside the archive ---- */

static char *depends_on(const struct stat *info)
{
    char endings[256];
    return tec_string_format("%lld bytes, changed %lld.%09ld, %s", (long long)info->st_size,
                             (long long)info->st_mtim.tv_sec, info->st_mtim.tv_nsec,
                             tec_image_endings(endings, sizeof endings));
}

static char *index_path(const char *archive)
{
    return tec_string_format("%s" TEC_TAR_INDEX_ENDING, archive);
}

static bool take_kept(tec_tar_index *out, const char *path, const char *depends)
{
    char *text = NULL;
    size_t bytes = 0;
    bool taken = tec_file_exists(path) && tec_file_read(path, MOST_BYTES, &text, &bytes) == TEC_OK &&
                 tec_tar_index_parse(out, text, bytes, depends);
    if (!taken)
        tec_tar_index_free(out);
    free(text);
    return taken;
}

static void keep(tec_tar_index *index, const char *path, const char *depends)
{
    size_t bytes;
    char *text = tec_tar_index_write(index, depends, &bytes);
    if (text && tec_file_write(path, text, bytes) != TEC_OK)
        index->unkept = tec_string_copy(tec_error_message());
    free(text);
}

tec_status tec_tar_index_get(tec_tar_index *out, const char *path)
{
    struct stat info;
    *out = (tec_tar_index){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info)) {
        tec_status status = tec_fail(TEC_USER_ERROR, "%s: %s", path, tec_file_reason(errno));
        if (fd >= 0)
            close(fd);
        return status;
    }
    char *kept = index_path(path), *depends = depends_on(&info);

    tec_status status =
        S_ISREG(info.st_mode)
            ? TEC_OK
            : tec_fail(TEC_USER_ERROR, "%s: a tar archive is expected, but it is no regular file", path);
    if (status == TEC_OK && !take_kept(out, kept, depends)) {
        status = tec_tar_index_make(out, fd, path, (int64_t)info.st_size);
        out->made = true;
        if (status == TEC_OK)
            keep(out, kept, depends);
    }
    out->info = info;
    free(depends);
    free(kept);
    close(fd);
    return status;
}

void tec_tar_index_drop(const char *path)
{
    char *kept = index_path(path);
    unlink(kept);
    free(kept);
}
