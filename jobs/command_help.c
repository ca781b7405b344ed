/* Prints `tec --help` and `tec COMMAND --help`. */
#include "command.h"

#include <string.h>

#define COLUMNS 96

/* Prints the words of one line, broken at COLUMNS, with `indent` blanks before the further lines. `column` is where the
 * output stands; returns where it stands afterwards. */
static size_t print_words(const char *line, size_t length, size_t indent, size_t column, FILE *out)
{
    const char *end = line + length;
    for (size_t word; line < end; line += word) {
        line += strspn(line, " ");
        word = strcspn(line, " \n");
        if (column > indent && column + 1 + word > COLUMNS)
            column = (size_t)fprintf(out, "\n%*s", (int)indent, "") - 1;
        else if (column > indent)
            column += fwrite(" ", 1, 1, out);
        column += fwrite(line, 1, word, out);
    }
    return column;
}

/* Fills paragraphs; empty lines, and lines that start with a blank, stay as they are. */
static void print_filled(const char *text, FILE *out)
{
    size_t column = 0;
    for (size_t length; *text; text += length + (text[length] == '\n')) {
        length = strcspn(text, "\n");
        if (length > 0 && *text != ' ') {
            column = print_words(text, length, 0, column, out);
            continue;
        }
        fprintf(out, "%s%.*s\n", column > 0 ? "\n" : "", (int)length, text);
        column = 0;
    }
    fputs(column > 0 ? "\n" : "", out);
}

static void print_option(const char *name, const char *help, FILE *out)
{
    enum { INDENT = 27 };
    size_t column = (size_t)fprintf(out, "  %-24s ", name);
    if (column > INDENT)
        column = (size_t)fprintf(out, "\n%*s", INDENT, "") - 1;
    print_words(help, strlen(help), INDENT, column, out);
    fputc('\n', out);
}

static void print_options(const tec_command *command, FILE *out)
{
    fputs("\nOptions:\n", out);
    if (command->sections)
        print_option("-c CONFIG.yaml", "settings file; it may also have settings of other commands", out);
    for (const tec_option *option = command->options; option && option->name; option++) {
        char dashed[64], name[128];
        snprintf(name, sizeof name, "%s%s%s", tec_option_dashed(option, dashed, sizeof dashed),
                 option->argument ? " " : "", option->argument ? option->argument : "");
        print_option(name, option->help, out);
    }
    print_option("--help", "this text", out);
}

void tec_command_print_help(const tec_command *command, FILE *out)
{
    fprintf(out, "Usage: tec %s %s\n\n%s\n", command->name, command->usage, command->summary);
    if (command->details) {
        fputc('\n', out);
        print_filled(command->details, out);
    }
    print_options(command, out);
    if (!command->sections)
        return;
    fputs("\nSettings (section.key=DEFAULT); the command line overrides the settings file:\n", out);
    tec_settings_help(command->sections, out);
}

void tec_commands_print_help(FILE *out)
{
    fputs("tec pretrains a new Vision Transformer from an existing one, on CPUs, with MPI.\n"
          "\n"
          "Usage: tec COMMAND [-c CONFIG.yaml] [section.key=value ...]\n"
          "       mpirun -n RANKS tec COMMAND ...      (or srun; commands marked * run on any number of ranks)\n"
          "\n"
          "Commands:\n",
          out);
    for (const tec_command *const *command = tec_commands; *command; command++)
        fprintf(out, " %c %-10s %s\n", (*command)->parallel ? '*' : ' ', (*command)->name, (*command)->summary);
    fputs("\n"
          "tec help COMMAND (or tec COMMAND --help) lists the options and settings of a command; tec --version (-V)\n"
          "prints the versions of tec and of its libraries.\n"
          "\n"
          "Exit codes: 0 done; 1 a requested check failed; 2 a mistake in settings, command line or input files;\n"
          "3 the machine failed (memory, disk, MPI); 4 training diverged (the loss is not finite).\n",
          out);
}
