/* Module base, public. Where the time of a step goes. While the calling thread measures, operators add the time they
 * take to a table; the time of an operator inside another one (a matrix product inside attention) counts for the inner
 * one alone.
 *
 * Off at the start; an operator then costs one test of a thread-local flag. Only the thread that called
 * tec_measure_start measures: with several threads the table holds what that thread saw. Local. */
#ifndef TEC_MEASURE_H
#define TEC_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum tec_operator {
    TEC_OPERATOR_GEMM,
    TEC_OPERATOR_ATTENTION, /* the core, without its matrix products and softmax */
    TEC_OPERATOR_SOFTMAX,
    TEC_OPERATOR_GELU,
    TEC_OPERATOR_LAYERNORM,
    TEC_OPERATOR_BIAS,   /* bias gradients: sums over rows */
    TEC_OPERATOR_BRANCH, /* stochastic depth */
    TEC_OPERATOR_LOSS,
    TEC_OPERATOR_PATCHES,
    TEC_OPERATOR_MIX, /* mixup and CutMix */
    TEC_OPERATOR_ADAMW,
    TEC_OPERATOR_REDUCE, /* sum of the gradients over the ranks */
    TEC_OPERATOR_LOADER, /* waiting for data */
    TEC_OPERATORS
} tec_operator;

typedef struct tec_measured {
    int64_t calls;
    double seconds;
} tec_measured;

/* One call of an operator in progress. */
typedef struct tec_measurement {
    tec_operator op;
    double start; /* < 0: not measured */
    double outer; /* seconds of earlier operators inside the enclosing one */
} tec_measurement;

extern _Thread_local bool tec_measuring;

/* start clears the table and switches measuring on for this thread; stop switches it off and keeps the table. */
void tec_measure_start(void);
void tec_measure_stop(void);
const tec_measured *tec_measure_table(void); /* [TEC_OPERATORS] */
const char *tec_operator_name(tec_operator op);

void tec_measurement_open(tec_measurement *measurement);

/* Returns the seconds between opening and closing, including operators inside. */
double tec_measurement_close(tec_measurement *measurement);

static inline tec_measurement tec_measurement_begin(tec_operator op)
{
    tec_measurement measurement = {.op = op, .start = -1};
    if (tec_measuring)
        tec_measurement_open(&measurement);
    return measurement;
}

static inline void tec_measurement_end(tec_measurement *measurement)
{
    if (measurement->start >= 0)
        tec_measurement_close(measurement);
}

/* As the first line of an operator: measures until the function is left. */
#define TEC_MEASURE(operator_)                                                                                         \
    tec_measurement tec_measurement_ __attribute__((cleanup(tec_measurement_end), unused)) =                           \
        tec_measurement_begin(operator_)

#endif
