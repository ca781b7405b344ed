/* Module train, private. What a run keeps in its directory besides the log, and how it resumes from there. */
#ifndef TEC_TRAIN_RUN_DIRECTORY_H
#define TEC_TRAIN_RUN_DIRECTORY_H

#include "run_lock.h"

#include "tec/checkpoint.h"
#include "tec/run.h"
#include "tec/trainer.h"

/* Collective. Reads weights, moments and *state from the last undamaged checkpoint, for every rank. *found false: a new
 * run, with rank 0's initial weights and *state. *changes, on rank 0: what the settings have changed since the checkpoint;
 * the caller has zeroed it and frees it. TEC_USER_ERROR: the checkpoint is of a different run, or --fresh was given once
 * and there is a run. */
tec_status tec_run_directory_resume(const tec_comm *comm, const tec_run_plan *plan, tec_trainer *trainer,
                                    tec_run_state *state, tec_run_changes *changes, bool *found);

/* Rank 0. Removes temporary files that killed processes have left, which may take the room of several checkpoints. Those
 * that only a run writes are its own to remove if this process `holds` the directory's lock. */
void tec_run_directory_sweep(const tec_run_plan *plan, const run_lock *lock);

/* Rank 0. Removes what is invalid from the first step on: DONE and, unless the
 * run was `resumed`, the checkpoints of an earlier run, which a restart would otherwise resume, and its event files. */
tec_status tec_run_directory_clear(const tec_run_plan *plan, bool resumed);

/* Rank 0. Writes a checkpoint, unless the directory is no longer that of this lock (tec_run_lock_check). */
tec_status tec_run_directory_checkpoint(const tec_run_plan *plan, const run_lock *lock, tec_trainer *trainer,
                                        const tec_run_state *state);

/* Collective. Writes settings.yaml and environment.json (versions, hosts, ranks and starts). `resumed_at`: the step that
 * the run goes on from; -1: it is begun. The settings that a resumed run had before are kept as settings_1.yaml,
 * settings_2.yaml, ...; those of a run that is begun again are removed. */
tec_status tec_run_directory_describe(const tec_comm *comm, const tec_run_plan *plan, const tec_run_changes *changes,
                                      int64_t resumed_at);

/* Rank 0. Writes DONE. */
tec_status tec_run_directory_done(const tec_run_plan *plan);

/* DIR/checkpoint.h5; the caller frees it. */
char *tec_run_directory_checkpoint_path(const tec_run_plan *plan);

#endif
