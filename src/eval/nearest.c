/* Candidates for the k nearest: a heap of the k largest similarities, and all rows within a margin of it. */
#include "nearest.h"

#include "tec/memory.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REAL_EPSILON (TEC_REAL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON)

/* |computed - exact| <= D eps / 2 in any order of summation. Twice that, as rows are rounded. */
real tec_nearest_margin(int width)
{
    return (real)(2 * (width + 2) * REAL_EPSILON);
}

double tec_nearest_product(const real *a, const real *b, int width)
{
    double part[8] = {0};
    int i = 0;
    for (; i + 8 <= width; i += 8)
        for (int j = 0; j < 8; j++)
            part[j] += (double)a[i + j] * b[i + j];
    for (; i < width; i++)
        part[i % 8] += (double)a[i] * b[i];
    return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

int tec_nearest_order(double similarity, int64_t row, double other_similarity, int64_t other_row)
{
    if (similarity != other_similarity)
        return similarity > other_similarity ? -1 : 1;
    return (row > other_row) - (row < other_row);
}

void tec_nearest_open(tec_nearest *n, int k, real margin)
{
    *n = (tec_nearest){.k = k, .margin = margin, .capacity = 4 * (int64_t)k};
    n->best = tec_allocate((size_t)k * sizeof *n->best);
    n->item = tec_allocate((size_t)n->capacity * sizeof *n->item);
}

void tec_nearest_close(tec_nearest *n)
{
    free(n->best);
    free(n->item);
}

void tec_nearest_clear(tec_nearest *n)
{
    n->count = n->best_count = 0;
}

static void heap_add(real *heap, int count, real value)
{
    int at = count;
    for (; at > 0 && heap[(at - 1) / 2] > value; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = value;
}

/* Replaces the smallest by `value`. */
static void heap_replace(real *heap, int count, real value)
{
    int at = 0;
    for (int child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= value)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = value;
}

/* The least similarity of a candidate. */
static real threshold(const tec_nearest *n)
{
    return n->best_count < n->k ? -(real)INFINITY : n->best[0] - n->margin;
}

void tec_nearest_finish(tec_nearest *n)
{
    real least = threshold(n);
    int64_t kept = 0;
    for (int64_t i = 0; i < n->count; i++)
        if (n->item[i].similarity >= least)
            n->item[kept++] = n->item[i];
    n->count = kept;
}

/* Drops rows that are no candidates any more; doubles the list if more than half of it remains. */
static void make_room(tec_nearest *n)
{
    tec_nearest_finish(n);
    if (2 * n->count <= n->capacity)
        return;
    tec_candidate *larger = tec_allocate(2 * (size_t)n->capacity * sizeof *larger);
    memcpy(larger, n->item, (size_t)n->count * sizeof *larger);
    free(n->item);
    n->item = larger;
    n->capacity *= 2;
}

void tec_nearest_add(tec_nearest *n, const real *similarity, int64_t first, int count)
{
    real least = threshold(n);
    for (int i = 0; i < count; i++) {
        if (!(similarity[i] >= least))
            continue;
        if (n->best_count < n->k)
            heap_add(n->best, n->best_count++, similarity[i]);
        else if (similarity[i] > n->best[0])
            heap_replace(n->best, n->k, similarity[i]);
        least = threshold(n);
        if (n->count == n->capacity)
            make_room(n);
        n->item[n->count++] = (tec_candidate){similarity[i], first + i};
    }
}
