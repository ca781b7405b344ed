/* libFuzzer: any text as the labels of data.train (data.labels) or of data.val (data.val_labels) and, behind a line of "---",
 * data.val_classes. The first byte says which, and what numbers mean. */
#include "sets.h"

#include "tec/label_file.h"
#include "tec/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static tec_dataset *train, *val;
static char *folder[2]; /* of these */

static void make_sets(void)
{
    static const char *const image[] = {"val/a_1.pgm",     "val/a_2.pgm",         "val/b c.pgm",
                                        "train/cat/1.pgm", "train/big dog/2.pgm", "train/3/3.pgm"};
    tec_scan_notes notes = {0};
    free(fuzz_file("train/x", "", 0));
    for (size_t i = 0; i < sizeof image / sizeof *image; i++)
        free(fuzz_file(image[i], FUZZ_IMAGE, FUZZ_IMAGE_BYTES));
    folder[0] = fuzz_file("train/x", "", 0);
    folder[1] = fuzz_file("val/x", "", 0);
    *strrchr(folder[0], '/') = *strrchr(folder[1], '/') = 0;
    train = fuzz_open_set(folder[0], TEC_LABELS_AUTO, &notes, false);
    val = fuzz_open_set(folder[1], TEC_LABELS_NONE, &notes, false);
    tec_scan_notes_free(&notes);
}

static void label_train(const char *text)
{
    tec_scan_notes notes = {.labels_path = "labels", .labels = text};
    tec_dataset *set = fuzz_open_set(folder[0], TEC_LABELS_FILE, &notes, false);
    fuzz_read_set(set, false);
    tec_dataset_close(set);
    tec_scan_notes_free(&notes);
}

static void label_val(char *text, tec_numbering numbering)
{
    tec_label_files files = {.labels_path = "labels", .labels = text, .numbering = numbering};
    char *classes = strstr(text, "\n---\n");
    if (classes) {
        *classes = 0;
        files.classes_path = "classes";
        files.classes = classes + 5;
    }
    tec_status status = tec_labels_read(val, folder[1], train, &files);
    assert(status == TEC_OK || status == TEC_USER_ERROR);
    if (status == TEC_OK)
        fuzz_read_set(val, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (!bytes)
        return 0;
    char *text = tec_string_format("%.*s", (int)bytes - 1, (const char *)data + 1);
    if (!train)
        make_sets();
    if (tec_labels_check_text("data.labels", "labels", text, strlen(text)) == TEC_OK) {
        if (*data % 4 == 3)
            label_train(text);
        else
            label_val(text, (tec_numbering)(*data % 4));
    }
    free(text);
    return 0;
}
