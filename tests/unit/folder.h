/* Tests. A temporary folder for what a test writes. */
#ifndef TEC_TESTS_FOLDER_H
#define TEC_TESTS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Makes one in $TMPDIR, or /tmp, and copies its name to `path`. */
bool folder_make(char *path, size_t size);

/* Removes it and all that is in it. Returns 0 on success, as cmocka expects of a teardown. */
int folder_remove(const char *path);

/* A setup and a teardown of cmocka: one folder, folder_top, for what a test writes. */
int folder_setup(void **state);
int folder_teardown(void **state);
extern char folder_top[256];

/* NAME in folder_top: one of eight texts that are used in turn. */
const char *folder_at(const char *name);

#endif
