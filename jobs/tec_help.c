/* tec help: help on the program and its commands, as text or as manual, man page and bash completion. */
#include "jobs.h"
#include "pages.h"

#include <stdio.h>

enum { OPTION_PAGE };

static const tec_option options[] = {
    {"page", TEC_OPTION_CHOICE, "markdown|man|bash",
     .help = "print everything as docs/manual.md, as a man page, or as bash completion"},
    {0}};

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    static void (*const pages[])(FILE *) = {tec_page_markdown, tec_page_man, tec_page_bash};
    (void)comm;
    if (call->option[OPTION_PAGE].times)
        pages[call->option[OPTION_PAGE].choice](stdout);
    else if (call->file_count == 0)
        tec_commands_print_help(stdout);
    for (int i = 0; i < call->file_count; i++) {
        const tec_command *command = tec_command_find(call->files[i]);
        if (!command)
            return tec_command_unknown(call->files[i]);
        if (i)
            putchar('\n');
        tec_command_print_help(command, stdout);
    }
    return TEC_OK;
}

const tec_command tec_command_help = {
    .name = "help",
    .usage = "[COMMAND ...] [--page markdown|man|bash]",
    .summary = "show help on the program, or on a command",
    .options = options,
    .takes_files = true,
    .run = run,
};
