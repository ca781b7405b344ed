/* Tests. What the numerical tests share: data, comparison with a plain reference in double, gradients by central
 * differences.
 *
 * References and data are doubles (rounded to `real`, so that operator and reference see the same numbers). Arrays
 * belong to the running test: numbers_free, its teardown, frees them all. They have exactly the size asked for, so that
 * a sanitizer sees every access beyond it. */
#ifndef TEC_TESTS_GRADIENT_H
#define TEC_TESTS_GRADIENT_H

#include "tec/real.h"

/* Of the largest value; of the root mean square of a gradient. */
#define VALUE_TOLERANCE (TEC_REAL_IS_DOUBLE ? 1e-12 : 2e-5)
#define GRADIENT_TOLERANCE (TEC_REAL_IS_DOUBLE ? 1e-8 : 2e-4)

real *reals(int n);     /* all NaN: what an operator fails to write shows */
double *doubles(int n); /* all zero */
int numbers_free(void **state);

double *random_values(int n, double size); /* normal, standard deviation `size` */
int *random_order(int n);                  /* a permutation of 0 .. n-1 */

/* x [R, n] as reals of row distance ld, NaN between the rows. */
real *rows_of(const double *x, int R, int n, int ld);
real *copy_of(const double *x, int n);
double *widened(const real *x, int n);

/* after - before: what an operator has added. */
real *added(const real *after, const double *before, int n);

double dot(const double *a, const double *b, int n);

/* Fails the test, saying `what` and where, when got [R, n] is not want within tolerance * the largest |want|, or when
 * anything was written between the rows. */
void assert_rows(const char *what, const real *got, int ld, const double *want, int R, int n, double tolerance);
void assert_values(const char *what, const real *got, const double *want, int n, double tolerance);
void assert_number(const char *what, double got, double want, double tolerance);

typedef double (*gradient_loss)(const double *x, void *context);

/* The worst difference between `gradient` [n] and central differences of `loss` at x [n], over every element (at most
 * `most` random ones of a larger vector) and along one random direction through all of them, relative to the larger of
 * the element's size and the root mean square of the gradient. */
double gradient_error(gradient_loss loss, void *context, const double *x, const real *gradient, int n, int most);

void assert_gradient(const char *what, gradient_loss loss, void *context, const double *x, const real *gradient, int n);

#endif
