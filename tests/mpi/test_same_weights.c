/* A weight or a moment that differs on a rank is found and named, whichever rank it is: mpirun -n N test_same_weights. */
#include "src/train/same_weights.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static tec_comm comm;
static tec_params params;
static tec_adamw adamw;
static real *average;

static int make(void **state)
{
    (void)state;
    params = (tec_params){0};
    tec_params_add(&params, TEC_INIT_FIXED, (const int[4]){5, 3}, "positions");
    tec_params_add(&params, TEC_INIT_XAVIER, (const int[4]){40, 30}, "first.weight");
    tec_params_add(&params, TEC_INIT_ZERO, (const int[4]){7}, "last.bias");
    tec_params_allocate(&params, true);
    tec_params_initialize(&params, 3);
    tec_adamw_create(&adamw, &params, 0.9, 0.95, 0.05);
    average = tec_allocate_zeroed(params.total, sizeof *average);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    free(average);
    tec_adamw_free(&adamw);
    tec_params_free(&params);
    return 0;
}

/* The lowest bit of a number flips on the ranks whose bit is set in `ranks`, and flips back. */
static void expect_named(real *number, unsigned ranks, const char *tensor)
{
    uint8_t *byte = (uint8_t *)number;
    const bool mine = ranks >> comm.rank & 1;
    const unsigned all = (1U << comm.size) - 1;
    const int odd = __builtin_popcount(ranks & all);
    bool majority = 2 * odd != comm.size;
    if (mine)
        *byte ^= 1;
    tec_status status = tec_same_weights(&comm, &params, &adamw, average);
    if (mine)
        *byte ^= 1;
    assert_int_equal(status, odd == 0 || odd == comm.size ? TEC_OK : TEC_SYSTEM_ERROR);
    if (status == TEC_OK)
        return;
    char *names = tec_string_copy(""), *wanted;
    for (int rank = 0, named = 0; rank < comm.size; rank++)
        if (!majority || (2 * odd < comm.size) == (ranks >> rank & 1)) {
            char *longer = tec_string_format("%s%srank %d (host %s)", names, named++ ? ", " : "", rank,
                                             tec_comm_host(&comm, rank));
            free(names);
            names = longer;
        }
    char *others = majority
                       ? tec_string_format(" from those of the other %d", 2 * odd < comm.size ? comm.size - odd : odd)
                       : tec_string_copy("");
    wanted = tec_string_format("the weights of %s differ%s, first in %s: memory, processor or network of %s cannot be "
                               "trusted",
                               names, others, tensor,
                               !majority                          ? "one of these hosts"
                               : odd == 1 || odd == comm.size - 1 ? "that host"
                                                                  : "those hosts");
    assert_string_equal(tec_error_message(), wanted);
    free(wanted);
    free(others);
    free(names);
}

static void test_each_rank(void **state)
{
    (void)state;
    real *weight = params.weight, *first = weight + tec_params_find(&params, "first.weight")->offset;
    for (unsigned ranks = 0; ranks < 1U << comm.size; ranks++)
        expect_named(first + 1199, ranks, "first.weight");
    expect_named(first, 1, "first.weight");
}

static void test_each_buffer(void **state)
{
    (void)state;
    size_t last = tec_params_find(&params, "last.bias")->offset,
           first = tec_params_find(&params, "first.weight")->offset;
    expect_named(params.weight + tec_params_find(&params, "positions")->offset + 14, 2, "positions");
    expect_named(params.weight + last + 6, 2, "last.bias");
    expect_named(adamw.m + last, 2, "the first moment of last.bias");
    expect_named(adamw.v + first + 600, 2, "the second moment of first.weight");
    expect_named(average + first + 1, 2, "the running mean of first.weight");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_each_rank, make, clean),
                                       cmocka_unit_test_setup_teardown(test_each_buffer, make, clean)};
    tec_comm_start(&comm);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tec_comm_finish(&comm);
    return failed;
}
