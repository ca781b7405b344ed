/* How long the job may still run, and whether a step or a checkpoint still fits in. */
#include "tec/deadline.h"

#include "tec/clock.h"
#include "tec/log.h"
#include "tec/minmax.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

/* Seconds from now until SLURM_JOB_END_TIME. */
static double slurm_seconds(void)
{
    const char *text = getenv("SLURM_JOB_END_TIME");
    struct timespec now;
    char *end;
    if (!text || !*text)
        return INFINITY;
    double until = strtod(text, &end);
    clock_gettime(CLOCK_REALTIME, &now);
    double left = until - ((double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
    if (*end || !(left > 0)) {
        tec_warn("SLURM_JOB_END_TIME is `%s`, which is %s: ignored", text,
                 *end ? "not a number of seconds since 1970" : "already past");
        return INFINITY;
    }
    return left;
}

tec_deadline tec_deadline_read(double max_minutes)
{
    double given = tec_min_double(slurm_seconds(), max_minutes > 0 ? 60 * max_minutes : INFINITY);
    return (tec_deadline){
        .end = tec_seconds() + given,
        .margin = tec_min_double(tec_max_double(given / 50, 1), 60),
    };
}

void tec_deadline_note_step(tec_deadline *d, double seconds)
{
    d->step = tec_max_double(d->step, seconds);
}

void tec_deadline_note_save(tec_deadline *d, double seconds)
{
    d->save = d->save_known ? tec_max_double(d->save, seconds) : seconds;
    d->save_known = true;
}

void tec_deadline_guess_save(tec_deadline *d, double seconds)
{
    if (!d->save_known)
        d->save = seconds;
}

bool tec_deadline_near(const tec_deadline *d)
{
    return tec_deadline_before(d, 2 * (d->step + d->save) + d->steps * d->step);
}

bool tec_deadline_before(const tec_deadline *d, double seconds)
{
    return tec_seconds() + seconds + d->margin > d->end;
}
