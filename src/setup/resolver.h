/* Module setup, private. What is known while settings are being resolved. */
#ifndef TEC_CONFIG_RESOLVER_H
#define TEC_CONFIG_RESOLVER_H

#include "settings_table.h"

#include "tec/settings.h"

/* Where a value stands; counted from 1. line 0: it is a default; line < 0: it stands on the command line. */
typedef struct tec_place {
    long line, column;
} tec_place;
#define TEC_PLACE_COMMAND_LINE ((tec_place){-1, 0})

typedef struct tec_resolver {
    tec_settings *settings;
    const char *yaml_name;
    tec_place place[TEC_SETTINGS_MOST]; /* of each row's value in force */
    int given[TEC_SETTINGS_MOST];       /* numbers that its list was given with */
} tec_resolver;

/* TEC_USER_ERROR with the place in front: "a.yaml:7:3: ...", "command line: ...". */
tec_status tec_resolver_fail(const tec_resolver *resolver, tec_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets row `index` from `count` texts (count != 1 only for lists; texts beyond the longest list need not be there). */
tec_status tec_resolver_assign(tec_resolver *resolver, int index, tec_place place, const char *const *text, int count);

/* Sets everything that the YAML text holds. */
tec_status tec_resolver_read_yaml(tec_resolver *resolver, const char *yaml, size_t bytes);

#endif
