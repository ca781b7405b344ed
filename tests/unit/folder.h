/* Tests. A temporary folder for what a test writes. */
#ifndef TEC_TESTS_FOLDER_H
#define TEC_TESTS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Makes one in $TMPDIR, or /tmp, and copies its name to `path`. */
bool folder_make(char *path, size_t size);

/* Removes it and all that is in it. Returns 0 on success, as cmocka expects of a teardown. */
int folder_remove(const char *path);

#endif
