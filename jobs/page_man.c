/* tec.1, in man(7) macros. */
#include "pages.h"

#include "command.h"

#include "tec/version.h"

#include <string.h>

/* Escapes backslashes and hyphens, and control characters at the start of a line. */
static void print_part(const char *text, size_t length, FILE *out)
{
    for (size_t i = 0; i < length; i++) {
        if ((i == 0 || text[i - 1] == '\n') && (text[i] == '.' || text[i] == '\''))
            fputs("\\&", out);
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else
            fputc(text[i], out);
    }
}

static void print_text(const char *text, FILE *out)
{
    print_part(text, strlen(text), out);
}

static void print_line(const char *text, FILE *out)
{
    print_text(text, out);
    fputc('\n', out);
}

/* Paragraphs are filled; lines that start with a blank are kept. */
static void print_details(const char *text, FILE *out)
{
    bool block = false;
    while (*text) {
        size_t length = strcspn(text, "\n");
        bool indented = *text == ' ';
        if (indented != block)
            fputs(indented ? ".PP\n.nf\n" : ".fi\n", out);
        if (length == 0)
            fputs(".PP", out);
        print_part(text, length, out);
        fputc('\n', out);
        block = indented;
        text += length + (text[length] == '\n');
    }
    if (block)
        fputs(".fi\n", out);
}

static void print_command(const tec_command *command, FILE *out)
{
    char name[64];
    fputs(".SS \"", out);
    print_text(command->name, out);
    fputs("\"\n.B tec ", out);
    print_text(command->name, out);
    fputc(' ', out);
    print_line(command->usage, out);
    fputs(".PP\n", out);
    print_line(command->summary, out);
    if (command->details) {
        fputs(".PP\n", out);
        print_details(command->details, out);
    }
    for (const tec_option *option = command->options; option && option->name; option++) {
        fputs(".TP\n.B ", out);
        print_text(tec_option_dashed(option, name, sizeof name), out);
        fputs(option->argument ? " \\fI" : "", out);
        print_text(option->argument ? option->argument : "", out);
        fputs(option->argument ? "\\fR\n" : "\n", out);
        print_line(option->help, out);
    }
}

static void print_settings(FILE *out)
{
    tec_setting_row row;
    for (int i = 0; tec_settings_row(i, &row); i++) {
        char name[256];
        snprintf(name, sizeof name, "%s.%s=%s", row.section, row.key, row.otherwise);
        fputs(".TP\n.B ", out);
        print_line(name, out);
        print_text(row.type, out);
        fputs(": ", out);
        print_line(row.help, out);
    }
}

void tec_page_man(FILE *out)
{
    fprintf(out, ".TH TEC 1 \"\" \"tec %s\" \"tec\"\n", tec_version());
    fputs(
        ".SH NAME\ntec \\- pretrain a new Vision Transformer from an existing one, on CPU clusters\n"
        ".SH SYNOPSIS\n.B tec\n.I COMMAND\n[\\fB\\-c\\fR \\fICONFIG.yaml\\fR] [\\fIsection.key\\fR=\\fIvalue\\fR ...]\n"
        ".br\n.B mpirun \\-n\n.I RANKS\n.B tec\n.I COMMAND ...\n"
        ".SH DESCRIPTION\nA frozen base model is run once over every image, and its targets are stored; a new model\n"
        "then sees a quarter of the patches of each image and learns to predict the targets.\n"
        "Results go to standard output, messages to standard error.\n"
        ".SH COMMANDS\n",
        out);
    for (const tec_command *const *command = tec_commands; *command; command++)
        print_command(*command, out);
    fputs(".SH SETTINGS\nFrom a YAML file (\\fB\\-c\\fR) and the command line, which overrides the file; shown with "
          "their defaults.\n",
          out);
    print_settings(out);
    fputs(".SH EXIT STATUS\n"
          ".TP\n.B 0\ndone\n.TP\n.B 1\na requested check failed\n"
          ".TP\n.B 2\na mistake in settings, command line or input files\n"
          ".TP\n.B 3\nthe machine failed (memory, disk, MPI)\n"
          ".TP\n.B 4\ntraining diverged (the loss is not finite)\n"
          ".SH SEE ALSO\nmpirun(1), sbatch(1)\n",
          out);
}
