/* Module base, public. JSON files. Local. */
#ifndef TEC_JSON_H
#define TEC_JSON_H

#include "tec/error.h"
#include "tec/size.h"

#include <jansson.h>

/* Writes `object`, indented, numbers with `digits` significant digits, to a file as tec_file_write does. NULL: no memory
 * was left to make it, as jansson says so. TEC_SYSTEM_ERROR: the disk, no memory, or a text that is not UTF-8. */
tec_status tec_json_write(const char *path, const json_t *object, int digits);

/* Reads a file of at most 64 MiB as a new object. TEC_USER_ERROR: no such file, or not JSON. */
tec_status tec_json_read(const char *path, json_t **out);

/* A new value: the side of a square, or [height, width]. */
json_t *tec_json_size(tec_size size);

#endif
