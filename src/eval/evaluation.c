/* Checks that two data sets have the same classes, and computes their features. */
#include "tec/evaluation.h"

#include "classes.h"

#include "tec/hints.h"
#include "tec/label_file.h"
#include "tec/log.h"
#include "tec/memory.h"

#include <stdlib.h>
#include <string.h>

static tec_status check_labels(const char *key, const char *path, const tec_dataset *set)
{
    if (tec_dataset_classes(set) > 0)
        return TEC_OK;
    char *why = tec_hint_unlabelled(set);
    tec_status status =
        *why
            ? tec_fail(TEC_USER_ERROR,
                       "%s %s has no labels%s: remove them, or set data.labels=folders, which leaves "
                       "them out",
                       key, path, why)
            : tec_fail(
                  TEC_USER_ERROR,
                  "%s %s has no labels, which an evaluation needs: give class folders "
                  "(data.labels=folders), a list file or arrays with labels, or an IDX file with its label file next to it%s",
                  key, path, strcmp(key, "data.val") ? "" : ", or data.val_labels=FILE");
    free(why);
    return status;
}

/* A table of a set's classes; its counts and names are freed by close_table. */
static class_table table_of(const tec_dataset *set, const char *key, const char *path, const char *limit)
{
    const int classes = tec_dataset_classes(set);
    const char **name = tec_allocate((size_t)classes * sizeof *name);
    int64_t *count = tec_allocate_zeroed((size_t)classes, sizeof *count);
    for (int c = 0; c < classes; c++)
        name[c] = tec_dataset_class_name(set, c);
    for (int64_t i = 0; i < tec_dataset_size(set); i++) {
        const int label = tec_dataset_label(set, i);
        if (label >= 0)
            count[label]++;
    }
    return (class_table){key, path, limit, classes, name, count};
}

static void close_table(class_table *table)
{
    free((void *)(uintptr_t)table->name);
    free((void *)(uintptr_t)table->count);
}

static tec_status check_several(const char *key, const char *path, const tec_dataset *set)
{
    const bool val = strcmp(key, "data.val") == 0;
    class_table table =
        table_of(set, key, path, val ? " as it is used (data.max_val)" : " as it is used (data.max_train)");
    tec_status status = tec_classes_check_several(&table);
    close_table(&table);
    return status;
}

tec_status tec_evaluation_check(const tec_dataset *train, const char *train_path, tec_dataset *val,
                                const char *val_path)
{
    TEC_TRY(check_labels("data.train", train_path, train));
    if (!val)
        return check_several("data.train", train_path, train);
    TEC_TRY(check_labels("data.val", val_path, val));
    TEC_TRY(tec_labels_adopt(val, val_path, train, train_path));
    TEC_TRY(check_several("data.train", train_path, train));
    return check_several("data.val", val_path, val);
}

bool tec_evaluation_warn(const tec_dataset *train, const char *train_path, const tec_dataset *val, const char *val_path)
{
    const char *shared = tec_hint_shared(val, val_path, train, train_path);
    class_table trained = table_of(train, "data.train", train_path, " as it is used (data.max_train)");
    class_table validated = table_of(val, "data.val", val_path, " as it is used (data.max_val)");
    if (shared)
        tec_warn("data.val %s %s data.train %s: images are evaluated by themselves, and the figures say nothing about "
                 "new ones: give images that are not in data.train",
                 val_path, shared, train_path);
    tec_classes_warn(&trained, &validated);
    close_table(&validated);
    close_table(&trained);
    return shared != NULL;
}

tec_status tec_evaluation_compute(const tec_comm *comm, const tec_features_settings *settings, const tec_dataset *train,
                                  const tec_dataset *val, tec_frozen *frozen, tec_evaluation *out)
{
    *out = (tec_evaluation){.preprocessing = tec_preprocessing_complete(settings->preprocessing,
                                                                        tec_preprocessing_mae(settings->image_size))};
    /* The set that is usually the smaller one first: a bad image of it is then known before the long work. */
    TEC_TRY(tec_features_compute(comm, settings, val, frozen, "validation", &out->val));
    TEC_TRY(tec_features_compute(comm, settings, train, frozen, "training", &out->train));
    out->shared = tec_features_shared(comm, &out->train, &out->val, &out->first_shared);
    return TEC_OK;
}

void tec_evaluation_free(tec_evaluation *evaluation)
{
    tec_features_free(&evaluation->train);
    tec_features_free(&evaluation->val);
}
