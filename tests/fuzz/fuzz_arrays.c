/* libFuzzer: any bytes as a data set in a .npy, a .npz or a file of CIFAR: scanned, opened, and all images read. HDF5
 * reads its own files. */
#include "src/data/dataset_parts.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/text.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const char *name_of(const uint8_t *data, size_t bytes)
{
    if (!bytes)
        return "a.npy";
    return data[0] == 0x93 ? "a.npy" : data[0] == 'P' ? "a.npz" : data[0] & 1 ? "test.bin" : "test_batch.bin";
}

static void read_all(char *list, size_t size)
{
    tec_dataset *set;
    tec_status status = tec_dataset_open(&set, list, size, 3, 0);
    assert(status == TEC_OK || status == TEC_USER_ERROR);
    for (int64_t i = 0; set && i < tec_dataset_size(set); i++) {
        tec_image image;
        status = tec_dataset_read(set, i, &image);
        assert(status == TEC_OK ||
               status == TEC_USER_ERROR); /* other channels, or values of a type that needs a range */
        tec_image_free(&image);
    }
    tec_dataset_close(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static char folder[] = "/dev/shm/tec-fuzz-XXXXXX";
    static bool made;
    char *list;
    size_t size;
    if (!made && !mkdtemp(folder))
        abort();
    made = true;
    tec_log_enable(false);
    char *path = tec_path_join(folder, name_of(data, bytes));
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, bytes, file) != bytes || fclose(file))
        abort();
    tec_status status = tec_dataset_scan(path, TEC_LABELS_AUTO, &list, &size);
    assert(status == TEC_OK || status == TEC_USER_ERROR);
    if (status == TEC_OK)
        read_all(list, size);
    free(list);
    unlink(path);
    free(path);
    return 0;
}
