/* Module setup, private. The state while settings are being resolved. */
#ifndef TEC_SETUP_RESOLVER_H
#define TEC_SETUP_RESOLVER_H

#include "settings_table.h"

#include "tec/settings.h"

/* Where a value was given, counted from 1. line 0: it is a default; line < 0: on the command line. */
typedef struct tec_place {
    long line, column;
} tec_place;
#define TEC_PLACE_COMMAND_LINE ((tec_place){-1, 0})

typedef struct tec_resolver {
    tec_settings *settings;
    const char *yaml_name;
    tec_place place[TEC_SETTINGS_MOST]; /* of each row's current value */
    int given[TEC_SETTINGS_MOST];       /* how many numbers were given for a list */
} tec_resolver;

/* Returns TEC_USER_ERROR, with the place before the message: "a.yaml:7:3: ...", "command line: ...". */
tec_status tec_resolver_fail(const tec_resolver *resolver, tec_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets row `index` from `count` texts. Only lists have count != 1; of more than TEC_SETTING_LENGTH texts only the first
 * TEC_SETTING_LENGTH need to be there. */
tec_status tec_resolver_assign(tec_resolver *resolver, int index, tec_place place, const char *const *text, int count);

/* Sets everything in the YAML text. */
tec_status tec_resolver_read_yaml(tec_resolver *resolver, const char *yaml, size_t bytes);

#endif
