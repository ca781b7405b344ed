/* Module eval, private. What the classes of two sets say about an evaluation of the one by the other. Local. */
#ifndef TEC_CLASSES_H
#define TEC_CLASSES_H

#include "tec/error.h"

#include <stdint.h>

/* A set of images by class. All pointers are borrowed. */
typedef struct class_table {
    const char *key, *path; /* of the set, for messages */
    const char *limit;      /* that may have left images out, for messages: " as it is used (data.max_train)" */
    int classes;
    const char *const *name; /* [classes] */
    const int64_t *count;    /* [classes] images */
} class_table;

/* TEC_USER_ERROR: all images are of one class. */
tec_status tec_classes_check_several(const class_table *set);

/* For one rank. Both tables have the same classes. Warns of classes of `val` without an image in `train`, which no answer
 * can be, of those without one in `val`, and of so few classes that top-5 says nothing. */
void tec_classes_warn(const class_table *train, const class_table *val);

#endif
