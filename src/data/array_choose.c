/* Which arrays of a file are the images and the labels: those that are named, or those whose names say so, as
 * MedMNIST (train_images, train_labels), Keras (x_train, y_train), Galaxy10 (images, ans) and PCam (x, and y in a
 * file beside it) have them. */
#include "array_set.h"

#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- words of names ---- */

enum { LABEL_WORDS = 8 };

static const struct {
    const char *images, *labels[LABEL_WORDS];
} words[] = {
    {"images", {"labels", "label", "targets", "target", "ans", "classes", "y"}},
    {"image", {"label", "labels", "target", "targets", "y"}},
    {"imgs", {"labels", "label"}},
    {"img", {"label", "labels"}},
    {"data", {"labels", "label", "targets", "target"}},
    {"x", {"y"}},
    {"X", {"y", "Y"}},
    {"arr_0", {"arr_1"}},
};
enum { WORDS = sizeof words / sizeof *words };

/* Where a word stands in a name, between what is no letter and no digit; NULL: nowhere. */
static const char *find_word(const char *name, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = strstr(name, word); at; at = strstr(at + 1, word))
        if ((at == name || !isalnum((unsigned char)at[-1])) && !isalnum((unsigned char)at[length]))
            return at;
    return NULL;
}

static bool has_image_word(const char *name)
{
    for (int i = 0; i < WORDS; i++)
        if (find_word(name, words[i].images))
            return true;
    return false;
}

/* Parts of a data set, as a set of bits. */
typedef enum part { NO_PART = 1, TRAINING = 2, VALIDATION = 4, TESTING = 8, ANY_PART = 15 } part;

static part part_of(const char *name)
{
    static const struct {
        const char *word;
        part part;
    } parts[] = {{"train", TRAINING},        {"training", TRAINING}, {"val", VALIDATION}, {"valid", VALIDATION},
                 {"validation", VALIDATION}, {"dev", VALIDATION},    {"test", TESTING},   {"testing", TESTING}};
    char *small = tec_string_copy(name);
    part found = NO_PART;
    for (char *at = small; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    for (size_t i = 0; found == NO_PART && i < sizeof parts / sizeof *parts; i++)
        if (find_word(small, parts[i].word))
            found = parts[i].part;
    free(small);
    return found;
}

/* ---- images ---- */

/* May it be images, whatever its type? */
static bool looks_like_images(const tec_array *array)
{
    if (array->dims < 3 || array->dims > 4)
        return false;
    return array->dim[1] > 1 || array->dim[2] > 1;
}

/* "train_images, val_images and 2 more" of those that may be images, or of all. */
static char *list_names(const tec_array_file *file, bool images)
{
    enum { MOST = 6 };
    char *text = tec_string_copy("");
    int named = 0, left = 0;
    for (int i = 0; i < tec_array_file_count(file); i++) {
        const tec_array *array = tec_array_file_get(file, i);
        if (images && !looks_like_images(array))
            continue;
        if (named == MOST)
            left++;
        else
            tec_string_append(&text, "%s%s", named++ ? ", " : "", array->name);
    }
    if (left)
        tec_string_append(&text, " and %d more", left);
    return text;
}

/* How many there are of these parts; *index: the last. */
static int count_images(const tec_array_file *file, part wanted, bool by_word, int *index)
{
    int count = 0;
    for (int i = 0; i < tec_array_file_count(file); i++) {
        const tec_array *array = tec_array_file_get(file, i);
        if (looks_like_images(array) && part_of(array->name) & wanted && (!by_word || has_image_word(array->name))) {
            *index = i;
            count++;
        }
    }
    return count;
}

static tec_status refuse_images(const tec_array_file *file, const char *role, int found)
{
    char *candidates = list_names(file, true), *all = list_names(file, false);
    const char *path = tec_array_file_path(file);
    tec_status status;
    if (!*candidates)
        status = tec_fail(TEC_USER_ERROR, "%s holds no images, which are arrays of three or four dimensions, but %s",
                          path, *all ? all : "one array of other dimensions");
    else
        status = tec_fail(TEC_USER_ERROR, "%s holds %s for %s%s (%s): name the array, as %s:%.*s", path,
                          found > 1 ? "several arrays of images" : "no array of images", role ? "data." : "a data set",
                          role ? role : "", candidates, path, (int)strcspn(candidates, ","), candidates);
    free(all);
    free(candidates);
    return status;
}

static tec_status choose_images(const tec_array_file *file, const char *name, const char *role, int *out)
{
    static const part training[] = {TRAINING, NO_PART, 0}, validation[] = {VALIDATION, TESTING, NO_PART, 0},
                      any[] = {ANY_PART, 0};
    if (name) {
        char *names = list_names(file, false);
        *out = tec_array_file_find(file, name);
        tec_status status = *out >= 0
                                ? TEC_OK
                                : tec_fail(TEC_USER_ERROR, "%s holds no array %s, but %s", tec_array_file_path(file),
                                           name, *names ? names : "a single one without a name");
        free(names);
        return status;
    }
    if (tec_array_file_count(file) == 1) { /* whatever it is: what is wrong with it is said of it */
        *out = 0;
        return TEC_OK;
    }
    int found = 0;
    for (const part *wanted = !role                    ? any
                              : !strcmp(role, "train") ? training
                                                       : validation;
         *wanted && !found; wanted++) {
        found = count_images(file, *wanted, false, out);
        if (found > 1 && count_images(file, *wanted, true, out) == 1)
            return TEC_OK;
    }
    return found == 1 ? TEC_OK : refuse_images(file, role, found);
}

/* ---- labels ---- */

typedef bool takes_name(void *context, const char *name);

/* Offers the names that labels of images called so may have; true: one was taken. */
static bool try_label_names(const char *images, takes_name *take, void *context)
{
    bool taken = false;
    for (int i = 0; i < WORDS; i++) {
        const char *at = find_word(images, words[i].images);
        for (int k = 0; at && k < LABEL_WORDS && words[i].labels[k] && !taken; k++) {
            char *name = tec_string_format("%.*s%s%s", (int)(at - images), images, words[i].labels[k],
                                           at + strlen(words[i].images));
            taken = take(context, name);
            free(name);
        }
    }
    return taken;
}

static bool take_array(void *context, const char *name)
{
    tec_array_choice *c = context;
    int found = tec_array_file_find(c->file, name);
    if (found < 0)
        return false;
    c->label_file = c->file;
    c->labels = found;
    return true;
}

typedef struct beside {
    tec_array_choice *choice;
    char *path; /* the file found; NULL: none */
} beside;

static bool take_file(void *context, const char *name)
{
    beside *b = context;
    char *path = tec_path_beside(tec_array_file_path(b->choice->file), name);
    struct stat info;
    if (!stat(path, &info) && tec_array_file_is(path, &info))
        b->path = path;
    else
        free(path);
    return b->path;
}

/* Opens the file of labels, whose only array they are, or the one called as `like` says. */
static tec_status open_labels(tec_array_choice *c, const char *path)
{
    TEC_TRY(tec_array_file_open(&c->label_file, path));
    if (tec_array_file_count(c->label_file) == 1)
        return TEC_OK;
    tec_array_choice of = {.file = c->label_file};
    if (try_label_names(tec_array_file_get(c->file, c->images)->name, take_array, &of)) {
        c->labels = of.labels;
        return TEC_OK;
    }
    char *names = list_names(c->label_file, false);
    tec_status status = tec_fail(
        TEC_USER_ERROR, "%s holds several arrays (%s), none of which is called as labels of %s: keep one of them", path,
        names, tec_array_file_path(c->file));
    free(names);
    return status;
}

static tec_status choose_named(tec_array_choice *c, const char *name)
{
    const char *file = tec_array_file_path(c->file);
    if (take_array(c, name))
        return TEC_OK;
    char *path = *name == '/' ? tec_string_copy(name) : tec_path_beside(file, name);
    struct stat info;
    tec_status status =
        *name && !stat(path, &info)
            ? open_labels(c, path)
            : tec_fail(TEC_USER_ERROR, "%s: there are no labels %s, neither an array in it nor a file beside it", file,
                       name);
    free(path);
    return status;
}

static tec_status choose_labels(tec_array_choice *c, const char *name)
{
    if (name)
        return choose_named(c, name);
    const char *array = tec_array_file_get(c->file, c->images)->name;
    beside b = {.choice = c};
    if (try_label_names(array, take_array, c))
        return TEC_OK;
    tec_status status = TEC_OK;
    if (try_label_names(tec_path_name(tec_array_file_path(c->file)), take_file, &b))
        status = open_labels(c, b.path);
    free(b.path);
    return status;
}

/* ---- both ---- */

void tec_array_choice_say(const tec_array_choice *c, tec_label_mode labels)
{
    const tec_array *images = tec_array_file_get(c->file, c->images);
    char *what = tec_array_describe(images), *from = NULL;
    if (c->label_file) {
        const char *name = tec_array_file_get(c->label_file, c->labels)->name;
        const char *file = c->label_file == c->file ? "" : tec_path_name(tec_array_file_path(c->label_file));
        from = tec_string_format("labels from %s%s%s", file, *file && *name ? ":" : "", name);
    }
    tec_log("%s: images%s%s, %s; %s", tec_array_file_path(c->file), *images->name ? " from " : "", images->name, what,
            from                        ? from
            : labels == TEC_LABELS_NONE ? "labels are not read"
                                        : "no labels in or beside it");
    free(from);
    free(what);
}

static tec_status choose(const tec_array_path *path, const char *role, tec_label_mode labels, tec_array_choice *out)
{
    TEC_TRY(tec_array_file_open(&out->file, path->file));
    const bool single = tec_array_file_count(out->file) == 1 && !*tec_array_file_get(out->file, 0)->name;
    if (single && path->labels)
        return tec_fail(TEC_USER_ERROR,
                        "%s:%s:%s: a .npy holds one array without a name: IMAGES.npy:LABELS.npy is expected",
                        path->file, path->array, path->labels);
    TEC_TRY(choose_images(out->file, single ? NULL : path->array, role, &out->images));
    if (labels == TEC_LABELS_NONE)
        return TEC_OK;
    return choose_labels(out, single ? path->array : path->labels);
}

static void note_files(const tec_array_file *file, tec_scan_notes *notes)
{
    for (int i = 0; i < tec_array_file_parts(file); i++) {
        const struct stat *info;
        const char *path = tec_array_file_part(file, i, &info);
        tec_scan_note_folder(notes, path, info);
    }
}

void tec_array_choice_note(const tec_array_choice *c, tec_scan_notes *notes)
{
    char *images = tec_array_file_place(c->file, c->images), *labels = NULL;
    const char *classes = NULL;
    if (c->label_file) {
        labels = tec_array_file_place(c->label_file, c->labels);
        classes = tec_array_file_get(c->label_file, c->labels)->classes;
    }
    char *text = tec_string_format("%s, labels %s, classes %08x", images, labels ? labels : "none",
                                   classes ? tec_crc32c(0, classes, strlen(classes)) : 0);
    tec_scan_note_choice(notes, text);
    note_files(c->file, notes);
    if (c->label_file && c->label_file != c->file)
        note_files(c->label_file, notes);
    free(text);
    free(labels);
    free(images);
}

tec_status tec_array_choose(const char *path, const char *role, tec_label_mode labels, tec_array_choice *out)
{
    tec_array_path split;
    *out = (tec_array_choice){0};
    if (labels == TEC_LABELS_FOLDERS)
        return tec_fail(TEC_USER_ERROR,
                        "%s holds arrays, but labels by folder were requested: give a folder, or no "
                        "data.labels",
                        path);
    tec_array_path_split(path, &split);
    tec_status status = choose(&split, role, labels, out);
    tec_array_path_free(&split);
    if (status != TEC_OK)
        tec_array_choice_free(out);
    return status;
}

void tec_array_choice_free(tec_array_choice *choice)
{
    if (choice->label_file != choice->file)
        tec_array_file_close(choice->label_file);
    tec_array_file_close(choice->file);
    *choice = (tec_array_choice){0};
}
