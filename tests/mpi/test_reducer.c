/* Sums of gradients in buckets: mpirun -n N test_reducer. `test_reducer fail RANK` ends by that rank's failure in the
 * middle of a step, `test_reducer die RANK` by its death; the helper threads of all ranks are then at work. */
#include "tests/mpi/numbers.h"

#include "tec/memory.h"
#include "tec/philox.h"
#include "tec/range.h"
#include "tec/reducer.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { COUNT = 10007, STEPS = 3 };

static tec_comm comm;

static void fill(real *data, int step, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        data[i] = number_of(comm.rank, step, i);
}

static void expect_sums(const real *data, int step, tec_slice slice)
{
    for (size_t i = slice.first; i < slice.first + slice.count; i++) {
        const real want = sum_of(comm.size, step, i);
        if (data[i] != want)
            fail_msg("step %d: number %zu is %g instead of %g", step, i, (double)data[i], (double)want);
    }
}

/* A rank announces what it has filled in, in its own strides; 0: not at all. */
static void fill_and_announce(tec_reducer *reducer, real *data, int step, size_t stride)
{
    size_t end = 0;
    for (; stride && end + stride <= COUNT; end += stride) {
        fill(data, step, end, end + stride);
        tec_reducer_ready(reducer, end + stride);
    }
    fill(data, step, end, COUNT);
}

static void expect_step(tec_reducer *reducer, real *data, size_t bucket, int step, size_t stride)
{
    size_t next = 0;
    tec_slice slice;
    fill_and_announce(reducer, data, step, stride);
    while (tec_reducer_take(reducer, &slice)) {
        assert_int_equal(slice.first, next);
        assert_int_equal(slice.count, COUNT - next < bucket ? COUNT - next : bucket);
        expect_sums(data, step, slice);
        next += slice.count;
    }
    assert_int_equal(next, COUNT);
}

/* bucket: in reals. */
static tec_status create(tec_reducer **out, const tec_comm *on, real *data, size_t count, size_t bucket, bool thread)
{
    tec_reduction reduction = {.bucket_bytes = bucket * sizeof(real),
                               .overlap = thread ? TEC_OVERLAP_THREAD : TEC_OVERLAP_OFF};
    return tec_reducer_create(out, on, data, count, &reduction);
}

static void expect_steps(const tec_comm *on, size_t bucket, bool thread)
{
    real *data = tec_allocate((COUNT + 1) * sizeof *data);
    tec_reducer *reducer;
    data[COUNT] = -1;
    assert_int_equal(create(&reducer, on, data, COUNT, bucket, thread), TEC_OK);
    assert_true(tec_reducer_waited(reducer) == 0);
    for (int step = 0; step < STEPS; step++)
        expect_step(reducer, data, bucket, step, comm.rank == step ? 0 : 100 + 1000 * (size_t)comm.rank);
    assert_true(on->size == 1 ? tec_reducer_waited(reducer) == 0 : tec_reducer_waited(reducer) > 0);
    assert_true(data[COUNT] == -1);
    tec_reducer_free(reducer);
    free(data);
}

static void test_sums(void **state)
{
    (void)state;
    static const size_t buckets[] = {37, 1000, 4099, COUNT - 1, COUNT, COUNT + 1};
    for (size_t b = 0; b < sizeof buckets / sizeof *buckets; b++) {
        expect_steps(&comm, buckets[b], false);
        expect_steps(&comm, buckets[b], true);
    }
}

/* Numbers whose sum depends on the order. */
static void sum_random(bool thread, size_t stride, real *data)
{
    tec_reducer *reducer;
    tec_philox random = tec_philox_start(5, TEC_STREAM_TEST, (uint64_t)comm.rank, 0, 0);
    for (size_t i = 0; i < COUNT; i++)
        data[i] = (real)tec_philox_normal(&random);
    assert_int_equal(create(&reducer, &comm, data, COUNT, 999, thread), TEC_OK);
    for (size_t end = 0; end <= COUNT; end += stride)
        tec_reducer_ready(reducer, end);
    tec_reducer_take_all(reducer);
    tec_reducer_free(reducer);
}

/* Exact sums of `parts` parts of random numbers, which the ranks share; every part is in two spans, between which data are
 * zero, and announces its last one. */
static void sum_parts(const tec_comm *on, int parts, const tec_expected span[2], real *data)
{
    tec_reducer *reducer;
    const tec_reduction reduction = {.bucket_bytes = 999 * sizeof(real), .parts = parts};
    assert_int_equal(tec_reducer_create(&reducer, on, data, COUNT, &reduction), TEC_OK);
    tec_reducer_expect(reducer, span, 2);
    tec_range mine = tec_share(parts, on->rank, on->size);
    memset(data, 0, COUNT * sizeof *data);
    for (int64_t part = mine.first; part < mine.first + mine.count; part++) {
        tec_philox random = tec_philox_start(5, TEC_STREAM_TEST, (uint64_t)part, 0, 0);
        for (int s = 0; s < 2; s++)
            for (size_t i = span[s].first; i < span[s].first + span[s].count; i++)
                data[i] += (real)(tec_philox_normal(&random) * (s ? 1e-6 : 1));
        if (part + 1 < mine.first + mine.count)
            tec_reducer_add(reducer);
    }
    tec_reducer_ready(reducer, COUNT / 3);
    tec_reducer_take_all(reducer);
    assert_int_equal(tec_reducer_cut(reducer), 0);
    tec_reducer_free(reducer);
}

/* Shared by ranks or not: the same bits, which are those of sums in double but for the last. */
static void test_exact(void **state)
{
    (void)state;
    enum { BYTES = COUNT * sizeof(real), PARTS = 7 };
    const tec_expected span[2] = {{0, 5000, 4}, {5008, COUNT - 5008, -14}};
    real *data = tec_allocate(BYTES), *want = tec_allocate(BYTES);
    double *sum = tec_allocate_zeroed(COUNT, sizeof *sum);
    tec_comm alone;
    tec_comm_local(&alone);
    sum_parts(&comm, PARTS, span, data);
    sum_parts(&alone, PARTS, span, want);
    assert_memory_equal(data, want, BYTES);
    for (int part = 0; part < PARTS; part++) {
        tec_philox random = tec_philox_start(5, TEC_STREAM_TEST, (uint64_t)part, 0, 0);
        for (int s = 0; s < 2; s++)
            for (size_t i = span[s].first; i < span[s].first + span[s].count; i++)
                sum[i] += (real)(tec_philox_normal(&random) * (s ? 1e-6 : 1));
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_true(fabs(data[i] - sum[i]) <= 1e-7 * fabs(sum[i]) + (i < 5000 ? 1e-12 : 1e-18));
    free(sum);
    free(want);
    free(data);
}

/* What is larger than expected is cut on every rank alike, and counted; what is not finite is found in the bucket. */
static void test_exact_beyond(void **state)
{
    (void)state;
    enum { N = 40 };
    real data[N] = {0};
    tec_reducer *reducer;
    const tec_expected span = {0, N, 2};
    const tec_reduction reduction = {.bucket_bytes = 10 * sizeof(real), .parts = comm.size};
    assert_int_equal(tec_reducer_create(&reducer, &comm, data, N, &reduction), TEC_OK);
    tec_reducer_expect(reducer, &span, 1);
    if (comm.rank == comm.size - 1) {
        data[3] = (real)4.5;
        data[4] = -4;
        data[15] = -100;
        data[35] = (real)NAN;
    }
    tec_reducer_take_all(reducer);
    assert_int_equal(tec_reducer_cut(reducer), 3);
    assert_true(data[3] == 4 && data[4] == -4 && data[15] == -4 && data[20] == 0 && isnan(data[30]));
    tec_reducer_free(reducer);
    const tec_reduction both = {.bucket_bytes = 40, .parts = 1, .overlap = TEC_OVERLAP_THREAD};
    assert_int_equal(tec_reducer_create(&reducer, &comm, data, N, &both), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "run.overlap=off"));
}

/* The same bits every time and on every rank; with a helper also those without, if two ranks leave no choice. */
static void test_same_bits(void **state)
{
    (void)state;
    enum { BYTES = COUNT * sizeof(real) };
    real *without = tec_allocate(BYTES), *first = tec_allocate(BYTES), *data = tec_allocate(BYTES);
    for (int thread = 0; thread < 2; thread++) {
        sum_random(thread, 50, first);
        if (!thread)
            memcpy(without, first, BYTES);
        for (int i = 0; i < COUNT; i++)
            assert_true(fabs(first[i] - without[i]) <= (comm.size > 2) * (real)1e-5);
        for (int run = 1; run < 3; run++) {
            sum_random(thread, 50 + 500 * (size_t)(run + comm.rank), data);
            assert_memory_equal(data, first, BYTES);
        }
        tec_comm_broadcast(&comm, data, BYTES, 0);
        assert_memory_equal(data, first, BYTES);
    }
    free(data);
    free(first);
    free(without);
}

/* Parts of a bucket that go from rank to rank in more than one message. */
static void test_many_messages(void **state)
{
    (void)state;
    enum { MANY = 200003 };
    real *data = tec_allocate(MANY * sizeof *data);
    tec_reducer *reducer;
    tec_slice slice;
    assert_int_equal(create(&reducer, &comm, data, MANY, MANY, true), TEC_OK);
    fill(data, 1, 0, MANY);
    assert_true(tec_reducer_take(reducer, &slice));
    assert_int_equal(slice.count, MANY);
    expect_sums(data, 1, slice);
    tec_reducer_free(reducer);
    free(data);
}

static void test_one_rank(void **state)
{
    (void)state;
    tec_comm alone;
    tec_comm_local(&alone);
    real data[5] = {1, 2, 3, 4, 5};
    tec_reducer *reducer;
    tec_slice slice;
    assert_int_equal(create(&reducer, &alone, data, 5, 2, true), TEC_OK);
    tec_reducer_ready(reducer, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(tec_reducer_take(reducer, &slice));
        assert_true(slice.first == 2 * i && slice.count == (i < 2 ? 2 : 1));
    }
    assert_false(tec_reducer_take(reducer, &slice));
    assert_true(data[0] == 1 && data[4] == 5);
    tec_reducer_free(reducer);
    tec_reducer_free(NULL);
}

/* Between two announcements of a step, while the others wait for what never comes. */
static void end_by_failure(const char *how, int culprit)
{
    real *data = tec_allocate_zeroed(COUNT, sizeof *data);
    tec_reducer *reducer;
    if (create(&reducer, &comm, data, COUNT, 1000, true) != TEC_OK)
        exit(77);
    tec_reducer_ready(reducer, 5000);
    if (comm.rank == culprit && !strcmp(how, "fail"))
        tec_abort(tec_fail(TEC_DIVERGED, "the loss is nan"));
    if (comm.rank == culprit)
        raise(SIGKILL);
    tec_reducer_take_all(reducer);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sums),          cmocka_unit_test(test_same_bits),
                                       cmocka_unit_test(test_exact),         cmocka_unit_test(test_exact_beyond),
                                       cmocka_unit_test(test_many_messages), cmocka_unit_test(test_one_rank)};
    tec_comm_start(&comm);
    if (argc == 3)
        end_by_failure(argv[1], atoi(argv[2]));
    int64_t failed = cmocka_run_group_tests(tests, NULL, NULL);
    tec_comm_sum_int64(&comm, &failed, 1);
    tec_comm_finish(&comm);
    return failed != 0;
}
