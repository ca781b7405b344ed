/* Module jobs, private. The JSON files that tec export writes beside a model for Hugging Face. */
#ifndef TEC_JOBS_EXPORT_BESIDE_H
#define TEC_JOBS_EXPORT_BESIDE_H

#include "tec/error.h"

#include <jansson.h>

enum { COMPANIONS = 2 };

typedef struct companion {
    const char *name;
    json_t *object; /* NULL: it is not written */
} companion;

/* May they be written beside `out`? TEC_USER_ERROR: what lies there under their names is about another model, or would be
 * read as if it were about this one. */
tec_status tec_export_check_beside(const char *out, const companion beside[COMPANIONS]);

/* Warns of such files where none are written, unless another model lies there that they may be about. */
void tec_export_warn_beside(const char *out);

/* Writes them, and says so of each. */
tec_status tec_export_write_beside(const char *out, const companion beside[COMPANIONS]);

#endif
