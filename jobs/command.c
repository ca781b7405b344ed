/* Parses the command line of a command: options by its table, -c, key=value, files. */
#include "command.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/suggest.h"
#include "tec/text.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MOST_YAML_BYTES ((size_t)1 << 20)

/* A command line while it is being parsed. Everything but `files` is borrowed. */
typedef struct line {
    const tec_command *command;
    tec_invocation *out;
    char **argv;
    int argc, at; /* the next argument */
    const char *config;
    const char **overrides, **files;
    int override_count;
} line;

const tec_command *tec_command_find(const char *name)
{
    for (int i = 0; tec_commands[i]; i++)
        if (!strcmp(tec_commands[i]->name, name))
            return tec_commands[i];
    return NULL;
}

tec_status tec_command_unknown(const char *name)
{
    const char *names[32];
    int count = 0;
    for (; tec_commands[count] && count < (int)(sizeof names / sizeof *names); count++)
        names[count] = tec_commands[count]->name;
    const char *nearest = tec_suggest(name, names, count);
    if (nearest)
        return tec_fail(TEC_USER_ERROR, "unknown command `%.80s`; did you mean `%s`?", name, nearest);
    return tec_fail(TEC_USER_ERROR, "unknown command `%.80s`; `tec --help` lists them", name);
}

bool tec_command_asks_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return true;
    return false;
}

static int count_options(const tec_command *command)
{
    int count = 0;
    while (command->options && command->options[count].name)
        count++;
    assert(count <= TEC_MAX_OPTIONS);
    return count;
}

static tec_status unknown_option(const tec_command *command, const char *name, int length)
{
    const char *names[TEC_MAX_OPTIONS];
    int count = count_options(command);
    for (int i = 0; i < count; i++)
        names[i] = command->options[i].name;
    char *word = tec_string_format("%.*s", length, name);
    const char *nearest = tec_suggest(word, names, count);
    tec_status status =
        nearest ? tec_fail(TEC_USER_ERROR, "command line: unknown option `--%.80s` of tec %s; did you mean `--%s`?",
                           word, command->name, nearest)
                : tec_fail(TEC_USER_ERROR, "command line: unknown option `--%.80s`; `tec %s --help` lists the options",
                           word, command->name);
    free(word);
    return status;
}

char *tec_option_dashed(const tec_option *option, char *text, size_t size)
{
    snprintf(text, size, "%s%s", option->name[1] ? "--" : "-", option->name);
    return text;
}

static bool has_option(const tec_command *command, const char *name)
{
    for (const tec_option *option = command->options; option && option->name; option++)
        if (!strcmp(option->name, name))
            return true;
    return false;
}

/* ---- arguments of options, by type ---- */

static tec_status wrong_argument(const tec_option *option, const char *text, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static tec_status wrong_argument(const tec_option *option, const char *text, const char *format, ...)
{
    char name[64], wanted[256];
    va_list args;
    va_start(args, format);
    vsnprintf(wanted, sizeof wanted, format, args);
    va_end(args);
    return tec_fail(TEC_USER_ERROR, "command line: %s %.80s: %s", tec_option_dashed(option, name, sizeof name), text,
                    wanted);
}

static tec_status parse_number(const tec_option *option, const char *text, double *out)
{
    char *end;
    bool whole = option->type == TEC_OPTION_WHOLE;
    *out = whole ? (double)strtoll(text, &end, 10) : strtod(text, &end);
    bool number = end > text && !*end && isfinite(*out);
    if (number && *out <= option->most && (whole ? *out >= option->least : *out > option->least))
        return TEC_OK;
    if (whole)
        return wrong_argument(option, text, "expected a whole number from %.0f to %.0f", option->least, option->most);
    if (isinf(option->most))
        return wrong_argument(option, text, "expected a number above %g", option->least);
    return wrong_argument(option, text, "expected a number above %g, at most %g", option->least, option->most);
}

/* Words end with | or a 0 byte. */
static tec_status parse_choice(const tec_option *option, const char *text, int *out)
{
    size_t length = strlen(text);
    const char *word = option->argument;
    for (*out = 0; *word; ++*out) {
        size_t size = strcspn(word, "|");
        if (size == length && strncmp(word, text, length) == 0)
            return TEC_OK;
        word += size + (word[size] == '|');
    }
    return wrong_argument(option, text, "expected one of %s", option->argument);
}

static tec_status parse_part(const tec_option *option, const char *text, tec_argument *out)
{
    char rest;
    if (sscanf(text, "%d/%d%c", &out->part, &out->parts, &rest) != 2 || out->part < 1 || out->part > out->parts)
        return wrong_argument(option, text, "expected i/n with i from 1 to n, such as 3/16");
    out->part--;
    return TEC_OK;
}

static tec_status parse_argument(const tec_option *option, tec_argument *out)
{
    switch (option->type) {
    case TEC_OPTION_SWITCH:
    case TEC_OPTION_TEXT:
        return TEC_OK;
    case TEC_OPTION_WHOLE:
    case TEC_OPTION_NUMBER:
        return parse_number(option, out->text, &out->number);
    case TEC_OPTION_CHOICE:
        return parse_choice(option, out->text, &out->choice);
    case TEC_OPTION_PART:
        return parse_part(option, out->text, out);
    }
    return TEC_OK;
}

static void set_defaults(const tec_command *command, tec_argument *argument)
{
    for (int i = 0; i < count_options(command); i++)
        argument[i] = (tec_argument){
            .number = command->options[i].otherwise, .choice = (int)command->options[i].otherwise, .parts = 1};
}

/* ---- the command line ---- */

/* --name, --name ARGUMENT, --name=ARGUMENT; `name` is without the dashes. */
static tec_status take_option(line *l, const char *name)
{
    char dashed[64];
    int length = (int)strcspn(name, "="), i = 0, count = count_options(l->command);
    const tec_option *option = l->command->options;
    while (i < count && ((int)strlen(option[i].name) != length || strncmp(option[i].name, name, (size_t)length) != 0))
        i++;
    if (i == count)
        return unknown_option(l->command, name, length);
    option += i;
    tec_argument *argument = &l->out->option[i];
    bool takes_one = option->type != TEC_OPTION_SWITCH;
    argument->times++;
    argument->text = name[length] ? name + length + 1 : NULL;
    tec_option_dashed(option, dashed, sizeof dashed);
    if (!takes_one && argument->text)
        return tec_fail(TEC_USER_ERROR, "command line: option `%s` takes no argument", dashed);
    if (takes_one && !argument->text && l->at < l->argc)
        argument->text = l->argv[l->at++];
    if (takes_one && !argument->text)
        return tec_fail(TEC_USER_ERROR, "command line: option `%s` needs an argument: %s %s", dashed, dashed,
                        option->argument);
    return parse_argument(option, argument);
}

static tec_status take_config(line *l)
{
    if (!l->command->sections)
        return tec_fail(TEC_USER_ERROR, "command line: tec %s reads no settings, so -c is not accepted",
                        l->command->name);
    if (l->at == l->argc)
        return tec_fail(TEC_USER_ERROR, "command line: -c needs an argument: -c CONFIG.yaml");
    if (l->config)
        return tec_fail(TEC_USER_ERROR, "command line: -c is given twice; only one settings file can be read");
    l->config = l->argv[l->at++];
    return TEC_OK;
}

/* Is it "word=..." or "word.word=..." rather than a path? */
static bool looks_like_override(const char *text)
{
    const char *c = text;
    while (isalnum((unsigned char)*c) || *c == '_' || *c == '.')
        c++;
    return c > text && *c == '=';
}

static bool reads(const tec_command *command, const char *name)
{
    for (const char *const *section = command->sections; *section; section++)
        if (!strcmp(*section, name))
            return true;
    return false;
}

/* Does the command read single keys of the section? */
static bool reads_part(const tec_command *command, const char *section)
{
    size_t length = strlen(section);
    for (const char *const *key = command->sections; *key; key++)
        if (!strncmp(*key, section, length) && (*key)[length] == '.')
            return true;
    return false;
}

static tec_status take_override(line *l, const char *text)
{
    char *section = tec_string_format("%.*s", (int)strcspn(text, ".="), text);
    char *key = tec_string_format("%.*s", (int)strcspn(text, "="), text);
    bool no_effect = tec_settings_has_section(section) && !reads(l->command, section) && !reads(l->command, key);
    bool partly = no_effect && reads_part(l->command, section);
    free(key);
    free(section);
    if (no_effect)
        return tec_fail(TEC_USER_ERROR, "command line: `%.80s` would have no effect: tec %s does not read that %s%s%s",
                        text, l->command->name, partly ? "setting; `tec " : "section", partly ? l->command->name : "",
                        partly ? " --help` lists those that it reads" : "");
    l->overrides[l->override_count++] = text;
    return TEC_OK;
}

static tec_status take_other(line *l, const char *text)
{
    if (l->command->sections && looks_like_override(text))
        return take_override(l, text);
    if (!l->command->takes_files)
        return tec_fail(TEC_USER_ERROR, "command line: unexpected argument `%.80s`; %ssee `tec %s --help`", text,
                        l->command->sections ? "settings are given as section.key=value; " : "", l->command->name);
    l->files[l->out->file_count++] = text;
    return TEC_OK;
}

static tec_status read_line(line *l)
{
    bool options = true;
    while (l->at < l->argc) {
        const char *text = l->argv[l->at++];
        if (options && !strcmp(text, "--"))
            options = false;
        else if (options && !strcmp(text, "-c"))
            TEC_TRY(take_config(l));
        else if (options && !strncmp(text, "--", 2))
            TEC_TRY(take_option(l, text + 2));
        else if (options && text[0] == '-' && text[1] && !text[2] && has_option(l->command, text + 1))
            TEC_TRY(take_option(l, text + 1));
        else if (options && text[0] == '-' && text[1])
            return tec_fail(TEC_USER_ERROR, "command line: unknown option `%.80s`; `tec %s --help` lists the options",
                            text, l->command->name);
        else
            TEC_TRY(take_other(l, text));
    }
    return TEC_OK;
}

static line line_of(const tec_command *command, int argc, char **argv, tec_invocation *out)
{
    memset(out, 0, sizeof *out);
    line l = {.command = command, .out = out, .argv = argv, .argc = argc, .at = 1};
    l.overrides = tec_allocate_zeroed((size_t)argc, sizeof *l.overrides);
    l.files = tec_allocate_zeroed((size_t)argc, sizeof *l.files);
    out->files = l.files;
    set_defaults(command, out->option);
    return l;
}

static tec_settings_source source_of(const line *l, const char *yaml, size_t bytes)
{
    return (tec_settings_source){.yaml_name = l->config,
                                 .yaml = yaml,
                                 .yaml_bytes = bytes,
                                 .overrides = l->overrides,
                                 .override_count = l->override_count};
}

/* A file that can be read twice: what comes through a pipe is for rank 0 to read. */
static bool is_plain_file(const char *path)
{
    struct stat about;
    return path && stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

double tec_command_watchdog(const tec_command *command, int argc, char **argv)
{
    tec_invocation call;
    char *yaml = NULL;
    size_t bytes = 0;
    line l = line_of(command, argc, argv, &call);
    tec_status status = read_line(&l);
    if (status == TEC_OK && is_plain_file(l.config))
        status = tec_file_read(l.config, MOST_YAML_BYTES, &yaml, &bytes);
    tec_settings_source source = status == TEC_OK ? source_of(&l, yaml, bytes) : (tec_settings_source){0};
    if (tec_settings_resolve(&call.settings, &source) != TEC_OK) {
        tec_settings_free(&call.settings);
        tec_settings_resolve(&call.settings, &(tec_settings_source){0});
    }
    double minutes = call.settings.run.watchdog_minutes;
    free(yaml);
    free(l.overrides);
    tec_invocation_free(&call);
    return minutes;
}

tec_status tec_command_parse(const tec_command *command, const tec_comm *comm, int argc, char **argv,
                             tec_invocation *out)
{
    char *yaml = NULL;
    size_t bytes = 0;
    line l = line_of(command, argc, argv, out);
    tec_status status = tec_comm_agree(comm, read_line(&l));
    if (status != TEC_OK)
        goto done;
    if (l.config) {
        if (comm->rank == 0)
            status = tec_file_read(l.config, MOST_YAML_BYTES, &yaml, &bytes);
        status = tec_comm_agree(comm, status);
        if (status != TEC_OK)
            goto done;
        tec_comm_share_text(comm, &yaml, &bytes, 0);
    }
    tec_settings_source source = source_of(&l, yaml, bytes);
    status = tec_comm_agree(comm, tec_settings_resolve(&out->settings, &source));
done:
    free(yaml);
    free(l.overrides);
    return status;
}

void tec_invocation_free(tec_invocation *call)
{
    tec_settings_free(&call->settings);
    free((void *)call->files);
    memset(call, 0, sizeof *call);
}
