/* Module setup, private. The settings table: name, place in tec_settings, type, range, default and help of each. */
#ifndef TEC_SETUP_SETTINGS_TABLE_H
#define TEC_SETUP_SETTINGS_TABLE_H

#include "tec/bands.h"

#include <stdbool.h>
#include <stddef.h>

#define TEC_SETTING_LENGTH TEC_BANDS_MOST /* most numbers in a list */

typedef enum tec_setting_type {
    TEC_SETTING_SWITCH,  /* bool */
    TEC_SETTING_INT,     /* int */
    TEC_SETTING_INT64,   /* int64_t */
    TEC_SETTING_UINT64,  /* uint64_t; no range */
    TEC_SETTING_NUMBER,  /* double */
    TEC_SETTING_NUMBERS, /* double[length] */
    TEC_SETTING_INTS,    /* int[length] */
    TEC_SETTING_CHOICE,  /* int: position in `choices` */
    TEC_SETTING_TEXT     /* char *, owned, never NULL */
} tec_setting_type;

typedef struct tec_setting {
    const char *section, *key;
    size_t offset; /* in tec_settings */
    tec_setting_type type;
    int length;       /* of a list, else 1 */
    bool one_for_all; /* of a list: a single number stands for all */
    bool fewer;       /* of a list: there may be fewer */
    bool per_channel; /* one for each of data.channels */
    bool listed;      /* a text that may be written as a list in YAML */
    double low, high;
    bool low_open, high_open; /* the bound itself is out of range */
    bool kept;                /* by a run: it is not resumed with another value */
    const char *choices;      /* "a|b|c"; of a text: words that it may be instead of the name of a file */
    const char *default_text; /* as on the command line */
    const char *help;
} tec_setting;

extern const tec_setting tec_settings_table[];
extern const int tec_settings_count;

/* The row of section.key; -1: there is none. */
int tec_setting_find(const char *section, const char *key);

/* Writes the range to `text` and returns it: "0 < x < 1", "x >= 0", "auto | folders | none", or "" if there is none. */
char *tec_setting_range(const tec_setting *setting, char *text, size_t size);

/* Row `row` of what finetune.recipe supplies: a key of `finetune` and its value as on the command line, NULL: none. False:
 * there are no more rows. */
bool tec_setting_supplied(int recipe, int row, const char **key, const char **value);

/* The value as it is printed in settings.yaml; the caller frees it. Ends the program when out of memory. */
struct tec_settings;
char *tec_setting_text(const tec_setting *setting, const struct tec_settings *settings);

/* Write a message to `text` and return it: "unknown key `mask_ration` in pretrain; did you mean `mask_ratio`?". */
char *tec_setting_unknown(const char *section, const char *key, char *text, size_t size);
char *tec_setting_unknown_section(const char *section, char *text, size_t size);

#endif
