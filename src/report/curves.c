/* The curves of log.jsonl: one chart for each quantity, with a line for each run. */
#include "chart.h"
#include "html.h"
#include "parts.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LINES = 2 };

/* A chart: members of the lines of one kind. */
typedef struct curve {
    const char *title, *unit;
    const char *kind; /* of the lines; "step": those about epochs, where there are none */
    const char *x;    /* "step" or "epoch" */
    double factor;    /* what the numbers are multiplied by */
    double low;       /* what the axis must have; NAN: nothing */
    unsigned of;      /* 1 << run_kind for each kind of run that is in it */
    const char *member[MOST_LINES], *name[MOST_LINES]; /* the name is empty where there is one member */
} curve;

#define ANY_RUN (1u << RUN_TEC | 1u << RUN_MAE | 1u << RUN_TUNING | 1u << RUN_UNKNOWN)

static const curve curves[] = {
    {"Loss of the features", "mean squared error", "step", "step", 1, NAN, ANY_RUN, {"loss_fea"}, {""}},
    {"Loss of the attention", "cross-entropy, nats", "step", "step", 1, NAN, ANY_RUN, {"loss_att"}, {""}},
    {"Loss of the features, base 2", "mean squared error", "step", "step", 1, NAN, ANY_RUN, {"loss_fea2"}, {""}},
    {"Loss of the attention, base 2", "cross-entropy, nats", "step", "step", 1, NAN, ANY_RUN, {"loss_att2"}, {""}},
    {"Loss of the features, base 3", "mean squared error", "step", "step", 1, NAN, ANY_RUN, {"loss_fea3"}, {""}},
    {"Loss of the attention, base 3", "cross-entropy, nats", "step", "step", 1, NAN, ANY_RUN, {"loss_att3"}, {""}},
    {"Loss of the features, base 4", "mean squared error", "step", "step", 1, NAN, ANY_RUN, {"loss_fea4"}, {""}},
    {"Loss of the attention, base 4", "cross-entropy, nats", "step", "step", 1, NAN, ANY_RUN, {"loss_att4"}, {""}},
    {"Loss", "mean squared error", "step", "step", 1, NAN, 1u << RUN_MAE, {"loss"}, {""}},
    {"Training loss", "cross-entropy, nats", "step", "step", 1, NAN, 1u << RUN_TUNING, {"loss"}, {""}},
    {"Loss", "as the objective has it", "step", "step", 1, NAN, 1u << RUN_UNKNOWN, {"loss"}, {""}},
    {"Learning rate", "per step", "step", "step", 1, 0, ANY_RUN, {"lr"}, {""}},
    {"Norm of the gradient", "before clipping", "step", "step", 1, 0, ANY_RUN, {"gradient_norm"}, {""}},
    {"Speed", "images/s", "step", "step", 1, 0, ANY_RUN, {"images_per_second"}, {""}},
    {"Waiting",
     "% of the time",
     "step",
     "step",
     100,
     0,
     ANY_RUN,
     {"wait_share", "reduce_share"},
     {"for data", "for ranks and sums"}},
    {"Targets", "% of the time that computes them", "step", "step", 100, 0, ANY_RUN, {"targets_share"}, {""}},
    {"Validation", "top-1 and top-5, %", "validation", "epoch", 1, NAN, ANY_RUN, {"top1", "top5"}, {"top-1", "top-5"}},
    {"Loss in validation", "cross-entropy, nats", "validation", "epoch", 1, NAN, ANY_RUN, {"loss"}, {""}},
};

/* The kind of lines that a curve is of in this run. */
static const char *kind_of(const curve *c, const tec_report_run *run)
{
    return strcmp(c->kind, "step") == 0 && !tec_report_last_line(run, "step") ? "epoch" : c->kind;
}

/* Takes the points of a member out of the log; false: there are none. x and y become the caller's. */
static bool take_points(const curve *c, const tec_report_run *run, const char *member, chart_series *out)
{
    size_t lines = json_array_size(run->log), i;
    const char *kind = kind_of(c, run);
    const json_t *line;
    double *x = tec_allocate(lines * sizeof *x), *y = tec_allocate(lines * sizeof *y);
    bool any = false;
    json_array_foreach(run->log, i, line)
    {
        if (!tec_report_line_is(line, kind))
            continue;
        x[out->count] = tec_json_number(line, c->x);
        y[out->count] = c->factor * tec_json_number(line, member);
        any = any || isfinite(y[out->count]);
        out->count += isfinite(x[out->count]);
    }
    out->x = x;
    out->y = y;
    return any;
}

/* "base, top-1" */
static char *name_line(const tec_report_run *run, int count, const char *name)
{
    if (count == 1)
        return tec_string_copy(name[0] ? name : run->name);
    return tec_string_format("%s%s%s", run->name, name[0] ? ", " : "", name);
}

/* -- marks: restarts and changed settings -- */

typedef struct marks {
    chart_mark *mark;
    int count;
    size_t capacity;
} marks;

/* Takes the text over. */
static void add_mark(marks *m, double x, int colour, char *text)
{
    m->mark = tec_grow(m->mark, (size_t)m->count, &m->capacity, sizeof *m->mark);
    m->mark[m->count++] = (chart_mark){x, colour, text};
}

static void add_restarts(marks *m, const tec_report_run *run, int colour)
{
    const json_t *starts = json_object_get(run->environment, "starts"), *start;
    size_t i;
    json_array_foreach(starts, i, start)
    {
        double step = tec_json_number(start, "step");
        if (step > 0)
            add_mark(m, step, colour,
                     tec_string_format("%s was started again at step %.0f, %s", run->name, step,
                                       tec_json_text(start, "started", "")));
    }
}

static void add_changes(marks *m, const tec_report_run *run, int colour)
{
    const json_t *line;
    size_t i;
    json_array_foreach(run->log, i, line)
    {
        const char *key;
        json_t *change, *changes = json_object_get(line, "changes");
        if (!tec_report_line_is(line, "settings"))
            continue;
        double step = tec_json_number(line, "step");
        char *text = tec_string_format("%s after step %.0f:", run->name, step);
        json_object_foreach(changes, key, change) tec_string_append(
            &text, " %s %s \xe2\x86\x92 %s;", key, tec_json_text(change, "was", ""), tec_json_text(change, "is", ""));
        text[strlen(text) - 1] = '\0';
        add_mark(m, step, colour, text);
    }
}

static marks find_marks(const tec_report_run *run, int count)
{
    marks m = {0};
    for (int i = 0; i < count; i++) {
        add_restarts(&m, &run[i], i);
        add_changes(&m, &run[i], i);
    }
    return m;
}

static void free_marks(marks *m)
{
    for (int i = 0; i < m->count; i++)
        free((char *)(uintptr_t)m->mark[i].text);
    free(m->mark);
}

/* -- charts -- */

static void draw(FILE *out, const curve *c, const tec_report_run *run, int count, const marks *m)
{
    chart_series *series = tec_allocate_zeroed((size_t)count * MOST_LINES, sizeof *series);
    int used = 0;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < MOST_LINES && c->member[k] && (c->of & 1u << tec_report_kind(&run[i])); k++) {
            chart_series *s = &series[used];
            *s = (chart_series){.colour = count == 1 ? k : i,
                                .dash = count == 1 ? 0 : (k + 2 * (i / CHART_COLOURS)) % 4};
            s->name = name_line(&run[i], count, c->name[k]);
            used++;
            if (!take_points(c, &run[i], c->member[k], s))
                s->count = 0;
        }
    const bool steps = strcmp(c->x, "step") == 0;
    const chart drawing = {.title = c->title,
                           .x_unit = c->x,
                           .y_unit = c->unit,
                           .low = c->low,
                           .high = NAN,
                           .series = series,
                           .series_count = used,
                           .mark = m->mark,
                           .mark_count = steps ? m->count : 0};
    tec_chart_draw(out, &drawing);
    for (int i = 0; i < used; i++) {
        free((char *)(uintptr_t)series[i].name);
        free((double *)(uintptr_t)series[i].x);
        free((double *)(uintptr_t)series[i].y);
    }
    free(series);
}

void tec_report_curves(FILE *out, const tec_report_run *run, int count)
{
    bool any = false;
    for (int i = 0; i < count; i++)
        any = any || json_array_size(run[i].log) > 0;
    if (!any)
        return;
    marks m = find_marks(run, count);
    fputs("<section id=\"curves\"><h2>Curves</h2>\n<div class=\"charts\">\n", out);
    for (size_t c = 0; c < sizeof curves / sizeof *curves; c++)
        draw(out, &curves[c], run, count, &m);
    fputs("</div>\n", out);
    if (m.count > 0) {
        fputs("<p class=\"hint\">Dotted lines mark where a run was started again or went on with other settings:</p>\n"
              "<ul>",
              out);
        for (int i = 0; i < m.count; i++)
            tec_html_put(out, "<li>", m.mark[i].text, "</li>\n");
        fputs("</ul>\n", out);
    }
    fputs("</section>\n", out);
    free_marks(&m);
}
