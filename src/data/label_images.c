/* Images by name. */
#include "label_images.h"

#include "dataset_parts.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_ENDING 6

/* Without ".jpg" and the like. */
static size_t without_ending(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    bool ending = dot && dot > path && (!slash || dot > slash + 1) && strlen(dot) <= LONGEST_ENDING;
    return ending ? (size_t)(dot - path) : strlen(path);
}

static tec_label_image image_of(char *path, int64_t index)
{
    const char *slash = strrchr(path, '/');
    tec_label_image image = {.path = path, .at = slash ? (size_t)(slash + 1 - path) : 0, .index = index};
    image.length = without_ending(path) - image.at;
    return image;
}

static int compare(const tec_label_image *a, const char *name, size_t length)
{
    size_t shorter = a->length < length ? a->length : length;
    int order = memcmp(a->path + a->at, name, shorter);
    return order ? order : (a->length > length) - (a->length < length);
}

static int by_last_part(const void *left, const void *right)
{
    const tec_label_image *b = right;
    return compare(left, b->path + b->at, b->length);
}

void tec_label_images_list(tec_label_images *out, const tec_dataset *set)
{
    char name[PATH_MAX];
    out->key = "data.val";
    out->count = (size_t)set->total;
    out->image = tec_allocate(out->count * sizeof *out->image);
    for (int64_t i = 0; i < set->total; i++) {
        set->kind->name(set, i, name, sizeof name);
        const char *slash = strchr(name, '/');
        out->image[i] = image_of(tec_string_copy(slash ? slash + 1 : name), i);
    }
    qsort(out->image, out->count, sizeof *out->image, by_last_part);
}

void tec_label_images_of(tec_label_images *out, const tec_found *found, const char *key)
{
    *out = (tec_label_images){.count = found->count, .key = key};
    out->image = tec_allocate(out->count * sizeof *out->image);
    for (size_t i = 0; i < found->count; i++)
        out->image[i] = image_of(tec_string_copy(found->file[i].path), (int64_t)i);
    if (out->count)
        qsort(out->image, out->count, sizeof *out->image, by_last_part);
}

void tec_label_images_free(tec_label_images *images)
{
    for (size_t i = 0; i < images->count; i++)
        free(images->image[i].path);
    free(images->image);
    *images = (tec_label_images){0};
}

/* Is the one, at a border of folders, the end of the other? */
static bool is_end(const char *shorter, size_t length, const char *longer, size_t longer_length)
{
    return longer_length >= length && !memcmp(longer + longer_length - length, shorter, length) &&
           (longer_length == length || longer[longer_length - length - 1] == '/');
}

static bool agree(const char *a, size_t a_length, const char *b, size_t b_length)
{
    return is_end(a, a_length, b, b_length) || is_end(b, b_length, a, a_length);
}

static bool is_called(const tec_label_image *image, const char *name)
{
    size_t whole = strlen(image->path), stem = without_ending(image->path), length = strlen(name);
    return agree(image->path, whole, name, length) || agree(image->path, stem, name, length);
}

/* The first image whose last part is not before this one. */
static size_t first_of(const tec_label_images *images, const char *name, size_t length)
{
    size_t low = 0, high = images->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&images->image[middle], name, length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Among the images whose last part is so. */
static const tec_label_image *find(const tec_label_images *images, const char *name, size_t end,
                                   const tec_label_image **other)
{
    const char *slash = memrchr(name, '/', end), *last = slash ? slash + 1 : name;
    size_t length = (size_t)(name + end - last);
    const tec_label_image *found = NULL;
    for (size_t i = first_of(images, last, length); i < images->count; i++) {
        const tec_label_image *image = &images->image[i];
        if (compare(image, last, length) != 0)
            break;
        if (!is_called(image, name))
            continue;
        if (!strcmp(image->path, name)) {
            *other = NULL;
            return image;
        }
        *other = found;
        found = image;
    }
    return found;
}

tec_status tec_label_images_find(const tec_label_images *images, const char *name, const char *path, int line,
                                 int64_t *index)
{
    const tec_label_image *other = NULL, *found = NULL;
    *index = -1;
    while (!strncmp(name, "./", 2))
        name += 2;
    if (!*name)
        return TEC_OK;
    found = find(images, name, without_ending(name), &other);
    if (!found)
        found = find(images, name, strlen(name), &other);
    if (found && other)
        return tec_fail(TEC_USER_ERROR, "%s:%d: `%.200s` may be %s or %s: give the path below %s", path, line, name,
                        other->path, found->path, images->key);
    *index = found ? found->index : -1;
    return TEC_OK;
}
