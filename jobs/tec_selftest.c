/* tec selftest FILE.h5 ...: replays golden fixtures on this machine. */
#include "jobs.h"

#include "tec/replay.h"

#include <math.h>
#include <stdio.h>

enum { OPTION_TOL };

static const tec_option options[] = {{"tol", TEC_OPTION_NUMBER, "X",
                                      .help = "largest relative error allowed (default 1e-4)", .most = INFINITY,
                                      .otherwise = 1e-4},
                                     {0}};

/* Prints a line with the error of every figure, and the tensor where it is largest. Returns whether all are within
 * limits. */
static bool report(const char *path, const tec_replay_result *result, double tolerance)
{
    bool passed = true;
    printf("%s:", path);
    for (int i = 0; i < result->count; i++) {
        const tec_replay_figure *figure = &result->figure[i];
        printf(" %s %.2e", figure->name, figure->error);
        if (figure->where[0])
            printf(" (%s)", figure->where);
        passed = passed && figure->error >= 0 && figure->error <= tolerance * figure->limit;
    }
    printf(" %s\n", passed ? "ok" : "FAILED");
    fflush(stdout);
    return passed;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    (void)comm;
    double tolerance = call->option[OPTION_TOL].number;
    int failed = 0;
    if (call->file_count == 0)
        return tec_fail(TEC_USER_ERROR, "no fixture is given: tec selftest FILE.h5 ...");
    for (int i = 0; i < call->file_count; i++) {
        tec_replay_result result;
        TEC_TRY(tec_replay(call->files[i], &result));
        failed += !report(call->files[i], &result, tolerance);
    }
    if (failed)
        return tec_fail(TEC_CHECK_FAILED, "%d of %d fixtures are not within %g", failed, call->file_count, tolerance);
    return TEC_OK;
}

const tec_command tec_command_selftest = {
    .name = "selftest",
    .usage = "FILE.h5 ... [--tol X]",
    .summary = "replay golden fixtures and compare losses and gradients",
    .details = "Prints one line per file: the relative error of each loss, the largest relative "
               "error of a tensor's gradient (||got - want|| / ||want||) with its name, and, if "
               "the file has AdamW steps, the errors of the losses along them and of the weights' "
               "change (50 times the tolerance is allowed for it, as Adam's first steps magnify "
               "rounding). Exit code 0 only if every figure of every file is within the tolerance.",
    .options = options,
    .takes_files = true,
    .run = run,
};
