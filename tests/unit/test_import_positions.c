/* Position embeddings of another grid, against golden cases of PyTorch's interpolate (tests/data/make_positions.py). */
#include "src/import/import_parts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { MOST = 256, CASES = 28 };

static void read_numbers(FILE *file, int count, real *out)
{
    double number;
    assert_true(count <= MOST);
    for (int i = 0; i < count; i++) {
        assert_int_equal(fscanf(file, "%lf", &number), 1);
        out[i] = (real)number;
    }
}

static void test_golden(void **state)
{
    (void)state;
    FILE *file = fopen("tests/data/positions.txt", "r");
    char how[16];
    tec_size grid, wanted;
    int D, cases = 0;
    real table[MOST], want[MOST], got[MOST];
    assert_non_null(file);
    for (; fscanf(file, "%15s %d %d %d %d %d", how, &grid.height, &grid.width, &wanted.height, &wanted.width, &D) == 6;
         cases++) {
        int kind = tec_import_word(TEC_INTERPOLATION_WORDS, how), count = wanted.height * wanted.width * D;
        assert_true(kind >= 0);
        assert_string_equal(tec_interpolation_name((tec_interpolation)kind), how);
        read_numbers(file, grid.height * grid.width * D, table);
        read_numbers(file, count, want);
        tec_import_resample_positions(table, grid, D, wanted, (tec_interpolation)kind, got);
        for (int i = 0; i < count; i++)
            if (!(fabs((double)got[i] - (double)want[i]) < 2e-6))
                fail_msg("%s %d x %d -> %d x %d: number %d is %g instead of %g", how, grid.height, grid.width,
                         wanted.height, wanted.width, i, (double)got[i], (double)want[i]);
    }
    fclose(file);
    assert_int_equal(cases, CASES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
