/* The files of a run directory: checkpoints, settings.yaml, environment.json, DONE. */
#include "run_directory.h"

#include "run_environment.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/temporary.h"
#include "tec/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *tec_run_directory_checkpoint_path(const tec_run_plan *plan)
{
    return tec_path_join(plan->dir, "checkpoint.h5");
}

/* Do these settings continue the run in the file? */
static tec_status check_same_run(const tec_run_plan *plan, const char *path, const tec_model_config *found,
                                 const tec_run_state *state)
{
    const char *difference = tec_model_config_difference(found, &plan->task->model);
    const char *remedy = "give another run.dir, or --fresh twice to overwrite the run";
    if (difference)
        return tec_fail(TEC_USER_ERROR, "%s: %s differs from the settings; %s", path, difference, remedy);
    if (state->dataset != tec_dataset_fingerprint(plan->set))
        return tec_fail(TEC_USER_ERROR, "%s: the run was trained on another data set, or its files have changed; %s",
                        path, remedy);
    if (state->seed != plan->recipe.seed)
        return tec_fail(TEC_USER_ERROR, "%s: the run has run.seed %llu, the settings have %llu; %s", path,
                        (unsigned long long)state->seed, (unsigned long long)plan->recipe.seed, remedy);
    if (state->batch != plan->recipe.batch)
        return tec_fail(TEC_USER_ERROR, "%s: the run has pretrain.batch %d, the settings have %d; %s", path,
                        state->batch, plan->recipe.batch, remedy);
    return TEC_OK;
}

/* *damaged: the file itself is bad, so an older one may do. */
static tec_status read_checkpoint(const tec_run_plan *plan, const char *path, tec_trainer *trainer,
                                  tec_run_state *state, bool *damaged)
{
    tec_params *params = tec_model_params(tec_trainer_model(trainer));
    tec_adamw *adamw = tec_trainer_adamw(trainer);
    tec_model_config found = {0};
    *damaged = true;
    TEC_TRY(tec_checkpoint_read_config(path, &found));
    if (tec_model_config_difference(&found, &plan->task->model) == NULL) {
        TEC_TRY(tec_checkpoint_read_run(path, params, adamw->m, adamw->v, state));
        TEC_TRY(tec_checkpoint_read_weights(path, params));
    }
    *damaged = false;
    return check_same_run(plan, path, &found, state);
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
                          tec_run_state *state)
{
    char *reason = tec_string_copy(tec_error_message());
    char *kept = tec_path_join(plan->dir, "checkpoint_damaged.h5");
    bool unreadable;
    tec_status status = read_checkpoint(plan, previous, trainer, state, &unreadable);
    if (status == TEC_OK && damaged) {
        if (rename(damaged, kept) != 0)
            status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be renamed to %s: %s", damaged, kept, strerror(errno));
        else
            tec_warn("%s; going back to %s, step %lld; the damaged file is kept as %s", reason, previous,
                     (long long)state->step, kept);
    } else if (status != TEC_OK && damaged && unreadable) {
        status = tec_fail(status, "%s; and the one before it: %s", reason, tec_error_message());
    }
    free(kept);
    free(reason);
    return status;
}

static tec_status read_last(const tec_run_plan *plan, tec_trainer *trainer, tec_run_state *state, bool *found)
{
    char *path, *previous;
    checkpoint_paths(plan, &path, &previous);
    const char *from = path;
    bool damaged = true, there = tec_file_exists(path), older = tec_file_exists(previous);
    tec_status status = TEC_OK;
    *found = there || older;
    if (there)
        status = read_checkpoint(plan, path, trainer, state, &damaged);
    if (older && damaged) {
        from = previous;
        status = go_back(plan, there ? path : NULL, previous, trainer, state);
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
    const char *there = tec_file_exists(path) ? path : tec_file_exists(previous) ? previous : NULL;
    tec_status status = TEC_OK;
    if (there)
        status =
            tec_fail(TEC_USER_ERROR, "%s exists: --fresh would overwrite the run; give --fresh twice to do so", there);
    free(previous);
    free(path);
    return status;
}

tec_status tec_run_directory_resume(const tec_comm *comm, const tec_run_plan *plan, tec_trainer *trainer,
                                    tec_run_state *state, bool *found)
{
    tec_params *params = tec_model_params(tec_trainer_model(trainer));
    tec_adamw *adamw = tec_trainer_adamw(trainer);
    tec_status status = TEC_OK;
    *found = false;
    if (comm->rank == 0 && plan->fresh == 0)
        status = read_last(plan, trainer, state, found);
    if (comm->rank == 0 && plan->fresh == 1)
        status = refuse_to_overwrite(plan);
    TEC_TRY(tec_comm_agree(comm, status));
    tec_comm_broadcast(comm, found, sizeof *found, 0);
    tec_comm_broadcast(comm, state, sizeof *state, 0);
    /* Of a new run too: the math library may round initial weights differently on another processor. */
    tec_comm_broadcast(comm, params->weight, params->total * sizeof(real), 0);
    tec_comm_broadcast(comm, adamw->m, params->trained * sizeof(real), 0);
    tec_comm_broadcast(comm, adamw->v, params->trained * sizeof(real), 0);
    adamw->step = state->step;
    return TEC_OK;
}

static tec_status remove_file(const char *path)
{
    if (unlink(path) == 0 || errno == ENOENT)
        return TEC_OK;
    return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be removed: %s", path, strerror(errno));
}

tec_status tec_run_directory_clear(const tec_run_plan *plan, bool resumed)
{
    char *path, *previous, *done = tec_path_join(plan->dir, "DONE");
    checkpoint_paths(plan, &path, &previous);
    tec_status status = remove_file(done);
    if (status == TEC_OK && !resumed)
        status = remove_file(previous);
    if (status == TEC_OK && !resumed)
        status = remove_file(path);
    tec_temporary_remove(plan->dir, "");
    free(done);
    free(previous);
    free(path);
    return status;
}

tec_status tec_run_directory_checkpoint(const tec_run_plan *plan, tec_trainer *trainer, const tec_run_state *state)
{
    tec_adamw *adamw = tec_trainer_adamw(trainer);
    char *path = tec_run_directory_checkpoint_path(plan);
    tec_status status = tec_checkpoint_write(path, &plan->task->model, tec_model_params(tec_trainer_model(trainer)),
                                             adamw->m, adamw->v, state, plan->settings);
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

tec_status tec_run_directory_describe(const tec_comm *comm, const tec_run_plan *plan)
{
    char *path = tec_path_join(plan->dir, "environment.json");
    tec_status status = comm->rank == 0 ? write_file(plan, "settings.yaml", plan->settings) : TEC_OK;
    status = tec_comm_agree(comm, status);
    if (status == TEC_OK)
        status = tec_run_environment_write(comm, path);
    free(path);
    return status;
}

tec_status tec_run_directory_done(const tec_run_plan *plan)
{
    return write_file(plan, "DONE", "");
}
