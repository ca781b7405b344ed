/* Module jobs, private. The commands of the program, and what several of them share. */
#ifndef TEC_JOBS_H
#define TEC_JOBS_H

#include "command.h"

#include "tec/setup.h"

#include <jansson.h>

extern const tec_command tec_command_pretrain, tec_command_finetune, tec_command_predict, tec_command_targets,
    tec_command_knn, tec_command_probe, tec_command_check, tec_command_export, tec_command_pack, tec_command_inspect,
    tec_command_settings, tec_command_selftest, tec_command_bench, tec_command_plan, tec_command_help;

/* Prints the versions of tec and of its libraries, for `tec --version`. */
void tec_versions_print(FILE *out);

/* Collective. Rank 0 writes `object` to NAME.json in run.dir, which must exist, and the resolved settings to NAME.yaml,
 * for `-c`; earlier ones are kept as NAME_1.json and NAME_1.yaml, and so on. Borrows `object`, which the other ranks need
 * not have. */
tec_status tec_job_write_results(const tec_comm *comm, const tec_settings *settings, const char *name,
                                 const json_t *object);

/* A new JSON object for knn.json or probe.json: the settings that features depend on, and the sizes of both sets.
 * `normalisation`: of the images. */
json_t *tec_job_evaluation_json(const tec_settings *settings, const tec_evaluation *evaluation,
                                const tec_normalisation *normalisation);

/* A name of a file or a class for JSON, which holds UTF-8 only: of a name in another encoding, the bytes above 127 become
 * question marks. */
json_t *tec_job_name_json(const char *name);

/* Logs what a run trains on. The incomplete batch at the end of an epoch is not trained on, which is said. */
void tec_job_say_run(const tec_comm *comm, const tec_run_plan *plan);

/* 100 part / total. */
double tec_job_percent(int64_t part, int64_t total);

#endif
