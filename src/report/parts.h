/* Module report, private. The parts of the page, each of which writes nothing where there is nothing to show, and what
 * they ask of a run. */
#ifndef TEC_REPORT_PARTS_H
#define TEC_REPORT_PARTS_H

#include "tec/report.h"

#include <stdint.h>
#include <stdio.h>

void tec_report_style(FILE *out); /* the style sheet */
void tec_report_facts(FILE *out, const tec_report_run *run, int count);
void tec_report_settings(FILE *out, const tec_report_run *run, int count);
void tec_report_curves(FILE *out, const tec_report_run *run, int count);
void tec_report_evaluations(FILE *out, const tec_report_run *run, int count);
void tec_report_classes(FILE *out, const tec_report_run *run); /* what fine-tuning says of each class */

/* -- pictures -- */

/* A section with the table of pictures; `heading` is followed by the run's name. */
void tec_report_pictures_put(FILE *out, const char *heading, const tec_report_run *run,
                             const tec_report_pictures *pictures);
void tec_report_free_pictures(tec_report_pictures *pictures);

/* A new column of empty pictures [pictures->images]; takes the title over. */
tec_report_picture *tec_report_add_column(tec_report_pictures *pictures, char *title);

/* Pixels [size, size, channels]. */
void tec_report_set_picture(tec_report_picture *picture, const uint8_t *pixels, tec_size size, int channels);

/* -- what they ask of a run -- */

typedef enum run_kind { RUN_UNKNOWN, RUN_TEC, RUN_MAE, RUN_TUNING, RUN_EVALUATION } run_kind;
run_kind tec_report_kind(const tec_report_run *run);

/* The value of a setting without the quotes of a text (but one with escapes keeps them); the caller frees it. */
char *tec_report_unquoted(const char *value);

/* The value of "section.key" without the quotes of a text, which the caller frees; NULL: not known. */
char *tec_report_setting_text(const tec_report_run *run, const char *key);

/* Is the line of the log of this kind ("step", "epoch", "validation", "settings")? */
bool tec_report_line_is(const json_t *line, const char *kind);

/* The last line of this kind; NULL: there is none. */
const json_t *tec_report_last_line(const tec_report_run *run, const char *kind);

/* -- tables that set runs side by side -- */

/* The head of such a table: a column for names, one for each run, and `more` (NULL: no further column). */
void tec_report_table_begin(FILE *out, const char *name, const tec_report_run *run, int count, const char *more);

/* A row; frees the texts in cell [count], which are marked if they differ. `more`: of the further column. Nothing is
 * written if all are empty. */
void tec_report_table_row(FILE *out, const char *name, char **cell, int count, const char *more);
void tec_report_table_end(FILE *out);

#endif
