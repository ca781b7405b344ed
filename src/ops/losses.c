/* The targets and the losses of one image: patch-relation enhancement, squared error, cross-entropies. */
#include "tec/ops.h"

#include "tec/measure.h"
#include "tec/vector.h"

#include <string.h>

TEC_CLONES static void standardize(const real *feature, int L, int C, real *out)
{
    real mean[C], square[C];
    memset(mean, 0, sizeof mean);
    memset(square, 0, sizeof square);
    for (long l = 0; l < L; l++)
        for (int c = 0; c < C; c++)
            mean[c] += feature[l * C + c];
    for (int c = 0; c < C; c++)
        mean[c] /= (real)L;
    for (long l = 0; l < L; l++)
        for (int c = 0; c < C; c++)
            square[c] += (feature[l * C + c] - mean[c]) * (feature[l * C + c] - mean[c]);
    for (int c = 0; c < C; c++)
        square[c] = 1 / real_sqrt(square[c] / (real)(L - 1) + (real)1e-6);
    for (long l = 0; l < L; l++)
        for (int c = 0; c < C; c++)
            out[l * C + c] = (feature[l * C + c] - mean[c]) * square[c];
}

void tec_standardize_patches(const real *feature, int L, int C, real *out)
{
    TEC_MEASURE(TEC_OPERATOR_LOSS);
    standardize(feature, L, C, out);
}

TEC_CLONES static real squared_error(real *restrict pred, const real *restrict target, int C, real scale)
{
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int c = 0; c < C; c++) {
        real difference = pred[c] - target[c];
        sum += difference * difference;
        pred[c] = scale * 2 * difference;
    }
    return sum;
}

double tec_mse_rows(real *pred, const real *target, const int *index, int n, int C, real scale)
{
    TEC_MEASURE(TEC_OPERATOR_LOSS);
    double total = 0;
    for (int i = 0; i < n; i++)
        total += squared_error(pred + (long)i * C, target + (long)(index ? index[i] : i) * C, C, scale);
    return total;
}

/* x becomes x - log(sum exp x), of which softmax is the exp. */
TEC_CLONES static void log_softmax(real *restrict x, int n)
{
    real top = x[0], sum = 0;
#pragma omp simd reduction(max : top)
    for (int i = 0; i < n; i++)
        top = x[i] > top ? x[i] : top;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++)
        sum += real_exp(x[i] - top);
    real shift = top + real_log(sum);
    for (int i = 0; i < n; i++)
        x[i] -= shift;
}

TEC_CLONES static real cross_entropy(real *restrict x, const real *restrict wanted, int n, real scale)
{
    real loss = 0;
#pragma omp simd reduction(+ : loss)
    for (int i = 0; i < n; i++) {
        loss -= wanted[i] * x[i];
        x[i] = scale * (real_exp(x[i]) - wanted[i]);
    }
    return loss;
}

double tec_cross_entropy_rows(real *logit, const real *target, int target_stride, const int *order, int n, int L,
                              real tau, real scale, real *scratch)
{
    TEC_MEASURE(TEC_OPERATOR_LOSS);
    double total = 0;
    for (int i = 0; i < n; i++) {
        const real *row = target + (long)i * target_stride;
        for (int l = 0; l < L; l++)
            scratch[l] = row[order[l]] / tau;
        tec_softmax_rows(scratch, 1, L);
        log_softmax(logit + (long)i * L, L);
        total += cross_entropy(logit + (long)i * L, scratch, L, scale);
    }
    return total;
}

/* x is a log softmax. The gradient does not take for granted that the probabilities add up to exactly 1. */
TEC_CLONES static real class_loss(real *restrict x, const real *restrict wanted, int n, real scale)
{
    real loss = 0, all = 0;
#pragma omp simd reduction(+ : all)
    for (int i = 0; i < n; i++)
        all += wanted[i];
#pragma omp simd reduction(+ : loss)
    for (int i = 0; i < n; i++) {
        loss -= wanted[i] * x[i];
        x[i] = scale * (all * real_exp(x[i]) - wanted[i]);
    }
    return loss;
}

double tec_class_loss(real *logit, const real *wanted, int classes, real scale)
{
    TEC_MEASURE(TEC_OPERATOR_LOSS);
    log_softmax(logit, classes);
    return class_loss(logit, wanted, classes, scale);
}
