/* Reads the labels of a data set from a text file: which image a line is about, and which class it names. */
#include "tec/label_file.h"

#include "dataset_parts.h"
#include "label_classes.h"
#include "label_images.h"
#include "label_lines.h"
#include "label_table.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct reading {
    tec_dataset *set;
    const char *set_path, *path; /* of the images, of the labels */
    tec_label_classes classes;
    tec_label_images images;
    int *label;                 /* [total]; -1: none yet */
    size_t extra, cut;          /* lines without an image of the set, lines with text behind their class */
    int first_extra, first_cut; /* numbers of the lines */
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
    if (lines->count == total + 1 && !is_label(r, lines->line[0].text) &&
        tec_label_table_is_heading(lines->line[0].text))
        first = 1;
    if (lines->count - first != total)
        return tec_fail(
            TEC_USER_ERROR,
            "data.val_labels %s has %zu labels, one a line, but data.val %s has %zu images: which belongs to "
            "which cannot be told; give lines with file and label",
            r->path, lines->count, r->set_path, total);
    TEC_TRY(tec_label_images_check_order(r->set, r->path));
    for (size_t i = 0; i < total; i++) {
        const tec_line *line = &lines->line[first + i];
        TEC_TRY(tec_label_classes_find(&r->classes, line->text, r->path, line->number, &r->label[i]));
    }
    return TEC_OK;
}

/* ---- lines of file and label ---- */

/* May what stands behind a class be left out? Coordinates and the class itself may, as in `cat 1 2 3 4 cat 5 6 7 8`;
 * another class may not. Words may where blanks part columns. */
static bool may_cut(const reading *r, const char *text, const char *rest, bool words)
{
    size_t first = strcspn(text, " ");
    bool number = !tec_label_classes_have(&r->classes, text, first);
    for (const char *word = rest; *word; word += strspn(word, " ")) {
        size_t length = strcspn(word, " ");
        char *end;
        strtod(word, &end);
        bool numeric = end == word + length, same = length == first && !strncmp(word, text, first);
        if (numeric ? number : !words && !same)
            return false;
        for (size_t span = length; !numeric && !same; span += 1 + strcspn(word + span + 1, " ")) {
            if (tec_label_classes_have(&r->classes, word, span))
                return false;
            if (!word[span])
                break;
        }
        word += length;
    }
    return true;
}

static tec_status find_class(reading *r, char *text, int number, bool words, int *label)
{
    size_t first = strcspn(text, " ");
    const char *rest = text + first + strspn(text + first, " ");
    if (is_label(r, text) || !*rest)
        return tec_label_classes_find(&r->classes, text, r->path, number, label);
    char *word = tec_string_format("%.*s", (int)first, text);
    tec_status status = TEC_OK;
    if (!is_label(r, word) || !may_cut(r, text, rest, words))
        status = is_label(r, word)
                     ? tec_fail(TEC_USER_ERROR,
                                "%s:%d: `%.80s` is no class of data.train, nor can be told which part of it is one: "
                                "give lines of a file and its class only",
                                r->path, number, text)
                     : tec_label_classes_find(&r->classes, words ? word : text, r->path, number, label);
    else if (!r->cut++)
        r->first_cut = number;
    if (status == TEC_OK)
        status = tec_label_classes_find(&r->classes, word, r->path, number, label);
    free(word);
    return status;
}

static tec_status set_label(reading *r, int64_t image, int label, const tec_line *line)
{
    if (r->label[image] >= 0 && r->label[image] != label)
        return tec_fail(TEC_USER_ERROR, "%s:%d: %.200s: this image was given another class, %s, further above", r->path,
                        line->number, line->text, tec_label_classes_name(&r->classes, r->label[image]));
    r->label[image] = label;
    return TEC_OK;
}

/* If there is an image called `file`, it is given the class called `label`. */
static tec_status try_pair(reading *r, const char *file, char *label, const tec_line *line, bool words, bool *known)
{
    int64_t image;
    int class;
    TEC_TRY(tec_label_images_find(&r->images, file, r->path, line->number, &image));
    *known = image >= 0;
    if (!*known)
        return TEC_OK;
    TEC_TRY(find_class(r, label, line->number, words, &class));
    return set_label(r, image, class, line);
}

/* Blanks may be a part of both names, so that the line can be cut at any of them. */
static tec_status read_blanks(reading *r, const tec_line *line, bool *known)
{
    char *copy = tec_string_copy(line->text), *blank = strchr(copy, ' ');
    tec_status status = TEC_OK;
    for (char *at = blank; at && !*known && status == TEC_OK; at = strchr(at + 1, ' ')) {
        *at = 0;
        status = try_pair(r, copy, at + 1 + strspn(at + 1, " "), line, true, known);
        if (!*known && at == blank && status == TEC_OK)
            status = try_pair(r, at + 1 + strspn(at + 1, " "), copy, line, true, known);
        *at = ' ';
    }
    free(copy);
    return status;
}

static tec_status read_row(reading *r, const tec_line *line, char divider, const tec_label_table *table, bool *known)
{
    tec_columns c;
    tec_columns_split(&c, line->text, divider);
    tec_status status = TEC_OK;
    if (c.count > table->file && c.count > table->label)
        status = try_pair(r, c.column[table->file], c.column[table->label], line, false, known);
    tec_columns_free(&c);
    return status;
}

static tec_status read_pairs(reading *r, const tec_lines *lines)
{
    bool blanks = lines->divider == ' ' || !lines->divider;
    tec_label_table table = {0};
    if (!blanks)
        TEC_TRY(tec_label_table_judge(&table, lines, &r->images, &r->classes, r->path));
    for (size_t i = 0; i < lines->count; i++) {
        const tec_line *line = &lines->line[i];
        bool known = false;
        TEC_TRY(blanks ? read_blanks(r, line, &known) : read_row(r, line, lines->divider, &table, &known));
        bool header = i == 0 && tec_label_table_is_header(line, lines->divider, &r->classes);
        if (!known && !header && !r->extra++)
            r->first_extra = line->number;
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

/* ---- class folders that say something else ---- */

/* Which class do the folders of an image name? *agrees: it is this one. */
static bool is_in_class_folder(const reading *r, const char *name, int label, bool *agrees)
{
    const char *slash = strchr(name, '/');
    bool inside = false;
    *agrees = false;
    for (const char *at = slash ? slash + 1 : ""; (slash = strchr(at, '/')) != NULL; at = slash + 1) {
        const char *class = tec_label_classes_name(&r->classes, label);
        size_t length = (size_t)(slash - at);
        *agrees = *agrees || (strlen(class) == length && !strncmp(class, at, length));
        inside = inside || tec_label_classes_have(&r->classes, at, length);
    }
    return inside;
}

/* Images in class folders have labels already, which are not to be contradicted in silence. */
static tec_status check_folders(const reading *r)
{
    int64_t inside = 0, differ = 0;
    char name[PATH_MAX], first[PATH_MAX] = "";
    for (int64_t i = 0; i < r->set->total; i++) {
        bool agrees;
        r->set->kind->name(r->set, i, name, sizeof name);
        if (!is_in_class_folder(r, name, r->label[i], &agrees))
            continue;
        inside++;
        if (!agrees && !differ++)
            memcpy(first, name, sizeof first);
    }
    if (differ)
        return tec_fail(
            TEC_USER_ERROR,
            "data.val_labels %s: %lld of %lld labels differ from the class folder that the image is in (the "
            "first is %s): leave data.val_labels out if the folders are right, or give the images without "
            "class folders if the file is",
            r->path, (long long)differ, (long long)inside, first);
    return TEC_OK;
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
    if (status == TEC_OK)
        status = check_folders(&r);
    if (status == TEC_OK) {
        tec_label_name_classes(set, named);
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
