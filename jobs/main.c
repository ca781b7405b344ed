/* tec: one program, a command per job. */
#include "jobs.h"

#include "tec/gemm.h"
#include "tec/log.h"
#include "tec/suggest.h"
#include "tec/version.h"
#include "tec/watchdog.h"

#include <errno.h>
#include <string.h>

static const tec_command *const commands[] = {
    &tec_command_pretrain, &tec_command_targets, &tec_command_knn,     &tec_command_probe,
    &tec_command_export,   &tec_command_pack,    &tec_command_inspect, &tec_command_settings,
    &tec_command_selftest, &tec_command_bench,   &tec_command_plan,
};
#define COMMANDS ((int)(sizeof commands / sizeof commands[0]))

static void print_help(FILE *out)
{
    fputs("tec pretrains a new Vision Transformer from an existing one, on CPUs, with MPI.\n"
          "\n"
          "Usage: tec COMMAND [-c CONFIG.yaml] [section.key=value ...]\n"
          "       mpirun -n RANKS tec COMMAND ...      (or srun; commands marked * take any number of ranks)\n"
          "\n"
          "Commands:\n",
          out);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(out, " %c %-10s %s\n", commands[i]->parallel ? '*' : ' ', commands[i]->name, commands[i]->summary);
    fputs("\n"
          "tec COMMAND --help lists the options and settings of a command; tec --version says which tec this is.\n"
          "\n"
          "Exit code: 0 done; 1 a check that was asked for did not pass; 2 a mistake in settings, command line or\n"
          "input files; 3 the machine failed (memory, disk, MPI); 4 training diverged (the loss is not finite).\n",
          out);
}

static const tec_command *find_command(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (!strcmp(commands[i]->name, name))
            return commands[i];
    return NULL;
}

static tec_status fail_unknown(const char *name)
{
    const char *names[COMMANDS];
    for (int i = 0; i < COMMANDS; i++)
        names[i] = commands[i]->name;
    const char *nearest = tec_suggest(name, names, COMMANDS);
    if (nearest)
        return tec_fail(TEC_USER_ERROR, "unknown command `%.80s`; did you mean `%s`?", name, nearest);
    return tec_fail(TEC_USER_ERROR, "unknown command `%.80s`; `tec --help` lists them", name);
}

/* What was printed may still be in a buffer, and the disk full. */
static tec_status flush_results(tec_status status)
{
    if ((fflush(stdout) || ferror(stdout)) && status == TEC_OK)
        return tec_fail(TEC_SYSTEM_ERROR, "the results cannot be written to standard output: %s", strerror(errno));
    return status;
}

static tec_status run_command(const tec_command *command, int argc, char **argv)
{
    tec_comm comm;
    tec_invocation call;
    if (command->parallel)
        tec_comm_start(&comm);
    else
        tec_comm_local(&comm);
    tec_status status = tec_command_parse(command, &comm, argc, argv, &call);
    if (status == TEC_OK) {
        tec_threads_set(tec_settings_threads(&call.settings));
        tec_watchdog_start(&comm, call.settings.run.watchdog_minutes);
        status = command->run(&comm, &call);
        tec_progress_end();
    }
    tec_invocation_free(&call);
    status = tec_comm_agree(&comm, flush_results(status));
    if (status != TEC_OK && comm.rank == 0)
        tec_log_error(-1, tec_error_message());
    tec_watchdog_end();
    tec_comm_finish(&comm);
    return status;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const tec_command *command = find_command(name);
    tec_status status = TEC_OK;
    if (command && !tec_command_asks_help(argc - 1, argv + 1))
        return run_command(command, argc - 1, argv + 1);

    if (command)
        tec_command_help(command, stdout);
    else if (!strcmp(name, "--help") || !strcmp(name, "-h"))
        print_help(stdout);
    else if (!strcmp(name, "--version"))
        printf("tec %s\n", tec_version());
    else
        status = argc > 1 ? fail_unknown(name) : tec_fail(TEC_USER_ERROR, "no command; `tec --help` lists them");
    status = flush_results(status);
    if (status != TEC_OK)
        tec_log_error(-1, tec_error_message());
    return status;
}
