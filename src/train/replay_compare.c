#include "replay_compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tec_replay_figure *replay_figure(tec_replay_result *result, const char *name, double limit)
{
    tec_replay_figure *figure = &result->figure[result->count++];
    *figure = (tec_replay_figure){.name = name, .error = -1, .limit = limit};
    return figure;
}

static void keep_worst(tec_replay_figure *figure, const char *where, double error)
{
    if (!(error <= figure->error)) { /* a NaN is the worst of all, and stays */
        figure->error = error;
        snprintf(figure->where, sizeof figure->where, "%s", where);
    }
}

void replay_compare(tec_replay_figure *figure, const char *where, const real *got, const real *want, const real *origin,
                    size_t n, replay_span skip)
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

void replay_compare_scalar(tec_replay_figure *figure, double got, double want)
{
    keep_worst(figure, "", fabs(got - want) / (want != 0 ? fabs(want) : 1));
}

static int ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

tec_status replay_compare_tensors(tec_replay_figure *figure, const tec_fixture *fixture, const char *group,
                                  const tec_params *params, const real *got, const real *origin, int skip_key_bias)
{
    for (int i = 0; i < params->count; i++) {
        const tec_param *p = &params->param[i];
        char name[128];
        real *want;
        snprintf(name, sizeof name, "%s/%s", group, p->name);
        if (!p->trained || !tec_fixture_has(fixture, name))
            continue;
        TEC_TRY(tec_fixture_reals(fixture, name, p->count, &want));
        replay_span skip = {0, 0};
        if (skip_key_bias && ends_with(p->name, "attn.qkv.bias"))
            skip = (replay_span){p->count / 3, 2 * p->count / 3};
        if (skip_key_bias && ends_with(p->name, "decoder_qk.bias"))
            skip = (replay_span){p->count / 2, p->count};
        replay_compare(figure, p->name, got + p->offset, want, origin ? origin + p->offset : NULL, p->count, skip);
        free(want);
    }
    return TEC_OK;
}
