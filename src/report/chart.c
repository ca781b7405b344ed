/* Line charts as SVG. Text and colours come from the page's style, so that light, dark and print are one drawing. */
#include "chart.h"

#include "html.h"

#include "tec/memory.h"
#include "tec/minmax.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of the drawing, in its own units: at 360 pixels a unit is about 0.8 pixels. */
enum { WIDTH = 400, HEIGHT = 230, RIGHT = 14, TOP = 12, BOTTOM = 40, STRETCHES = 600 };

typedef struct frame {
    axis x, y;
    int left; /* of the plot: as wide as the labels of y */
} frame;

static double place_x(const frame *f, double x)
{
    return f->left + (x - f->x.low) / (f->x.high - f->x.low) * (WIDTH - f->left - RIGHT);
}

static double place_y(const frame *f, double y)
{
    return HEIGHT - BOTTOM - (y - f->y.low) / (f->y.high - f->y.low) * (HEIGHT - TOP - BOTTOM);
}

static int tick_count(const axis *a)
{
    return 1 + (int)floor((a->high - a->low) / a->step + 1e-6);
}

static int longest_label(const axis *a)
{
    char label[32];
    int longest = 0;
    for (int i = 0; i < tick_count(a); i++)
        longest = tec_max_int(longest, (int)strlen(tec_axis_label(a, a->low + i * a->step, label, sizeof label)));
    return longest;
}

/* The range of all points; false: there are none. */
static bool fit(const chart *c, frame *f)
{
    double left = INFINITY, right = -INFINITY, low = INFINITY, high = -INFINITY;
    for (int s = 0; s < c->series_count; s++)
        for (int i = 0; i < c->series[s].count; i++) {
            double x = c->series[s].x[i], y = c->series[s].y[i];
            if (!isfinite(y))
                continue;
            left = tec_min_double(left, x);
            right = tec_max_double(right, x);
            low = tec_min_double(low, y);
            high = tec_max_double(high, y);
        }
    if (left > right)
        return false;
    if (isfinite(c->low))
        low = tec_min_double(low, c->low);
    if (isfinite(c->high))
        high = tec_max_double(high, c->high);
    f->x = tec_axis_fit(left < 0.1 * right || left <= 1 ? tec_min_double(left, 0) : left, right, 5, true);
    if (right > f->x.low)
        f->x.high = right; /* the last tick need not be at the edge */
    f->y = tec_axis_fit(low, high, 4, false);
    f->left = 14 + 8 * tec_max_int(longest_label(&f->y), 4);
    return true;
}

static void draw_axes(FILE *out, const chart *c, const frame *f)
{
    char label[32];
    for (int i = 0; i < tick_count(&f->y); i++) {
        double value = f->y.low + i * f->y.step, y = place_y(f, value);
        fprintf(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.2f\" y2=\"%.2f\"/>", f->left, WIDTH - RIGHT, y,
                y);
        fprintf(out, "<text class=\"tick\" x=\"%d\" y=\"%.2f\" text-anchor=\"end\">%s</text>\n", f->left - 6, y + 4,
                tec_axis_label(&f->y, value, label, sizeof label));
    }
    for (int i = 0; i < tick_count(&f->x); i++) {
        double value = f->x.low + i * f->x.step, x = place_x(f, value);
        fprintf(out, "<line class=\"axis\" x1=\"%.2f\" x2=\"%.2f\" y1=\"%d\" y2=\"%d\"/>", x, x, HEIGHT - BOTTOM,
                HEIGHT - BOTTOM + 4);
        tec_axis_label(&f->x, value, label, sizeof label);
        bool at_edge = x + 4 * (double)strlen(label) > WIDTH; /* half as wide as the label */
        fprintf(out, "<text class=\"tick\" x=\"%.2f\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", at_edge ? WIDTH : x,
                HEIGHT - BOTTOM + 17, at_edge ? "end" : "middle", label);
    }
    fprintf(out, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", f->left, WIDTH - RIGHT,
            HEIGHT - BOTTOM, HEIGHT - BOTTOM);
    fprintf(out, "<text class=\"unit\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">", (f->left + WIDTH - RIGHT) / 2,
            HEIGHT - 6);
    tec_html_put(out, "", c->x_unit, "</text>\n");
}

/* The index of the last point that is no gap; -1: there is none. */
static int last_point(const chart_series *s)
{
    int last = s->count - 1;
    while (last >= 0 && !isfinite(s->y[last]))
        last--;
    return last;
}

static bool has_colour(const chart *c, int colour)
{
    for (int s = 0; s < c->series_count; s++)
        if (c->series[s].colour == colour && last_point(&c->series[s]) >= 0)
            return true;
    return false;
}

static void draw_marks(FILE *out, const chart *c, const frame *f)
{
    for (int i = 0; i < c->mark_count; i++) {
        double x = place_x(f, c->mark[i].x);
        if (c->mark[i].x < f->x.low || c->mark[i].x > f->x.high || !has_colour(c, c->mark[i].colour))
            continue;
        fprintf(out, "<line class=\"mark s%d\" x1=\"%.2f\" x2=\"%.2f\" y1=\"%d\" y2=\"%d\">",
                c->mark[i].colour % CHART_COLOURS, x, x, TOP, HEIGHT - BOTTOM);
        tec_html_put(out, "<title>", c->mark[i].text, "</title></line>\n");
    }
}

/* Points of a line that stand for one, where there are too many: 1: each is drawn. */
static int stretch_of(const chart_series *s)
{
    return s->count > 2 * STRETCHES ? (s->count + STRETCHES - 1) / STRETCHES : 1;
}

/* Marks those points that are drawn: all of a short line, of each stretch of a long one the least and the greatest.
 * Ends, and gaps, are always kept. */
static bool *choose(const chart_series *s, int stretch)
{
    bool *keep = tec_allocate_zeroed((size_t)s->count + 1, sizeof *keep);
    for (int from = 0; from < s->count; from += stretch) {
        int least = -1, greatest = -1, to = tec_min_int(from + stretch, s->count);
        for (int i = from; i < to; i++) {
            if (!isfinite(s->y[i])) {
                keep[i] = true;
                continue;
            }
            if (least < 0 || s->y[i] < s->y[least])
                least = i;
            if (greatest < 0 || s->y[i] > s->y[greatest])
                greatest = i;
        }
        if (least >= 0)
            keep[least] = keep[greatest] = true;
    }
    if (s->count > 0)
        keep[0] = keep[s->count - 1] = true;
    return keep;
}

/* The points that `keep` marks; NULL: all. `class`: further classes of the line. */
static void draw_points(FILE *out, const chart_series *s, const bool *keep, const char *class, const frame *f)
{
    int colour = s->colour % CHART_COLOURS, run = 0;
    double x = 0, y = 0;
    for (int i = 0; i <= s->count; i++) {
        bool point = i < s->count && isfinite(s->y[i]);
        if (i < s->count && keep && !keep[i])
            continue;
        if (point) {
            x = place_x(f, s->x[i]);
            y = place_y(f, s->y[i]);
            if (run++ == 0)
                fprintf(out, "<polyline class=\"line s%d d%d%s\" points=\"", colour, s->dash, class);
            fprintf(out, "%s%.2f,%.2f", run > 1 ? " " : "", x, y);
        } else if (run > 0) {
            fputs("\"/>", out);
            if (run == 1)
                fprintf(out, "<circle class=\"dot s%d\" cx=\"%.2f\" cy=\"%.2f\" r=\"3\"/>", colour, x, y);
            run = 0;
        }
    }
}

/* The mean of each stretch, without its gaps. */
static void draw_means(FILE *out, const chart_series *s, int stretch, const frame *f)
{
    size_t bytes = ((size_t)s->count / (size_t)stretch + 1) * sizeof(double);
    double *x = tec_allocate(bytes), *y = tec_allocate(bytes);
    chart_series means = {.colour = s->colour, .dash = s->dash, .x = x, .y = y};
    for (int from = 0; from < s->count; from += stretch) {
        int points = 0;
        double sum_x = 0, sum_y = 0;
        for (int i = from; i < tec_min_int(from + stretch, s->count); i++)
            if (isfinite(s->y[i])) {
                sum_x += s->x[i];
                sum_y += s->y[i];
                points++;
            }
        x[means.count] = sum_x / points; /* NAN: a gap */
        y[means.count++] = sum_y / points;
    }
    draw_points(out, &means, NULL, "", f);
    free(y);
    free(x);
}

static void draw_series(FILE *out, const chart_series *s, const frame *f)
{
    const int stretch = stretch_of(s);
    bool *keep = choose(s, stretch);
    tec_html_put(out, "<g><title>", s->name, "</title>");
    draw_points(out, s, keep, stretch > 1 ? " range" : "", f);
    if (stretch > 1)
        draw_means(out, s, stretch, f);
    fputs("</g>\n", out);
    free(keep);
}

static void draw_legend(FILE *out, const chart *c)
{
    char value[32], at[32];
    fputs("<ul class=\"legend\">", out);
    for (int i = 0; i < c->series_count; i++) {
        const chart_series *s = &c->series[i];
        int last = last_point(s);
        if (last < 0)
            continue;
        fprintf(out, "<li><span class=\"key s%d d%d\"></span>", s->colour % CHART_COLOURS, s->dash);
        tec_html_put(out, "", s->name, c->names_only ? "</li>" : "");
        if (c->names_only)
            continue;
        fprintf(out, " <b>%s</b> <span class=\"at\">at %s %s</span></li>",
                tec_number_text(value, sizeof value, s->y[last], 4), c->x_unit,
                tec_number_text(at, sizeof at, s->x[last], 6));
    }
    fputs("</ul>\n", out);
}

void tec_chart_draw(FILE *out, const chart *c)
{
    frame f;
    if (!fit(c, &f))
        return;
    tec_html_put(out, "<figure class=\"chart\"><figcaption>", c->title, "");
    tec_html_put(out, " <span class=\"unit\">", c->y_unit, "</span></figcaption>\n");
    fprintf(out,
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" data-x=\"%.12g %.12g\" data-y=\"%.12g %.12g\" "
            "data-box=\"%d %d %d %d\">",
            WIDTH, HEIGHT, f.x.low, f.x.high, f.y.low, f.y.high, f.left, TOP, WIDTH - f.left - RIGHT,
            HEIGHT - TOP - BOTTOM);
    tec_html_put(out, "<title>", c->title, ", ");
    tec_html_put(out, "", c->y_unit, ", by ");
    tec_html_put(out, "", c->x_unit, "</title>\n");
    draw_axes(out, c, &f);
    draw_marks(out, c, &f);
    for (int i = 0; i < c->series_count; i++)
        draw_series(out, &c->series[i], &f);
    fputs("</svg>\n", out);
    draw_legend(out, c);
    fputs("</figure>\n", out);
}
