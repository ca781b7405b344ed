/* Module data, private. Which archives a path means: one, those of a folder, or those of a pattern. Local. */
#ifndef TEC_DATA_TAR_ARCHIVES_H
#define TEC_DATA_TAR_ARCHIVES_H

#include "tec/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

typedef struct tec_archives {
    char **path; /* [count], owned */
    size_t count, room;
    char *inside; /* the folder in them whose images are meant, cleaned; owned; "": all */
} tec_archives;

/* Is `path`, of which stat said this (st_mode 0: it is not there), an archive, a folder of nothing else, a pattern of several,
 * or a folder inside of one? */
bool tec_archives_are_meant(const char *path, const struct stat *info);

/* Does the file begin as a tar archive, whatever it is called? */
bool tec_archive_starts(const char *path);

/* The archives, in this order: of `{000..019}` and `{a,b}` as written, of `*`, `?`, `[...]` and of a folder sorted bytewise.
 * What follows `.tar/` is `inside`. TEC_USER_ERROR: one of them is missing or named twice, a pattern that is none, a
 * compressed archive. The caller frees them also after a failure. */
tec_status tec_archives_find(tec_archives *out, const char *path);
void tec_archives_free(tec_archives *archives);

#endif
