/* Data, comparisons and central differences for the numerical tests. */
#include "gradient.h"

#include "tec/memory.h"
#include "tec/philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST_ARRAYS = 4096, MOST_ELEMENTS = 60 };

static void *array[MOST_ARRAYS];
static int arrays;

static void *kept(int n, size_t bytes)
{
    assert_true(arrays < MOST_ARRAYS);
    return array[arrays++] = tec_allocate_zeroed((size_t)n, bytes);
}

real *reals(int n)
{
    real *x = kept(n, sizeof *x);
    for (int i = 0; i < n; i++)
        x[i] = NAN;
    return x;
}

double *doubles(int n)
{
    return kept(n, sizeof(double));
}

int numbers_free(void **state)
{
    (void)state;
    while (arrays)
        free(array[--arrays]);
    return 0;
}

static tec_philox *stream(void)
{
    static tec_philox random;
    static int started;
    if (!started++)
        random = tec_philox_start(1, TEC_STREAM_TEST, 0, 0, 0);
    return &random;
}

double *random_values(int n, double size)
{
    double *x = doubles(n);
    for (int i = 0; i < n; i++)
        x[i] = (real)(size * tec_philox_normal(stream()));
    return x;
}

int *random_order(int n)
{
    int *order = kept(n, sizeof *order);
    for (int i = 0; i < n; i++) {
        int j = (int)tec_philox_below(stream(), (uint32_t)i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    return order;
}

real *rows_of(const double *x, int R, int n, int ld)
{
    real *out = reals((R - 1) * ld + n);
    for (int i = 0; i < R; i++)
        for (int j = 0; j < n; j++)
            out[i * ld + j] = (real)x[i * n + j];
    return out;
}

real *copy_of(const double *x, int n)
{
    return rows_of(x, 1, n, n);
}

double *widened(const real *x, int n)
{
    double *out = doubles(n);
    for (int i = 0; i < n; i++)
        out[i] = x[i];
    return out;
}

real *added(const real *after, const double *before, int n)
{
    real *out = reals(n);
    for (int i = 0; i < n; i++)
        out[i] = (real)(after[i] - before[i]);
    return out;
}

double dot(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

void assert_rows(const char *what, const real *got, int ld, const double *want, int R, int n, double tolerance)
{
    double size = 1e-300;
    for (int i = 0; i < R * n; i++)
        size = fmax(size, fabs(want[i]));
    for (int i = 0; i < R; i++) {
        for (int j = 0; j < n; j++)
            if (!(fabs(got[i * ld + j] - want[i * n + j]) <= tolerance * size))
                fail_msg("%s: row %d, column %d is %.17g, should be %.17g", what, i, j, (double)got[i * ld + j],
                         want[i * n + j]);
        for (int j = n; j < ld && i + 1 < R; j++)
            if (!isnan(got[i * ld + j]))
                fail_msg("%s: written beyond the end of row %d", what, i);
    }
}

void assert_values(const char *what, const real *got, const double *want, int n, double tolerance)
{
    assert_rows(what, got, n, want, 1, n, tolerance);
}

void assert_number(const char *what, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * fabs(want)))
        fail_msg("%s is %.17g, should be %.17g", what, got, want);
}

/* A loss along a line: at + t * direction, or one element moved by t where direction is NULL. */
typedef struct line {
    gradient_loss loss;
    void *context;
    const double *at, *direction;
    double *moved;
    int n, element;
} line;

static double loss_at(const line *l, double t)
{
    for (int i = 0; i < l->n; i++)
        l->moved[i] = l->at[i] + (l->direction ? t * l->direction[i] : t * (i == l->element));
    return l->loss(l->moved, l->context);
}

/* Five points: the error falls with the fourth power of the step, so that the step can be large against rounding. */
static double slope(const line *l)
{
    const double step = 5e-4;
    double near = loss_at(l, step) - loss_at(l, -step), far = loss_at(l, 2 * step) - loss_at(l, -2 * step);
    return (8 * near - far) / (12 * step);
}

static double relative(double got, double want, double size)
{
    double difference = fabs(got - want), whole = fmax(fmax(fabs(want), size), 1e-12);
    return difference <= 0 ? 0 : isfinite(difference) ? difference / whole : INFINITY;
}

static double direction_error(line l, const double *gradient, double size)
{
    double *direction = random_values(l.n, 1), length = sqrt(dot(direction, direction, l.n));
    for (int i = 0; i < l.n; i++)
        direction[i] /= length;
    l.direction = direction;
    return relative(dot(gradient, direction, l.n), slope(&l), size);
}

double gradient_error(gradient_loss loss, void *context, const double *x, const real *gradient, int n, int most)
{
    const double *got = widened(gradient, n);
    line l = {.loss = loss, .context = context, .at = x, .moved = doubles(n), .n = n};
    double size = sqrt(dot(got, got, n) / n), worst = direction_error(l, got, size);
    for (int i = 0; i < n && i < most; i++) {
        l.element = n <= most ? i : (int)tec_philox_below(stream(), (uint32_t)n);
        worst = fmax(worst, relative(got[l.element], slope(&l), size));
    }
    return worst;
}

void assert_gradient(const char *what, gradient_loss loss, void *context, const double *x, const real *gradient, int n)
{
    double error = gradient_error(loss, context, x, gradient, n, MOST_ELEMENTS);
    if (!(error <= GRADIENT_TOLERANCE))
        fail_msg("gradient by %s: relative error %.3g", what, error);
}
