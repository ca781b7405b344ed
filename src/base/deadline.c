/* How long the job may still run, and whether a step or a checkpoint still fits in. */
#include "tec/deadline.h"

#include "tec/clock.h"
#include "tec/log.h"

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

static double larger(double a, double b)
{
    return a > b ? a : b;
}

tec_deadline tec_deadline_read(double max_minutes)
{
    double given = max_minutes > 0 ? 60 * max_minutes : INFINITY, slurm = slurm_seconds();
    given = slurm < given ? slurm : given;
    double margin = given / 50;
    margin = margin < 1 ? 1 : margin;
    margin = margin > 60 ? 60 : margin;
    return (tec_deadline){.end = tec_seconds() + given, .margin = margin};
}

void tec_deadline_note_step(tec_deadline *d, double seconds)
{
    d->step = larger(d->step, seconds);
}

void tec_deadline_note_save(tec_deadline *d, double seconds)
{
    d->save = d->save_known ? larger(d->save, seconds) : seconds;
    d->save_known = true;
}

void tec_deadline_guess_save(tec_deadline *d, double seconds)
{
    if (!d->save_known)
        d->save = seconds;
}

bool tec_deadline_near(const tec_deadline *d)
{
    return tec_deadline_before(d, 2 * (d->step + d->save));
}

bool tec_deadline_before(const tec_deadline *d, double seconds)
{
    return tec_seconds() + seconds + d->margin > d->end;
}
