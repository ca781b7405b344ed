/* Images with the same pixels, in one data set or several. */
#include "tec/check.h"

#include "tec/memory.h"

#include <stdlib.h>
#include <string.h>

static int by_place(const tec_check_twin *a, const tec_check_twin *b)
{
    if (a->set != b->set)
        return a->set - b->set;
    return (a->sample > b->sample) - (a->sample < b->sample);
}

static int by_content(const void *left, const void *right)
{
    const tec_check_twin *a = left, *b = right;
    if (a->content != b->content)
        return a->content > b->content ? 1 : -1;
    return by_place(a, b);
}

/* The images of a group, and where its first one is. */
typedef struct group {
    const tec_check_twin *first;
    int64_t count;
} group;

static int by_first(const void *left, const void *right)
{
    return by_place(((const group *)left)->first, ((const group *)right)->first);
}

/* Groups of more than one, among images sorted by content. */
static size_t find_groups(const tec_check_twin *all, int64_t count, group **out)
{
    size_t groups = 0, room = 0;
    *out = NULL;
    for (int64_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && all[next].content == all[i].content;)
            next++;
        if (next - i < 2)
            continue;
        *out = tec_grow(*out, groups, &room, sizeof **out);
        (*out)[groups++] = (group){all + i, next - i};
    }
    if (groups)
        qsort(*out, groups, sizeof **out, by_first);
    return groups;
}

int64_t tec_check_twins(const tec_check *const *checks, int sets, tec_check_twin **out)
{
    int64_t count = 0, twins = 0;
    group *found;
    for (int s = 0; s < sets; s++)
        count += checks[s]->readable;
    tec_check_twin *all = tec_allocate((size_t)count * sizeof *all);
    count = 0;
    for (int s = 0; s < sets; s++)
        for (int64_t i = 0; i < checks[s]->images; i++)
            if (checks[s]->image[i].height)
                all[count++] = (tec_check_twin){checks[s]->image[i].content, i, s};
    qsort(all, (size_t)count, sizeof *all, by_content);
    size_t groups = find_groups(all, count, &found);
    *out = tec_allocate((size_t)count * sizeof **out);
    for (size_t g = 0; g < groups; g++) {
        memcpy(*out + twins, found[g].first, (size_t)found[g].count * sizeof **out);
        twins += found[g].count;
    }
    free(found);
    free(all);
    return twins;
}
