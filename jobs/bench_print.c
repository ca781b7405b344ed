/* The tables of `tec bench`. */
#include "tec/bench.h"

#include <stdio.h>

enum { MOST_KINDS = 24 }; /* in the table; the file of --json has all */

static void print_operators(const tec_bench_run *run)
{
    const tec_bench_result *r = &run->result;
    double rest = r->total;
    printf("\n%-18s %9s %11s %8s %9s\n", "operator", "calls", "ms a step", "share", "GFLOP/s");
    for (int i = 0; i < TEC_OPERATORS; i++) {
        const tec_measured *m = &r->operators[i];
        rest -= m->seconds;
        if (!m->calls)
            continue;
        printf("%-18s %9.0f %11.3f %7.2f%%", tec_operator_name((tec_operator)i), (double)m->calls / r->steps,
               1e3 * m->seconds / r->steps, 100 * m->seconds / r->total);
        if (i == TEC_OPERATOR_GEMM)
            printf(" %9.1f", r->flops / m->seconds / 1e9);
        putchar('\n');
    }
    printf("%-18s %9s %11.3f %7.2f%%\n", "everything else", "", 1e3 * rest / r->steps, 100 * rest / r->total);
}

static double rate(const tec_bench_kind *kind)
{
    const tec_gemm_kind *k = &kind->in_step;
    return 2.0 * k->m * k->n * k->k * (double)k->calls / k->seconds / 1e9;
}

static double warm_rate(const tec_bench_kind *kind)
{
    const tec_gemm_kind *k = &kind->in_step;
    return kind->warm_seconds > 0 ? 2.0 * k->m * k->n * k->k / kind->warm_seconds / 1e9 : 0;
}

static void print_kinds(const tec_bench_run *run)
{
    const tec_bench_result *r = &run->result;
    double best = 0, left = 0;
    printf("\n%20s %3s %7s %10s %7s %9s %9s %6s\n", "product m x n x k", "a b", "calls", "ms a step", "share",
           "GFLOP/s", "own sgemm", "ratio");
    for (int i = 0; i < r->kinds; i++) {
        const tec_gemm_kind *k = &r->kind[i].in_step;
        best = warm_rate(&r->kind[i]) > best ? warm_rate(&r->kind[i]) : best;
        if (i >= MOST_KINDS) {
            left += k->seconds;
            continue;
        }
        printf("%6d x %4d x %4d %2c %c %7.0f %10.3f %6.2f%% %9.1f %9.1f %6.2f\n", k->m, k->n, k->k,
               k->a == TEC_TRANSPOSED ? 'T' : 'N', k->b == TEC_TRANSPOSED ? 'T' : 'N', (double)k->calls / r->steps,
               1e3 * k->seconds / r->steps, 100 * k->seconds / r->total, rate(&r->kind[i]), warm_rate(&r->kind[i]),
               rate(&r->kind[i]) / warm_rate(&r->kind[i]));
    }
    if (r->kinds > MOST_KINDS)
        printf("%20s %3s %7s %10.3f %6.2f%%\n", "other shapes", "", "", 1e3 * left / r->steps, 100 * left / r->total);
    printf("own sgemm: the same product again and again on warm buffers, in this process. At these rates the products\n"
           "would take %.1f %% of the step; the best of them is %.1f GFLOP/s.\n",
           100 * tec_bench_warm_share(r), best);
}

static void print_reduce(const tec_bench_run *run)
{
    const tec_bench_reduce *r = &run->reduce;
    if (r->seconds == 0)
        return;
    printf(
        "\nallreduce of %.1f MB over %d ranks: %.4f s, %.2f GB/s; memcpy of as much on all ranks: %.4f s, %.2f GB/s\n",
        r->bytes / 1e6, run->ranks, r->seconds, r->bytes / r->seconds / 1e9, r->copy_seconds,
        r->bytes / r->copy_seconds / 1e9);
}

static void print_loader(const tec_bench_run *run)
{
    if (run->loader.rate == 0)
        return;
    printf(
        "\nloader: %.1f images/s a rank from %d thread%s with nothing else to do; steps that use them: %.3f images/s "
        "a rank, waiting %.2f %% of the time\n",
        run->loader.rate, run->loader.workers, run->loader.workers > 1 ? "s" : "", run->loader.step_rate,
        100 * run->loader.wait_share);
}

static void print_machine(void)
{
    json_t *machine = tec_bench_machine(), *value;
    const char *key;
    json_object_foreach(machine, key, value)
    {
        if (json_is_string(value))
            printf("%-13s %s\n", key, json_string_value(value));
        else
            printf("%-13s %.0f\n", key, json_number_value(value));
    }
    json_decref(machine);
}

void bench_print(const tec_bench_run *run)
{
    print_machine();
    print_operators(run);
    print_kinds(run);
    print_reduce(run);
    print_loader(run);
    putchar('\n');
}
