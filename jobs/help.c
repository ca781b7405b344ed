/* tec help: what the program and its commands take, for people and as pages made of the same tables. */
#include "jobs.h"

#include <stdio.h>

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    (void)comm;
    if (call->file_count == 0)
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
    .usage = "[COMMAND ...]",
    .summary = "say what the program, or a command, takes",
    .takes_files = true,
    .run = run,
};
