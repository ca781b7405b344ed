/* Labels of images that a scan has found, from lines of a file and its label. */
#include "label_found.h"

#include "label_images.h"
#include "label_lines.h"
#include "label_table.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLE = 512 }; /* lines that tell which column names the images */

typedef struct reading {
    tec_found *found;
    const char *root, *path;
    tec_label_images images;
    tec_lines lines;
    int columns;     /* most of a line */
    int file, label; /* columns */
    bool header;     /* the first line names the columns */
    int64_t extra;   /* lines that name no image */
    int first_extra;
} reading;

static tec_status find_image(const reading *r, const char *name, const tec_line *line, int64_t *image)
{
    return tec_label_images_find(&r->images, name, r->path, line->number, image);
}

static tec_status give(reading *r, int64_t image, const char *label, const tec_line *line)
{
    tec_found_file *file = &r->found->file[image];
    if (!*label)
        return tec_fail(TEC_USER_ERROR, "data.labels %s: line %d: no label", r->path, line->number);
    if (file->label && strcmp(file->label, label) != 0)
        return tec_fail(TEC_USER_ERROR, "data.labels %s: lines %d and %d give %s two labels, %.80s and %.80s", r->path,
                        file->line, line->number, file->path, file->label, label);
    if (!file->label)
        file->label = tec_string_copy(label);
    file->line = line->number;
    return TEC_OK;
}

static bool is_number(const char *text)
{
    char *end;
    strtod(text, &end);
    return end != text && !*end;
}

static void note_extra(reading *r, const tec_line *line)
{
    if (!r->extra++)
        r->first_extra = line->number;
}

/* ---- blanks, which names and labels may have too ---- */

/* Numbers behind a word, say coordinates, are no part of the label. */
static char *without_numbers(const char *label)
{
    size_t first = strcspn(label, " \t");
    char *word = tec_string_format("%.*s", (int)first, label);
    bool numbers = !is_number(word) && label[first];
    for (const char *at = label + first; *at && numbers;) {
        at += strspn(at, " \t");
        size_t length = strcspn(at, " \t");
        char *one = tec_string_format("%.*s", (int)length, at);
        numbers = is_number(one);
        free(one);
        at += length;
    }
    if (numbers)
        return word;
    free(word);
    return tec_string_copy(label);
}

/* *done: one of the two parts names an image, and has its label. */
static tec_status try_cut(reading *r, const char *name, const char *label, const tec_line *line, bool *done)
{
    int64_t image;
    TEC_TRY(find_image(r, name, line, &image));
    *done = image >= 0;
    if (!*done)
        return TEC_OK;
    char *word = without_numbers(label);
    tec_status status = give(r, image, word, line);
    free(word);
    return status;
}

/* labels_first: the label stands before the file, which then has the rest of the line. */
static tec_status read_blanks(reading *r, const tec_line *line, bool labels_first)
{
    char *copy = tec_string_copy(line->text);
    bool done = false;
    tec_status status = TEC_OK;
    for (char *at = strpbrk(copy, " \t"); at && !done && status == TEC_OK; at = strpbrk(at + 1, " \t")) {
        const char blank = *at, *rest = at + 1 + strspn(at + 1, " \t");
        *at = 0;
        status = labels_first ? try_cut(r, rest, copy, line, &done) : try_cut(r, copy, rest, line, &done);
        *at = blank;
    }
    free(copy);
    if (status == TEC_OK && !done)
        note_extra(r, line);
    return status;
}

/* Does a part of the line, at its end or at its beginning, name one image? */
static bool names_image(const reading *r, const tec_line *line, bool at_end)
{
    char *copy = tec_string_copy(line->text);
    int64_t image = -1;
    for (char *at = strpbrk(copy, " \t"); at && image < 0; at = strpbrk(at + 1, " \t")) {
        const char blank = *at;
        *at = 0;
        if (find_image(r, at_end ? at + 1 + strspn(at + 1, " \t") : copy, line, &image) != TEC_OK)
            image = -1;
        *at = blank;
    }
    free(copy);
    return image >= 0;
}

static tec_status read_words(reading *r)
{
    int64_t first = 0, last = 0;
    for (size_t i = 0; i < r->lines.count; i += r->lines.count / SAMPLE + 1) {
        first += names_image(r, &r->lines.line[i], false);
        last += names_image(r, &r->lines.line[i], true);
    }
    for (size_t i = 0; i < r->lines.count; i++)
        TEC_TRY(read_blanks(r, &r->lines.line[i], last > first));
    return TEC_OK;
}

/* ---- columns ---- */

/* The lines in which each column names an image; *step: every so manieth is looked at. */
static void count_images(reading *r, size_t step, int64_t *score)
{
    for (size_t i = 0; i < r->lines.count; i += step) {
        tec_columns c;
        tec_columns_split(&c, r->lines.line[i].text, r->lines.divider);
        for (int k = 0; k < c.count && k < r->columns; k++) {
            int64_t image;
            if (find_image(r, c.column[k], &r->lines.line[i], &image) == TEC_OK)
                score[k] += image >= 0;
        }
        tec_columns_free(&c);
    }
}

static void find_file_column(reading *r)
{
    int64_t *score = tec_allocate_zeroed((size_t)r->columns, sizeof *score);
    count_images(r, r->lines.count / SAMPLE + 1, score);
    for (int k = 1; k < r->columns; k++)
        r->file = score[k] > score[r->file] ? k : r->file;
    if (!score[r->file])
        count_images(r, 1, score);
    for (int k = 1; k < r->columns; k++)
        r->file = score[k] > score[r->file] ? k : r->file;
    free(score);
}

/* Which columns hold something else than numbers. */
static void find_words(const reading *r, bool *words)
{
    for (size_t i = r->header; i < r->lines.count; i++) {
        tec_columns c;
        tec_columns_split(&c, r->lines.line[i].text, r->lines.divider);
        for (int k = 0; k < c.count && k < r->columns; k++)
            words[k] = words[k] || !is_number(c.column[k]);
        tec_columns_free(&c);
    }
}

/* The only column, but that of the files, of which this is true; -1: there is none, or there are several. */
static int only(const reading *r, const bool *is)
{
    int found = -1, count = 0;
    for (int k = 0; k < r->columns; k++)
        if (k != r->file && is[k]) {
            found = k;
            count++;
        }
    return count == 1 ? found : -1;
}

/* A first line that names no image, and whose column of files holds no path. */
static void read_header(reading *r, bool *headed)
{
    tec_columns c;
    int64_t image = 0;
    tec_columns_split(&c, r->lines.line[0].text, r->lines.divider);
    const char *file = c.count > r->file ? c.column[r->file] : "";
    r->header = !strpbrk(file, "/.") && find_image(r, file, &r->lines.line[0], &image) == TEC_OK && image < 0;
    for (int k = 0; k < c.count && k < r->columns && r->header; k++)
        headed[k] = tec_label_table_is_heading(c.column[k]);
    tec_columns_free(&c);
}

static tec_status find_columns(reading *r)
{
    bool *headed = tec_allocate_zeroed((size_t)r->columns, sizeof *headed);
    bool *words = tec_allocate_zeroed((size_t)r->columns, sizeof *words);
    find_file_column(r);
    read_header(r, headed);
    find_words(r, words);
    r->label = r->columns == 2 ? 1 - r->file : only(r, headed) >= 0 ? only(r, headed) : only(r, words);
    free(words);
    free(headed);
    if (r->label < 0)
        return tec_fail(
            TEC_USER_ERROR,
            "data.labels %s has %d columns, and which of them is the label cannot be told: give lines of a file "
            "and its label only, or a header with the word label",
            r->path, r->columns);
    if (r->columns > 2)
        tec_log("data.labels %s: column %d is read as the file, column %d as its label", r->path, r->file + 1,
                r->label + 1);
    return TEC_OK;
}

static tec_status read_row(reading *r, const tec_line *line)
{
    tec_columns c;
    int64_t image = -1;
    tec_status status = TEC_OK;
    tec_columns_split(&c, line->text, r->lines.divider);
    if (c.count > r->file)
        status = find_image(r, c.column[r->file], line, &image);
    if (status == TEC_OK && image < 0)
        note_extra(r, line);
    else if (status == TEC_OK)
        status = give(r, image, c.count > r->label ? c.column[r->label] : "", line);
    tec_columns_free(&c);
    return status;
}

static tec_status read_table(reading *r)
{
    for (size_t i = 0; i < r->lines.count; i++) {
        tec_columns c;
        tec_columns_split(&c, r->lines.line[i].text, r->lines.divider);
        r->columns = c.count > r->columns ? c.count : r->columns;
        tec_columns_free(&c);
    }
    TEC_TRY(find_columns(r));
    for (size_t i = r->header; i < r->lines.count; i++)
        TEC_TRY(read_row(r, &r->lines.line[i]));
    return TEC_OK;
}

/* ---- all of it ---- */

static tec_status check_all(const reading *r, tec_scan_notes *notes)
{
    int64_t missing = 0, first = 0, total = (int64_t)r->found->count;
    for (int64_t i = total - 1; i >= 0; i--)
        if (!r->found->file[i].label) {
            missing++;
            first = i;
        }
    if (missing == total)
        return tec_fail(TEC_USER_ERROR,
                        "data.labels %s: no line names an image of %s: its line %d is `%.200s`, the first image is %s",
                        r->path, r->root, r->lines.line[0].number, r->lines.line[0].text, r->found->file[0].path);
    if (missing)
        return tec_fail(TEC_USER_ERROR,
                        "data.labels %s has no label for %lld of the %lld images of %s (%s%s): add them, or move these "
                        "images away",
                        r->path, (long long)missing, (long long)total, r->root, r->found->file[first].path,
                        missing > 1 ? ", ..." : "");
    if (r->extra) {
        char *text = tec_string_format("%lld line%s of %s no image of it (the first is line %d)", (long long)r->extra,
                                       r->extra == 1 ? "" : "s",
                                       r->extra == 1 ? "data.labels names" : "data.labels name", r->first_extra);
        tec_scan_remark(notes, r->root, text);
        free(text);
    }
    return tec_found_check_numbers(r->found, r->path);
}

static tec_status read_lines(reading *r, tec_scan_notes *notes)
{
    if (!r->lines.count)
        return tec_fail(TEC_USER_ERROR, "data.labels %s is empty", r->path);
    bool blanks = r->lines.divider == ' ' || !r->lines.divider;
    TEC_TRY(blanks ? read_words(r) : read_table(r));
    return check_all(r, notes);
}

tec_status tec_found_take_labels(tec_found *found, const char *root, const char *path, const char *text,
                                 tec_scan_notes *notes)
{
    reading r = {.found = found, .root = root, .path = path};
    tec_lines_split(&r.lines, text);
    tec_label_images_of(&r.images, found, "data.train");
    for (size_t i = 0; i < found->count; i++) {
        free(found->file[i].label);
        found->file[i].label = NULL;
    }
    tec_status status = read_lines(&r, notes);
    tec_label_images_free(&r.images);
    tec_lines_free(&r.lines);
    return status;
}
