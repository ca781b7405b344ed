/* Tables of what a JSON file says. */
#include "rows.h"

#include "html.h"

static void put_cell(FILE *out, const json_t *object, const tec_rows_column *c)
{
    const json_t *value = json_object_get(object, c->member);
    char text[32];
    if (json_is_string(value))
        tec_html_put(out, "<td>", json_string_value(value), "</td>");
    else if (json_is_boolean(value))
        fprintf(out, "<td>%s</td>", json_is_true(value) ? "yes" : "no");
    else
        fprintf(out, "<td class=\"number\">%s</td>",
                tec_number_text(text, sizeof text, c->factor * tec_json_number(object, c->member), c->digits));
}

void tec_rows_put(FILE *out, const char *caption, const json_t *list, size_t most, const tec_rows_column *columns,
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

void tec_facts_begin(FILE *out)
{
    fputs("<div class=\"wide\" tabindex=\"0\"><table><tbody>\n", out);
}

void tec_facts_put(FILE *out, const char *name, const char *text)
{
    tec_html_put(out, "<tr><th scope=\"row\">", name, "</th>");
    tec_html_put(out, "<td>", text, "</td></tr>\n");
}

void tec_facts_put_number(FILE *out, const char *name, double value, int digits)
{
    char text[32];
    tec_facts_put(out, name, tec_number_text(text, sizeof text, value, digits));
}

void tec_facts_end(FILE *out)
{
    fputs("</tbody></table></div>\n", out);
}
