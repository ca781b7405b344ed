/* Memory of a node, and sums in it: mpirun -n N test_node, as one node and as several. */
#include "tests/mpi/mapped.h"
#include "tests/mpi/numbers.h"
#include "tests/mpi/virtual_nodes.h"
#include "tests/unit/file_limit.h"

#include "tec/memory.h"
#include "tec/node.h"
#include "tec/reducer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 100003, STEPS = 3 };

static tec_comm comm;

/* NULL: no node has two ranks. */
static tec_node *open_nodes(int ranks)
{
    ranks_per_node = ranks;
    tec_node *node = tec_node_open(&comm);
    ranks_per_node = 0;
    assert_int_equal(node != NULL, comm.size > 1 && ranks > 1);
    return node;
}

/* Slices of a node's ranks follow each other, and peers have the same. */
static void test_slices(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 4096, 4097, COUNT};
    for (int ranks = 1; ranks <= comm.size + 1; ranks++) {
        tec_node *node = open_nodes(ranks);
        for (size_t c = 0; node && c < sizeof counts / sizeof *counts; c++) {
            tec_slice mine = tec_node_slice(node, counts[c]);
            uint64_t first[8], count[8], next = 0;
            tec_comm_gather(&node->ranks, mine.first, first);
            tec_comm_gather(&node->ranks, mine.count, count);
            for (int i = 0; i < node->ranks.size; i++) {
                assert_true(first[i] == next && (count[i] == 0 || i < node->owners));
                next += count[i];
            }
            assert_true(next == counts[c]);
            assert_true(tec_comm_same(&node->peers, mine.first) && tec_comm_same(&node->peers, mine.count));
        }
        tec_node_close(node);
    }
}

/* What one rank of a node writes the others read, those of other nodes do not. */
static void test_memory(void **state)
{
    (void)state;
    for (int ranks = 2; ranks <= comm.size; ranks++) {
        tec_node *node = open_nodes(ranks);
        real *data, *each[8];
        assert_int_equal(tec_node_allocate(node, COUNT, &data), TEC_OK);
        assert_int_equal(tec_node_allocate_each(node, COUNT, each), TEC_OK);
        assert_true(maps_memory("/memfd:tec"));
        for (size_t i = 0; i < COUNT; i++)
            assert_true(data[i] == 0 && each[node->ranks.size - 1][i] == 0);
        tec_comm_barrier(&comm);
        tec_slice mine = tec_node_slice(node, COUNT);
        for (size_t i = 0; i < mine.count; i++)
            data[mine.first + i] = (real)(comm.rank / ranks + 1);
        each[node->ranks.rank][COUNT - 1] = (real)(comm.rank + 1);
        tec_comm_barrier(&comm);
        for (size_t i = 0; i < COUNT; i++)
            assert_true(data[i] == (real)(comm.rank / ranks + 1));
        for (int i = 0; i < node->ranks.size; i++)
            assert_true(each[i][COUNT - 1] == (real)(comm.rank / ranks * ranks + i + 1));
        tec_comm_barrier(&comm);
        tec_node_close(node);
        assert_false(maps_memory("/memfd:tec"));
    }
}

/* No rank has it where one may not have it. */
static void test_refused(void **state)
{
    (void)state;
    tec_node *node = open_nodes(comm.size);
    if (!node)
        return;
    real *data;
    tec_comm_barrier(&comm);
    if (comm.rank == comm.size - 1)
        limit_files(1 << 16);
    assert_int_equal(tec_node_allocate(node, COUNT, &data), TEC_SYSTEM_ERROR);
    limit_files(RLIM_INFINITY);
    assert_non_null(strstr(tec_error_message(), "posix_fallocate: "));
    tec_node_close(node);
    assert_false(maps_memory("/memfd:tec"));
}

static void expect_step(const tec_node *node, tec_reducer *reducer, real *const *each, size_t bucket, int step)
{
    tec_slice mine = tec_node_slice(node, COUNT), slice;
    real *data = each[node->ranks.rank];
    size_t next = mine.first;
    int buckets = 0;
    for (size_t i = 0; i < COUNT; i++)
        data[i] += number_of(comm.rank, step, i);
    tec_reducer_ready(reducer, COUNT / 2);
    for (; tec_reducer_take(reducer, &slice); next += slice.count, buckets++) {
        assert_true(slice.first == next && slice.count <= bucket);
        for (size_t i = slice.first; i < slice.first + slice.count; i++) {
            const real want = sum_of(comm.size, step, i);
            if (data[i] != want)
                fail_msg("step %d: number %zu is %g instead of %g", step, i, (double)data[i], (double)want);
            data[i] = 0; /* as AdamW does */
        }
    }
    assert_true(next == mine.first + mine.count && buckets >= 1);
    tec_comm_barrier(&comm);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(data[i] == 0);
    tec_comm_barrier(&comm);
}

static void test_sums(void **state)
{
    (void)state;
    static const size_t buckets[] = {999, 16384, 2 * COUNT};
    for (int ranks = 2; ranks <= comm.size; ranks++)
        for (size_t b = 0; b < sizeof buckets / sizeof *buckets; b++) {
            tec_node *node = open_nodes(ranks);
            real *each[8];
            tec_reducer *reducer;
            assert_int_equal(tec_node_allocate_each(node, COUNT, each), TEC_OK);
            const tec_reduction reduction = {.bucket_bytes = buckets[b] * sizeof(real), .node = node, .each = each};
            assert_int_equal(tec_reducer_create(&reducer, &comm, each[node->ranks.rank], COUNT, &reduction), TEC_OK);
            for (int step = 0; step < STEPS; step++)
                expect_step(node, reducer, each, buckets[b], step);
            assert_true(tec_reducer_waited(reducer) > 0);
            tec_reducer_free(reducer);
            tec_node_close(node);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slices), cmocka_unit_test(test_memory),
                                       cmocka_unit_test(test_refused), cmocka_unit_test(test_sums)};
    tec_comm_start(&comm);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tec_comm_finish(&comm);
    return failed;
}
