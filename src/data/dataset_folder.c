/* A folder of image files as a data set: walked when it is scanned, read file by file. */
#include "dataset_parts.h"

#include "file_list.h"
#include "image_codec.h"
#include "passed_over.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/pack.h"
#include "tec/phase.h"
#include "tec/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- scan ---- */

enum { TEXT_LOOKS = 8 }; /* files named as text, of a class without images, that are looked into */

typedef struct text_files {
    char *path[TEXT_LOOKS]; /* of the first */
    int count;
} text_files;

typedef struct walk {
    const char *root;
    tec_found *found;
    tec_scan_notes *notes; /* skip: images that cannot be read are left out later on, so that a dead link may be one */
    tec_passed_over over;
    text_files texts;      /* of the class we are in, or beside the classes */
    tec_passed_over taken; /* the files that are images only by their content */
    int64_t leftovers;     /* of these, those named as copies and the like */
    char *lost;            /* the first class none of whose files is an image, and what they are; NULL: none */
    int64_t lose;          /* such classes */
    char *dead;            /* the first dead link that is an image; NULL: none */
    int64_t dead_links;
    struct {
        const char *kind, *library; /* of the first */
        char *path;                 /* NULL: none */
        int64_t count;
    } lacking; /* images of kinds that this build has no library for */
} walk;

/* The folders that we are in, up to the root: one that comes up again is a loop of symbolic links. */
typedef struct level {
    dev_t device;
    ino_t inode;
    const struct level *above;
} level;

static tec_status walk_folder(walk *w, const char *relative, const level *above);

/* The first bytes of a file, at most TEC_FORMAT_BYTES: how many; -1: it cannot be read. */
static ssize_t look_into(int dir, const char *name, uint8_t *data)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd < 0 ? -1 : pread(fd, data, TEC_FORMAT_BYTES, 0);
    if (fd >= 0)
        close(fd);
    return got;
}

static void lose_class(walk *w, const char *name, const char *reason)
{
    if (w->lose++ == 0)
        w->lost = tec_string_format("no image of class `%s` can be read: %s", name, reason);
}

static void note_text(walk *w, const char *name, const char *relative)
{
    if (w->texts.count < TEXT_LOOKS)
        w->texts.path[w->texts.count++] = *relative ? tec_path_join(relative, name) : tec_string_copy(name);
    tec_passed_over_note_file(&w->over, name, NULL);
}

static void free_texts(text_files *texts)
{
    for (int i = 0; i < texts->count; i++)
        free(texts->path[i]);
    *texts = (text_files){0};
}

/* Where there is no image, the files named as text may be what was meant. What the first of these is that is an image;
 * the caller frees it. NULL: none. */
static char *image_named_text(const walk *w)
{
    uint8_t data[TEC_FORMAT_BYTES];
    for (int i = 0; i < w->texts.count; i++) {
        char *path = tec_path_join(w->root, w->texts.path[i]);
        ssize_t got = look_into(AT_FDCWD, path, data);
        free(path);
        const tec_file_format *format = got < 0 ? NULL : tec_file_format_of(data, (size_t)got);
        bool image = got >= 0 && tec_image_starts(data, (size_t)got);
        if (image || (format && format->image))
            return tec_string_format("%s is %s, but named as text, which is not opened: rename such files",
                                     w->texts.path[i], image ? "an image" : format->what);
    }
    return NULL;
}

/* Notes a class that has files, none of which is an image, and a folder without any. */
static void note_class(walk *w, const char *name, const tec_passed_over *over)
{
    char *files = tec_passed_over_files(over), *image = image_named_text(w);
    if (image)
        lose_class(w, name, image);
    else if (over->lost == 0)
        tec_passed_over_note(&w->over, TEC_PASSED_FOLDER, name);
    else
        lose_class(w, name, over->files ? files : over->lost == 1 ? "a dead link" : "dead links");
    free(image);
    free(files);
}

/* Files are taken for images by their names, as they are too many to be opened. In each class one is looked into, or as
 * many as it takes to find an image: a class without any would be noticed by nobody who skips bad images. */
static void check_class(walk *w, const char *name, size_t first)
{
    uint8_t data[TEC_FORMAT_BYTES];
    for (size_t i = first; i < w->found->count; i++) {
        char *path = tec_path_join(w->root, w->found->file[i].path);
        ssize_t got = look_into(AT_FDCWD, path, data);
        bool image = got >= 0 && tec_image_starts(data, (size_t)got);
        if (got < 0)
            tec_fail(TEC_USER_ERROR, "%s: %s", w->found->file[i].path, strerror(errno));
        else if (!image)
            tec_image_refuse(data, (size_t)got, w->found->file[i].path);
        free(path);
        if (image)
            return;
    }
    size_t files = w->found->count - first;
    char *reason = files == 1
                       ? tec_string_format("the only file named as an image is none (%s)", tec_error_message())
                       : tec_string_format("none of %zu files named as images is one (%s)", files, tec_error_message());
    lose_class(w, name, reason);
    free(reason);
}

/* A folder at the top is a class, if there are classes. */
static tec_status walk_class(walk *w, const char *name, const level *here)
{
    size_t images = w->found->count;
    tec_passed_over before = w->over;
    text_files texts = w->texts;
    w->over = (tec_passed_over){0};
    w->texts = (text_files){0};
    tec_status status = walk_folder(w, name, here);
    tec_passed_over mine = w->over;
    w->over = before;
    if (status == TEC_OK && w->found->count > images)
        check_class(w, name, images);
    else if (status == TEC_OK && mine.other[TEC_PASSED_LOOP].count == 0)
        note_class(w, name, &mine);
    free_texts(&w->texts);
    w->texts = texts;
    tec_passed_over_add(&w->over, &mine);
    tec_passed_over_free(&mine);
    return status;
}

static tec_status visit_dead_link(walk *w, const char *name, const char *path, bool top)
{
    int reason = errno;
    tec_scan_note_dead_link(w->notes, path);
    if (tec_image_is_named(name) && w->notes->skip) {
        tec_found_add(w->found, path);
        if (w->dead_links++ == 0)
            w->dead = tec_string_copy(path);
    } else if (tec_image_is_named(name)) {
        return tec_fail(TEC_USER_ERROR,
                        "%s/%s: %s: remove the link, or leave such images out by data.on_bad_image=skip", w->root, path,
                        strerror(reason));
    } else {
        if (top)
            lose_class(w, name, "a dead link");
        tec_passed_over_note(&w->over, TEC_PASSED_LINK, path);
    }
    return TEC_OK;
}

static void note_lacking(walk *w, const char *path, const char *kind, const char *library)
{
    if (!library || w->lacking.count++ > 0)
        return;
    w->lacking.kind = kind;
    w->lacking.library = library;
    w->lacking.path = tec_string_copy(path);
}

static void take_by_name(walk *w, const char *name, const char *path, long long bytes)
{
    const char *kind, *library = tec_image_lacking(name, &kind);
    tec_found_add(w->found, path)->bytes = bytes;
    note_lacking(w, path, kind, library);
}

static void take_by_content(walk *w, const char *name, const char *path, const uint8_t *data, size_t got,
                            long long bytes)
{
    const char *kind, *library = tec_image_lacking_content(data, got, &kind);
    note_lacking(w, path, kind, library);
    tec_found_add(w->found, path)->bytes = bytes;
    tec_passed_over_note_file(&w->taken, name, NULL);
    w->leftovers += tec_passed_over_is_leftover(name);
}

/* Looks into a file whose name does not say that it is an image. */
static void visit_other_file(walk *w, DIR *dir, const char *name, const char *path, long long bytes)
{
    uint8_t data[TEC_FORMAT_BYTES];
    ssize_t got = look_into(dirfd(dir), name, data);
    if (got < 0)
        tec_passed_over_note_file(&w->over, name, &tec_file_format_unreadable);
    else if (tec_image_starts(data, (size_t)got))
        take_by_content(w, name, path, data, (size_t)got, bytes);
    else
        tec_passed_over_note_file(&w->over, name, tec_file_format_of(data, (size_t)got));
}

static tec_status visit_found(walk *w, DIR *dir, const char *name, const char *path, const level *here)
{
    struct stat info;
    bool top = path == name;
    if (fstatat(dirfd(dir), name, &info, 0))
        return visit_dead_link(w, name, path, top);
    if (S_ISDIR(info.st_mode))
        return top ? walk_class(w, path, here) : walk_folder(w, path, here);
    if (!S_ISREG(info.st_mode))
        tec_passed_over_note(&w->over, TEC_PASSED_SPECIAL, path);
    else if (tec_image_is_named(name))
        take_by_name(w, name, path, (long long)info.st_size);
    else if (tec_passed_over_is_text(name)) /* where readdir does not tell files from folders */
        note_text(w, path, "");
    else
        visit_other_file(w, dir, name, path, (long long)info.st_size);
    return TEC_OK;
}

/* A file of text, of which there may be one for each image, is told by its name alone. */
static tec_status visit(walk *w, DIR *dir, const struct dirent *entry, const char *relative, const level *here)
{
    const char *name = entry->d_name;
    if (!strcmp(name, ".") || !strcmp(name, ".."))
        return TEC_OK;
    if (tec_passed_over_is_junk(name)) {
        tec_passed_over_note(&w->over, TEC_PASSED_JUNK, name);
        return TEC_OK;
    }
    if (entry->d_type == DT_REG && tec_passed_over_is_text(name)) {
        note_text(w, name, relative);
        return TEC_OK;
    }
    char *path = *relative ? tec_path_join(relative, name) : NULL;
    tec_status status = visit_found(w, dir, name, path ? path : name, here);
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
    if (is_loop(&here)) {
        tec_passed_over_note(&w->over, TEC_PASSED_LOOP, relative);
        goto done;
    }
    tec_scan_note_folder(w->notes, relative, &info);
    while (status == TEC_OK) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno)
            status = tec_fail(TEC_SYSTEM_ERROR, "%s: reading the folder: %s", path, strerror(errno));
        if (!entry)
            break;
        tec_phase_tick();
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

static tec_status refuse_empty(const walk *w)
{
    const tec_passed_over *over = &w->over;
    char endings[256], *files = tec_passed_over_files(over), *image = image_named_text(w);
    const char *why = image ? image : w->lost;
    tec_status status = tec_fail(TEC_USER_ERROR, "%s: no image (%s, or by content) in it or below%s%s%s%s", w->root,
                                 tec_image_endings(endings, sizeof endings), over->files ? ", but " : "",
                                 over->files ? files : "", why ? "; " : "", why ? why : "");
    free(image);
    free(files);
    return status;
}

static tec_status refuse_lost(const walk *w)
{
    char more[64] = "";
    if (w->lose > 1)
        snprintf(more, sizeof more, " (and %lld more such classes)", (long long)w->lose - 1);
    return tec_fail(TEC_USER_ERROR,
                    "%s: %s%s; mend or convert them (to JPEG or PNG), move the folder away, or set data.labels=none",
                    w->root, w->lost, more);
}

static tec_status refuse_lacking(const walk *w)
{
    return tec_fail(TEC_USER_ERROR,
                    "%s: %lld image%s for which this build of tec lacks a library: %s%s is a %s image, which needs %s; "
                    "install it and build tec anew, or move such files away",
                    w->root, (long long)w->lacking.count, tec_plural(w->lacking.count), w->lacking.path,
                    w->lacking.count > 1 ? ", the first," : "", w->lacking.kind, w->lacking.library);
}

/* Files that are images only by their content: worth a warning where they are probably not meant. */
static void say_taken(const walk *w)
{
    if (!w->taken.files)
        return;
    char *files = tec_passed_over_files(&w->taken);
    char *text = tec_string_format("%lld %s read as images by their content: %s", (long long)w->taken.files,
                                   w->taken.files == 1 ? "file is" : "files are", files);
    char *longer = tec_string_format(
        "%s; %lld of them named as copies or unfinished downloads: move these away unless they are meant", text,
        (long long)w->leftovers);
    if (w->leftovers)
        tec_scan_remark(w->notes, w->root, longer);
    else
        tec_log("%s: %s", w->root, text);
    free(longer);
    free(text);
    free(files);
}

static void warn_of_dead(const walk *w)
{
    if (!w->dead_links)
        return;
    char *text =
        tec_string_format("%lld dead link%s named as an image (%s%s), which cannot be read", (long long)w->dead_links,
                          tec_plural(w->dead_links), w->dead, w->dead_links == 1 ? "" : ", ...");
    tec_scan_remark(w->notes, w->root, text);
    free(text);
}

static tec_status judge(walk *w, tec_label_mode labels, FILE *list)
{
    if (w->found->count == 0 && tec_pack_is_begun(w->root))
        return tec_fail(TEC_USER_ERROR, "%s: this pack is not finished (no pack.json): run `tec pack` again", w->root);
    if (w->found->count == 0)
        return refuse_empty(w);
    if (w->lacking.count && !w->notes->skip)
        return refuse_lacking(w);
    if (w->lost && tec_found_is_labelled(w->found, labels))
        return refuse_lost(w);
    if (w->lost)
        tec_scan_remark(w->notes, w->root, w->lost);
    say_taken(w);
    warn_of_dead(w);
    char *passed = tec_passed_over_text(&w->over);
    if (*passed)
        tec_scan_remark(w->notes, w->root, passed);
    free(passed);
    return tec_found_write(w->found, w->root, labels, w->notes, list);
}

static tec_status scan(const char *root, tec_label_mode labels, tec_scan_notes *notes, FILE *list)
{
    tec_found found = {0};
    walk w = {.root = root, .found = &found, .notes = notes};
    tec_status status = walk_folder(&w, "", NULL);
    if (status == TEC_OK)
        status = judge(&w, labels, list);
    free(w.lost);
    free(w.lacking.path);
    free(w.dead);
    free_texts(&w.texts);
    tec_passed_over_free(&w.taken);
    tec_passed_over_free(&w.over);
    tec_found_free(&found);
    return status;
}

/* ---- open and read ---- */

static tec_status open_folder(tec_dataset *set, tec_list_cursor *cursor)
{
    return tec_files_open(set, cursor, false);
}

/* Is an image that could (`status`) be read as it was listed, with so many bytes? */
static tec_status compare(const tec_dataset *set, int64_t listed, const char *path, size_t bytes, tec_status status)
{
    if (status == TEC_OK ? listed == (int64_t)bytes : listed == 0 || tec_file_exists(path))
        return status;
    tec_dataset_list_drop(set);
    if (status != TEC_OK)
        return status;
    return tec_fail(
        TEC_SYSTEM_ERROR,
        "%s has %zu bytes, but had %lld when its folder was listed: put the former file back, or start again, "
        "then the folder is listed anew",
        path, bytes, (long long)listed);
}

static tec_status read_file(const tec_dataset *set, int64_t index, tec_image *out)
{
    long label;
    tec_pack_place place;
    char *path = tec_path_join(set->root, tec_files_find(set, index, &label, &place)), *data = NULL;
    size_t bytes = 0;
    tec_status status = tec_file_read(path, TEC_IMAGE_MAX_BYTES, &data, &bytes);
    status = compare(set, place.bytes, path, bytes, status);
    if (status == TEC_OK)
        status = tec_dataset_decode(set, data, bytes, path, out);
    free(data);
    free(path);
    return status;
}

const tec_dataset_kind tec_dataset_folder = {
    .title = "tec-list 1 folder",
    .matches = matches,
    .scan = scan,
    .open = open_folder,
    .name = tec_files_name,
    .label = tec_files_label,
    .read = read_file,
    .entry = tec_files_entry,
};
