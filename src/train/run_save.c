/* Room for checkpoints, and going on without one that cannot be written. */
#include "run_save.h"

#include "run_directory.h"

#include "tec/clock.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/minmax.h"
#include "tec/room.h"
#include "tec/text.h"

#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#define COPIES 3          /* the last checkpoint, the one before it, the one that is being written */
#define FIRST_WAIT 60     /* seconds until the next attempt, if no epoch ends before; doubled after every failure */
#define LONGEST_WAIT 1800 /* seconds */

/* How many checkpoints there will be at the ends of epochs, and where --finish begins. */
static int64_t checkpoints_ahead(const tec_recipe *recipe, const tec_run_state *state)
{
    int64_t epochs = tec_max_int64(recipe->epochs - state->epoch, 0);
    bool finishes = state->finish_steps > 0 && state->finish_from == state->step; /* writes one at once */
    return (epochs + recipe->checkpoint_epochs - 1) / recipe->checkpoint_epochs + finishes;
}

tec_status tec_run_saving_room(const tec_run_plan *plan, const tec_params *params, const tec_run_state *state,
                               bool resumed)
{
    const int64_t ahead = checkpoints_ahead(&plan->recipe, state);
    if (ahead == 0)
        return TEC_OK;
    char *path = tec_run_directory_checkpoint_path(plan), *previous = tec_checkpoint_previous(path);
    const char *const there[] = {path, previous};
    const int64_t each = tec_checkpoint_bytes(params, plan->recipe.ema > 0);
    int64_t bytes = tec_min_int64(COPIES, resumed + ahead) * each;
    for (int i = 0; i < 2; i++) {
        struct stat info;
        if (stat(there[i], &info) == 0)
            bytes -= tec_min_int64(info.st_size, each);
    }
    char one[32];
    char *what = tec_string_format("a checkpoint has %s, and while one is written the two before it are kept: this run",
                                   tec_room_text(one, each));
    tec_status status = tec_room_try(plan->dir, tec_max_int64(bytes, each), each, what, "give another run.dir");
    free(what);
    free(previous);
    free(path);
    return status;
}

void tec_run_saving_done(run_saving *saving, const tec_recipe *recipe, int64_t step)
{
    if (saving->failures > 0)
        tec_log("the checkpoint of step %lld is written, after %d that could not be", (long long)step,
                saving->failures);
    double minutes = recipe->checkpoint_minutes;
    *saving = (run_saving){.step = step, .next = tec_seconds() + (minutes > 0 ? 60 * minutes : INFINITY)};
}

/* tec_run_saving_last; *there: is there one? */
static char *last_checkpoint(const run_saving *saving, const tec_run_plan *plan, bool *there)
{
    *there = false;
    if (saving->step < 0)
        return tec_string_copy("there is no checkpoint yet");
    char *path = tec_run_directory_checkpoint_path(plan), *previous = tec_checkpoint_previous(path);
    const char *last = tec_file_exists(path) ? path : tec_file_exists(previous) ? previous : NULL;
    char *text = last ? tec_string_format("the last good checkpoint is %s (step %lld)", last, (long long)saving->step)
                      : tec_string_format("there is no checkpoint any more: that of step %lld, %s, has been removed",
                                          (long long)saving->step, path);
    *there = last != NULL;
    free(previous);
    free(path);
    return text;
}

char *tec_run_saving_last(const run_saving *saving, const tec_run_plan *plan)
{
    bool there;
    return last_checkpoint(saving, plan, &there);
}

tec_status tec_run_saving_failed(run_saving *saving, const tec_run_plan *plan, int64_t step, tec_status status,
                                 bool last)
{
    bool there;
    char *kept = last_checkpoint(saving, plan, &there), when[32];
    double wait = tec_min_double(ldexp(FIRST_WAIT, tec_min_int(saving->failures, 10)), LONGEST_WAIT);
    if (status == TEC_SYSTEM_ERROR && !last) {
        saving->failures++;
        saving->next = tec_seconds() + wait;
        /* Short epochs would repeat it without end. */
        if ((saving->failures & (saving->failures - 1)) == 0) {
            tec_progress_end();
            tec_warn(
                "no checkpoint at step %lld (attempt %d): %s; training goes on, %s; the next attempt is made at the "
                "end of an epoch, or in %s",
                (long long)step, saving->failures, tec_error_message(), kept, tec_duration(when, wait));
        }
        status = TEC_OK;
    } else if (status == TEC_SYSTEM_ERROR) {
        status = tec_fail(status, "%s; the run ends at step %lld without a checkpoint of it, %s: the same command %s",
                          tec_error_message(), (long long)step, kept, there ? "goes on from there" : "begins anew");
    }
    free(kept);
    return status;
}
