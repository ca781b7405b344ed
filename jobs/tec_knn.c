/* tec knn: evaluates a model's features by weighted k-nearest neighbours. */
#include "jobs.h"

#include "tec/clock.h"
#include "tec/knn.h"

#include <stdio.h>

/* With a single knn.k both numbers are the same. */
static int evaluations(const tec_settings *settings)
{
    return settings->knn.k[0] == settings->knn.k[1] ? 1 : 2;
}

static tec_status write_results(const tec_comm *comm, const tec_settings *settings, const tec_evaluation *evaluation,
                                const tec_evaluated *about, const tec_knn_result *result, double seconds)
{
    json_t *object = tec_job_evaluation_json(settings, evaluation, about);
    json_t *results = json_array();
    for (int i = 0; i < evaluations(settings); i++) {
        /* clang-format off */
        json_array_append_new(results, json_pack("{s:i, s:f, s:f}",
            "k", settings->knn.k[i],
            "top1", tec_job_percent(result->top1[i], result->total),
            "top5", tec_job_percent(result->top5[i], result->total)));
        /* clang-format on */
    }
    json_object_set_new(object, "temperature", json_real(settings->knn.temperature));
    json_object_set_new(object, "knn", results);
    json_object_set_new(object, "ranks", json_integer(comm->size));
    json_object_set_new(object, "seconds", json_real(seconds));
    tec_status status = tec_job_write_results(comm, settings, about, "knn", object);
    json_decref(object);
    return status;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    const tec_settings *settings = &call->settings;
    const tec_knn_settings knn = {.k = {settings->knn.k[0], settings->knn.k[1]},
                                  .temperature = settings->knn.temperature};
    tec_evaluation evaluation;
    tec_evaluated about;
    tec_knn_result result;
    double started = tec_seconds();
    tec_status status = tec_setup_evaluation(comm, settings, &knn, &evaluation, &about);
    if (status != TEC_OK)
        goto done;
    tec_features_normalize(&evaluation.train);
    tec_features_normalize(&evaluation.val);
    status = tec_knn_classify(comm, &knn, &evaluation.train, &evaluation.val, &result);
    if (status != TEC_OK)
        goto done;
    double seconds = tec_seconds() - started;
    for (int i = 0; i < evaluations(settings) && comm->rank == 0; i++)
        printf("knn k=%d top1 %.2f top5 %.2f (%lld training, %lld test images, %d features, %.1f s)\n",
               settings->knn.k[i], tec_job_percent(result.top1[i], result.total),
               tec_job_percent(result.top5[i], result.total), (long long)evaluation.train.total,
               (long long)evaluation.val.total, evaluation.train.width, seconds);
    status = write_results(comm, settings, &evaluation, &about, &result, seconds);
done:
    tec_evaluated_free(&about);
    tec_evaluation_free(&evaluation);
    return status;
}

static const char *const sections[] = {"data", "base", "eval", "knn", "run", NULL};

const tec_command tec_command_knn = {
    .name = "knn",
    .usage = "[-c CONFIG.yaml] eval.model=MODEL data.train=PATH data.val=PATH run.dir=DIR [section.key=value ...]",
    .summary = "evaluate a model's features by k-nearest neighbours",
    .details =
        "Computes the features of both data sets from centre crops (eval.pooling: class token, or mean of the "
        "patches) and classifies every image of data.val by its nearest training images, as DINO does: by "
        "cosine similarity, with votes exp(similarity / knn.temperature). Prints one line per k; DIR/knn.json "
        "has all results, DIR/knn.yaml the settings. The result does not depend on the number of ranks.\n\n"
        "eval.model=pixels uses the raw pixels as features: the baseline that a model has to beat.\n\n"
        "eval.features=FILE and eval.val_features=FILE, written by `tec features`, stand in place of eval.model, data.train "
        "and data.val: features are computed once, and results are the same, to the bit where eval.batch was (float16: "
        "nearly). Files of other models, tokens or preprocessing do not go together.",
    .sections = sections,
    .parallel = true,
    .run = run,
};
