/* Nearest neighbours by blocks: each rank takes every n-th block of images and passes the whole other file by it, piece by
 * piece. A matrix product selects candidates of a piece, and exact similarities decide, as in k-NN. */
#include "tec/neighbours.h"

#include "nearest.h"

#include "tec/clock.h"
#include "tec/csv.h"
#include "tec/features.h"
#include "tec/files.h"
#include "tec/gemm.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/phase.h"
#include "tec/temporary.h"
#include "tec/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDING 1e-6 /* of a similarity, whose rows have length 1 up to float32's rounding */

enum {
    BLOCK = 2048,
    PIECE = 4096,
    ROWS = 256
}; /* images of a block, of a piece, and those of a block multiplied at once */

typedef struct neighbour {
    double similarity;
    int64_t row; /* -1: none */
} neighbour;

typedef struct search {
    const tec_neighbours_job *job;
    const tec_feature_file *of;
    bool before; /* neighbours are images before the one whose they are */
    int width;
    int64_t first, count; /* rows of the block */
    real *block;          /* [BLOCK, D] unit length */
    real *piece;          /* [PIECE, D] likewise */
    real *similarity;     /* [ROWS, PIECE] */
    tec_nearest *nearest; /* [ROWS] */
    neighbour *found;     /* [BLOCK, k] nearest first */
    FILE *out;            /* rank 0 */
    char *temporary;      /* of it; NULL: standard output */
    tec_neighbours_found total;
    double pairs, all_pairs; /* of images, that this rank has compared and will have */
    double started;
} search;

tec_status tec_neighbours_check(const tec_feature_file *among, const tec_feature_file *of)
{
    const tec_feature_file *const files[] = {among, of};
    tec_feature_difference d;
    for (int i = 0; i < 2; i++)
        if (files[i] && tec_feature_file_spec(files[i])->patches > 0)
            return tec_fail(
                TEC_USER_ERROR,
                "%s holds every patch of an image: compared are features of one row per image, written with "
                "features.tokens=cls or mean",
                tec_feature_file_path(files[i]));
    if (of && tec_feature_spec_differ(tec_feature_file_spec(among), tec_feature_file_spec(of), true, &d))
        return tec_feature_files_refuse(&d, tec_feature_file_path(among), tec_feature_file_path(of));
    return TEC_OK;
}

/* -- progress -- */

/* Images of `among` that those of the block at `first` are compared with. */
static int64_t others_of(const search *s, int64_t first, int64_t count)
{
    return s->before ? first + count : tec_feature_file_rows(s->job->among);
}

/* Images from row `at` on that are in this rank's block of a round. */
static int64_t take_block(const search *s, int64_t at, int64_t *first)
{
    *first = at + (int64_t)s->job->comm->rank * BLOCK;
    return tec_max_int64(0, tec_min_int64(BLOCK, tec_feature_file_rows(s->of) - *first));
}

static double count_pairs(const search *s)
{
    double pairs = 0;
    int64_t first;
    for (int64_t at = 0; at < tec_feature_file_rows(s->of); at += (int64_t)BLOCK * s->job->comm->size) {
        const int64_t count = take_block(s, at, &first);
        pairs += (double)count * (double)others_of(s, first, count);
    }
    return pairs;
}

/* Pieces of the other file are all that takes time: how many of the block's have been passed by it decides. */
static void show_progress(search *s, int64_t passed, int64_t others)
{
    const int64_t rows = tec_feature_file_rows(s->of), round = (int64_t)BLOCK * s->job->comm->size;
    const int64_t at = s->first / round * round, of_round = tec_min_int64(round, rows - at);
    const double share = s->pairs / s->all_pairs, seconds = tec_seconds() - s->started;
    const double done = (double)at + (double)of_round * (double)passed / (double)others;
    char left[32];
    tec_progress_share(TEC_PROGRESS_SECONDS, share, "neighbours: %.0f of %lld images, %.0f images/s, %s left", done,
                       (long long)rows, done / seconds, tec_duration(left, seconds * (1 / share - 1)));
}

/* -- searching -- */

static tec_status read_rows(const tec_feature_file *file, int64_t first, int64_t count, int width, real *out)
{
    tec_features rows = {.count = count, .width = width, .value = out};
    TEC_TRY(tec_feature_file_read(file, first, count, out));
    tec_features_normalize(&rows);
    return TEC_OK;
}

/* Is `a` nearer than what this place of a list holds, if anything? */
static bool nearer(neighbour a, const neighbour *place)
{
    return place->row < 0 || tec_nearest_order(a.similarity, a.row, place->similarity, place->row) < 0;
}

/* Puts one into the sorted list of k, if it is near enough. */
static void insert(neighbour *list, int k, neighbour one)
{
    int at = k;
    for (; at > 0 && nearer(one, &list[at - 1]); at--)
        if (at < k)
            list[at] = list[at - 1];
    if (at < k)
        list[at] = one;
}

/* Rows first .. first + count - 1 are in the piece; `i` is a row of the block, `similarity` its own to those rows. */
static void search_row(search *s, int64_t i, const real *similarity, int64_t first, int64_t count, tec_nearest *nearest)
{
    const int k = s->job->k;
    const size_t D = (size_t)s->width;
    if (s->before)
        count = tec_min_int64(count, s->first + i - first);
    if (count <= 0)
        return;
    tec_nearest_clear(nearest);
    tec_nearest_add(nearest, similarity, 0, (int)count);
    tec_nearest_finish(nearest);
    for (int64_t c = 0; c < nearest->count; c++) {
        const int64_t row = nearest->item[c].row;
        const double exact = tec_nearest_product(s->block + (size_t)i * D, s->piece + (size_t)row * D, s->width);
        if (exact >= s->job->least - ROUNDING)
            insert(s->found + (size_t)i * (size_t)k, k, (neighbour){exact, first + row});
    }
}

static tec_status search_piece(search *s, int64_t first, int64_t count)
{
    TEC_TRY(read_rows(s->job->among, first, count, s->width, s->piece));
    for (int64_t i = 0; i < s->count; i += ROWS) {
        const int rows = (int)tec_min_int64(ROWS, s->count - i);
        tec_gemm(rows, (int)count, s->width, 1, tec_plain(s->block + (size_t)i * (size_t)s->width, s->width),
                 tec_transposed(s->piece, s->width), 0, s->similarity, PIECE);
#pragma omp parallel for schedule(dynamic, 8)
        for (int r = 0; r < rows; r++)
            search_row(s, i + r, s->similarity + (size_t)r * PIECE, first, count, &s->nearest[r]);
    }
    return TEC_OK;
}

static tec_status search_block(search *s)
{
    const int64_t rows = tec_feature_file_rows(s->job->among), end = others_of(s, s->first, s->count);
    for (size_t i = 0; i < (size_t)s->count * (size_t)s->job->k; i++)
        s->found[i] = (neighbour){0, -1};
    TEC_TRY(read_rows(s->of, s->first, s->count, s->width, s->block));
    for (int64_t first = 0; first < end; first += PIECE) {
        const int64_t passed = tec_min_int64(first + PIECE, end);
        tec_phase_tick();
        TEC_TRY(search_piece(s, first, tec_min_int64(PIECE, rows - first)));
        s->pairs += (double)s->count * (double)(passed - first);
        show_progress(s, passed, end);
    }
    return TEC_OK;
}

/* -- the table -- */

static tec_status put_lines(search *s, FILE *text)
{
    const size_t bytes = (size_t)tec_feature_file_name_bytes(s->of), k = (size_t)s->job->k;
    char *names = tec_allocate((size_t)s->count * bytes);
    char *other = tec_allocate((size_t)tec_feature_file_name_bytes(s->job->among));
    tec_status status = tec_feature_file_names(s->of, s->first, s->count, names);
    for (size_t i = 0; i < (size_t)s->count && status == TEC_OK; i++) {
        const neighbour *list = s->found + i * k;
        s->total.images += list[0].row >= 0;
        for (size_t j = 0; j < k && list[j].row >= 0 && status == TEC_OK; j++) {
            status = tec_feature_file_names(s->job->among, list[j].row, 1, other);
            tec_csv_put(names + i * bytes, text);
            fprintf(text, ",%zu,", j + 1);
            tec_csv_put(status == TEC_OK ? other : "", text);
            fprintf(text, ",%.6f\n", list[j].similarity);
            s->total.lines++;
        }
    }
    free(other);
    free(names);
    return status;
}

/* Collective. A block on each rank, as far as there are any. */
static tec_status search_round(search *s)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory"));
    tec_status status = s->count > 0 ? search_block(s) : TEC_OK;
    if (status == TEC_OK && s->count > 0)
        status = put_lines(s, out);
    if (fclose(out) != 0 || !text)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory"));
    status = tec_comm_agree(s->job->comm, status);
    if (status == TEC_OK)
        status = tec_comm_put_texts(s->job->comm, text, bytes, s->out, s->temporary ? s->job->path : "standard output");
    free(text);
    return status;
}

static tec_status search_all(search *s)
{
    const tec_comm *comm = s->job->comm;
    const int64_t rows = tec_feature_file_rows(s->of), round = (int64_t)BLOCK * comm->size;
    tec_status status = TEC_OK;
    s->started = tec_seconds();
    s->all_pairs = count_pairs(s);
    for (int64_t at = 0; at < rows && status == TEC_OK; at += round) {
        s->count = take_block(s, at, &s->first);
        status = search_round(s);
    }
    tec_progress_end();
    return status;
}

/* -- all of it -- */

static void open_search(search *s)
{
    const size_t D = (size_t)s->width;
    s->block = tec_allocate(BLOCK * D * sizeof(real));
    s->piece = tec_allocate(PIECE * D * sizeof(real));
    s->similarity = tec_allocate((size_t)ROWS * PIECE * sizeof(real));
    s->nearest = tec_allocate(ROWS * sizeof *s->nearest);
    for (int i = 0; i < ROWS; i++)
        tec_nearest_open(&s->nearest[i], s->job->k, tec_nearest_margin(s->width));
    s->found = tec_allocate((size_t)BLOCK * (size_t)s->job->k * sizeof *s->found);
}

static void close_search(search *s)
{
    for (int i = 0; i < ROWS; i++)
        tec_nearest_close(&s->nearest[i]);
    free(s->nearest);
    free(s->block);
    free(s->piece);
    free(s->similarity);
    free(s->found);
    free(s->temporary);
}

/* On rank 0. */
static tec_status open_table(search *s)
{
    s->out = stdout;
    if (s->job->path) {
        s->temporary = tec_file_temporary(s->job->path);
        s->out = fopen(s->temporary, "w");
        if (!s->out)
            return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be created: %s", s->job->path, tec_file_reason(errno));
    }
    fputs("path,rank,neighbour,similarity\n", s->out);
    return TEC_OK;
}

/* On rank 0; `status`: of the work. */
static tec_status close_table(search *s, tec_status status)
{
    if (!s->out)
        return status;
    if ((s->temporary ? fclose(s->out) : fflush(s->out)) != 0 && status == TEC_OK)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s",
                          s->temporary ? s->job->path : "standard output", tec_file_reason(errno));
    if (s->temporary && status == TEC_OK)
        return tec_file_publish(s->temporary, s->job->path);
    if (s->temporary)
        unlink(s->temporary);
    return status;
}

tec_status tec_neighbours_write(const tec_neighbours_job *job, tec_neighbours_found *out)
{
    search s = {.job = job,
                .of = job->of ? job->of : job->among,
                .before = !job->of,
                .width = tec_feature_file_spec(job->among)->width};
    open_search(&s);
    tec_status status = tec_comm_agree(job->comm, job->comm->rank == 0 ? open_table(&s) : TEC_OK);
    if (status == TEC_OK)
        status = search_all(&s);
    status = tec_comm_agree(job->comm, job->comm->rank == 0 ? close_table(&s, status) : status);
    int64_t total[2] = {s.total.images, s.total.lines};
    tec_comm_sum_int64(job->comm, total, 2);
    *out = (tec_neighbours_found){total[0], total[1]};
    close_search(&s);
    return status;
}
