/* TEC's input adaptor (the class token's MLP) and encoder adaptor (all blocks fused), forward and backward. */
#include "adaptors.h"

#include "matrix.h"

#include "tec/memory.h"
#include "tec/ops.h"

#include <stdio.h>
#include <stdlib.h>

void tec_encoder_adaptor_register(encoder_adaptor *a, tec_params *params, const tec_model_config *c)
{
    int D = c->width, all = D * c->depth, part = all / c->groups;
    char name[64];
    *a = (encoder_adaptor){.params = params, .width = D, .depth = c->depth, .groups = c->groups};
    a->before_weight = tec_params_add(params, TEC_INIT_ONE, (int[4]){all}, "encoder_adaptor.adap_before.weight");
    a->before_bias = tec_params_add(params, TEC_INIT_ZERO, (int[4]){all}, "encoder_adaptor.adap_before.bias");
    a->group = tec_allocate_zeroed((size_t)c->groups, sizeof *a->group);
    for (int g = 0; g < c->groups; g++) {
        a->group[g].weight =
            tec_params_add(params, TEC_INIT_XAVIER, (int[4]){D, part}, "encoder_adaptor.fuse_fcs.%d.weight", g);
        a->group[g].bias = tec_params_add(params, TEC_INIT_ZERO, (int[4]){D}, "encoder_adaptor.fuse_fcs.%d.bias", g);
        snprintf(name, sizeof name, "encoder_adaptor.adap_mlps.%d", g);
        a->group[g].mlp = tec_mlp_register(params, D, 4 * c->decoder_width, false, TEC_ACTIVATION_GELU, 0, name);
    }
    a->after = tec_norm_register(params, D, ADAPTOR_NORM_EPS, "encoder_adaptor.adap_after");
}

void tec_encoder_adaptor_free(encoder_adaptor *a)
{
    free(a->group);
}

void tec_encoder_adaptor_lay_out(const encoder_adaptor *a, int R, encoder_adaptor_cache *c, tec_arena *arena)
{
    int D = a->width;
    c->x = take_array(arena, a->depth, sizeof *c->x);
    tec_norm_lay_out(R, &c->before, arena);
    tec_norm_lay_out(R, &c->after, arena);
    c->normed = take_reals(arena, R, a->depth * D);
    c->group = take_array(arena, a->groups, sizeof *c->group);
    for (int g = 0; g < a->groups; g++) {
        real *fused = take_reals(arena, R, D);
        mlp_cache hidden;
        tec_mlp_lay_out(&a->group[g].mlp, R, true, &hidden, arena);
        if (c->group) {
            c->group[g].fused = fused;
            c->group[g].mlp = hidden;
        }
    }
    c->dnormed = take_reals(arena, R, a->depth * D);
    c->dfused = take_reals(arena, R, D);
    c->sum = take_reals(arena, R, D);
    c->out = take_reals(arena, R, D);
}

void tec_encoder_adaptor_scratch(const encoder_adaptor *a, int R, scratch *s)
{
    tec_scratch_need(s, R, 0, a->width, a->group[0].mlp.hidden, 1);
}

void tec_encoder_adaptor_forward(const encoder_adaptor *a, int R, encoder_adaptor_cache *c)
{
    int D = a->width, all = D * a->depth, part = all / a->groups;
    const tec_params *p = a->params;
    tec_layernorm_concat_forward(c->x, a->depth, tec_params_weight(p, a->before_weight),
                                 tec_params_weight(p, a->before_bias), ADAPTOR_NORM_EPS, R, D, c->normed,
                                 c->before.mean, c->before.rstd);
    for (int g = 0; g < a->groups; g++) {
        real *fused = c->group[g].fused;
        tec_linear_forward(c->normed + g * part, all, tec_params_weight(p, a->group[g].weight),
                           tec_params_weight(p, a->group[g].bias), R, part, D, fused, D);
        if (g > 0)
            tec_add(c->sum, fused, R * D, c->sum);
        tec_mlp_forward(&a->group[g].mlp, fused, g ? c->sum : fused, R, &c->group[g].mlp, c->sum);
    }
    tec_norm_forward(&a->after, c->sum, R, &c->after, c->out);
}

void tec_encoder_adaptor_backward(const encoder_adaptor *a, const real *dout, int R, encoder_adaptor_cache *c,
                                  const scratch *s)
{
    int D = a->width, all = D * a->depth, part = all / a->groups;
    const tec_params *p = a->params;
    real *dsum = s->row;
    tec_norm_backward(&a->after, dout, c->sum, R, &c->after, dsum, false);
    for (int g = a->groups - 1; g >= 0; g--) {
        copy_reals(dsum, reals(R, D), c->dfused);
        tec_mlp_backward(&a->group[g].mlp, dsum, c->group[g].fused, R, &c->group[g].mlp, s->hidden, c->dfused, 1);
        tec_linear_backward(c->dfused, D, c->normed + g * part, all, tec_params_weight(p, a->group[g].weight), R, part,
                            D, c->dnormed + g * part, all, 0, tec_params_grad(p, a->group[g].weight),
                            tec_params_grad(p, a->group[g].bias));
        tec_params_finish(p, a->group[g].weight);
    }
    tec_layernorm_concat_backward(c->dnormed, c->x, a->depth, c->before.mean, c->before.rstd,
                                  tec_params_weight(p, a->before_weight), R, D, tec_params_grad(p, a->before_weight),
                                  tec_params_grad(p, a->before_bias));
}

void tec_class_adaptor_register(class_adaptor *a, tec_params *params, int cls_token, int width)
{
    a->params = params;
    a->token = cls_token;
    a->mlp = tec_mlp_register(params, width, 4 * width, false, TEC_ACTIVATION_GELU, 0, "cls_token_mlp");
}

void tec_class_adaptor_lay_out(const class_adaptor *a, class_adaptor_cache *c, tec_arena *arena)
{
    tec_mlp_lay_out(&a->mlp, 1, true, &c->mlp, arena);
    c->out = take_reals(arena, 1, a->mlp.width);
    c->dout = take_reals(arena, 1, a->mlp.width);
}

void tec_class_adaptor_forward(const class_adaptor *a, class_adaptor_cache *c)
{
    tec_mlp_forward(&a->mlp, tec_params_weight(a->params, a->token), NULL, 1, &c->mlp, c->out);
}

void tec_class_adaptor_scratch(const class_adaptor *a, scratch *s)
{
    tec_scratch_need(s, 1, 0, a->mlp.width, a->mlp.hidden, 1);
}

void tec_class_adaptor_backward(const class_adaptor *a, const class_adaptor_cache *c, const scratch *s)
{
    tec_mlp_backward(&a->mlp, c->dout, tec_params_weight(a->params, a->token), 1, &c->mlp, s->hidden,
                     tec_params_grad(a->params, a->token), 1);
}
