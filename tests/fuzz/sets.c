/* Fuzzed bytes as files of data sets. */
#include "sets.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *folder(void)
{
    static char path[] = "/dev/shm/tec-fuzz-XXXXXX";
    static bool made;
    if (!made && !mkdtemp(path))
        abort();
    made = true;
    tec_log_enable(false);
    return path;
}

char *fuzz_file(const char *name, const void *data, size_t bytes)
{
    char *path = tec_path_join(folder(), name), *slash = strrchr(name, '/') ? strrchr(path, '/') : NULL;
    if (slash) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, bytes, file) != bytes || fclose(file))
        abort();
    return path;
}

static bool is_refusal(tec_status status, bool damaged)
{
    return status == TEC_USER_ERROR || (damaged && status == TEC_SYSTEM_ERROR);
}

tec_dataset *fuzz_open_set(const char *path, tec_label_mode labels, tec_scan_notes *notes, bool damaged)
{
    char *list;
    size_t size;
    tec_dataset *set = NULL;
    tec_status status = tec_dataset_scan_noting(path, labels, notes, &list, &size);
    assert(status == TEC_OK || is_refusal(status, damaged));
    if (status == TEC_OK) {
        status = tec_dataset_open(&set, list, size, 3, 0);
        assert((status == TEC_OK) == (set != NULL));
        assert(status == TEC_OK || is_refusal(status, damaged));
    }
    free(list);
    return set;
}

void fuzz_read_set(const tec_dataset *set, bool damaged)
{
    for (int64_t i = 0; set && i < tec_dataset_size(set); i++) {
        tec_image image;
        char name[64];
        int label = tec_dataset_label(set, i);
        assert(label >= -1 && label < tec_dataset_classes(set));
        assert(label < 0 || tec_dataset_class_name(set, label));
        assert(strlen(tec_dataset_name(set, i, name, sizeof name)) < sizeof name);
        tec_status status = tec_dataset_read(set, i, &image);
        assert(status == TEC_OK || is_refusal(status, damaged));
        tec_image_free(&image);
    }
}

void fuzz_set(const char *path, bool damaged)
{
    tec_scan_notes notes = {0};
    tec_dataset *set = fuzz_open_set(path, TEC_LABELS_AUTO, &notes, damaged);
    fuzz_read_set(set, damaged);
    tec_dataset_close(set);
    tec_scan_notes_free(&notes);
}
