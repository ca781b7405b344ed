/* Module data, public. What a file of arrays holds, for people. Local. */
#ifndef TEC_DATASET_ARRAY_H
#define TEC_DATASET_ARRAY_H

#include "tec/error.h"

#include <stdbool.h>

/* Lines about the format and the arrays of a file (tec/array_file.h), and which of them are images, with the path
 * that data.train takes. *text: NULL: it is no such file or, with `images`, holds no images that are read; the caller
 * frees it. TEC_USER_ERROR, without `images`: it is damaged, or refused. */
tec_status tec_dataset_arrays(const char *path, bool images, char **text);

#endif
