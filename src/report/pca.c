/* Principal components by subspace iteration: three vectors are multiplied by X^T X and made orthonormal, in turn. No
 * covariance is formed, as D^2 may be much more than the n D numbers that there are. */
#include "pca.h"

#include "tec/memory.h"
#include "tec/minmax.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COMPONENTS = 3, TURNS = 60 };

static double dot(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Makes v [3, D] orthonormal, the first one first. What has no length left becomes zero. */
static void orthonormalise(double *v, int D)
{
    for (int k = 0; k < COMPONENTS; k++) {
        double *row = v + (size_t)k * (size_t)D, before = sqrt(dot(row, row, D));
        for (int j = 0; j < k; j++) {
            const double *other = v + (size_t)j * (size_t)D;
            double along = dot(row, other, D);
            for (int d = 0; d < D; d++)
                row[d] -= along * other[d];
        }
        double length = sqrt(dot(row, row, D));
        for (int d = 0; d < D; d++)
            row[d] = length > 1e-9 * before && length > 1e-30 ? row[d] / length : 0;
    }
}

/* out [3, D] = v X^T X */
static void multiply(const double *x, int n, int D, const double *v, double *out)
{
    memset(out, 0, COMPONENTS * (size_t)D * sizeof *out);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < COMPONENTS; k++) {
            const double *row = x + (size_t)i * (size_t)D;
            double along = dot(row, v + (size_t)k * (size_t)D, D), *sum = out + (size_t)k * (size_t)D;
            for (int d = 0; d < D; d++)
                sum[d] += along * row[d];
        }
}

/* A component is as good as its negative: the one whose largest number is positive. */
static void fix_sign(double *row, int D)
{
    int largest = 0;
    for (int d = 1; d < D; d++)
        if (fabs(row[d]) > fabs(row[largest]))
            largest = d;
    const double sign = row[largest] < 0 ? -1 : 1;
    for (int d = 0; d < D; d++)
        row[d] *= sign;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void find_range(pca *p, const double *x, int n)
{
    double *along = tec_allocate((size_t)n * sizeof *along);
    for (int k = 0; k < COMPONENTS; k++) {
        for (int i = 0; i < n; i++)
            along[i] = dot(x + (size_t)i * (size_t)p->width, p->component + (size_t)k * (size_t)p->width, p->width);
        qsort(along, (size_t)n, sizeof *along, compare);
        p->low[k] = along[(int)(0.02 * (n - 1))];
        p->high[k] = along[n - 1 - (int)(0.02 * (n - 1))];
    }
    free(along);
}

/* The rows less their mean, which goes to p->mean. */
static double *centre(pca *p, const real *rows, int n, int D)
{
    double *x = tec_allocate((size_t)n * (size_t)D * sizeof *x);
    for (int i = 0; i < n; i++)
        for (int d = 0; d < D; d++)
            p->mean[d] += (double)rows[(size_t)i * (size_t)D + (size_t)d] / n;
    for (int i = 0; i < n; i++)
        for (int d = 0; d < D; d++)
            x[(size_t)i * (size_t)D + (size_t)d] = (double)rows[(size_t)i * (size_t)D + (size_t)d] - p->mean[d];
    return x;
}

pca tec_pca_fit(const real *rows, int n, int D)
{
    const size_t bytes = COMPONENTS * (size_t)D * sizeof(double);
    pca p = {.width = D, .mean = tec_allocate_zeroed((size_t)D, sizeof(double)), .component = tec_allocate(bytes)};
    double *x = centre(&p, rows, n, D), *next = tec_allocate(bytes);
    for (int k = 0; k < COMPONENTS; k++) /* begins with three of the rows */
        memcpy(p.component + (size_t)k * (size_t)D, x + (size_t)(k * (n - 1) / COMPONENTS) * (size_t)D,
               (size_t)D * sizeof *x);
    orthonormalise(p.component, D);
    for (int turn = 0; turn < TURNS; turn++) {
        multiply(x, n, D, p.component, next);
        orthonormalise(next, D);
        memcpy(p.component, next, bytes);
    }
    for (int k = 0; k < COMPONENTS; k++)
        fix_sign(p.component + (size_t)k * (size_t)D, D);
    find_range(&p, x, n);
    free(next);
    free(x);
    return p;
}

void tec_pca_free(pca *p)
{
    free(p->component);
    free(p->mean);
}

void tec_pca_colour(const pca *p, const real *row, uint8_t rgb[3])
{
    for (int k = 0; k < COMPONENTS; k++) {
        double along = 0, range = p->high[k] - p->low[k];
        for (int d = 0; d < p->width; d++)
            along += ((double)row[d] - p->mean[d]) * p->component[(size_t)k * (size_t)p->width + (size_t)d];
        double share = range > 0 ? (along - p->low[k]) / range : 0.5;
        rgb[k] = (uint8_t)lround(255 * tec_min_double(tec_max_double(share, 0), 1));
    }
}
