/* Tables that set runs side by side, and what is asked of a run. */
#include "parts.h"

#include "html.h"

#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

static const char NOTHING[] = "\xe2\x80\x93";

void tec_report_table_begin(FILE *out, const char *name, const tec_report_run *run, int count, const char *more)
{
    fputs("<div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr>", out);
    tec_html_put(out, "<th scope=\"col\">", name, "</th>");
    for (int i = 0; i < count; i++) {
        fprintf(out, "<th scope=\"col\">");
        if (count > 1)
            fprintf(out, "<span class=\"key s%d\"></span>", i % 6);
        tec_html_put(out, "", run[i].name, "</th>");
    }
    if (more)
        tec_html_put(out, "<th scope=\"col\" class=\"more\">", more, "</th>");
    fputs("</tr></thead>\n<tbody>\n", out);
}

void tec_report_table_row(FILE *out, const char *name, char **cell, int count, const char *more)
{
    bool differs = false, empty = true;
    for (int i = 0; i < count; i++) {
        differs = differs || strcmp(cell[i], cell[0]) != 0;
        empty = empty && !cell[i][0];
    }
    if (!empty) {
        tec_html_put(out, differs ? "<tr class=\"differs\"><th scope=\"row\">" : "<tr><th scope=\"row\">", name,
                     "</th>");
        for (int i = 0; i < count; i++)
            tec_html_put(out, "<td>", cell[i][0] ? cell[i] : NOTHING, "</td>");
        if (more)
            tec_html_put(out, "<td class=\"more\">", more[0] ? more : NOTHING, "</td>");
        fputs("</tr>\n", out);
    }
    for (int i = 0; i < count; i++)
        free(cell[i]);
}

void tec_report_table_end(FILE *out)
{
    fputs("</tbody></table></div>\n", out);
}

bool tec_report_line_is(const json_t *line, const char *kind)
{
    return strcmp(tec_json_text(line, "kind", ""), kind) == 0;
}

const json_t *tec_report_last_line(const tec_report_run *run, const char *kind)
{
    for (size_t i = json_array_size(run->log); i-- > 0;) {
        const json_t *line = json_array_get(run->log, i);
        if (tec_report_line_is(line, kind))
            return line;
    }
    return NULL;
}

char *tec_report_unquoted(const char *value)
{
    size_t length = strlen(value);
    if (length >= 2 && value[0] == '"' && !strchr(value, '\\'))
        return tec_string_format("%.*s", (int)length - 2, value + 1);
    return tec_string_copy(value);
}

char *tec_report_setting_text(const tec_report_run *run, const char *key)
{
    for (int i = 0; i < run->setting_count; i++)
        if (strcmp(run->setting[i].key, key) == 0)
            return tec_report_unquoted(run->setting[i].value);
    return NULL;
}

run_kind tec_report_kind(const tec_report_run *run)
{
    const json_t *line;
    size_t i;
    if (run->evaluations_only)
        return RUN_EVALUATION;
    if (run->has_model)
        return run->model.kind == TEC_MODEL_TEC          ? RUN_TEC
               : run->model.kind == TEC_MODEL_MAE        ? RUN_MAE
               : run->model.kind == TEC_MODEL_CLASSIFIER ? RUN_TUNING
                                                         : RUN_UNKNOWN;
    if (run->finetune)
        return RUN_TUNING;
    json_array_foreach(run->log, i, line)
    {
        if (json_object_get(line, "loss_fea"))
            return RUN_TEC;
        if (tec_report_line_is(line, "validation"))
            return RUN_TUNING;
    }
    char *objective = tec_report_setting_text(run, "pretrain.objective");
    run_kind kind = objective && strcmp(objective, "mae") == 0 ? RUN_MAE : RUN_UNKNOWN;
    free(objective);
    return kind;
}
