/* Bash completion: commands, their options and settings, the words of choices, otherwise files. */
#include "pages.h"

#include "command.h"

#include <string.h>

/* "a|b|c" as "a b c". */
static void print_words(const char *choices, FILE *out)
{
    for (; *choices; choices++)
        fputc(*choices == '|' ? ' ' : *choices, out);
}

/* `valued`: only those that take an argument. */
static void print_options(const tec_command *command, bool valued, FILE *out)
{
    char name[64];
    for (const tec_option *option = command->options; option && option->name; option++)
        if (!valued || option->type != TEC_OPTION_SWITCH)
            fprintf(out, " %s", tec_option_dashed(option, name, sizeof name));
}

static void print_command(const tec_command *command, FILE *out)
{
    const char *config = command->sections ? " -c" : "";
    fprintf(out, "    %s) options='--help%s", command->name, config);
    print_options(command, false, out);
    fprintf(out, "' valued='%s", config);
    print_options(command, true, out);
    fputs("' sections='", out);
    for (const char *const *section = command->sections; section && *section; section++)
        fprintf(out, "%s%s", section == command->sections ? "" : " ", *section);
    fputs("' ;;\n", out);
}

static void print_commands(FILE *out)
{
    for (const tec_command *const *command = tec_commands; *command; command++)
        fprintf(out, " %s", (*command)->name);
}

/* The words that may follow each option that is a choice. */
static void print_choices(FILE *out)
{
    char name[64];
    for (const tec_command *const *command = tec_commands; *command; command++)
        for (const tec_option *option = (*command)->options; option && option->name; option++)
            if (option->type == TEC_OPTION_CHOICE) {
                fprintf(out, "    '%s %s') words='", (*command)->name, tec_option_dashed(option, name, sizeof name));
                print_words(option->argument, out);
                fputs("' ;;\n", out);
            }
}

static void print_settings(FILE *out)
{
    tec_setting_row row;
    for (int i = 0; tec_settings_row(i, &row); i++)
        fprintf(out, "%s%s.%s", i ? " " : "", row.section, row.key);
}

static void print_values(FILE *out)
{
    tec_setting_row row;
    for (int i = 0; tec_settings_row(i, &row); i++)
        if (row.choices || strcmp(row.type, "true | false") == 0) {
            fprintf(out, "    %s.%s) words='", row.section, row.key);
            print_words(row.choices ? row.choices : "true|false", out);
            fputs("' ;;\n", out);
        }
}

/* The first half of the script. Sets what the command takes (options, valued, sections), the option or setting whose
 * value is to be completed (key), and its possible values (words). */
static void print_variables(FILE *out)
{
    fputs("# Bash completion for tec: commands, options, settings and their values, otherwise files.\n"
          "_tec() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}\n"
          "    local options='' valued='' sections='' words='' key='' start='' name\n"
          "    COMPREPLY=()\n"
          "    case $command in\n",
          out);
    for (const tec_command *const *command = tec_commands; *command; command++)
        print_command(*command, out);
    fputs(
        "    esac\n"
        "    # The setting or option whose value is to be completed. To bash the = of key=value is a word by itself,\n"
        "    # unless COMP_WORDBREAKS has no =.\n"
        "    if [[ $word == = ]]; then\n"
        "        key=$before word=''\n"
        "    elif [[ $before == = ]]; then\n"
        "        key=${COMP_WORDS[COMP_CWORD - 2]}\n"
        "    elif [[ $word == ?*=* ]]; then\n"
        "        key=${word%%=*} start=${word%%=*}= word=${word#*=}\n"
        "    elif [[ \" $valued \" == *\" $before \"* ]]; then\n"
        "        key=$before\n"
        "    fi\n"
        "    case $key in\n",
        out);
    print_values(out);
    fputs("    esac\n"
          "    case \"$command $key\" in\n",
          out);
    print_choices(out);
    fputs("    esac\n", out);
}

/* The second half: where no value is to be completed, `words` are commands, options or keys. Completes them, or
 * files. */
static void print_completion(FILE *out)
{
    fputs("    if ((COMP_CWORD == 1)); then\n"
          "        words='--help --version",
          out);
    print_commands(out);
    fputs("'\n"
          "    elif [[ -n $key ]]; then\n"
          "        : # its words, or a file\n"
          "    elif [[ $word == -* ]]; then\n"
          "        words=$options\n"
          "    elif [[ $command == help ]]; then\n"
          "        words='",
          out);
    print_commands(out);
    fputs("'\n"
          "    elif [[ $word != */* ]]; then\n"
          "        for name in ",
          out);
    print_settings(out);
    fputs(
        "; do\n"
        "            [[ \" $sections \" != *\" ${name%%.*} \"* && \" $sections \" != *\" $name \"* ]] || words+=\" $name=\"\n"
        "        done\n"
        "        compopt -o nospace\n"
        "    fi\n"
        "    mapfile -t COMPREPLY < <(compgen -P \"$start\" -W \"$words\" -- \"$word\")\n"
        "    if ((${#COMPREPLY[@]} == 0)) && [[ -z $key || -z $words ]]; then\n"
        "        compopt +o nospace -o filenames\n"
        "        mapfile -t COMPREPLY < <(compgen -P \"$start\" -f -- \"$word\")\n"
        "    fi\n"
        "}\n"
        "complete -F _tec tec\n",
        out);
}

void tec_page_bash(FILE *out)
{
    print_variables(out);
    print_completion(out);
}
