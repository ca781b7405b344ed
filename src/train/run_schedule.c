/* The learning rate over a run: its cosine, a cosine that has been changed on the way, or an end that was asked for. */
#include "run_schedule.h"

#include "tec/log.h"
#include "tec/schedule.h"
#include "tec/text.h"

#include <math.h>

double run_schedule_lr(const tec_recipe *recipe, const tec_run_state *state, int64_t epoch_steps)
{
    if (state->finish_steps > 0)
        return tec_schedule_cosine((double)(state->step - state->finish_from), (double)state->finish_steps, 0,
                                   state->finish_lr, recipe->min_lr);
    return tec_schedule_cosine((double)state->step / (double)epoch_steps, recipe->epochs, recipe->warmup_epochs,
                               recipe->lr, recipe->min_lr);
}

int64_t run_schedule_end(const tec_recipe *recipe, const tec_run_state *state, int64_t epoch_steps)
{
    return state->finish_steps > 0 ? state->finish_from + state->finish_steps : epoch_steps * recipe->epochs;
}

/* The settings that the run had until now, if they are known. */
static const tec_recipe *former(const tec_run_plan *plan, const tec_run_changes *changes)
{
    return changes->known ? &changes->recipe : &plan->recipe;
}

static tec_status begin_finish(const tec_run_plan *plan, bool resumed, tec_run_changes *changes, int64_t epoch_steps,
                               tec_run_state *state)
{
    const tec_recipe *had = former(plan, changes);
    if (!resumed)
        return tec_fail(TEC_USER_ERROR, "--finish: %s holds no run that could be finished; leave --finish out",
                        plan->dir);
    if (changes->known && state->step >= epoch_steps * had->epochs)
        return tec_fail(TEC_USER_ERROR, "--finish: the run in %s has done all of its %d epochs; leave --finish out",
                        plan->dir, had->epochs);
    state->finish_lr = run_schedule_lr(had, state, epoch_steps);
    state->finish_from = state->step;
    state->finish_steps = plan->finish;
    long long last = (long long)run_schedule_end(had, state, epoch_steps);
    tec_run_changes_add(changes, "--finish", tec_string_copy("0"), tec_string_format("%lld", (long long)plan->finish),
                        false);
    tec_log("--finish: the learning rate falls from %.3g to %.3g over the next %lld steps, and the run ends at step "
            "%lld, in epoch %lld of %d",
            state->finish_lr, plan->recipe.min_lr, (long long)plan->finish, last, (last - 1) / epoch_steps + 1,
            had->epochs);
    return TEC_OK;
}

static tec_status go_on_finishing(const tec_run_plan *plan, const tec_run_state *state)
{
    long long from = (long long)state->finish_from, steps = (long long)state->finish_steps;
    if (plan->finish && plan->finish != state->finish_steps)
        return tec_fail(TEC_USER_ERROR,
                        "--finish %lld: the run in %s is being finished already, over %lld steps from step %lld on; "
                        "give --finish %lld, or leave it out",
                        (long long)plan->finish, plan->dir, steps, from, steps);
    tec_log("the run ends at step %lld, as --finish %lld was given at step %lld", from + steps, steps, from);
    return TEC_OK;
}

static tec_status too_few_epochs(const tec_run_plan *plan, const tec_run_changes *changes, int64_t epoch_steps,
                                 const tec_run_state *state)
{
    double done = (double)state->step / (double)epoch_steps;
    const char *section = tec_recipe_section(&plan->recipe);
    if (changes->known && state->step >= epoch_steps * changes->recipe.epochs)
        return tec_fail(TEC_USER_ERROR,
                        "%s: %s.epochs is %d, but the run is done with %.4g epochs; give %s.epochs=%d, or "
                        "another run.dir",
                        plan->dir, section, plan->recipe.epochs, done, section, changes->recipe.epochs);
    int64_t least = state->step / epoch_steps + 1;
    return tec_fail(TEC_USER_ERROR,
                    "%s: %s.epochs is %d, but the run has done %.4g epochs (%lld steps), and its learning rate "
                    "has not come down; give %s.epochs of at least %lld, or --finish N, which lets the rate fall "
                    "over the next N steps and ends the run there",
                    plan->dir, section, plan->recipe.epochs, done, (long long)state->step, section, (long long)least);
}

/* One line where the next step has another learning rate than it would have had. */
static void say_changes(const tec_run_plan *plan, const tec_run_changes *changes, int64_t epoch_steps,
                        const tec_run_state *state)
{
    const tec_recipe *had = former(plan, changes), *has = &plan->recipe;
    double was = run_schedule_lr(had, state, epoch_steps), is = run_schedule_lr(has, state, epoch_steps);
    if (had->epochs != has->epochs)
        tec_log("%s.epochs was %d and is %d: the cosine of the learning rate now ends at step %lld instead of "
                "%lld, and the rate of the next step is %.3g instead of %.3g",
                tec_recipe_section(has), had->epochs, has->epochs, (long long)run_schedule_end(has, state, epoch_steps),
                (long long)run_schedule_end(had, state, epoch_steps), is, was);
    else if (fabs(is - was) > 1e-9 * fabs(was))
        tec_log("the learning rate of the next step is %.3g instead of %.3g", is, was);
}

tec_status run_schedule_settle(const tec_run_plan *plan, bool resumed, tec_run_changes *changes, int64_t epoch_steps,
                               tec_run_state *state)
{
    int64_t end = epoch_steps * plan->recipe.epochs;
    bool other_epochs = changes->known && changes->recipe.epochs != plan->recipe.epochs;
    if (state->finish_steps > 0)
        return go_on_finishing(plan, state);
    if (plan->finish > 0)
        return begin_finish(plan, resumed, changes, epoch_steps, state);
    if (resumed && (end < state->step || (end == state->step && other_epochs)))
        return too_few_epochs(plan, changes, epoch_steps, state);
    if (resumed)
        say_changes(plan, changes, epoch_steps, state);
    return TEC_OK;
}
