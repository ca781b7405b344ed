/* Module report, private. Charts as inline SVG. */
#ifndef TEC_REPORT_CHART_H
#define TEC_REPORT_CHART_H

#include <stdbool.h>
#include <stdio.h>

/* A line. Where y is not finite there is a gap. */
typedef struct chart_series {
    const char *name;    /* for the legend */
    int colour;          /* index; the page has CHART_COLOURS */
    int dash;            /* 0: a full line */
    const double *x, *y; /* [count], ascending x; borrowed */
    int count;
} chart_series;

enum { CHART_COLOURS = 6 };

/* A vertical line, say where a run was restarted. */
typedef struct chart_mark {
    double x;
    int colour;       /* drawn where there is a line of this colour */
    const char *text; /* what it says when pointed at */
} chart_mark;

typedef struct chart {
    const char *title;
    const char *x_unit, *y_unit; /* "step", "images/s" */
    double low, high;            /* what the y axis must have; NAN: nothing */
    bool names_only;             /* the legend is without the last values */
    const chart_series *series;
    int series_count;
    const chart_mark *mark;
    int mark_count;
} chart;

/* A figure: the chart and its legend, with the last values unless names_only. Of a line with more than 1200 points, 600 stretches are
 * drawn: the least and the greatest value of each, pale, and the mean. The root has the attributes data-x and data-y: what the
 * edges of the plot stand for, "left right" and "bottom top", and data-box, "x y width height" in the units of the
 * points. */
void tec_chart_draw(FILE *out, const chart *c);

/* -- axes -- */

typedef struct axis {
    double low, high, step; /* ticks at low, low + step, ..., high */
} axis;

/* The axis for values from low to high with about `ticks` ticks at multiples of 1, 2 or 5 times a power of ten;
 * `whole`: at whole numbers. */
axis tec_axis_fit(double low, double high, int ticks, bool whole);

/* 1e-05 -> 1e-5 */
void tec_axis_shorten(char *text);

/* The label of a tick of this axis, written to `text` and returned: "0.25", "20k", "1e-5". */
char *tec_axis_label(const axis *a, double value, char *text, size_t size);

#endif
