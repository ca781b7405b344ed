/* tec: one program, a command per job. */
#include "jobs.h"

#include "tec/gemm.h"
#include "tec/launcher.h"
#include "tec/log.h"
#include "tec/watchdog.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Output may still be in a buffer, and the disk may be full. */
static tec_status flush_results(tec_status status)
{
    if ((fflush(stdout) || ferror(stdout)) && status == TEC_OK)
        return tec_fail(TEC_SYSTEM_ERROR, "the results cannot be written to standard output: %s", strerror(errno));
    return status;
}

/* One of several processes that share the work without MPI, by --worker i/n? The number may be that of a job array,
 * which would be the same for all processes of a job. */
static bool is_worker(const tec_command *command, const tec_invocation *call)
{
    if (getenv("SLURM_ARRAY_TASK_ID"))
        return false;
    for (int i = 0; command->options && command->options[i].name; i++)
        if (command->options[i].type == TEC_OPTION_PART && call->option[i].times > 0)
            return true;
    return false;
}

static tec_status run_command(const tec_command *command, int argc, char **argv)
{
    tec_comm comm;
    tec_invocation call;
    if (command->parallel) {
        tec_watchdog_start(tec_command_watchdog(command, argc, argv));
        tec_comm_start(&comm);
    } else {
        tec_comm_local(&comm);
    }
    tec_status status = tec_command_parse(command, &comm, argc, argv, &call);
    if (status == TEC_OK && command->parallel && !is_worker(command, &call))
        status = tec_launcher_check(&comm);
    if (status == TEC_OK) {
        tec_threads_set(tec_settings_threads(&call.settings));
        if (command->parallel)
            tec_watchdog_change(&comm, call.settings.run.watchdog_minutes);
        status = command->run(&comm, &call);
        tec_progress_end();
    }
    tec_invocation_free(&call);
    status = tec_comm_agree(&comm, flush_results(status));
    if (status != TEC_OK && comm.rank == 0)
        tec_log_error(-1, tec_error_message());
    tec_comm_finish(&comm);
    tec_watchdog_end();
    return status;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const tec_command *command = tec_command_find(name);
    tec_status status = TEC_OK;
    signal(SIGXFSZ, SIG_IGN); /* a file too large for `ulimit -f` is a write that fails */
    if (command && !tec_command_asks_help(argc - 1, argv + 1))
        return (int)run_command(command, argc - 1, argv + 1);

    if (command)
        tec_command_print_help(command, stdout);
    else if (!strcmp(name, "--help") || !strcmp(name, "-h"))
        tec_commands_print_help(stdout);
    else if (!strcmp(name, "--version") || !strcmp(name, "-V"))
        tec_versions_print(stdout);
    else
        status = argc > 1 ? tec_command_unknown(name)
                          : tec_fail(TEC_USER_ERROR, "no command is given; `tec --help` lists them");
    status = flush_results(status);
    if (status != TEC_OK)
        tec_log_error(-1, tec_error_message());
    return (int)status;
}
