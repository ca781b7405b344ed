/* Labels from files: of data.val, and the text of any. */
#include "tec/setup.h"

#include "tec/files.h"
#include "tec/label_file.h"
#include "tec/text.h"

#include <stdlib.h>

#define MOST_BYTES ((size_t)1 << 30)

tec_label_mode tec_setup_label_mode(const tec_settings *settings)
{
    static const char *const words[] = {"auto", "folders", "none", NULL}; /* in the order of tec_label_mode */
    int mode = tec_string_find(words, settings->data.labels);
    return mode < 0 ? TEC_LABELS_FILE : (tec_label_mode)mode;
}

tec_status tec_setup_label_text(const char *key, const char *path, char **text, size_t *bytes)
{
    TEC_TRY(tec_file_read(path, MOST_BYTES, text, bytes));
    tec_status status = tec_labels_check_text(key, path, *text, *bytes);
    if (status != TEC_OK) {
        free(*text);
        *text = NULL;
    }
    return status;
}

/* Collective. */
static tec_status read_text(const tec_comm *comm, const char *key, const char *path, char **text)
{
    size_t bytes = 0;
    tec_status status = tec_comm_agree(comm, comm->rank == 0 ? tec_setup_label_text(key, path, text, &bytes) : TEC_OK);
    if (status == TEC_OK)
        tec_comm_share_text(comm, text, &bytes, 0);
    return status;
}

tec_status tec_setup_check_labels(const tec_settings *settings)
{
    if (tec_setup_label_mode(settings) != TEC_LABELS_NONE)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "data.labels=none leaves out the classes of data.train, which are needed here: leave it "
                    "out, or set data.labels=auto or folders");
}

tec_status tec_setup_val_labels(const tec_comm *comm, const tec_settings *settings, const tec_dataset *train,
                                tec_dataset *val)
{
    char *labels = NULL, *classes = NULL;
    tec_label_files files = {.labels_path = settings->data.val_labels,
                             .classes_path = settings->data.val_classes,
                             .numbering = (tec_numbering)settings->data.val_numbers};
    if (!files.labels_path[0] && (files.classes_path[0] || files.numbering != TEC_NUMBERS_ASK))
        return tec_fail(TEC_USER_ERROR,
                        "data.val_%s has no effect without data.val_labels: give that too, or leave it out",
                        files.classes_path[0] ? "classes" : "numbers");
    if (!files.labels_path[0] || !tec_dataset_classes(train))
        return TEC_OK;
    tec_status status = read_text(comm, "data.val_labels", files.labels_path, &labels);
    if (status == TEC_OK && files.classes_path[0])
        status = read_text(comm, "data.val_classes", files.classes_path, &classes);
    files.labels = labels;
    files.classes = classes;
    if (status == TEC_OK)
        status = tec_comm_agree(comm, tec_labels_read(val, settings->data.val, train, &files));
    free(labels);
    free(classes);
    return status;
}
