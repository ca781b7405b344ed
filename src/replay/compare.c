/* Relative errors, tensor by tensor. */
#include "compare.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME_BYTES = 128 };

#define REAL_EPSILON (TEC_REAL_IS_DOUBLE ? DBL_EPSILON : FLT_EPSILON)

tec_replay_figure *tec_replay_add_figure(tec_replay_result *result, const char *name, double limit)
{
    assert(result->count < TEC_REPLAY_MAX);
    tec_replay_figure *figure = &result->figure[result->count++];
    *figure = (tec_replay_figure){.name = name, .error = -1, .limit = limit};
    return figure;
}

/* A NaN is the worst error: it replaces any number, and no number replaces it. */
static void keep_worst(tec_replay_figure *figure, const char *where, double error)
{
    if (isnan(figure->error) || error <= figure->error)
        return;
    figure->error = error;
    snprintf(figure->where, sizeof figure->where, "%s", where);
}

static double relative(double difference_square, double norm_square)
{
    return sqrt(difference_square) / (norm_square > 0 ? sqrt(norm_square) : 1);
}

void tec_replay_compare(tec_replay_figure *figure, const char *where, const real *got, const real *want, size_t n)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)got[i] - want[i];
        difference += d * d;
        norm += (double)want[i] * want[i];
    }
    keep_worst(figure, where, relative(difference, norm));
}

void tec_replay_compare_scalar(tec_replay_figure *figure, double got, double want)
{
    keep_worst(figure, "", fabs(got - want) / (want != 0 ? fabs(want) : 1));
}

static bool has_gradient(const tec_fixture *fixture, const tec_param *p)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "expected/grad/%s", p->name);
    return p->trained && tec_fixture_has(fixture, name);
}

static tec_status compare_gradient(tec_replay_figure *figure, const tec_fixture *fixture, const tec_param *p,
                                   const real *got)
{
    char name[NAME_BYTES];
    real *want;
    snprintf(name, sizeof name, "expected/grad/%s", p->name);
    TEC_TRY(tec_fixture_reals(fixture, name, p->count, &want));
    tec_replay_compare(figure, p->name, got, want, p->count);
    free(want);
    return TEC_OK;
}

static void compare_with_zero(tec_replay_figure *figure, const tec_param *p, const real *got)
{
    real *zero = tec_allocate_zeroed(p->count, sizeof *zero);
    tec_replay_compare(figure, p->name, got, zero, p->count);
    free(zero);
}

tec_status tec_replay_compare_gradient(tec_replay_figure *figure, const tec_fixture *fixture, const tec_params *params)
{
    if (!tec_fixture_has(fixture, "expected/grad"))
        return tec_fail(TEC_USER_ERROR, "%s: no group expected/grad: the fixture is not complete",
                        tec_fixture_path(fixture));
    for (int i = 0; i < params->count; i++) {
        const tec_param *p = &params->param[i];
        const real *got = tec_params_grad(params, i);
        if (has_gradient(fixture, p))
            TEC_TRY(compare_gradient(figure, fixture, p, got));
        else if (p->trained)
            compare_with_zero(figure, p, got);
    }
    return TEC_OK;
}

/* Numbers that are not compared: [begin, end). */
typedef struct replay_span {
    size_t begin, end;
} replay_span;

static replay_span key_rows(const tec_param *p)
{
    if (tec_string_ends_with(p->name, "attn.qkv.bias"))
        return (replay_span){p->count / 3, 2 * p->count / 3};
    if (tec_string_ends_with(p->name, "decoder_qk.bias"))
        return (replay_span){p->count / 2, p->count};
    return (replay_span){0, 0};
}

/* How far two correct results may be apart for rounding alone: half a unit in the last place for each step in our
 * precision, and half a unit of the float32 in which the expected weight is stored. */
static double rounding(real weight, int steps)
{
    const double size = fabs((double)weight), float_unit = size * FLT_EPSILON, our_unit = size * REAL_EPSILON;
    return (steps * our_unit + float_unit) / 2;
}

/* |got - want| beyond rounding / |want - start|. */
static double change_error(const real *got, const real *want, const real *start, size_t n, replay_span skip, int steps)
{
    double difference = 0, change = 0;
    for (size_t i = 0; i < n; i++) {
        if (i >= skip.begin && i < skip.end)
            continue;
        double d = fabs((double)got[i] - want[i]), c = (double)want[i] - start[i];
        d = d > rounding(want[i], steps) ? d - rounding(want[i], steps) : isnan(d) ? NAN : 0;
        difference += d * d;
        change += c * c;
    }
    return relative(difference, change);
}

static tec_status compare_change(tec_replay_figure *figure, const tec_fixture *fixture, const tec_param *p,
                                 const real *got, const real *start, int steps)
{
    char name[NAME_BYTES];
    real *want;
    snprintf(name, sizeof name, "expected/adamw/weights/%s", p->name);
    TEC_TRY(tec_fixture_reals(fixture, name, p->count, &want));
    keep_worst(figure, p->name, change_error(got, want, start, p->count, key_rows(p), steps));
    free(want);
    return TEC_OK;
}

tec_status tec_replay_compare_change(tec_replay_figure *figure, const tec_fixture *fixture, const tec_params *params,
                                     const real *start, int steps)
{
    for (int i = 0; i < params->count; i++) {
        const tec_param *p = &params->param[i];
        if (has_gradient(fixture, p))
            TEC_TRY(compare_change(figure, fixture, p, params->weight + p->offset, start + p->offset, steps));
    }
    return TEC_OK;
}
