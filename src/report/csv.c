/* log.jsonl as a table. */
#include "tec/report.h"

#include "tec/csv.h"
#include "tec/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An object whose keys are the members of all lines, in the order in which they first occur. */
static json_t *find_columns(const json_t *log)
{
    json_t *columns = json_object(), *value;
    const json_t *line;
    const char *name;
    size_t i;
    json_array_foreach(log, i, line)
        json_object_foreach((json_t *)(uintptr_t)line, name, value) if (!json_object_get(columns, name))
            json_object_set_new(columns, name, json_true());
    return columns;
}

static void put_value(FILE *out, const json_t *value)
{
    if (json_is_string(value)) {
        tec_csv_put(json_string_value(value), out);
    } else if (value) {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        tec_csv_put(text ? text : "", out);
        free(text);
    }
}

static void put_table(FILE *out, const json_t *log)
{
    json_t *columns = find_columns(log), *value;
    const json_t *line;
    const char *name;
    size_t i;
    int column = 0;
    json_object_foreach(columns, name, value)
    {
        if (column++ > 0)
            fputc(',', out);
        tec_csv_put(name, out);
    }
    fputc('\n', out);
    json_array_foreach(log, i, line)
    {
        column = 0;
        json_object_foreach(columns, name, value)
        {
            if (column++ > 0)
                fputc(',', out);
            put_value(out, json_object_get(line, name));
        }
        fputc('\n', out);
    }
    json_decref(columns);
}

tec_status tec_report_write_csv(const char *path, const tec_report_run *run)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be made: %s", path, strerror(errno));
    put_table(out, run->log);
    bool whole = !ferror(out);
    tec_status status = fclose(out) == 0 && whole
                            ? tec_file_write(path, text, bytes)
                            : tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be made: out of memory", path);
    free(text);
    return status;
}
