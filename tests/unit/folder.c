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

char folder_top[256];

int folder_setup(void **state)
{
    (void)state;
    return !folder_make(folder_top, sizeof folder_top);
}

int folder_teardown(void **state)
{
    (void)state;
    return folder_remove(folder_top);
}

const char *folder_at(const char *name)
{
    static char path[8][512];
    static int next;
    next = (next + 1) % 8;
    snprintf(path[next], sizeof path[next], "%s/%s", folder_top, name);
    return path[next];
}
