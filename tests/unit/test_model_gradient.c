/* Gradients of whole models against central differences. */
#include "gradient.h"
#include "tiny_model.h"

#include "tec/gemm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 2, ELEMENTS = 4 };

static const double loss_weight[TEC_MAX_LOSSES] = {0.75, 1.5, 0.6, 1.2, 0.9, 0.3}, scale = 0.5;

/* The loss as a function of one tensor. */
typedef struct tensor {
    tiny_model *tiny;
    int index;
} tensor;

static double loss(const double *x, void *context)
{
    const tensor *t = context;
    const tec_param *p = &t->tiny->params->param[t->index];
    double part[TEC_MAX_LOSSES] = {0}, sum = 0;
    for (size_t i = 0; i < p->count; i++)
        t->tiny->params->weight[p->offset + i] = (real)x[i];
    tec_model_forward(t->tiny->model, t->tiny->example, BATCH, loss_weight, scale, part);
    for (int i = 0; i < TEC_MAX_LOSSES; i++)
        sum += loss_weight[i] * part[i];
    return sum;
}

static double tensor_error(tiny_model *tiny, int index)
{
    const tec_param *p = &tiny->params->param[index];
    tensor t = {tiny, index};
    int count = (int)p->count;
    const double *x = widened(tec_params_weight(tiny->params, index), count);
    double error = gradient_error(loss, &t, x, tec_params_grad(tiny->params, index), count, ELEMENTS);
    loss(x, &t);
    return error;
}

static void check(int i)
{
    tiny_model tiny = tiny_model_make(i, BATCH);
    double part[TEC_MAX_LOSSES], worst = 0;
    const char *where = "";
    tiny_model_run(&tiny, 0, BATCH, loss_weight, scale, part);
    for (int index = 0; index < tiny.params->count; index++)
        if (tiny.params->param[index].trained) {
            double error = tensor_error(&tiny, index);
            if (!(error <= 1e-6))
                print_error("%s: gradient by %s: relative error %.3g\n", tiny.name, tiny.params->param[index].name,
                            error);
            where = error > worst ? tiny.params->param[index].name : where;
            worst = fmax(worst, error);
        }
    print_message("             %s: worst relative error %.1e (%s)\n", tiny.name, worst, where);
    tiny_model_free(&tiny);
    assert_true(worst <= 1e-6);
}

static void test_every_tensor(void **state)
{
    if (!TEC_REAL_IS_DOUBLE) {
        print_message(
            "SKIPPED: finite differences of whole models mean nothing in float; run `make REAL=double unit`\n");
        skip();
    }
    check((int)(intptr_t)*state);
}

#define MODEL(i)                                                                                                       \
    {                                                                                                                  \
        "test_every_tensor of model " #i, test_every_tensor, NULL, numbers_free, (void *)(intptr_t)(i)                 \
    }

int main(void)
{
    const struct CMUnitTest tests[TINY_MODELS] = {MODEL(0), MODEL(1), MODEL(2), MODEL(3), MODEL(4), MODEL(5),
                                                  MODEL(6), MODEL(7), MODEL(8), MODEL(9), MODEL(10)};
    tec_threads_set(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
