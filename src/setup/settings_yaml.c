/* Reads settings from YAML: sections of `key: value`, where a value is a scalar or a list of numbers. */
#include "resolver.h"

#include "tec/text.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

typedef struct reader {
    tec_resolver *resolver;
    const char *text;
    size_t bytes;
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; next() deletes it */
} reader;

static tec_place place_of(yaml_mark_t mark)
{
    return (tec_place){(long)mark.line + 1, (long)mark.column + 1};
}

static tec_place here(const reader *r)
{
    return place_of(r->event.start_mark);
}

/* The character decoder reports a byte offset only. */
static tec_place place_of_offset(const reader *r, size_t offset)
{
    tec_place place = {1, 1};
    for (size_t i = 0; i < offset && i < r->bytes; i++) {
        bool newline = r->text[i] == '\n';
        place.line += newline;
        place.column = newline ? 1 : place.column + 1;
    }
    return place;
}

static tec_status syntax_error(const reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "unknown problem";
    if (p->error == YAML_MEMORY_ERROR)
        return tec_fail(TEC_SYSTEM_ERROR, "out of memory while reading %s", r->resolver->yaml_name);
    if (p->error == YAML_READER_ERROR)
        return tec_resolver_fail(r->resolver, place_of_offset(r, p->problem_offset), "not a YAML text: %s", problem);
    bool tab = p->problem_mark.index < r->bytes && r->text[p->problem_mark.index] == '\t';
    return tec_resolver_fail(r->resolver, place_of(p->problem_mark), "not valid YAML: %s%s%s%s", problem,
                             p->context ? ", " : "", p->context ? p->context : "",
                             tab ? "; indent with spaces, not with tabs" : "");
}

static tec_status next(reader *r)
{
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        memset(&r->event, 0, sizeof r->event);
        return syntax_error(r);
    }
    return TEC_OK;
}

/* The text of the current event; NULL: it is not a scalar, or has a NUL byte. */
static const char *scalar(const reader *r)
{
    const char *text = (const char *)r->event.data.scalar.value;
    return r->event.type == YAML_SCALAR_EVENT && strlen(text) == r->event.data.scalar.length ? text : NULL;
}

/* A key without a value: `pretrain:` with nothing below it. */
static bool is_nothing(const reader *r)
{
    const char *text = scalar(r);
    return text && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (!*text || !strcmp(text, "~"));
}

static tec_status need_scalar(const reader *r, const char *what)
{
    static const char *const kind[] = {[YAML_ALIAS_EVENT] = "an alias",
                                       [YAML_SCALAR_EVENT] = "a text with a NUL byte",
                                       [YAML_SEQUENCE_START_EVENT] = "a list",
                                       [YAML_MAPPING_START_EVENT] = "a mapping"};
    if (scalar(r))
        return TEC_OK;
    return tec_resolver_fail(r->resolver, here(r), "expected %s, found %s", what, kind[r->event.type]);
}

static tec_status read_list(reader *r, int index)
{
    char *text[TEC_SETTING_LENGTH] = {NULL};
    int count = 0;
    tec_place place = here(r);
    tec_status status;
    while ((status = next(r)) == TEC_OK && r->event.type != YAML_SEQUENCE_END_EVENT) {
        if ((status = need_scalar(r, "a number")) != TEC_OK)
            break;
        if (count < TEC_SETTING_LENGTH)
            text[count] = tec_string_copy(scalar(r));
        count++;
    }
    if (status == TEC_OK)
        status = tec_resolver_assign(r->resolver, index, place, (const char *const *)text, count);
    for (int i = 0; i < TEC_SETTING_LENGTH; i++)
        free(text[i]);
    return status;
}

/* A list that stands for a text, "4,3,2". */
static tec_status read_listed(reader *r, int index)
{
    char *text = tec_string_copy("");
    tec_place place = here(r);
    tec_status status;
    while ((status = next(r)) == TEC_OK && r->event.type != YAML_SEQUENCE_END_EVENT) {
        if ((status = need_scalar(r, "a number")) != TEC_OK)
            break;
        tec_string_append(&text, "%s%s", *text ? "," : "", scalar(r));
    }
    if (status == TEC_OK)
        status = tec_resolver_assign(r->resolver, index, place, (const char *const[]){text}, 1);
    free(text);
    return status;
}

static tec_status read_value(reader *r, int index)
{
    const tec_setting *s = &tec_settings_table[index];
    char what[128];
    if (r->event.type == YAML_SEQUENCE_START_EVENT && s->length > 1)
        return read_list(r, index);
    if (r->event.type == YAML_SEQUENCE_START_EVENT && s->listed)
        return read_listed(r, index);
    snprintf(what, sizeof what, "%s for %s.%s", s->length > 1 ? "numbers" : "a value", s->section, s->key);
    TEC_TRY(need_scalar(r, what));
    if (is_nothing(r) && s->type != TEC_SETTING_TEXT)
        return tec_resolver_fail(r->resolver, here(r), "expected %s, found nothing", what);
    const char *text = is_nothing(r) ? "" : scalar(r);
    return tec_resolver_assign(r->resolver, index, here(r), &text, 1);
}

/* Reads a section, from the start of its mapping to the end. */
static tec_status read_section(reader *r, const char *section)
{
    char message[640];
    for (;;) {
        TEC_TRY(next(r));
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return TEC_OK;
        TEC_TRY(need_scalar(r, "a key"));
        tec_place place = here(r);
        int index = tec_setting_find(section, scalar(r));
        if (index < 0)
            return tec_resolver_fail(r->resolver, place, "%s",
                                     tec_setting_unknown(section, scalar(r), message, sizeof message));
        if (r->resolver->place[index].line > 0)
            return tec_resolver_fail(r->resolver, place, "duplicate key `%s` in %s (already in line %ld)",
                                     tec_settings_table[index].key, section, r->resolver->place[index].line);
        TEC_TRY(next(r));
        TEC_TRY(read_value(r, index));
    }
}

/* Sets *section to the name in the table, as the event with the name is gone when the keys are read. */
static tec_status read_section_name(const reader *r, long *seen_at, const char **section)
{
    char message[640];
    TEC_TRY(need_scalar(r, "a section"));
    for (int i = 0; i < tec_settings_count; i++) {
        *section = tec_settings_table[i].section;
        if (strcmp(*section, scalar(r)) != 0)
            continue;
        if (seen_at[i])
            return tec_resolver_fail(r->resolver, here(r), "duplicate section `%s` (already in line %ld)", *section,
                                     seen_at[i]);
        seen_at[i] = here(r).line;
        return TEC_OK;
    }
    return tec_resolver_fail(r->resolver, here(r), "%s",
                             tec_setting_unknown_section(scalar(r), message, sizeof message));
}

static tec_status read_sections(reader *r)
{
    long seen_at[TEC_SETTINGS_MOST] = {0}; /* the line of each section, by its first row in the table */
    const char *section = NULL;
    if (is_nothing(r))
        return TEC_OK;
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return tec_resolver_fail(r->resolver, here(r), "expected sections such as `pretrain:` with `key: value` lines");
    for (;;) {
        TEC_TRY(next(r));
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return TEC_OK;
        TEC_TRY(read_section_name(r, seen_at, &section));
        TEC_TRY(next(r));
        if (is_nothing(r))
            continue;
        if (r->event.type != YAML_MAPPING_START_EVENT)
            return tec_resolver_fail(r->resolver, here(r), "expected `key: value` lines in %s", section);
        TEC_TRY(read_section(r, section));
    }
}

static tec_status read_stream(reader *r)
{
    TEC_TRY(next(r)); /* the start of the stream */
    TEC_TRY(next(r));
    if (r->event.type == YAML_STREAM_END_EVENT)
        return TEC_OK;
    TEC_TRY(next(r)); /* the start of the document */
    TEC_TRY(read_sections(r));
    TEC_TRY(next(r)); /* the end of the document */
    TEC_TRY(next(r));
    if (r->event.type != YAML_STREAM_END_EVENT)
        return tec_resolver_fail(r->resolver, here(r),
                                 "settings must be a single YAML document, and this is the second");
    return TEC_OK;
}

tec_status tec_resolver_read_yaml(tec_resolver *resolver, const char *yaml, size_t bytes)
{
    reader r = {.resolver = resolver, .text = yaml, .bytes = bytes};
    if (!yaml_parser_initialize(&r.parser))
        return tec_fail(TEC_SYSTEM_ERROR, "out of memory while reading %s", resolver->yaml_name);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)yaml, bytes);
    tec_status status = read_stream(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return status;
}
