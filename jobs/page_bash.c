/* Completion for bash: commands, their options and settings, words of choices, else files. */
#include "pages.h"

#include "command.h"

#include <string.h>

/* "a|b|c" -> "a b c" */
static void print_words(const char *choices, FILE *out)
{
    for (; *choices; choices++)
        fputc(*choices == '|' ? ' ' : *choices, out);
}

static void print_command(const tec_command *command, FILE *out)
{
    char name[64];
    fprintf(out, "    %s) options='--help", command->name);
    if (command->sections)
        fputs(" -c", out);
    for (const tec_option *option = command->options; option && option->name; option++)
        fprintf(out, " %s", tec_option_dashed(option, name, sizeof name));
    fputs("' sections='", out);
    for (const char *const *section = command->sections; section && *section; section++)
        fprintf(out, "%s%s", section == command->sections ? "" : " ", *section);
    fputs("' ;;\n", out);
}

/* The words that may follow --option of any command. */
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

void tec_page_bash(FILE *out)
{
    fputs("# Completion of tec for bash: commands, options, settings and their values, else files.\n"
          "_tec() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}\n"
          "    local options='' sections='' words='' key section\n"
          "    COMPREPLY=()\n"
          "    case $command in\n",
          out);
    for (const tec_command *const *command = tec_commands; *command; command++)
        print_command(*command, out);
    fputs("    esac\n"
          "    # bash takes the = of key=value for a word of its own.\n"
          "    [[ $word != = ]] || { before='=' word=''; key=${COMP_WORDS[COMP_CWORD - 1]}; }\n"
          "    [[ $before != = ]] || key=${key:-${COMP_WORDS[COMP_CWORD - 2]}}\n"
          "    case $key in\n",
          out);
    print_values(out);
    fputs("    esac\n"
          "    case \"$command $before\" in\n",
          out);
    print_choices(out);
    fputs("    esac\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        words='--help --version",
          out);
    for (const tec_command *const *command = tec_commands; *command; command++)
        fprintf(out, " %s", (*command)->name);
    fputs("'\n"
          "    elif [[ -z $words && $before != = && $word == -* ]]; then\n"
          "        words=$options\n"
          "    elif [[ -z $words && $before != = && $word != */* && $before != -* ]]; then\n"
          "        for key in ",
          out);
    print_settings(out);
    fputs("; do\n"
          "            section=${key%%.*}\n"
          "            [[ \" $sections \" != *\" $section \"* ]] || words+=\" $key=\"\n"
          "        done\n"
          "        compopt -o nospace\n"
          "    fi\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
          "    ((${#COMPREPLY[@]})) || { compopt +o nospace; mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); }\n"
          "}\n"
          "complete -F _tec tec\n",
          out);
}
