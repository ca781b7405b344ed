/* How `tec bench` measures: the median of steps, the operators inside them, and, for comparison, the machine's own
 * rates. */
#include "tec/bench.h"

#include "tec/clock.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *value, size_t count)
{
    qsort(value, count, sizeof *value, by_size);
    return (value[(count - 1) / 2] + value[count / 2]) / 2;
}

static int by_time(const void *a, const void *b)
{
    double x = ((const tec_bench_kind *)a)->in_step.seconds, y = ((const tec_bench_kind *)b)->in_step.seconds;
    return (x < y) - (x > y);
}

static void collect(tec_bench_result *out)
{
    const tec_gemm_kind *kinds;
    memcpy(out->operators, tec_measure_table(), sizeof out->operators);
    out->flops = tec_gemm_flops();
    out->kinds = tec_gemm_measured(&kinds);
    const size_t count = (size_t)out->kinds;
    out->kind = tec_allocate_zeroed(count, sizeof *out->kind);
    for (size_t i = 0; i < count; i++)
        out->kind[i].in_step = kinds[i];
    qsort(out->kind, count, sizeof *out->kind, by_time);
    out->peak_rss_mb = tec_memory_peak();
}

tec_status tec_bench_measure(tec_bench_work *work, void *context, int steps, tec_bench_result *out)
{
    double *time = tec_allocate((size_t)steps * sizeof *time);
    *out = (tec_bench_result){.steps = steps};
    tec_status status = work(context);
    tec_gemm_forget();
    tec_measure_start();
    double start = tec_seconds(), processor = tec_processor_seconds();
    for (int i = 0; i < steps && status == TEC_OK; i++) {
        double before = tec_seconds();
        status = work(context);
        time[i] = tec_seconds() - before;
        if (before - start > TEC_PROGRESS_SECONDS) /* a short one passes without a word */
            tec_progress_count("bench", "steps", i + 1, steps, start);
    }
    tec_progress_end();
    out->total = tec_seconds() - start;
    out->processor = tec_processor_seconds() - processor;
    tec_measure_stop();
    if (status == TEC_OK) {
        out->median = median(time, (size_t)steps);
        collect(out);
    }
    free(time);
    return status;
}

void tec_bench_result_free(tec_bench_result *result)
{
    free(result->kind);
}

double tec_bench_gemm_share(const tec_bench_result *r)
{
    return r->operators[TEC_OPERATOR_GEMM].seconds / r->total;
}

double tec_bench_compute_seconds(const tec_bench_result *r)
{
    return r->total - r->operators[TEC_OPERATOR_ADAMW].seconds - r->operators[TEC_OPERATOR_REDUCE].seconds -
           r->operators[TEC_OPERATOR_LOADER].seconds;
}

double tec_bench_warm_share(const tec_bench_result *r)
{
    double seconds = 0;
    for (int i = 0; i < r->kinds; i++)
        seconds += (double)r->kind[i].in_step.calls * r->kind[i].warm_seconds;
    return seconds / r->total;
}

/* -- the machine's own rates -- */

enum { SAMPLES = 5 };
static const double SAMPLE_SECONDS = 2e-3; /* at least, so that the resolution of the clock does not matter */

typedef struct product {
    const tec_gemm_kind *kind;
    const real *a, *b;
    real *c;
} product;

static void multiply(const product *p)
{
    const tec_gemm_kind *k = p->kind;
    tec_matrix a = k->a == TEC_TRANSPOSED ? tec_transposed(p->a, k->m) : tec_plain(p->a, k->k);
    tec_matrix b = k->b == TEC_TRANSPOSED ? tec_transposed(p->b, k->k) : tec_plain(p->b, k->n);
    tec_gemm_by_library(k->m, k->n, k->k, a, b, p->c, k->n);
}

static double seconds_of(const product *p)
{
    double time[SAMPLES];
    multiply(p);
    for (int i = 0; i < SAMPLES; i++) {
        int calls = 0;
        double start = tec_seconds();
        do {
            multiply(p);
            calls++;
        } while (tec_seconds() - start < SAMPLE_SECONDS);
        time[i] = (tec_seconds() - start) / calls;
    }
    return median(time, SAMPLES);
}

static size_t area(int rows, int columns)
{
    return (size_t)rows * (size_t)columns;
}

void tec_bench_measure_warm(tec_bench_result *r)
{
    size_t a = 1, b = 1, c = 1;
    for (int i = 0; i < r->kinds; i++) {
        const tec_gemm_kind *k = &r->kind[i].in_step;
        a = tec_max_size(a, area(k->m, k->k));
        b = tec_max_size(b, area(k->k, k->n));
        c = tec_max_size(c, area(k->m, k->n));
    }
    real *numbers = tec_allocate((a + b + c) * sizeof *numbers);
    for (size_t i = 0; i < a + b + c; i++)
        numbers[i] = (real)((double)(i * 2654435761u % 1024) / 512 - 1);
    for (int i = 0; i < r->kinds; i++)
        if (r->kind[i].in_step.m > 0)
            r->kind[i].warm_seconds = seconds_of(
                &(product){.kind = &r->kind[i].in_step, .a = numbers, .b = numbers + a, .c = numbers + a + b});
    free(numbers);
}

tec_bench_reduce tec_bench_measure_reduce(const tec_bench_training *training)
{
    const tec_comm *comm = training->comm;
    real *data = tec_model_params(training->model)->grad;
    size_t count = tec_model_params(training->model)->trained;
    double sum[SAMPLES], copy[SAMPLES];
    real *other = tec_allocate_zeroed(count, sizeof *other);
    tec_reducer_take_all(training->reducer);
    for (int i = 0; i < SAMPLES; i++) {
        tec_comm_barrier(comm);
        double start = tec_seconds();
        tec_reducer_take_all(training->reducer);
        sum[i] = tec_seconds() - start;
        tec_comm_barrier(comm);
        start = tec_seconds();
        memcpy(i % 2 ? data : other, i % 2 ? other : data, count * sizeof *other);
        copy[i] = tec_seconds() - start;
    }
    double slowest[2] = {median(sum, SAMPLES), median(copy, SAMPLES)};
    tec_comm_max_double(comm, slowest, 2);
    free(other);
    return (tec_bench_reduce){(double)count * sizeof *data, slowest[0], slowest[1]};
}

double tec_bench_copy_rate(void)
{
    enum { BYTES = 1 << 26 };
    int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    double time[SAMPLES];
    char *from = tec_allocate((size_t)cores * BYTES), *to = tec_allocate((size_t)cores * BYTES);
    memset(from, 1, (size_t)cores * BYTES); /* pages never written to would all be the one zero page */
    for (int i = -1; i < SAMPLES; i++) {    /* the first pass maps the pages of `to` */
        double start = tec_seconds();
#pragma omp parallel for num_threads(cores) schedule(static, 1)
        for (int c = 0; c < cores; c++)
            memcpy(to + (size_t)c * BYTES, from + (size_t)c * BYTES, BYTES);
        if (i >= 0)
            time[i] = tec_seconds() - start;
    }
    free(from);
    free(to);
    return (double)cores * BYTES / median(time, SAMPLES);
}
