/* Classes by name and by number. A number is never guessed: who wrote it may have counted from 0 or 1, in the order of the
 * names or in another one, as ILSVRC2012 does. */
#include "label_classes.h"

#include "label_lines.h"
#include "label_table.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/suggest.h"
#include "tec/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ILSVRC_FILE "ILSVRC2012_validation_ground_truth"

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tec_named_class *)a)->name, ((const tec_named_class *)b)->name);
}

static int by_number(const void *a, const void *b)
{
    long left = ((const tec_numbered_class *)a)->number, right = ((const tec_numbered_class *)b)->number;
    return (left > right) - (left < right);
}

static bool is_number(const char *text, long *number)
{
    char *end;
    errno = 0;
    *number = strtol(text, &end, 10);
    return end > text && !*end && !errno && *number >= 0;
}

static const tec_named_class *find_name(const tec_label_classes *c, const char *name)
{
    return bsearch(&(tec_named_class){.name = name}, c->by_name, (size_t)tec_dataset_classes(c->named),
                   sizeof *c->by_name, by_name);
}

/* ---- the file of classes ---- */

/* A number of `length` bytes, with or without a colon behind it. */
static bool read_number(const char *text, size_t length, long *number)
{
    char *copy = tec_string_format("%.*s", (int)length, text);
    if (length > 1 && copy[length - 1] == ':')
        copy[length - 1] = 0;
    bool read = is_number(copy, number);
    free(copy);
    return read;
}

/* The name that `length` bytes give, the caller frees it: all of them, or their first word if that is a class and they are
 * not. */
static char *read_name(const tec_label_classes *c, const char *text, size_t length)
{
    while (length > 0 && strchr(" :,;", text[length - 1]))
        length--;
    while (length > 0 && *text == ' ') {
        text++;
        length--;
    }
    char *name = tec_string_format("%.*s", (int)length, text);
    size_t first = strcspn(name, " ");
    if (!find_name(c, name) && tec_label_classes_have(c, name, first))
        name[first] = 0;
    return name;
}

/* Blanks may be a part of the name: the word that is the number is the one beside which a class is named, else the second,
 * the last or the first. False: there is no number. */
static bool read_words(const tec_label_classes *c, const char *text, tec_numbered_class *entry)
{
    bool found = false, known = false;
    int word = 0;
    for (const char *at = text; *at && !known; at += strspn(at, " "), word++) {
        size_t length = strcspn(at, " ");
        const char *colon = memchr(at, ':', length);
        long number;
        if (word == 0 && colon) /* "1:cat" */
            length = (size_t)(colon + 1 - at);
        if (read_number(at, length, &number)) {
            const char *begin = word ? text : at + length;
            char *name = read_name(c, begin, word ? (size_t)(at - text) : strlen(begin));
            known = *name && find_name(c, name);
            if (*name && (known || !found || word == 1)) {
                free(entry->name);
                *entry = (tec_numbered_class){number, name};
                found = true;
            } else {
                free(name);
            }
        }
        at += length;
    }
    return found;
}

/* The first number, and beside it the first class. */
static bool read_columns(const tec_label_classes *c, const char *text, char divider, tec_numbered_class *entry)
{
    tec_columns columns;
    int number = -1, name = -1;
    tec_columns_split(&columns, text, divider);
    for (int i = 0; i < columns.count && number < 0; i++)
        number = read_number(columns.column[i], strlen(columns.column[i]), &entry->number) ? i : -1;
    for (int i = 0; i < columns.count && name < 0; i++)
        name = i != number && tec_label_classes_begin(c, columns.column[i]) ? i : -1;
    name = name < 0 ? number == 0 && columns.count > 1 : name;
    entry->name = read_name(c, columns.column[name], strlen(columns.column[name]));
    tec_columns_free(&columns);
    return number >= 0 && number != name;
}

/* "n02119789 1 kit_fox", "1 n02119789", "2: new york", or "n02119789" and what is behind it, whose number is its place. */
static void read_class(tec_label_classes *c, const tec_line *line, char divider, size_t place, bool *counted)
{
    tec_numbered_class *entry = &c->by_number[c->numbered++];
    bool whole = find_name(c, line->text), columns = divider && divider != ' ';
    *counted = whole || !(columns ? read_columns(c, line->text, divider, entry) : read_words(c, line->text, entry));
    if (whole || (*counted && !columns)) {
        free(entry->name);
        entry->name = whole ? tec_string_copy(line->text) : read_name(c, line->text, strlen(line->text));
    }
    if (*counted)
        entry->number = (long)place + (c->files->numbering == TEC_NUMBERS_FROM_1);
}

/* Is the first line, which names no class and has no number, a header? Where the others have numbers, or by its words. */
static bool is_header(const tec_label_classes *c, const tec_lines *lines, bool first_counted, size_t counted)
{
    const char *text = lines->line[0].text;
    bool named = tec_label_table_is_heading(text) || strcasestr(text, "name");
    return lines->count > 1 && first_counted && !find_name(c, c->by_number[0].name) && (counted == 1 || named);
}

/* The same class under two numbers: by the first word of another one's name, or twice in the file. */
static tec_status check_names(const tec_label_classes *c)
{
    size_t classes = (size_t)tec_dataset_classes(c->named);
    size_t *before = tec_allocate_zeroed(classes, sizeof *before);
    tec_status status = TEC_OK;
    for (size_t i = 0; i < c->numbered && status == TEC_OK; i++) {
        const tec_named_class *found = find_name(c, c->by_number[i].name);
        if (found && before[found->index])
            status =
                tec_fail(TEC_USER_ERROR, "data.val_classes %s: class %s has the numbers %ld and %ld: leave one out",
                         c->files->classes_path, found->name, c->by_number[before[found->index] - 1].number,
                         c->by_number[i].number);
        if (found)
            before[found->index] = i + 1;
    }
    free(before);
    return status;
}

static tec_status check_numbers(const tec_label_classes *c)
{
    const char *path = c->files->classes_path;
    for (size_t i = 1; i < c->numbered; i++)
        if (c->by_number[i].number == c->by_number[i - 1].number)
            return tec_fail(TEC_USER_ERROR, "data.val_classes %s: number %ld means %s and %s: give each class its own",
                            path, c->by_number[i].number, c->by_number[i - 1].name, c->by_number[i].name);
    for (size_t i = 0; i < c->numbered; i++)
        if (find_name(c, c->by_number[i].name))
            return check_names(c);
    return tec_fail(TEC_USER_ERROR, "data.val_classes %s: no line names a class of data.train, such as %s", path,
                    tec_dataset_class_name(c->named, 0));
}

static void drop_header(tec_label_classes *c)
{
    free(c->by_number[0].name);
    c->numbered--;
    memmove(c->by_number, c->by_number + 1, c->numbered * sizeof *c->by_number);
}

static tec_status read_classes(tec_label_classes *c)
{
    tec_lines lines;
    size_t counted = 0;
    bool one, first = false;
    tec_lines_split(&lines, c->files->classes);
    c->by_number = tec_allocate_zeroed(lines.count, sizeof *c->by_number);
    for (size_t i = 0; i < lines.count; i++) {
        read_class(c, &lines.line[i], lines.divider, i, &one);
        first = i == 0 ? one : first;
        counted += one;
    }
    if (lines.count && is_header(c, &lines, first, counted)) {
        drop_header(c);
        counted--;
        for (size_t i = 0; i < c->numbered && counted; i++) /* all are counted, or it is refused */
            c->by_number[i].number--;
    }
    size_t count = c->numbered;
    tec_lines_free(&lines);
    if (counted && counted < count)
        return tec_fail(TEC_USER_ERROR, "data.val_classes %s: %zu of its %zu lines have a number, the others have none",
                        c->files->classes_path, count - counted, count);
    if (counted && c->files->numbering == TEC_NUMBERS_ASK)
        return tec_fail(TEC_USER_ERROR,
                        "data.val_classes %s has names without numbers: is the first class number 0 "
                        "(data.val_numbers=from_0) or 1 (data.val_numbers=from_1)?",
                        c->files->classes_path);
    qsort(c->by_number, c->numbered, sizeof *c->by_number, by_number);
    return check_numbers(c);
}

tec_status tec_label_classes_open(tec_label_classes *out, const tec_dataset *named, const tec_label_files *files)
{
    size_t classes = (size_t)tec_dataset_classes(named);
    *out = (tec_label_classes){.named = named, .files = files, .by_name = tec_allocate(classes * sizeof *out->by_name)};
    for (int i = 0; i < (int)classes; i++)
        out->by_name[i] = (tec_named_class){tec_dataset_class_name(named, i), i};
    qsort(out->by_name, classes, sizeof *out->by_name, by_name);
    return files->classes ? read_classes(out) : TEC_OK;
}

void tec_label_classes_close(tec_label_classes *c)
{
    for (size_t i = 0; i < c->numbered; i++)
        free(c->by_number[i].name);
    free(c->by_number);
    free(c->by_name);
    *c = (tec_label_classes){0};
}

/* ---- labels ---- */

bool tec_label_classes_know(const tec_label_classes *c, const char *label)
{
    long number;
    return find_name(c, label) || is_number(label, &number);
}

int tec_label_classes_place(const tec_label_classes *c, const char *name)
{
    const tec_named_class *found = find_name(c, name);
    return found ? found->index : -1;
}

bool tec_label_classes_have(const tec_label_classes *c, const char *name, size_t length)
{
    char *copy = tec_string_format("%.*s", (int)length, name);
    bool have = find_name(c, copy) != NULL;
    free(copy);
    return have;
}

bool tec_label_classes_begin(const tec_label_classes *c, const char *label)
{
    return find_name(c, label) || tec_label_classes_have(c, label, strcspn(label, " "));
}

bool tec_label_is_number(const char *text)
{
    long number;
    return is_number(text, &number);
}

const char *tec_label_classes_name(const tec_label_classes *c, int index)
{
    return tec_dataset_class_name(c->named, index);
}

static tec_status unknown(const tec_label_classes *c, const char *label, const char *path, int line)
{
    int classes = tec_dataset_classes(c->named);
    const char **name = tec_allocate((size_t)classes * sizeof *name);
    for (int i = 0; i < classes; i++)
        name[i] = c->by_name[i].name;
    const char *nearest = tec_suggest(label, name, classes);
    free(name);
    if (nearest)
        return tec_fail(TEC_USER_ERROR, "%s:%d: `%.80s` is no class of data.train; did you mean `%s`?", path, line,
                        label, nearest);
    return tec_fail(TEC_USER_ERROR, "%s:%d: `%.80s` is no class of data.train, whose %d classes are %s to %s", path,
                    line, label, classes, tec_dataset_class_name(c->named, 0),
                    tec_dataset_class_name(c->named, classes - 1));
}

/* By the file of classes. */
static tec_status find_listed(const tec_label_classes *c, long number, const char *path, int line, int *index)
{
    const tec_numbered_class *listed =
        bsearch(&(tec_numbered_class){.number = number}, c->by_number, c->numbered, sizeof *c->by_number, by_number);
    if (!listed)
        return tec_fail(TEC_USER_ERROR, "%s:%d: data.val_classes %s has no class of number %ld", path, line,
                        c->files->classes_path, number);
    const tec_named_class *found = find_name(c, listed->name);
    if (!found)
        return tec_fail(
            TEC_USER_ERROR,
            "%s:%d: class %ld, %s by data.val_classes, is no class of data.train: leave images of it out of "
            "data.val",
            path, line, number, listed->name);
    *index = found->index;
    return TEC_OK;
}

/* Are all classes called as ILSVRC2012's are, n and eight digits? */
static bool are_synsets(const tec_dataset *named)
{
    for (int i = 0; i < tec_dataset_classes(named); i++) {
        const char *name = tec_dataset_class_name(named, i);
        if (name[0] != 'n' || strlen(name) != 9 || strspn(name + 1, "0123456789") != 8)
            return false;
    }
    return true;
}

/* Numbers of ILSVRC2012 for its classes, which it does not count in sorted order. */
static bool is_ilsvrc(const char *path, const tec_dataset *named)
{
    return strstr(tec_path_name(path), ILSVRC_FILE) && are_synsets(named);
}

static tec_status ask(const char *label, const char *path, int line, const tec_dataset *named)
{
    if (is_ilsvrc(path, named))
        return tec_fail(
            TEC_USER_ERROR,
            "%s:%d: ILSVRC2012's numbers, here %s, are not in the order of its classes but in that of its meta.mat, "
            "which is not read: give data.val_classes=FILE with a line `CLASS NUMBER` for each, such as "
            "`n02119789 1` (\"Labels in a file\" in docs/formats.md has the command)",
            path, line, label);
    return tec_fail(
        TEC_USER_ERROR,
        "%s:%d: which class of data.train is number %s? Give data.val_classes=FILE with a line `CLASS NUMBER` "
        "for each, or data.val_numbers=from_0 (or from_1) if 0 (or 1) is %s and the others follow in sorted "
        "order",
        path, line, label, tec_dataset_class_name(named, 0));
}

/* By the sorted classes of data.train. */
static tec_status find_place(const tec_label_classes *c, long number, const char *path, int line, int *index)
{
    int classes = tec_dataset_classes(c->named), base = c->files->numbering == TEC_NUMBERS_FROM_1;
    if (number < base || number - base >= classes)
        return tec_fail(TEC_USER_ERROR, "%s:%d: number %ld, but the %d classes of data.train are %d to %d", path, line,
                        number, classes, base, classes - 1 + base);
    *index = (int)number - base;
    return TEC_OK;
}

tec_status tec_label_classes_find(const tec_label_classes *c, const char *label, const char *path, int line, int *index)
{
    long number;
    const tec_named_class *found = find_name(c, label);
    if (!is_number(label, &number)) {
        if (!found)
            return unknown(c, label, path, line);
        *index = found->index;
        return TEC_OK;
    }
    if (c->by_number)
        return find_listed(c, number, path, line, index);
    if (found && c->files->numbering == TEC_NUMBERS_ASK) {
        *index = found->index;
        return TEC_OK;
    }
    if (c->files->numbering == TEC_NUMBERS_ASK || is_ilsvrc(path, c->named))
        return ask(label, path, line, c->named);
    return find_place(c, number, path, line, index);
}
