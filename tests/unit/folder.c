/* Temporary folders. */
#include "folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

bool folder_make(char *path, size_t size)
{
    const char *base = getenv("TMPDIR");
    int length = snprintf(path, size, "%s/tec-test-XXXXXX", base && *base ? base : "/tmp");
    return (size_t)length < size && mkdtemp(path);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

int folder_remove(const char *path)
{
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
