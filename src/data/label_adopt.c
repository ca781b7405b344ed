/* Numbers of classes after another data set, by their names. */
#include "dataset_parts.h"
#include "label_classes.h"
#include "tec/memory.h"

#include <stdlib.h>
#include <string.h>

/* The names are copied into the memory of the list of names. */
void tec_label_name_classes(tec_dataset *set, const tec_dataset *named)
{
    size_t bytes = 0;
    for (int c = 0; c < named->classes; c++)
        bytes += strlen(named->class_name[c]) + 1;
    free(set->class_name);
    set->classes = named->classes;
    set->class_name = tec_allocate((size_t)named->classes * sizeof *set->class_name + bytes);
    char *text = (char *)(set->class_name + named->classes);
    for (int c = 0; c < named->classes; c++) {
        set->class_name[c] = text;
        text = stpcpy(text, named->class_name[c]) + 1;
    }
}

static void renumber(tec_dataset *set, const tec_dataset *named, const int *place)
{
    int *label = tec_allocate((size_t)set->total * sizeof *label);
    for (int64_t i = 0; i < set->total; i++)
        label[i] = place[tec_dataset_index_label(set, i)];
    free(set->label);
    set->label = label;
    tec_label_name_classes(set, named);
}

tec_status tec_labels_adopt(tec_dataset *set, const char *set_path, const tec_dataset *named, const char *named_path)
{
    tec_label_classes classes;
    tec_label_files none = {0};
    int unknown = 0;
    const char *first = NULL;
    int *place = tec_allocate((size_t)set->classes * sizeof *place);
    TEC_TRY(tec_label_classes_open(&classes, named, &none));
    for (int i = 0; i < set->classes; i++) {
        place[i] = tec_label_classes_place(&classes, set->class_name[i]);
        if (place[i] < 0 && !unknown++)
            first = set->class_name[i];
    }
    tec_status status = TEC_OK;
    if (unknown)
        status = tec_fail(TEC_USER_ERROR,
                          "%d of the %d classes of data.val %s %s none of the %d classes of data.train %s (%s%s): take "
                          "them out of data.val, or give data.train all classes",
                          unknown, set->classes, set_path, unknown == 1 ? "is" : "are", tec_dataset_classes(named),
                          named_path, first, unknown > 1 ? ", ..." : "");
    if (status == TEC_OK)
        renumber(set, named, place);
    tec_label_classes_close(&classes);
    free(place);
    return status;
}
