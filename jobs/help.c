/* tec help: what the program and its commands take, for people and as pages made of the same tables. */
#include "jobs.h"
#include "pages.h"

#include <stdio.h>

enum { OPTION_PAGE };

static const tec_option options[] = {{"page", TEC_OPTION_CHOICE, "markdown|man|bash",
                                      .help = "all of it as docs/manual.md, as a man page, or as completion for bash"},
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
    .summary = "say what the program, or a command, takes",
    .options = options,
    .takes_files = true,
    .run = run,
};
