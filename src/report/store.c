/* The section about a target store. */
#include "store.h"
#include "chart.h"
#include "html.h"

#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <math.h>
#include <stdlib.h>

enum {
    WIDTH = 400,      /* of the drawing of shards, in its own units */
    CELL = 40,        /* at most, a shard */
    MOST_CELLS = 4000 /* that are drawn */
};

/* -- what it is -- */

/* Takes `text` over. */
static void put_fact(FILE *out, const char *name, char *text)
{
    if (text && *text) {
        tec_html_put(out, "<tr><th scope=\"row\">", name, "</th>");
        tec_html_put(out, "<td>", text, "</td></tr>\n");
    }
    free(text);
}

/* "0.02 %": relative errors for people. */
static char *error_text(double feature, double attention)
{
    char a[32], b[32];
    if (!isfinite(feature))
        return NULL;
    return tec_string_format("features %s %%, attention %s %%", tec_number_text(a, sizeof a, 100 * feature, 2),
                             tec_number_text(b, sizeof b, 100 * attention, 2));
}

static void put_facts(FILE *out, const tec_report_store *s)
{
    const tec_store_spec *p = &s->spec;
    const double rows = (double)p->samples * p->views;
    int64_t void_rows = 0;
    char bytes[32], all[32], images[32];
    for (int64_t i = 0; i < s->shards; i++)
        void_rows += tec_max_int64(s->shard[i].void_rows, 0);
    fputs("<div class=\"wide\" tabindex=\"0\"><table><tbody>\n", out);
    put_fact(out, "directory", tec_string_copy(s->dir));
    put_fact(out, "state", tec_string_copy(s->finished ? "finished" : "not finished"));
    put_fact(out, "rows",
             tec_string_format("%s: %s images, %d view%s of each", tec_number_text(all, sizeof all, rows, 9),
                               tec_number_text(images, sizeof images, (double)p->samples, 9), p->views,
                               tec_plural(p->views)));
    put_fact(out, "rows without image", s->finished ? tec_string_format("%lld", (long long)void_rows) : NULL);
    put_fact(out, "features",
             tec_string_format("%d patches of %d numbers, %s%s", p->patches, p->width, tec_target_type_name(p->type),
                               p->plain_features ? ", not standardised" : ""));
    put_fact(out, "attention",
             tec_string_format("of the %s and %d patches, %d heads, %s",
                               p->mean_query ? "mean of the patches' queries" : "class token", p->topk, p->heads,
                               p->type == TEC_TARGET_INT8 ? "int8" : "float16"));
    put_fact(out, "images", tec_string_copy(p->images ? "stored, too" : "not stored"));
    put_fact(out, "error of the storage type", error_text(s->feature_error, s->attention_error));
    put_fact(out, "size",
             tec_string_format("%s MB", tec_number_text(bytes, sizeof bytes, (double)s->bytes / 1048576, 3)));
    put_fact(out, "shards",
             tec_string_format("%lld of %lld rows", (long long)s->shards, (long long)tec_store_shard_row_count(p, 0)));
    put_fact(out, "base model", tec_string_format("hash %016llx", (unsigned long long)p->base));
    put_fact(out, "data set", tec_string_format("fingerprint %016llx", (unsigned long long)p->dataset));
    put_fact(out, "tec", s->software ? tec_string_copy(s->software) : NULL);
    fputs("</tbody></table></div>\n", out);
}

/* -- shards -- */

static const char *const state_name[] = {"whole", "unfinished", "missing", "damaged"};

static void put_shard(FILE *out, const tec_report_store *s, int64_t i, double x, double y, double side)
{
    const tec_report_shard *shard = &s->shard[i];
    char *error = error_text(shard->feature_error, shard->attention_error);
    fprintf(out, "<rect class=\"shard %s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\">",
            state_name[shard->state], x + 1, y + 1, side - 2, side - 2);
    fprintf(out, "<title>shard %lld: %s, %lld rows", (long long)i, state_name[shard->state], (long long)shard->rows);
    if (shard->void_rows > 0)
        fprintf(out, ", %lld without image", (long long)shard->void_rows);
    fprintf(out, "%s%s</title></rect>\n", error ? ", error: " : "", error ? error : "");
    if (shard->state == TEC_SHARD_DAMAGED) /* not by colour alone */
        fprintf(out, "<line class=\"crossed\" x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\"/>\n", x + 1, y + side - 1,
                x + side - 1, y + 1);
    free(error);
}

static void put_shards(FILE *out, const tec_report_store *s)
{
    const int64_t drawn = tec_min_int64(s->shards, MOST_CELLS);
    const int columns = (int)ceil(sqrt(4.0 * (double)drawn)), rows = (int)((drawn + columns - 1) / columns);
    const double side = tec_min_double(CELL, (double)WIDTH / columns);
    int64_t in_state[TEC_SHARD_STATES] = {0};
    for (int64_t i = 0; i < s->shards; i++)
        in_state[s->shard[i].state]++;
    fputs("<figure><figcaption>Shards <span class=\"unit\">one square each</span></figcaption>\n", out);
    fprintf(out, "<svg class=\"shards\" viewBox=\"0 0 %d %.0f\" role=\"img\"><title>State of the shards</title>\n",
            WIDTH, tec_max_double(ceil(rows * side), 90));
    for (int64_t i = 0; i < drawn; i++) {
        const int row = (int)(i / columns), column = (int)(i % columns);
        put_shard(out, s, i, column * side, row * side, side);
    }
    fputs("</svg>\n<ul class=\"legend\">", out);
    for (int k = 0; k < TEC_SHARD_STATES; k++)
        if (in_state[k] > 0)
            fprintf(out, "<li><span class=\"box %s\"></span>%s <b>%lld</b></li>", state_name[k], state_name[k],
                    (long long)in_state[k]);
    fputs("</ul>\n", out);
    if (drawn < s->shards)
        fprintf(out, "<p class=\"hint\">The first %lld of %lld are drawn.</p>\n", (long long)drawn,
                (long long)s->shards);
    fputs("</figure>\n", out);
}

/* -- charts -- */

static void put_distribution(FILE *out, const tec_report_store *s)
{
    double x[TEC_REPORT_BINS], normal[TEC_REPORT_BINS];
    const double wide = (s->high - s->low) / TEC_REPORT_BINS;
    if (s->rows_read == 0)
        return;
    for (int b = 0; b < TEC_REPORT_BINS; b++) {
        x[b] = s->low + (b + 0.5) * wide;
        normal[b] = 50 * (erf((x[b] + wide / 2) / sqrt(2)) - erf((x[b] - wide / 2) / sqrt(2)));
    }
    const chart_series series[] = {
        {.name = "stored", .x = x, .y = s->share, .count = TEC_REPORT_BINS},
        {.name = "normal distribution", .colour = 1, .dash = 1, .x = x, .y = normal, .count = TEC_REPORT_BINS}};
    char *unit = tec_string_format("%% of the numbers in each %.3g", wide);
    tec_chart_draw(out, &(chart){.title = "Features",
                                 .x_unit = "value",
                                 .names_only = true,
                                 .y_unit = unit,
                                 .low = 0,
                                 .high = NAN,
                                 .series = series,
                                 .series_count = s->spec.plain_features ? 1 : 2});
    free(unit);
}

static void put_errors(FILE *out, const tec_report_store *s)
{
    const int count = (int)tec_min_int64(s->shards, 1 << 20);
    if (count < 2 || !(s->feature_error > 0 || s->attention_error > 0))
        return;
    double *x = tec_allocate((size_t)count * sizeof *x), *feature = tec_allocate((size_t)count * sizeof *x);
    double *attention = tec_allocate((size_t)count * sizeof *x);
    for (int i = 0; i < count; i++) {
        x[i] = i;
        feature[i] = 100 * s->shard[i].feature_error;
        attention[i] = 100 * s->shard[i].attention_error;
    }
    const chart_series series[] = {
        {.name = "features", .x = x, .y = feature, .count = count},
        {.name = "attention", .colour = 1, .dash = 1, .x = x, .y = attention, .count = count}};
    tec_chart_draw(out, &(chart){.title = "Error of the storage type",
                                 .x_unit = "shard",
                                 .y_unit = "% of what is stored",
                                 .low = 0,
                                 .high = NAN,
                                 .series = series,
                                 .series_count = 2});
    free(attention);
    free(feature);
    free(x);
}

void tec_report_store_put(FILE *out, const tec_report_store *s)
{
    tec_html_put(out, "<section><h2>Target store: ", s->dir, "</h2>\n");
    put_facts(out, s);
    fputs("<div class=\"charts\">\n", out);
    put_shards(out, s);
    put_distribution(out, s);
    put_errors(out, s);
    fputs("</div>\n", out);
    if (s->rows_read > 0)
        fprintf(
            out,
            "<p class=\"hint\">Error: the root of the mean square of what rounding has changed, in %% of the root mean "
            "square of what was given. Distribution: of %d rows, evenly spaced; %.2g %% of the numbers lie beyond "
            "the chart. The checksums of these rows have been checked, and the size of every shard; tec targets "
            "--verify checks all.</p>\n",
            s->rows_read, s->outside);
    fputs("</section>\n", out);
}
