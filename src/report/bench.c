/* The section about the speed of a machine: what `tec bench --json` has measured. */
#include "bench.h"

#include "html.h"
#include "rows.h"

#include "tec/text.h"

#include <stdlib.h>

enum { MOST_PRODUCTS = 10 }; /* of a run; the file has them by time */

static void put_machine(FILE *out, const json_t *bench)
{
    static const char *const texts[][2] = {
        {"processor", "cpu"}, {"compiler", "compiler"}, {"BLAS", "blas"}, {"MPI", "mpi"}, {"tec", "tec"}};
    const json_t *machine = json_object_get(bench, "machine");
    tec_facts_begin(out);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        tec_facts_put(out, texts[i][0], tec_json_text(machine, texts[i][1], ""));
    tec_facts_put_number(out, "cores", tec_json_number(machine, "cores"), 6);
    tec_facts_put_number(out, "memory, GB", 0x1p-30 * tec_json_number(machine, "memory_bytes"), 3);
    tec_facts_put_number(out, "copying on all cores, GB/s", 1e-9 * tec_json_number(bench, "copy_rate"), 3);
    tec_facts_end(out);
}

static void put_run(FILE *out, const json_t *run)
{
    static const tec_rows_column operators[] = {{"part of a step", "name", 0, 0},
                                                {"share, %", "share", 100, 3},
                                                {"ms a step", "seconds", 1e3, 3},
                                                {"calls a step", "calls", 1, 6}};
    static const tec_rows_column products[] = {{"m", "m", 1, 6},
                                               {"n", "n", 1, 6},
                                               {"k", "k", 1, 6},
                                               {"a", "a", 0, 0},
                                               {"b", "b", 0, 0},
                                               {"calls a step", "calls", 1, 6},
                                               {"ms a step", "seconds", 1e3, 3},
                                               {"GFLOP/s", "gflops", 1, 3},
                                               {"library alone, GFLOP/s", "own_gflops", 1, 3}};
    char ranks[32];
    char *name = tec_string_format("%s, %s, ranks: %s", tec_json_text(run, "size", ""), tec_json_text(run, "what", ""),
                                   tec_number_text(ranks, sizeof ranks, tec_json_number(run, "ranks"), 6));
    char *parts = tec_string_format("Parts of a step: %s", name);
    char *shapes = tec_string_format("The matrix products that take longest: %s", name);
    tec_rows_put(out, parts, json_object_get(run, "operators"), SIZE_MAX, operators,
                 sizeof operators / sizeof *operators);
    tec_rows_put(out, shapes, json_object_get(run, "products"), MOST_PRODUCTS, products,
                 sizeof products / sizeof *products);
    free(shapes);
    free(parts);
    free(name);
}

void tec_report_bench_put(FILE *out, const tec_report_bench *bench)
{
    static const tec_rows_column runs[] = {{"size", "size", 0, 0},
                                           {"what", "what", 0, 0},
                                           {"ranks", "ranks", 1, 6},
                                           {"threads", "threads", 1, 6},
                                           {"images a step and rank", "batch", 1, 6},
                                           {"images/s", "images_per_second", 1, 4},
                                           {"step, ms", "step_seconds", 1e3, 4},
                                           {"in matrix products, %", "gemm_share", 100, 3},
                                           {"GFLOP/s of a rank", "rate", 1e-9, 3},
                                           {"peak memory, MB", "peak_rss_mb", 1, 4}};
    const json_t *list = json_object_get(bench->json, "runs"), *run;
    size_t i;
    tec_html_put(out, "<section><h2>Speed of a machine: ", bench->path, "</h2>\n");
    put_machine(out, bench->json);
    tec_rows_put(out, "What was measured", list, SIZE_MAX, runs, sizeof runs / sizeof *runs);
    json_array_foreach(list, i, run) put_run(out, run);
    fputs("</section>\n", out);
}
