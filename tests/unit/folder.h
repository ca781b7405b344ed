/* A temporary folder for what a test writes. */
#ifndef TEC_TESTS_FOLDER_H
#define TEC_TESTS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Makes one in $TMPDIR, or /tmp, and puts its name into `path`. */
bool folder_make(char *path, size_t size);

/* Removes it with all that is in it. Returns 0 when that is done, as cmocka wants it of a teardown. */
int folder_remove(const char *path);

#endif
