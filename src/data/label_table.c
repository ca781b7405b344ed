/* Tables of labels, as other programs write them: with and without a header, an index, or columns of another kind. Where
 * two columns may be the label, none of them is taken. */
#include "label_table.h"

#include "image_codec.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE 512 /* lines that tell which column names the images */

typedef struct column {
    int64_t score;          /* images that it names; a name counts more than a number */
    int64_t names, numbers; /* cells that hold a class, a number; in lines about an image */
    bool worded;            /* the header calls it a label */
    char *title;            /* of the header; NULL */
} column;

typedef struct judging {
    const tec_lines *lines;
    tec_columns *row; /* [lines->count] */
    const tec_label_images *images;
    const tec_label_classes *classes;
    const char *path;
    column *column;
    int count;    /* of columns */
    int64_t rows; /* lines about an image */
    tec_label_table *out;
} judging;

/* ---- words of headers ---- */

static const char *const label_words[] = {"label",     "labels",   "class",   "classes", "classname", "target",
                                          "targets",   "category", "species", "wnid",    "synset",    "truth",
                                          "labelname", "cls",      "classid", "labelid", NULL};
static const char *const file_words[] = {"filename", "filepath", "file", "path",    "imagename", "imagepath",
                                         "imageid",  "image",    "img",  "picture", "id",        NULL};

/* The place of the first of the words that the title has, among its words in any case; -1: none. */
static int find_word(const char *title, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        for (const char *at = title; *at;) {
            size_t length = 0;
            while (isalnum((unsigned char)at[length]))
                length++;
            if (length == strlen(words[i]) && !strncasecmp(at, words[i], length))
                return i;
            at += length + (at[length] != 0);
        }
    return -1;
}

bool tec_label_table_is_heading(const char *text)
{
    return find_word(text, label_words) >= 0;
}

bool tec_label_table_is_header(const tec_line *line, char divider, const tec_label_classes *classes)
{
    tec_columns c;
    bool header = true;
    tec_columns_split(&c, line->text, divider);
    for (int i = 0; i < c.count && header; i++)
        header = !tec_label_classes_know(classes, c.column[i]) && !tec_image_is_named(c.column[i]);
    tec_columns_free(&c);
    return header;
}

/* ---- the column of files ---- */

static bool names_image(const judging *j, const char *text, int line)
{
    int64_t index;
    return tec_label_images_find(j->images, text, j->path, line, &index) != TEC_OK || index >= 0;
}

static void score_files(judging *j, size_t step)
{
    for (size_t i = 0; i < j->lines->count; i += step) {
        const tec_columns *c = &j->row[i];
        for (int k = 0; k < c->count; k++)
            if (names_image(j, c->column[k], j->lines->line[i].number))
                j->column[k].score += strspn(c->column[k], "0123456789") == strlen(c->column[k]) ? 1 : 2;
    }
}

/* Does column k suit better than `best`? A word of the header counts more than how many images are named. */
static bool is_better_file(const judging *j, int k, int best)
{
    const column *a = &j->column[k], *b = &j->column[best];
    int left = a->title ? find_word(a->title, file_words) : -1, right = b->title ? find_word(b->title, file_words) : -1;
    if (!a->score || !b->score || left == right)
        return a->score > b->score;
    return left >= 0 && (right < 0 || left < right);
}

static void score_columns(judging *j)
{
    bool found = false;
    score_files(j, (size_t)tec_max_int64((int64_t)(j->lines->count / SAMPLE), 1));
    for (int k = 0; k < j->count; k++)
        found = found || j->column[k].score > 0;
    if (!found)
        score_files(j, 1);
}

static void find_file(judging *j)
{
    int best = 0;
    for (int k = 1; k < j->count; k++)
        if (is_better_file(j, k, best))
            best = k;
    j->out->file = best;
}

/* The title of an index may be missing. */
static void read_header(judging *j)
{
    const tec_line *first = &j->lines->line[0];
    const tec_columns *c = &j->row[0];
    bool about_image = false;
    for (int k = 0; k < c->count; k++)
        about_image = about_image || names_image(j, c->column[k], first->number);
    j->out->header = !about_image && tec_label_table_is_header(first, j->lines->divider, j->classes);
    int shift = c->count == j->count - 1 && j->column[1].score > j->column[0].score;
    for (int k = 0; k < c->count && !about_image; k++) {
        j->column[k + shift].title = tec_string_copy(c->column[k]);
        j->column[k + shift].worded = j->out->header && find_word(c->column[k], label_words) >= 0;
    }
}

/* ---- the column of labels ---- */

static void count_classes(judging *j)
{
    for (size_t i = 0; i < j->lines->count; i++) {
        const tec_columns *c = &j->row[i];
        int file = j->out->file;
        bool about_image = c->count > file && names_image(j, c->column[file], j->lines->line[i].number);
        j->rows += about_image;
        for (int k = 0; k < c->count && about_image; k++) {
            j->column[k].names += tec_label_classes_begin(j->classes, c->column[k]);
            j->column[k].numbers += tec_label_is_number(c->column[k]);
        }
    }
}

/* Do two columns hold the same in all lines? */
static bool are_equal(const judging *j, int a, int b)
{
    bool equal = true;
    for (size_t i = j->out->header; i < j->lines->count && equal; i++) {
        const tec_columns *c = &j->row[i];
        equal = c->count > a && c->count > b && !strcmp(c->column[a], c->column[b]);
    }
    return equal;
}

static char *call(const judging *j, int k)
{
    const char *title = j->out->header ? j->column[k].title : NULL;
    return tec_string_format(title && *title ? "%d (%.60s)" : "%d", k + 1, title);
}

static tec_status refuse_two(const judging *j, int a, int b, const char *what)
{
    char *one = call(j, a), *other = call(j, b);
    tec_status status = tec_fail(TEC_USER_ERROR,
                                 "data.val_labels %s: columns %s and %s both hold %s: which is the label cannot be "
                                 "told; give a file with two columns, the image and its class",
                                 j->path, one, other, what);
    free(one);
    free(other);
    return status;
}

/* A line of classes above lines of numbers: one column for each class. */
static tec_status refuse_one_hot(const judging *j)
{
    int first = -1, last = -1, titles = 0;
    for (int k = 0; k < j->count; k++) {
        const column *c = &j->column[k];
        if (k == j->out->file || !c->title || !tec_label_classes_begin(j->classes, c->title) || c->names)
            continue;
        first = titles++ ? first : k;
        last = k;
    }
    if (titles < 2)
        return TEC_OK;
    return tec_fail(
        TEC_USER_ERROR,
        "data.val_labels %s has a column for each class, %d (%.60s) to %d (%.60s): give lines of a file and "
        "its class, such as `1.jpg,%.60s`",
        j->path, first + 1, j->column[first].title, last + 1, j->column[last].title, j->column[first].title);
}

typedef bool suits(const judging *j, const column *c);

static bool is_worded_name(const judging *j, const column *c)
{
    return c->worded && c->names == j->rows;
}

static bool is_worded(const judging *j, const column *c)
{
    (void)j;
    return c->worded;
}

static bool has_names(const judging *j, const column *c)
{
    (void)j;
    return c->names > 0;
}

static bool has_numbers(const judging *j, const column *c)
{
    return c->numbers == j->rows;
}

/* By the first rule that a column but that of the files suits; two that do must be the same. */
static tec_status find_label(judging *j)
{
    static const struct {
        suits *suits;
        const char *what;
    } rules[] = {{is_worded_name, "classes"}, {is_worded, "labels"}, {has_names, "classes"}, {has_numbers, "numbers"}};
    j->out->label = j->out->file == 0;
    for (size_t rule = 0; rule < sizeof rules / sizeof *rules && j->count > 2; rule++) {
        int found = -1;
        for (int k = 0; k < j->count; k++) {
            if (k == j->out->file || !rules[rule].suits(j, &j->column[k]))
                continue;
            if (found >= 0 && !are_equal(j, found, k))
                return refuse_two(j, found, k, rules[rule].what);
            found = found < 0 ? k : found;
        }
        if (found >= 0) {
            j->out->label = found;
            return TEC_OK;
        }
    }
    return TEC_OK;
}

/* What the label is, where there are other columns, and whether one of them holds another class. */
static void say_unread(const judging *j)
{
    int file = j->out->file, label = j->out->label;
    char *one = call(j, file), *other = call(j, label);
    if (j->count > 2)
        tec_log("data.val_labels %s: column %s is read as the file, column %s as its class; the other %d %s not read",
                j->path, one, other, j->count - 2, j->count == 3 ? "is" : "are");
    for (int k = 0; k < j->count; k++)
        if (k != file && k != label && j->column[k].names && !are_equal(j, k, label)) {
            char *more = call(j, k);
            tec_warn("data.val_labels %s: column %s holds names of classes too, which are not read", j->path, more);
            free(more);
        }
    free(one);
    free(other);
}

tec_status tec_label_table_judge(tec_label_table *out, const tec_lines *lines, const tec_label_images *images,
                                 const tec_label_classes *classes, const char *path)
{
    judging j = {.lines = lines, .images = images, .classes = classes, .path = path, .out = out};
    *out = (tec_label_table){0};
    j.row = tec_allocate(lines->count * sizeof *j.row);
    for (size_t i = 0; i < lines->count; i++) {
        tec_columns_split(&j.row[i], lines->line[i].text, lines->divider);
        j.count = tec_max_int(j.count, j.row[i].count);
    }
    j.column = tec_allocate_zeroed((size_t)j.count, sizeof *j.column);
    score_columns(&j);
    read_header(&j);
    find_file(&j);
    count_classes(&j);
    tec_status status = TEC_OK;
    if (j.rows > 0) {
        status = refuse_one_hot(&j);
        if (status == TEC_OK)
            status = find_label(&j);
        if (status == TEC_OK)
            say_unread(&j);
    }
    for (int k = 0; k < j.count; k++)
        free(j.column[k].title);
    free(j.column);
    for (size_t i = 0; i < lines->count; i++)
        tec_columns_free(&j.row[i]);
    free(j.row);
    return status;
}
