/* The section about the speed of a machine: what `tec bench --json` has measured. */
#include "bench.h"

#include "html.h"

#include "tec/text.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_PRODUCTS = 10 }; /* of a run; the file has them by time */

/* A member of an object as a number, times `factor`. */
typedef struct column {
    const char *title; /* with its unit */
    const char *member;
    double factor;
    int digits;
} column;

static void put_cell(FILE *out, const json_t *object, const column *c)
{
    char text[32];
    if (json_is_string(json_object_get(object, c->member))) {
        tec_html_put(out, "<td>", tec_json_text(object, c->member, ""), "</td>");
        return;
    }
    const double value = c->factor * tec_json_number(object, c->member);
    fprintf(out, "<td class=\"number\">%s</td>", tec_number_text(text, sizeof text, value, c->digits));
}

/* The first rows of `list` (at most `most`), a column for each of `columns` [count]; the first one has names. */
static void put_table(FILE *out, const char *caption, const json_t *list, size_t most, const column *columns,
                      size_t count)
{
    const json_t *row;
    size_t i;
    if (json_array_size(list) == 0)
        return;
    fputs("<div class=\"wide\" tabindex=\"0\"><table class=\"results\">", out);
    tec_html_put(out, "<caption>", caption, "</caption>\n<thead><tr>");
    for (size_t c = 0; c < count; c++)
        tec_html_put(out, columns[c].factor > 0 ? "<th scope=\"col\" class=\"number\">" : "<th scope=\"col\">",
                     columns[c].title, "</th>");
    fputs("</tr></thead>\n<tbody>\n", out);
    json_array_foreach(list, i, row)
    {
        if (i == most)
            break;
        fputs("<tr>", out);
        for (size_t c = 0; c < count; c++)
            put_cell(out, row, &columns[c]);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void put_fact(FILE *out, const char *name, const char *text)
{
    tec_html_put(out, "<tr><th scope=\"row\">", name, "</th>");
    tec_html_put(out, "<td>", text, "</td></tr>\n");
}

static void put_machine(FILE *out, const json_t *bench)
{
    static const char *const texts[][2] = {
        {"processor", "cpu"}, {"compiler", "compiler"}, {"BLAS", "blas"}, {"MPI", "mpi"}, {"tec", "tec"}};
    const json_t *machine = json_object_get(bench, "machine");
    char text[32];
    fputs("<div class=\"wide\" tabindex=\"0\"><table><tbody>\n", out);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        put_fact(out, texts[i][0], tec_json_text(machine, texts[i][1], ""));
    put_fact(out, "cores", tec_number_text(text, sizeof text, tec_json_number(machine, "cores"), 6));
    put_fact(out, "memory, GB",
             tec_number_text(text, sizeof text, 0x1p-30 * tec_json_number(machine, "memory_bytes"), 3));
    put_fact(out, "copying on all cores, GB/s",
             tec_number_text(text, sizeof text, 1e-9 * tec_json_number(bench, "copy_rate"), 3));
    fputs("</tbody></table></div>\n", out);
}

static void put_run(FILE *out, const json_t *run)
{
    static const column operators[] = {{"part of a step", "name", 0, 0},
                                       {"share, %", "share", 100, 3},
                                       {"ms a step", "seconds", 1e3, 3},
                                       {"calls a step", "calls", 1, 6}};
    static const column products[] = {{"m", "m", 1, 6},
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
    put_table(out, parts, json_object_get(run, "operators"), SIZE_MAX, operators, sizeof operators / sizeof *operators);
    put_table(out, shapes, json_object_get(run, "products"), MOST_PRODUCTS, products,
              sizeof products / sizeof *products);
    free(shapes);
    free(parts);
    free(name);
}

void tec_report_bench_put(FILE *out, const tec_report_bench *bench)
{
    static const column runs[] = {{"size", "size", 0, 0},
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
    put_table(out, "What was measured", list, SIZE_MAX, runs, sizeof runs / sizeof *runs);
    json_array_foreach(list, i, run) put_run(out, run);
    fputs("</section>\n", out);
}
