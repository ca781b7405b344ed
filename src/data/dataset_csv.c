/* A list file as a data set: lines of a path and its label. The scan writes the list of a folder, which then is opened as
 * one: the list file chooses among its images, and names their classes. */
#include "dataset_parts.h"

#include "file_list.h"
#include "image_codec.h"
#include "label_lines.h"
#include "tec/files.h"
#include "tec/label_file.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/phase.h"
#include "tec/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MOST_BYTES ((size_t)1 << 30)

typedef struct listing {
    const char *path; /* of the list file */
    char *root;       /* its directory, which paths are relative to */
    char *real;       /* the same without links, absolute */
    bool skip;        /* as of tec_scan_notes */
    bool labels;      /* those of the file are the classes */
    int columns;      /* 1 (path) or 2 (path, label) */
    tec_lines lines;
    tec_found found;
    int64_t absent; /* files that are not there */
} listing;

static bool matches(const char *path, const struct stat *info)
{
    static const char *const endings[] = {".csv", ".tsv", ".txt", ".lst"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && S_ISREG(info->st_mode) && i < sizeof endings / sizeof *endings; i++)
        if (!strcasecmp(dot, endings[i]))
            return true;
    return false;
}

/* ---- lines ---- */

static tec_status refuse(const listing *l, const tec_line *line, const char *text)
{
    return tec_fail(TEC_USER_ERROR, "%s: line %d: %s", l->path, line->number, text);
}

/* What of a path, cleaned, is below a directory; NULL: nothing. */
static const char *below(const char *path, const char *directory)
{
    char *root = tec_path_clean(directory);
    size_t length = root ? strlen(root) : 0;
    bool inside = root && !strncmp(path, root, length) && (!length || path[length] == '/');
    free(root);
    path += inside && length ? length + 1 : 0;
    return inside && *path ? path : NULL;
}

/* The path as it is relative to the root, in one way however it is written; the caller frees it. NULL: it leads elsewhere. */
static char *relative_to(const listing *l, const char *given)
{
    char *whole = *given == '/' ? tec_string_copy(given) : tec_string_format("%s/%s", l->real, given);
    char *path = tec_path_clean(whole);
    const char *found = path ? below(path, l->real) : NULL;
    if (!found && path && *given == '/' && *l->root == '/')
        found = below(path, l->root);
    char *relative = found ? tec_string_copy(found) : NULL;
    free(path);
    free(whole);
    return relative;
}

/* The size of a file that is an image; -1: there is none. */
static long long size_of(const listing *l, const char *relative)
{
    struct stat info;
    char *path = tec_path_join(l->root, relative);
    bool there = !stat(path, &info) && S_ISREG(info.st_mode);
    free(path);
    return there ? (long long)info.st_size : -1;
}

/* A first line whose path has neither a folder nor an ending, and leads to no file, names the columns. */
static bool is_header(const listing *l, const char *path)
{
    return *path && !strpbrk(path, "/.") && size_of(l, path) < 0;
}

static tec_status check_file(const listing *l, const tec_line *line, const char *path, long long bytes)
{
    const char *kind, *library = tec_image_lacking(path, &kind);
    if (l->skip)
        return TEC_OK;
    if (bytes < 0)
        return tec_fail(TEC_USER_ERROR,
                        "%s: line %d: there is no file %s in %s; data.on_bad_image=skip leaves such images out",
                        l->path, line->number, path, l->root);
    if (library)
        return tec_fail(TEC_USER_ERROR,
                        "%s: line %d: %s is a %s image, for which this build of tec lacks %s; install it and build "
                        "tec anew, or leave such lines out",
                        l->path, line->number, path, kind, library);
    return TEC_OK;
}

static tec_status add_file(listing *l, const tec_line *line, const char *path, const char *label)
{
    long long bytes = size_of(l, path);
    TEC_TRY(check_file(l, line, path, bytes));
    if (label && !*label)
        return refuse(l, line, "no label");
    l->absent += bytes < 0;
    tec_found_file *file = tec_found_add(&l->found, path);
    file->bytes = bytes < 0 ? 0 : bytes;
    file->label = label && l->labels ? tec_string_copy(label) : NULL;
    file->line = line->number;
    return TEC_OK;
}

static tec_status add_line(listing *l, const tec_line *line, const tec_columns *c)
{
    char *path = relative_to(l, c->column[0]);
    tec_status status = path
                            ? add_file(l, line, path, c->count > 1 ? c->column[1] : NULL)
                            : tec_fail(TEC_USER_ERROR, "%s: line %d: `%s` is not below %s, which paths are relative to",
                                       l->path, line->number, c->column[0], l->root);
    free(path);
    return status;
}

static tec_status read_line(listing *l, size_t i)
{
    const tec_line *line = &l->lines.line[i];
    tec_columns c;
    tec_status status = TEC_OK;
    tec_columns_split(&c, line->text, l->lines.divider);
    if (i == 0)
        l->columns = c.count;
    if (c.count > 2 || c.count != l->columns)
        status = tec_fail(
            TEC_USER_ERROR,
            "%s: line %d has %d column%s: a path, and in all lines or none a label behind a comma, are expected",
            l->path, line->number, c.count, tec_plural(c.count));
    else if (i == 0 && is_header(l, c.column[0]))
        tec_log("%s: line %d (%s) is taken for the names of the columns", l->path, line->number, line->text);
    else
        status = add_line(l, line, &c);
    tec_columns_free(&c);
    return status;
}

/* ---- scan ---- */

static tec_status read_lines(listing *l, const char *text)
{
    tec_lines_split(&l->lines, text);
    if (l->lines.divider == ' ') /* which paths may hold too */
        l->lines.divider = 0;
    if (!l->lines.divider && l->lines.count) { /* one that not all lines have: those are refused, not taken for paths */
        const char *first = strpbrk(l->lines.line[0].text, "\t,;");
        l->lines.divider = first ? *first : 0;
    }
    for (size_t i = 0; i < l->lines.count; i++)
        TEC_TRY(read_line(l, i));
    return l->found.count ? TEC_OK : tec_fail(TEC_USER_ERROR, "%s: no image is listed in it", l->path);
}

static void warn_of_absent(const listing *l, tec_scan_notes *notes)
{
    char *text = tec_string_format("%lld of %zu images that %s lists are not there", (long long)l->absent,
                                   l->found.count, tec_path_name(l->path));
    if (l->absent)
        tec_scan_remark(notes, l->root, text);
    free(text);
}

static tec_status scan(const char *path, tec_label_mode labels, tec_scan_notes *notes, FILE *list)
{
    listing l = {.path = path,
                 .root = tec_path_directory(path),
                 .skip = notes->skip,
                 .labels = labels == TEC_LABELS_AUTO,
                 .found.list_file = path};
    l.real = realpath(l.root, NULL);
    l.real = l.real ? l.real : tec_string_copy(l.root);
    char *text = NULL;
    size_t bytes = 0;
    tec_status status = tec_file_read(path, MOST_BYTES, &text, &bytes);
    if (status == TEC_OK)
        status = tec_labels_check_text("list file", path, text, bytes);
    if (status == TEC_OK)
        status = read_lines(&l, text);
    if (status == TEC_OK)
        status = tec_found_check_numbers(&l.found, path);
    if (status == TEC_OK) {
        warn_of_absent(&l, notes);
        status = tec_found_write(&l.found, l.root, labels, notes, list);
    }
    free(text);
    tec_lines_free(&l.lines);
    tec_found_free(&l.found);
    free(l.real);
    free(l.root);
    return status;
}

const tec_dataset_kind tec_dataset_csv = {
    .title = "tec-list 1 folder",
    .matches = matches,
    .scan = scan,
};
