/* The JSON files beside an export: written, but never over those of another model. */
#include "export_beside.h"

#include "tec/files.h"
#include "tec/import.h"
#include "tec/json.h"
#include "tec/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { DIGITS = 15 };

/* Does the file say what we would write? */
static bool says(const char *path, const json_t *object)
{
    char *text = object ? json_dumps(object, JSON_REAL_PRECISION(DIGITS)) : NULL;
    json_t *ours = text ? json_loads(text, 0, NULL) : NULL, *theirs = json_load_file(path, 0, NULL);
    bool same = ours && theirs && json_equal(ours, theirs);
    json_decref(theirs);
    json_decref(ours);
    free(text);
    return same;
}

/* The same export again may say something else than before; then its model is there, and no other. */
static tec_status check_one(const char *out, const companion *c)
{
    char *path = tec_path_beside(out, c->name), *other = tec_import_model_beside(out);
    tec_status status = TEC_OK;
    if (tec_file_exists(path) && !c->object)
        status = tec_fail(TEC_USER_ERROR,
                          "%s would be read as if it were about %s, whose normalisation of images is not known: give "
                          "base.mean and base.std, or a directory of its own to -o",
                          path, out);
    else if (tec_file_exists(path) && !says(path, c->object) && (other || !tec_file_exists(out)))
        status = tec_fail(TEC_USER_ERROR,
                          "%s is about another model%s%s%s and would be overwritten: give a directory of its own to -o",
                          path, other ? " (beside it lies " : "", other ? other : "", other ? ")" : "");
    free(other);
    free(path);
    return status;
}

tec_status tec_export_check_beside(const char *out, const companion beside[COMPANIONS])
{
    for (int i = 0; i < COMPANIONS; i++)
        TEC_TRY(check_one(out, &beside[i]));
    return TEC_OK;
}

void tec_export_warn_beside(const char *out)
{
    static const char *const names[COMPANIONS] = {"config.json", "preprocessor_config.json"};
    char *other = tec_import_model_beside(out);
    for (int i = 0; i < COMPANIONS && !other; i++) {
        char *path = tec_path_beside(out, names[i]);
        if (tec_file_exists(path))
            tec_warn("%s lies beside %s and will be read as if it were about it", path, out);
        free(path);
    }
    free(other);
}

tec_status tec_export_write_beside(const char *out, const companion beside[COMPANIONS])
{
    for (int i = 0; i < COMPANIONS; i++) {
        if (!beside[i].object)
            continue;
        char *path = tec_path_beside(out, beside[i].name);
        bool again = tec_file_exists(path);
        tec_status status = tec_json_write(path, beside[i].object, DIGITS);
        if (status == TEC_OK && again)
            tec_log("%s was there and is overwritten", path);
        if (status == TEC_OK)
            printf("%s\n", path);
        free(path);
        TEC_TRY(status);
    }
    return TEC_OK;
}
