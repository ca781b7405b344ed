/* What fine-tuning says of each class: recall, and what is taken for what. */
#include "html.h"
#include "parts.h"

#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <math.h>
#include <stdlib.h>

enum {
    MOST_IN_MATRIX = 40, /* classes */
    MOST_IN_LIST = 60,
    ENDS_OF_LIST = 20, /* of more classes the hardest and the easiest */
    MOST_MISTAKES = 10
};

/* A view of finetune.json that has been checked. */
typedef struct classes {
    const json_t *list, *confusion; /* [count] and [count][count] */
    int count;
} classes;

static bool check(const json_t *finetune, classes *out)
{
    out->list = json_object_get(finetune, "classes");
    out->confusion = json_object_get(finetune, "confusion");
    out->count = (int)json_array_size(out->list);
    if (out->count == 0 || json_array_size(out->confusion) != (size_t)out->count)
        return false;
    for (size_t i = 0; i < (size_t)out->count; i++)
        if (json_array_size(json_array_get(out->confusion, i)) != (size_t)out->count)
            return false;
    return true;
}

static double entry(const classes *c, int label, int answer)
{
    double images = json_number_value(json_array_get(json_array_get(c->confusion, (size_t)label), (size_t)answer));
    return tec_min_double(tec_max_double(images, 0), 1e15);
}

static const char *name_of(const classes *c, int label)
{
    return tec_json_text(json_array_get(c->list, (size_t)label), "class", "?");
}

/* 0, as where there are none, if it is not known. */
static double images_of(const classes *c, int label)
{
    double images = tec_json_number(json_array_get(c->list, (size_t)label), "images");
    return images > 0 ? images : 0;
}

/* NAN: not known. */
static double recall_of(const classes *c, int label)
{
    double recall = tec_json_number(json_array_get(c->list, (size_t)label), "recall");
    return recall >= 0 && recall <= 100 ? recall : (double)NAN;
}

/* -- the matrix -- */

static void put_cell(FILE *out, const classes *c, int label, int answer, double size, double left)
{
    double count = entry(c, label, answer), images = images_of(c, label),
           share = images > 0 ? tec_min_double(tec_max_double(count / images, 0), 1) : 0;
    double x = left + answer * size, y = left + label * size;
    fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill-opacity=\"%.3f\">",
            label == answer ? "right" : "wrong", x, y, size - 1, size - 1, sqrt(share));
    tec_html_put(out, "<title>", name_of(c, label), "");
    tec_html_put(out, ", taken for ", name_of(c, answer), "");
    fprintf(out, ": %.0f of %.0f</title></rect>", count, images);
    if (c->count <= 20 && count > 0)
        fprintf(out, "<text class=\"tick%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.0f</text>",
                share > 0.3 ? " on" : "", x + (size - 1) / 2, y + (size - 1) / 2 + 4, count);
    fputc('\n', out);
}

static void put_matrix(FILE *out, const classes *c)
{
    const double left = 30, size = tec_max_double(9, 370.0 / c->count), side = left + size * c->count;
    fprintf(out,
            "<figure class=\"matrix\"><figcaption>Confusion <span class=\"unit\">images; rows: the label, columns: the "
            "answer, by the numbers of the classes</span></figcaption>\n<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\">"
            "<title>Confusion matrix: images by label and answer</title>\n",
            side, side);
    for (int i = 0; i < c->count; i++) {
        if (c->count > 20 && i % 5 != 0)
            continue;
        double middle = left + (i + 0.5) * size;
        fprintf(out, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%d</text>", left - 6, middle + 4,
                i);
        fprintf(out, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%d</text>\n", middle, left - 8,
                i);
    }
    for (int label = 0; label < c->count; label++)
        for (int answer = 0; answer < c->count; answer++)
            put_cell(out, c, label, answer, size, left);
    fputs("</svg></figure>\n", out);
}

/* -- lists -- */

typedef struct ranked {
    double by;
    int label, answer;
} ranked;

/* Ascending; what is equal keeps the order of the classes. */
static int compare(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->by != y->by)
        return x->by < y->by ? -1 : 1;
    return x->label != y->label ? x->label - y->label : x->answer - y->answer;
}

static void put_recall_row(FILE *out, const classes *c, int label)
{
    double recall = recall_of(c, label);
    fprintf(out, "<tr><td class=\"number\">%d</td>", label);
    tec_html_put(out, "<th scope=\"row\">", name_of(c, label), "</th>");
    fprintf(out, "<td class=\"number\">%.0f</td><td class=\"number\">%.1f</td>", images_of(c, label), recall);
    fprintf(out, "<td><span class=\"bar\" style=\"width: %.1f%%\"></span></td></tr>\n", recall);
}

/* All classes in their order, or of many the hardest and the easiest. */
static void put_recall(FILE *out, const classes *c)
{
    ranked *order = tec_allocate((size_t)c->count * sizeof *order);
    int count = 0;
    for (int i = 0; i < c->count; i++)
        if (isfinite(recall_of(c, i)))
            order[count++] = (ranked){recall_of(c, i), i, 0};
    const bool all = count <= MOST_IN_LIST;
    if (!all)
        qsort(order, (size_t)count, sizeof *order, compare);
    fprintf(
        out,
        "<div class=\"wide\" tabindex=\"0\"><table class=\"short recall\"><caption>Recall of %s</caption>\n<thead><tr>"
        "<th scope=\"col\" class=\"number\">no.</th><th scope=\"col\">class</th><th scope=\"col\" class=\"number\">"
        "images</th><th scope=\"col\" class=\"number\">recall, %%</th><th scope=\"col\"></th></tr></thead><tbody>\n",
        all ? "each class" : "the hardest and the easiest classes");
    for (int i = 0; i < count; i++)
        if (all || i < ENDS_OF_LIST || i >= count - ENDS_OF_LIST)
            put_recall_row(out, c, order[i].label);
    fputs("</tbody></table></div>\n", out);
    free(order);
}

static void put_mistakes(FILE *out, const classes *c)
{
    size_t count = 0, capacity = 0;
    ranked *mistake = NULL;
    for (int label = 0; label < c->count; label++)
        for (int answer = 0; answer < c->count; answer++)
            if (label != answer && entry(c, label, answer) > 0) {
                mistake = tec_grow(mistake, count, &capacity, sizeof *mistake);
                mistake[count++] = (ranked){-entry(c, label, answer), label, answer};
            }
    if (count > 0) {
        qsort(mistake, count, sizeof *mistake, compare);
        fputs(
            "<div class=\"wide\" tabindex=\"0\"><table class=\"short\"><caption>The most frequent mistakes</caption>\n"
            "<thead><tr>"
            "<th scope=\"col\">label</th><th scope=\"col\">taken for</th><th scope=\"col\" class=\"number\">images</th>"
            "<th scope=\"col\" class=\"number\">of</th></tr></thead><tbody>\n",
            out);
        for (size_t i = 0; i < count && i < MOST_MISTAKES; i++) {
            tec_html_put(out, "<tr><th scope=\"row\">", name_of(c, mistake[i].label), "</th>");
            tec_html_put(out, "<td>", name_of(c, mistake[i].answer), "</td>");
            fprintf(out, "<td class=\"number\">%.0f</td><td class=\"number\">%.0f</td></tr>\n", -mistake[i].by,
                    images_of(c, mistake[i].label));
        }
        fputs("</tbody></table></div>\n", out);
    }
    free(mistake);
}

void tec_report_classes(FILE *out, const tec_report_run *run)
{
    classes c;
    char text[32];
    if (!check(run->finetune, &c))
        return;
    tec_html_put(out, "<section class=\"classes\"><h2>Classes: ", run->name, "</h2>\n<p>");
    fprintf(out, "Top-1 %s %%, ", tec_number_text(text, sizeof text, tec_json_number(run->finetune, "top1"), 4));
    fprintf(out, "top-5 %s %%, ", tec_number_text(text, sizeof text, tec_json_number(run->finetune, "top5"), 4));
    fprintf(out, "mean recall of the classes %s %%, ",
            tec_number_text(text, sizeof text, tec_json_number(run->finetune, "balanced"), 4));
    fprintf(out, "%s images.</p>\n<div class=\"pair\">\n",
            tec_number_text(text, sizeof text, tec_json_number(run->finetune, "images"), 6));
    if (c.count <= MOST_IN_MATRIX)
        put_matrix(out, &c);
    fputs("<div>\n", out);
    put_recall(out, &c);
    put_mistakes(out, &c);
    fputs("</div></div></section>\n", out);
}
