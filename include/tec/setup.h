/* Module setup, public. From settings to what modules take: their own small structs, and the data sets, models, stores
 * and inputs that the settings name, opened and checked. */
#ifndef TEC_SETUP_H
#define TEC_SETUP_H

#include "tec/comm.h"
#include "tec/evaluation.h"
#include "tec/finetuning.h"
#include "tec/import.h"
#include "tec/inputs.h"
#include "tec/knn.h"
#include "tec/plan.h"
#include "tec/report.h"
#include "tec/run.h"
#include "tec/settings.h"

/* -- what modules take; local -- */

tec_reading tec_setup_reading(const tec_settings *settings);
tec_normalisation tec_setup_normalisation(const tec_settings *settings); /* data.mean, data.std */
tec_preprocessing tec_setup_preprocessing(const tec_settings *settings); /* eval.*; zero where nothing is given */
tec_reduction tec_setup_reduction(const tec_settings *settings);
tec_feed_view tec_setup_view(const tec_settings *settings);       /* random crops, for training */
tec_recipe tec_setup_recipe(const tec_settings *settings);        /* of pretraining */
tec_recipe tec_setup_tuning_recipe(const tec_settings *settings); /* of fine-tuning */
tec_mix_settings tec_setup_mix(const tec_settings *settings);     /* likewise */

/* Random crops, altered and erased, for fine-tuning. TEC_USER_ERROR: words of finetune.rand_augment. */
tec_status tec_setup_tuning_view(const tec_settings *settings, tec_feed_view *out);

/* What tec_setup_compare compares with. Both are borrowed. */
typedef struct tec_setup_now {
    const tec_settings *settings;
    const char *const *sections; /* that the command reads, ends with NULL: others do not count */
    tec_recipe (*recipe)(const tec_settings *settings);
} tec_setup_now;

/* A tec_run_compare; `now`: a tec_setup_now. */
tec_status tec_setup_compare(const void *now, const char *yaml, tec_run_changes *out);

/* Adds the settings in settings.yaml, beside the defaults, to a run that was read, and resolves them in *out, which the
 * caller frees. What is wrong with them is noted; *out is then only to be freed. */
void tec_setup_report(tec_report_run *run, tec_settings *out);

/* `model`: as tec_setup_inputs has completed it, with `inputs`. */
tec_pretraining tec_setup_pretraining(const tec_settings *settings, const tec_model_config *model,
                                      const tec_inputs *inputs);

/* Both leave images, dataset_bytes, nodes and ranks_per_node to the caller. `model` of the second is a classifier.
 * TEC_USER_ERROR: as tec_setup_tuning_view. */
tec_plan_job tec_setup_plan_job(const tec_settings *settings, const tec_model_config *model,
                                const tec_model_config *base);
tec_status tec_setup_tuning_plan_job(const tec_settings *settings, const tec_model_config *model, tec_plan_job *out);

/* Says so where data.mean or data.std is given, but images are normalised otherwise, as the model at `path` was trained. */
void tec_setup_say_normalisation(const tec_settings *settings, const char *path, const tec_normalisation *is);

/* The target store that belongs to these settings, this base model and this data set. */
tec_store_spec tec_setup_store_spec(const tec_settings *settings, const tec_model_config *base, uint64_t base_hash,
                                    const tec_normalisation *normalisation, const tec_dataset *set);

/* -- opening what settings name -- */

/* Local. Adds pictures to a run whose settings are `of_run`: report.pictures images of report.images or of the run's
 * own data, as its model sees them. What cannot be shown, since the checkpoint, the images or the base model are not at
 * hand, is noted. It ends early, with columns that lack pictures, once tec_stop_asked.
 * keep: where the list of a data.val that has none is kept for the next time; NULL: nowhere. */
void tec_setup_pictures(const tec_settings *settings, const tec_settings *of_run, const char *keep,
                        tec_report_run *run);

/* Local. Are data.train's images those that the store in targets.dir was begun with, as far as that is recorded there?
 * TEC_USER_ERROR: no; names the first that differs. */
tec_status tec_setup_same_images(const tec_settings *settings, const tec_dataset *set);

/* Local. Is the store in targets.dir stored as targets.type and targets.store_images say, if they are given?
 * TEC_USER_ERROR: no; names the first that differs. */
tec_status tec_setup_same_storage(const tec_settings *settings, const tec_store_spec *found);

/* Collective. Rank 0 lists data.train (`training`) or data.val, or takes a list that is kept in targets.dir or run.dir
 * (tec/dataset_kept.h), all ranks open it. With data.val_labels data.val has no
 * labels yet. */
tec_status tec_setup_dataset(const tec_comm *comm, const tec_settings *settings, bool training, tec_dataset **out);

/* The same of images that are given on the command line for a model: messages call them by their path, and
 * settings->data.channels what the model takes. */
tec_status tec_setup_given_images(const tec_comm *comm, const tec_settings *settings, bool training, tec_dataset **out);

/* Local. TEC_USER_ERROR: the model of SECTION.model takes images of other channels, or has no class token to pool. */
tec_status tec_setup_check_model(const tec_settings *settings, const char *section, const char *path,
                                 tec_pooling pooling, const tec_model_config *model);

/* Local. What data.labels says. */
tec_label_mode tec_setup_label_mode(const tec_settings *settings);

/* Local. Reads a file of labels, the value of `key`, and looks whether it is one (tec_labels_check_text); the caller frees
 * *text, which is NULL after a failure. */
tec_status tec_setup_label_text(const char *key, const char *path, char **text, size_t *bytes);

/* Local. TEC_USER_ERROR: data.labels says that there are no classes, for a job that needs them. */
tec_status tec_setup_check_labels(const tec_settings *settings);

/* Collective; the same status everywhere. Gives data.val the labels of data.val_labels, if there is such a file, for the
 * classes of data.train. TEC_USER_ERROR: as tec_labels_read. */
tec_status tec_setup_val_labels(const tec_comm *comm, const tec_settings *settings, const tec_dataset *train,
                                tec_dataset *val);

/* Local. Opens and recognises a model file of any format, with what base.* says about it. Errors as of
 * tec_import_open. */
tec_status tec_setup_import(const tec_settings *settings, const char *path, tec_import **out);

/* Collective; the same status everywhere. Rank 0 reads the encoder of a model file of any format, for images of
 * data.image_size pixels (0: as it was made for), and logs what it has found; all ranks get it. *normalisation is the first that is known of:
 * base.mean and base.std, the file's own, that of the model's family; NULL: the model is only to be recognised by its
 * tec_frozen_hash. *preprocessing (NULL: not wanted) is what the file's sidecar says, zero where it says nothing.
 * TEC_USER_ERROR: also something that this use depends on and that nothing tells. */
tec_status tec_setup_frozen(const tec_comm *comm, const tec_settings *settings, const char *path, int batch,
                            tec_frozen **out, tec_normalisation *normalisation, tec_preprocessing *preprocessing);

/* What else is known of a model that was read; the same on every rank. */
typedef struct tec_frozen_facts {
    tec_normalisation normalisation; /* as above, with `preprocessing` */
    tec_preprocessing preprocessing;
    int head; /* classes of its head, which is not read; 0: none was found */
} tec_frozen_facts;

/* The same with all that is known of a model for images. */
tec_status tec_setup_frozen_with(const tec_comm *comm, const tec_settings *settings, const char *path, int batch,
                                 tec_frozen **out, tec_frozen_facts *facts);

/* Collective; the same status everywhere. TEC_USER_ERROR: `copies` of the weights of a model in every rank are more than
 * the memory that is left on some host. `key` and `path` name the model in the message. */
tec_status tec_setup_check_memory(const tec_comm *comm, const char *key, const char *path,
                                  const tec_model_config *config, int copies);

/* Rank 0. Says that the head of the model at `path` is left out, and whether it is for the same classes. `head`: its
 * classes (0: there is none, and nothing is said); `classes`, `names`: those of data.train, a name a line. */
void tec_setup_say_head(const char *path, int head, int classes, const char *names, const char *set_path);

/* How a model's features differ from what somebody computed elsewhere, by tec_pooling. */
typedef struct tec_comparison {
    int images;
    bool compared[2];
    double error[2]; /* the largest relative error of an image */
} tec_comparison;

/* Local. Runs the model on `images` [B, c, H, W], normalised pixels, of the file at `path` and compares with its `cls`
 * and `mean` [B, D], those that are there. TEC_USER_ERROR: something that features depend on is only guessed; the file
 * does not hold such tensors; the model does not take such images. */
tec_status tec_setup_expect(tec_import *import, const char *path, tec_comparison *out);

/* Collective. Rank 0 makes the run directory and its parents. TEC_USER_ERROR: it is not writable. */
tec_status tec_setup_directory(const tec_comm *comm, const char *dir);

/* Collective. Rank 0 reads the manifest of targets.dir, all ranks open the store. */
tec_status tec_setup_store(const tec_comm *comm, const tec_settings *settings, tec_store **out);

/* Local. Can a base model of this architecture make the targets that the settings call for? TEC_USER_ERROR: it takes images
 * of other channels, or has fewer patches or blocks than are wanted. */
tec_status tec_setup_check_base(const tec_settings *settings, const tec_model_config *base);

/* Local. Can it compute them in the step of a new model of `config`? TEC_USER_ERROR: as above, or it has other patches. */
tec_status tec_setup_check_online(const tec_settings *settings, const tec_model_config *base,
                                  const tec_model_config *config);

/* Local. TEC_USER_ERROR: further target stores are named beside pixels to predict, or beside targets.online. */
tec_status tec_setup_check_more(const tec_settings *settings);

/* Collective; the same status everywhere. Completes *config by what depends on the base model, and settings->targets by
 * how the store is stored, where that is not given. A store that holds the images replaces data.train, which is then not
 * read. With targets.online the base model is opened in the place of a store, settings->targets.dir becomes empty, and
 * settings->targets.views 0 unless it is given. TEC_USER_ERROR: the store does not match the settings. Free with tec_inputs_close, also after a failure. */
tec_status tec_setup_inputs(const tec_comm *comm, tec_settings *settings, tec_model_config *config, tec_inputs *out);

/* How validation images are prepared: as the settings say, then as `model` does, then as MAE does, which is logged. IDX
 * images, which are small and filled to the edge, are not cut unless somebody says so. */
tec_preprocessing tec_setup_choose_preprocessing(const tec_settings *settings, tec_preprocessing model,
                                                 const tec_dataset *train, const tec_dataset *val);

/* Local. The classifier that finetune.model, of architecture `base`, becomes, but for its classes; NULL: the one that
 * `model` describes, for scratch. TEC_USER_ERROR: as tec_setup_check_model, tec_settings_classifier_config; its
 * blocks cannot be trained. */
tec_status tec_setup_classifier(const tec_settings *settings, const tec_model_config *base, tec_model_config *out);
bool tec_setup_from_scratch(const tec_settings *settings);

/* Local. Can so many images of so many classes be fine-tuned on with these settings? TEC_USER_ERROR: fewer images than a
 * batch, a batch that cannot be mixed, more classes than a model has. */
tec_status tec_setup_check_tuning(const tec_settings *settings, int64_t images, int classes);

/* Local. Few labels, if that is wanted, which is logged. */
void tec_setup_choose_labels(const tec_settings *settings, tec_dataset *set);

/* What a fine-tuning run works on. */
typedef struct tec_tuning {
    tec_inputs inputs; /* data.train */
    tec_dataset *val;
    tec_frozen *base;              /* finetune.model; NULL: scratch, or somebody has taken it over */
    uint64_t base_hash;            /* of it; 1: scratch */
    tec_finetuning task;           /* complete */
    char *classes;                 /* their names, as tec_checkpoint_texts has them */
    tec_feed_view validation_view; /* of data.val */
} tec_tuning;

/* Collective; the same status everywhere. Opens finetune.model, data.train and data.val, checks that they go together, and
 * writes nothing. Images are normalised as for that model; with scratch, by data.mean and data.std. TEC_USER_ERROR: no
 * labels, one class, other classes in data.val, fewer images than a batch, a batch of 1 that cannot be mixed, a model that
 * cannot be trained, does not fit into memory, does not take such images or leaves something open that matters, words of finetune.rand_augment. Free with tec_tuning_close, also
 * after a failure. */
tec_status tec_setup_tuning(const tec_comm *comm, const tec_settings *settings, tec_tuning *out);
void tec_tuning_close(tec_tuning *tuning); /* collective */

/* What was evaluated, for results. */
typedef struct tec_evaluated {
    char *model, *train, *val; /* paths; owned */
    tec_pooling pooling;
    int layer; /* behind which features were taken; 0: the last one's */
    bool raw;  /* without the model's final norm */
    tec_size image_size;
    int channels;
    tec_normalisation normalisation; /* of the images */
    tec_trained trained;             /* the model; of one that is given itself, known on rank 0 only */
} tec_evaluated;
void tec_evaluated_free(tec_evaluated *about);

/* Collective. Opens data.train, data.val and eval.model ("pixels": no model), checks that they go together, makes the
 * run directory and computes the features; with eval.features and eval.val_features reads them from these files instead.
 * `knn` (NULL: none): what will be asked of them, checked beforehand. TEC_USER_ERROR: no labels, classes of data.val that
 * data.train does not have, channels or image size that the model does not take, more neighbours than images; files that do
 * not go together (tec_evaluation_check_files) or with what is given. Free with tec_evaluation_free and tec_evaluated_free,
 * also after a failure. */
tec_status tec_setup_evaluation(const tec_comm *comm, const tec_settings *settings, const tec_knn_settings *knn,
                                tec_evaluation *out, tec_evaluated *about);

/* Local. The same for eval.features and eval.val_features alone: is one of them given? */
bool tec_setup_evaluates_files(const tec_settings *settings);

/* Collective, as above. In src/setup/evaluation_files.c. */
tec_status tec_setup_evaluation_files(const tec_comm *comm, const tec_settings *settings, const tec_knn_settings *knn,
                                      tec_evaluation *out, tec_evaluated *about);

#endif
