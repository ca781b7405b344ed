/* Labels beside images, as WebDataset has them: a.jpg with a.cls, a.json or a.txt. */
#include "tar_index.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SHORT = 1024, LONG = 1 << 20 };

/* In the order in which they are preferred. */
static const struct {
    const char *ending;
    char source;
    size_t room;
} kinds[] = {{".cls", 'c', SHORT}, {".json", 'j', LONG}, {".txt", 't', SHORT}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static int kind_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    for (int i = 0; i < KINDS && dot; i++)
        if (!strcasecmp(dot, kinds[i].ending))
            return i;
    return -1;
}

size_t tec_tar_label_room(const char *path)
{
    int kind = kind_of(path);
    return kind < 0 ? 0 : kinds[kind].room;
}

/* ---- what a file says ---- */

/* One line without blanks around it; NULL: empty, several lines, or no text. The caller frees it. */
static char *line_of(const char *data, size_t bytes)
{
    while (bytes && isspace((unsigned char)*data))
        data++, bytes--;
    while (bytes && isspace((unsigned char)data[bytes - 1]))
        bytes--;
    for (size_t i = 0; i < bytes; i++)
        if (iscntrl((unsigned char)data[i]))
            return NULL;
    return bytes ? tec_string_format("%.*s", (int)bytes, data) : NULL;
}

/* The label of a JSON object: of the first of these keys that it has. */
static char *label_of_json(const char *data, size_t bytes)
{
    static const char *const keys[] = {"cls",      "label",     "class",     "class_name", "label_name",
                                       "target",   "category",  "wnid",      "synset",     "class_id",
                                       "label_id", "class_idx", "fine_label"};
    json_t *json = json_loadb(data, bytes, JSON_DISABLE_EOF_CHECK, NULL);
    char *label = NULL;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !label; i++) {
        const json_t *value = json_object_get(json, keys[i]);
        if (json_is_integer(value))
            label = tec_string_format("%lld", (long long)json_integer_value(value));
        else if (json_is_string(value))
            label = line_of(json_string_value(value), json_string_length(value));
    }
    json_decref(json);
    return label;
}

/* WebDataset itself writes a number into .cls, and reads .json and .txt as whatever they are. */
void tec_tar_labels_add(tec_tar_labels *labels, const char *path, const char *data, size_t bytes)
{
    int kind = kind_of(path);
    labels->label = tec_grow(labels->label, labels->count, &labels->room, sizeof *labels->label);
    labels->label[labels->count++] = (tec_tar_label){
        .stem = tec_string_format("%.*s", (int)(strrchr(path, '.') - path), path),
        .source = kinds[kind].source,
        .text = !data                       ? NULL
                : kinds[kind].source == 'j' ? label_of_json(data, bytes)
                                            : line_of(data, bytes),
    };
}

void tec_tar_labels_free(tec_tar_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++) {
        free(labels->label[i].stem);
        free(labels->label[i].text);
    }
    free(labels->label);
    *labels = (tec_tar_labels){0};
}

/* ---- which image they are of ---- */

static int preference(char source)
{
    int i = 0;
    while (i < KINDS && kinds[i].source != source)
        i++;
    return i;
}

/* By stem; of one stem the preferred one first. */
static int by_stem(const void *a, const void *b)
{
    const tec_tar_label *x = a, *y = b;
    int order = strcmp(x->stem, y->stem);
    return order ? order : preference(x->source) - preference(y->source);
}

static bool is_label(const tec_tar_label *label)
{
    return label->text && (label->source != 't' || !strpbrk(label->text, " \t"));
}

/* The preferred one of those that say a label, and else NULL; marks all of that stem as used. */
static tec_tar_label *find(tec_tar_labels *labels, const char *stem, bool *there)
{
    size_t low = 0, high = labels->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(labels->label[middle].stem, stem) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    tec_tar_label *found = NULL;
    *there = false;
    for (size_t i = low; i < labels->count && !strcmp(labels->label[i].stem, stem); i++) {
        *there = labels->label[i].used = true;
        if (!found && is_label(&labels->label[i]))
            found = &labels->label[i];
    }
    return found;
}

/* "a/b.c" of "a/b.c.jpg" and, shorter, "a/b", which WebDataset takes for the key of a sample. */
static char *stem_of(const char *path, bool shorter)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = shorter ? strchr(name + (*name != 0), '.') : strrchr(name, '.');
    return tec_string_format("%.*s", (int)(dot ? dot - path : (long)strlen(path)), path);
}

static bool is_image(const tec_tar_entry *entry)
{
    return entry->kind == 'i' || entry->kind == 'c';
}

/* Is it `a.x.png`, with labels of `a` only? */
static bool is_further(tec_tar_labels *labels, const char *path)
{
    bool own, of_key;
    char *stem = stem_of(path, false), *key = stem_of(path, true);
    find(labels, stem, &own);
    bool further = !own && strcmp(stem, key) != 0;
    if (further)
        find(labels, key, &of_key);
    further = further && of_key;
    free(key);
    free(stem);
    return further;
}

static void give(tec_tar_labels *labels, tec_tar_entry *entry)
{
    bool there;
    char *stem = stem_of(entry->path, false), *key = stem_of(entry->path, true);
    const tec_tar_label *label = find(labels, stem, &there);
    if (!there)
        label = find(labels, key, &there);
    if (label) {
        entry->label = tec_string_copy(label->text);
        entry->source = label->source;
    }
    free(key);
    free(stem);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The keys of samples whose image is called after nothing but them, sorted. */
static char **plain_keys(const tec_tar_index *index, size_t *count)
{
    char **key = tec_allocate((index->count + 1) * sizeof *key);
    *count = 0;
    for (size_t i = 0; i < index->count; i++) {
        if (!is_image(&index->entry[i]))
            continue;
        char *stem = stem_of(index->entry[i].path, false), *shorter = stem_of(index->entry[i].path, true);
        if (!strcmp(stem, shorter))
            key[(*count)++] = tec_string_copy(stem);
        free(stem);
        free(shorter);
    }
    qsort(key, *count, sizeof *key, by_text);
    return key;
}

/* A sample may have several pictures: of a.jpg, a.seg.png and a.cls the second is no image to learn from. */
static void drop_further(tec_tar_labels *labels, tec_tar_index *index)
{
    size_t keys, kept = 0;
    char **key = plain_keys(index, &keys);
    for (size_t i = 0; i < index->count; i++) {
        tec_tar_entry *entry = &index->entry[i];
        char *mine = stem_of(entry->path, true);
        bool drop =
            is_image(entry) && is_further(labels, entry->path) && bsearch(&mine, key, keys, sizeof *key, by_text);
        free(mine);
        if (drop) {
            free(entry->path);
            index->masks++;
        } else {
            index->entry[kept++] = *entry;
        }
    }
    index->count = kept;
    for (size_t i = 0; i < keys; i++)
        free(key[i]);
    free(key);
}

void tec_tar_labels_apply(tec_tar_labels *labels, tec_tar_index *index)
{
    if (!labels->count)
        return;
    qsort(labels->label, labels->count, sizeof *labels->label, by_stem);
    drop_further(labels, index);
    for (size_t i = 0; i < labels->count; i++)
        labels->label[i].used = false;
    for (size_t i = 0; i < index->count; i++)
        if (is_image(&index->entry[i]))
            give(labels, &index->entry[i]);
    for (size_t i = 0; i < labels->count; i++) {
        const tec_tar_label *label = &labels->label[i];
        index->captions += label->used && label->source == 't' && !is_label(label);
        if (label->source == 'c' && !label->used && !index->strays++)
            index->stray = tec_string_format("%s.cls", label->stem);
    }
}
