/* Checks that two data sets have the same classes, and computes their features. */
#include "tec/evaluation.h"

#include "tec/hints.h"
#include "tec/label_file.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

static tec_status check_labels(const char *key, const char *path, const tec_dataset *set)
{
    if (tec_dataset_classes(set) > 0)
        return TEC_OK;
    char *why = tec_hint_unlabelled(set);
    tec_status status = *why ? tec_fail(TEC_USER_ERROR,
                                        "%s %s has no labels%s: remove them, or set data.labels=folders, which leaves "
                                        "them out",
                                        key, path, why)
                             : tec_fail(TEC_USER_ERROR,
                                        "%s %s has no labels, which an evaluation needs: give class folders "
                                        "(data.labels=folders), or an IDX file with its label file next to it%s",
                                        key, path, strcmp(key, "data.val") ? "" : ", or data.val_labels=FILE");
    free(why);
    return status;
}

/* How many classes have an image. */
static int count_present(const tec_dataset *set)
{
    int classes = tec_dataset_classes(set), count = 0;
    bool *seen = tec_allocate_zeroed((size_t)classes, sizeof *seen);
    for (int64_t i = 0; i < tec_dataset_size(set) && count < 2; i++) {
        int label = tec_dataset_label(set, i);
        count += label >= 0 && !seen[label];
        if (label >= 0)
            seen[label] = true;
    }
    free(seen);
    return count;
}

static tec_status check_several(const char *key, const char *path, const tec_dataset *set)
{
    if (count_present(set) > 1)
        return TEC_OK;
    int classes = tec_dataset_classes(set), label = tec_dataset_label(set, 0);
    long long images = tec_dataset_size(set);
    char *remedy = classes == 1 ? tec_string_copy("give the folder that holds the class folders")
                                : tec_string_format("of %d classes no other has an image there (data.max_%s, labels)",
                                                    classes, key + strlen("data."));
    tec_status status = tec_fail(TEC_USER_ERROR,
                                 "%s %s: %s%lld image%s of one class, %s: every answer would be right, so nothing can "
                                 "be evaluated; %s",
                                 key, path, images == 1 ? "its " : "all ", images, images == 1 ? " is" : "s are",
                                 tec_dataset_class_name(set, label), remedy);
    free(remedy);
    return status;
}

tec_status tec_evaluation_check(const tec_dataset *train, const char *train_path, tec_dataset *val,
                                const char *val_path)
{
    TEC_TRY(check_labels("data.train", train_path, train));
    TEC_TRY(check_labels("data.val", val_path, val));
    TEC_TRY(tec_labels_adopt(val, val_path, train, train_path));
    TEC_TRY(check_several("data.train", train_path, train));
    return check_several("data.val", val_path, val);
}

/* Classes of val without an image in train, which no answer can be: a limit may have left it out. */
static void warn_of_absent(const tec_dataset *train, const char *train_path, const tec_dataset *val,
                           const char *val_path)
{
    int classes = tec_dataset_classes(train), absent = 0, first = 0;
    int64_t images = 0;
    bool *trained = tec_allocate_zeroed((size_t)classes, sizeof *trained);
    bool *missed = tec_allocate_zeroed((size_t)classes, sizeof *missed);
    for (int64_t i = 0; i < tec_dataset_size(train); i++)
        trained[tec_dataset_label(train, i)] = true;
    for (int64_t i = 0; i < tec_dataset_size(val); i++) {
        int label = tec_dataset_label(val, i);
        images += !trained[label];
        missed[label] = !trained[label];
    }
    for (int i = classes - 1; i >= 0; i--)
        if (missed[i]) {
            absent++;
            first = i;
        }
    if (absent)
        tec_warn(
            "%d %s of data.val %s (%s%s) %s no image in data.train %s as it is used (data.max_train): the %lld images of "
            "%s cannot be answered right",
            absent, absent == 1 ? "class" : "classes", val_path, tec_dataset_class_name(train, first),
            absent == 1 ? "" : ", ...", absent == 1 ? "has" : "have", train_path, (long long)images,
            absent == 1 ? "it" : "them");
    free(missed);
    free(trained);
}

bool tec_evaluation_warn(const tec_dataset *train, const char *train_path, const tec_dataset *val, const char *val_path)
{
    int classes = tec_dataset_classes(train);
    const char *shared = tec_hint_shared(val, val_path, train, train_path);
    if (shared)
        tec_warn("data.val %s %s data.train %s: images are evaluated by themselves, and the figures say nothing about "
                 "new ones: give images that are not in data.train",
                 val_path, shared, train_path);
    warn_of_absent(train, train_path, val, val_path);
    if (classes < 6)
        tec_warn("there are only %d classes: top-5 says nothing, look at top-1", classes);
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
