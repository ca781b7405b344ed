/* What `tec COMMAND --help` prints. */
#include "command.h"

#include <string.h>

#define COLUMNS 96

/* Fills lines. Empty lines stay, and so do lines that start with a blank. */
static void print_filled(const char *text, FILE *out)
{
    size_t column = 0;
    while (*text) {
        size_t gap = strspn(text, " \n"), word = strcspn(text + gap, " \n");
        bool line_break = gap > 1 && text[0] == '\n';
        if (line_break) {
            column = 0;
            fwrite(text, 1, gap, out);
        } else if (column > 0 && column + 1 + word > COLUMNS) {
            column = 0;
            fputc('\n', out);
        } else if (column > 0) {
            column += fwrite(" ", 1, 1, out);
        }
        column += fwrite(text + gap, 1, word, out);
        text += gap + word;
    }
    fputc('\n', out);
}

static void print_options(const tec_command *command, FILE *out)
{
    fputs("\nOptions:\n", out);
    if (command->sections)
        fputs("  -c CONFIG.yaml           settings file; it may hold settings of other commands too\n", out);
    for (const tec_option *option = command->options; option && option->name; option++) {
        char dashed[64], name[128];
        snprintf(name, sizeof name, "%s%s%s", tec_option_dashed(option, dashed, sizeof dashed),
                 option->argument ? " " : "", option->argument ? option->argument : "");
        fprintf(out, "  %-24s %s\n", name, option->help);
    }
    fputs("  --help                   this text\n", out);
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
    fputs("\nSettings (section.key=DEFAULT); the command line goes before the settings file:\n", out);
    tec_settings_help(command->sections, out);
}

void tec_commands_print_help(FILE *out)
{
    fputs("tec pretrains a new Vision Transformer from an existing one, on CPUs, with MPI.\n"
          "\n"
          "Usage: tec COMMAND [-c CONFIG.yaml] [section.key=value ...]\n"
          "       mpirun -n RANKS tec COMMAND ...      (or srun; commands marked * take any number of ranks)\n"
          "\n"
          "Commands:\n",
          out);
    for (const tec_command *const *command = tec_commands; *command; command++)
        fprintf(out, " %c %-10s %s\n", (*command)->parallel ? '*' : ' ', (*command)->name, (*command)->summary);
    fputs("\n"
          "tec help COMMAND (or tec COMMAND --help) lists the options and settings of a command; tec --version (-V)\n"
          "says which tec this is, and with which libraries.\n"
          "\n"
          "Exit code: 0 done; 1 a check that was asked for did not pass; 2 a mistake in settings, command line or\n"
          "input files; 3 the machine failed (memory, disk, MPI); 4 training diverged (the loss is not finite).\n",
          out);
}
