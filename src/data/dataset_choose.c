/* Keeps a part of every class of a data set, for learning from few labels. */
#include "dataset_parts.h"

#include "tec/hash.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/philox.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Marks the samples that are kept of those of a class.
 *
 *   sample  [count] */
static void choose(const int64_t *sample, int64_t count, int64_t keep, tec_philox random, bool *kept)
{
    int64_t *order = tec_allocate((size_t)count * sizeof *order);
    tec_philox_permutation(&random, count, order);
    for (int64_t i = 0; i < keep; i++)
        kept[sample[order[i]]] = true;
    free(order);
}

/* Sorts the samples by label, those of a label in their order: label c has those from begin[c] to begin[c + 1] - 1.
 *
 *   begin   [classes + 1]
 *   sample  [size] */
static void sort(const tec_dataset *set, int64_t *begin, int64_t *sample)
{
    const int classes = set->classes;
    int64_t *next = tec_allocate_zeroed((size_t)classes, sizeof *next);
    for (int64_t i = 0; i < set->size; i++)
        next[tec_dataset_label(set, i)]++;
    begin[0] = 0;
    for (int c = 0; c < classes; c++) {
        begin[c + 1] = begin[c] + next[c];
        next[c] = begin[c];
    }
    for (int64_t i = 0; i < set->size; i++)
        sample[next[tec_dataset_label(set, i)]++] = i;
    free(next);
}

/* The indices of the samples that are kept; the others are gone. */
static void keep_only(tec_dataset *set, const bool *kept)
{
    int64_t *chosen = tec_allocate((size_t)set->size * sizeof *chosen), count = 0;
    for (int64_t i = 0; i < set->size; i++)
        if (kept[i])
            chosen[count++] = tec_dataset_index(set, i);
    free(set->chosen);
    set->chosen = chosen;
    set->size = count;
    set->fingerprint = tec_hash_bytes(set->fingerprint, chosen, (size_t)count * sizeof *chosen);
}

void tec_dataset_choose(tec_dataset *set, int64_t per_class, double fraction, uint64_t seed)
{
    assert(set->classes > 0 && set->size > 0);
    int64_t *sample = tec_allocate((size_t)set->size * sizeof *sample);
    int64_t *begin = tec_allocate(((size_t)set->classes + 1) * sizeof *begin);
    bool *kept = tec_allocate_zeroed((size_t)set->size, sizeof *kept);
    sort(set, begin, sample);
    for (int c = 0; c < set->classes; c++) {
        const int64_t count = begin[c + 1] - begin[c];
        int64_t keep = per_class > 0 ? per_class : tec_max_int64(1, (int64_t)rint(fraction * (double)count));
        choose(sample + begin[c], count, tec_min_int64(keep, count),
               tec_philox_start(seed, TEC_STREAM_CHOICE, (uint64_t)c, 0, 0), kept);
    }
    keep_only(set, kept);
    free(kept);
    free(begin);
    free(sample);
}
