/* Sums of gradients as bfloat16 between nodes: mpirun -n N test_rounded, as one node and as several, whose ranks share memory
 * or do not. */
#include "tests/mpi/virtual_nodes.h"

#include "tec/bfloat16.h"
#include "tec/memory.h"
#include "tec/node.h"
#include "tec/philox.h"
#include "tec/reducer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 30011, STEPS = 27, SETTLED = 13 };

static tec_comm comm;

/* What sums go through. */
typedef struct way {
    int ranks_per_node;
    bool shared; /* by a node's memory */
    size_t bucket;
    bool early; /* buckets are announced before the step is complete */
    tec_gradient_type type;
} way;

typedef struct sums {
    tec_node *node; /* of shared memory */
    real *each[8];
    real *data; /* [COUNT] of this rank */
    tec_reducer *reducer;
} sums;

static void open_sums(sums *s, const way *w)
{
    *s = (sums){0};
    ranks_per_node = w->ranks_per_node;
    if (w->shared) {
        s->node = tec_node_open(&comm);
        assert_int_equal(tec_node_allocate_each(s->node, COUNT, s->each), TEC_OK);
        s->data = s->each[s->node->ranks.rank];
    } else
        s->data = tec_allocate_zeroed(COUNT, sizeof(real));
    const tec_reduction reduction = {
        .bucket_bytes = w->bucket * sizeof(real), .type = w->type, .node = s->node, .each = w->shared ? s->each : NULL};
    assert_int_equal(tec_reducer_create(&s->reducer, &comm, s->data, COUNT, &reduction), TEC_OK);
    ranks_per_node = 0;
    assert_int_equal(tec_reducer_rounds(s->reducer), w->type == TEC_GRADIENT_BFLOAT16 && w->ranks_per_node < comm.size);
}

static void close_sums(sums *s)
{
    tec_reducer_free(s->reducer);
    if (!s->node)
        free(s->data);
    tec_node_close(s->node);
}

/* Of many sizes; the gradient of a rank without images is zero. */
static void draw(real *x, int rank, int step)
{
    tec_philox random = tec_philox_start(5, TEC_STREAM_TEST, (uint64_t)rank, (uint32_t)step, 0);
    for (size_t i = 0; i < COUNT; i++)
        x[i] = (real)(rank == 2 ? 0 : ldexp(tec_philox_normal(&random), -(int)(i % 20)));
}

/* The sums of what the ranks have in their data, which become zero, on every rank of the job. */
static void take(sums *s, bool early, real *out)
{
    tec_slice slice;
    for (size_t end = 0; early && end < COUNT; end += 5000)
        tec_reducer_ready(s->reducer, end);
    memset(out, 0, COUNT * sizeof *out);
    while (tec_reducer_take(s->reducer, &slice)) {
        memcpy(out + slice.first, s->data + slice.first, slice.count * sizeof *out);
        memset(s->data + slice.first, 0, slice.count * sizeof *out);
    }
    if (s->node) {
        tec_comm_sum_real(&s->node->ranks, out, COUNT); /* of slices */
        tec_comm_barrier(&comm);
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_true(s->data[i] == 0);
}

/* So far, of each value: what has been summed, what there was to sum, and the most that rounding can have left on the nodes
 * where it left them. */
typedef struct history {
    double *got, *want, *left;
} history;

static bool settles(int step)
{
    return step % SETTLED == SETTLED - 1;
}

/* To bfloat16 a value changes by 2^-8 of itself at most. */
static void note_wanted(history *h, int step)
{
    real *x = tec_allocate(COUNT * sizeof *x);
    for (int rank = 0; rank < comm.size; rank++) {
        draw(x, rank, step);
        for (size_t i = 0; i < COUNT; i++) {
            h->want[i] += x[i];
            h->left[i] += fabs(x[i]);
        }
    }
    for (size_t i = 0; i < COUNT; i++)
        h->left[i] = settles(step) ? 0 : ldexp(h->left[i], -8);
    free(x);
}

static void take_step(sums *s, const way *w, int step, real *got, history *h)
{
    real *first = tec_allocate(COUNT * sizeof *first);
    note_wanted(h, step);
    draw(s->data, comm.rank, step);
    if (settles(step))
        tec_reducer_settle(s->reducer);
    take(s, w->early, got);
    for (size_t i = 0; i < COUNT; i++)
        h->got[i] += got[i];
    memcpy(first, got, COUNT * sizeof *first);
    tec_comm_broadcast(&comm, first, COUNT * sizeof *first, 0);
    assert_memory_equal(first, got, COUNT * sizeof *first);
    free(first);
}

/* What has been summed is what there was, but for what the last step's rounding left of each node's value and of their
 * sum: it does not grow with the steps, and where it is settled nothing is left. */
static void expect_close(const history *h, const real *got, int step)
{
    double worst = 0;
    for (size_t i = 0; i < COUNT; i++) {
        const double size = ldexp(1, -(int)(i % 20)), difference = fabs(h->got[i] - h->want[i]);
        const double left = settles(step) ? 0 : h->left[i] + ldexp(fabs(got[i]), -8);
        assert_true(difference <= left + 2e-5 * size);
        worst = fmax(worst, difference / size);
    }
    assert_true(settles(step) || worst > 1e-4); /* something is rounded */
}

static void expect_steps(const way *w)
{
    sums s;
    real *got = tec_allocate(COUNT * sizeof *got);
    history h = {tec_allocate_zeroed(COUNT, sizeof(double)), tec_allocate_zeroed(COUNT, sizeof(double)),
                 tec_allocate_zeroed(COUNT, sizeof(double))};
    open_sums(&s, w);
    for (int step = 0; step < STEPS; step++) {
        take_step(&s, w, step, got, &h);
        expect_close(&h, got, step);
        for (size_t i = 0; i < COUNT && !settles(step); i++)
            assert_true(got[i] == (real)tec_bfloat16_value(tec_bfloat16_of((float)got[i])));
    }
    close_sums(&s);
    free(h.left);
    free(h.want);
    free(h.got);
    free(got);
}

static const size_t buckets[] = {999, 10000, 2 * COUNT};

static void test_nothing_is_lost(void **state)
{
    (void)state;
    for (int ranks = 1; ranks < comm.size; ranks++)
        for (int shared = 0; shared < (ranks > 1 ? 2 : 1); shared++)
            for (size_t b = 0; b < sizeof buckets / sizeof *buckets; b++)
                expect_steps(&(way){ranks, shared, buckets[b], b % 2, TEC_GRADIENT_BFLOAT16});
}

/* Where all ranks are on one node, with and without its memory: the sums of float32. */
static void test_one_node(void **state)
{
    (void)state;
    real *want = tec_allocate(COUNT * sizeof *want), *got = tec_allocate(COUNT * sizeof *got);
    for (int shared = 0; shared < (comm.size > 1 ? 2 : 1); shared++)
        for (int type = TEC_GRADIENT_FLOAT32; type <= TEC_GRADIENT_BFLOAT16; type++) {
            sums s;
            open_sums(&s, &(way){comm.size, shared, 999, true, (tec_gradient_type)type});
            draw(s.data, comm.rank, 0);
            take(&s, true, type == TEC_GRADIENT_FLOAT32 ? want : got);
            close_sums(&s);
            assert_true(type == TEC_GRADIENT_FLOAT32 || memcmp(got, want, COUNT * sizeof *got) == 0);
        }
    free(got);
    free(want);
}

static void expect_not_finite(const way *w, double value, bool settled)
{
    sums s;
    real *got = tec_allocate(COUNT * sizeof *got);
    open_sums(&s, w);
    if (comm.rank == comm.size - 1)
        s.data[0] = s.data[COUNT - 1] = (real)value;
    if (settled)
        tec_reducer_settle(s.reducer);
    take(&s, false, got);
    assert_false(isfinite((float)got[0]) || isfinite((float)got[COUNT - 1]));
    assert_true(got[1] == 0);
    close_sums(&s);
    free(got);
}

/* What is not finite on one rank is so on all of them; so is what is nearer to infinity than to any bfloat16. */
static void test_not_finite(void **state)
{
    (void)state;
    for (int ranks = 1; ranks < comm.size; ranks++)
        for (int shared = 0; shared < (ranks > 1 ? 2 : 1); shared++) {
            const way w = {ranks, shared, 999, false, TEC_GRADIENT_BFLOAT16};
            for (int settled = 0; settled < 2; settled++) {
                expect_not_finite(&w, NAN, settled);
                expect_not_finite(&w, INFINITY, settled);
                expect_not_finite(&w, -INFINITY, settled);
            }
            expect_not_finite(&w, 3.4e38, false);
        }
}

static void expect_refusal(const tec_reduction *reduction, const char *one, const char *remedy)
{
    real data[4] = {0};
    tec_reducer *reducer;
    assert_int_equal(tec_reducer_create(&reducer, &comm, data, 4, reduction), TEC_USER_ERROR);
    assert_null(reducer);
    assert_non_null(strstr(tec_error_message(), "run.gradient_type=bfloat16"));
    assert_non_null(strstr(tec_error_message(), one));
    assert_non_null(strstr(tec_error_message(), remedy));
}

static void test_refused(void **state)
{
    (void)state;
    expect_refusal(&(tec_reduction){.bucket_bytes = 40, .type = TEC_GRADIENT_BFLOAT16, .overlap = TEC_OVERLAP_THREAD},
                   "run.overlap=thread", "give run.overlap=off");
    expect_refusal(&(tec_reduction){.bucket_bytes = 40, .type = TEC_GRADIENT_BFLOAT16, .parts = 1}, "run.exact_sums",
                   "give run.gradient_type=float32");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_is_lost), cmocka_unit_test(test_one_node),
                                       cmocka_unit_test(test_not_finite), cmocka_unit_test(test_refused)};
    tec_comm_start(&comm);
    int64_t failed = cmocka_run_group_tests(tests, NULL, NULL);
    tec_comm_sum_int64(&comm, &failed, 1);
    tec_comm_finish(&comm);
    return failed != 0;
}
