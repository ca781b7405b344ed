/* Memory that ranks share, for tests. */
#ifndef TEC_TESTS_MAPPED_H
#define TEC_TESTS_MAPPED_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Does this process map memory whose name holds `name`? */
static inline bool maps_memory(const char *name)
{
    char line[4096];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        found |= strstr(line, name) != NULL;
    fclose(maps);
    return found;
}

#endif
