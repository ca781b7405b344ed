/* Module jobs, private. Manual, man page and bash completion, generated from the tables of commands and settings. */
#ifndef TEC_PAGES_H
#define TEC_PAGES_H

#include <stdio.h>

void tec_page_markdown(FILE *out); /* docs/manual.md */
void tec_page_man(FILE *out);      /* tec.1 */
void tec_page_bash(FILE *out);     /* bash completion */

#endif
