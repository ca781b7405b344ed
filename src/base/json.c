/* JSON files. */
#include "tec/json.h"

#include "tec/files.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

static const size_t LONGEST_FILE = (size_t)1 << 26;

tec_status tec_json_write(const char *path, const json_t *object, int digits)
{
    char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION((size_t)digits)) : NULL;
    if (!text)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be formatted: out of memory, or a text that is not UTF-8", path);
    char *lines = tec_string_format("%s\n", text);
    tec_status status = tec_file_write(path, lines, strlen(lines));
    free(lines);
    free(text);
    return status;
}

tec_status tec_json_read(const char *path, json_t **out)
{
    char *text;
    size_t bytes;
    json_error_t error;
    *out = NULL;
    TEC_TRY(tec_file_read(path, LONGEST_FILE, &text, &bytes));
    *out = json_loadb(text, bytes, 0, &error);
    free(text);
    if (!*out)
        return tec_fail(TEC_USER_ERROR, "%s:%d:%d: %s", path, error.line, error.column, error.text);
    return TEC_OK;
}

json_t *tec_json_size(tec_size size)
{
    return tec_size_is_square(size) ? json_integer(size.height) : json_pack("[i, i]", size.height, size.width);
}
