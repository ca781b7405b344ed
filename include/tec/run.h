/* Module train, public. A training run: new or resumed from its directory, to its last epoch. */
#ifndef TEC_RUN_H
#define TEC_RUN_H

#include "tec/deadline.h"
#include "tec/event_record.h"
#include "tec/trainer.h"
#include "tec/validation.h"

/* A setting with another value than in the checkpoint that a run goes on from. All texts are owned. */
typedef struct tec_run_change {
    char *key;      /* "pretrain.blr" */
    char *was, *is; /* as in settings.yaml */
    bool kept;      /* a run keeps its value: with another one it is not resumed */
} tec_run_change;

typedef struct tec_run_changes {
    bool known;        /* false: what the settings were is not known */
    tec_recipe recipe; /* that the former settings give */
    char *settings;    /* the former ones, as YAML; owned */
    tec_run_change *change;
    int count;
    size_t capacity; /* of `change` */
} tec_run_changes;

/* Local. Adds a change; takes `was` and `is` over. */
void tec_run_changes_add(tec_run_changes *changes, const char *key, char *was, char *is, bool kept);
void tec_run_changes_free(tec_run_changes *changes); /* leaves it empty */

/* "data.flip was true, is false; run.threads was 1, is 2": of the keys that begin with one of the words in `sections`
 * ("data.|model."; NULL: all). "" if there are none. The caller frees it. */
char *tec_run_changes_text(const tec_run_changes *changes, const char *sections);

/* Local. Compares the settings of now with those in a checkpoint: fills in recipe and changes. TEC_USER_ERROR: the
 * latter cannot be read. */
typedef tec_status tec_run_compare(const void *now, const char *yaml, tec_run_changes *out);

/* Collective, after each validation of a run: what the command makes of it. `last`: the run is done. A failure, the same on
 * all ranks, ends the run only then; else it is warned of, and the validation is done again where the run is resumed
 * right there. */
typedef tec_status tec_run_report(const void *context, const tec_comm *comm, const tec_validation *validation,
                                  int64_t epochs, bool last);

/* Rank 0, at the end of an epoch, once its checkpoint is written: pictures for the event files, which the caller frees with
 * all that is in them. Returns how many there are; -1: none, nor will there be any later. It gives signs of life
 * (tec_phase_tick) and ends early, without pictures, if the process is to stop (tec_stop_asked). */
typedef int tec_run_show(const void *context, tec_event_picture **out);

typedef struct tec_run_plan {
    const char *dir;      /* of the run; must exist */
    const char *settings; /* YAML that reproduces this run; stored in settings.yaml and in the checkpoints */
    const char *classes;  /* names of the model's classes, each ended by a line feed, for the checkpoints; NULL: none */
    const tec_task *task;
    tec_recipe recipe;
    const tec_dataset *set;
    tec_reading reading;
    tec_reduction reduction;
    tec_run_compare *compare; /* NULL: settings are not compared */
    const void *now;          /* its first argument */
    uint64_t base, store;     /* tec_store_spec.base and tec_store_identity; 0: there is no store */
    int64_t finish;           /* --finish: end after so many further steps; 0: not given */
    int threads;              /* per rank */
    int fresh;                /* how often --fresh was given: 0 resumes, 1 refuses to overwrite, 2 starts over */
    tec_deadline deadline;    /* rank 0's is used */
    const tec_validation_settings *validation; /* NULL: none. Else after every epoch and at the end */
    tec_run_report *report;                    /* with `validation` */
    const void *report_context;
    const char *results; /* a file in `dir` that `report` writes, of which a new run removes an old one; NULL: none */
    bool tensorboard;    /* the log's numbers go to event files, too */
    tec_run_show *show;  /* with `tensorboard`; NULL: no pictures */
    const void *show_context;
    double lock_minutes; /* a restarted job waits so long for another process that trains in `dir` */
} tec_run_plan;

/* Local. TEC_USER_ERROR: --fresh and --finish were both given. */
tec_status tec_run_check_options(int fresh, int finish);

/* Collective; the same status on every rank. The run directory holds checkpoint.h5 and checkpoint_prev.h5
 * (tec/checkpoint.h), log.jsonl, settings.yaml, environment.json, lock, events.out.tfevents.* and, once all epochs are done, DONE.
 *
 * Resumes from the checkpoint if there is one. If it is damaged, it is kept as checkpoint_damaged.h5, and the run
 * resumes from the previous one with a warning. When a run is started over, its old checkpoints are removed once the
 * new run is ready to train. SIGTERM, SIGUSR1, SIGINT and an approaching deadline end the run with a checkpoint after the next
 * step: TEC_OK, but no DONE.
 *
 * A resumed run may have other settings, except for those that it keeps (base model, store, normalisation, ...). What has
 * changed is said in one line and logged with its step, and the former settings are kept as settings_1.yaml, ... With
 * `finish`, the learning rate falls from what it is to min_lr within so many steps, and the run is done; the checkpoint
 * knows of it, so that a restart goes on with that.
 *
 * TEC_USER_ERROR: the directory holds a run with another model, data set, seed, batch, base model, store or
 * normalisation, or has done more than recipe.epochs.
 * TEC_SYSTEM_ERROR: another process is training in it, and does not end while this one waits. */
tec_status tec_run_training(const tec_comm *comm, const tec_run_plan *plan);

#endif
