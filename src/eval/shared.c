/* Validation images that are training images too, whatever their files are called. */
#include "tec/features.h"

#include "tec/memory.h"

#include <stdlib.h>

typedef struct known {
    uint64_t content;
    int64_t row;
} known;

static int by_content(const void *left, const void *right)
{
    const known *a = left, *b = right;
    if (a->content != b->content)
        return a->content > b->content ? 1 : -1;
    return (a->row > b->row) - (a->row < b->row);
}

/* Collective. The contents of the rows of all ranks, sorted; the caller frees them. */
static known *gather(const tec_comm *comm, const tec_features *f)
{
    int64_t *all = tec_allocate_zeroed((size_t)f->total, sizeof *all);
    known *sorted = tec_allocate((size_t)f->total * sizeof *sorted);
    for (int64_t i = 0; i < f->count; i++)
        all[f->first + i] = (int64_t)f->content[i];
    tec_comm_sum_int64(comm, all, (int)f->total);
    for (int64_t i = 0; i < f->total; i++)
        sorted[i] = (known){(uint64_t)all[i], i};
    qsort(sorted, (size_t)f->total, sizeof *sorted, by_content);
    free(all);
    return sorted;
}

/* The first row whose content is not before this one. */
static int64_t first_of(const known *sorted, int64_t count, uint64_t content)
{
    int64_t low = 0, high = count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (sorted[middle].content < content)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t tec_features_shared(const tec_comm *comm, const tec_features *train, const tec_features *val, int64_t *first)
{
    known *sorted = gather(comm, val);
    int64_t *shared = tec_allocate_zeroed((size_t)val->total, sizeof *shared), count = 0;
    for (int64_t i = 0; i < train->count; i++)
        for (int64_t at = first_of(sorted, val->total, train->content[i]);
             at < val->total && sorted[at].content == train->content[i] && !shared[sorted[at].row]; at++)
            shared[sorted[at].row] = 1;
    tec_comm_sum_int64(comm, shared, (int)val->total);
    *first = -1;
    for (int64_t i = val->total - 1; i >= 0; i--)
        if (shared[i]) {
            count++;
            *first = i;
        }
    free(shared);
    free(sorted);
    return count;
}
