/* Folders that are probably not the ones that were meant. */
#include "tec/hints.h"

#include "dataset_parts.h"
#include "tec/text.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FEW_FOLDERS 8    /* among more, one called `train` may well be the vehicle */
#define MOST_FOLDERS 256 /* that are looked at */

/* ---- the folders of a set, from the names of its images, which are sorted ---- */

typedef struct folders {
    char *name[MOST_FOLDERS];
    int count;
    bool loose; /* there is an image at this level; the names end there */
} folders;

/* The folder at a level (0: below the root) of an image's name "ROOT/a/b/c.jpg"; 0: the image itself is there. */
static size_t folder_at(const char *name, int level, const char **out)
{
    const char *at = strchr(name, '/');
    for (int i = 0; at && i < level; i++)
        at = strchr(at + 1, '/');
    *out = at ? at + 1 : name;
    size_t length = strcspn(*out, "/");
    return at && (*out)[length] ? length : 0;
}

static bool is_in(const tec_dataset *set, int64_t sample, int level, const char *folder)
{
    char name[PATH_MAX];
    const char *at;
    size_t length = folder_at(tec_dataset_name(set, sample, name, sizeof name), level, &at);
    return length == strlen(folder) && !strncmp(at, folder, length);
}

/* The first sample behind those in the same folder, which are neighbours. */
static int64_t behind(const tec_dataset *set, int64_t sample, int level, const char *folder)
{
    int64_t inside = sample, outside = tec_dataset_size(set);
    while (outside - inside > 1) {
        int64_t middle = inside + (outside - inside) / 2;
        if (is_in(set, middle, level, folder))
            inside = middle;
        else
            outside = middle;
    }
    return outside;
}

static void list_folders(const tec_dataset *set, int level, folders *f)
{
    char name[PATH_MAX];
    const char *at;
    *f = (folders){0};
    for (int64_t sample = 0; sample < tec_dataset_size(set) && f->count < MOST_FOLDERS;) {
        size_t length = folder_at(tec_dataset_name(set, sample, name, sizeof name), level, &at);
        f->loose = !length;
        if (f->loose)
            return;
        char *folder = f->name[f->count++] = tec_string_format("%.*s", (int)length, at);
        sample = behind(set, sample, level, folder);
    }
}

static void free_folders(folders *f)
{
    for (int i = 0; i < f->count; i++)
        free(f->name[i]);
}

/* ---- folders that are parts of a data set, not classes ---- */

typedef enum part { NO_PART, TRAINING, VALIDATION, TESTING, PARTS } part;

static const struct {
    const char *word;
    part part;
} words[] = {{"train", TRAINING},   {"training", TRAINING}, {"val", VALIDATION},
             {"valid", VALIDATION}, {"dev", VALIDATION},    {"validation", VALIDATION},
             {"eval", VALIDATION},  {"test", TESTING},      {"testing", TESTING}};

static part part_of_word(const char *word, size_t length)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].word) == length && !strncasecmp(words[i].word, word, length))
            return words[i].part;
    return NO_PART;
}

enum { REST = 32 };

/* The letters of some of a name, in lower case, as far as they fit. */
static void take_letters(const char *name, size_t length, char letters[REST])
{
    size_t n = 0;
    for (size_t i = 0; i < length && n < REST - 1; i++)
        if (isalpha((unsigned char)name[i]))
            letters[n++] = (char)tolower((unsigned char)name[i]);
    letters[n] = '\0';
}

/* By the first or last word of the name: `train2017`, `imagenette2-val`; rest: the letters of its other words. */
static part part_of(const char *name, char rest[REST])
{
    size_t first = 0, end = strlen(name), last = end;
    while (isalpha((unsigned char)name[first]))
        first++;
    while (last > 0 && isalpha((unsigned char)name[last - 1]))
        last--;
    part p = part_of_word(name, first);
    if (p != NO_PART) {
        take_letters(name + first, end - first, rest);
        return p;
    }
    take_letters(name, last, rest);
    return part_of_word(name + last, end - last);
}

/* `Training Data`, `test_images` */
static bool is_of_sets(const char *rest)
{
    static const char *const sets[] = {"", "set", "data", "dataset", "images", "image", "imgs", "img", "split"};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (!strcmp(sets[i], rest))
            return true;
    return false;
}

/* The first folder of each part; false: these folders look like classes. Beside their part the names of parts are the
 * same (`imagenette2-train`, `imagenette2-val`) and without blanks; `train station` and `subway train` are classes. */
static bool find_parts(const folders *f, const char *found[PARTS])
{
    int kinds = 0, named = 0;
    char rest[REST], common[REST] = "";
    for (int i = 0; i < f->count; i++) {
        part p = part_of(f->name[i], rest);
        bool plain = is_of_sets(rest);
        if (p != NO_PART && !plain && (strchr(f->name[i], ' ') || (*common && strcmp(common, rest) != 0)))
            return false;
        if (p != NO_PART && !plain)
            memcpy(common, rest, sizeof common);
        kinds += p != NO_PART && !found[p];
        named += p != NO_PART;
        if (p != NO_PART && !found[p])
            found[p] = f->name[i];
    }
    return !f->loose && f->count <= FEW_FOLDERS && (kinds > 1 || (named > 0 && named == f->count));
}

/* "data.train=P/train and data.val=P/val were". */
static char *advice(const char *key, const char *path, const char *const found[PARTS])
{
    const char *train = found[TRAINING], *val = found[VALIDATION] ? found[VALIDATION] : found[TESTING];
    if (train && val)
        return tec_string_format("data.train=%s/%s and data.val=%s/%s were", path, train, path, val);
    return tec_string_format("%s=%s/%s was", key, path, train ? train : val);
}

static char *hint_parts(const tec_dataset *set, const char *key, const char *path, const char *const found[PARTS])
{
    char *names = tec_string_copy(""), *meant = advice(key, path, found);
    for (part p = TRAINING; p < PARTS; p++)
        if (found[p])
            tec_string_append(&names, "%s%s", *names ? ", " : "", found[p]);
    char *hint =
        tec_string_format("%s %s: its folders are called %s, which look like parts of a data set and not like "
                          "classes: probably %s meant%s",
                          key, path, names, meant, set->kind == &tec_dataset_pack ? " (with a pack of each)" : "");
    free(names);
    free(meant);
    return hint;
}

/* All images are in one folder. */
static char *hint_one(const tec_dataset *set, const char *key, const char *path, const char *folder)
{
    folders inner;
    const char *found[PARTS] = {0};
    char *below = tec_string_format("%s/%s", path, folder), *hint = NULL;
    list_folders(set, 1, &inner);
    if (find_parts(&inner, found))
        hint = hint_parts(set, key, below, found);
    else if (tec_dataset_classes(set) == 1 && inner.count > 1 && !inner.loose)
        hint =
            tec_string_format("%s %s has only one class, %s, with %s%d folders in it: probably %s=%s was meant", key,
                              path, folder, inner.count == MOST_FOLDERS ? "more than " : "", inner.count, key, below);
    else if (tec_dataset_classes(set) == 1)
        hint = tec_string_format("%s %s has only one class, %s: of no matter for training (data.labels=none says that "
                                 "there are no classes), but nothing can be evaluated with it",
                                 key, path, folder);
    free_folders(&inner);
    free(below);
    return hint;
}

/* What folders are named behind: without slashes at the end, unless it is nothing else; of a folder of archives, these.
 * The caller frees it. */
static char *trimmed(const tec_dataset *set, const char *path)
{
    struct stat info;
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    bool archives = set->kind == &tec_dataset_tar && !stat(path, &info) && S_ISDIR(info.st_mode);
    return tec_string_format("%.*s%s", (int)length, path, archives ? "/*.tar" : "");
}

char *tec_hint_folders(const tec_dataset *set, const char *key, const char *given)
{
    if (set->own_labels)
        return NULL;
    char *path = trimmed(set, tec_dataset_is_list_file(given) ? set->root : given);
    folders f;
    const char *found[PARTS] = {0};
    char *hint = NULL;
    list_folders(set, 0, &f);
    if (find_parts(&f, found))
        hint = hint_parts(set, key, path, found);
    else if (f.count == 1 && !f.loose)
        hint = hint_one(set, key, path, f.name[0]);
    free_folders(&f);
    free(path);
    return hint;
}

/* ---- labels that are missing ---- */

char *tec_hint_unlabelled(const tec_dataset *set)
{
    char name[PATH_MAX], first[PATH_MAX] = "";
    const char *at;
    int64_t loose = 0, size = tec_dataset_size(set);
    for (int64_t i = 0; i < size; i++)
        if (!folder_at(tec_dataset_name(set, i, name, sizeof name), 0, &at) && !loose++)
            memcpy(first, name, sizeof first);
    if (!loose || loose == size)
        return tec_string_copy("");
    return tec_string_format(", because %lld of its images lie%s beside the class folders (%s%s)", (long long)loose,
                             loose == 1 ? "s" : "", first, loose == 1 ? "" : ", ...");
}

/* ---- two sets ---- */

static bool lies_inside(const char *inner, const char *outer)
{
    size_t length = strlen(outer);
    return !strncmp(inner, outer, length) && (inner[length] == '/' || (length && outer[length - 1] == '/'));
}

const char *tec_hint_shared(const tec_dataset *a, const char *a_path, const tec_dataset *b, const char *b_path)
{
    char *one = realpath(a_path, NULL), *other = realpath(b_path, NULL);
    const char *hint = NULL;
    if (one && other && !strcmp(one, other) && (!a->kind->one_size || a->content == b->content))
        hint = "is the same as";
    else if (a->content == b->content && a->total == b->total)
        hint = "holds the same images as";
    else if (one && other && lies_inside(one, other))
        hint = "lies inside";
    else if (one && other && lies_inside(other, one))
        hint = "encloses";
    free(one);
    free(other);
    return hint;
}
