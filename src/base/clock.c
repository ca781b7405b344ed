/* The clocks, and durations as text. */
#include "tec/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static double read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double tec_seconds(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double tec_processor_seconds(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

char *tec_duration(char *text, double seconds)
{
    if (!isfinite(seconds) || seconds < 0 || seconds > 1e15) {
        strcpy(text, "?");
        return text;
    }
    long long s = llround(seconds), minutes = llround(seconds / 60);
    if (s < 60)
        snprintf(text, 32, "%lld s", s);
    else if (s < 3600)
        snprintf(text, 32, "%lld min %02lld s", s / 60, s % 60);
    else
        snprintf(text, 32, "%lld h %02lld min", minutes / 60, minutes % 60);
    return text;
}
