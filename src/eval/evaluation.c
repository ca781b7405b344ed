/* Checks that two data sets have the same classes, and computes their features. */
#include "tec/evaluation.h"

#include <string.h>

static tec_status check_labels(const char *key, const char *path, const tec_dataset *set)
{
    if (tec_dataset_classes(set) > 0)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "%s %s has no labels, which an evaluation needs: give class folders "
                    "(data.labels=folders), or an IDX file with its label file next to it",
                    key, path);
}

tec_status tec_evaluation_check(const tec_dataset *train, const char *train_path, const tec_dataset *val,
                                const char *val_path)
{
    TEC_TRY(check_labels("data.train", train_path, train));
    TEC_TRY(check_labels("data.val", val_path, val));
    int classes = tec_dataset_classes(train);
    for (int i = 0; i < tec_dataset_classes(val); i++) {
        const char *name = tec_dataset_class_name(val, i);
        if (i >= classes)
            return tec_fail(TEC_USER_ERROR,
                            "data.val %s has the class %s, but data.train %s has only the %d classes before it",
                            val_path, name, train_path, classes);
        if (strcmp(name, tec_dataset_class_name(train, i)) != 0)
            return tec_fail(TEC_USER_ERROR, "class %d is %s in data.val %s, but %s in data.train %s", i, name, val_path,
                            tec_dataset_class_name(train, i), train_path);
    }
    return TEC_OK;
}

tec_status tec_evaluation_compute(const tec_comm *comm, const tec_features_settings *settings, const tec_dataset *train,
                                  const tec_dataset *val, tec_frozen *frozen, tec_evaluation *out)
{
    *out = (tec_evaluation){.preprocessing = tec_preprocessing_complete(settings->preprocessing,
                                                                        tec_preprocessing_mae(settings->image_size))};
    TEC_TRY(tec_features_compute(comm, settings, train, frozen, "training", &out->train));
    return tec_features_compute(comm, settings, val, frozen, "validation", &out->val);
}

void tec_evaluation_free(tec_evaluation *evaluation)
{
    tec_features_free(&evaluation->train);
    tec_features_free(&evaluation->val);
}
