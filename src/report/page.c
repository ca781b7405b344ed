/* The page: what is in it, in which order. */
#include "parts.h"

#include "bench.h"
#include "html.h"
#include "plan.h"
#include "store.h"

#include "tec/files.h"
#include "tec/text.h"
#include "tec/version.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_names(FILE *out, const tec_report_page *page)
{
    for (int i = 0; i < page->runs; i++)
        tec_html_put(out, i ? ", " : "", page->run[i].name, "");
    for (int i = 0; page->runs == 0 && i < page->stores; i++)
        tec_html_put(out, i ? ", " : "", page->store[i].dir, "");
    for (int i = 0; page->runs + page->stores == 0 && i < page->benches; i++)
        tec_html_put(out, i ? ", " : "", page->bench[i].path, "");
    for (int i = 0; page->runs + page->stores + page->benches == 0 && i < page->plans; i++)
        tec_html_put(out, i ? ", " : "", page->plan[i].path, "");
}

static void put_head(FILE *out, const tec_report_page *page)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
          out);
    put_names(out, page);
    fputs(" \xe2\x80\x93 tec report</title>\n", out);
    tec_report_style(out);
    fputs("</head>\n<body>\n<header><h1>", out);
    put_names(out, page);
    fputs("</h1></header>\n<main>\n", out);
}

/* What is missing or damaged. */
static void put_notes(FILE *out, const tec_report_page *page)
{
    int notes = 0;
    for (int i = 0; i < page->runs; i++)
        notes += page->run[i].note_count;
    for (int i = 0; i < page->stores; i++)
        notes += page->store[i].note_count;
    for (int i = 0; i < page->plans; i++)
        notes += page->plan[i].note != NULL;
    if (notes == 0)
        return;
    fputs("<section class=\"notes\"><h2>What is missing</h2>\n<ul>\n", out);
    for (int i = 0; i < page->runs; i++)
        for (int n = 0; n < page->run[i].note_count; n++)
            tec_html_put(out, "<li>", page->run[i].note[n], "</li>\n");
    for (int i = 0; i < page->stores; i++)
        for (int n = 0; n < page->store[i].note_count; n++)
            tec_html_put(out, "<li>", page->store[i].note[n], "</li>\n");
    for (int i = 0; i < page->plans; i++)
        if (page->plan[i].note)
            tec_html_put(out, "<li>", page->plan[i].note, "</li>\n");
    fputs("</ul></section>\n", out);
}

static void put_runs(FILE *out, const tec_report_run *run, int count)
{
    tec_report_facts(out, run, count);
    tec_report_evaluations(out, run, count);
    tec_report_curves(out, run, count);
    for (int i = 0; i < count; i++) {
        tec_report_pictures_put(out, "What the model sees", &run[i], &run[i].pictures);
        tec_report_pictures_put(out, "What the model predicts", &run[i], &run[i].predicted);
        tec_report_pictures_put(out, "Nearest images", &run[i], &run[i].nearest);
    }
    for (int i = 0; i < count; i++)
        tec_report_classes(out, &run[i]);
}

static void put_page(FILE *out, const tec_report_page *page)
{
    put_head(out, page);
    put_notes(out, page);
    if (page->runs > 0)
        put_runs(out, page->run, page->runs);
    for (int i = 0; i < page->stores; i++)
        tec_report_store_put(out, &page->store[i]);
    for (int i = 0; i < page->benches; i++)
        tec_report_bench_put(out, &page->bench[i]);
    for (int i = 0; i < page->plans; i++)
        tec_report_plan_put(out, &page->plan[i]);
    tec_report_settings(out, page->run, page->runs);
    tec_html_put(out, "</main>\n<footer>Written by tec ", tec_version(), ".</footer>\n</body>\n</html>\n");
}

tec_status tec_report_write(const char *path, const tec_report_page *page)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be made: %s", path, strerror(errno));
    put_page(out, page);
    bool whole = !ferror(out);
    if (fclose(out) != 0 || !whole) {
        free(text);
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be made: out of memory", path);
    }
    tec_status status = tec_file_write(path, text, bytes);
    free(text);
    return status;
}
