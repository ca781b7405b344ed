/* Sizes of the images of a data set. */
#include "tec/check.h"

#include "tec/memory.h"
#include "tec/minmax.h"

#include <limits.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;
    return (left > right) - (left < right);
}

tec_check_sizes tec_check_measure(const tec_check *check, tec_size wanted)
{
    tec_check_sizes sizes = {.least = {INT_MAX, INT_MAX}};
    if (!check->readable)
        return (tec_check_sizes){0};
    int *shorter = tec_allocate((size_t)check->readable * sizeof *shorter);
    int64_t count = 0;
    for (int64_t i = 0; i < check->images; i++) {
        const int size[2] = {check->image[i].height, check->image[i].width};
        if (!size[0])
            continue;
        for (int axis = 0; axis < 2; axis++) {
            sizes.least[axis] = tec_min_int(sizes.least[axis], size[axis]);
            sizes.most[axis] = tec_max_int(sizes.most[axis], size[axis]);
        }
        shorter[count++] = tec_min_int(size[0], size[1]);
        sizes.small += size[0] < wanted.height || size[1] < wanted.width;
    }
    qsort(shorter, (size_t)count, sizeof *shorter, by_value);
    sizes.median = shorter[count / 2];
    free(shorter);
    return sizes;
}
