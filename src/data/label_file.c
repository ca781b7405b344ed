/* Reads the labels of a data set from a text file: which image a line is about, and which class it names. */
#include "tec/label_file.h"

#include "dataset_parts.h"
#include "label_classes.h"
#include "label_images.h"
#include "label_lines.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

typedef struct reading {
    tec_dataset *set;
    const char *set_path, *path; /* of the images, of the labels */
    tec_label_classes classes;
    tec_label_images images;
    int *label; /* [total]; -1: none yet */
    size_t extra;
    int first_extra; /* number of the line */
} reading;

/* ---- one label a line, in the order of the names ---- */

static bool is_label(const reading *r, const char *text)
{
    return tec_label_classes_know(&r->classes, text);
}

/* A list of labels has one column, or names of classes with blanks in them. A header may come first. */
static bool is_in_order(const reading *r, const tec_lines *lines)
{
    bool in_order = lines->count > 0;
    for (size_t i = 0; i < 2 && i < lines->count && in_order; i++) {
        tec_columns c;
        tec_columns_split(&c, lines->line[i].text, lines->divider);
        in_order = is_label(r, lines->line[i].text) || c.count == 1;
        tec_columns_free(&c);
    }
    return in_order;
}

static tec_status read_in_order(reading *r, const tec_lines *lines)
{
    size_t total = (size_t)r->set->total, first = 0;
    if (lines->count == total + 1 && !is_label(r, lines->line[0].text))
        first = 1;
    if (lines->count - first != total)
        return tec_fail(
            TEC_USER_ERROR,
            "data.val_labels %s has %zu labels, one a line, but data.val %s has %zu images: which belongs to "
            "which cannot be told; give lines with file and label",
            r->path, lines->count, r->set_path, total);
    for (size_t i = 0; i < total; i++) {
        const tec_line *line = &lines->line[first + i];
        TEC_TRY(tec_label_classes_find(&r->classes, line->text, r->path, line->number, &r->label[i]));
    }
    return TEC_OK;
}

/* ---- lines of file and label ---- */

/* What stands behind a class in its column, as coordinates do, is not read. */
static tec_status find_class(const reading *r, char *text, int number, int *label)
{
    if (!is_label(r, text))
        text[strcspn(text, " ")] = 0;
    return tec_label_classes_find(&r->classes, text, r->path, number, label);
}

static tec_status set_label(reading *r, int64_t image, int label, const tec_line *line)
{
    if (r->label[image] >= 0 && r->label[image] != label)
        return tec_fail(TEC_USER_ERROR, "%s:%d: %.200s: this image was given another class, %s, further above", r->path,
                        line->number, line->text, tec_label_classes_name(&r->classes, r->label[image]));
    r->label[image] = label;
    return TEC_OK;
}

/* If there is an image called `file`, it is given the class called `label`, which may be cut. */
static tec_status try_pair(reading *r, const char *file, char *label, const tec_line *line, bool *known)
{
    int64_t image;
    int class;
    TEC_TRY(tec_label_images_find(&r->images, file, r->path, line->number, &image));
    *known = image >= 0;
    if (!*known)
        return TEC_OK;
    TEC_TRY(find_class(r, label, line->number, &class));
    return set_label(r, image, class, line);
}

/* Blanks may be a part of both names, so that the line can be cut at any of them. */
static tec_status read_blanks(reading *r, const tec_line *line, bool *known)
{
    char *copy = tec_string_copy(line->text), *blank = strchr(copy, ' ');
    tec_status status = TEC_OK;
    for (char *at = blank; at && !*known && status == TEC_OK; at = strchr(at + 1, ' ')) {
        *at = 0;
        status = try_pair(r, copy, at + 1 + strspn(at + 1, " "), line, known);
        if (!*known && at == blank && status == TEC_OK)
            status = try_pair(r, at + 1 + strspn(at + 1, " "), copy, line, known);
        *at = ' ';
    }
    free(copy);
    return status;
}

static tec_status read_pair(reading *r, const tec_line *line, char divider, bool *known)
{
    tec_columns c;
    *known = false;
    if (divider == ' ')
        return read_blanks(r, line, known);
    tec_columns_split(&c, line->text, divider);
    tec_status status = TEC_OK;
    if (c.count > 1)
        status = try_pair(r, c.column[0], c.column[1], line, known);
    if (c.count > 1 && !*known && status == TEC_OK)
        status = try_pair(r, c.column[1], c.column[0], line, known);
    tec_columns_free(&c);
    return status;
}

static tec_status read_pairs(reading *r, const tec_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        bool known;
        TEC_TRY(read_pair(r, &lines->line[i], lines->divider, &known));
        if (!known && i > 0 && !r->extra++) /* the first may be a header */
            r->first_extra = lines->line[i].number;
    }
    return TEC_OK;
}

static tec_status check_all(const reading *r, const tec_lines *lines)
{
    int64_t missing = 0, first = 0, total = r->set->total;
    char name[512];
    for (int64_t i = total - 1; i >= 0; i--)
        if (r->label[i] < 0) {
            missing++;
            first = i;
        }
    r->set->kind->name(r->set, first, name, sizeof name);
    if (missing == total)
        return tec_fail(TEC_USER_ERROR,
                        "data.val_labels %s: no line names an image of data.val %s: its line %d is `%.200s`, the first "
                        "image is %s",
                        r->path, r->set_path, lines->line[0].number, lines->line[0].text, name);
    if (missing)
        return tec_fail(
            TEC_USER_ERROR,
            "data.val_labels %s has no label for %lld of the %lld images of data.val %s (%s%s): add them, or "
            "move these images away",
            r->path, (long long)missing, (long long)total, r->set_path, name, missing > 1 ? ", ..." : "");
    if (r->extra)
        tec_warn("data.val_labels %s: %zu line%s no image of data.val %s (the first is line %d)", r->path, r->extra,
                 r->extra == 1 ? " names" : "s name", r->set_path, r->first_extra);
    return TEC_OK;
}

/* ---- all of it ---- */

static tec_status read_labels(reading *r, const tec_lines *lines)
{
    if (!lines->count)
        return tec_fail(TEC_USER_ERROR, "data.val_labels %s is empty", r->path);
    if (is_in_order(r, lines))
        return read_in_order(r, lines);
    tec_label_images_list(&r->images, r->set);
    TEC_TRY(read_pairs(r, lines));
    return check_all(r, lines);
}

/* The names are copied into the memory of the list of names. */
static void name_classes(tec_dataset *set, const tec_dataset *named)
{
    size_t bytes = 0;
    for (int c = 0; c < named->classes; c++)
        bytes += strlen(named->class_name[c]) + 1;
    free(set->class_name);
    set->classes = named->classes;
    set->class_name = tec_allocate((size_t)named->classes * sizeof *set->class_name + bytes);
    char *text = (char *)(set->class_name + named->classes);
    for (int c = 0; c < named->classes; c++) {
        set->class_name[c] = text;
        text = stpcpy(text, named->class_name[c]) + 1;
    }
}

tec_status tec_labels_read(tec_dataset *set, const char *set_path, const tec_dataset *named,
                           const tec_label_files *files)
{
    reading r = {.set = set, .set_path = set_path, .path = files->labels_path};
    tec_lines lines;
    tec_lines_split(&lines, files->labels);
    r.label = tec_allocate((size_t)set->total * sizeof *r.label);
    for (int64_t i = 0; i < set->total; i++)
        r.label[i] = -1;
    tec_status status = tec_label_classes_open(&r.classes, named, files);
    if (status == TEC_OK)
        status = read_labels(&r, &lines);
    if (status == TEC_OK) {
        name_classes(set, named);
        free(set->label);
        set->label = r.label;
        r.label = NULL;
    }
    tec_label_images_free(&r.images);
    tec_label_classes_close(&r.classes);
    tec_lines_free(&lines);
    free(r.label);
    return status;
}
