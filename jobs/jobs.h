/* Module jobs, private. The commands of the program, and what several of them share. */
#ifndef TEC_JOBS_H
#define TEC_JOBS_H

#include "command.h"

#include "tec/setup.h"

#include <jansson.h>

extern const tec_command tec_command_pretrain, tec_command_finetune, tec_command_predict, tec_command_features,
    tec_command_neighbours, tec_command_targets, tec_command_knn, tec_command_probe, tec_command_check,
    tec_command_export, tec_command_pack, tec_command_inspect, tec_command_settings, tec_command_selftest,
    tec_command_bench, tec_command_plan, tec_command_report, tec_command_help;

/* Prints the versions of tec and of its libraries, for `tec --version`. */
void tec_versions_print(FILE *out);

/* Collective. Rank 0 writes `object`, and how long the model had been trained, to NAME.json in run.dir, which must exist,
 * and the resolved settings to NAME.yaml, for `-c`; earlier ones are kept as NAME_1.json and NAME_1.yaml, and so on.
 * Borrows `object`, which the other ranks need not have. */
tec_status tec_job_write_results(const tec_comm *comm, const tec_settings *settings, const tec_evaluated *about,
                                 const char *name, const json_t *object);

/* Collective, before the work. Can `path`, the option -o, be written (tec_file_check_output), and is it none of the files
 * on the command line? NULL, which is standard output, is always right. TEC_USER_ERROR: no. */
tec_status tec_job_check_output(const tec_comm *comm, const tec_invocation *call, const char *path);

/* A new JSON object for knn.json or probe.json: what features depend on, and the sizes of both sets. */
json_t *tec_job_evaluation_json(const tec_settings *settings, const tec_evaluation *evaluation,
                                const tec_evaluated *about);

/* A name of a file or a class for JSON, which holds UTF-8 only: of a name in another encoding, the bytes above 127 become
 * question marks. */
json_t *tec_job_name_json(const char *name);

/* The options of commands that train, by which `call->option` is indexed; `section` has their recipe. */
enum { TEC_RUN_FRESH, TEC_RUN_FINISH };
#define TEC_RUN_OPTIONS(section)                                                                                       \
    {"fresh", .help = "start a new run; if run.dir already has one, it is overwritten only if this is given twice"},   \
    {                                                                                                                  \
        "finish", TEC_OPTION_WHOLE, "N",                                                                               \
            .help = "end the run that is in run.dir: within the next N steps the learning rate falls from what it is " \
                    "to " section ".min_lr, and the run is done; at most as many as it has left",                      \
            .least = 1, .most = 1e12                                                                                   \
    }

/* The keys that say how a command prepares centre crops of images given on its command line. */
#define TEC_CENTRE_CROP_KEYS                                                                                           \
    "eval.batch", "eval.resize", "eval.crop_pct", "eval.interpolation", "data.workers", "data.prefetch",               \
        "data.on_bad_image", "data.strict_images", "data.exif_orientation", "run.threads", "run.watchdog_minutes"

/* What the plans of all commands that train have in common. `now` and `text`, the resolved settings, are borrowed. */
tec_run_plan tec_job_plan(const tec_invocation *call, const tec_setup_now *now, const char *text,
                          tec_deadline deadline);

/* Logs what a run trains on. The incomplete batch at the end of an epoch is not trained on, nor with repeats are more
 * images than fill its steps, which is said. */
void tec_job_say_run(const tec_comm *comm, const tec_run_plan *plan);

/* 100 part / total. */
double tec_job_percent(int64_t part, int64_t total);

/* tec_run_show: the pictures of `tec report` of run.pictures images; `settings`: tec_settings of the run. */
int tec_job_show(const void *settings, tec_event_picture **out);

#endif
