/* The table of commands. */
#include "jobs.h"

/* clang-format off */
const tec_command *const tec_commands[] = {
    &tec_command_pretrain,
    &tec_command_targets,
    &tec_command_finetune,
    &tec_command_predict,
    &tec_command_features,
    &tec_command_knn,
    &tec_command_probe,
    &tec_command_neighbours,
    &tec_command_check,
    &tec_command_export,
    &tec_command_pack,
    &tec_command_inspect,
    &tec_command_report,
    &tec_command_settings,
    &tec_command_selftest,
    &tec_command_bench,
    &tec_command_plan,
    &tec_command_help,
    NULL,
};
/* clang-format on */
