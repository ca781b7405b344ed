/* Rotary positions: rows of patches are turned plane by plane, those before them are not; turning back is the inverse and
 * the gradient. */
#include "tec/ops.h"

#include "gradient.h"
#include "tec/gemm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

/* `count` sequences of P + L rows, H heads of `planes` planes. */
typedef struct shape {
    int count, P, L, H, planes;
} shape;

typedef struct rotation {
    shape s;
    bool pairs, by_head;
    const double *angle, *dy; /* [L, planes] or [L, H, planes], as of x */
} rotation;

static int columns_of(const shape *s)
{
    return 2 * s->H * s->planes;
}

static int rows_number(const shape *s)
{
    return s->count * (s->P + s->L);
}

/* As complex numbers: times e^(i angle). */
static void reference(const rotation *r, const double *x, double *y)
{
    const shape *s = &r->s;
    const int n = s->planes, D = columns_of(s);
    for (int row = 0; row < rows_number(s); row++)
        for (int h = 0; h < s->H; h++)
            for (int j = 0; j < n; j++) {
                const int l = row % (s->P + s->L) - s->P;
                const double angle = l < 0 ? 0 : r->angle[(r->by_head ? l * s->H + h : l) * n + j];
                const int re = row * D + h * 2 * n + (r->pairs ? 2 * j : j), im = re + (r->pairs ? 1 : n);
                y[re] = x[re] * cos(angle) - x[im] * sin(angle);
                y[im] = x[re] * sin(angle) + x[im] * cos(angle);
            }
}

static double loss(const double *x, void *context)
{
    const rotation *r = context;
    const int n = rows_number(&r->s) * columns_of(&r->s);
    double *y = doubles(n);
    reference(r, x, y);
    return dot(r->dy, y, n);
}

static void check(shape s, bool pairs, bool by_head)
{
    const int R = rows_number(&s), D = columns_of(&s), n = R * D, angles = s.L * s.planes * (by_head ? s.H : 1),
              ld = D + 3;
    rotation r = {
        .s = s, .pairs = pairs, .by_head = by_head, .angle = random_values(angles, 2), .dy = random_values(n, 1)};
    const double *x = random_values(n, 1);
    double *cosine = doubles(angles), *sine = doubles(angles), *want = doubles(n);
    for (int i = 0; i < angles; i++) {
        cosine[i] = cos(r.angle[i]);
        sine[i] = sin(r.angle[i]);
    }
    const tec_rotary rotary = {.prefix = s.P,
                               .patches = s.L,
                               .planes = s.planes,
                               .pairs = pairs,
                               .by_head = by_head,
                               .cosine = copy_of(cosine, angles),
                               .sine = copy_of(sine, angles)};
    real *y = rows_of(x, R, D, ld), *dx = copy_of(r.dy, n);
    reference(&r, x, want);
    tec_rotary_turn(&rotary, y, ld, s.count, s.H, false);
    assert_rows("turned", y, ld, want, R, D, VALUE_TOLERANCE);
    tec_rotary_turn(&rotary, y, ld, s.count, s.H, true);
    assert_rows("turned back", y, ld, x, R, D, 2 * VALUE_TOLERANCE);
    tec_rotary_turn(&rotary, dx, D, s.count, s.H, true);
    assert_gradient("x", loss, &r, x, dx, n);
}

static void test_rotary(void **state)
{
    static const shape shapes[] = {{1, 0, 1, 1, 2}, {2, 1, 3, 2, 4}, {3, 5, 4, 3, 6}, {2, 2, 9, 1, 32}};
    for (int i = 0; i < 4; i++)
        for (int form = 0; form < 4; form++) {
            check(shapes[i], form & 1, form & 2);
            numbers_free(state);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_rotary, numbers_free)};
    int failed = 0;
    for (int threads = 1; threads <= 2; threads++) {
        tec_threads_set(threads);
        failed += cmocka_run_group_tests_name(threads == 1 ? "ops_rotary, 1 thread" : "ops_rotary, 2 threads", tests,
                                              NULL, NULL);
    }
    return failed;
}
