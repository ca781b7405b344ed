/* k-NN over features that are distributed over the ranks.
 *
 * Blocks of test rows are broadcast by their owner; each rank multiplies a block by its training rows, piece by piece,
 * and keeps the nearest. How a matrix product rounds depends on the shape of its operands, and so on the number of
 * ranks. Therefore it only selects candidates, all rows within its error bound of the k-th best, and these are compared
 * by scalar products summed in a fixed order. */
#include "tec/knn.h"

#include "nearest.h"

#include "tec/clock.h"
#include "tec/gemm.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEST_ROWS 256
#define BLOCK_NEIGHBOURS (1 << 18) /* over all rows of a block, which has fewer rows if k is very large */
#define TRAIN_ROWS 4096

typedef struct neighbour {
    double similarity;
    int64_t index; /* of the training row, over all ranks; -1: none */
    int64_t label;
} neighbour;

typedef struct search {
    const tec_comm *comm;
    const tec_features *train;
    int k;                /* the larger of the two */
    int rows;             /* R, of a block */
    real *block;          /* [R, D] */
    real *similarity;     /* [R, TRAIN_ROWS] */
    tec_nearest *nearest; /* [R] */
    neighbour *mine;      /* [R, k] among this rank's training rows */
    neighbour *all;       /* [R, k] among all training rows; on the owner of the block */
} search;

static int by_nearness(const void *left, const void *right)
{
    const neighbour *a = left, *b = right;
    return tec_nearest_order(a->similarity, a->index, b->similarity, b->index);
}

/* The k nearest candidates by exact similarity, nearest first. */
static void rank_candidates(const search *s, const tec_nearest *candidates, const real *test, neighbour *out)
{
    const tec_features *train = s->train;
    size_t count = (size_t)candidates->count;
    neighbour *near = tec_allocate(count * sizeof *near);
    for (size_t i = 0; i < count; i++) {
        int64_t row = candidates->item[i].row;
        near[i] = (neighbour){tec_nearest_product(test, tec_features_row(train, row), train->width), train->first + row,
                              train->label[row]};
    }
    qsort(near, count, sizeof *near, by_nearness);
    for (size_t i = 0; i < (size_t)s->k; i++)
        out[i] = i < count ? near[i] : (neighbour){-INFINITY, -1, -1};
    free(near);
}

/* For each of the block's `rows`, the k nearest of this rank's training rows. */
static void search_local(search *s, int rows)
{
    const tec_features *train = s->train;
    const int width = train->width;
    const size_t D = (size_t)width, k = (size_t)s->k;
    for (int i = 0; i < rows; i++)
        tec_nearest_clear(&s->nearest[i]);
    for (int64_t first = 0; first < train->count; first += TRAIN_ROWS) {
        int count = train->count - first < TRAIN_ROWS ? (int)(train->count - first) : TRAIN_ROWS;
        tec_gemm(rows, count, width, 1, tec_plain(s->block, width),
                 tec_transposed(tec_features_row(train, first), width), 0, s->similarity, TRAIN_ROWS);
#pragma omp parallel for schedule(dynamic, 8)
        for (int i = 0; i < rows; i++)
            tec_nearest_add(&s->nearest[i], s->similarity + (size_t)i * TRAIN_ROWS, first, count);
    }
#pragma omp parallel for schedule(dynamic, 8)
    for (int i = 0; i < rows; i++) {
        tec_nearest_finish(&s->nearest[i]);
        rank_candidates(s, &s->nearest[i], s->block + (size_t)i * D, s->mine + (size_t)i * k);
    }
}

/* Place of `label` in the vote of the k nearest, from 0; the number of classes if it got no vote. */
static int vote(const neighbour *near, int k, double temperature, double *votes, int classes, int label)
{
    int place = 0;
    memset(votes, 0, (size_t)classes * sizeof *votes);
    for (int i = 0; i < k; i++) /* relative to the nearest, so that no temperature overflows */
        votes[near[i].label] += exp((near[i].similarity - near[0].similarity) / temperature);
    if (votes[label] == 0)
        return classes;
    for (int c = 0; c < classes; c++)
        place += votes[c] > votes[label] || (votes[c] == votes[label] && c < label);
    return place;
}

/* On the owner of a block: counts its hits. */
static void count_hits(const search *s, const tec_knn_settings *settings, int rows, const int32_t *label,
                       tec_knn_result *out)
{
    int classes = s->train->classes;
    double *votes = tec_allocate((size_t)classes * sizeof *votes);
    for (int i = 0; i < rows; i++) {
        const neighbour *near = s->all + (size_t)i * (size_t)s->k;
        for (int which = 0; which < 2; which++) {
            int place = vote(near, settings->k[which], settings->temperature, votes, classes, label[i]);
            out->top1[which] += place < 1;
            out->top5[which] += place < 5 && place < classes;
        }
    }
    out->total += rows;
    free(votes);
}

/* A tec_comm_merge: rows are sorted lists, of which the k nearest of both are kept. */
static void merge_nearest(const void *from, void *into, int rows, size_t row_bytes)
{
    int k = (int)(row_bytes / sizeof(neighbour));
    neighbour *left = tec_allocate(row_bytes);
    for (int row = 0; row < rows; row++) {
        neighbour *out = (neighbour *)into + (ptrdiff_t)row * k;
        const neighbour *right = (const neighbour *)from + (ptrdiff_t)row * k;
        memcpy(left, out, row_bytes);
        for (int i = 0, l = 0, r = 0; i < k; i++)
            out[i] = by_nearness(&left[l], &right[r]) < 0 ? left[l++] : right[r++];
    }
    free(left);
}

static void open_search(search *s)
{
    const int width = s->train->width;
    s->rows = s->k <= BLOCK_NEIGHBOURS / TEST_ROWS ? TEST_ROWS : BLOCK_NEIGHBOURS / s->k;
    const size_t rows = (size_t)s->rows, D = (size_t)width, k = (size_t)s->k;
    const real margin = tec_nearest_margin(width);
    s->block = tec_allocate(rows * D * sizeof(real));
    s->similarity = tec_allocate(rows * TRAIN_ROWS * sizeof(real));
    s->nearest = tec_allocate(rows * sizeof *s->nearest);
    for (int i = 0; i < s->rows; i++)
        tec_nearest_open(&s->nearest[i], s->k, margin);
    s->mine = tec_allocate(rows * k * sizeof(neighbour));
    s->all = tec_allocate(rows * k * sizeof(neighbour));
}

static void close_search(search *s)
{
    for (int i = 0; i < s->rows; i++)
        tec_nearest_close(&s->nearest[i]);
    free(s->nearest);
    free(s->block);
    free(s->similarity);
    free(s->mine);
    free(s->all);
}

static int most_neighbours(const tec_knn_settings *settings)
{
    return tec_max_int(settings->k[0], settings->k[1]);
}

tec_status tec_knn_check(const tec_knn_settings *settings, int64_t images)
{
    int k = most_neighbours(settings);
    if (k <= images)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR, "knn.k is %d, but there are only %lld training images; give a smaller knn.k", k,
                    (long long)images);
}

tec_status tec_knn_classify(const tec_comm *comm, const tec_knn_settings *settings, const tec_features *train,
                            const tec_features *test, tec_knn_result *out)
{
    int k = most_neighbours(settings);
    assert(train->width == test->width);
    *out = (tec_knn_result){0};
    TEC_TRY(tec_knn_check(settings, train->total)); /* again, as images may have been left out */
    assert(k <= BLOCK_NEIGHBOURS);
    search s = {.comm = comm, .train = train, .k = k};
    open_search(&s);
    double started = tec_seconds();
    int64_t done = 0;
    for (int owner = 0; owner < comm->size; owner++) {
        int64_t count = test->count;
        tec_comm_broadcast(comm, &count, sizeof count, owner);
        for (int64_t first = 0; first < count; first += s.rows) {
            int rows = count - first < s.rows ? (int)(count - first) : s.rows;
            size_t bytes = (size_t)rows * (size_t)test->width * sizeof(real);
            if (owner == comm->rank)
                memcpy(s.block, tec_features_row(test, first), bytes);
            tec_comm_broadcast(comm, s.block, bytes, owner);
            search_local(&s, rows);
            tec_comm_reduce_rows(comm, s.mine, s.all, rows, (size_t)k * sizeof(neighbour), merge_nearest, owner);
            if (owner == comm->rank)
                count_hits(&s, settings, rows, test->label + first, out);
            done += rows;
            tec_progress_count("k-NN", "images", done, test->total, started);
        }
    }
    tec_progress_end();
    close_search(&s);
    int64_t counts[5] = {out->total, out->top1[0], out->top1[1], out->top5[0], out->top5[1]};
    tec_comm_sum_int64(comm, counts, 5);
    *out = (tec_knn_result){counts[0], {counts[1], counts[2]}, {counts[3], counts[4]}};
    return TEC_OK;
}
