/* Relative errors, tensor by tensor. */
#include "compare.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME_BYTES = 128 };

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

void tec_replay_compare(tec_replay_figure *figure, const char *where, const real *got, const real *want,
                        const real *origin, size_t n, replay_span skip)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        if (i >= skip.begin && i < skip.end)
            continue;
        double d = (double)got[i] - want[i], w = (double)want[i] - (origin ? origin[i] : 0);
        difference += d * d;
        norm += w * w;
    }
    keep_worst(figure, where, sqrt(difference) / (norm > 0 ? sqrt(norm) : 1));
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

static tec_status compare_tensor(tec_replay_figure *figure, const tec_fixture *fixture, const char *group,
                                 const tec_param *p, const real *got, const real *origin, replay_span skip)
{
    char name[NAME_BYTES];
    real *want;
    snprintf(name, sizeof name, "%s/%s", group, p->name);
    TEC_TRY(tec_fixture_reals(fixture, name, p->count, &want));
    tec_replay_compare(figure, p->name, got, want, origin, p->count, skip);
    free(want);
    return TEC_OK;
}

static void compare_with_zero(tec_replay_figure *figure, const tec_param *p, const real *got)
{
    real *zero = tec_allocate_zeroed(p->count, sizeof *zero);
    tec_replay_compare(figure, p->name, got, zero, NULL, p->count, (replay_span){0, 0});
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
            TEC_TRY(compare_tensor(figure, fixture, "expected/grad", p, got, NULL, (replay_span){0, 0}));
        else if (p->trained)
            compare_with_zero(figure, p, got);
    }
    return TEC_OK;
}

static replay_span key_rows(const tec_param *p)
{
    if (tec_string_ends_with(p->name, "attn.qkv.bias"))
        return (replay_span){p->count / 3, 2 * p->count / 3};
    if (tec_string_ends_with(p->name, "decoder_qk.bias"))
        return (replay_span){p->count / 2, p->count};
    return (replay_span){0, 0};
}

tec_status tec_replay_compare_change(tec_replay_figure *figure, const tec_fixture *fixture, const tec_params *params,
                                     const real *start)
{
    for (int i = 0; i < params->count; i++) {
        const tec_param *p = &params->param[i];
        if (has_gradient(fixture, p))
            TEC_TRY(compare_tensor(figure, fixture, "expected/adamw/weights", p, params->weight + p->offset,
                                   start + p->offset, key_rows(p)));
    }
    return TEC_OK;
}
