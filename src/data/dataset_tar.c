/* Tar archives of images as a data set, read in place: as WebDataset writes them, of class folders, or of further archives. A
 * scan lists their images as those of a folder that they would be unpacked to, so that the same images have the same numbers,
 * names and fingerprint. */
#include "dataset_parts.h"

#include "file_list.h"
#include "image_codec.h"
#include "passed_over.h"
#include "shards.h"
#include "tar_archives.h"
#include "tar_format.h"
#include "tar_index.h"
#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- scan ---- */

/* All archives of a set together. */
typedef struct gathering {
    const char *root;
    tec_archives archives;
    int64_t *bytes; /* [archives.count] */
    tec_found found;
    struct about {
        char source; /* of the label */
        bool image;  /* it begins as one */
    } * about;       /* [found.count], in the order in which they were found: tec_found_file.line says which */
    size_t about_room;
    tec_passed_over over;
    int64_t made, captions, strays, masks, links, open, unkept, looks;
    char *stray, *link, *ended, *reason;
    bool folders; /* an image is in a folder */
} gathering;

/* What of a path is below the folder that is meant; NULL: it is elsewhere. */
static const char *below(const gathering *g, const char *path)
{
    size_t length = strlen(g->archives.inside);
    if (!length)
        return path;
    return !strncmp(path, g->archives.inside, length) && path[length] == '/' ? path + length + 1 : NULL;
}

static void note_first(char **first, int64_t *count, int64_t more, const char *archive, const char *what)
{
    if (more && !*first)
        *first = tec_string_format("%s: %s", archive, what);
    *count += more;
}

static void add_image(gathering *g, tec_tar_entry *entry, const char *path, int archive)
{
    g->about = tec_grow(g->about, g->found.count, &g->about_room, sizeof *g->about);
    g->about[g->found.count] = (struct about){entry->source, entry->image};
    tec_found_file *file = tec_found_add(&g->found, path);
    file->label = entry->label;
    entry->label = NULL;
    file->line = (int)g->found.count - 1;
    file->shard = archive;
    file->offset = entry->offset;
    file->bytes = entry->bytes;
    file->crc = entry->crc;
    g->folders = g->folders || strchr(path, '/');
    g->looks += entry->image;
}

static void add_entry(gathering *g, tec_tar_entry *entry, int archive)
{
    const char *path = below(g, entry->path), *name = tec_path_name(entry->path);
    if (!path)
        return;
    if (entry->kind == 'i' || entry->kind == 'c')
        add_image(g, entry, path, archive);
    else if (entry->kind == 'l')
        note_first(&g->link, &g->links, 1, g->archives.path[archive], path);
    else if (entry->kind == 'p')
        tec_passed_over_note_file(&g->over, name, NULL);
    else
        tec_passed_over_note(&g->over, entry->kind == 'j' ? TEC_PASSED_JUNK : TEC_PASSED_SPECIAL, path);
}

static tec_status add_archive(gathering *g, int archive, tec_scan_notes *notes)
{
    tec_tar_index index;
    const char *path = g->archives.path[archive];
    tec_status status = tec_tar_index_get(&index, path);
    if (status == TEC_OK) {
        g->bytes[archive] = (int64_t)index.info.st_size;
        tec_scan_note_folder(notes, path, &index.info);
        for (size_t i = 0; i < index.count; i++)
            add_entry(g, &index.entry[i], archive);
        g->made += index.made;
        g->captions += index.captions;
        g->masks += index.masks;
        note_first(&g->stray, &g->strays, index.strays, path, index.stray);
        note_first(&g->reason, &g->unkept, index.unkept != NULL, path, index.unkept);
        char *rest = tec_string_format("byte %lld", (long long)index.rest);
        note_first(&g->ended, &g->open, index.open || index.rest, path, index.rest ? rest : "its end");
        free(rest);
    }
    tec_tar_index_free(&index);
    return status;
}

static void free_gathering(gathering *g)
{
    free(g->bytes);
    free(g->about);
    free(g->stray);
    free(g->link);
    free(g->ended);
    free(g->reason);
    tec_passed_over_free(&g->over);
    tec_found_free(&g->found);
    tec_archives_free(&g->archives);
}

/* ---- the same path twice ---- */

static int by_place(const void *a, const void *b)
{
    const tec_found_file *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    if (order)
        return order;
    order = x->shard - y->shard;
    return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

/* Of a member that an archive has twice the later one counts, as when it is unpacked. Returns whether two archives have a
 * member of the same path. */
static bool drop_former(tec_found *found)
{
    bool shared = false;
    size_t kept = 0;
    if (found->count)
        qsort(found->file, found->count, sizeof *found->file, by_place);
    for (size_t i = 0; i < found->count; i++) {
        const tec_found_file *next = i + 1 < found->count ? &found->file[i + 1] : NULL;
        bool same = next && !strcmp(next->path, found->file[i].path);
        if (same && next->shard == found->file[i].shard) {
            free(found->file[i].path);
            free(found->file[i].label);
        } else {
            shared = shared || same;
            found->file[kept++] = found->file[i];
        }
    }
    found->count = kept;
    return shared;
}

/* "ARCHIVE/PATH" in place of PATH, for all. First folders, if these were classes, stay the labels. */
static void name_after_archives(gathering *g, bool classes)
{
    for (size_t i = 0; i < g->found.count; i++) {
        tec_found_file *file = &g->found.file[i];
        const char *name = tec_path_name(g->archives.path[file->shard]), *dot = strrchr(name, '.');
        char *path =
            tec_string_format("%.*s/%s", (int)(dot && dot > name ? dot - name : (long)strlen(name)), name, file->path);
        if (classes && !file->label)
            file->label = tec_string_format("%.*s", (int)strcspn(file->path, "/"), file->path);
        free(file->path);
        file->path = path;
    }
}

/* ---- labels ---- */

/* The kind of files that labels are in, of which the first in this order counts; '-': there is none. */
static char source_of(const gathering *g)
{
    for (const char *source = "cjt"; *source; source++)
        for (size_t i = 0; i < g->found.count; i++)
            if (g->about[g->found.file[i].line].source == *source)
                return *source;
    return '-';
}

static const char *ending_of(char source)
{
    return source == 'c' ? ".cls" : source == 'j' ? ".json with a label" : ".txt with a label";
}

/* Labels beside images: of all of them or of none. */
static tec_status take_labels(gathering *g, tec_label_mode labels)
{
    char source = labels == TEC_LABELS_AUTO ? source_of(g) : '-';
    int64_t missing = 0;
    const tec_found_file *first = NULL;
    if (source == 't' && g->captions)
        source = '-';
    for (size_t i = 0; i < g->found.count; i++) {
        tec_found_file *file = &g->found.file[i];
        if (g->about[file->line].source == source && source != '-')
            continue;
        free(file->label);
        file->label = NULL;
        first = missing++ ? first : file;
    }
    if (source == '-' || !missing)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "%s: %lld of %zu images have no %s beside them as the others do (%s: %s): add these, or set "
                    "data.labels=none or folders",
                    g->root, (long long)missing, g->found.count, ending_of(source), g->archives.path[first->shard],
                    first->path);
}

static void say_labels(const gathering *g, tec_label_mode labels, tec_scan_notes *notes)
{
    if (labels != TEC_LABELS_AUTO)
        return;
    if (g->captions)
        tec_log("%s: the .txt files beside its images are captions and not labels: %lld of them hold several words",
                g->root, (long long)g->captions);
    if (!g->strays)
        return;
    char *text =
        tec_string_format("%lld label%s (.cls) %s no image (%s%s)", (long long)g->strays, tec_plural(g->strays),
                          g->strays == 1 ? "has" : "have", g->stray, g->strays > 1 ? ", ..." : "");
    tec_scan_remark(notes, g->root, text);
    free(text);
}

/* ---- judging ---- */

static tec_status refuse_empty(const gathering *g)
{
    char endings[256], *files = tec_passed_over_files(&g->over);
    const char *in = g->archives.inside;
    tec_status status =
        tec_fail(TEC_USER_ERROR, "%s: no image (%s, or by content) in %s%s%s%s%s", g->root,
                 tec_image_endings(endings, sizeof endings), g->archives.count > 1 ? "these archives" : "this archive",
                 *in ? " below " : "", in, g->over.files ? ", but " : "", g->over.files ? files : "");
    free(files);
    return status;
}

static tec_status check_links(const gathering *g, tec_scan_notes *notes)
{
    if (!g->links)
        return TEC_OK;
    if (!notes->skip)
        return tec_fail(
            TEC_USER_ERROR,
            "%s: %lld image%s only a link (%s%s), which leads nowhere in an archive: make it by `tar -h`, or "
            "leave such images out by data.on_bad_image=skip",
            g->root, (long long)g->links, g->links == 1 ? " is" : "s are", g->link, g->links > 1 ? ", ..." : "");
    char *text =
        tec_string_format("%lld link%s named as an image %s left out (%s%s)", (long long)g->links, tec_plural(g->links),
                          g->links == 1 ? "is" : "are", g->link, g->links > 1 ? ", ..." : "");
    tec_scan_remark(notes, g->root, text);
    free(text);
    return TEC_OK;
}

static tec_status check_lacking(const gathering *g, const tec_scan_notes *notes)
{
    for (size_t i = 0; i < g->found.count && !notes->skip; i++) {
        const char *kind, *path = g->found.file[i].path, *library = tec_image_lacking(path, &kind);
        if (library)
            return tec_fail(
                TEC_USER_ERROR,
                "%s: member %s is a %s image, for which this build of tec lacks %s; install it and build tec "
                "anew, or make the archive without such images",
                g->archives.path[g->found.file[i].shard], path, kind, library);
    }
    return TEC_OK;
}

static tec_status refuse_lost(const gathering *g, size_t first, size_t count)
{
    const tec_found_file *file = &g->found.file[first];
    return tec_fail(
        TEC_USER_ERROR,
        "%s: no image of class `%.*s` can be read: none of %zu files named as images is one (%s: member %s): "
        "make the archive without it, or set data.labels=none",
        g->root, (int)strcspn(file->path, "/"), file->path, count, g->archives.path[file->shard], file->path);
}

/* A class folder none of whose files is an image would be noticed by nobody who skips bad images. Files are sorted. */
static tec_status check_classes(const gathering *g, tec_label_mode labels)
{
    const tec_found *found = &g->found;
    if (!tec_found_is_labelled(found, labels) || found->file[0].label)
        return TEC_OK;
    for (size_t first = 0, end; first < found->count; first = end) {
        size_t folder = strcspn(found->file[first].path, "/");
        bool image = false;
        for (end = first; end < found->count && !strncmp(found->file[end].path, found->file[first].path, folder + 1);
             end++)
            image = image || g->about[found->file[end].line].image;
        if (!image && found->file[first].path[folder])
            return refuse_lost(g, first, end - first);
        end = end > first ? end : first + 1;
    }
    return TEC_OK;
}

static void say_ends(const gathering *g, tec_scan_notes *notes)
{
    if (!g->open)
        return;
    char *text =
        tec_string_format("%lld archive%s not end as tar archives do: cut short, or several joined? (%s%s) What is "
                          "behind is not read",
                          (long long)g->open, g->open == 1 ? " does" : "s do", g->ended, g->open > 1 ? ", ..." : "");
    tec_scan_remark(notes, g->root, text);
    free(text);
}

static void say_all(const gathering *g, tec_label_mode labels, tec_scan_notes *notes)
{
    tec_log("%s: %zu image%s in %zu archive%s, %s", g->root, g->found.count, tec_plural((long long)g->found.count),
            g->archives.count, tec_plural((long long)g->archives.count),
            !g->made     ? "listed by the index that is kept beside"
            : !g->unkept ? "whose index is now kept beside (" TEC_TAR_INDEX_ENDING ")"
                         : "listed anew");
    if (g->unkept)
        tec_log("%s: the index cannot be kept beside the archive, and is made anew where no list is kept: %s", g->root,
                g->reason);
    if (labels == TEC_LABELS_AUTO && g->archives.count > 1 && !g->folders && !g->found.file[0].label)
        tec_log(
            "%s: nothing tells classes, so that all images are unlabelled; data.labels=folders takes each archive for a "
            "class",
            g->root);
    say_labels(g, labels, notes);
    say_ends(g, notes);
    if (g->masks)
        tec_log("%s: %lld further picture%s of samples (as x.seg.png beside x.jpg) left out", g->root,
                (long long)g->masks, g->masks == 1 ? " is" : "s are");
    char *passed = tec_passed_over_text(&g->over);
    if (*passed)
        tec_scan_remark(notes, g->root, passed);
    free(passed);
}

static tec_status judge(gathering *g, tec_label_mode labels, tec_scan_notes *notes, FILE *list)
{
    bool shared = drop_former(&g->found), several = g->archives.count > 1;
    if (!g->found.count)
        return refuse_empty(g);
    TEC_TRY(check_links(g, notes));
    TEC_TRY(check_lacking(g, notes));
    TEC_TRY(take_labels(g, labels));
    TEC_TRY(check_classes(g, labels));
    bool by_archive = several && labels == TEC_LABELS_FOLDERS && !g->folders;
    if (shared || by_archive)
        name_after_archives(g, !by_archive && tec_found_is_labelled(&g->found, labels));
    say_all(g, labels, notes);
    g->found.packed = true;
    return tec_found_write(&g->found, g->root, labels, notes, list);
}

static bool matches(const char *path, const struct stat *info)
{
    return tec_archives_are_meant(path, info);
}

static tec_status scan(const char *path, tec_label_mode labels, tec_scan_notes *notes, FILE *list)
{
    gathering g = {.root = path};
    tec_status status = tec_archives_find(&g.archives, path);
    if (status == TEC_OK) {
        g.bytes = tec_allocate(g.archives.count * sizeof *g.bytes);
        for (size_t i = 0; i < g.archives.count && status == TEC_OK; i++)
            status = add_archive(&g, (int)i, notes);
    }
    if (status == TEC_OK)
        status = judge(&g, labels, notes, list);
    if (status == TEC_OK) {
        fprintf(list, "%zu%c", g.archives.count, 0);
        for (size_t i = 0; i < g.archives.count; i++)
            fprintf(list, "%lld %s%c", (long long)g.bytes[i], g.archives.path[i], 0);
    }
    free_gathering(&g);
    return status;
}

/* ---- open and read ---- */

typedef struct tars {
    tec_shards shards;
    const char **path; /* [shards.count], of the list */
} tars;

static const tec_shard_words words = {"the archives", "put the former archive back",
                                      "larger archives make fewer files"};

static tec_status open_archives(tars *t, tec_list_cursor *cursor)
{
    const long long count = atoll(tec_list_next(cursor));
    if (count < 1 || count > cursor->end - cursor->at || count > INT_MAX)
        return tec_fail(TEC_SYSTEM_ERROR, "list of images: %lld archives", count);
    tec_shards_start(&t->shards, (int)count, &words);
    t->path = tec_allocate((size_t)count * sizeof *t->path);
    for (int i = 0; i < t->shards.count; i++) {
        char *end;
        const char *text = tec_list_next(cursor);
        t->shards.bytes[i] = strtoll(text, &end, 10);
        t->path[i] = *end == ' ' ? end + 1 : "";
        if (t->shards.bytes[i] < 0 || !*t->path[i])
            return tec_fail(TEC_SYSTEM_ERROR, "list of images: archive %d is damaged", i);
    }
    return TEC_OK;
}

static tec_status open_tars(tec_dataset *set, tec_list_cursor *cursor)
{
    tars *t = set->own = tec_allocate_zeroed(1, sizeof *t);
    TEC_TRY(tec_files_open(set, cursor, true));
    TEC_TRY(open_archives(t, cursor));
    return tec_shards_check(&t->shards, set, TAR_BLOCK);
}

static void close_tars(void *own)
{
    tars *t = own;
    tec_shards_free(&t->shards);
    free(t->path);
    free(t);
}

static char *archive_path(const tars *t, int archive)
{
    const char *copy = t->shards.copy;
    return copy ? tec_path_join(copy, tec_path_name(t->path[archive])) : tec_string_copy(t->path[archive]);
}

static tec_status refuse_changed(const tec_dataset *set, const char *path, int archive)
{
    const tars *t = set->own;
    tec_dataset_list_drop(set);
    tec_tar_index_drop(t->path[archive]);
    return tec_fail(
        TEC_SYSTEM_ERROR,
        "%s has changed since its images were listed: put the former archive back, or start again, then it is "
        "listed anew",
        path);
}

/* The header block, which precedes the contents, tells whether they are still those that were listed. */
static tec_status read_bytes(const tec_dataset *set, const tec_pack_place *place, const char *path, char *data)
{
    const tars *t = set->own;
    tec_status status = tec_shards_get(&t->shards, place, TAR_BLOCK, path, data);
    if (status == TEC_USER_ERROR)
        return refuse_changed(set, path, place->shard);
    if (status == TEC_OK && tec_crc32c(0, data, TAR_BLOCK) != place->crc)
        status = refuse_changed(set, path, place->shard);
    return status;
}

static tec_status read_image(const tec_dataset *set, int64_t index, tec_image *out)
{
    const tars *t = set->own;
    long label;
    tec_pack_place place;
    const char *member = tec_files_find(set, index, &label, &place);
    char *path = archive_path(t, place.shard);
    char *name = tec_string_format("%s: member %s (byte %lld)", path, member, (long long)place.offset);
    char *data = place.bytes <= (int64_t)TEC_IMAGE_MAX_BYTES ? tec_allocate(TAR_BLOCK + (size_t)place.bytes) : NULL;
    tec_status status = data ? read_bytes(set, &place, path, data)
                             : tec_fail(TEC_USER_ERROR, "%s has %lld bytes, more than an image is read from", name,
                                        (long long)place.bytes);
    if (status == TEC_OK)
        status = tec_dataset_decode(set, data + TAR_BLOCK, (size_t)place.bytes, name, out);
    free(data);
    free(name);
    free(path);
    return status;
}

int tec_dataset_archives(const tec_dataset *set, int64_t *bytes)
{
    *bytes = 0;
    if (set->kind != &tec_dataset_tar)
        return 0;
    const tars *t = set->own;
    for (int i = 0; i < t->shards.count; i++)
        *bytes += t->shards.bytes[i];
    return t->shards.count;
}

/* ---- archives as shards ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(tec_path_name(*(const char *const *)a), tec_path_name(*(const char *const *)b));
}

/* Copies lie in one folder: archives of several folders that are called the same are not copied. */
static int count_shards(const tec_dataset *set)
{
    const tars *t = set->own;
    const int count = t->shards.count;
    const char **name = tec_allocate((size_t)count * sizeof *name);
    bool same = false;
    memcpy(name, t->path, (size_t)count * sizeof *name);
    qsort(name, (size_t)count, sizeof *name, by_name);
    for (int i = 1; i < count; i++)
        same = same || by_name(&name[i - 1], &name[i]) == 0;
    free(name);
    return same ? 0 : count;
}

static char *shard_file(const tec_dataset *set, int shard, int64_t *bytes)
{
    const tars *t = set->own;
    *bytes = t->shards.bytes[shard];
    return archive_path(t, shard);
}

static void read_from(tec_dataset *set, const char *dir)
{
    tars *t = set->own;
    tec_shards_read_from(&t->shards, dir);
}

const tec_dataset_kind tec_dataset_tar = {
    .title = "tec-list 1 tar",
    .matches = matches,
    .scan = scan,
    .open = open_tars,
    .close = close_tars,
    .name = tec_files_name,
    .label = tec_files_label,
    .read = read_image,
    .entry = tec_files_entry,
    .shards = count_shards,
    .shard_file = shard_file,
    .read_from = read_from,
};
