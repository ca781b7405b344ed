/* tec probe: evaluates a model's frozen features by a linear classifier. */
#include "jobs.h"

#include "tec/clock.h"
#include "tec/probe.h"

#include <stdio.h>

static tec_status write_results(const tec_comm *comm, const tec_settings *settings, const tec_evaluation *evaluation,
                                const tec_evaluated *about, const tec_probe_result *result, double seconds)
{
    json_t *object = tec_job_evaluation_json(settings, evaluation, about);
    /* clang-format off */
    json_t *probe = json_pack("{s:f, s:f, s:f, s:i, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:I}",
        "top1", tec_job_percent(result->top1, result->total),
        "top5", tec_job_percent(result->top5, result->total),
        "loss", result->loss,
        "epochs", settings->probe.epochs,
        "batch", (json_int_t)result->batch,
        "steps", (json_int_t)result->steps,
        "lr", result->lr,
        "min_lr", settings->probe.min_lr,
        "warmup_epochs", settings->probe.warmup_epochs,
        "weight_decay", settings->probe.weight_decay,
        "momentum", settings->probe.momentum,
        "seed", (json_int_t)settings->run.seed);
    /* clang-format on */
    json_object_set_new(object, "probe", probe);
    json_object_set_new(object, "ranks", json_integer(comm->size));
    json_object_set_new(object, "seconds", json_real(seconds));
    tec_status status = tec_job_write_results(comm, settings, about, "probe", object);
    json_decref(object);
    return status;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    const tec_settings *settings = &call->settings;
    const tec_probe_settings probe = {.epochs = settings->probe.epochs,
                                      .batch = settings->probe.batch,
                                      .blr = settings->probe.blr,
                                      .lr = settings->probe.lr,
                                      .min_lr = settings->probe.min_lr,
                                      .warmup_epochs = settings->probe.warmup_epochs,
                                      .weight_decay = settings->probe.weight_decay,
                                      .momentum = settings->probe.momentum,
                                      .seed = settings->run.seed};
    tec_evaluation evaluation;
    tec_evaluated about;
    tec_probe_result result;
    double started = tec_seconds();
    tec_status status = tec_setup_evaluation(comm, settings, NULL, &evaluation, &about);
    if (status == TEC_OK)
        status = tec_probe_run(comm, &probe, &evaluation.train, &evaluation.val, &result);
    if (status != TEC_OK)
        goto done;
    double seconds = tec_seconds() - started;
    if (comm->rank == 0)
        printf("probe top1 %.2f top5 %.2f (%lld training, %lld test images, %d features, %d epochs, batch %lld, lr %g, "
               "loss %.4f, %.1f s)\n",
               tec_job_percent(result.top1, result.total), tec_job_percent(result.top5, result.total),
               (long long)evaluation.train.total, (long long)evaluation.val.total, evaluation.train.width,
               settings->probe.epochs, (long long)result.batch, result.lr, result.loss, seconds);
    status = write_results(comm, settings, &evaluation, &about, &result, seconds);
done:
    tec_evaluated_free(&about);
    tec_evaluation_free(&evaluation);
    return status;
}

static const char *const sections[] = {"data", "base", "eval", "probe", "run", NULL};

const tec_command tec_command_probe = {
    .name = "probe",
    .usage = "[-c CONFIG.yaml] eval.model=MODEL data.train=PATH data.val=PATH run.dir=DIR [section.key=value ...]",
    .summary = "evaluate a model's features by a linear classifier",
    .details =
        "Computes the features of both data sets from centre crops (eval.pooling: class token, or mean of the "
        "patches) and trains a linear classifier on them, as MAE's linear probe does: batch normalisation "
        "without affine parameters, LARS, warm-up and cosine. MAE draws a random crop of every image in every "
        "epoch; here features are computed only once, which is much faster, and gives slightly lower accuracy "
        "on large data sets. Prints one line; DIR/probe.json has all results, DIR/probe.yaml the settings.\n\n"
        "On large data sets the defaults are MAE's for ImageNet: batch 16384, probe.blr 0.1. A smaller data set "
        "is divided into ten batches, and probe.blr is 16384 / images, so that a step has the learning rate that "
        "it has on ImageNet, 6.4. The line printed names both. An incomplete batch at the end of an epoch is left "
        "out of this epoch. A probe.batch larger than the training set is reduced to its size. A loss that ends "
        "near ln(classes), that of guessing, is warned of.\n\n"
        "eval.model=pixels uses the raw pixels as features: the baseline that a model has to beat.\n\n"
        "eval.features=FILE and eval.val_features=FILE, written by `tec features`, stand in place of eval.model, data.train "
        "and data.val: features are computed once, and results are the same, to the bit where eval.batch was (float16: "
        "nearly). Files of other models, tokens or preprocessing do not go together.",
    .sections = sections,
    .parallel = true,
    .run = run,
};
