/* The table of operator times of a thread. */
#include "tec/measure.h"

#include "tec/clock.h"

#include <string.h>

_Thread_local bool tec_measuring;

static _Thread_local tec_measured table[TEC_OPERATORS];
static _Thread_local double inside; /* seconds of operators that ended inside the current one */

static const char *const names[TEC_OPERATORS] = {
    [TEC_OPERATOR_GEMM] = "matrix products",
    [TEC_OPERATOR_ATTENTION] = "attention core",
    [TEC_OPERATOR_SOFTMAX] = "softmax",
    [TEC_OPERATOR_GELU] = "GELU",
    [TEC_OPERATOR_LAYERNORM] = "LayerNorm",
    [TEC_OPERATOR_BIAS] = "bias gradients",
    [TEC_OPERATOR_BRANCH] = "stochastic depth",
    [TEC_OPERATOR_LOSS] = "losses",
    [TEC_OPERATOR_PATCHES] = "patches",
    [TEC_OPERATOR_MIX] = "mixing",
    [TEC_OPERATOR_ADAMW] = "AdamW",
    [TEC_OPERATOR_REDUCE] = "allreduce",
    [TEC_OPERATOR_LOADER] = "wait for data",
};

void tec_measure_start(void)
{
    memset(table, 0, sizeof table);
    inside = 0;
    tec_measuring = true;
}

void tec_measure_stop(void)
{
    tec_measuring = false;
}

const tec_measured *tec_measure_table(void)
{
    return table;
}

const char *tec_operator_name(tec_operator op)
{
    return names[op];
}

void tec_measurement_open(tec_measurement *m)
{
    m->outer = inside;
    inside = 0;
    m->start = tec_seconds();
}

double tec_measurement_close(tec_measurement *m)
{
    double elapsed = tec_seconds() - m->start;
    table[m->op].calls++;
    table[m->op].seconds += elapsed - inside;
    inside = m->outer + elapsed;
    return elapsed;
}
