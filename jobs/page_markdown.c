/* docs/manual.md. */
#include "pages.h"

#include "command.h"

#include <string.h>

/* A cell of a table: escapes what would end it or be read as HTML. */
static void print_cell(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (*text == '|')
            fputc('\\', out);
        if (*text == '<')
            fputs("&lt;", out);
        else
            fputc(*text, out);
    }
}

/* Paragraphs; lines that start with a blank become a block of code. */
static void print_details(const char *text, FILE *out)
{
    bool block = false;
    while (*text) {
        size_t length = strcspn(text, "\n");
        bool indented = *text == ' ';
        if (indented != block)
            fputs(indented ? "\n```text\n" : "```\n", out);
        block = indented;
        fprintf(out, "%.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
    if (block)
        fputs("```\n", out);
}

static void print_options(const tec_command *command, FILE *out)
{
    char name[64];
    if (!command->options)
        return;
    fputs("\n| option | meaning |\n|---|---|\n", out);
    for (const tec_option *option = command->options; option->name; option++) {
        fprintf(out, "| `%s%s", tec_option_dashed(option, name, sizeof name), option->argument ? " " : "");
        print_cell(option->argument ? option->argument : "", out);
        fputs("` | ", out);
        print_cell(option->help, out);
        fputs(" |\n", out);
    }
}

static void print_command(const tec_command *command, FILE *out)
{
    fprintf(out, "\n### tec %s\n\n", command->name);
    fprintf(out, "```text\n%stec %s %s\n```\n\n", command->parallel ? "[mpirun -n RANKS] " : "", command->name,
            command->usage);
    print_details(command->summary, out);
    if (command->details) {
        fputc('\n', out);
        print_details(command->details, out);
    }
    print_options(command, out);
    if (command->sections) {
        fputs("\nReads the settings of", out);
        for (const char *const *section = command->sections; *section; section++)
            fprintf(out, "%s [%s](#%.*s)", section == command->sections ? "" : ",", *section,
                    (int)strcspn(*section, "."), *section);
        fputs(".\n", out);
    }
}

static void print_settings(FILE *out)
{
    const char *section = "";
    tec_setting_row row;
    for (int i = 0; tec_settings_row(i, &row); i++) {
        if (strcmp(section, row.section) != 0)
            fprintf(out, "\n### %s\n\n| key | default | values | meaning |\n|---|---|---|---|\n", row.section);
        section = row.section;
        fprintf(out, "| `%s.%s` | ", row.section, row.key);
        fprintf(out, row.otherwise[0] ? "`%s` | " : "%s| ", row.otherwise);
        print_cell(row.type, out);
        fputs(" | ", out);
        print_cell(row.help, out);
        fputs(" |\n", out);
    }
}

void tec_page_markdown(FILE *out)
{
    fputs(
        "# Manual\n\n"
        "All commands and settings. This page is generated from the program's own tables by `make docs`; `tec help\n"
        "COMMAND` prints the same.\n\n"
        "A command takes options, a settings file (`-c CONFIG.yaml`) and single settings (`section.key=value`), which\n"
        "override the file. Results go to standard output, messages to standard error.\n\n"
        "| exit code | meaning |\n|---|---|\n"
        "| 0 | done |\n"
        "| 1 | a requested check failed |\n"
        "| 2 | a mistake in settings, command line or input files |\n"
        "| 3 | the machine failed: memory, disk, MPI |\n"
        "| 4 | training diverged: the loss is not finite |\n\n"
        "## Commands\n",
        out);
    for (const tec_command *const *command = tec_commands; *command; command++)
        print_command(*command, out);
    fputs("\n## Settings\n\n"
          "As `key: value` below the name of the section in a YAML file, or as `section.key=value` on the command\n"
          "line. `tec settings -c CONFIG.yaml` prints the settings that result from a file.\n",
          out);
    print_settings(out);
}
