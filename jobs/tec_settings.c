/* tec settings: prints the settings that result from a configuration, for people and for scripts. */
#include "jobs.h"

#include <stdio.h>

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    (void)comm;
    if (call->file_count == 0)
        return tec_settings_print(&call->settings, stdout);
    for (int i = 0; i < call->file_count; i++)
        TEC_TRY(tec_settings_print_value(&call->settings, call->files[i], stdout));
    return TEC_OK;
}

static const char *const sections[] = {"data", "model", "base",  "targets", "pretrain", "finetune",
                                       "eval", "knn",   "probe", "run",     NULL};

const tec_command tec_command_settings = {
    .name = "settings",
    .usage = "[-c CONFIG.yaml] [section.key=value ...] [section.key ...]",
    .summary = "print the resolved settings, or the values of some",
    .details = "Without keys: all settings as resolved, as YAML for -c. With keys: the value "
               "of each on a line of its own, texts without quotes, in the given order.",
    .sections = sections,
    .takes_files = true,
    .run = run,
};
