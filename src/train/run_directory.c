/* The files of a run directory: checkpoints, settings.yaml, environment.json, DONE. */
#include "run_directory.h"

#include "run_environment.h"
#include "run_events.h"

#include "tec/dataset_kept.h"
#include "tec/dataset_record.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/minmax.h"
#include "tec/temporary.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SETTINGS "settings.yaml"
#define LONGEST_SETTINGS ((size_t)1 << 20)

char *tec_run_directory_checkpoint_path(const tec_run_plan *plan)
{
    return tec_path_join(plan->dir, "checkpoint.h5");
}

#define REMEDY "give another run.dir, or --fresh twice to overwrite the run"

/* TEC_USER_ERROR: "PATH: WHAT (data.train was "a", is "b"); set it back, or REMEDY", with the changed settings of
 * `sections`. */
static tec_status refuse(const char *path, const tec_run_changes *changes, const char *sections, const char *what)
{
    char *changed = tec_run_changes_text(changes, sections);
    tec_status status = *changed ? tec_fail(TEC_USER_ERROR, "%s: %s (%s); %s, or " REMEDY, path, what, changed,
                                            strstr(changed, "; ") ? "set back what differs" : "set it back")
                                 : tec_fail(TEC_USER_ERROR, "%s: %s; " REMEDY, path, what);
    free(changed);
    return status;
}

static tec_status refuse_images(const tec_run_plan *plan, const char *path, const tec_run_changes *changes)
{
    char *difference = tec_dataset_record_difference(plan->set, plan->dir);
    char *what = tec_string_format("the run was trained on another data set, or its files or labels have changed%s%s",
                                   *difference ? ": " : "", difference);
    tec_status status =
        refuse(path, changes,
               "data.train|data.max_train|finetune.label|data.labels|data.channels|data.bands|data.range|"
               "data.exif_orientation",
               what);
    free(what);
    free(difference);
    return status;
}

/* What a run keeps by the word of the settings. */
static tec_status check_kept(const char *path, const tec_run_changes *changes)
{
    for (int i = 0; i < changes->count; i++) {
        const tec_run_change *c = &changes->change[i];
        if (c->kept)
            return tec_fail(TEC_USER_ERROR,
                            "%s: %s was %s in this run so far and is %s now; a run keeps it: set it back, "
                            "or " REMEDY,
                            path, c->key, c->was, c->is);
    }
    return TEC_OK;
}

/* Do these settings continue the run in the file? */
static tec_status check_same_run(const tec_run_plan *plan, const char *path, const tec_model_config *found,
                                 const tec_run_state *state, const tec_run_changes *changes)
{
    const char *difference = tec_model_config_difference(found, &plan->task->model);
    if (difference) {
        char *what = tec_string_format("%s differs from the settings", difference);
        tec_status status = refuse(path, changes,
                                   "model.|data.image_size|data.channels|pretrain.objective|"
                                   "pretrain.norm_pix|pretrain.attention|pretrain.more_targets|base.|targets.dir|"
                                   "finetune.model|finetune.pooling",
                                   what);
        free(what);
        return status;
    }
    if (state->dataset != tec_dataset_fingerprint(plan->set))
        return refuse_images(plan, path, changes);
    if (state->seed != plan->recipe.seed)
        return tec_fail(TEC_USER_ERROR,
                        "%s: the run has run.seed %llu, the settings have %llu; set it back, or " REMEDY, path,
                        (unsigned long long)state->seed, (unsigned long long)plan->recipe.seed);
    if (state->batch != plan->recipe.batch)
        return tec_fail(TEC_USER_ERROR, "%s: the run has %s.batch %d, the settings have %d; set it back, or " REMEDY,
                        path, tec_recipe_section(&plan->recipe), state->batch, plan->recipe.batch);
    if (state->base && state->base != plan->base)
        return refuse(path, changes, "base.|targets.dir|finetune.model",
                      plan->store
                          ? "the run has learnt from another base model, whose targets are not those of the settings"
                          : "the run began with another model");
    if (state->store && state->store != plan->store)
        return refuse(path, changes, "base.|targets.|pretrain.more_targets|data.crop|data.flip",
                      "the run has learnt from other targets");
    return check_kept(path, changes);
}

/* Reads from the checkpoint what the settings were. */
static void compare_settings(const tec_run_plan *plan, const char *path, tec_run_changes *changes)
{
    tec_run_changes_free(changes);
    char *settings = tec_checkpoint_read_settings(path);
    const char *reason = "it has none";
    if (plan->compare && settings && *settings) {
        changes->known = plan->compare(plan->now, settings, changes) == TEC_OK;
        reason = tec_error_message();
    }
    if (plan->compare && !changes->known)
        tec_warn("%s: the settings of the run so far cannot be read (%s), so that changes since are not noticed", path,
                 reason);
    changes->settings = settings;
}

/* *damaged: the file itself is bad, so an older one may do. */
static tec_status read_checkpoint(const tec_run_plan *plan, const char *path, tec_trainer *trainer,
                                  tec_run_state *state, tec_run_changes *changes, bool *damaged)
{
    tec_params *params = tec_model_params(tec_trainer_model(trainer));
    tec_adamw *adamw = tec_trainer_adamw(trainer);
    tec_model_config found = {0};
    *damaged = true;
    TEC_TRY(tec_checkpoint_read_config(path, &found));
    if (tec_model_config_difference(&found, &plan->task->model) == NULL) {
        TEC_TRY(tec_checkpoint_read_run(path, params, adamw->m, adamw->v, tec_trainer_average(trainer), state));
    }
    *damaged = false;
    compare_settings(plan, path, changes);
    return check_same_run(plan, path, &found, state, changes);
}

/* The last checkpoint and the one before it; the caller frees both. */
static void checkpoint_paths(const tec_run_plan *plan, char **path, char **previous)
{
    *path = tec_run_directory_checkpoint_path(plan);
    *previous = tec_checkpoint_previous(*path);
}

/* Reads the previous checkpoint instead of the last one, which could not be read (this thread's last message says why),
 * or is missing (`damaged` NULL). The damaged file makes room for the next checkpoint, but is kept for inspection. */
static tec_status go_back(const tec_run_plan *plan, const char *damaged, const char *previous, tec_trainer *trainer,
                          tec_run_state *state, tec_run_changes *changes)
{
    char *reason = tec_string_copy(tec_error_message());
    char *kept = tec_path_join(plan->dir, "checkpoint_damaged.h5");
    bool unreadable;
    tec_status status = read_checkpoint(plan, previous, trainer, state, changes, &unreadable);
    if (status == TEC_OK && damaged) {
        status = tec_file_rename(damaged, kept);
        if (status == TEC_OK)
            tec_warn("%s; going back to %s, step %lld; the damaged file is kept as %s", reason, previous,
                     (long long)state->step, kept);
    } else if (status != TEC_OK && damaged && unreadable) {
        status = tec_fail(status, "%s; and the one before it: %s", reason, tec_error_message());
    }
    free(kept);
    free(reason);
    return status;
}

static tec_status read_last(const tec_run_plan *plan, tec_trainer *trainer, tec_run_state *state,
                            tec_run_changes *changes, bool *found)
{
    char *path, *previous;
    checkpoint_paths(plan, &path, &previous);
    const char *from = path;
    bool damaged = true, there, older = false;
    tec_status status = tec_file_look(path, &there);
    if (status == TEC_OK)
        status = tec_file_look(previous, &older);
    *found = there || older;
    if (status == TEC_OK && there)
        status = read_checkpoint(plan, path, trainer, state, changes, &damaged);
    if (older && damaged) {
        from = previous;
        status = go_back(plan, there ? path : NULL, previous, trainer, state, changes);
    }
    if (*found && status == TEC_OK)
        tec_log("resuming %s at step %lld", from, (long long)state->step);
    free(previous);
    free(path);
    return status;
}

static tec_status refuse_to_overwrite(const tec_run_plan *plan)
{
    char *path, *previous;
    checkpoint_paths(plan, &path, &previous);
    bool there, older = false;
    tec_status status = tec_file_look(path, &there);
    if (status == TEC_OK && !there)
        status = tec_file_look(previous, &older);
    if (there || older)
        status = tec_fail(TEC_USER_ERROR, "%s exists: --fresh would overwrite the run; give --fresh twice to do so",
                          there ? path : previous);
    free(previous);
    free(path);
    return status;
}

tec_status tec_run_directory_resume(const tec_comm *comm, const tec_run_plan *plan, tec_trainer *trainer,
                                    tec_run_state *state, tec_run_changes *changes, bool *found)
{
    tec_status status = TEC_OK;
    *found = false;
    if (comm->rank == 0 && plan->fresh == 0)
        status = read_last(plan, trainer, state, changes, found);
    if (comm->rank == 0 && plan->fresh == 1)
        status = refuse_to_overwrite(plan);
    TEC_TRY(tec_comm_agree(comm, status));
    tec_comm_broadcast(comm, found, sizeof *found, 0);
    tec_comm_broadcast(comm, state, sizeof *state, 0);
    /* Of a new run too: the math library may round initial weights differently on another processor. */
    tec_trainer_spread(trainer, *found);
    tec_trainer_adamw(trainer)->step = state->step;
    tec_trainer_adamw(trainer)->unclipped = tec_max_double(state->unclipped, 1);
    return TEC_OK;
}

/* What only a run writes; other commands write their results there, too. */
static const char *const written_by_runs[] = {"checkpoint.h5.", "checkpoint_prev.h5.", "room."};

/* Until 0.1 these had no owner's name. */
static const char *const nameless[] = {"checkpoint.h5.tmp", "checkpoint_prev.h5.link.tmp"};

void tec_run_directory_sweep(const tec_run_plan *plan, const run_lock *lock)
{
    for (size_t i = 0; lock->held && i < sizeof written_by_runs / sizeof *written_by_runs; i++)
        tec_temporary_remove_all(plan->dir, written_by_runs[i]);
    for (size_t i = 0; lock->held && i < sizeof nameless / sizeof *nameless; i++) {
        char *path = tec_path_join(plan->dir, nameless[i]);
        if (unlink(path) == 0)
            tec_log("%s: removed, as a killed process has left it", path);
        free(path);
    }
    tec_temporary_remove(plan->dir, "", NULL);
}

tec_status tec_run_directory_clear(const tec_run_plan *plan, bool resumed)
{
    char *path, *previous, *done = tec_path_join(plan->dir, "DONE");
    checkpoint_paths(plan, &path, &previous);
    tec_status status = tec_file_remove(done);
    if (status == TEC_OK && !resumed)
        status = tec_file_remove(previous);
    if (status == TEC_OK && !resumed)
        status = tec_file_remove(path);
    if (status == TEC_OK && !resumed)
        status = tec_run_events_remove(plan->dir);
    if (status == TEC_OK && !resumed && plan->results) {
        char *results = tec_path_join(plan->dir, plan->results);
        status = tec_file_remove(results);
        free(results);
    }
    free(done);
    free(previous);
    free(path);
    return status;
}

/* tec_checkpoint_confirm */
static tec_status still_locked(const void *lock)
{
    return tec_run_lock_check(lock);
}

/* A look before and after, as writing takes long, and the temporary file would take the room of others. */
tec_status tec_run_directory_checkpoint(const tec_run_plan *plan, const run_lock *lock, tec_trainer *trainer,
                                        const tec_run_state *state)
{
    TEC_TRY(tec_run_lock_check(lock));
    tec_adamw *adamw = tec_trainer_adamw(trainer);
    char *path = tec_run_directory_checkpoint_path(plan);
    tec_status status =
        tec_checkpoint_write(path, &plan->task->model, tec_model_params(tec_trainer_model(trainer)),
                             &(tec_checkpoint_run){adamw->m, adamw->v, tec_trainer_average(trainer), state},
                             &(tec_checkpoint_texts){plan->settings, plan->classes}, still_locked, lock);
    free(path);
    return status;
}

static tec_status write_file(const tec_run_plan *plan, const char *name, const char *text)
{
    char *path = tec_path_join(plan->dir, name);
    tec_status status = tec_file_write(path, text, strlen(text));
    free(path);
    return status;
}

/* Where former settings are kept: DIR/settings_1.yaml, ...; the caller frees it. */
static char *kept_path(const tec_run_plan *plan, int number)
{
    char *name = tec_string_format("settings_%d.yaml", number), *path = tec_path_join(plan->dir, name);
    free(name);
    return path;
}

static bool file_has(const char *path, const char *text)
{
    char *found = NULL;
    size_t bytes;
    bool same = tec_file_read(path, LONGEST_SETTINGS, &found, &bytes) == TEC_OK && strcmp(found, text) == 0;
    free(found);
    return same;
}

/* Keeps settings that the run once had, unless it still has them or they are kept already. */
static tec_status keep_settings(const tec_run_plan *plan, const char *text)
{
    tec_status status = TEC_OK;
    bool kept = strcmp(text, plan->settings) == 0;
    for (int number = 1; !kept && status == TEC_OK; number++) {
        char *path = kept_path(plan, number);
        if (!tec_file_exists(path)) {
            status = tec_file_write(path, text, strlen(text));
            kept = true;
        } else
            kept = file_has(path, text);
        free(path);
    }
    return status;
}

/* Those in the checkpoint and, since a run may have ended before its first checkpoint with others, settings.yaml. */
static tec_status keep_former_settings(const tec_run_plan *plan, const tec_run_changes *changes)
{
    char *path = tec_path_join(plan->dir, SETTINGS), *text = NULL;
    size_t bytes;
    tec_status status = changes->settings ? keep_settings(plan, changes->settings) : TEC_OK;
    if (status == TEC_OK && tec_file_exists(path) && tec_file_read(path, LONGEST_SETTINGS, &text, &bytes) == TEC_OK)
        status = keep_settings(plan, text);
    free(text);
    free(path);
    return status;
}

static tec_status remove_former_settings(const tec_run_plan *plan)
{
    tec_status status = TEC_OK;
    bool there = true;
    for (int number = 1; there && status == TEC_OK; number++) {
        char *path = kept_path(plan, number);
        there = tec_file_exists(path);
        status = tec_file_remove(path);
        free(path);
    }
    return status;
}

static tec_status write_settings(const tec_run_plan *plan, const tec_run_changes *changes, bool resumed)
{
    TEC_TRY(resumed ? keep_former_settings(plan, changes) : remove_former_settings(plan));
    if (!resumed || !tec_dataset_record_exists(plan->dir))
        TEC_TRY(tec_dataset_record_write(plan->set, plan->dir));
    tec_dataset_list_keep(plan->set, plan->dir);
    if (plan->validation)
        tec_dataset_list_keep(plan->validation->set, plan->dir);
    return write_file(plan, SETTINGS, plan->settings);
}

tec_status tec_run_directory_describe(const tec_comm *comm, const tec_run_plan *plan, const tec_run_changes *changes,
                                      int64_t resumed_at)
{
    char *path = tec_path_join(plan->dir, "environment.json");
    tec_status status = comm->rank == 0 ? write_settings(plan, changes, resumed_at >= 0) : TEC_OK;
    status = tec_comm_agree(comm, status);
    if (status == TEC_OK)
        status = tec_run_environment_write(comm, path, resumed_at);
    free(path);
    return status;
}

tec_status tec_run_directory_done(const tec_run_plan *plan)
{
    return write_file(plan, "DONE", "");
}
