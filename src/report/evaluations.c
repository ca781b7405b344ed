/* What was evaluated: k-NN, linear probe and fine-tuning, as a table and by epoch. */
#include "chart.h"
#include "html.h"
#include "parts.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One result, of any kind. */
typedef struct result {
    const tec_report_run *run;
    int colour;
    char how[48];     /* "k-NN, k = 10" */
    const char *file; /* of the run directory */
    const char *model, *pooling;
    double epoch, images, top1, top5; /* NAN: not known */
} result;

typedef struct results {
    result *result;
    int count;
    size_t capacity;
} results;

static result *add(results *all, const tec_report_run *run, int colour, const json_t *file, const json_t *numbers)
{
    all->result = tec_grow(all->result, (size_t)all->count, &all->capacity, sizeof *all->result);
    result *r = &all->result[all->count++];
    *r = (result){.run = run,
                  .colour = colour,
                  .file = tec_json_text(file, "file", ""),
                  .model = tec_json_text(file, "model", ""),
                  .pooling = tec_json_text(file, "pooling", ""),
                  .epoch = tec_json_number(file, "epoch"),
                  .images = tec_json_number(file, "test_images"),
                  .top1 = tec_json_number(numbers, "top1"),
                  .top5 = tec_json_number(numbers, "top5")};
    return r;
}

static void find_results_of(results *all, const tec_report_run *run, int colour)
{
    const json_t *file, *each;
    size_t i, k;
    json_array_foreach(run->evaluations, i, file)
    {
        const json_t *probe = json_object_get(file, "probe");
        json_array_foreach(json_object_get(file, "knn"), k, each)
        {
            result *r = add(all, run, colour, file, each);
            char k_text[24];
            snprintf(r->how, sizeof r->how, "k-NN, k = %s",
                     tec_number_text(k_text, sizeof k_text, tec_json_number(each, "k"), 6));
        }
        if (json_is_object(probe))
            snprintf(add(all, run, colour, file, probe)->how, sizeof(char[48]), "linear probe");
    }
    if (run->finetune) {
        result *r = add(all, run, colour, run->finetune, run->finetune);
        snprintf(r->how, sizeof r->how, "fine-tuning");
        r->file = "finetune.json";
        r->epoch = tec_json_number(run->finetune, "epochs");
        r->images = tec_json_number(run->finetune, "images");
    }
}

static void put_number(FILE *out, int decimals, double value)
{
    char text[32] = "\xe2\x80\x93";
    if (isfinite(value))
        snprintf(text, sizeof text, "%.*f", decimals, value);
    fprintf(out, "<td class=\"number\">%s</td>", text);
}

/* Whole, as it mostly is, or with a decimal. */
static void put_epoch(FILE *out, double epoch)
{
    put_number(out, epoch == floor(epoch) ? 0 : 1, epoch);
}

static void put_table(FILE *out, const results *all, int runs)
{
    fputs("<div class=\"wide\" tabindex=\"0\"><table class=\"results\">\n<thead><tr><th scope=\"col\">run</th>"
          "<th scope=\"col\">how</th><th scope=\"col\" class=\"number\">top-1, %</th>"
          "<th scope=\"col\" class=\"number\">top-5, %</th><th scope=\"col\" class=\"number\">epoch</th>"
          "<th scope=\"col\" class=\"number\">test images</th><th scope=\"col\">model</th>"
          "<th scope=\"col\">features</th><th scope=\"col\">file</th></tr></thead>\n<tbody>\n",
          out);
    for (int i = 0; i < all->count; i++) {
        const result *r = &all->result[i];
        fputs("<tr><th scope=\"row\">", out);
        if (runs > 1)
            fprintf(out, "<span class=\"key s%d\"></span>", r->colour % CHART_COLOURS);
        tec_html_put(out, "", r->run->name, "</th>");
        tec_html_put(out, "<td>", r->how, "</td>");
        put_number(out, 2, r->top1);
        put_number(out, 2, r->top5);
        put_epoch(out, r->epoch);
        put_number(out, 0, r->images);
        tec_html_put(out, "<td>", r->model, "</td>");
        tec_html_put(out, "<td>", r->pooling, "</td>");
        tec_html_put(out, "<td>", r->file, "</td></tr>\n");
    }
    fputs("</tbody></table></div>\n", out);
}

/* -- by epoch: one line for each run and way of evaluating -- */

static bool same_line(const result *a, const result *b)
{
    return a->run == b->run && strcmp(a->how, b->how) == 0 && strcmp(a->pooling, b->pooling) == 0;
}

static bool begins_line(const results *all, int index)
{
    for (int i = 0; i < index; i++)
        if (same_line(&all->result[i], &all->result[index]) && isfinite(all->result[i].epoch))
            return false;
    return isfinite(all->result[index].epoch);
}

/* The points of the line that `first` begins, by epoch; of several of an epoch the last one. */
static chart_series collect(const results *all, int first, int dash, const char *name)
{
    double *x = tec_allocate((size_t)all->count * sizeof *x), *y = tec_allocate((size_t)all->count * sizeof *y);
    int count = 0;
    for (int i = first; i < all->count; i++) {
        const result *r = &all->result[i];
        int at = count;
        if (!same_line(r, &all->result[first]) || !isfinite(r->epoch))
            continue;
        while (at > 0 && x[at - 1] >= r->epoch)
            at--;
        bool again = at < count && x[at] == r->epoch;
        if (!again) {
            memmove(x + at + 1, x + at, (size_t)(count - at) * sizeof *x);
            memmove(y + at + 1, y + at, (size_t)(count - at) * sizeof *y);
            count++;
        }
        x[at] = r->epoch;
        y[at] = r->top1;
    }
    return (chart_series){.name = name, .dash = dash, .x = x, .y = y, .count = count};
}

/* The same ways of evaluating have the same dashes in all runs. */
static int dash_of(const results *all, int index)
{
    int ways = 0;
    for (int i = 0; i < index; i++) {
        bool first = true;
        if (strcmp(all->result[i].how, all->result[index].how) == 0)
            break;
        for (int j = 0; j < i && first; j++)
            first = strcmp(all->result[j].how, all->result[i].how) != 0;
        ways += first;
    }
    return ways % 4;
}

static bool has_line(const chart_series *series, int count)
{
    for (int i = 0; i < count; i++)
        if (series[i].count > 1)
            return true;
    return false;
}

static void put_chart(FILE *out, const results *all, int runs)
{
    chart_series *series = tec_allocate_zeroed((size_t)all->count + 1, sizeof *series);
    int used = 0;
    for (int i = 0; i < all->count; i++) {
        const result *r = &all->result[i];
        if (!begins_line(all, i))
            continue;
        char *name = tec_string_format("%s, %s", r->run->name, r->how);
        series[used] = collect(all, i, runs > 1 ? dash_of(all, i) : 0, name);
        series[used].colour = runs > 1 ? r->colour : used;
        used++;
    }
    const chart drawing = {.title = "Evaluation by epoch",
                           .x_unit = "epoch",
                           .y_unit = "top-1, %",
                           .low = NAN,
                           .high = NAN,
                           .series = series,
                           .series_count = used};
    if (has_line(series, used)) {
        fputs("<div class=\"charts\">\n", out);
        tec_chart_draw(out, &drawing);
        fputs("</div>\n", out);
    }
    for (int i = 0; i < used; i++) {
        free((char *)(uintptr_t)series[i].name);
        free((double *)(uintptr_t)series[i].x);
        free((double *)(uintptr_t)series[i].y);
    }
    free(series);
}

void tec_report_evaluations(FILE *out, const tec_report_run *run, int count)
{
    results all = {0};
    for (int i = 0; i < count; i++)
        find_results_of(&all, &run[i], i);
    if (all.count > 0) {
        fputs("<section id=\"evaluations\"><h2>Evaluations</h2>\n", out);
        put_table(out, &all, count);
        put_chart(out, &all, count);
        fputs("</section>\n", out);
    }
    free(all.result);
}
