/* Module report, private. Pieces of HTML. */
#ifndef TEC_REPORT_HTML_H
#define TEC_REPORT_HTML_H

#include <jansson.h>
#include <stdio.h>

/* A text from elsewhere: what means something in HTML is escaped, what is no character becomes a replacement sign. For
 * content and for values of attributes in double quotes. */
void tec_html_text(FILE *out, const char *text);

/* `before` and `after` are HTML, `text` is not. */
void tec_html_put(FILE *out, const char *before, const char *text, const char *after);

/* The member of a JSON object: NAN if there is none, or it is no number of a reasonable size; `otherwise` if it is no text. */
double tec_json_number(const json_t *object, const char *name);
const char *tec_json_text(const json_t *object, const char *name, const char *otherwise);

/* Writes a number for people to `text` and returns it: at most `digits` significant digits, "1200000" as "1,200,000";
 * NAN as a dash. */
char *tec_number_text(char *text, size_t size, double value, int digits);

/* "1 h 12 min", "34 s"; NAN as a dash. */
char *tec_duration_text(char *text, size_t size, double seconds);

#endif
